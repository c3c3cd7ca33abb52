//! When a one-shot run is over, and what it achieved. Pure: links and times in, a verdict out.
//!
//! A run is done when every link with a carrier is configured. A link without one is given [`CARRIER_SETTLE`] after
//! it was set up when others are configured, and the operator's `carrier-wait` when none is; no interface at all is
//! waited for as long. The deadline ends everything, so `onboot` never hangs.

use std::fmt;
use std::time::Duration;

use orlop_dhcp_contract::{Lease, PrefixLen, Refusal, UnicastAddr};
use orlop_machine::Instant;
use orlop_sandbox::fatal::{Exit, Fatal};
use serde::{Deserialize, Serialize};

/// How long a link that was just set up may take to find its carrier while another is ready: virtual links need a few
/// milliseconds, and a machine with one cable in two sockets should not wait for the second.
pub const CARRIER_SETTLE: Duration = Duration::from_millis(500);

/// Links that an outcome names in its line, at most: a log line has 1024 bytes, a link takes about 60 of them.
const MAX_NAMED: usize = 12;

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
    Ended(Outcome),
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
    if now < until { Verdict::Wait(until) } else { Verdict::Ended(Outcome::of(links, now.since(started))) }
}

impl Standing<'_> {
    fn is_configured(&self) -> bool {
        self.confirmed && self.lease.is_some()
    }

    fn fate(&self) -> Fate {
        let network = |lease: &Lease| Network { addr: lease.addr, prefix: lease.prefix };
        match (self.lease, self.refused) {
            (Some(lease), _) if self.confirmed => Fate::Configured { address: network(lease), server: lease.server },
            (Some(lease), _) => Fate::Kept { address: network(lease) },
            (None, _) if !self.carrier => Fate::NoCarrier,
            (None, Some(why)) => Fate::Refused { why: reason(why) },
            (None, None) if self.naks > 0 => {
                Fate::Refused { why: format!("servers refused the address {} times", self.naks) }
            }
            (None, None) => Fate::NoAnswer,
        }
    }
}

/// A refusal in words.
pub(crate) fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Policy => "the lease is not one that may be applied".to_owned(),
        Refusal::Kernel { errno } => format!("the kernel refused the lease (os error {errno})"),
        Refusal::Conflict { addr } => format!("another host uses {addr}"),
    }
}

/// What a run achieved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// In one word.
    pub outcome: Kind,
    /// After how many milliseconds.
    pub after_ms: u64,
    /// For each link.
    pub links: Vec<LinkOutcome>,
}

/// What a run achieved, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Every link with a carrier is configured.
    Done,
    /// Some links with a carrier are configured, or one runs on an old lease that nobody confirmed.
    Partly,
    /// There is no link.
    NoInterface,
    /// No link has a carrier.
    NoCarrier,
    /// Nobody answered.
    NoServer,
    /// Servers answered, but with nothing that could be used.
    Refused,
}

impl Kind {
    /// The code that the process ends with.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Done => Exit::Done,
            Self::Partly => Exit::Partly,
            Self::NoInterface | Self::NoCarrier | Self::NoServer => Exit::Unconfigured,
            Self::Refused => Exit::Refused,
        }
    }

    /// What to do about it; nothing when all is well.
    const fn help(self) -> Option<&'static str> {
        match self {
            Self::Done => None,
            Self::Partly => {
                Some("orlop-dhcp --oneshot --log debug shows the exchange; or deny the interface that needs no address")
            }
            Self::NoInterface => Some(
                "name the interfaces: orlop-dhcp --oneshot IFACE, or interfaces = [...] in the configuration; \
                     one that the log above says was left alone must be freed first",
            ),
            Self::NoCarrier => Some("connect the interface, or give it more time: carrier-wait in the configuration"),
            Self::NoServer => {
                Some("is there a DHCP server on this network? more time: --deadline SECS; the exchange: --log debug")
            }
            Self::Refused => Some("the log above says what was refused; the server's log may say why"),
        }
    }
}

