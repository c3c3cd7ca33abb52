use core::fmt;
use core::time::Duration;

use orlop_machine::Instant;
use orlop_wire::{Bounded, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{
    Counters, Frequency, KeyFailure, Leap, MAX_PEERS, MAX_SOURCES, Offset, PeerId, Poll, ServerAddr, SourceId,
    StepReason,
};

/// How the clock and its servers stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Status {
    /// What the machine is doing.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// The best of the servers that are believed, plus one; 0 while none is.
    pub stratum: u8,
    /// What the majority says of the end of this day.
    pub leap: Leap,
    /// The error of the clock, as far as it is known.
    pub offset: Offset,
    /// How much the offset varies from one measurement to the next (root mean square).
    pub jitter: Duration,
    /// The correction of the crystal.
    pub drift: Frequency,
    /// The slew that is going on.
    pub slew: Frequency,
    /// Round trip to the primary clock.
    pub root_delay: Duration,
    /// Error that has gathered on the way from the primary clock.
    pub root_dispersion: Duration,
    /// The last step that this process has made.
    pub last_step: Option<LastStep>,
    /// What was dropped since the process began.
    pub discards: Counters,
    /// Every server that is being asked.
    pub peers: Bounded<PeerStatus, MAX_PEERS>,
    /// Every source that is asked with NTS.
    pub nts: Bounded<NtsStatus, MAX_SOURCES>,
}

/// A step that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct LastStep {
    /// When.
    pub at: Instant,
    /// By how much.
    pub by: Offset,
    /// Why.
    pub why: StepReason,
}

/// What the client is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// There is nobody to ask: no source, no address, or no socket yet.
    Waiting,
    /// The network is gone.
    Offline,
    /// The servers are being asked, and no majority has answered yet.
    Asking,
    /// As many have answered as make a majority, but they do not agree: nothing is done.
    Disagreeing,
    /// The broker was asked to set the clock.
    Stepping,
    /// A majority agrees, and the clock follows it.
    Steady,
    /// The clock is more than a second off and may not be set: it is being slewed as fast as is allowed.
    Slewing,
    /// Those who were believed no longer answer.
    Lost,
}

impl Phase {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offline => "offline",
            Self::Asking => "asking",
            Self::Disagreeing => "disagreeing",
            Self::Stepping => "stepping",
            Self::Steady => "steady",
            Self::Slewing => "slewing",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How one server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct PeerStatus {
    /// Its number.
    pub peer: PeerId,
    /// Whose it is.
    pub source: SourceId,
    /// Where it is.
    pub server: ServerAddr,
    /// What is thought of it.
    pub state: PeerState,
    /// The last eight questions, the latest in the lowest bit: 1 was answered.
    pub reach: u8,
    /// How often it is being asked.
    pub poll: Poll,
    /// Of its last answer; 0 before the first.
    pub stratum: u8,
    /// What its last answer says of the end of this day.
    pub leap: Leap,
    /// When its last answer came.
    pub answered: Option<Instant>,
    /// Our clock's error according to its last answer.
    pub offset: Offset,
    /// Round trip of that answer.
    pub delay: Duration,
    /// How much its offset varies (root mean square).
    pub jitter: Duration,
    /// Its own distance from the primary clock: root delay.
    pub root_delay: Duration,
    /// The same: root dispersion.
    pub root_dispersion: Duration,
}

/// What is thought of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerState {
    /// A socket was asked for.
    Connecting,
    /// It has not answered yet, or no longer does.
    Unreachable,
    /// It answers, and nothing is decided about it.
    Candidate,
    /// It is of the majority, and the clock follows it.
    Selected,
    /// It is of the majority, but another one is preferred.
    Spare,
    /// It disagrees with the majority.
    Falseticker,
    /// It told us to stop asking (DENY or RSTR).
    Denied,
}

impl PeerState {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Unreachable => "unreachable",
            Self::Candidate => "candidate",
            Self::Selected => "selected",
            Self::Spare => "spare",
            Self::Falseticker => "falseticker",
            Self::Denied => "denied",
        }
    }
}

/// How a source stands that is asked with NTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct NtsStatus {
    /// Which one.
    pub source: SourceId,
    /// What there is.
    pub state: NtsState,
    /// Questions that can be asked before another one is answered.
    pub cookies: u8,
    /// When the keys in use were exchanged.
    pub exchanged: Option<Instant>,
    /// Key exchanges that have yielded keys, since the process began.
    pub exchanges: u32,
    /// Those that have not.
    pub failures: u32,
    /// Why the last one has not; nothing once one has.
    pub failure: Option<KeyFailure>,
}

/// What there is of NTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum NtsState {
    /// There are no keys, and the next exchange waits for its time.
    NoKeys,
    /// Keys are being exchanged for the first time, or again.
    Exchanging,
    /// There are keys, and nothing was answered yet that they protect.
    Keyed,
    /// The last answer was protected.
    Protected,
    /// The last answer was not: is it intercepted?
    Intercepted,
}

impl NtsState {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoKeys => "no-keys",
            Self::Exchanging => "exchanging",
            Self::Keyed => "keyed",
            Self::Protected => "protected",
            Self::Intercepted => "intercepted?",
        }
    }
}
