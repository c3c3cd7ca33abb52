use core::time::Duration;
use std::collections::BTreeSet;

use orlop_machine::{Bucket, Instant};

use crate::{NameId, Request, ServerCount};

/// Decides what a worker that looks up names may have. The broker believes nobody: a worker that an attacker owns can still
/// write any well-typed request.
///
/// What a lying worker can then still do: give a name the addresses of its choice, as its name server could. What it cannot:
/// speak to a host that is not a name server of this machine, answer what nobody has asked, or do any of it often.
#[derive(Debug)]
pub struct Policy {
    servers: ServerCount,
    names: BTreeSet<NameId>,
    /// None before the first, and after a change of servers.
    connects: Option<Bucket>,
    results: Bucket,
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
    /// Sockets at once, and then one each [`Policy::CONNECT_EVERY`]; all of them again when there are other servers. An honest
    /// worker needs no more than these in the worst of networks: all names at all servers, each with UDP and then TCP, and a
    /// second later once more. A test of `orlop-lookup-core` lets it try.
    pub const CONNECT_BURST: u32 = 320;
    /// See [`Policy::CONNECT_BURST`].
    pub const CONNECT_EVERY: Duration = Duration::from_millis(10);
    /// Results at once, and then one each [`Policy::RESULT_EVERY`].
    pub const RESULT_BURST: u32 = 128;
    /// See [`Policy::RESULT_BURST`]. Addresses live a minute at least; failures come ever more rarely.
    pub const RESULT_EVERY: Duration = Duration::from_millis(250);
    /// Denials before the worker counts as owned by somebody else, and one more each [`Policy::DENIAL_EVERY`]. A correct worker
    /// gets some whenever names or servers change between its question and the answer: all its sockets and all its results.
    pub const DENIAL_BURST: u32 = 256;
    /// See [`Policy::DENIAL_BURST`].
    pub const DENIAL_EVERY: Duration = Duration::from_secs(1);

    /// A policy that knows no server and no name yet and so permits nothing.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            servers: ServerCount::NONE,
            names: BTreeSet::new(),
            connects: None,
            results: Bucket::new(now, Self::RESULT_BURST, Self::RESULT_EVERY),
            denials: Bucket::new(now, Self::DENIAL_BURST, Self::DENIAL_EVERY),
        }
    }

    /// There are so many servers from now on, as the worker is told.
    pub const fn servers(&mut self, count: ServerCount) {
        self.servers = count;
        self.connects = None;
    }

    /// The worker is told to look up this name.
    pub fn ask(&mut self, id: NameId) {
        self.names.insert(id);
    }

    /// The worker is told to forget it.
    pub fn forget(&mut self, id: NameId) {
        self.names.remove(&id);
    }

    /// Decides one request.
    ///
    /// # Errors
    /// Why not. The request must then have no effect at all, and a `Connect` is answered by `Unconnected`.
    pub fn permit(&mut self, now: Instant, request: Request) -> Result<Permitted, Denied> {
        match self.decide(now, &request) {
            Ok(()) => Ok(Permitted(request)),
            Err(denied) if self.denials.take(now) => Err(denied),
            Err(_) => Err(Denied::TooManyDenials),
        }
    }

    fn decide(&mut self, now: Instant, request: &Request) -> Result<(), Denied> {
        let (id, bucket) = match request {
            Request::Discards(_) if self.results.take(now) => return Ok(()),
            Request::Discards(_) => return Err(Denied::TooOften),
            Request::Connect(place) if !self.servers.has(place.server) => return Err(Denied::UnknownServer),
            Request::Connect(place) => {
                let full = || Bucket::new(now, Self::CONNECT_BURST, Self::CONNECT_EVERY);
                (place.id, self.connects.get_or_insert_with(full))
            }
            Request::Found { addresses, .. } if addresses.is_empty() => return Err(Denied::NothingFound),
            Request::Found { id, .. } | Request::Failed { id, .. } => (*id, &mut self.results),
        };
        if !self.names.contains(&id) {
            return Err(Denied::NotAsked);
        }
        if bucket.take(now) { Ok(()) } else { Err(Denied::TooOften) }
    }
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// No such server is in the list.
    #[error("no such name server")]
    UnknownServer,
    /// Nobody has asked for this name, or nobody does any more.
    #[error("nobody asked for this name")]
    NotAsked,
    /// Addresses were found, and are none.
    #[error("found without addresses")]
    NothingFound,
    /// Too often.
    #[error("too often")]
    TooOften,
    /// So many denials that the worker cannot be ours any more; end the conversation.
    #[error("too many denied requests: the worker is not to be trusted any more")]
    TooManyDenials,
}

#[cfg(test)]
mod tests;
