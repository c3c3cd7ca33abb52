//! The channel itself: the one thing a worker may use. These rows are judged by what the broker's decoder made of them.

use super::{Attack, End, Judge, attack};
use crate::scene::{CHANNEL, Scene};
use crate::syscall::{Attempt, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    said("message-garbage", "have the broker act on noise", |_| say(&[0xff; 40])),
    said("message-unknown-tag", "ask for something that is not in the contract", |_| say(&[0x7f])),
    said("message-truncated", "have the broker read past the end of a message", |_| {
        say(REQUEST.get(..2).unwrap_or_default())
    }),
    said("message-trailing", "hide bytes behind a good message", |_| say(&[2, 1, 1, 0])),
    said("message-not-canonical", "say the same in other bytes than the contract's", |_| say(&[2, 0x81, 0x00, 1])),
    said("message-oversize", "overflow the broker's buffer", |_| say(&[2; 60_000])),
    said("message-empty", "talk on behind a message without a byte", |_| {
        say(&[])?;
        say(REQUEST)
    }),
    attack("message-flood", "fill the broker's memory with messages", End::Refused(libc::EAGAIN), |_| {
        for _ in 0..5_000 {
            call!(libc::SYS_sendto, CHANNEL, [0_u8; 64].as_slice(), 64, 0, 0, 0)?;
        }
        Ok(0)
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

/// A good message of the contract: withdraw the lease of interface 1, because of a NAK.
pub const REQUEST: &[u8] = &[2, 1, 1];

/// The status for a missing layer, with which a supervisor ends for good.
pub const FINAL_STATUS: i32 = 77;

const ENDED: End = End::Contained("the decoder refuses it and the broker ends the conversation");

const fn said(name: &'static str, means: &'static str, run: fn(&Scene) -> Attempt) -> Attack {
    attack(name, means, ENDED, run).judged_by(Judge::Broker)
}

fn say(bytes: &[u8]) -> Attempt {
    call!(libc::SYS_sendto, CHANNEL, bytes, bytes.len(), libc::MSG_DONTWAIT, 0, 0)
}
