//! Key exchanges for sources that are asked with NTS: who makes them, one at a time, and where each server wants to be asked.
//!
//! A worker makes one exchange and ends. It gets a socket, the trusted certificates, and an end of a pair whose other end the
//! worker gets that asks for the time; no key passes through here.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_broker::optional::{News, Optional};
use orlop_machine::Instant;
use orlop_ntp_contract::{
    Dates, ExchangeId, Host, KeyFailure, KeyNotice, KeyRequest, Notice, Request, ServerAddr, SourceId, Utc,
};
use orlop_ntp_profiles::KEYS_WORKER;
use orlop_sandbox::channel::BrokerChannel;
use orlop_sandbox::connection::open_connecting;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::joint;
use orlop_sandbox::posture::Posture;
use rustix::fs::{CWD, Mode, OFlags};
use tracing::debug;

/// The exchanges, those that are wanted and the one that goes on.
pub(super) struct Exchanges<'n> {
    worker: Optional<'n, KeyNotice, KeyRequest>,
    /// The file of trusted certificates.
    ca: PathBuf,
    sources: BTreeMap<SourceId, Secured>,
    /// In the order in which they were asked for, each with the time at which its certificate has to be valid.
    wanted: VecDeque<(SourceId, Option<Utc>)>,
    current: Option<Current>,
    number: ExchangeId,
}

/// A source that is asked with NTS.
struct Secured {
    host: Host,
    /// Where keys are exchanged with it. After a failure another one is tried.
    servers: Vec<ServerAddr>,
}

/// The exchange that goes on.
#[derive(Clone, Copy)]
struct Current {
    source: SourceId,
    at: Option<Utc>,
    number: ExchangeId,
    server: ServerAddr,
    /// Whether the worker has it.
    begun: bool,
    ends: Instant,
}

/// How long an exchange may take with all that belongs to it; its worker needs half of that at most, unless it is broken.
const WITHIN: Duration = Duration::from_secs(12);

/// What there is to know.
pub(super) enum Heard {
    /// A worker is there, restricted by this; it waits for [`Exchanges::begin`].
    Came(&'static str, Posture),
    /// Keys were exchanged.
    Done(Done),
    /// They were not.
    Failed(SourceId, KeyFailure),
    /// Nothing for anybody else.
    Nothing,
}

/// An exchange that has succeeded.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) source: SourceId,
    pub(super) number: ExchangeId,
    /// With whom keys were exchanged.
    pub(super) server: ServerAddr,
    /// Who takes them, if it is somebody else.
    pub(super) host: Option<Host>,
    /// At which port, if not the usual one.
    pub(super) port: Option<u16>,
}

impl<'n> Exchanges<'n> {
    pub(super) fn new(worker: Optional<'n, KeyNotice, KeyRequest>, ca: PathBuf) -> Self {
        let (sources, wanted) = (BTreeMap::new(), VecDeque::new());
        Self { worker, ca, sources, wanted, current: None, number: ExchangeId::default() }
    }

    /// Keys may be wanted for this source, from `host`.
    pub(super) fn secure(&mut self, source: SourceId, host: Host) {
        self.sources.insert(source, Secured { host, servers: Vec::new() });
    }

    /// Whether keys are exchanged for this source; if so, it is done at these servers from now on.
    pub(super) fn found(&mut self, source: SourceId, servers: &[ServerAddr]) -> bool {
        let Some(secured) = self.sources.get_mut(&source) else { return false };
        if !servers.is_empty() {
            secured.servers = servers.to_vec();
        }
        true
    }

    /// The source is no longer asked.
    pub(super) fn forget(&mut self, source: SourceId) {
        self.sources.remove(&source);
        self.wanted.retain(|(wanted, _)| *wanted != source);
        if self.current.is_some_and(|current| current.source == source) {
            self.end();
        }
    }

    /// Keys are wanted for this source, from a certificate that is valid at this time. Whatever was wanted for it before is not any
    /// more.
    pub(super) fn want(&mut self, source: SourceId, at: Option<Utc>) {
        self.wanted.retain(|(wanted, _)| *wanted != source);
        self.wanted.push_back((source, at));
    }

