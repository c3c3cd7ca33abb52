//! What is said in each state, and how often.

use orlop_dhcp_contract::Ask;
use orlop_machine::Instant;

use super::retransmit::{self, REQUEST_ATTEMPTS, UNICAST_ATTEMPTS};
use super::state::{Exchange, State, length, rebind_at};
use super::{Action, Client};

/// What every message has, whatever it asks.
pub(super) struct Header {
    pub(super) xid: u32,
    pub(super) secs: u16,
    pub(super) broadcast: bool,
    /// Azure answers nobody who asks for the MTU (option 26). So of messages that stay unanswered, some do without it: of
    /// DHCPDISCOVERs the third, fifth and so on, and the DHCPREQUEST of an offer as the DHCPDISCOVER before it; where there is a
    /// lease without an MTU, so that nothing can get lost, every second one.
    pub(super) want_mtu: bool,
}

impl Header {
    /// A message about an exchange that is over, which expects no answer.
    pub(super) const fn statement(xid: u32) -> Self {
        Self { xid, secs: 1, broadcast: false, want_mtu: false }
    }
}

const fn is_even(attempts: u32) -> bool {
    attempts.is_multiple_of(2)
}

impl Client {
    /// A new exchange, with its own `xid`.
    pub(super) fn exchange(&mut self, now: Instant) -> Exchange {
        self.sent = 0;
        Exchange::new(self.chance.number(), now)
    }

    /// Sends what the open exchange is about, and sets the time of the next try.
    pub(super) fn transmit(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Self { state, chance, conduct, wish, broadcast, by_name, kept, .. } = self;
        let kept_mtu = kept.as_ref().and_then(|kept| kept.lease.mtu);
        let (exchange, ask, wait) = match state {
            State::Selecting { exchange, .. } => {
                *broadcast |= exchange.attempts >= UNICAST_ATTEMPTS;
                exchange.want_mtu = exchange.attempts < UNICAST_ATTEMPTS || !is_even(exchange.attempts);
                let wait = retransmit::discover(exchange.attempts.saturating_add(1), chance);
                let rapid_commit = conduct.rapid_commit && !*by_name;
                let ask = Ask::Discover { requested: *wish, rapid_commit };
                (exchange, ask, wait)
            }
            State::Requesting { exchange, offer } => {
                let attempt = exchange.attempts.saturating_add(1);
                let wait = retransmit::request(attempt, chance);
                // Who names no server may be behind a relay that the packet came from, and does not answer to its name. In the last
                // try none is named, which is a request as in INIT-REBOOT.
                let named = offer.reply.server_id.is_some() || *by_name || attempt < REQUEST_ATTEMPTS;
                let ask = if named {
                    Ask::Select { requested: offer.addr, server: offer.server }
                } else {
                    Ask::Reboot { requested: offer.addr }
                };
                (exchange, ask, wait)
            }
            State::Rebooting { exchange, wanted } => {
                let wait = retransmit::reboot(chance);
                exchange.want_mtu = kept_mtu.is_some() || is_even(exchange.attempts);
                (exchange, Ask::Reboot { requested: *wanted }, wait)
            }
            State::Renewing { exchange, lease } => {
                let wait = retransmit::extend(now, rebind_at(lease.term), length(lease.term));
                exchange.want_mtu = lease.mtu.is_some() || is_even(exchange.attempts);
                (exchange, Ask::Renew { ciaddr: lease.addr, server: lease.server }, wait)
            }
            State::Rebinding { exchange, lease } => {
                let wait = retransmit::extend(now, lease.term.expires_at(), length(lease.term));
                exchange.want_mtu = lease.mtu.is_some() || is_even(exchange.attempts);
                (exchange, Ask::Rebind { ciaddr: lease.addr }, wait)
            }
            State::NoCarrier | State::Init { .. } | State::Applying { .. } | State::Bound { .. } | State::Released => {
                return;
            }
        };
        exchange.attempts = exchange.attempts.saturating_add(1);
        exchange.retry_at = now.after(wait);
        // Once we have an address, answers come to it.
        let flag = *broadcast && !matches!(ask, Ask::Renew { .. } | Ask::Rebind { .. });
        let header =
            Header { xid: exchange.xid, secs: exchange.secs(now), broadcast: flag, want_mtu: exchange.want_mtu };
        if self.send(now, header, ask, out)
            && let Some(exchange) = self.state.exchange_mut()
        {
            exchange.first_sent.get_or_insert(now);
            exchange.last_sent = Some(now);
        }
    }

    /// Sends one message if the pace allows. Returns whether it went.
    pub(super) fn send(&mut self, now: Instant, header: Header, ask: Ask, out: &mut Vec<Action>) -> bool {
        let Header { xid, secs, broadcast, want_mtu } = header;
        let goes = self.pace.allows(now);
        if goes {
            self.sent = self.sent.saturating_add(1);
            out.push(Action::Send { xid, secs, broadcast, want_mtu, ask });
        }
        goes
    }
}
