//! What happens to the machine, and what it wants done.

use orlop_resolver_contract::{Host, UpstreamId, Upstreams};
use orlop_wire::DomainName;

/// A client's question, as the worker calls it: who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

/// A socket that is connected to an upstream, as the worker calls it. A number is not used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// A stream to an upstream, as the machine calls it. A number is not used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// By this it is answered, if not at once.
    pub client: ClientId,
    /// The port it asks from: those of one port share their room.
    pub port: u16,
    /// How long a datagram may be, whatever the client says. `None` for a stream.
    pub udp_limit: Option<u16>,
}

/// What becomes of a client's message.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The answer has been written.
    Answered,
    /// There is none, and will be none.
    Dropped,
    /// The client is answered later, or now, by one [`Action::Answer`].
    Open(Vec<Action>),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These are the upstreams from now on. The worker has closed every socket and stream of before.
    Upstreams(Upstreams),
    /// Sockets have come, through which nothing was sent.
    Pool {
        /// To whom they are connected.
        upstream: UpstreamId,
        /// By what they are called.
        sockets: Vec<SocketId>,
    },
    /// None can be had.
    NoPool {
        /// For whom.
        upstream: UpstreamId,
    },
    /// The kernel says that nobody is there. The worker has closed the socket.
    Unreachable {
        /// Through which it was heard.
        socket: SocketId,
    },
    /// Nothing was sent through a socket, because it had received something before, or cannot send. The worker has closed it.
    Spoiled {
        /// Through which nothing was sent.
        socket: SocketId,
    },
    /// A message has come through a stream, which the worker has closed then.
    StreamReply {
        /// Through which.
        request: RequestId,
        /// Without its length.
        message: Vec<u8>,
    },
    /// A stream could not be had, or has ended. The worker has closed it.
    StreamFailed {
        /// Which.
        request: RequestId,
    },
    /// Names that this machine knows itself, in the place of those of before.
    Hosts(Vec<Host>),
    /// Forget what is kept of a name, or everything.
    Flush(Option<DomainName>),
    /// The instant of [`Machine::deadline`] has come.
    Deadline,
}

/// What should be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Give a client its answer.
    Answer {
        /// Who has asked.
        client: ClientId,
        /// The message.
        message: Vec<u8>,
        /// Who has answered; `None` when it was nobody, or long ago.
        upstream: Option<UpstreamId>,
    },
    /// Send this through a socket.
    Send {
        /// Through which.
        socket: SocketId,
        /// The message.
        message: Vec<u8>,
    },
    /// A socket is not needed any more.
    Close {
        /// Which.
        socket: SocketId,
    },
    /// Ask the broker for sockets.
    Refill {
        /// Connected to whom.
        upstream: UpstreamId,
        /// How many.
        count: usize,
    },
    /// Get a stream, and send this through it, with its length before it.
    Connect {
        /// To whom.
        upstream: UpstreamId,
        /// By what it is called.
        request: RequestId,
        /// The message.
        message: Vec<u8>,
    },
    /// A stream is not needed any more, or not wanted any more before it was there.
    HangUp {
        /// Which.
        request: RequestId,
    },
}
