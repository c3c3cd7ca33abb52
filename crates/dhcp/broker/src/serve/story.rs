//! What the log tells of a link on its way to a lease: that it asks, who offered what, that nobody answers. Pure.
//!
//! A service without a server is not silent, and not loud either: the warning comes after ten seconds and then ever more
//! rarely. What servers cause is bounded too: of offers that come to nothing, the first few are told.

use core::time::Duration;

use orlop_dhcp_contract::{Ask, KernelRoute, UnicastAddr};
use orlop_machine::Instant;

/// How long after the first question, and after each warning, the next warning comes; the last again and again.
const WARNINGS: [Duration; 4] =
    [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600), Duration::from_secs(3600)];
/// Offers that are told of one search.
const OFFERS: usize = 3;

/// What has been told so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    search: Option<Search>,
    /// How far the attempt to extend the lease has come that was told last.
    extending: Option<Extending>,
    /// Routes of the lease in force that the kernel does not take.
    refused: Vec<KernelRoute>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Extending {
    AskedLeasing,
    AskedAny,
}

#[derive(Debug)]
struct Search {
    since: Instant,
    warn_at: Instant,
    warnings: usize,
    offers: Vec<(UnicastAddr, UnicastAddr)>,
}

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Any server is asked for any address.
    Soliciting,
    /// Any server is asked whether the address of before may still be used.
    Reclaiming(UnicastAddr),
    /// A server offers an address, which it is now asked for.
    Offered { address: UnicastAddr, server: UnicastAddr },
    /// The server of the lease is asked for more time.
    Renewing { server: UnicastAddr },
    /// It does not answer, so any server is asked for more time.
    Rebinding,
}

impl Story {
    /// A message was sent. What there is to tell about it.
    pub(super) fn sent(&mut self, ask: Ask, now: Instant) -> Option<Line> {
        let begun = self.search.is_some();
        match ask {
            Ask::Discover { .. } | Ask::Reboot { .. } | Ask::Select { .. } => {}
            Ask::Renew { server, .. } => return self.extends(Extending::AskedLeasing, Line::Renewing { server }),
            Ask::Rebind { .. } => return self.extends(Extending::AskedAny, Line::Rebinding),
            Ask::Decline { .. } | Ask::Release { .. } => return None,
        }
        let first = WARNINGS.first().copied().unwrap_or_default();
        let new = || Search { since: now, warn_at: now.after(first), warnings: 0, offers: Vec::new() };
        let search = self.search.get_or_insert_with(new);
        match ask {
            Ask::Discover { .. } if !begun => Some(Line::Soliciting),
            Ask::Reboot { requested } if !begun => Some(Line::Reclaiming(requested)),
            Ask::Select { requested: address, server } => {
                let news = !search.offers.contains(&(address, server)) && search.offers.len() < OFFERS;
                news.then(|| {
                    search.offers.push((address, server));
                    Line::Offered { address, server }
                })
            }
            Ask::Discover { .. }
            | Ask::Reboot { .. }
            | Ask::Renew { .. }
            | Ask::Rebind { .. }
            | Ask::Decline { .. }
            | Ask::Release { .. } => None,
        }
    }

    fn extends(&mut self, by: Extending, line: Line) -> Option<Line> {
        let news = self.extending < Some(by);
        self.extending = self.extending.max(Some(by));
        news.then_some(line)
    }

    /// For how long nobody has answered so that there is a lease, if that is to be told now.
    pub(super) fn unanswered(&mut self, now: Instant) -> Option<Duration> {
        let search = self.search.as_mut().filter(|search| search.warn_at <= now)?;
        search.warnings = search.warnings.saturating_add(1);
        let pause = WARNINGS.get(search.warnings).or(WARNINGS.last()).copied().unwrap_or_default();
        search.warn_at = now.after(pause);
        Some(now.since(search.since))
    }

    /// The search is over: there is a lease, or there is nobody to ask any more.
    pub(super) fn end(&mut self) {
        self.search = None;
        self.extending = None;
    }

    /// The kernel does not take these routes. Whether that is to be told: a lease is renewed often, and mostly unchanged.
    pub(super) fn refused(&mut self, routes: impl Iterator<Item = KernelRoute>) -> bool {
        let before = std::mem::replace(&mut self.refused, routes.collect());
        !self.refused.is_empty() && self.refused != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_nanos(secs * 1_000_000_000)
    }

