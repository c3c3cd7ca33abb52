use core::time::Duration;
use std::collections::BTreeSet;

use orlop_machine::{Bucket, Instant};

use crate::{OrderId, Request, Upstreams};

/// Decides what a worker of the resolver may have. The broker believes nobody: a worker that an attacker owns can still write
/// any well-typed request.
///
/// What a lying worker can then still do: answer the programs of this machine as it likes, as a lying server could, and ask the
/// servers that were chosen. What it cannot: speak to anybody else, answer what the operator has not asked, or make its broker
/// work faster than for an honest one.
#[derive(Debug)]
pub struct Policy {
    upstreams: usize,
    sockets: Bucket,
    streams: Bucket,
    reports: u32,
    orders: BTreeSet<OrderId>,
    denials: Bucket,
}

/// A request that the policy allows. Nothing else makes one, and only one of these is ever applied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "permission is asked for in order to use it"]
pub struct Permitted(Request);

impl Permitted {
    /// What is permitted.
    #[must_use]
    pub fn into_request(self) -> Request {
        self.0
    }
}

impl Policy {
    /// Sockets at once, and then one each [`Policy::SOCKET_EVERY`]: a full pool for each of eight servers.
    pub const SOCKET_BURST: u32 = 2048;
    /// See [`Policy::SOCKET_BURST`]. Each question that is not in the cache takes one, or one more for each server that is tried;
    /// a processor has no time for more than these.
    pub const SOCKET_EVERY: Duration = Duration::from_micros(25);
    /// Streams at once, and then one each [`Policy::STREAM_EVERY`]: all that a worker keeps open, four times over.
    pub const STREAM_BURST: u32 = 256;
    /// See [`Policy::STREAM_BURST`].
    pub const STREAM_EVERY: Duration = Duration::from_millis(1);
    /// Denials before the worker counts as owned by somebody else, and one more each [`Policy::DENIAL_EVERY`]. A correct worker
    /// gets some when servers change between its question and the answer.
    pub const DENIAL_BURST: u32 = 64;
    /// See [`Policy::DENIAL_BURST`].
    pub const DENIAL_EVERY: Duration = Duration::from_secs(1);

    /// A policy that knows no server yet and so permits nothing.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            upstreams: 0,
            sockets: Bucket::new(now, Self::SOCKET_BURST, Self::SOCKET_EVERY),
            streams: Bucket::new(now, Self::STREAM_BURST, Self::STREAM_EVERY),
            reports: 0,
            orders: BTreeSet::new(),
            denials: Bucket::new(now, Self::DENIAL_BURST, Self::DENIAL_EVERY),
        }
    }

    /// The worker is told of these servers.
    pub fn upstreams(&mut self, upstreams: &Upstreams) {
        self.upstreams = upstreams.len();
    }

    /// The worker is asked how things stand.
    pub const fn ask_report(&mut self) {
        self.reports = self.reports.saturating_add(1);
    }

    /// The worker is asked what the operator wants to know.
    pub fn ask(&mut self, order: OrderId) {
        self.orders.insert(order);
    }

    /// Decides one request.
    ///
    /// # Errors
    /// Why not. The request must then have no effect at all; a `Refill` is answered by `NoPool`, a `Connect` by `NoStream`.
    pub fn permit(&mut self, now: Instant, request: Request) -> Result<Permitted, Denied> {
        match self.decide(now, &request) {
            Ok(()) => Ok(Permitted(request)),
            Err(denied) if self.denials.take(now) => Err(denied),
            Err(_) => Err(Denied::TooManyDenials),
        }
    }

    fn decide(&mut self, now: Instant, request: &Request) -> Result<(), Denied> {
        match request {
            Request::Refill { upstream, .. } | Request::Connect { upstream, .. }
                if upstream.index() >= self.upstreams =>
            {
                Err(Denied::UnknownUpstream)
            }
            Request::Refill { count, .. } => {
                let amount = Self::SOCKET_EVERY.saturating_mul(u32::from(u8::from(*count)));
                if self.sockets.spend(now, amount) { Ok(()) } else { Err(Denied::TooOften) }
            }
            Request::Connect { .. } => {
                if self.streams.take(now) {
                    Ok(())
                } else {
                    Err(Denied::TooOften)
                }
            }
            Request::Queried { order, .. } | Request::Explained { order, .. } => {
                if self.orders.remove(order) {
                    Ok(())
                } else {
                    Err(Denied::NotAsked)
                }
            }
            Request::Report(_) => {
                self.reports = self.reports.checked_sub(1).ok_or(Denied::NotAsked)?;
                Ok(())
            }
        }
    }
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// No such server is in the list.
    #[error("no such server")]
    UnknownUpstream,
    /// Nobody has asked for it.
    #[error("nobody has asked")]
    NotAsked,
    /// Too often.
    #[error("too often")]
    TooOften,
    /// So many denials that the worker cannot be ours any more; end the conversation.
    #[error("too many denied requests: the worker is not to be trusted any more")]
    TooManyDenials,
}

#[cfg(test)]
mod tests;
