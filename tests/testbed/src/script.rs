//! When a scripted server answers, and with what: rules as data.

mod reply;

use std::net::Ipv4Addr;

pub use reply::{Edit, Lease, Reply, Template, WRONG_COOKIE, classless_routes, overloaded};

use crate::dhcp::{Kind, Message, code};

/// What a client's message means, told from its fields (RFC 2131 table 5 and section 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// DHCPDISCOVER.
    Discover,
    /// DHCPREQUEST that takes an offer: it names a server.
    Selecting,
    /// DHCPREQUEST in INIT-REBOOT: it names an address, no server.
    Rebooting,
    /// DHCPREQUEST to the leasing server alone, with `ciaddr`.
    Renewing,
    /// DHCPREQUEST to all, with `ciaddr`.
    Rebinding,
    /// DHCPDECLINE.
    Decline,
    /// DHCPRELEASE.
    Release,
    /// DHCPINFORM.
    Inform,
}

/// When a rule answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// To what.
    pub phase: Phase,
    /// How often, counted down; `None`: always.
    pub times: Option<u32>,
    /// With what; empty: silence.
    pub replies: Vec<Reply>,
}

/// Rules in order: the first with its phase and times left answers. Nothing answers an unnamed phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(Vec<Rule>);

impl Phase {
    /// The phase a message belongs to; `None` for a server's message or nonsense.
    #[must_use]
    pub fn of(message: &Message, destination: Ipv4Addr) -> Option<Self> {
        match message.kind()? {
            Kind::Discover => Some(Self::Discover),
            Kind::Request if message.option(code::SERVER_ID).is_some() => Some(Self::Selecting),
            Kind::Request if message.ciaddr.is_unspecified() => Some(Self::Rebooting),
            Kind::Request if destination.is_broadcast() => Some(Self::Rebinding),
            Kind::Request => Some(Self::Renewing),
            Kind::Decline => Some(Self::Decline),
            Kind::Release => Some(Self::Release),
            Kind::Inform => Some(Self::Inform),
            Kind::Offer | Kind::Ack | Kind::Nak => None,
        }
    }
}

impl Script {
    /// A script that never answers.
    #[must_use]
    pub fn silent() -> Self {
        Self::default()
    }

    /// An honest server with one lease: offers it, acknowledges it in every phase.
    #[must_use]
    pub fn serve(lease: &Lease) -> Self {
        let mut script = Self::default().on(Phase::Discover, [lease.offer()]);
        for phase in [Phase::Selecting, Phase::Rebooting, Phase::Renewing, Phase::Rebinding] {
            script = script.on(phase, [lease.ack()]);
        }
        script
    }

    /// Adds a rule after all others.
    #[must_use]
    pub fn on(mut self, phase: Phase, replies: impl IntoIterator<Item = Template>) -> Self {
        self.0.push(Rule { phase, times: None, replies: replies.into_iter().map(Reply::Message).collect() });
        self
    }

    /// Puts a rule before all others, for so many messages; no replies mean silence.
    #[must_use]
    pub fn first(mut self, times: u32, phase: Phase, replies: impl IntoIterator<Item = Template>) -> Self {
        self.0
            .insert(0, Rule { phase, times: Some(times), replies: replies.into_iter().map(Reply::Message).collect() });
        self
    }

    /// Puts a rule with any replies before all others, for ever.
    #[must_use]
    pub fn always(mut self, phase: Phase, replies: Vec<Reply>) -> Self {
        self.0.insert(0, Rule { phase, times: None, replies });
        self
    }

    /// Never answers that phase.
    #[must_use]
    pub fn without(mut self, phase: Phase) -> Self {
        self.0.retain(|rule| rule.phase != phase);
        self
    }

    /// What is to be answered to the next message of that phase.
    pub fn answer(&mut self, phase: Phase) -> Vec<Reply> {
        for rule in self.0.iter_mut().filter(|rule| rule.phase == phase) {
            match &mut rule.times {
                Some(0) => {}
                Some(left) => {
                    *left -= 1;
                    return rule.replies.clone();
                }
                None => return rule.replies.clone(),
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
