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

use super::{Order, Reply};

/// How long the daemon may take to answer. It answers at once unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives `order` to the daemon that listens at `path` and waits for its answer.
///
/// # Errors
/// No daemon is there, we may not talk to it, or it does not answer as agreed.
pub fn send(path: &Path, order: &Order) -> Result<Reply, ControlError> {
    let socket = open(path).map_err(|errno| match errno {
        Errno::NOENT | Errno::CONNREFUSED => ControlError::NoDaemon { path: path.to_owned() },
        Errno::ACCESS | Errno::PERM => ControlError::NotAllowed { path: path.to_owned() },
        errno => ControlError::Io(errno.into()),
    })?;
    let mut frame = [0; max_size::<Order>()];
    let frame = encode(order, &mut frame).map_err(|_| ControlError::Nonsense)?;
    let mut answer = [0; max_size::<Reply>() + 1];
    let received = send_message(&socket, frame, SendFlags::NOSIGNAL)
        .and_then(|_| recv(socket.as_fd(), &mut answer[..], RecvFlags::empty()))
        .map_err(|errno| match errno {
            Errno::AGAIN => ControlError::NoAnswer,
            errno => ControlError::Io(errno.into()),
        })?;
    match received.0 {
        0 => Err(ControlError::HungUp),
        len => decode(&answer[..len]).map_err(|_| ControlError::Nonsense),
    }
}

/// Whether somebody listens at `path`. A socket that we may not open counts as heard.
#[must_use]
pub fn is_heard(path: &Path) -> bool {
    !matches!(open(path), Err(Errno::NOENT | Errno::CONNREFUSED))
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
    #[error("no DHCP daemon is running here")]
    NoDaemon {
        /// Where one would listen.
        path: PathBuf,
    },
    /// The socket is not ours to open.
    #[error("only root may give orders to the DHCP daemon")]
    NotAllowed {
        /// Which socket.
        path: PathBuf,
    },
    /// The daemon took the order and hangs.
    #[error("the DHCP daemon does not answer")]
    NoAnswer,
    /// The daemon closed the connection: it is busy with others, or ended.
    #[error("the DHCP daemon hung up")]
    HungUp,
    /// The answer is not one.
    #[error("the DHCP daemon answers in another language")]
    Nonsense,
    /// The kernel refused.
    #[error("cannot talk to the DHCP daemon")]
    Io(io::Error),
}

impl From<ControlError> for Fatal {
    fn from(error: ControlError) -> Self {
        let problem = error.to_string();
        match error {
            ControlError::NoDaemon { path } => Self::new(Exit::Unconfigured, problem)
                .cause(format_args!("nobody listens at {}", path.display()))
                .help("start orlop-dhcp without --oneshot; in a container, bind /run/orlop/dhcp into this one"),
            ControlError::NotAllowed { path } => Self::new(Exit::Permission, problem)
                .cause(format_args!("no permission to open {}", path.display()))
                .help("run the command as root"),
            ControlError::NoAnswer | ControlError::HungUp => {
                Self::new(Exit::Unconfigured, problem).help("try again; orlop-dhcp status shows what it is doing")
            }
            ControlError::Nonsense => Self::new(Exit::Software, problem)
                .help("use the orlop-dhcp of the same version as the daemon (orlop-dhcp --version, orlop-dhcp status)"),
            ControlError::Io(cause) => Self::new(Exit::Os, problem).cause(cause),
        }
    }
}