/// What became of one link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkOutcome {
    /// What it is called.
    pub interface: String,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// What became of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Fate {
    /// A server granted this, and it is in force.
    Configured {
        /// The address.
        address: Network,
        /// Who granted it.
        server: UnicastAddr,
    },
    /// The lease of an earlier process is in force; nobody confirmed it.
    Kept {
        /// The address.
        address: Network,
    },
    /// Nothing is connected.
    NoCarrier,
    /// Nobody answered.
    NoAnswer,
    /// There were answers that could not be used.
    Refused {
        /// Why.
        why: String,
    },
}

impl fmt::Display for LinkOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, fate } = self;
        match fate {
            Fate::Configured { address, server } => write!(f, "{interface} has {address} from {server}"),
            Fate::Kept { address } => write!(f, "{interface} keeps {address}, which no server confirmed"),
            Fate::NoCarrier => write!(f, "{interface} has no carrier"),
            Fate::NoAnswer => write!(f, "nobody answered on {interface}"),
            Fate::Refused { why } => write!(f, "{interface}: {why}"),
        }
    }
}

/// An address with the length of its prefix, written `192.0.2.9/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    /// The address.
    pub addr: UnicastAddr,
    /// The length of its prefix.
    pub prefix: PrefixLen,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        let (addr, bits) = text.split_once('/').ok_or(NotANetwork)?;
        let addr = addr.parse().ok().and_then(UnicastAddr::new).ok_or(NotANetwork)?;
        let prefix = bits.parse().ok().and_then(PrefixLen::new).ok_or(NotANetwork)?;
        Ok(Self { addr, prefix })
    }
}

/// The text is not an address with a prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address with a prefix length")]
pub struct NotANetwork;

impl Outcome {
    fn of(links: &[Standing<'_>], after: Duration) -> Self {
        let links: Vec<LinkOutcome> =
            links.iter().map(|link| LinkOutcome { interface: link.name.to_owned(), fate: link.fate() }).collect();
        let any = |is: fn(&Fate) -> bool| links.iter().any(|link| is(&link.fate));
        let configured = any(|fate| matches!(fate, Fate::Configured { .. }));
        let kept = any(|fate| matches!(fate, Fate::Kept { .. }));
        let refused = any(|fate| matches!(fate, Fate::Refused { .. }));
        let unanswered = any(|fate| matches!(fate, Fate::NoAnswer));
        let outcome = match (configured || kept, kept || refused || unanswered) {
            (true, false) => Kind::Done,
            (true, true) => Kind::Partly,
            (false, _) if refused => Kind::Refused,
            (false, _) if unanswered => Kind::NoServer,
            (false, _) if links.is_empty() => Kind::NoInterface,
            (false, _) => Kind::NoCarrier,
        };
        Self { outcome, after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX), links }
    }

    /// The code that the process ends with.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.outcome.exit()
    }

    /// The error that a run ends with which did not do all it was asked for.
    ///
    /// # Errors
    /// That error.
    pub fn into_result(self) -> Result<Self, Fatal> {
        match self.outcome.help() {
            None => Ok(self),
            Some(help) => Err(Fatal::new(self.exit(), self.to_string()).help(help)),
        }
    }

    /// One line of JSON, for a program that started the run.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an outcome is plain data with text keys")
    }
}

/// The one line that says what was achieved.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, after_ms, links } = self;
        let word = match outcome {
            Kind::Done => "done",
            Kind::Partly => "only partly done",
            Kind::NoInterface => "no interface to configure",
            Kind::NoCarrier => "no carrier",
            Kind::NoServer => "no DHCP server",
            Kind::Refused => "no usable lease",
        };
        let in_or_after = if *outcome == Kind::Done { "in" } else { "after" };
        write!(f, "{word} {in_or_after} {}.{:03} s", after_ms / 1000, after_ms % 1000)?;
        for (at, link) in links.iter().take(MAX_NAMED).enumerate() {
            write!(f, "{}{link}", if at == 0 { ": " } else { "; " })?;
        }
        match links.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests;
