//! The side of the daemon: few callers, each for a short time.

use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use orlop_machine::Instant;
use orlop_sandbox::clock;
use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::timer::BootTimer;
use orlop_wire::{decode, encode, max_size};
use rustix::fs::{FileType, Mode, fchmod, lstat, unlink};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, listen, recv, send, socket_with,
};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tracing::{debug, warn};

use crate::folder;

use super::{Hearing, Message, Reply, hearing};

/// Callers at a time: the one that matters, and a few that hang.
const MAX_CALLERS: usize = 4;
/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long we may take to answer it: what has to be asked for elsewhere takes its time. Callers wait longer than this.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// How long to leave the socket alone when the kernel gives no descriptor for a caller.
const PAUSE: Duration = Duration::from_secs(1);
/// Callers let in before others get their turn, so that a flood of them does not hold up a lease.
const ACCEPTS_AT_ONCE: usize = 8;
/// Callers that the kernel keeps waiting.
const BACKLOG: i32 = 4;
/// Whose orders count.
const ROOT: u32 = 0;

/// The socket, before the broker locks itself in: afterwards it could not be made.
#[derive(Debug)]
pub struct Bound(OwnedFd);

impl Bound {
    /// Makes the socket of `daemon`, in its folder, which is made and closed to all but its owner.
    ///
    /// # Errors
    /// As [`Bound::open`].
    pub fn of(daemon: &Daemon) -> io::Result<Self> {
        Self::inside(&super::folder(daemon))
    }

    /// Makes the socket in `folder`, which becomes its owner's alone.
    ///
    /// # Errors
    /// As [`Bound::open`].
    pub(super) fn inside(folder: &Path) -> io::Result<Self> {
        folder::make_private(folder)?;
        Self::open(&folder.join(super::SOCKET))
    }

    /// Makes the socket at `path`, mode 0600. One that an earlier process left there is replaced.
    ///
    /// # Errors
    /// Somebody listens there ([`io::ErrorKind::AddrInUse`]), something that is not a socket is there, or the kernel refuses.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        match lstat(path) {
            Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Socket => {
                if hearing(path) == Hearing::Heard {
                    return Err(Errno::ADDRINUSE.into());
                }
                unlink(path)?;
            }
            Ok(_) => return Err(Errno::EXIST.into()),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        // `bind` makes the file with the mode of the socket itself, so that it is never open to others.
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        listen(&socket, BACKLOG)?;
        Ok(Self(socket))
    }

    /// Begins to listen to callers whose uid is `allowed`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn serve<Order: Message, Answer: Message>(self, allowed: u32) -> io::Result<Server<Order, Answer>> {
        let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(self.0))?;
        Ok(Server {
            listener,
            allowed,
            callers: Vec::new(),
            number: 0,
            paused_until: None,
            timer: BootTimer::new()?,
            speaks: PhantomData,
        })
    }
}

/// The next order; for ever where none are taken. Cancelling loses nothing.
///
/// # Errors
/// As [`Server::next`].
pub async fn next_order<Order: Message, Answer: Message>(
    server: &mut Option<Server<Order, Answer>>,
) -> io::Result<Call<Order>> {
    match server {
        Some(server) => server.next().await,
        None => std::future::pending().await,
    }
}

/// Takes orders, one at a time.
#[derive(Debug)]
pub struct Server<Order, Answer = ()> {
    listener: UnixListener,
    allowed: u32,
    callers: Vec<Caller>,
    number: u64,
    paused_until: Option<Instant>,
    timer: BootTimer,
    speaks: PhantomData<fn() -> (Order, Answer)>,
}

#[derive(Debug)]
struct Caller {
    number: u64,
    stream: UnixStream,
    until: Instant,
    has_asked: bool,
}

/// An order, and who waits for the reply.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the caller waits for an answer"]
pub struct Call<Order> {
    /// What the daemon is to do.
    pub order: Order,
    /// For [`Server::answer`].
    pub caller: u64,
}

impl<Order: Message, Answer: Message> Server<Order, Answer> {
    /// Takes orders for `daemon`, from root. A daemon works without them: that nobody can give any is one warning. Must be
    /// called inside a tokio runtime, before the sandbox narrows; afterwards no socket can be made.
    #[must_use]
    pub fn of(daemon: &Daemon) -> Option<Self> {
        let opened = Bound::of(daemon).and_then(|bound| bound.serve(ROOT));
        opened
            .inspect_err(|cause| {
                let socket = super::path(daemon);
                let help = if cause.kind() == io::ErrorKind::AddrInUse {
                    format!("end the other {}, which listens there", daemon.title)
                } else {
                    folder::help(&super::folder(daemon))
                };
                warn!(socket = %socket.display(), %cause, help, "no orders are taken; all else goes on");
            })
            .ok()
    }

