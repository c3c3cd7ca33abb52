use orlop_wire::{DomainName, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{Conduct, HostsPart, OrderId, QueryType, SocketCount, StreamId, UpstreamId, Upstreams};

/// Everything a broker tells its worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Notice {
    /// The first message: how to behave.
    Begin(Conduct),
    /// Comes with a socket, bound to the machine's own device, through which programs ask. All of them come before any socket
    /// of a pool.
    Listener(Listener),
    /// These are the servers from now on, instead of those of before. Every socket that was granted for one is given up, and
    /// what is under way is asked again; also said when the way to the same servers has changed. The cache stays where they are
    /// the same.
    Upstreams(Upstreams),
    /// Comes with so many sockets of UDP, each connected to the server from a port of its own.
    Pool {
        /// Whose they are.
        upstream: UpstreamId,
        /// How many.
        sockets: SocketCount,
    },
    /// No way leads to the server at present, or the policy denies it: what a [`Request::Refill`](crate::Request::Refill) asked
    /// for does not come.
    NoPool {
        /// Whose it would be.
        upstream: UpstreamId,
    },
    /// Comes with the socket of TCP that [`Request::Connect`](crate::Request::Connect) asked for. It may still be about to be
    /// connected.
    Stream {
        /// To which server.
        upstream: UpstreamId,
        /// For what, as the worker called it.
        stream: StreamId,
    },
    /// There is none: no way leads to the server, or the policy denies it.
    NoStream {
        /// To which server.
        upstream: UpstreamId,
        /// For what, as the worker called it.
        stream: StreamId,
    },
    /// Names that this machine knows itself.
    Hosts(HostsPart),
    /// Forget what is cached: of this name, whatever its type, or everything.
    Flush(Option<DomainName>),
    /// The operator asks. Answered by `Queried`.
    Query {
        /// By this number the answer names the question.
        order: OrderId,
        /// The name; it is absolute.
        name: DomainName,
        /// What to find of it.
        kind: QueryType,
    },
    /// The operator wonders what would become of a question. Answered by `Explained`.
    Explain {
        /// By this number the answer names the question.
        order: OrderId,
        /// The name; it is absolute.
        name: DomainName,
        /// What would be found of it.
        kind: QueryType,
    },
    /// How do things stand? Answered by `Report`.
    Report,
}

/// What programs ask through: by its place, from 0, in the order in which they are granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Listener {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}
