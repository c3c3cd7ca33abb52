//! What is the NTP client's own in `status.json`, field by field. Times are whole nanoseconds, rates thousandths of a ppm.

use std::collections::BTreeMap;
use std::time::Duration;

use orlop_broker::moment::{Moment, Now};
use orlop_ntp_contract::{Frequency, Leap, NtsState, NtsStatus, PeerState, PeerStatus, Phase};
use serde::{Deserialize, Serialize};

use super::{Status, Stepped};
use crate::sources::Origin;

/// What only the NTP client says. A field may be added; none changes its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Whether a majority of servers vouches for the clock.
    pub synchronised: bool,
    /// What the client is doing; absent until the worker has said it.
    pub phase: Option<Phase>,
    /// Since when.
    pub since: Option<Moment>,
    /// The best of the servers that are believed, plus one; 0 while none is.
    pub stratum: u8,
    /// What the majority says of the end of this day.
    pub leap: Leap,
    /// The error of the clock, as far as it is known: what would have to be added to it.
    pub offset_ns: i64,
    /// How much the offset varies from one measurement to the next (root mean square).
    pub jitter_ns: u64,
    /// The correction of the crystal.
    pub drift_ppb: i64,
    /// The slew that is going on.
    pub slew_ppb: i64,
    /// Round trip to the primary clock.
    pub root_delay_ns: u64,
    /// Error that has gathered on the way from the primary clock.
    pub root_dispersion_ns: u64,
    /// Whom it asks.
    pub sources: Vec<SourceDocument>,
    /// The last step that was made.
    pub last_step: Option<StepDocument>,
    /// What was refused last, and why.
    pub refused: Option<String>,
    /// What was dropped since the worker began, by reason; reasons without a case are left out.
    pub discards: BTreeMap<String, u32>,
    /// The same of what name servers said, since the process began that looks up names.
    #[serde(default)]
    pub name_discards: BTreeMap<String, u32>,
    /// What a one-shot run achieved, once it is over.
    pub outcome: Option<Outcome>,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDocument {
    /// Its name or its address, as it was named.
    pub name: String,
    /// Who named it.
    pub origin: Origin,
    /// Its servers that are asked.
    pub servers: Vec<ServerDocument>,
    /// How NTS stands, where it is asked with NTS and the worker has said it.
    #[serde(default)]
    pub nts: Option<NtsDocument>,
}

/// NTS of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NtsDocument {
    /// What there is of it.
    pub state: NtsState,
    /// Questions that can be asked before another one is answered.
    pub cookies: u8,
    /// When the keys in use were exchanged.
    pub exchanged: Option<Moment>,
    /// Key exchanges that have yielded keys, since the worker began.
    pub exchanges: u32,
    /// Those that have not.
    pub failures: u32,
    /// Why the last one has not; absent once one has.
    pub failure: Option<String>,
}

/// A server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerDocument {
    /// Its address, with the port.
    pub address: String,
    /// What is thought of it.
    pub state: PeerState,
    /// The last eight questions, the latest in the lowest bit: 1 was answered.
    pub reach: u8,
    /// Seconds between two questions.
    pub poll_secs: u64,
    /// Of its last answer; 0 before the first.
    pub stratum: u8,
    /// When its last answer came.
    pub answered: Option<Moment>,
    /// The clock's error according to its last answer.
    pub offset_ns: i64,
    /// Round trip of that answer.
    pub delay_ns: u64,
    /// How much its offset varies (root mean square).
    pub jitter_ns: u64,
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDocument {
    /// When.
    pub at: Moment,
    /// By how much.
    pub by_ns: i64,
    /// Why.
    pub why: String,
    /// Who agreed on it.
    pub agreed: Vec<String>,
}

/// What a one-shot run achieved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the clock is right.
    pub synchronised: bool,
    /// In a sentence.
    pub said: String,
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Thousandths of a ppm, of units of 2^-16 ppm.
fn ppb(rate: Frequency) -> i64 {
    i64::from(rate.scaled()) * 1000 / 65_536
}

impl Body {
    pub(super) fn new(status: &Status, now: Now) -> Self {
        let Status { synchronised, sources, worker, name_discards, last_step, refused, outcome, .. } = status;
        let peers = || worker.iter().flat_map(|worker| worker.peers.iter());
        let secured = || worker.iter().flat_map(|worker| worker.nts.iter());
        let sources = sources.iter().map(|(id, name, origin)| SourceDocument {
            name: name.clone(),
            origin: *origin,
            servers: peers().filter(|peer| peer.source == *id).map(|peer| ServerDocument::new(peer, now)).collect(),
            nts: secured().find(|nts| nts.source == *id).map(|nts| NtsDocument::new(nts, now)),
        });
        let discards = worker.iter().flat_map(|worker| worker.discards.iter());
        Self {
            synchronised: *synchronised,
            phase: worker.as_ref().map(|worker| worker.phase),
            since: worker.as_ref().map(|worker| Moment::new(worker.since, now)),
            stratum: worker.as_ref().map_or(0, |worker| worker.stratum),
            leap: worker.as_ref().map_or(Leap::None, |worker| worker.leap),
            offset_ns: worker.as_ref().map_or(0, |worker| worker.offset.nanos()),
            jitter_ns: worker.as_ref().map_or(0, |worker| nanos(worker.jitter)),
            drift_ppb: worker.as_ref().map_or(0, |worker| ppb(worker.drift)),
            slew_ppb: worker.as_ref().map_or(0, |worker| ppb(worker.slew)),
            root_delay_ns: worker.as_ref().map_or(0, |worker| nanos(worker.root_delay)),
            root_dispersion_ns: worker.as_ref().map_or(0, |worker| nanos(worker.root_dispersion)),
            sources: sources.collect(),
            last_step: last_step.as_ref().map(|step| StepDocument::new(step, now)),
            refused: refused.clone(),
            discards: counted(discards.map(|(why, n)| (why.name(), n))),
            name_discards: counted(name_discards.iter().map(|(why, n)| (why.name(), n))),
            outcome: outcome.clone(),
        }
    }
}

/// By reason; reasons without a case are left out.
fn counted(discards: impl Iterator<Item = (&'static str, u32)>) -> BTreeMap<String, u32> {
    discards.filter(|(_, n)| *n > 0).map(|(why, n)| (why.to_owned(), n)).collect()
}

impl ServerDocument {
    fn new(peer: &PeerStatus, now: Now) -> Self {
        Self {
            address: peer.server.to_string(),
            state: peer.state,
            reach: peer.reach,
            poll_secs: peer.poll.interval().as_secs(),
            stratum: peer.stratum,
            answered: peer.answered.map(|at| Moment::new(at, now)),
            offset_ns: peer.offset.nanos(),
            delay_ns: nanos(peer.delay),
            jitter_ns: nanos(peer.jitter),
        }
    }
}

impl NtsDocument {
    fn new(nts: &NtsStatus, now: Now) -> Self {
        let NtsStatus { source: _, state, cookies, exchanged, exchanges, failures, failure } = nts;
        Self {
            state: *state,
            cookies: *cookies,
            exchanged: exchanged.map(|at| Moment::new(at, now)),
            exchanges: *exchanges,
            failures: *failures,
            failure: failure.map(|failure| failure.to_string()),
        }
    }
}

impl StepDocument {
    fn new(step: &Stepped, now: Now) -> Self {
        let Stepped { at, by, why, agreed } = step;
        Self { at: Moment::new(*at, now), by_ns: by.nanos(), why: why.name().to_owned(), agreed: agreed.clone() }
    }
}
