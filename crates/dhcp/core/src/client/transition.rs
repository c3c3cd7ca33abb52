//! How each event moves the machine.

use orlop_dhcp_contract::{Ask, Discard, Lease, Policy, Refusal, Remembered, UnicastAddr, Withdrawal};
use orlop_machine::Instant;

use super::acceptance::{Rules, Verdict, judge};
use super::retransmit::{self, REBOOT_ATTEMPTS, REQUEST_ATTEMPTS};
use super::speak::Header;
use super::state::{Exchange, Offer, State, rebind_at, renew_at};
use super::{Action, CARRIER_DEBOUNCE, Carrier, Client};
use crate::message::Reply;

/// Servers that are remembered as having failed: more do not answer on one network.
const MAX_FAILED: usize = 4;

impl Client {
    /// Does what is due by `now` whatever the event: leases end, the carrier is lost or back.
    pub(super) fn let_time_pass(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let Carrier::Fading(since) = self.carrier
            && now >= since.after(CARRIER_DEBOUNCE)
        {
            self.carrier = Carrier::Down;
        }
        if self.lease_end().is_some_and(|end| now >= end) {
            self.expire(now, out);
        }
        match (&self.state, self.carrier) {
            (State::NoCarrier, Carrier::Up) => self.begin(now, out),
            (
                State::Init { .. }
                | State::Selecting { .. }
                | State::Requesting { .. }
                | State::Rebooting { .. }
                | State::Bound { .. }
                | State::Renewing { .. }
                | State::Rebinding { .. },
                Carrier::Down,
            ) => {
                self.put_aside();
                self.state = State::NoCarrier;
                // Another network may answer otherwise.
                self.broadcast = self.conduct.broadcast;
                self.failed.clear();
            }
            // The broker's answer comes first, and soon.
            (State::Applying { .. }, Carrier::Down)
            | (State::NoCarrier, Carrier::Fading(_) | Carrier::Down)
            | (State::Released, Carrier::Up | Carrier::Fading(_) | Carrier::Down)
            | (
                State::Init { .. }
                | State::Selecting { .. }
                | State::Requesting { .. }
                | State::Rebooting { .. }
                | State::Applying { .. }
                | State::Bound { .. }
                | State::Renewing { .. }
                | State::Rebinding { .. },
                Carrier::Up | Carrier::Fading(_),
            ) => {}
        }
    }

    /// When the lease that this client stands on, or keeps in force, ends.
    pub(super) fn lease_end(&self) -> Option<Instant> {
        self.state.lease().or(self.kept.as_ref().map(|kept| &kept.lease)).and_then(|lease| lease.term.expires_at())
    }

    fn expire(&mut self, now: Instant, out: &mut Vec<Action>) {
        let in_force = self.state.lease().is_some() || self.kept.as_ref().is_some_and(|kept| kept.in_force);
        let ended = self.state.lease().or(self.kept.as_ref().map(|kept| &kept.lease));
        self.wish = ended.map(|lease| lease.addr);
        if let Some(end) = self.lease_end().filter(|_| in_force) {
            out.push(Action::Deconfigure(Withdrawal::Expired(end)));
        }
        self.kept = None;
        match self.state {
            State::Rebooting { .. }
            | State::Applying { .. }
            | State::Bound { .. }
            | State::Renewing { .. }
            | State::Rebinding { .. } => self.begin(now, out),
            State::NoCarrier
            | State::Init { .. }
            | State::Selecting { .. }
            | State::Requesting { .. }
            | State::Released => {}
        }
    }

    /// The worker is ready. Says nothing to a client that is at work already.
    pub(super) fn start(&mut self, now: Instant, out: &mut Vec<Action>) {
        match &self.state {
            State::Init { .. } => self.begin(now, out),
            State::NoCarrier
            | State::Selecting { .. }
            | State::Requesting { .. }
            | State::Rebooting { .. }
            | State::Applying { .. }
            | State::Bound { .. }
            | State::Renewing { .. }
            | State::Rebinding { .. }
            | State::Released => {}
        }
    }

    /// Time has passed.
    pub(super) fn advance(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.state.deadline().is_none_or(|due| now < due) {
            return;
        }
        match &self.state {
            State::Init { .. } => self.begin(now, out),
            State::Requesting { exchange, offer } if exchange.attempts >= REQUEST_ATTEMPTS => {
                self.came_to_nothing(offer.server);
                self.start_over(now, out);
            }
            State::Selecting { held: Some(offer), .. } => {
                let offer = offer.clone();
                self.request(now, offer, out);
            }
            State::Rebooting { exchange, .. } if exchange.attempts >= REBOOT_ATTEMPTS => self.discover(now, out),
            State::Bound { lease } if rebind_at(lease.term).is_some_and(|t2| now >= t2) => self.rebind(now, out),
            State::Bound { .. } => self.extend(now, out),
            State::Renewing { lease, .. } if rebind_at(lease.term).is_some_and(|t2| now >= t2) => {
                self.rebind(now, out);
            }
            // An operator's question about a lease without an end: silence takes nothing away.
            State::Renewing { lease, .. } if renew_at(lease.term).is_none() => {
                let lease = lease.clone();
                self.state = State::Bound { lease };
            }
            State::Renewing { .. } | State::Rebinding { .. } => {
                let xid = self.chance.number();
                if let State::Renewing { exchange, .. } | State::Rebinding { exchange, .. } = &mut self.state {
                    exchange.anew(xid);
                }
                self.transmit(now, out);
            }
            State::Selecting { .. } | State::Requesting { .. } | State::Rebooting { .. } => self.transmit(now, out),
            State::NoCarrier | State::Applying { .. } | State::Released => {}
        }
    }