    /// Asks for a worker when there is something for it to do. Where a source is that keys are wanted for may not be known yet.
    pub(super) fn start(&mut self, now: Instant) {
        if self.current.is_some() {
            return;
        }
        let server = |source| self.sources.get(source)?.servers.first().copied();
        let Some((place, server)) =
            self.wanted.iter().enumerate().find_map(|(place, (source, _))| Some((place, server(source)?)))
        else {
            return;
        };
        let Some((source, at)) = self.wanted.remove(place) else { return };
        self.number = self.number.next();
        let ends = now.after(WITHIN);
        self.current = Some(Current { source, at, number: self.number, server, begun: false, ends });
        self.worker.ask(KEYS_WORKER);
    }

    /// When the exchange that goes on is given up.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.current.map(|current| current.ends)
    }

    /// Gives up an exchange that has taken too long, and says whose it was.
    pub(super) fn expire(&mut self, now: Instant) -> Option<SourceId> {
        let source = self.current.filter(|current| current.ends <= now)?.source;
        self.failed(source);
        Some(source)
    }

    /// Waits for what happens next. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Result<Heard, Fatal> {
        Ok(match self.worker.next().await? {
            News::Came { name, posture, .. } => Heard::Came(name, posture),
            News::Said { message, .. } => self.said(message),
            News::Gone { .. } => match self.current.map(|current| current.source) {
                Some(source) => {
                    self.failed(source);
                    Heard::Failed(source, KeyFailure::Worker)
                }
                None => Heard::Nothing,
            },
        })
    }

    fn said(&mut self, message: KeyRequest) -> Heard {
        let Some(Current { source, number, server, begun: true, .. }) = self.current else {
            // Nobody has asked it.
            self.worker.dismiss(KEYS_WORKER);
            return Heard::Nothing;
        };
        match message {
            KeyRequest::Done { host, port } => {
                self.end();
                Heard::Done(Done { source, number, server, host, port })
            }
            KeyRequest::Failed(failure) => {
                self.failed(source);
                Heard::Failed(source, failure)
            }
        }
    }

    /// The worker is there. Gives it what it needs, and `asker` the other end of the pair.
    pub(super) fn begin(
        &mut self,
        asker: &BrokerChannel<Notice, Request>,
        clock: Utc,
        floor: Utc,
    ) -> Option<(SourceId, KeyFailure)> {
        let Some(current) = &mut self.current else {
            self.worker.dismiss(KEYS_WORKER);
            return None;
        };
        current.begun = true;
        let current = *current;
        let dates = current.at.map_or(Dates::Unsure { clock: clock.max(floor), floor }, Dates::At);
        let given = self.give(asker, current, dates);
        given.err().map(|failure| {
            self.failed(current.source);
            (current.source, failure)
        })
    }

    fn give(&self, asker: &BrokerChannel<Notice, Request>, current: Current, dates: Dates) -> Result<(), KeyFailure> {
        let Current { source, number, server, .. } = current;
        let worker = self.worker.channel(KEYS_WORKER).ok_or(KeyFailure::Worker)?;
        let host = self.sources.get(&source).ok_or(KeyFailure::Worker)?.host.clone();
        let ca = open(&self.ca).map_err(|cause| {
            debug!(file = %self.ca.display(), %cause, "no trusted certificates");
            KeyFailure::NoRoots
        })?;
        let address = server.socket_addr().ok_or(KeyFailure::Place)?;
        let socket = open_connecting(address).map_err(|cause| {
            debug!(%server, %cause, "no way to exchange keys");
            KeyFailure::Unreachable
        })?;
        let (one, other) = joint::pair().map_err(|_| KeyFailure::Worker)?;
        let exchange = KeyNotice::Exchange { number, source, host, dates };
        asker
            .send_with(&Notice::Joined, one.as_fd())
            .and_then(|()| worker.send_with(&KeyNotice::Joined, other.as_fd()))
            .and_then(|()| worker.send_with(&KeyNotice::Roots, ca.as_fd()))
            .and_then(|()| worker.send_with(&exchange, socket.as_fd()))
            .map_err(|_| KeyFailure::Worker)
    }

    /// The exchange is over, and the next one is made at another address.
    fn failed(&mut self, source: SourceId) {
        self.end();
        if let Some(secured) = self.sources.get_mut(&source).filter(|secured| !secured.servers.is_empty()) {
            secured.servers.rotate_left(1);
        }
    }

    fn end(&mut self) {
        self.current = None;
        self.worker.dismiss(KEYS_WORKER);
    }
}

/// Only to be handed over. It is the container's own file; whatever else is there is not waited for.
fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?)
}
