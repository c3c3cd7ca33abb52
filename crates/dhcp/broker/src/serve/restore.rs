//! What somebody else has removed of a lease that is in force is put back: the address, the route to its network, its routes.

use core::time::Duration;

use orlop_dhcp_contract::IfIndex;
use orlop_machine::Instant;
use tracing::{info, warn};

use super::link::OurLink;
use super::server::Server;
use crate::netlink::{Missing, Removed};

/// How long after a removal we look. Whoever moves an address to a bridge or to another link, or sets a link down, is done by then.
const SETTLE: Duration = Duration::from_millis(500);
/// How often what was removed from one lease is put back. Whoever removes it again means it.
const MAX_RESTORES: u32 = 2;

/// How a lease fares in the hands of others.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// When to look whether all of it is there.
    look_at: Option<Instant>,
    restores: u32,
    /// That it is left as it is has been told.
    told: bool,
}

impl Server {
    /// The kernel says that something was removed.
    pub(super) fn removed(&mut self, removed: &Removed, now: Instant) {
        for our in self.links.values_mut().filter(|our| removed.concerns(our.index()) && our.config.restore) {
            if our.footprint.is_some() {
                our.upkeep.look_at.get_or_insert(now.after(SETTLE));
            }
        }
    }

    /// Looks where it is time to. Gives the moment at which it is again.
    pub(super) fn look_after_leases(&mut self, now: Instant) -> Option<Instant> {
        let due = |our: &&OurLink| our.upkeep.look_at.is_some_and(|at| at <= now);
        let due: Vec<IfIndex> = self.links.values().filter(due).map(OurLink::index).collect();
        due.into_iter().for_each(|index| self.restore(index, now));
        self.links.values().filter_map(|our| our.upkeep.look_at).min()
    }

    /// The operator wants the lease to be whole now, whatever was before.
    pub(super) fn restore_anew(&mut self, index: IfIndex, now: Instant) {
        if let Some(our) = self.links.get_mut(&index) {
            our.upkeep = Upkeep::default();
            if our.config.restore {
                self.restore(index, now);
            }
        }
    }

    /// Puts back what is missing of the lease in force, unless somebody means it so.
    fn restore(&mut self, index: IfIndex, now: Instant) {
        let Some(our) = self.links.get_mut(&index) else { return };
        our.upkeep.look_at = None;
        let (Some(own), Some(lease)) = (&our.footprint, &our.lease) else { return };
        let over = lease.term.expires_at().is_some_and(|end| end <= now);
        // When the carrier comes back, everything is put in force once more.
        if !our.link.carrier || over {
            return;
        }
        let name = our.link.name.clone();
        let missing = match self.equipment.netlink.missing(index, own) {
            Ok(missing) => missing,
            Err(error) => return warn!(interface = %name, errno = %error.errno, "{error}"),
        };
        let Missing { address, network, routes, elsewhere } = missing;
        // One that is here as well has not been moved.
        let elsewhere = elsewhere && address;
        // An address that is not ours is not ours to put back.
        if missing.is_nothing() || (address && !own.ours) {
            return;
        }
        if elsewhere || our.upkeep.restores >= MAX_RESTORES {
            let told = std::mem::replace(&mut our.upkeep.told, true);
            if elsewhere && !told {
                info!(interface = %name, address = %own.addr, "another interface has the leased address now; left there");
            } else if !told {
                warn!(interface = %name, address, network, routes, "somebody removes what belongs to the lease again and again; left as it is until `renew`");
            }
            return;
        }
        our.upkeep.restores = our.upkeep.restores.saturating_add(1);
        warn!(interface = %name, address, network, routes, "somebody has removed what belongs to the lease; put back");
        if network
            && !address
            && let Err(error) = self.equipment.netlink.put_network(index, own)
        {
            warn!(interface = %name, errno = %error.errno, "{error}");
        }
        self.reinstate(index);
    }
}
