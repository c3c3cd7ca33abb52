//! Which interfaces we look after, as they come and go, with what an earlier process left on them.

use std::os::fd::AsFd;

use orlop_dhcp_contract::{Conduct, IfIndex, Notice, Remembered, plan_routes};
use orlop_machine::Instant;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::packet::{Ethertype, open_listener};
use tracing::{Level, error, info, warn};

use super::equipment::Equipment;
use super::link::OurLink;
use super::restore::Upkeep;
use super::server::{Server, worker_ended};
use super::story::Story;
use crate::config::Pattern;
use crate::filter;
use crate::interfaces::{Link, LinkEvent};
use crate::lease_file::{self, LeaseFile};
use crate::netlink::Footprint;
use crate::transmit::Port;

impl Server {
    /// Something about an interface.
    pub(super) fn link_event(&mut self, event: LinkEvent) -> Result<(), Fatal> {
        match event {
            LinkEvent::Added(link) => self.add(link),
            LinkEvent::Removed(index) => self.remove(index),
            LinkEvent::Carrier { index, up } => {
                let Some(our) = self.links.get_mut(&index) else { return Ok(()) };
                our.link.carrier = up;
                info!(interface = %our.link.name, up, "carrier");
                if up {
                    self.reinstate(index);
                } else {
                    our.story.end();
                }
                self.notify(&Notice::Carrier { link: index, up })
            }
            LinkEvent::Renamed { index, name } => {
                let Some(our) = self.links.get_mut(&index) else { return Ok(()) };
                info!(interface = %our.link.name, %name, "interface renamed");
                let old = std::mem::replace(&mut our.link.name, name);
                let link = our.link.clone();
                let same_settings = self.config.link(link.name.as_str()) == &our.config;
                our.lease_file = LeaseFile::of(&link.name);
                self.equipment.own.attempt(|own| our.lease_file.take_room(own));
                self.retract(&old);
                self.forget(&old);
                self.publish(index);
                if same_settings { Ok(()) } else { self.take_anew(link) }
            }
            LinkEvent::Mtu { index, mtu } => {
                if let Some(our) = self.links.get_mut(&index) {
                    our.link.mtu = mtu;
                }
                Ok(())
            }
            LinkEvent::Listed => {
                self.listed = true;
                if self.equipment.interfaces.links().next().is_none() {
                    let wanted: Vec<&str> = self.config.interfaces.iter().map(Pattern::as_str).collect();
                    info!(wanted = wanted.join(" "), "no such interface yet");
                }
                self.retract_orphans();
                Ok(())
            }
            LinkEvent::TooMany(name) => {
                error!(interface = %name, "there are more interfaces than one daemon looks after; this one is left alone");
                Ok(())
            }
        }
    }

    /// Begins to look after an interface. One that cannot be looked after is left alone; the others are not.
    pub(super) fn add(&mut self, link: Link) -> Result<(), Fatal> {
        let now = clock::now();
        let index = link.index;
        let opened = (|| {
            if !link.up {
                self.equipment.netlink.set_up(index).map_err(|error| (error.doing, error.errno.into()))?;
            }
            if let Err(error) = self.equipment.netlink.promote_secondaries(index) {
                warn!(interface = %link.name, errno = %error.errno, "{error} of its network when a lease ends");
            }
            let port = Port::open(&link.name)
                .map_err(|cause| ("hold UDP port 68 (is another DHCP client running?)", cause))?;
            let listener = open_listener(index.get(), Ethertype::Ipv4, &filter::program());
            let listener = listener.map_err(|cause| ("listen", cause))?;
            Ok::<_, (&str, std::io::Error)>((port, listener))
        })();
        let (port, listener) = match opened {
            Ok(opened) => opened,
            Err((doing, cause)) => {
                if self.left_alone.insert(index) {
                    error!(interface = %link.name, %cause, "cannot {doing}; the interface is left alone until that works");
                }
                return Ok(());
            }
        };
        self.left_alone.remove(&index);
        let config = self.config.link(link.name.as_str()).clone();
        let mut our = OurLink {
            lease_file: LeaseFile::of(&link.name),
            lease_file_failed: false,
            link,
            config,
            _port: port,
            lease: None,
            waiting: None,
            extending: false,
            told_of_claims: None,
            footprint: None,
            progress: None,
            refused: None,
            since: now,
            own_mtu: None,
            story: Story::default(),
            upkeep: Upkeep::default(),
        };
        let remembered = self.remember(&mut our, now);
        self.equipment.own.attempt(|own| our.lease_file.take_room(own));
        if let Err(denied) = self.policy.adopt(now, index, our.lease.as_ref()) {
            error!(interface = %our.link.name, %denied, "the interface is left alone");
            return Ok(());
        }
        let OurLink { link, config, .. } = &our;
        self.policy.restrict(index, config.servers.clone());
        let told_as = (self.config.log >= Level::DEBUG).then(|| link.name.clone());
        let conduct = Conduct { told_as, ..config.conduct(link.hardware) };
        info!(interface = %link.name, hardware = %link.hardware, carrier = link.carrier, "looking after the interface");
        let notice =
            Notice::LinkAdded { link: index, hardware: link.hardware, carrier: link.carrier, conduct, remembered };
        self.links.insert(index, our);
        self.channel.send_with(&notice, listener.as_fd()).map_err(worker_ended)
    }

