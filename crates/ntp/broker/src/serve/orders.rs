//! What an operator asks a running daemon for.

use std::path::Path;

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
        if prepared(&config) != prepared(&self.config) {
            let why = "require-landlock, nts-ca, sources with NTS or at link-local addresses and hardware clocks change only when the daemon is started anew";
            return Ok(Reply::refused(why));
        }
        for warning in warnings {
            warn!("{warning}");
        }
        self.config = config;
        self.choose_sources()?;
        Ok(Reply::Done(()))
    }
}

/// What the broker has opened or permitted itself before it narrowed, and cannot later.
fn prepared(config: &Config) -> (bool, &Path, Vec<&Place>) {
    let special = config
        .sources
        .iter()
        .chain(&config.fallback)
        .filter(|source| source.conduct.nts || matches!(source.place, Place::Clock(_) | Place::OnLink { .. }));
    (config.require_landlock, &config.nts_ca, special.map(|source| &source.place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_a_link_counts_as_prepared_wherever_it_is_named() {
        let config = |text: &str| Config::parse(text, Path::new("ntp.toml")).unwrap();
        let none = config("");
        for (what, text, same) in [
            ("a server", "sources = [\"192.0.2.1\"]", true),
            ("one at a link", "sources = [\"fe80::1%eth0\"]", false),
            ("one at a link, for want of others", "fallback = [\"fe80::1%eth0\"]", false),
        ] {
            let other = config(text);
            assert_eq!(prepared(&other) == prepared(&none), same, "{what}");
        }
    }
}
