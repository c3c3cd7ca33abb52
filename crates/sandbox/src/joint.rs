//! A pair that a broker makes between two of its workers, of which one comes and goes. Where both start and end together, their
//! supervisor joins them ([`Daemon::joined`](crate::daemon::Daemon::joined)).
//!
//! The broker grants an end to each of them once it is attested, keeps none, and so reads nothing of what passes. Each end
//! becomes a [`WorkerChannel::granted`](crate::channel::WorkerChannel::granted), which takes no descriptors.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

/// Two ends of a pair on which nobody waits in a system call.
///
/// # Errors
/// There is no descriptor left.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{ChannelError, WorkerChannel};

    #[test]
    fn what_one_has_said_before_it_ended_is_heard_and_then_its_end() {
        let (one, other) = pair().unwrap();
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
            let sender: WorkerChannel<u32, u32> = WorkerChannel::granted(one).unwrap();
            sender.send(&7).await.unwrap();
            drop(sender);
            let receiver: WorkerChannel<u32, u32> = WorkerChannel::granted(other).unwrap();
            assert_eq!(receiver.recv().await.unwrap().message, 7);
            assert!(matches!(receiver.recv().await, Err(ChannelError::PeerGone)));
        });
    }
}
