//! Whether another host has the address of a lease (RFC 5227): the worker hears and judges, we send what it asks for about that
//! one address.
//!
//! In the background a lease is in force while its address is probed for; `blocking` holds it back until the worker has told what
//! the probes found. A one-shot run that does not block ends before it could know, so it leaves this to the service after it.

use core::time::Duration;
use std::os::fd::AsFd;

use orlop_dhcp_contract::{Arp, Finding, IfIndex, Lease, Notice, Refusal};
use orlop_machine::Instant;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::packet::{Ethertype, open_listener};
use tracing::{debug, info, warn};

use super::link::OurLink;
use super::server::{Server, worker_ended};
use crate::config::ConflictDetection;
use crate::filter;
use crate::settings::Mode;

/// How often the log tells of hosts that claim an address of ours.
const TELL_EVERY: Duration = Duration::from_secs(600);

impl Server {
    /// Whether a lease may not be in force before its address was probed for. One that the interface has already is in use.
    pub(super) fn waits_for_probes(&self, index: IfIndex, lease: &Lease) -> bool {
        self.links.get(&index).is_some_and(|our| {
            let in_use = our.lease.as_ref().is_some_and(|old| old.addr == lease.addr)
                || our.footprint.as_ref().is_some_and(|own| own.addr == lease.addr);
            our.config.conflict_detection == ConflictDetection::Blocking && !in_use
        })
    }

    /// Whether it is not known that nobody else has the address of a lease: it is another one than before, or was asked for anew.
    pub(super) fn is_unsure(&self, index: IfIndex, lease: &Lease) -> bool {
        let extends = |our: &OurLink| our.extending && our.lease.as_ref().is_some_and(|old| old.addr == lease.addr);
        !self.links.get(&index).is_some_and(extends)
    }

    /// Holds a permitted lease back until the worker has told what the probes found.
    pub(super) fn hold(&mut self, now: Instant, index: IfIndex, lease: Lease) -> Result<(), Fatal> {
        if !self.watch(now, index, &lease)? {
            return self.enforce(now, index, lease);
        }
        if let Some(our) = self.links.get_mut(&index) {
            info!(interface = %our.link.name, address = %lease.addr, "asking whether another host has the address");
            our.waiting = Some(lease);
        }
        Ok(())
    }

    /// A lease that waits is not wanted any more: its `Configure` has its answer.
    pub(super) fn drop_waiting(&mut self, index: IfIndex) -> Result<(), Fatal> {
        match self.links.get_mut(&index).and_then(|our| our.waiting.take()) {
            Some(_) => self.notify(&Notice::Refused { link: index, why: Refusal::Policy }),
            None => Ok(()),
        }
    }

    /// Has the address of the lease in force probed for, where that is wanted and the address is ours.
    pub(super) fn watch_in_force(&mut self, now: Instant, index: IfIndex) -> Result<(), Fatal> {
        let Some(OurLink { lease: Some(lease), footprint: Some(footprint), refused: None, config, .. }) =
            self.links.get(&index)
        else {
            return Ok(());
        };
        let wanted = config.conflict_detection != ConflictDetection::Off && self.run.mode == Mode::Service;
        if !wanted || !footprint.ours {
            return Ok(());
        }
        let lease = lease.clone();
        self.watch(now, index, &lease).map(|_| ())
    }

    /// Lets the worker hear what others on the link claim about the address of `lease`. Whether it does.
    fn watch(&mut self, now: Instant, index: IfIndex, lease: &Lease) -> Result<bool, Fatal> {
        let own = self.equipment.interfaces.hardware();
        let program = filter::arp::program(lease.addr, &own);
        match open_listener(index.get(), Ethertype::Arp, &program) {
            Ok(listener) => {
                self.policy.watched(now, index, lease);
                let notice = Notice::Watch { link: index, addr: lease.addr };
                self.channel.send_with(&notice, listener.as_fd()).map_err(worker_ended)?;
                Ok(true)
            }
            Err(cause) => {
                if let Some(our) = self.links.get(&index) {
                    warn!(interface = %our.link.name, %cause, "cannot listen to ARP; nobody asks whether another host has the address");
                }
                Ok(false)
            }
        }
    }

    /// Sends a permitted packet about the address that is watched.
    pub(super) fn send_arp(&mut self, now: Instant, index: IfIndex, packet: Arp) {
        let Some(our) = self.links.get_mut(&index) else { return };
        let Some(addr) = our.waiting.as_ref().or(our.lease.as_ref()).map(|lease| lease.addr) else { return };
        let interface = &our.link.name;
        if let Arp::Defend { against } = packet
            && our.told_of_claims.is_none_or(|last| now.since(last) >= TELL_EVERY)
        {
            our.told_of_claims = Some(now);
            warn!(%interface, address = %addr, by = %against, "another host claims the leased address; it is defended and kept");
        }
        match self.equipment.transmit.send_arp(index, packet, our.link.hardware, addr) {
            Ok(()) => debug!(%interface, address = %addr, ?packet, "sent ARP"),
            // For the protocol it is a lost packet.
            Err(error) => debug!(%interface, cause = %error.cause, "cannot send ARP"),
        }
    }

    /// The probes have found something.
    pub(super) fn probed(&mut self, now: Instant, index: IfIndex, finding: Finding) -> Result<(), Fatal> {
        let Some(our) = self.links.get_mut(&index) else { return Ok(()) };
        let waiting = our.waiting.take();
        match (finding, waiting) {
            (Finding::Free, Some(lease)) => self.enforce(now, index, lease),
            (Finding::Free, None) => {
                debug!(interface = %our.link.name, "no other host has the address");
                Ok(())
            }
            // One that is in force is given up once the worker has been told, as it is declined then.
            (Finding::Taken { by }, waiting) => {
                let waits = waiting.is_some();
                let Some(addr) = waiting.as_ref().or(our.lease.as_ref()).map(|lease| lease.addr) else { return Ok(()) };
                warn!(interface = %our.link.name, address = %addr, %by, "another host has the leased address");
                let (link, why) = (index, Refusal::Conflict { addr });
                our.refused = Some(why);
                self.notify(&if waits { Notice::Refused { link, why } } else { Notice::Lost { link, addr } })
            }
        }
    }
}