    fn addr(last: u8) -> UnicastAddr {
        UnicastAddr::new([192, 0, 2, last].into()).unwrap()
    }

    const DISCOVER: Ask = Ask::Discover { requested: None, rapid_commit: false };

    fn select(last: u8) -> Ask {
        Ask::Select { requested: addr(last), server: addr(1) }
    }

    #[test]
    fn a_search_is_told_once_and_an_offer_once() {
        let mut story = Story::default();
        let offered = |last| Some(Line::Offered { address: addr(last), server: addr(1) });
        for (what, ask, want) in [
            ("the first question", DISCOVER, Some(Line::Soliciting)),
            ("again", DISCOVER, None),
            ("an offer", select(7), offered(7)),
            ("the request again", select(7), None),
            ("back to the beginning", DISCOVER, None),
            ("another offer", select(8), offered(8)),
        ] {
            assert_eq!(story.sent(ask, at(1)), want, "{what}");
        }
        story.end();
        let reboot = Ask::Reboot { requested: addr(7) };
        assert_eq!(story.sent(reboot, at(2)), Some(Line::Reclaiming(addr(7))));
        assert_eq!(story.sent(reboot, at(3)), None, "the same question again");
        assert_eq!(story.sent(DISCOVER, at(4)), None, "the same search");
    }

    #[test]
    fn servers_that_offer_and_never_grant_do_not_fill_the_log() {
        let mut story = Story::default();
        let told = (2..=250).filter(|last| story.sent(select(*last), at(1)).is_some()).count();
        assert_eq!(told, OFFERS);
    }

    #[test]
    fn routes_that_the_kernel_refuses_are_told_when_they_are_others_than_before() {
        let route = |third: u8| KernelRoute {
            destination: [10, 0, third, 0].into(),
            prefix: orlop_dhcp_contract::PrefixLen::new(24).unwrap(),
            gateway: None,
        };
        let mut story = Story::default();
        for (what, routes, want) in [
            ("none", 0..0, false),
            ("sixty-four", 0..64, true),
            ("the same after a renewal", 0..64, false),
            ("fewer", 0..63, true),
            ("none any more", 0..0, false),
            ("those once more", 0..63, true),
        ] {
            assert_eq!(story.refused(routes.map(route)), want, "{what}");
        }
    }

    #[test]
    fn an_attempt_to_extend_a_lease_is_told_once_and_again_when_any_server_is_asked() {
        let mut story = Story::default();
        let (renew, rebind) = (Ask::Renew { ciaddr: addr(7), server: addr(1) }, Ask::Rebind { ciaddr: addr(7) });
        for (what, ask, want) in [
            ("the leasing server", renew, Some(Line::Renewing { server: addr(1) })),
            ("again", renew, None),
            ("any", rebind, Some(Line::Rebinding)),
            ("again", rebind, None),
        ] {
            assert_eq!(story.sent(ask, at(1)), want, "{what}");
            assert_eq!(story.unanswered(at(100_000)), None, "{what}: there is a lease");
        }
        story.end();
        assert_eq!(story.sent(renew, at(2)), Some(Line::Renewing { server: addr(1) }), "the next time");
    }

    #[test]
    fn what_needs_no_search_begins_none() {
        let mut story = Story::default();
        for ask in
            [Ask::Release { ciaddr: addr(7), server: addr(1) }, Ask::Decline { requested: addr(7), server: addr(1) }]
        {
            assert_eq!(story.sent(ask, at(1)), None);
            assert_eq!(story.unanswered(at(100_000)), None, "{ask:?}");
        }
    }

    #[test]
    fn that_nobody_answers_is_told_after_ten_seconds_and_then_rarely() {
        let mut story = Story::default();
        let _ = story.sent(DISCOVER, at(100));
        let told: Vec<u64> = (100..=100 + 86_400).filter(|now| story.unanswered(at(*now)).is_some()).collect();
        assert_eq!(told.iter().take(5).map(|now| now - 100).collect::<Vec<_>>(), [10, 70, 670, 4270, 7870]);
        assert!(told.len() < 30, "{} in a day", told.len());
        story.end();
        assert_eq!(story.unanswered(at(1_000_000)), None);
    }
}
