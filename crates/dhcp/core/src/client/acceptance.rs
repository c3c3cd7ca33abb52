//! Which reply counts in which state: the table that decides what a rogue server can do.
//!
//! | state      | OFFER           | ACK                                      | NAK                   |
//! |------------|-----------------|------------------------------------------|-----------------------|
//! | SELECTING  | the first valid | with option 80, if we sent it (RFC 4039) | never                 |
//! | REQUESTING | never           | of the address that was offered          | from the chosen       |
//! | REBOOTING  | never           | from any server, any address             | from any, 54 optional |
//! | RENEWING   | never           | from any server, any address             | from the leasing one  |
//! | REBINDING  | never           | from any server, any address             | from any              |
//!
//! The ACK in REQUESTING may name another server than the one that offered: of two that stand in for each other, the partner
//! answers. Not while the broker wants servers asked by their name.
//!
//! In every other state no exchange is open, so there is no `xid` that a reply could have.

use orlop_dhcp_contract::{Conduct, Discard, Lease, UnicastAddr};
use orlop_machine::Instant;

use super::state::{Exchange, Offer, State};
use crate::lease::{extended, granted};
use crate::message::{Kind, Reply};

/// What an accepted reply means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Ask for this.
    Offered(Offer),
    /// It is ours.
    Granted(Box<Lease>),
    /// It is not.
    Denied,
}

/// What a decision goes by besides the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) conduct: &'a Conduct,
    /// The lease of before.
    pub(super) held: Option<&'a Lease>,
    /// Servers are asked by their name, and only these answer.
    pub(super) by_name: bool,
}

/// Decides about a reply whose `xid`, `chaddr` and client identifier are right.
pub(super) fn judge(state: &State, reply: &Reply, rules: Rules<'_>) -> Result<Verdict, Discard> {
    let Rules { conduct, held, by_name } = rules;
    let grant = |reply: &Reply, asked: Option<Instant>, server: Option<UnicastAddr>| {
        let asked = asked.ok_or(Discard::Unexpected)?;
        granted(reply, conduct, asked, server).map(|lease| Verdict::Granted(Box::new(lease)))
    };
    let extend = |asked: Option<Instant>, server: Option<UnicastAddr>, held: &Lease| {
        let asked = asked.ok_or(Discard::Unexpected)?;
        extended(reply, conduct, asked, server, held).map(|lease| Verdict::Granted(Box::new(lease)))
    };
    let first = |exchange: &Exchange| exchange.first_sent;
    match (state, reply.kind) {
        (State::Selecting { exchange, .. }, Kind::Offer) => {
            let asked = first(exchange).ok_or(Discard::Unexpected)?;
            // Option 80 in an offer says nothing: it is a plain offer.
            let Lease { addr, server, .. } = granted(reply, conduct, asked, None)?;
            Ok(Verdict::Offered(Offer { addr, server, reply: Box::new(reply.clone()) }))
        }
        // The exchange may have lasted for hours without any answer: the lease runs from the latest message.
        (State::Selecting { exchange, .. }, Kind::Ack) if reply.rapid_commit && conduct.rapid_commit && !by_name => {
            grant(reply, exchange.last_sent, None)
        }
        (State::Requesting { exchange, offer }, Kind::Ack) => {
            let chosen = reply.server_id.is_none_or(|id| id == offer.server);
            if reply.yiaddr == offer.addr.get() && (chosen || !by_name) {
                grant(&reply.completed_by(&offer.reply), first(exchange), Some(offer.server))
            } else {
                Err(if chosen { Discard::BadAddress } else { Discard::WrongServer })
            }
        }
        (State::Requesting { offer, .. }, Kind::Nak) if reply.server() != Some(offer.server) => {
            Err(Discard::WrongServer)
        }
        (State::Requesting { exchange, .. } | State::Rebooting { exchange, .. }, Kind::Nak) => denied(exchange),
        (State::Rebooting { exchange, .. }, Kind::Ack) => match held {
            Some(held) => extend(first(exchange), None, held),
            None => grant(reply, first(exchange), None),
        },
        (State::Renewing { exchange, lease } | State::Rebinding { exchange, lease }, Kind::Ack) => {
            extend(first(exchange), Some(lease.server), lease)
        }
        (State::Renewing { lease, .. }, Kind::Nak) if reply.server() != Some(lease.server) => Err(Discard::WrongServer),
        (State::Renewing { exchange, .. } | State::Rebinding { exchange, .. }, Kind::Nak) => denied(exchange),
        (State::Selecting { .. }, Kind::Ack | Kind::Nak)
        | (
            State::Requesting { .. } | State::Rebooting { .. } | State::Renewing { .. } | State::Rebinding { .. },
            Kind::Offer,
        )
        | (
            State::NoCarrier | State::Init { .. } | State::Applying { .. } | State::Bound { .. } | State::Released,
            Kind::Offer | Kind::Ack | Kind::Nak,
        ) => Err(Discard::Unexpected),
    }
}

/// A refusal counts only once something was asked.
fn denied(exchange: &Exchange) -> Result<Verdict, Discard> {
    exchange.first_sent.map(|_| Verdict::Denied).ok_or(Discard::Unexpected)
}
