//! How long to wait for an answer, and how much may be said at all.

use core::time::Duration;

use orlop_machine::{Chance, Instant};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Messages at once, at most, whatever arrives: a hostile server, a flapping carrier, an operator's loop. Below what
/// the broker's policy allows, or it would take us for somebody else.
const BURST: u32 = 15;

/// And then one in so long, which still lets the shortest lease be renewed ([`crate::lease::MIN_RENEWAL_SECS`]).
const EVERY: Duration = Duration::from_secs(2);

/// What that makes in any minute.
pub const MAX_MESSAGES_PER_MINUTE: usize = 45;

/// DHCPREQUESTs for one offer. RFC 2131 section 3.1 item 5 suggests four in a minute; a boot that waits cannot.
pub(super) const REQUEST_ATTEMPTS: u32 = 3;

/// DHCPREQUESTs for the address of before, about a second apart, before we ask for any address.
pub(super) const REBOOT_ATTEMPTS: u32 = 2;

/// DHCPDISCOVERs without an answer after which the BROADCAST flag is set: the answers may be lost because they are
/// unicast to an address that we do not have yet.
pub(super) const UNICAST_ATTEMPTS: u32 = 2;

/// Wait after DHCPDECLINE: ten seconds at least (RFC 2131 section 3.1 item 5).
pub(super) const DECLINE_WAIT: Duration = Duration::from_secs(10);

/// After the `attempt`th DHCPDISCOVER: 1 s ± 0.25 s, then 4, 8, 16, 32, 64 s ± 1 s (RFC 2131 section 4.1, which has
/// no first step: a lost first message would cost a boot four seconds).
pub(super) fn discover(attempt: u32, chance: &mut Chance) -> Duration {
    match attempt {
        0 | 1 => soon(chance),
        later => about(SECOND.saturating_mul(1_u32.checked_shl(later.min(6)).unwrap_or(64)), SECOND, chance),
    }
}

/// After the `attempt`th DHCPREQUEST for an offer: 1, 2, 4 s, each ± 0.25 s.
pub(super) fn request(attempt: u32, chance: &mut Chance) -> Duration {
    let wait = SECOND.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1).min(6)).unwrap_or(64));
    about(wait, Duration::from_millis(250), chance)
}

/// After each DHCPREQUEST for the address of before.
pub(super) fn reboot(chance: &mut Chance) -> Duration {
    soon(chance)
}

/// After a DHCPREQUEST that extends a lease: half of what is left until `limit`, a minute at least (RFC 2131
/// section 4.4.5). A lease too short for minutes is asked for sixteen times more often than it runs out, but not
/// more than once a second. A lease without an end waits a minute.
pub(super) fn extend(now: Instant, limit: Option<Instant>, whole: Option<Duration>) -> Duration {
    let Some(left) = limit.map(|limit| limit.since(now)) else { return MINUTE };
    let least = whole.unwrap_or(MINUTE).checked_div(16).unwrap_or_default().clamp(SECOND, MINUTE);
    left.checked_div(2).unwrap_or_default().max(least)
}

/// Before starting again after `strikes` refusals in a row: at once, then 1, 2, 4 … 60 s.
pub(super) fn back_off(strikes: u32) -> Duration {
    match strikes {
        0 => Duration::ZERO,
        more => SECOND.saturating_mul(1_u32.checked_shl(more.saturating_sub(1).min(6)).unwrap_or(64)).min(MINUTE),
    }
}

fn soon(chance: &mut Chance) -> Duration {
    about(SECOND, Duration::from_millis(250), chance)
}

fn about(wait: Duration, jitter: Duration, chance: &mut Chance) -> Duration {
    chance.duration(wait.saturating_sub(jitter)..=wait.saturating_add(jitter))
}

/// A supply of messages that fills up slowly.
#[derive(Debug)]
pub(super) struct Pace {
    left: u32,
    counted: Instant,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { left: BURST, counted: Instant::from_nanos(0) }
    }

    /// Whether a message may go at `now`; if so it is counted. One that may not counts as lost on the way: the next
    /// attempt comes in its time.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let earned = now.since(self.counted).as_nanos().checked_div(EVERY.as_nanos()).unwrap_or(0);
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(earned);
        self.counted = self.counted.after(EVERY.saturating_mul(earned));
        if self.left >= BURST {
            self.left = BURST;
            self.counted = now;
        }
        let goes = self.left > 0;
        self.left = self.left.saturating_sub(1);
        goes
    }
}

#[cfg(test)]
mod tests;
