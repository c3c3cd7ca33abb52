//! What an operator asks a running daemon for.

use orlop_broker::control::Reply;
use orlop_ntp_contract::Occasion;
use orlop_sandbox::fatal::Fatal;
use tracing::{info, warn};

use super::server::Server;
use crate::config::{Config, Loaded, Place};
use crate::control::Order;

impl Server<'_> {
    /// Does what an operator asked for.
    pub(super) fn order(&mut self, order: Order) -> Result<Reply, Fatal> {
        info!(%order, "order");
        match order {
            Order::Step => {
                self.arise(Occasion::Operator)?;
                Ok(Reply::Done(()))
            }
            Order::Reload => self.reload(),
        }
    }

    /// Reads the configuration again. A bad one changes nothing, and whoever is asked before and after is asked on.
    fn reload(&mut self) -> Result<Reply, Fatal> {
        let Loaded { config, warnings } = match self.run.settings.load() {
            Ok(loaded) => loaded,
            Err(fatal) => return Ok(Reply::refused_configuration(&fatal)),
        };
        if let Some(what) = self.needs_a_start(&config) {
            return Ok(Reply::refused(&format!("{what} changes only when the daemon is started anew")));
        }
        for warning in warnings {
            warn!("{warning}");
        }
        self.config = config;
        self.choose_sources()?;
        Ok(Reply::Done(()))
    }

    /// What of `config` the sandbox has no leave for.
    fn needs_a_start(&self, config: &Config) -> Option<&'static str> {
        let known = |port: u16| self.config.key_ports().any(|known| known == port);
        let has_clock = config.sources.iter().any(|source| matches!(source.place, Place::Clock(_)));
        let exchanges = config.key_ports().next().is_some();
        [
            (config.require_landlock != self.config.require_landlock, "require-landlock"),
            (exchanges && config.nts_ca != self.config.nts_ca, "nts-ca"),
            (!config.key_ports().all(known), "the first server with NTS, or another port for its keys,"),
            (has_clock && self.equipment.hardware.is_none(), "the first hardware clock"),
        ]
        .into_iter()
        .find_map(|(is, what)| is.then_some(what))
    }
}
