//! How a broker hears of its workers: one way, from their supervisor, one message for each worker that is started.
//!
//! The supervisor's end is shut for reading, so that it reads nothing that a broker wrote. What comes with a message are the
//! worker's channel, its log, and its `/proc/PID/status`, which a narrowed broker could not open.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_wire::{MaxSize, encode, max_size};
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, shutdown, socketpair, sockopt};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;

use crate::channel::{self, ChannelError, Socket, message_of};
use crate::relay::Relay;
use crate::sys::{Waited, Watched};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum End {
    /// With this code.
    Exit(u8),
    /// By this signal.
    Signal(u8),
}

/// What a supervisor says about a worker that it has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub(crate) struct Entry {
    /// Its place among the daemon's workers.
    pub(crate) index: u8,
    /// Counts the processes that have been started in this place, from 1.
    pub(crate) generation: u32,
    /// Its process id.
    pub(crate) pid: i32,
    /// How many of them had failed.
    pub(crate) restarts: u32,
    /// How the last of them ended, if there was one.
    pub(crate) last: Option<End>,
}

/// A worker that has been started, and is perhaps not confined yet: for [`Narrow::attest`](crate::broker::Narrow::attest).
#[derive(Debug)]
#[must_use]
pub struct Newborn {
    /// Its place among the daemon's workers. What the broker had from the worker before it in this place is to be dropped.
    pub index: usize,
    /// Counts the processes that have been started in this place, from 1.
    pub generation: u32,
    /// Its process id.
    pub pid: i32,
    /// How many processes in this place have failed.
    pub restarts: u32,
    /// How the one before it ended, if there was one.
    pub last: Option<End>,
    pub(crate) socket: Socket,
    pub(crate) relay: Relay,
    pub(crate) status: File,
}

/// The supervisor's end.
#[derive(Debug)]
pub(crate) struct Announcer(OwnedFd);

/// The broker's end.
#[derive(Debug)]
pub(crate) struct Roster(Watched);

/// Bytes of what a broker has not read yet. The kernel doubles it and counts 768 for a message: about twenty, which is
/// every worker twice. A broker that has left so many unread does not look after them.
const ROOM: usize = 8 << 10;

/// Both ends: the supervisor's, and the one that its broker is started with.
pub(crate) fn pair() -> io::Result<(Announcer, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, theirs) = socketpair(rustix::net::AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    shutdown(&ours, Shutdown::Read)?;
    sockopt::set_socket_send_buffer_size(&ours, ROOM)?;
    Ok((Announcer(ours), theirs))
}

impl Announcer {
    /// Says that a worker was started, and hands over its channel, its log and its status.
    ///
    /// # Errors
    /// [`ChannelError::Full`]: the broker does not look.
    pub(crate) fn announce(&self, entry: &Entry, descriptors: [BorrowedFd<'_>; 3]) -> Result<(), ChannelError> {
        let mut frame = [0; max_size::<Entry>()];
        let frame = encode(entry, &mut frame).map_err(|error| ChannelError::Io(io::Error::other(error)))?;
        channel::transmit(self.0.as_fd(), frame, &descriptors, SendFlags::DONTWAIT)
            .map_err(|errno| io::Error::from(errno).into())
    }
}

impl Roster {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        Watched::new(fd, Interest::READABLE).map(Self)
    }

    /// Waits for the next worker. Cancelling loses nothing. `name` gives the name of the worker in a place.
    pub(crate) async fn next(&self, name: impl Fn(usize) -> Option<&'static str>) -> Result<Newborn, ChannelError> {
        let mut frame = [0; max_size::<Entry>()];
        let receive =
            |roster: BorrowedFd<'_>| channel::receive(roster, &mut frame, 3, RecvFlags::DONTWAIT).map_err(Into::into);
        let (len, descriptors) = self.0.read(receive).await?;
        let Entry { index, generation, pid, restarts, last } = message_of(&frame, len)?;
        let lacking = || ChannelError::Io(io::ErrorKind::InvalidData.into());
        let descriptors: [OwnedFd; 3] = descriptors.whole()?.try_into().map_err(|_| lacking())?;
        let [socket, log, status] = descriptors;
        let index = usize::from(index);
        let name = name(index).ok_or_else(lacking)?;
        let (socket, relay) = (Socket::new(socket)?, Relay::new(log, name)?);
        Ok(Newborn { index, generation, pid, restarts, last, socket, relay, status: status.into() })
    }
}

impl From<Waited> for End {
    fn from(waited: Waited) -> Self {
        match waited {
            Waited::Exited(code) => Self::Exit(code),
            Waited::Killed(signal) => Self::Signal(u8::try_from(signal).unwrap_or(u8::MAX)),
        }
    }
}

impl core::fmt::Display for End {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
