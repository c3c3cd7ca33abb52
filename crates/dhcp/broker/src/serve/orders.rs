//! What an operator asks a running daemon for.

use orlop_broker::control::Reply;
use orlop_dhcp_contract::{Command, IfIndex, Notice};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::Fatal;
use tracing::{info, warn};

use super::link::OurLink;
use super::server::Server;
use crate::config::Loaded;
use crate::control::{Order, Target};
use crate::interfaces::Link;
use crate::selection::Selection;

impl Server {
    /// What an operator asked for.
    pub(super) fn order(&mut self, order: &Order) -> Result<Reply, Fatal> {
        info!(%order, "order");
        let (target, command) = match order {
            Order::Reload => return self.reload(),
            Order::Renew(target) => (target, Command::Renew),
            Order::Release(target) => (target, Command::Release),
        };
        let included = self.links.values().filter(|our| target.includes(our.link.name.as_str()));
        let links: Vec<IfIndex> = included.map(OurLink::index).collect();
        if links.is_empty() {
            return Ok(Reply::refused(&match target {
                Target::All => "it looks after no interface now".to_owned(),
                Target::One(name) => format!("it does not look after {name}"),
            }));
        }
        for link in links {
            if command == Command::Renew {
                self.restore_anew(link, clock::now());
            }
            self.notify(&Notice::Command { link, command })?;
        }
        Ok(Reply::Done(()))
    }

    /// Reads the configuration again. A bad one changes nothing.
    fn reload(&mut self) -> Result<Reply, Fatal> {
        let config = match self.run.settings.load() {
            Ok(Loaded { config, warnings }) => {
                for warning in warnings {
                    warn!("{warning}");
                }
                config
            }
            Err(fatal) => return Ok(Reply::refused_configuration(&fatal)),
        };
        if (&config.resolv_conf, config.require_landlock) != (&self.config.resolv_conf, self.config.require_landlock) {
            return Ok(Reply::refused("resolv-conf and require-landlock change only when the daemon is started anew"));
        }
        let old = std::mem::replace(&mut self.config, config);
        let changed: Vec<Link> = self
            .links
            .values()
            .filter(|our| self.config.link(our.link.name.as_str()) != &our.config)
            .map(|our| our.link.clone())
            .collect();
        for link in changed {
            self.take_anew(link)?;
        }
        let selection = Selection::from(&self.config);
        if selection != Selection::from(&old) {
            self.equipment.interfaces.select(selection);
        }
        Ok(Reply::Done(()))
    }

    /// An interface whose settings changed begins afresh, with its lease in force all the while.
    pub(super) fn take_anew(&mut self, link: Link) -> Result<(), Fatal> {
        let index = link.index;
        let name = link.name.clone();
        self.policy.forget(index);
        self.links.remove(&index);
        self.notify(&Notice::LinkRemoved { link: index })?;
        self.add(link)?;
        if self.links.get(&index).is_some_and(|our| our.lease.is_some()) {
            self.publish(index);
        } else {
            self.retract(&name);
        }
        Ok(())
    }
}
