use core::fmt;
use core::time::Duration;

use orlop_machine::Instant;
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{Leap, Offset, PeerState, PeerStatus, Policy, ServerAddr};

/// The last answer of a server that the one-shot run believed, which it leaves to the service: the service then begins as if it
/// had asked that server itself.
///
/// Only what says that the clock is right is handed over. Whoever forges it can set no clock by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Handover {
    /// Who has answered; never a clock, which is read at once anyway.
    pub server: ServerAddr,
    /// When the answer came.
    pub at: Instant,
    /// What the clock lacks, [`Policy::SMALLEST_STEP`] at most.
    pub offset: Offset,
    /// Round trip to the server and back.
    pub delay: Duration,
    /// The server's stratum, 1 to 15.
    pub stratum: u8,
    /// What it says of the end of the day.
    pub leap: Leap,
    /// Round trip from the server to the primary clock.
    pub root_delay: Duration,
    /// Error that has gathered on that way.
    pub root_dispersion: Duration,
}

/// Longest round trip, and largest error, of an answer that is handed over.
const LARGEST: Duration = Duration::from_secs(2);

impl Handover {
    /// What of a server's state is handed over: nothing, unless the majority is with it.
    #[must_use]
    pub fn of(status: &PeerStatus) -> Option<Self> {
        let PeerStatus { server, state, stratum, leap, answered, offset, delay, root_delay, root_dispersion, .. } =
            *status;
        let is_believed = matches!(state, PeerState::Selected | PeerState::Spare);
        let at = answered.filter(|_| is_believed)?;
        Self { server, at, offset, delay, stratum, leap, root_delay, root_dispersion }.sound()
    }

    /// This, if an answer that is believed can be so.
    fn sound(self) -> Option<Self> {
        let Self { server, at: _, offset, delay, stratum, leap: _, root_delay, root_dispersion } = self;
        let is_small = [delay, root_delay, root_dispersion].iter().all(|span| *span <= LARGEST);
        let is_right = offset.size() <= Policy::SMALLEST_STEP;
        (!server.is_clock() && (1..16).contains(&stratum) && is_small && is_right).then_some(self)
    }

    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let server = ServerAddr::parse(words.next()?)?;
        let mut number = || words.next()?.parse::<i64>().ok();
        let at = Instant::from_nanos(number()?.try_into().ok()?);
        let offset = Offset::from_nanos(number()?);
        let stratum = number()?.try_into().ok()?;
        let leap = match number()? {
            0 => Leap::None,
            1 => Leap::Insert,
            2 => Leap::Delete,
            _ => return None,
        };
        let mut span = || number()?.try_into().ok().map(Duration::from_nanos);
        let (delay, root_delay, root_dispersion) = (span()?, span()?, span()?);
        let read = Self { server, at, offset, delay, stratum, leap, root_delay, root_dispersion };
        words.next().is_none().then_some(read)?.sound()
    }
}

/// Its address and seven numbers: when, offset, stratum, leap indicator (RFC 5905 figure 9), delay, root delay, root dispersion;
/// times in nanoseconds.
impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, at, offset, delay, stratum, leap, root_delay, root_dispersion } = self;
        let leap = match leap {
            Leap::None => 0,
            Leap::Insert => 1,
            Leap::Delete => 2,
        };
        write!(f, "{server} {} {} {stratum} {leap}", at.as_nanos(), offset.nanos())?;
        [delay, root_delay, root_dispersion].iter().try_for_each(|span| write!(f, " {}", span.as_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "192.0.2.1:123 61000000000 -9999999 2 1 20000000 10000000 1000000";

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for line in
            [LINE, "[2001:db8::1]:1123 0 10000000 15 2 2000000000 2000000000 2000000000", "192.0.2.1:123 1 0 1 0 0 0 0"]
        {
            let read = Handover::parse(line).unwrap();
            assert_eq!(read.to_string(), line);
        }
    }

    #[test]
    fn what_no_believed_answer_says_is_refused() {
        for (what, line) in [
            ("nothing", ""),
            ("a clock", "ptp 61000000000 0 2 0 1 1 1"),
            ("a multicast address", "224.0.0.1:123 61000000000 0 2 0 1 1 1"),
            ("port 0", "192.0.2.1:0 61000000000 0 2 0 1 1 1"),
            ("before boot", "192.0.2.1:123 -1 0 2 0 1 1 1"),
            ("a clock that would be set", "192.0.2.1:123 61000000000 10000001 2 0 1 1 1"),
            ("or set back", "192.0.2.1:123 61000000000 -10000001 2 0 1 1 1"),
            ("stratum 0", "192.0.2.1:123 61000000000 0 0 0 1 1 1"),
            ("stratum 16", "192.0.2.1:123 61000000000 0 16 0 1 1 1"),
            ("stratum 258", "192.0.2.1:123 61000000000 0 258 0 1 1 1"),
            ("leap indicator 3", "192.0.2.1:123 61000000000 0 2 3 1 1 1"),
            ("a round trip of more than 2 s", "192.0.2.1:123 61000000000 0 2 0 2000000001 1 1"),
            ("a root delay of more", "192.0.2.1:123 61000000000 0 2 0 1 2000000001 1"),
            ("a root dispersion of more", "192.0.2.1:123 61000000000 0 2 0 1 1 2000000001"),
            ("a span below nothing", "192.0.2.1:123 61000000000 0 2 0 -1 1 1"),
            ("a number too few", "192.0.2.1:123 61000000000 0 2 0 1 1"),
            ("a word too many", "192.0.2.1:123 61000000000 0 2 0 1 1 1 1"),
            ("two spaces", "192.0.2.1:123  61000000000 0 2 0 1 1 1"),
        ] {
            assert_eq!(Handover::parse(line), None, "{what}");
        }
    }

    #[test]
    fn only_those_who_are_believed_are_handed_over() {
        let said = Handover::parse(LINE).unwrap();
        let zero = Duration::ZERO;
        let status = |state, answered| PeerStatus {
            peer: crate::PeerId::new(0).unwrap(),
            source: crate::SourceId::new(0).unwrap(),
            server: said.server,
            state,
            reach: 1,
            poll: crate::Poll::MIN,
            stratum: said.stratum,
            leap: said.leap,
            answered,
            offset: said.offset,
            delay: said.delay,
            jitter: zero,
            root_delay: said.root_delay,
            root_dispersion: said.root_dispersion,
        };
        for (state, believed) in [
            (PeerState::Connecting, false),
            (PeerState::Unreachable, false),
            (PeerState::Candidate, false),
            (PeerState::Selected, true),
            (PeerState::Spare, true),
            (PeerState::Falseticker, false),
            (PeerState::Denied, false),
        ] {
            assert_eq!(Handover::of(&status(state, Some(said.at))), believed.then_some(said), "{state:?}");
        }
        assert_eq!(Handover::of(&status(PeerState::Selected, None)), None, "it has not answered");
        let far = PeerStatus { offset: Offset::from_nanos(10_000_001), ..status(PeerState::Selected, Some(said.at)) };
        assert_eq!(Handover::of(&far), None, "its way is too crooked");
    }
}
