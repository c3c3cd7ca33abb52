//! The channel itself: the one thing a worker may use. These rows are judged by what the broker's decoder made of them.

use super::{Attack, End, Judge, attack};
use crate::scene::{CHANNEL, Scene};
use crate::syscall::{Attempt, Errno, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    said("message-garbage", "have the broker act on noise", |_| say(&[0xff; 40])),
    said("message-unknown-tag", "ask for something that is not in the contract", |_| say(&[0x7f])),
    said("message-truncated", "have the broker read past the end of a message", |scene| {
        say(scene.dialect().good.split_last().map_or(&[], |(_, rest)| rest))
    }),
    said("message-trailing", "hide bytes behind a good message", |scene| say(&[scene.dialect().good, &[0]].concat())),
    said("message-not-canonical", "say the same in other bytes than the contract's", |scene| {
        say(scene.dialect().not_canonical)
    }),
    said("message-oversize", "overflow the broker's buffer", |_| say(&[2; 60_000])),
    said("message-empty", "talk on behind a message without a byte", |scene| {
        say(&[])?;
        say(scene.dialect().good)
    }),
    attack("message-flood", "fill the broker's memory with messages", End::Refused(libc::EAGAIN), |_| {
        let mut sent = 0;
        while sent < 5_000 {
            match say(&[0; 64]) {
                Ok(_) => sent += 1,
                Err(Errno(libc::EAGAIN)) if room_again() => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(sent)
    })
    .note("the socket's queue is bounded; the control has a reader that takes whatever comes"),
    attack(
        "end-for-good",
        "end with a status that makes the supervisor give up (exit 77)",
        End::Refused(libc::ENOSYS),
        |_| call!(libc::SYS_exit_group, FINAL_STATUS),
    )
    .judged_by(Judge::Supervisor),
];

/// The status for a missing layer, with which a supervisor ends for good.
pub const FINAL_STATUS: i32 = 77;

const ENDED: End = End::Contained("the decoder refuses it and the broker ends the conversation");

const fn said(name: &'static str, means: &'static str, run: fn(&Scene) -> Attempt) -> Attack {
    attack(name, means, ENDED, run).judged_by(Judge::Broker)
}

fn say(bytes: &[u8]) -> Attempt {
    call!(libc::SYS_sendto, CHANNEL, bytes, bytes.len(), libc::MSG_DONTWAIT, 0, 0)
}

/// Waits for a reader to make room on the channel. Not for long: one that takes whatever comes needs no time, and one that does
/// not read never does.
fn room_again() -> bool {
    let mut wanted = libc::pollfd { fd: CHANNEL, events: libc::POLLOUT, revents: 0 };
    let patience = libc::timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    call!(libc::SYS_ppoll, &mut wanted, 1, &patience, 0_usize, 0) == Ok(1)
}
