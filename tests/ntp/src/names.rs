//! A name server that knows the names of one test, and gives them only by TCP, as it would a long answer. Before each answer comes
//! a byte that is none.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result};
use orlop_testbed::Host;
use orlop_testbed::background::{Background, STOP_EVERY};

/// The running server; it ends when dropped.
pub struct Names {
    _thread: Background,
}

impl Names {
    /// Starts one at the usual port of the host's loopback, and has the daemon ask it.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn start(host: &Host, names: &[(&str, Ipv4Addr)]) -> Result<Self> {
        host.write("/run/resolvconf/resolv.conf", "nameserver 127.0.0.1\n")?;
        let names: Vec<_> = names.iter().map(|(name, address)| (encoded(name), *address)).collect();
        let thread = Background::start(host, "the name server", move |life| {
            let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53))?;
            datagrams.set_read_timeout(Some(STOP_EVERY))?;
            let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 53))?;
            streams.set_nonblocking(true)?;
            life.ready()?;
            let mut room = [0; 512];
            while life.goes_on() {
                if let Ok((length, from)) = datagrams.recv_from(&mut room) {
                    datagrams.send_to(&[0], from)?;
                    datagrams.send_to(&answer(&room[..length], &names, true).unwrap_or_default(), from)?;
                }
                let Ok((mut stream, _)) = streams.accept() else { continue };
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut question)?;
                let answer = answer(&question, &names, false).unwrap_or_default();
                stream.write_all(&u16::try_from(answer.len())?.to_be_bytes())?;
                stream.write_all(&answer)?;
            }
            Ok(())
        })?;
        Ok(Self { _thread: thread })
    }
}

/// A name as it stands in a question (RFC 1035 section 3.1).
fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        [length].into_iter().chain(label.bytes())
    });
    labels.chain([0]).collect()
}

/// The answer to a question for an address; `cut` says that there is a longer one.
fn answer(question: &[u8], names: &[(Vec<u8>, Ipv4Addr)], cut: bool) -> Result<Vec<u8>> {
    let end = question.get(12..).context("short")?.iter().position(|byte| *byte == 0).context("no name")? + 13;
    let name = question.get(12..end).context("short")?.to_ascii_lowercase();
    let asked = question.get(..end + 4).context("short")?;
    let wants_v4 = asked.get(end..end + 2) == Some(&[0, 1]);
    let known = names.iter().find(|(known, _)| *known == name).map(|(_, address)| *address);
    let mut bytes = asked.to_vec();
    // An answer, recursion available; and whether there is such a name.
    bytes[2] = 0x81 | if cut { 0x02 } else { 0 };
    bytes[3] = if known.is_some() { 0x80 } else { 0x83 };
    bytes[6..12].fill(0);
    if let Some(address) = known.filter(|_| wants_v4 && !cut) {
        bytes[7] = 1;
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        bytes.extend(address.octets());
    }
    Ok(bytes)
}
