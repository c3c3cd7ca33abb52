//! What the client does about other hosts that claim its address (RFC 5227).

use core::time::Duration;

use orlop_dhcp_contract::timing::{MAX_CONFLICTS, RATE_LIMIT_INTERVAL};
use orlop_dhcp_contract::{Arp, Discard, Finding, HardwareAddr, UnicastAddr};
use orlop_machine::{Instant, Machine};

use super::retransmit::DECLINE_WAIT;
use super::{Action, Client};
use crate::arp;
use crate::conflict::{self, Detection};
use crate::frame::PacketInfo;

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
        detection.judge(&arp::parse(packet, info)?)
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
                        Finding::Taken { by: _ } => {
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
