//! What the client does about other hosts that claim its address (RFC 5227).

use core::time::Duration;

use orlop_dhcp_contract::timing::{MAX_CONFLICTS, RATE_LIMIT_INTERVAL};
use orlop_dhcp_contract::{Arp, Discard, Finding, HardwareAddr, Stage, UnicastAddr};
use orlop_machine::{Instant, Machine};

use super::retransmit::DECLINE_WAIT;
use super::{Action, Client};
use crate::arp;
use crate::conflict::{self, Detection};
use crate::frame::PacketInfo;

/// Addresses that one host may turn out to have, one leased after the other. Whoever claims a third has none of them: it is a
/// router that answers for every address (proxy ARP, RFC 1027), and would leave us without any for as long as we believed it.
const ADDRESSES_OF_ONE_HOST: usize = 2;

/// The host that took the latest addresses from us, and which.
#[derive(Debug, Default)]
pub(super) struct Claimant {
    by: Option<HardwareAddr>,
    addrs: Vec<UnicastAddr>,
}

impl Claimant {
    fn has_taken(&mut self, by: HardwareAddr, addr: UnicastAddr) {
        if self.by != Some(by) {
            *self = Self { by: Some(by), addrs: Vec::new() };
        }
        if !self.addrs.contains(&addr) && self.addrs.len() < ADDRESSES_OF_ONE_HOST {
            self.addrs.push(addr);
        }
    }

    /// Whether it claims one address more than any host has.
    fn answers_for_all(&self, by: HardwareAddr, addr: UnicastAddr) -> bool {
        self.by == Some(by) && self.addrs.len() == ADDRESSES_OF_ONE_HOST && !self.addrs.contains(&addr)
    }
}

impl Client {
    /// Takes one packet from the socket of [`Event::Watch`](super::Event::Watch), from the ARP header on. Whatever is no claim to
    /// our address is dropped and counted.
    #[must_use]
    pub fn hear(&mut self, now: Instant, packet: &[u8], info: PacketInfo) -> Vec<Action> {
        let mut actions = Vec::new();
        match self.claim(packet, info) {
            Ok(by) => {
                self.contest.other = Some(by);
                self.contested(now, conflict::Event::Claimed(by), &mut actions);
            }
            Err(discard) => self.discards.count(discard),
        }
        self.report(now, &mut actions);
        actions
    }

    /// Whether an address is watched: the socket is of use for no longer.
    #[must_use]
    pub const fn is_watching(&self) -> bool {
        self.detection.is_some()
    }

    fn claim(&self, packet: &[u8], info: PacketInfo) -> Result<HardwareAddr, Discard> {
        let detection = self.detection.as_ref().ok_or(Discard::Unexpected)?;
        let by = detection.judge(&arp::parse(packet, info)?)?;
        let is_probed = detection.stage() == Stage::Probing;
        if is_probed && self.claimant.answers_for_all(by, detection.addr()) { Err(Discard::Unexpected) } else { Ok(by) }
    }

    /// Begins to probe.
    pub(super) fn watch(&mut self, now: Instant, addr: UnicastAddr) {
        self.detection = Some(Detection::new(now, addr, self.hardware, self.chance.seed()));
    }

    /// Sends what is due about the address, as long as it is the one of a lease of ours.
    pub(super) fn watch_over(&mut self, now: Instant, out: &mut Vec<Action>) {
        let stood_on = self.state.lease().map(|lease| lease.addr);
        let kept = self.kept.as_ref().filter(|kept| kept.in_force).map(|kept| kept.lease.addr);
        self.detection = self.detection.take().filter(|watched| [stood_on, kept].contains(&Some(watched.addr())));
        if self.detection.as_ref().and_then(Detection::deadline).is_some_and(|due| due <= now) {
            self.contested(now, conflict::Event::Deadline, out);
        }
    }

    fn contested(&mut self, now: Instant, event: conflict::Event, out: &mut Vec<Action>) {
        let Some(detection) = &mut self.detection else { return };
        let addr = detection.addr();
        for action in detection.handle(now, event) {
            let contest = &mut self.contest;
            match action {
                conflict::Action::Send(packet) => {
                    if let Arp::Defend { against: _ } = packet {
                        contest.defences = contest.defences.saturating_add(1);
                    }
                    out.push(Action::Arp(packet));
                }
                conflict::Action::Found(finding) => {
                    match finding {
                        Finding::Free => self.conflicts = 0,
                        Finding::Taken { by } => {
                            self.claimant.has_taken(by, addr);
                            contest.conflicts = contest.conflicts.saturating_add(1);
                            self.conflicts = self.conflicts.saturating_add(1);
                        }
                    }
                    out.push(Action::Probed(finding));
                }
            }
        }
    }

    /// How long to wait after a DHCPDECLINE: RFC 5227 section 2.1.1 wants a minute once many addresses turned out to be taken.
    pub(super) const fn decline_wait(&self) -> Duration {
        if self.conflicts < MAX_CONFLICTS { DECLINE_WAIT } else { RATE_LIMIT_INTERVAL }
    }
}
