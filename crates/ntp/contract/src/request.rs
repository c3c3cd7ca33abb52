use core::time::Duration;

use orlop_wire::{Bounded, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{Frequency, MAX_PEERS, Occasion, Offset, PeerId, ServerAddr, SourceId, Status, Utc};

/// Everything a worker can ask for. Each variant is one effect of the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Request {
    /// Set the clock. Answered by `Stepped` or `Refused`.
    Step(Step),
    /// Let the clock run at this rate from now on. `Refused` is the only answer.
    ///
    /// A slew is the part of the rate that corrects an offset and ends again; the rest is what the crystal needs, and what
    /// the drift file keeps. When the worker dies in a slew, the broker goes back to the drift alone.
    Frequency {
        /// The correction of the crystal.
        drift: Frequency,
        /// What comes on top of it for as long as the clock is being moved; together they are 500 ppm at most.
        slew: Frequency,
    },
    /// The clock is right, as far as these bounds say: clear `STA_UNSYNC`, so that the kernel writes the RTC and others read
    /// it there.
    Synchronised {
        /// `esterror`: the likely error.
        est_error: Duration,
        /// `maxerror`: the largest possible one, 16 s at most.
        max_error: Duration,
        /// What happens at the end of this day.
        leap: Leap,
    },
    /// Nobody vouches for the clock any more: set `STA_UNSYNC`.
    Unsynchronised,
    /// Open a socket that is connected to this server. Answered by `Connected`, with the socket, or `Refused`. A socket that
    /// the peer had is closed by the worker.
    Connect {
        /// By this number the answer names the socket.
        peer: PeerId,
        /// Whose server it is.
        source: SourceId,
        /// One of the addresses that the broker told of this source.
        server: ServerAddr,
    },
    /// Exchange keys with the server of a source that is asked with NTS. Answered by `Exchanged`, or by `Refused` with what went
    /// wrong; the keys come another way.
    Exchange {
        /// The source.
        source: SourceId,
        /// When its certificate has to be valid. `None` is a moment when nobody has vouched for the clock: see
        /// [`Dates::Unsure`](crate::Dates::Unsure).
        at: Option<Utc>,
    },
    /// How things stand, for the status and for the verdict of one-shot mode. Changes nothing.
    Report(Status),
    /// Read the hardware clock that this peer was connected to. Answered by `Reading` or `Refused`.
    Read {
        /// A peer at [`ServerAddr::CLOCK`].
        peer: PeerId,
    },
}

/// A step of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Step {
    /// What to add to the clock.
    pub offset: Offset,
    /// Why, for the policy and for the log.
    pub why: StepReason,
    /// Who agreed on it.
    pub agreed: Bounded<PeerId, MAX_PEERS>,
}

/// Why the clock has to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum StepReason {
    /// It was found wrong by a majority, at this occasion.
    Majority(Occasion),
    /// It was found wrong at this occasion by a single server of several: nobody else answered in time.
    LoneAnswer(Occasion),
    /// A majority found it far behind, without any occasion: the machine was stopped and nobody said so.
    FellBehind,
    /// It showed a time before the floor as the daemon began. Only the policy itself gives this reason.
    BelowFloor,
}

impl StepReason {
    /// The occasion, if there was one.
    #[must_use]
    pub const fn occasion(self) -> Option<Occasion> {
        match self {
            Self::Majority(occasion) | Self::LoneAnswer(occasion) => Some(occasion),
            Self::FellBehind | Self::BelowFloor => None,
        }
    }

    /// In a word for the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Majority(occasion) => occasion.name(),
            Self::LoneAnswer(_) => "lone-answer",
            Self::FellBehind => "fell-behind",
            Self::BelowFloor => "below-floor",
        }
    }
}

/// What happens to the last minute of the day (RFC 5905 figure 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum Leap {
    /// It has 60 seconds.
    #[default]
    None,
    /// It has 61.
    Insert,
    /// It has 59.
    Delete,
}

impl Request {
    /// Drift and slew together, where this is a change of the rate and within the limit.
    #[must_use]
    pub const fn rate(&self) -> Option<Frequency> {
        match self {
            Self::Frequency { drift, slew } => drift.plus(*slew),
            Self::Step(_)
            | Self::Synchronised { .. }
            | Self::Unsynchronised
            | Self::Connect { .. }
            | Self::Exchange { .. }
            | Self::Read { .. }
            | Self::Report(_) => None,
        }
    }
}