    /// A reply that is ours to judge.
    pub(super) fn answer(&mut self, now: Instant, reply: &Reply, out: &mut Vec<Action>) {
        let held = self.kept.as_ref().map(|kept| &kept.lease);
        match judge(&self.state, reply, Rules { conduct: &self.conduct, held, by_name: self.by_name }) {
            Err(discard) => self.discards.count(discard),
            Ok(Verdict::Offered(offer)) => self.choose(now, offer, out),
            // An answer so late that the lease is over, or that the broker would take it for a replay.
            Ok(Verdict::Granted(lease)) if lease.term.expires_at().is_some_and(|end| end <= now) => {
                self.discards.count(Discard::BadLeaseTime);
            }
            Ok(Verdict::Granted(lease)) if now.since(lease.term.acquired()) > Policy::MAX_AGE => {
                self.discards.count(Discard::Unexpected);
            }
            Ok(Verdict::Granted(lease)) => {
                let from = self.state.phase();
                self.put_aside();
                self.unanswered = self.unanswered.saturating_add(1);
                out.push(Action::Configure(lease.clone()));
                self.state = State::Applying { lease, from };
            }
            Ok(Verdict::Denied) => {
                self.naks = self.naks.saturating_add(1);
                self.denied(now, out);
            }
        }
    }

    /// DHCPNAK: what it refuses is not ours any more.
    fn denied(&mut self, now: Instant, out: &mut Vec<Action>) {
        let refused = match &self.state {
            State::Requesting { offer, .. } => {
                let (addr, server) = (offer.addr, offer.server);
                self.came_to_nothing(server);
                Some(addr)
            }
            State::Rebooting { wanted, .. } => Some(*wanted),
            State::NoCarrier
            | State::Init { .. }
            | State::Selecting { .. }
            | State::Applying { .. }
            | State::Bound { .. }
            | State::Renewing { .. }
            | State::Rebinding { .. }
            | State::Released => self.state.lease().map(|lease| lease.addr),
        };
        self.put_aside();
        self.wish = None;
        if self.kept.as_ref().map(|kept| kept.lease.addr) == refused {
            self.withdraw(Withdrawal::Nak, out);
        }
        self.start_over(now, out);
    }

    /// The broker has put the lease in force.
    pub(super) fn applied(&mut self) {
        if !self.is_latest_answer() {
            return;
        }
        if let State::Applying { lease, .. } = &self.state {
            let lease = lease.clone();
            self.kept = None;
            self.strikes = 0;
            self.failed.clear();
            self.by_name = false;
            self.state = State::Bound { lease };
        }
    }

    /// The broker has not.
    pub(super) fn refused(&mut self, now: Instant, why: Refusal, out: &mut Vec<Action>) {
        if !self.is_latest_answer() {
            return;
        }
        let State::Applying { lease, .. } = &self.state else { return };
        let (addr, server) = (lease.addr, lease.server);
        match why {
            Refusal::Conflict { .. } => self.decline(now, addr, server, out),
            Refusal::Policy | Refusal::NewServer | Refusal::Kernel { .. } => {
                if why == Refusal::NewServer {
                    self.by_name = true;
                } else {
                    self.came_to_nothing(server);
                }
                // Never at once: the next try would end the same way.
                self.strikes = self.strikes.saturating_add(1);
                self.state = State::Init { until: now.after(retransmit::back_off(self.strikes)) };
            }
        }
    }

    /// Another host has the address of the lease in force, and the broker believes it.
    pub(super) fn lost(&mut self, now: Instant, addr: UnicastAddr, out: &mut Vec<Action>) {
        let kept = self.kept.as_ref().filter(|kept| kept.in_force).map(|kept| &kept.lease);
        let lease = self.state.lease().or(kept).filter(|lease| lease.addr == addr);
        // Another one took its place meanwhile.
        let Some(server) = lease.map(|lease| lease.server) else { return };
        self.put_aside();
        self.decline(now, addr, server, out);
    }

    /// Tells the server that its address is another host's, and does without for a while.
    fn decline(&mut self, now: Instant, addr: UnicastAddr, server: UnicastAddr, out: &mut Vec<Action>) {
        if self.carrier != Carrier::Down {
            let xid = self.chance.number();
            self.send(now, Header::statement(xid), Ask::Decline { requested: addr, server }, out);
        }
        if self.kept.as_ref().is_some_and(|kept| kept.lease.addr == addr) {
            self.withdraw(Withdrawal::Conflict, out);
        }
        self.wish = None;
        self.state = State::Init { until: now.after(self.decline_wait()) };
    }

