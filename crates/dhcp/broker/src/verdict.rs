//! When a one-shot run is over, and what became of its links. Pure: links and times in, a verdict out.
//!
//! A run is done when every link with a carrier is configured. A link without one is given [`CARRIER_SETTLE`] after
//! it was set up when others are configured, and the operator's `carrier-wait` when none is; no interface at all is
//! waited for as long. The deadline ends everything, so `onboot` never hangs.

mod achievement;

use std::time::Duration;

use orlop_dhcp_contract::{Discard, Lease, Refusal};
use orlop_machine::Instant;

pub(crate) use achievement::reason;
pub use achievement::{Achievement, Fate, Kind, LinkFate, Network, NotANetwork};

/// How long a link that was just set up may take to find its carrier while another is ready: virtual links need a few
/// milliseconds, and a machine with one cable in two sockets should not wait for the second.
pub const CARRIER_SETTLE: Duration = Duration::from_millis(500);

/// What is known about one link.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Since when it is set up.
    pub since: Instant,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// The lease in force on it.
    pub lease: Option<&'a Lease>,
    /// Whether a server granted or confirmed that lease to this process: its phase is leased.
    pub confirmed: bool,
    /// Why the last lease is not in force.
    pub refused: Option<Refusal>,
    /// How often a server said no (DHCPNAK).
    pub naks: u32,
    /// Of answers that could not be used, what most were dropped for and how often.
    pub unusable: Option<(Discard, u32)>,
    /// There is none of this name, though the user wants it.
    pub absent: bool,
}

impl<'a> Standing<'a> {
    /// An interface that the user named and that there is not, in a run that was started at `started`.
    #[must_use]
    pub const fn absent(name: &'a str, started: Instant) -> Self {
        Self {
            name,
            since: started,
            carrier: false,
            lease: None,
            confirmed: false,
            refused: None,
            naks: 0,
            unusable: None,
            absent: true,
        }
    }
}

/// The times of a one-shot run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When it began; a restarted process keeps the first start.
    pub started: Instant,
    /// How long it may take.
    pub deadline: Duration,
    /// How long to wait for any carrier, or any interface.
    pub carrier_wait: Duration,
}

/// Whether the run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not before something happens, or this moment comes.
    Wait(Instant),
    /// This is what was achieved.
    Ended(Achievement),
}

/// Judges a run at `now`.
#[must_use]
pub fn judge(links: &[Standing<'_>], limits: Limits, now: Instant) -> Verdict {
    let Limits { started, deadline, carrier_wait } = limits;
    let end = started.after(deadline);
    let until = match links.iter().map(|link| link.since).max() {
        _ if links.iter().any(|link| link.carrier && !link.is_configured()) => end,
        None => started.after(carrier_wait),
        Some(newest) if !links.iter().any(Standing::is_configured) => newest.after(carrier_wait),
        Some(_) => {
            let settling = links.iter().filter(|link| !link.is_configured()).map(|link| link.since).max();
            settling.map_or(started, |newest| newest.after(CARRIER_SETTLE))
        }
    };
    let until = until.min(end);
    if now < until { Verdict::Wait(until) } else { Verdict::Ended(achieved(links, now.since(started))) }
}

fn achieved(links: &[Standing<'_>], after: Duration) -> Achievement {
    let fates = links.iter().map(|link| LinkFate { interface: link.name.to_owned(), fate: link.fate() });
    Achievement::of(fates.collect(), after)
}

impl Standing<'_> {
    fn is_configured(&self) -> bool {
        self.confirmed && self.lease.is_some()
    }

    fn fate(&self) -> Fate {
        let network = |lease: &Lease| Network { addr: lease.addr, prefix: lease.prefix };
        let unusable = |(why, count)| Fate::Refused {
            why: format!("answers could not be used, {count} of them for {why}; --log debug shows them"),
        };
        match (self.lease, self.refused) {
            (Some(lease), _) if self.confirmed => Fate::Configured { address: network(lease), server: lease.server },
            (Some(lease), _) => Fate::Kept { address: network(lease) },
            (None, _) if self.absent => Fate::Absent,
            (None, _) if !self.carrier => Fate::NoCarrier,
            (None, Some(why)) => Fate::Refused { why: reason(why) },
            (None, None) if self.naks > 0 => {
                Fate::Refused { why: format!("servers refused the address {} times", self.naks) }
            }
            (None, None) => self.unusable.map_or(Fate::NoAnswer, unusable),
        }
    }
}

#[cfg(test)]
mod tests;
