//! What an operator asks a running daemon for.

use orlop_broker::control::Reply;
use orlop_ntp_contract::{Notice, Occasion};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::Fatal;
use tracing::{info, warn};

use super::server::Server;
use crate::config::Loaded;
use crate::control::Order;

impl Server<'_> {
    /// Does what an operator asked for.
    pub(super) fn order(&mut self, order: Order) -> Result<Reply, Fatal> {
        info!(%order, "order");
        match order {
            Order::Step => {
                let occasion = self.policy.arise(clock::now(), Occasion::Operator);
                self.notify(&Notice::Occasion(occasion))?;
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
        if config.require_landlock != self.config.require_landlock {
            return Ok(Reply::refused("require-landlock changes only when the daemon is started anew"));
        }
        for warning in warnings {
            warn!("{warning}");
        }
        self.config = config;
        self.choose_sources()?;
        Ok(Reply::Done(()))
    }
}
