//! The states of RFC 2131 figure 5, each with only what it needs.

use core::time::Duration;

use orlop_dhcp_contract::{Lease, Phase, Term, UnicastAddr};
use orlop_machine::Instant;

use crate::message::Reply;

/// Where the client stands.
#[derive(Debug)]
pub(super) enum State {
    /// No carrier.
    NoCarrier,
    /// Waiting before the next start.
    Init { until: Instant },
    /// DHCPDISCOVER sent. `held` is an offer of a server that has failed before: taken when no other comes in time.
    Selecting { exchange: Exchange, held: Option<Offer> },
    /// DHCPREQUEST for `offer` sent.
    Requesting { exchange: Exchange, offer: Offer },
    /// DHCPREQUEST for the address of before sent.
    Rebooting { exchange: Exchange, wanted: UnicastAddr },
    /// DHCPACK received, and the broker told to configure. `from` is the phase in which it came. Where nothing may be in force that
    /// was not probed for (RFC 5227), the broker answers once we have told it what the probes found.
    Applying { lease: Box<Lease>, from: Phase },
    /// Configured.
    Bound { lease: Box<Lease> },
    /// T1 has passed.
    Renewing { exchange: Exchange, lease: Box<Lease> },
    /// T2 has passed.
    Rebinding { exchange: Exchange, lease: Box<Lease> },
    /// Idle until told otherwise.
    Released,
}

/// An offer that could be used.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) addr: UnicastAddr,
    pub(super) server: UnicastAddr,
    /// All that it said, for what its ACK does not repeat.
    pub(super) reply: Box<Reply>,
}

/// Messages that await one answer, under one `xid`.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) xid: u32,
    /// Since when we try, for `secs`.
    pub(super) began: Instant,
    /// Messages due so far, sent or not.
    pub(super) attempts: u32,
    /// When the first message really went out under this `xid`. An answer before that is forged.
    pub(super) first_sent: Option<Instant>,
    /// When the latest one did.
    pub(super) last_sent: Option<Instant>,
    /// When to try again.
    pub(super) retry_at: Instant,
    /// Whether the latest message asks for the MTU.
    pub(super) want_mtu: bool,
}

impl Exchange {
    pub(super) fn new(xid: u32, now: Instant) -> Self {
        Self { xid, began: now, attempts: 0, first_sent: None, last_sent: None, retry_at: now, want_mtu: true }
    }

    /// Goes on under another `xid`, so that an answer can only be to what is sent from here on.
    pub(super) fn anew(&mut self, xid: u32) {
        *self = Self { xid, first_sent: None, last_sent: None, ..*self };
    }

    /// `secs` (RFC 2131 figure 1), saturating. Never 0: some servers refuse that.
    pub(super) fn secs(&self, now: Instant) -> u16 {
        u16::try_from(now.since(self.began).as_secs()).unwrap_or(u16::MAX).max(1)
    }
}

impl State {
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::NoCarrier => Phase::NoCarrier,
            Self::Init { .. } => Phase::Init,
            Self::Selecting { .. } => Phase::Selecting,
            Self::Requesting { .. } => Phase::Requesting,
            Self::Rebooting { .. } => Phase::Rebooting,
            Self::Applying { from, .. } => *from,
            Self::Bound { .. } => Phase::Bound,
            Self::Renewing { .. } => Phase::Renewing,
            Self::Rebinding { .. } => Phase::Rebinding,
            Self::Released => Phase::Released,
        }
    }

    /// The exchange that awaits an answer.
    pub(super) fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Selecting { exchange, .. }
            | Self::Requesting { exchange, .. }
            | Self::Rebooting { exchange, .. }
            | Self::Renewing { exchange, .. }
            | Self::Rebinding { exchange, .. } => Some(exchange),
            Self::NoCarrier | Self::Init { .. } | Self::Applying { .. } | Self::Bound { .. } | Self::Released => None,
        }
    }

    /// The same, to count what was sent.
    pub(super) fn exchange_mut(&mut self) -> Option<&mut Exchange> {
        match self {
            Self::Selecting { exchange, .. }
            | Self::Requesting { exchange, .. }
            | Self::Rebooting { exchange, .. }
            | Self::Renewing { exchange, .. }
            | Self::Rebinding { exchange, .. } => Some(exchange),
            Self::NoCarrier | Self::Init { .. } | Self::Applying { .. } | Self::Bound { .. } | Self::Released => None,
        }
    }

    /// The lease that this state stands on.
    pub(super) fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Applying { lease, .. }
            | Self::Bound { lease }
            | Self::Renewing { lease, .. }
            | Self::Rebinding { lease, .. } => Some(lease),
            Self::NoCarrier
            | Self::Init { .. }
            | Self::Selecting { .. }
            | Self::Requesting { .. }
            | Self::Rebooting { .. }
            | Self::Released => None,
        }
    }

    /// When time alone changes the state. The end of the lease is seen to elsewhere, in whatever state.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::NoCarrier | Self::Applying { .. } | Self::Released => None,
            Self::Init { until } => Some(*until),
            Self::Selecting { exchange, .. }
            | Self::Requesting { exchange, .. }
            | Self::Rebooting { exchange, .. }
            | Self::Rebinding { exchange, .. } => Some(exchange.retry_at),
            Self::Bound { lease } => renew_at(lease.term),
            Self::Renewing { exchange, lease } => {
                Some(rebind_at(lease.term).map_or(exchange.retry_at, |t2| t2.min(exchange.retry_at)))
            }
        }
    }
}

/// T1.
pub(super) fn renew_at(term: Term) -> Option<Instant> {
    match term {
        Term::Infinite { .. } => None,
        Term::Finite { renew_at, .. } => Some(renew_at),
    }
}

/// T2.
pub(super) fn rebind_at(term: Term) -> Option<Instant> {
    match term {
        Term::Infinite { .. } => None,
        Term::Finite { rebind_at, .. } => Some(rebind_at),
    }
}

/// From the request to the end.
pub(super) fn length(term: Term) -> Option<Duration> {
    term.expires_at().map(|end| end.since(term.acquired()))
}
