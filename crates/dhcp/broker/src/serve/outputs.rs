//! What others see of a lease: names for resolvers, facts for other daemons, a file for the next process.
//!
//! None of it can cost the lease: what cannot be written is said, and the address stays.

use orlop_dhcp_contract::{DomainName, IfIndex};
use orlop_netfacts::Facts;
use orlop_wire::InterfaceName;
use tracing::{info, warn};

use super::equipment::Equipment;
use super::link::OurLink;
use super::server::Server;
use crate::config::SetHostname;
use crate::hostname::{self, is_default};
use crate::lease_file::{self, Handover};
use crate::resolv_conf::{ResolvConfError, Update};

impl Server {
    /// Tells everybody about the lease in force on a link.
    pub(super) fn publish(&mut self, index: IfIndex) {
        let Some(our) = self.links.get_mut(&index) else { return };
        keep_lease(&mut self.equipment, our);
        let OurLink { link, lease: Some(lease), .. } = &*our else { return };
        if let Some(name) = &lease.hostname {
            match self.equipment.hostname.apply(name, self.config.set_hostname) {
                Ok(hostname::Naming::Set) => info!(interface = %link.name, %name, "host named by the server"),
                Ok(hostname::Naming::Same | hostname::Naming::Kept) => {}
                Err(error) => warn!(interface = %link.name, %name, %error, "the host does not take the name"),
            }
        }
        if let Some(facts) = our.facts() {
            self.equipment.publisher.publish(&facts);
        }
        self.update_resolv_conf();
    }

    /// Takes back what was told about an interface that has no lease any more, or no longer this name.
    pub(super) fn retract(&mut self, interface: &InterfaceName) {
        self.equipment.publisher.withdraw(interface);
        self.update_resolv_conf();
    }

    /// Takes back what an earlier process told about interfaces that have no lease now.
    pub(super) fn retract_orphans(&mut self) {
        for interface in std::mem::take(&mut self.equipment.published) {
            let has_lease = |our: &OurLink| our.link.name == interface && our.lease.is_some();
            if !self.links.values().any(has_lease) {
                self.equipment.publisher.withdraw(&interface);
            }
        }
    }

    /// Removes the lease file of an interface that is gone, or has another name now.
    pub(super) fn forget(&mut self, interface: &InterfaceName) {
        self.equipment.own.attempt(|own| lease_file::forget(own, interface));
    }

    /// Writes once more what could not be written.
    pub(super) fn retry_outputs(&mut self) {
        self.equipment.publisher.retry();
        // A status that was written in the same folder meanwhile says nothing about these.
        for our in self.links.values_mut().filter(|our| our.lease_file_failed) {
            keep_lease(&mut self.equipment, our);
        }
    }

    /// The name of this host that servers are told: one of its own, unless theirs shall replace it. A server that is
    /// told a name often gives the same one back.
    pub(super) fn own_name(&self) -> Option<DomainName> {
        if self.config.set_hostname == SetHostname::Always {
            return None;
        }
        let name = self.equipment.hostname.current().ok().filter(|name| !is_default(name))?;
        DomainName::new(&name).ok()
    }

    fn update_resolv_conf(&mut self) {
        let facts: Vec<Facts> = self.links.values().filter_map(OurLink::facts).collect();
        let update = self.equipment.resolv_conf.update(&facts);
        self.tell_resolv_conf(update);
    }

    /// Writes resolv.conf when the resolver that owned it is gone.
    pub(super) fn poll_resolv_conf(&mut self) {
        let update = self.equipment.resolv_conf.poll();
        self.tell_resolv_conf(update);
    }

    fn tell_resolv_conf(&mut self, update: Result<Update, ResolvConfError>) {
        match update {
            Ok(Update::Claimed | Update::Untouched) => {}
            Ok(Update::Unchanged) => self.equipment.resolv_conf.tell(None),
            Ok(Update::Written) => {
                self.equipment.resolv_conf.tell(None);
                info!("resolv.conf written");
            }
            Err(error) => self.equipment.resolv_conf.tell(Some(&error)),
        }
    }
}

/// Keeps the lease of a link for the next process.
fn keep_lease(Equipment { own, boot, .. }: &mut Equipment, our: &mut OurLink) {
    let OurLink { link, lease: Some(lease), lease_file, lease_file_failed, .. } = our else { return };
    let handover =
        Handover { boot: boot.clone(), interface: link.name.clone(), hardware: link.hardware, lease: lease.clone() };
    *lease_file_failed = own.attempt(|own| lease_file.store(own, &handover)).is_none();
}
