//! A client with its own clock, driven by hand.

use core::time::Duration;

use orlop_dhcp_contract::{Conduct, Counters, Discard, HardwareAddr, Phase, ServerRule};
use orlop_dhcp_core::client::{Action, Client, Event};
use orlop_dhcp_core::frame::PacketInfo;
use orlop_machine::{Instant, Machine, Seed};
use orlop_wire::Bounded;

use crate::packet::{ACK, OFFER, OURS, Packet};

/// A client with its own clock, driven by hand.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) now: Instant,
    pub(crate) xid: u32,
}

pub(crate) fn conduct() -> Conduct {
    Conduct {
        client_id: Bounded::new(),
        rapid_commit: false,
        broadcast: false,
        fallback_lease_secs: 3600,
        servers: ServerRule::default(),
        told_as: None,
    }
}

impl Bench {
    pub(crate) fn new(conduct: Conduct) -> Self {
        let client = Client::new(conduct, HardwareAddr(OURS), None, true, Seed::from_bytes([1; 32]));
        Self { client, now: Instant::from_nanos(1_000_000_000), xid: 0 }
    }

    pub(crate) fn event(&mut self, event: Event) -> Vec<Action> {
        let actions = self.client.handle(self.now, event);
        self.note(actions)
    }

    pub(crate) fn packet(&mut self, packet: &Packet) -> Vec<Action> {
        let actions = self.client.receive(self.now, &packet.bytes(), PacketInfo::PLAIN);
        self.note(actions)
    }

    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Action> {
        self.now = self.now.after(time);
        self.event(Event::Deadline)
    }

    /// What was dropped so far.
    pub(crate) fn dropped(&self) -> Vec<(Discard, u32)> {
        let counters: Counters = self.client.progress().discards;
        counters.iter().filter(|(_, n)| *n > 0).collect()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.client.progress().phase
    }

    fn note(&mut self, actions: Vec<Action>) -> Vec<Action> {
        for action in &actions {
            if let Action::Send { xid, .. } = action {
                self.xid = *xid;
            }
        }
        actions
    }

    /// Into SELECTING.
    pub(crate) fn selecting(conduct: Conduct) -> Self {
        let mut bench = Self::new(conduct);
        let _ = bench.event(Event::Started);
        assert_eq!(bench.client.progress().phase, Phase::Selecting);
        bench
    }

    /// Into REQUESTING 192.0.2.9 from 192.0.2.1.
    pub(crate) fn requesting() -> Self {
        let mut bench = Self::selecting(conduct());
        let _ = bench.packet(&Packet::lease(OFFER, bench.xid));
        assert_eq!(bench.client.progress().phase, Phase::Requesting);
        bench
    }

    /// Into BOUND to 192.0.2.9 for an hour.
    pub(crate) fn bound() -> Self {
        let mut bench = Self::requesting();
        let _ = bench.packet(&Packet::lease(ACK, bench.xid));
        let _ = bench.event(Event::Applied);
        assert_eq!(bench.client.progress().phase, Phase::Bound);
        bench
    }

    /// Into RENEWING.
    pub(crate) fn renewing() -> Self {
        let mut bench = Self::bound();
        let _ = bench.pass(Duration::from_secs(1800));
        assert_eq!(bench.client.progress().phase, Phase::Renewing);
        bench
    }

    /// Into REBINDING.
    pub(crate) fn rebinding() -> Self {
        let mut bench = Self::bound();
        let _ = bench.pass(Duration::from_secs(3150));
        assert_eq!(bench.client.progress().phase, Phase::Rebinding);
        bench
    }

    /// Into REBOOTING, by a carrier that went away.
    pub(crate) fn rebooting() -> Self {
        let mut bench = Self::bound();
        let _ = bench.event(Event::CarrierDown);
        let _ = bench.pass(Duration::from_secs(2));
        let _ = bench.event(Event::CarrierUp);
        assert_eq!(bench.client.progress().phase, Phase::Rebooting);
        bench
    }
}