    /// Whether the answer that just came is to the latest [`Action::Configure`].
    fn is_latest_answer(&mut self) -> bool {
        let last = self.unanswered == 1;
        self.unanswered = self.unanswered.saturating_sub(1);
        last
    }

    /// The operator wants the lease extended, or one found.
    pub(super) fn renew(&mut self, now: Instant, out: &mut Vec<Action>) {
        match &self.state {
            State::Init { .. } | State::Released => self.begin(now, out),
            State::Bound { .. } | State::Renewing { .. } => self.extend(now, out),
            State::Rebinding { .. } => self.rebind(now, out),
            // On its way already, or nothing can be done.
            State::NoCarrier
            | State::Selecting { .. }
            | State::Requesting { .. }
            | State::Rebooting { .. }
            | State::Applying { .. } => {}
        }
    }

    /// The operator wants the lease given back.
    pub(super) fn release(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.put_aside();
        if let Some(kept) = self.kept.take() {
            let Lease { addr, server, .. } = kept.lease;
            self.wish = Some(addr);
            if kept.in_force {
                if self.carrier != Carrier::Down {
                    let xid = self.chance.number();
                    self.send(now, Header::statement(xid), Ask::Release { ciaddr: addr, server }, out);
                }
                out.push(Action::Deconfigure(Withdrawal::Released));
            }
        }
        self.state = State::Released;
    }

    /// Starts from the lease of before, if there is one, else from nothing.
    fn begin(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.carrier == Carrier::Down {
            self.state = State::NoCarrier;
            return;
        }
        match &self.kept {
            Some(kept) if !self.by_name => {
                let wanted = kept.lease.addr;
                let exchange = self.exchange(now);
                self.state = State::Rebooting { exchange, wanted };
                self.transmit(now, out);
            }
            Some(_) | None => self.discover(now, out),
        }
    }

    /// Starts again after a refusal, a little later each time.
    fn start_over(&mut self, now: Instant, out: &mut Vec<Action>) {
        let wait = retransmit::back_off(self.strikes);
        self.strikes = self.strikes.saturating_add(1);
        self.state = State::Init { until: now.after(wait) };
        if wait.is_zero() {
            self.begin(now, out);
        }
    }

    fn discover(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let Some(kept) = &self.kept {
            self.wish = Some(kept.lease.addr);
        }
        let exchange = self.exchange(now);
        self.state = State::Selecting { exchange, held: None };
        self.transmit(now, out);
    }

    /// The first offer is taken, unless its server has failed before: that one waits until the next DHCPDISCOVER is due, so that
    /// another server is tried where there is one, and of several the one that has failed longest ago.
    fn choose(&mut self, now: Instant, offer: Offer, out: &mut Vec<Action>) {
        let rank = |failed: &[UnicastAddr], offer: &Offer| failed.iter().position(|server| *server == offer.server);
        let Some(new) = rank(&self.failed, &offer) else { return self.request(now, offer, out) };
        if let State::Selecting { held, .. } = &mut self.state
            && held.as_ref().and_then(|held| rank(&self.failed, held)).is_none_or(|old| new < old)
        {
            *held = Some(offer);
        }
    }

    /// An offer of `server` did not become a lease.
    fn came_to_nothing(&mut self, server: UnicastAddr) {
        self.failed.retain(|failed| *failed != server);
        self.failed.push(server);
        if self.failed.len() > MAX_FAILED {
            self.failed.remove(0);
        }
    }

    /// RFC 2131 section 4.4.1: the request has the `xid` of the offer, and `secs` goes on counting.
    fn request(&mut self, now: Instant, offer: Offer, out: &mut Vec<Action>) {
        let Some(Exchange { xid, began, want_mtu, .. }) = self.state.exchange() else { return };
        let exchange = Exchange { began: *began, want_mtu: *want_mtu, ..Exchange::new(*xid, now) };
        self.state = State::Requesting { exchange, offer };
        self.transmit(now, out);
    }

    fn extend(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let Some(lease) = self.state.lease().cloned().map(Box::new) {
            let exchange = self.exchange(now);
            self.state = State::Renewing { exchange, lease };
            self.transmit(now, out);
        }
    }

    fn rebind(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let Some(lease) = self.state.lease().cloned().map(Box::new) {
            let exchange = self.exchange(now);
            self.state = State::Rebinding { exchange, lease };
            self.transmit(now, out);
        }
    }

    /// Moves the lease that the state stands on, which is in force or about to be, to where it outlives the state.
    fn put_aside(&mut self) {
        if let Some(lease) = self.state.lease() {
            self.kept = Some(Remembered { lease: lease.clone(), in_force: true });
        }
    }

    /// Gives up the lease of before.
    fn withdraw(&mut self, why: Withdrawal, out: &mut Vec<Action>) {
        if self.kept.take().is_some_and(|kept| kept.in_force) {
            out.push(Action::Deconfigure(why));
        }
    }
}
