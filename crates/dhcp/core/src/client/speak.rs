//! What is said in each state, and how often.

use orlop_dhcp_contract::Ask;
use orlop_machine::Instant;

use super::retransmit::{self, UNICAST_ATTEMPTS};
use super::state::{Exchange, State, length, rebind_at};
use super::{Action, Client};

impl Client {
    /// A new exchange, with its own `xid`.
    pub(super) fn exchange(&mut self, now: Instant) -> Exchange {
        self.sent = 0;
        Exchange::new(self.chance.number(), now)
    }

    /// Sends what the open exchange is about, and sets the time of the next try.
    pub(super) fn transmit(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Self { state, chance, conduct, wish, broadcast, by_name, .. } = self;
        let (exchange, ask, wait) = match state {
            State::Selecting { exchange } => {
                *broadcast |= exchange.attempts >= UNICAST_ATTEMPTS;
                let wait = retransmit::discover(exchange.attempts.saturating_add(1), chance);
                let rapid_commit = conduct.rapid_commit && !*by_name;
                let ask = Ask::Discover { requested: *wish, rapid_commit };
                (exchange, ask, wait)
            }
            State::Requesting { exchange, offer } => {
                let wait = retransmit::request(exchange.attempts.saturating_add(1), chance);
                (exchange, Ask::Select { requested: offer.addr, server: offer.server }, wait)
            }
            State::Rebooting { exchange, wanted } => {
                let wait = retransmit::reboot(chance);
                (exchange, Ask::Reboot { requested: *wanted }, wait)
            }
            State::Renewing { exchange, lease } => {
                let wait = retransmit::extend(now, rebind_at(lease.term), length(lease.term));
                (exchange, Ask::Renew { ciaddr: lease.addr, server: lease.server }, wait)
            }
            State::Rebinding { exchange, lease } => {
                let wait = retransmit::extend(now, lease.term.expires_at(), length(lease.term));
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
        let (xid, secs) = (exchange.xid, exchange.secs(now));
        if self.send(now, xid, secs, flag, ask, out)
            && let Some(exchange) = self.state.exchange_mut()
        {
            exchange.first_sent.get_or_insert(now);
            exchange.last_sent = Some(now);
        }
    }

    /// Sends one message if the pace allows. Returns whether it went.
    pub(super) fn send(
        &mut self,
        now: Instant,
        xid: u32,
        secs: u16,
        broadcast: bool,
        ask: Ask,
        out: &mut Vec<Action>,
    ) -> bool {
        let goes = self.pace.allows(now);
        if goes {
            self.sent = self.sent.saturating_add(1);
            out.push(Action::Send { xid, secs, broadcast, ask });
        }
        goes
    }
}