    /// Waits for the next order. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn next(&mut self) -> io::Result<Call<Order>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Answers a caller and ends the conversation. One that is gone by now is forgotten.
    pub fn answer(&mut self, caller: u64, reply: &Reply<Answer>) {
        let Some(at) = self.callers.iter().position(|one| one.number == caller) else { return };
        self.callers.remove(at).say(reply);
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Call<Order>>> {
        let now = clock::now();
        self.callers.retain(|caller| now < caller.until);
        if self.paused_until.is_none_or(|until| until <= now) {
            self.paused_until = None;
            self.accept(context, now);
        }
        let mut call = None;
        self.callers.retain_mut(|caller| {
            if call.is_some() || caller.has_asked {
                return true;
            }
            match caller.poll_order::<Order>(context) {
                Poll::Pending => true,
                Poll::Ready(Some(order)) => {
                    caller.has_asked = true;
                    caller.until = now.after(ANSWER_WITHIN);
                    call = Some(Call { order, caller: caller.number });
                    true
                }
                Poll::Ready(None) => false,
            }
        });
        if let Some(call) = call {
            return Poll::Ready(Ok(call));
        }
        let ends = self.callers.iter().map(|caller| caller.until).chain(self.paused_until);
        self.timer.set(ends.min())?;
        // Whoever is late is put out at the next call, which the timer brings about.
        match self.timer.poll_expired(context) {
            Poll::Ready(Ok(())) => context.waker().wake_by_ref(),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {}
        }
        Poll::Pending
    }

    fn accept(&mut self, context: &mut Context<'_>, now: Instant) {
        for _ in 0..ACCEPTS_AT_ONCE {
            match self.listener.poll_accept(context) {
                Poll::Pending => return,
                Poll::Ready(Ok((stream, _))) => self.admit(stream, now),
                Poll::Ready(Err(error)) => {
                    warn!(%error, "cannot let a control caller in");
                    self.paused_until = Some(now.after(PAUSE));
                    return;
                }
            }
        }
        context.waker().wake_by_ref();
    }

    fn admit(&mut self, stream: UnixStream, now: Instant) {
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == self.allowed => {}
            Ok(peer) => {
                warn!(uid = peer.uid(), "control caller is not allowed to give orders");
                return;
            }
            Err(error) => {
                warn!(%error, "cannot tell who a control caller is");
                return;
            }
        }
        if self.callers.len() >= MAX_CALLERS {
            // The one that has been silent longest; an order that was taken gets its answer.
            let silent = self.callers.iter().position(|caller| !caller.has_asked);
            self.callers.remove(silent.unwrap_or(0));
        }
        self.number = self.number.wrapping_add(1);
        self.callers.push(Caller { number: self.number, stream, until: now.after(PATIENCE), has_asked: false });
    }
}

impl Caller {
    /// The order, or `None` when this caller is of no use.
    fn poll_order<Order: Message>(&self, context: &mut Context<'_>) -> Poll<Option<Order>> {
        // One byte more than any order, so that a longer message is seen to be one.
        let mut frame = vec![0; max_size::<Order>() + 1];
        loop {
            match self.stream.poll_read_ready(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(())) => {}
            }
            let received = self.stream.try_io(Interest::READABLE, || {
                recv(self.stream.as_fd(), &mut frame[..], RecvFlags::DONTWAIT).map_err(io::Error::from)
            });
            match received {
                Ok((len, _)) => {
                    let order = frame.get(..len).and_then(|frame| decode(frame).ok());
                    if order.is_none() && len > 0 {
                        warn!(len, "control caller speaks another language");
                        self.say(&Reply::<()>::refused(
                            "this daemon does not know that order: is it of another version?",
                        ));
                    }
                    return Poll::Ready(order);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(None),
            }
        }
    }

    fn say<Answer: Message>(&self, reply: &Reply<Answer>) {
        let mut frame = vec![0; max_size::<Reply<Answer>>()];
        let Ok(frame) = encode(reply, &mut frame) else { return };
        // A new connection has room for one message; a caller that made that untrue gets no answer.
        if let Err(errno) = send(self.stream.as_fd(), frame, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            debug!(%errno, "control caller did not take its answer");
        }
    }
}
