//! The test's network: a veth pair, and a capture that hears everything that arrives anywhere in it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use crate::scene::{Scene, carries};
use crate::syscall::call;

/// Makes the interfaces: `w0` with the address 192.0.2.1, its far end `w1`, and `w8`, which nobody needs. Returns the index of `w0`.
pub(super) fn lay_out() -> Result<i32> {
    for arguments in [
        "link set lo up",
        "link add w0 type veth peer name w1",
        "link add w8 type veth peer name w9",
        "link set w0 up",
        "link set w1 up",
        "addr add 192.0.2.1/24 dev w0",
        "neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev w0 nud permanent",
        "neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 dev w0 nud permanent",
    ] {
        let status =
            Command::new("ip").args(arguments.split(' ')).status().context("cannot run ip (package iproute2)")?;
        if !status.success() {
            bail!("ip {arguments}: {status}");
        }
    }
    index_of("w0")
}

/// The index of an interface of this namespace.
pub(super) fn index_of(name: &str) -> Result<i32> {
    let any = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let index =
        rustix::net::netdevice::name_to_index(&any, name).with_context(|| format!("interface {name} is not there"))?;
    Ok(i32::try_from(index)?)
}

/// Hears every frame that *arrives* on any interface: what leaves is not yet on the wire.
pub struct Capture {
    socket: OwnedFd,
}

/// Where a frame of a run was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Heard {
    /// On any device, the machine's own included.
    pub(super) anywhere: bool,
    /// On one that leads off the machine.
    pub(super) beyond: bool,
}

impl Capture {
    /// Opens a capture in the namespace of the calling thread.
    ///
    /// # Errors
    /// Without CAP_NET_RAW.
    pub fn open() -> Result<Self> {
        let every = rustix::net::Protocol::from_raw(
            std::num::NonZeroU32::new(0x0003_u16.to_be().into()).context("no protocol")?,
        );
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            socket_with(AddressFamily::PACKET, SocketType::RAW, flags, Some(every)).context("cannot open a capture")?;
        if let Err(errno) =
            call!(libc::SYS_setsockopt, socket.as_raw_fd(), libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1_i32, 4)
        {
            bail!("the capture cannot ignore what leaves: {}", errno.name());
        }
        Ok(Self { socket })
    }

    /// Whether a frame of this scene's run was heard. Waits until the wire's own end mark has come through, so that "nothing" means nothing.
    pub(super) fn heard(&self, scene: &Scene) -> Result<Heard> {
        let end = Scene { nonce: !scene.nonce, ..*scene }.mark();
        self.send_end_mark(scene.ifindex, &end)?;
        let deadline = Instant::now() + END_MARK_WAIT;
        let (mut heard, mut frame) = (Heard::default(), [0_u8; 4096]);
        loop {
            match recv(&self.socket, &mut frame, RecvFlags::empty()) {
                Ok((length, _)) => {
                    let frame = frame.get(..length).unwrap_or_default();
                    if carries(frame, scene.mark()) {
                        heard.anywhere = true;
                        // On the machine's own device a frame is for nobody.
                        heard.beyond |= !frame.starts_with(&[0; 6]);
                    }
                    if carries(frame, end) {
                        return Ok(heard);
                    }
                }
                Err(rustix::io::Errno::AGAIN) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_micros(50))
                }
                Err(errno) => return Err(errno).context("the capture's own end mark did not come through"),
            }
        }
    }

    fn send_end_mark(&self, ifindex: i32, mark: &[u8]) -> Result<()> {
        self.send(ifindex, &frame([0x88, 0xb5], mark))
    }

    /// Sends a frame that DHCP has nothing to do with towards the listener: what it must not hear.
    pub(super) fn bait(&self, scene: &Scene) -> Result<()> {
        self.send(index_of("w1")?, &frame([0x08, 0x00], &datagram(9, &scene.bait())))
    }

    /// Sends a packet that a DHCP client listens to, `len` bytes from the IP header on.
    pub(super) fn send_dhcp(&self, len: usize) -> Result<()> {
        let mut payload = vec![0; len.saturating_sub(28)];
        // `op` BOOTREPLY, and the cookie (RFC 2131 section 3): the broker's filter looks at both.
        for (at, byte) in [(0, 2), (236, 0x63), (237, 0x82), (238, 0x53), (239, 0x63)] {
            if let Some(slot) = payload.get_mut(at) {
                *slot = byte;
            }
        }
        let mut frame = frame([0x08, 0x00], &datagram(68, &payload));
        frame.truncate(14 + len);
        self.send(index_of("w1")?, &frame)
    }

    fn send(&self, ifindex: i32, frame: &[u8]) -> Result<()> {
        let address = crate::attack::to_everybody(ifindex);
        match call!(libc::SYS_sendto, self.socket.as_raw_fd(), frame, frame.len(), 0, &address, size_of_val(&address)) {
            Ok(_) => Ok(()),
            Err(errno) => bail!("the capture cannot send: {}", errno.name()),
        }
    }
}

/// An Ethernet frame to everybody with these bytes in it.
fn frame(kind: [u8; 2], bytes: &[u8]) -> Vec<u8> {
    let head = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];
    head.iter().chain(&kind).chain(bytes).copied().chain([0; 40]).collect()
}

/// An IPv4 datagram from 192.0.2.3 to this port of 192.0.2.1.
fn datagram(port: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(28 + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let ip = [0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 3, 192, 0, 2, 1];
    let [high, low] = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let udp = [0, 67, 0, port, high, low, 0, 0];
    ip.into_iter().chain(udp).chain(payload.iter().copied()).collect()
}

/// How long a frame may take from one end of a veth to the other on a busy machine.
const END_MARK_WAIT: Duration = Duration::from_secs(2);
const PACKET_IGNORE_OUTGOING: i32 = 23;
