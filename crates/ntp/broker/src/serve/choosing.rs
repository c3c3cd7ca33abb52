//! Whom the worker is told to ask.

use orlop_ntp_contract::{MAX_ADDRESSES, Notice, PollRange, ServerAddr, SourceConduct, SourceId};
use orlop_sandbox::fatal::Fatal;
use orlop_wire::Bounded;
use tracing::{info, warn};

use super::names::Whose;
use super::server::Server;
use crate::config::Place;
use crate::facts;
use crate::sources::{Asked, Change, chosen};

impl Server<'_> {
    /// Asks whom the operator, the network or nobody names, as it is now.
    pub(super) fn choose_sources(&mut self) -> Result<(), Fatal> {
        let said = if self.config.network_sources { self.equipment.facts.read() } else { Vec::new() };
        let network = facts::servers(said);
        let wanted = chosen(&self.config.sources, &network, &self.config.fallback);
        for change in self.sources.become_these(wanted) {
            match change {
                Change::Removed(source) => {
                    self.names.forget(Whose::Source(source));
                    self.forget_keys(source);
                    self.policy.forget(source);
                    self.notify(&Notice::SourceGone { source })?;
                }
                Change::Conducted(source) => {
                    let Some(Asked { conduct, .. }) = self.sources.get(source) else { continue };
                    self.notify(&Notice::Source { source, conduct: self.conduct(*conduct) })?;
                }
                Change::Added(source) => {
                    let Some(Asked { origin, place, conduct }) = self.sources.get(source).cloned() else { continue };
                    info!(source = %place, ?origin, "asking");
                    if conduct.nts && !self.secure(source, &place) {
                        warn!(source = %place, "no certificate can be for this name");
                        continue;
                    }
                    self.notify(&Notice::Source { source, conduct: self.conduct(conduct) })?;
                    match place {
                        Place::Address(server) => self.found(source, vec![server])?,
                        Place::OnLink { ip, interface, port } => {
                            let index = self.equipment.interfaces.get(&interface).copied();
                            match index.and_then(|index| ServerAddr::on_link(ip, index, port)) {
                                Some(server) => self.found(source, vec![server])?,
                                None => warn!(interface, "there was no such interface when the daemon started"),
                            }
                        }
                        Place::Clock(_) if self.equipment.hardware.is_none() => {}
                        Place::Clock(_) => self.found(source, vec![ServerAddr::CLOCK])?,
                        Place::Name(name, port) => {
                            if !self.names.want(Whose::Source(source), &name, port) {
                                warn!(name, "this name cannot be looked up");
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// How a source is asked: as somebody wrote it, or as often as this machine needs.
    fn conduct(&self, conduct: SourceConduct) -> SourceConduct {
        let in_doubt = self.equipment.is_virtual && self.equipment.hardware.is_none();
        let polls = if in_doubt && conduct.polls == PollRange::USUAL { PollRange::OF_A_GUEST } else { conduct.polls };
        SourceConduct { polls, ..conduct }
    }

    /// Where the servers of a source are.
    pub(super) fn found(&mut self, source: SourceId, servers: Vec<ServerAddr>) -> Result<(), Fatal> {
        let servers: Bounded<ServerAddr, MAX_ADDRESSES> = servers.into_iter().take(MAX_ADDRESSES).collect();
        // Nor does a neighbour need a network that leads further.
        let is_here = |server: &ServerAddr| server.is_on_link() || server.ip().is_none_or(|ip| ip.is_loopback());
        self.asks_this_machine |= servers.iter().any(is_here);
        // Where keys are exchanged, nobody is asked for the time.
        if !self.exchanges.found(source, &servers) {
            self.policy.learn(source, servers.clone());
            self.notify(&Notice::Addresses { source, servers })?;
        }
        if self.asks_this_machine && std::mem::take(&mut self.offline) { self.notify(&Notice::Online) } else { Ok(()) }
    }
}
