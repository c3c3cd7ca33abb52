//! What follows from key exchanges: the worker is told where its keys are good, or why there are none.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{
    self as contract, Asked, Host, KeyFailure, Notice, NtsState, NtsStatus, Refusal, ServerAddr, SourceId, negotiated,
};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::Fatal;
use orlop_wire::{DomainName, HostAddr};
use tracing::{info, warn};

use super::exchanges::{Done, Heard};
use super::names::Whose;
use super::server::Server;
use crate::config::{PORT, Place};
use crate::floor;

/// Exchanges whose servers have named another one, which is being looked up.
pub(super) type Placing = BTreeMap<SourceId, (Done, Instant)>;

/// How long that may take.
const FOUND_WITHIN: Duration = Duration::from_secs(10);

impl Server<'_> {
    /// The source is asked with NTS. `false` when no certificate can be for its name.
    pub(super) fn secure(&mut self, source: SourceId, place: &Place) -> bool {
        let host = match place {
            Place::Address(server) => server.ip().and_then(HostAddr::new).map(Host::Address),
            Place::Name(name, _) => DomainName::new(name).ok().map(Host::Name),
            Place::OnLink { .. } | Place::Clock(_) => None,
        };
        let Some(host) = host else { return false };
        self.policy.secure(source);
        self.exchanges.secure(source, host);
        true
    }

    /// Does what follows from what the key exchanges have to say.
    pub(super) fn heard_of_keys(&mut self, heard: Heard) -> Result<(), Fatal> {
        match heard {
            Heard::Came(name, posture) => {
                self.postures.insert(name, posture);
                let shown = self.equipment.clock.now();
                match self.exchanges.begin(&self.channel, shown, floor()) {
                    Some((source, failure)) => self.no_keys(source, failure),
                    None => Ok(()),
                }
            }
            Heard::Done(done) => self.exchanged(clock::now(), done),
            Heard::Failed(source, failure) => self.no_keys(source, failure),
            Heard::Nothing => Ok(()),
        }
    }

    /// Gives up what has taken too long, begins what can be begun, and says when to look again.
    pub(super) fn look_after_keys(&mut self, now: Instant) -> Result<Option<Instant>, Fatal> {
        if let Some(source) = self.exchanges.expire(now) {
            self.no_keys(source, KeyFailure::Slow)?;
        }
        let late: Vec<SourceId> =
            self.placing.iter().filter(|(_, (_, ends))| *ends <= now).map(|(source, _)| *source).collect();
        for source in late {
            self.forget_placing(source);
            self.no_keys(source, KeyFailure::Place)?;
        }
        self.exchanges.start(now);
        let placing = self.placing.values().map(|(_, ends)| *ends);
        Ok(placing.chain(self.exchanges.ends()).min())
    }

    fn exchanged(&mut self, now: Instant, done: Done) -> Result<(), Fatal> {
        let source = done.source;
        self.forget_placing(source);
        match done.host.clone() {
            None => self.place(&done, None),
            Some(Host::Address(address)) => self.place(&done, Some(address.get())),
            Some(Host::Name(name)) => {
                self.placing.insert(source, (done, now.after(FOUND_WITHIN)));
                if self.names.want(Whose::Named(source), name.as_str(), PORT) {
                    return Ok(());
                }
                self.forget_placing(source);
                self.no_keys(source, KeyFailure::Place)
            }
        }
    }

    /// Where the server is that a key exchange has named.
    pub(super) fn found_named(&mut self, source: SourceId, servers: &[ServerAddr]) -> Result<(), Fatal> {
        let Some(first) = servers.first().and_then(|server| server.ip()) else { return Ok(()) };
        match self.forget_placing(source) {
            Some((done, _)) => self.place(&done, Some(first)),
            None => Ok(()),
        }
    }

    /// `named` is where the key exchange sends us, if anywhere.
    fn place(&mut self, done: &Done, named: Option<IpAddr>) -> Result<(), Fatal> {
        let Done { source, number, server, port, .. } = done;
        match negotiated(*server, named, *port) {
            Ok(place) => {
                self.asks_this_machine |= place.ip().is_some_and(|ip| ip.is_loopback());
                self.policy.learn(*source, [place].into_iter().collect());
                info!(source = self.name_of(*source), server = %place, "keys exchanged");
                self.notify(&Notice::Exchanged { source: *source, number: *number, server: place })
            }
            Err(failure) => self.no_keys(*source, failure),
        }
    }

    /// Nothing is known of the source any more.
    pub(super) fn forget_keys(&mut self, source: SourceId) {
        self.exchanges.forget(source);
        self.forget_placing(source);
    }

    fn forget_placing(&mut self, source: SourceId) -> Option<(Done, Instant)> {
        self.names.forget(Whose::Named(source));
        self.placing.remove(&source)
    }

    fn no_keys(&mut self, source: SourceId, failure: KeyFailure) -> Result<(), Fatal> {
        // Said once for as long as it is the same.
        if self.nts_of(source).is_none_or(|nts| nts.failure != Some(failure)) {
            warn!(source = self.name_of(source), "no keys: {failure}; the exchange is tried again");
        }
        self.notify(&Notice::Refused { what: Asked::Exchange(source), why: Refusal::KeyExchange(failure) })
    }

    /// Says it where somebody answers in a server's place, once for as long as it lasts.
    pub(super) fn warn_of_interception(&self, said: &contract::Status) {
        let was = |source| self.nts_of(source).is_some_and(|nts| nts.state == NtsState::Intercepted);
        for nts in said.nts.iter().filter(|nts| nts.state == NtsState::Intercepted && !was(nts.source)) {
            warn!(
                source = self.name_of(nts.source),
                "an answer without NTS, which is not believed: does somebody between us intercept it?"
            );
        }
    }

    /// As the source was written.
    fn name_of(&self, source: SourceId) -> String {
        self.sources.get(source).map(|asked| asked.place.to_string()).unwrap_or_default()
    }

    /// What the worker has last said of the NTS of this source.
    fn nts_of(&self, source: SourceId) -> Option<&NtsStatus> {
        self.said.as_ref()?.nts.iter().find(|nts| nts.source == source)
    }
}
