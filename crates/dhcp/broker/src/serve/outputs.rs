//! What others see of a lease: names for resolvers, facts for other daemons, a file for the next process.
//!
//! None of it can cost the lease: what cannot be written is said, and the address stays.

use orlop_dhcp_contract::{DomainName, IfIndex};
use orlop_netfacts::Facts;
use orlop_wire::InterfaceName;
use tracing::{info, warn};

use super::link::OurLink;
use super::server::Server;
use crate::config::SetHostname;
use crate::hostname::{self, is_default};
use crate::lease_file::{self, Handover};
use crate::resolv_conf;

impl Server {
    /// Tells everybody about the lease in force on a link.
    pub(super) fn publish(&mut self, index: IfIndex) {
        let Some(our) = self.links.get(&index) else { return };
        let OurLink { link, lease: Some(lease), .. } = our else { return };
        let handover = Handover {
            boot: self.equipment.boot.clone(),
            interface: link.name.clone(),
            hardware: link.hardware,
            lease: lease.clone(),
        };
        if let Err(error) = lease_file::store(self.equipment.own_folder(), &handover) {
            warn!(interface = %link.name, %error, "the lease is not kept for the next process");
        }
        if let Some(name) = &lease.hostname {
            match self.equipment.hostname.apply(name, self.config.set_hostname) {
                Ok(hostname::Naming::Set) => info!(interface = %link.name, %name, "host named by the server"),
                Ok(hostname::Naming::Same | hostname::Naming::Kept) => {}
                Err(error) => warn!(interface = %link.name, %name, %error, "the host does not take the name"),
            }
        }
        if let Some(Err(error)) = our.facts().map(|facts| self.equipment.publisher.publish(&facts)) {
            warn!(interface = %link.name, %error, "the facts of the lease are not published");
        }
        self.update_resolv_conf();
    }

    /// Takes back what was told about an interface that has no lease any more, or no longer this name.
    pub(super) fn retract(&mut self, interface: &InterfaceName) {
        if let Err(error) = self.equipment.publisher.withdraw(interface) {
            warn!(%interface, %error, "the facts of the lease are still published");
        }
        self.update_resolv_conf();
    }

    /// Takes back what an earlier process told about interfaces that have no lease now.
    pub(super) fn retract_orphans(&mut self) {
        for interface in std::mem::take(&mut self.equipment.published) {
            let has_lease = |our: &OurLink| our.link.name == interface && our.lease.is_some();
            if !self.links.values().any(has_lease)
                && let Err(error) = self.equipment.publisher.withdraw(&interface)
            {
                warn!(%interface, %error, "the facts of an old lease are still published");
            }
        }
    }

    /// Removes the lease file of an interface whose lease is over.
    pub(super) fn forget(&mut self, interface: &InterfaceName) {
        if let Err(error) = lease_file::forget(self.equipment.own_folder(), interface) {
            warn!(%interface, %error, "the lease file stays");
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
        log_resolv_conf(update);
    }

    /// Writes resolv.conf when the resolver that owned it is gone.
    pub(super) fn poll_resolv_conf(&mut self) {
        let update = self.equipment.resolv_conf.poll();
        log_resolv_conf(update);
    }
}

fn log_resolv_conf(update: Result<resolv_conf::Update, resolv_conf::ResolvConfError>) {
    match update {
        Ok(resolv_conf::Update::Written) => info!("resolv.conf written"),
        Ok(resolv_conf::Update::Unchanged | resolv_conf::Update::Claimed | resolv_conf::Update::Untouched) => {}
        Err(error) => warn!(%error, "resolv.conf not written"),
    }
}