    /// Tries those once more that were left alone, as they are now.
    pub(super) fn add_left_alone(&mut self) -> Result<(), Fatal> {
        let known = self.equipment.interfaces.links();
        let again: Vec<Link> = known.filter(|link| self.left_alone.contains(&link.index)).cloned().collect();
        again.into_iter().try_for_each(|link| self.add(link))
    }

    /// What an earlier process left behind about this interface: its lease file, and the address in the kernel.
    fn remember(&mut self, our: &mut OurLink, now: Instant) -> Option<Remembered> {
        let Equipment { netlink, own, boot, .. } = &mut self.equipment;
        let name = our.link.name.clone();
        let observed = netlink.current(our.index()).unwrap_or_else(|error| {
            warn!(interface = %name, %error, errno = %error.errno, "cannot see what is on the interface");
            Default::default()
        });
        // Without a lease to go with it, it is what the first lease replaces.
        our.footprint = observed.footprints().into_iter().next();
        let handover = lease_file::load(own.folder()?, &name).unwrap_or_else(|error| {
            warn!(interface = %name, %error, "the lease of before is lost; starting afresh");
            // It is written over and not cut, and this one may have any length.
            own.attempt(|own| lease_file::forget(own, &name));
            None
        })?;
        let (addr, prefix) = (handover.lease.addr, handover.lease.prefix);
        let in_force = observed.has(addr, prefix);
        let remembered = handover.remember(&name, our.link.hardware, boot, now, in_force);
        let remembered =
            remembered.inspect_err(|error| warn!(interface = %name, %error, "the lease of before is not ours")).ok()?;
        if remembered.in_force {
            our.footprint = observed.footprint_of(addr, prefix);
            // What another route of the same protocol is for is not in the lease, so it is not ours.
            let planned = plan_routes(&remembered.lease);
            if let Some(own) = &mut our.footprint {
                own.routes.retain(|route| planned.contains(route));
                own.expires_at = remembered.lease.term.expires_at();
            }
            our.lease = Some(remembered.lease.clone());
        }
        Some(remembered)
    }

    /// Puts the lease in force once more: the kernel drops the routes of an interface that is set down, and whoever sets
    /// it up again gets only the addresses back. Changes nothing where all is there.
    pub(super) fn reinstate(&mut self, index: IfIndex) {
        let Some(our) = self.links.get_mut(&index) else { return };
        let Some(lease) = &our.lease else { return };
        let footprint = Footprint::of(&our.accepted(lease), our.route_choice());
        match self.equipment.netlink.apply(index, our.footprint.as_ref(), &footprint, clock::now()) {
            Ok(applied) => our.footprint = Some(applied.footprint),
            Err(error) => warn!(interface = %our.link.name, errno = %error.errno, "lease not applied again: {error}"),
        }
    }

    /// An interface is gone, and the kernel has taken with it what was on it; or it is no longer wanted, and what is on
    /// it stays, as it would if we ended.
    fn remove(&mut self, index: IfIndex) -> Result<(), Fatal> {
        self.policy.forget(index);
        self.left_alone.remove(&index);
        let Some(our) = self.links.remove(&index) else { return Ok(()) };
        info!(interface = %our.link.name, "no longer looking after the interface");
        if our.lease.is_none() {
            self.forget(&our.link.name);
        }
        self.retract(&our.link.name);
        self.notify(&Notice::LinkRemoved { link: index })
    }
}
