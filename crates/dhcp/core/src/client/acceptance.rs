//! Which reply counts in which state: the table that decides what a rogue server can do.
//!
//! | state      | OFFER           | ACK                                      | NAK                   |
//! |------------|-----------------|------------------------------------------|-----------------------|
//! | SELECTING  | the first valid | with option 80, if we sent it (RFC 4039) | never                 |
//! | REQUESTING | never           | from the chosen server, or without 54    | from the chosen       |
//! | REBOOTING  | never           | from any server, any address             | from any, 54 optional |
//! | RENEWING   | never           | from any server, any address             | from the leasing one  |
//! | REBINDING  | never           | from any server, any address             | from any              |
//!
//! In every other state no exchange is open, so there is no `xid` that a reply could have.

use orlop_dhcp_contract::{Conduct, Discard, Lease, UnicastAddr};
use orlop_machine::Instant;

use super::state::{Exchange, Offer, State};
use crate::lease::granted;
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

/// Decides about a reply whose `xid`, `chaddr` and client identifier are right.
pub(super) fn judge(state: &State, reply: &Reply, conduct: &Conduct) -> Result<Verdict, Discard> {
    let grant = |asked: Option<Instant>, server: Option<UnicastAddr>| {
        let asked = asked.ok_or(Discard::Unexpected)?;
        granted(reply, conduct, asked, server).map(|lease| Verdict::Granted(Box::new(lease)))
    };
    let first = |exchange: &Exchange| exchange.first_sent;
    match (state, reply.kind) {
        (State::Selecting { exchange }, Kind::Offer) => {
            let asked = first(exchange).ok_or(Discard::Unexpected)?;
            // Option 80 in an offer says nothing: it is a plain offer.
            let Lease { addr, server, .. } = granted(reply, conduct, asked, None)?;
            Ok(Verdict::Offered(Offer { addr, server }))
        }
        // The exchange may have lasted for hours without any answer: the lease runs from the latest message.
        (State::Selecting { exchange }, Kind::Ack) if reply.rapid_commit && conduct.rapid_commit => {
            grant(exchange.last_sent, None)
        }
        (State::Requesting { offer, .. }, Kind::Ack) if reply.server_id.is_some_and(|id| id != offer.server) => {
            Err(Discard::WrongServer)
        }
        (State::Requesting { offer, .. }, Kind::Ack) if reply.yiaddr != offer.addr.get() => Err(Discard::BadAddress),
        (State::Requesting { exchange, offer }, Kind::Ack) => grant(first(exchange), Some(offer.server)),
        (State::Requesting { offer, .. }, Kind::Nak) if reply.server() != Some(offer.server) => {
            Err(Discard::WrongServer)
        }
        (State::Requesting { exchange, .. } | State::Rebooting { exchange, .. }, Kind::Nak) => denied(exchange),
        (State::Rebooting { exchange, .. }, Kind::Ack) => grant(first(exchange), None),
        (State::Renewing { exchange, lease } | State::Rebinding { exchange, lease }, Kind::Ack) => {
            grant(first(exchange), Some(lease.server))
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
