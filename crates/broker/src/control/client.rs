//! The side of the person: one order, one reply.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_wire::{decode, encode, max_size};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send as send_message,
    socket_with, sockopt,
};

use super::{Message, Reply};
use orlop_sandbox::daemon::Daemon;

/// How long the daemon may take to answer. It answers at once unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives `order` to the daemon that listens at `path` and waits for its answer.
///
/// # Errors
/// No daemon is there, we may not talk to it, or it does not answer as agreed.
pub fn send<Order: Message, Answer: Message>(path: &Path, order: &Order) -> Result<Reply<Answer>, ControlError> {
    let socket = open(path).map_err(|errno| match errno {
        Errno::NOENT | Errno::CONNREFUSED => ControlError::NoDaemon { path: path.to_owned() },
        Errno::ACCESS | Errno::PERM => ControlError::NotAllowed { path: path.to_owned() },
        errno => ControlError::Io(errno.into()),
    })?;
    let mut frame = vec![0; max_size::<Order>()];
    let frame = encode(order, &mut frame).map_err(|_| ControlError::Nonsense)?;
    let mut answer = vec![0; max_size::<Reply<Answer>>() + 1];
    let received = send_message(&socket, frame, SendFlags::NOSIGNAL)
        .and_then(|_| recv(socket.as_fd(), &mut answer[..], RecvFlags::empty()))
        .map_err(|errno| match errno {
            Errno::AGAIN => ControlError::NoAnswer,
            errno => ControlError::Io(errno.into()),
        })?;
    match received.0 {
        0 => Err(ControlError::HungUp),
        len => answer.get(..len).and_then(|answer| decode(answer).ok()).ok_or(ControlError::Nonsense),
    }
}

/// What can be told of a daemon from its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// Somebody listens, or has a socket there that we may not open.
    Heard,
    /// Somebody did.
    Silent,
    /// There is no socket: this container does not share its folder, or the daemon could not make one.
    Hidden,
}

/// Whether somebody listens at `path`.
#[must_use]
pub fn hearing(path: &Path) -> Hearing {
    match open(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => Hearing::Hidden,
        Err(Errno::CONNREFUSED) => Hearing::Silent,
        Ok(_) | Err(_) => Hearing::Heard,
    }
}

fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    for way in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
        sockopt::set_socket_timeout(&socket, way, Some(PATIENCE))?;
    }
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// Why an order was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Nobody listens.
    #[error("nobody listens at {}", path.display())]
    NoDaemon {
        /// Where a daemon would listen.
        path: PathBuf,
    },
    /// The socket is not ours to open.
    #[error("no permission to open {}", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// The daemon took the order and hangs.
    #[error("nothing was heard for {PATIENCE:?}")]
    NoAnswer,
    /// The daemon closed the connection: it is busy with others, or ended.
    #[error("the connection was closed")]
    HungUp,
    /// The answer is not one.
    #[error("the answer is of another version")]
    Nonsense,
    /// The kernel refused.
    #[error(transparent)]
    Io(io::Error),
}

impl ControlError {
    /// The error that ends the command of a user who gave `daemon` an order.
    pub fn fatal(self, daemon: &Daemon) -> Fatal {
        let (title, command) = (daemon.title, daemon.program);
        let (exit, problem) = match &self {
            Self::NoDaemon { .. } => (Exit::Unconfigured, format!("no {title} is running here")),
            Self::NotAllowed { .. } => (Exit::Permission, format!("only root may give orders to the {title}")),
            Self::NoAnswer => (Exit::Unconfigured, format!("the {title} does not answer")),
            Self::HungUp => (Exit::Unconfigured, format!("the {title} hung up")),
            Self::Nonsense => (Exit::Software, format!("the {title} answers in another language")),
            Self::Io(_) => (Exit::Os, format!("cannot talk to the {title}")),
        };
        let help = match &self {
            Self::NoDaemon { path } => {
                let folder = path.parent().unwrap_or(path).display();
                Some(format!("start {command} without --oneshot; in a container, bind {folder} into this one"))
            }
            Self::NotAllowed { .. } => Some("run the command as root".to_owned()),
            Self::NoAnswer | Self::HungUp => Some(format!("try again; {command} status shows what it is doing")),
            Self::Nonsense => Some(format!(
                "use the {command} of the same version as the daemon ({command} --version, {command} status)"
            )),
            Self::Io(_) => None,
        };
        let fatal = Fatal::new(exit, problem).cause(self);
        match help {
            Some(help) => fatal.help(help),
            None => fatal,
        }
    }
}
