//! Pins name descriptors by number. A worker that may close a pinned number and then receive a descriptor could make a
//! network socket *become* that number. These rows do exactly this: a listener is left in the channel's queue, a pinned
//! number is closed, the grant is received so that it lands there, and the pinned call is made.

use orlop_sandbox::seccomp::WAKE_FD;

use super::{Attack, Judge, UNKNOWN, attack};
use crate::scene::{CHANNEL, STDERR, Scene};
use crate::syscall::{Attempt, Errno, call, empty_message};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    landing("land-packet-on-stderr", "make the packet listener become standard error and write to it", |scene| {
        land(scene, STDERR, |scene| write(STDERR, scene))
    }),
    landing("land-packet-on-wake-up", "make the packet listener become the loop's eventfd and write to it", |scene| {
        land(scene, WAKE_FD, |scene| write(WAKE_FD, scene))
    }),
    landing("land-loopback-on-stderr", "the same with a link that needs no address", |scene| {
        land(scene, STDERR, |scene| write(STDERR, scene))
    }),
    landing("land-loopback-on-wake-up", "the same with a link that needs no address", |scene| {
        land(scene, WAKE_FD, |scene| write(WAKE_FD, scene))
    }),
    landing("land-packet-on-channel", "make the packet listener become the channel and send on it", |scene| {
        land(scene, CHANNEL, |scene| {
            let frame = [scene.mark(); 4];
            call!(libc::SYS_sendto, CHANNEL, frame.as_flattened(), frame.as_flattened().len(), 0, 0, 0)
        })
    })
    .note("with the channel closed nothing arrives that could land there"),
];

const fn landing(name: &'static str, means: &'static str, run: fn(&Scene) -> Attempt) -> Attack {
    attack(name, means, UNKNOWN, run).judged_by(Judge::Wire)
}

/// How many grants an attack leaves in the channel's queue, to receive them later: the listeners come last.
#[must_use]
pub fn left_in_queue(name: &str) -> usize {
    match name {
        "land-loopback-on-stderr" | "land-loopback-on-wake-up" => 1,
        "land-packet-on-stderr" | "land-packet-on-wake-up" | "land-packet-on-channel" => 2,
        _ => 0,
    }
}

fn write(fd: i32, scene: &Scene) -> Attempt {
    let frame = [scene.mark(); 4];
    call!(libc::SYS_write, fd, frame.as_flattened(), frame.as_flattened().len())
}

fn land(scene: &Scene, number: i32, then: fn(&Scene) -> Attempt) -> Attempt {
    let mut room = [0_u8; 64];
    call!(libc::SYS_close, number)?;
    let (_, landed) = receive(CHANNEL, &mut room, 0)?;
    if landed != Some(number) {
        return Err(super::MISSED);
    }
    then(scene)
}

/// Room for one descriptor in a control message, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    fd: i32,
    padding: i32,
}

const CONTROL_LEN: usize = size_of::<Control>() - size_of::<i32>();

/// Receives a message and at most one descriptor with the one receiving call a worker has.
///
/// # Errors
/// The kernel's refusal.
pub fn receive(socket: i32, room: &mut [u8], flags: i32) -> Result<(usize, Option<i32>), Errno> {
    let mut control = Control { len: 0, level: 0, kind: 0, fd: -1, padding: 0 };
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    let mut message = header(&mut part, &mut control, size_of::<Control>());
    let length = call!(libc::SYS_recvmsg, socket, &mut message, flags)?;
    let carried = control.level == libc::SOL_SOCKET && control.kind == libc::SCM_RIGHTS && control.len == CONTROL_LEN;
    Ok((length, carried.then_some(control.fd)))
}

/// Sends one byte and a descriptor.
///
/// # Errors
/// The kernel's refusal.
pub fn pass(socket: i32, fd: i32) -> Attempt {
    let mut control = Control { len: CONTROL_LEN, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, fd, padding: 0 };
    let mut byte = [b'G'];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    call!(libc::SYS_sendmsg, socket, &header(&mut part, &mut control, CONTROL_LEN), 0)
}

#[allow(clippy::useless_conversion, reason = "the length's type differs between the C libraries")]
fn header(part: &mut libc::iovec, control: &mut Control, room: usize) -> libc::msghdr {
    let mut message = empty_message().msg_hdr;
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = std::ptr::from_mut(control).cast();
    message.msg_controllen = room.try_into().unwrap_or_default();
    message
}
