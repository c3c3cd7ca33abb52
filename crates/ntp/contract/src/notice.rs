use core::time::Duration;

use orlop_machine::Instant;
use orlop_wire::{Bounded, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{
    ExchangeId, Frequency, Handover, MAX_ADDRESSES, MAX_PEERS, MockClock, Offset, PeerId, Reading, Refusal, Request,
    ServerAddr, SourceConduct, SourceId, Utc,
};

/// Everything a broker tells its worker. `Connected` comes with the socket, unless it is to a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Notice {
    /// The first message: how to behave.
    Begin(Conduct),
    /// A source to ask, or a change of one. Its addresses come apart, as soon as they are known.
    Source {
        /// By this number all messages name the source.
        source: SourceId,
        /// How to ask it.
        conduct: SourceConduct,
    },
    /// The source is no longer to be asked.
    SourceGone {
        /// The source that ends; its servers are forgotten.
        source: SourceId,
    },
    /// All addresses of the source, in the order of preference, instead of those of before.
    Addresses {
        /// Whose they are.
        source: SourceId,
        /// The addresses; none when the name has none at present.
        servers: Bounded<ServerAddr, MAX_ADDRESSES>,
    },
    /// The socket of the last `Connect` for this peer. Its file descriptor arrives with this message. For
    /// [`ServerAddr::CLOCK`] there is none: from now on it can be read.
    Connected {
        /// Whose socket it is.
        peer: PeerId,
        /// To which server it is connected: the peer may be another one by now.
        server: ServerAddr,
    },
    /// What joins the worker to the one that exchanges keys: [`Keys`](crate::Keys) come through it. The file descriptor arrives
    /// with this message, and takes the place of the one before.
    Joined,
    /// The key exchange for this source is done. Its keys are on their way, or there already.
    Exchanged {
        /// Whose keys they are.
        source: SourceId,
        /// Which exchange it was.
        number: ExchangeId,
        /// The one server that takes them.
        server: ServerAddr,
    },
    /// The clock was set, as the last `Step` asked, or by somebody else.
    Stepped {
        /// What was added to it.
        by: Offset,
    },
    /// A request had no effect.
    Refused {
        /// Which.
        what: Asked,
        /// Who refused it: the policy or the kernel.
        why: Refusal,
    },
    /// The time is uncertain, for this reason: what was measured before says nothing. Ask everybody at once.
    Occasion(Occasion),
    /// The network is there, again or under other addresses of ours: every socket has to be replaced.
    Online,
    /// The network is gone: nobody needs to be asked.
    Offline,
    /// The clock that is kept right is this one, and not the machine's.
    MockClock(MockClock),
    /// What the last `Read` for this peer has found.
    Reading {
        /// Whose it is.
        peer: PeerId,
        /// Both clocks.
        reading: Reading,
    },
    /// What the one-shot run has heard just before, as if this worker had: it comes before all sources.
    Handover {
        /// When the clock was looked at.
        at: Instant,
        /// What it showed then.
        shown: Utc,
        /// One of each server, at most.
        samples: Bounded<Handover, MAX_PEERS>,
    },
}

/// How a worker keeps the time, as its operator and the machine decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Conduct {
    /// No time before this one is true: the time of the build.
    pub floor: Utc,
    /// Why the worker starts: what the first majority is good for.
    pub occasion: Occasion,
    /// How long to wait for a majority before a single answer of several sources is taken. `None` is never:
    /// `strict-majority`.
    pub lone_answer_after: Option<Duration>,
    /// How the clock runs now, slews apart: the drift file's value, or what the kernel was left with.
    pub drift: Frequency,
}

/// What makes the time uncertain: the next majority sets the clock, whatever it showed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// The machine has booted, and nobody has set its clock since.
    Boot,
    /// The daemon was started again on a machine whose clock was set before: forwards only.
    Restart,
    /// The one-shot run: whoever starts it wants the clock set.
    OneShot,
    /// The machine was suspended.
    Suspend,
    /// The machine was paused, and perhaps moved or restored from a snapshot.
    Restore,
    /// The operator's `step`.
    Operator,
}

impl Occasion {
    /// Whether the clock may be set backwards on it.
    #[must_use]
    pub const fn allows_backwards(self) -> bool {
        match self {
            Self::Boot | Self::OneShot | Self::Suspend | Self::Restore | Self::Operator => true,
            Self::Restart => false,
        }
    }

    /// In a word for the log and the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Restart => "restart",
            Self::OneShot => "one-shot",
            Self::Suspend => "suspend",
            Self::Restore => "restore",
            Self::Operator => "operator",
        }
    }
}

/// Which request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Asked {
    /// [`Request::Step`](crate::Request::Step)
    Step,
    /// [`Request::Frequency`](crate::Request::Frequency)
    Frequency,
    /// [`Request::Synchronised`](crate::Request::Synchronised) or
    /// [`Request::Unsynchronised`](crate::Request::Unsynchronised)
    Synchronised,
    /// [`Request::Connect`](crate::Request::Connect) or [`Request::Read`](crate::Request::Read) for this peer
    Connect(PeerId),
    /// [`Request::Exchange`](crate::Request::Exchange) for this source
    Exchange(SourceId),
    /// [`Request::Report`](crate::Request::Report)
    Report,
}

impl Asked {
    /// What a refusal of this request names.
    #[must_use]
    pub const fn of(request: &Request) -> Self {
        match request {
            Request::Step(_) => Self::Step,
            Request::Frequency { .. } => Self::Frequency,
            Request::Synchronised { .. } | Request::Unsynchronised => Self::Synchronised,
            Request::Connect { peer, .. } | Request::Read { peer } => Self::Connect(*peer),
            Request::Exchange { source, .. } => Self::Exchange(*source),
            Request::Report(_) => Self::Report,
        }
    }
}
