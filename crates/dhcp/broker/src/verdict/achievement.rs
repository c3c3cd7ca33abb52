//! What a one-shot run achieved, for a person, a program and the exit code.

use std::fmt;
use std::time::Duration;

use orlop_dhcp_contract::{PrefixLen, Refusal, UnicastAddr};
use orlop_sandbox::fatal::{Exit, Fatal};
use serde::{Deserialize, Serialize};

/// Links that an outcome names in its line, at most: a log line has 1024 bytes, a link takes about 60 of them.
const MAX_NAMED: usize = 12;

/// What a run achieved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Achievement {
    /// In one word.
    pub outcome: Kind,
    /// After how many milliseconds.
    pub after_ms: u64,
    /// For each link.
    pub links: Vec<LinkFate>,
}

/// What a run achieved, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Every link with a carrier is configured.
    Done,
    /// Some links with a carrier are configured, or one runs on an old lease that nobody confirmed, or there is no interface of
    /// a name that the user gave.
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
pub struct LinkFate {
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
    /// There is no such interface.
    Absent,
    /// Nobody answered.
    NoAnswer,
    /// There were answers that could not be used.
    Refused {
        /// A sentence for the operator.
        why: String,
    },
}

impl fmt::Display for LinkFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, fate } = self;
        match fate {
            Fate::Configured { address, server } => write!(f, "{interface} has {address} from {server}"),
            Fate::Kept { address } => write!(f, "{interface} keeps {address}, which no server confirmed"),
            Fate::NoCarrier => write!(f, "{interface} has no carrier"),
            Fate::Absent => write!(f, "there is no {interface}"),
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

impl Achievement {
    /// What it comes to, link by link.
    pub(super) fn of(links: Vec<LinkFate>, after: Duration) -> Self {
        let any = |is: fn(&Fate) -> bool| links.iter().any(|link| is(&link.fate));
        let configured = any(|fate| matches!(fate, Fate::Configured { .. }));
        let kept = any(|fate| matches!(fate, Fate::Kept { .. }));
        let refused = any(|fate| matches!(fate, Fate::Refused { .. }));
        let unanswered = any(|fate| matches!(fate, Fate::NoAnswer));
        let absent = any(|fate| matches!(fate, Fate::Absent));
        let dark = any(|fate| matches!(fate, Fate::NoCarrier));
        let outcome = match (configured || kept, kept || refused || unanswered || absent) {
            (true, false) => Kind::Done,
            (true, true) => Kind::Partly,
            (false, _) if refused => Kind::Refused,
            (false, _) if unanswered => Kind::NoServer,
            (false, _) if dark => Kind::NoCarrier,
            (false, _) => Kind::NoInterface,
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
impl fmt::Display for Achievement {
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

/// A refusal in words.
pub(crate) fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Policy => "the lease is not one that may be applied".to_owned(),
        Refusal::NewServer => "the lease comes from one new server too many".to_owned(),
        Refusal::Kernel { errno } => format!("the kernel refused the lease (os error {errno})"),
        Refusal::Conflict { addr } => format!("another host uses {addr}"),
    }
}
