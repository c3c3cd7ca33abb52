//! Pins name descriptors by number. A worker that may close a pinned number and then receive a descriptor could make a
//! network socket *become* that number. These rows do exactly this: the last grant is left in the channel's queue, a pinned
//! number is closed, the grant is received so that it lands there, and the pinned call is made.

use orlop_sandbox::seccomp::WAKE_FD;

use super::{Attack, End, Judge, attack};
use crate::scene::{CHANNEL, STDERR, Scene};
use crate::syscall::{Attempt, Errno, call, empty_message};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack(
        "land-packet-on-stderr",
        "make the packet listener become standard error and write to it",
        LANDED,
        |scene| {
            land(scene, STDERR, |scene| {
                let frame = [scene.mark(); 4];
                call!(libc::SYS_write, STDERR, frame.as_flattened(), frame.as_flattened().len())
            })
        },
    )
    .judged_by(Judge::Wire),
    attack(
        "land-packet-on-wake-up",
        "make the packet listener become the loop's eventfd and write to it",
        LANDED,
        |scene| {
            land(scene, WAKE_FD, |scene| {
                let frame = [scene.mark(); 4];
                call!(libc::SYS_write, WAKE_FD, frame.as_flattened(), frame.as_flattened().len())
            })
        },
    )
    .judged_by(Judge::Wire),
    attack(
        "land-packet-on-channel",
        "make the packet listener become the channel and send on it",
        End::Refused(libc::EBADF),
        |scene| {
            land(scene, CHANNEL, |scene| {
                let frame = [scene.mark(); 4];
                call!(libc::SYS_sendto, CHANNEL, frame.as_flattened(), frame.as_flattened().len(), 0, 0, 0)
            })
        },
    )
    .judged_by(Judge::Wire)
    .note("with the channel closed nothing arrives that could land there"),
];

/// The attack whose last descriptor stays in the queue.
#[must_use]
pub fn keeps_one_back(name: &str) -> bool {
    ATTACKS.iter().any(|attack| attack.name == name)
}

/// A `SOCK_DGRAM` packet socket writes the link header itself, and without an address it cannot.
const LANDED: End = End::Refused(libc::EINVAL);

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
    let mut message = header(&mut part, &mut control);
    message.msg_controllen = size_of::<Control>();
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
    call!(libc::SYS_sendmsg, socket, &header(&mut part, &mut control), 0)
}

#[allow(clippy::useless_conversion, reason = "the length's type differs between the C libraries")]
fn header(part: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    let mut message = empty_message().msg_hdr;
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = std::ptr::from_mut(control).cast();
    message.msg_controllen = CONTROL_LEN.try_into().unwrap_or_default();
    message
}
