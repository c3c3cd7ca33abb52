//! Who plays a scenario that is not ours alone: our client, and Debian's.

use std::{env, fmt};

use anyhow::Result;
use orlop_testbed::{Client, Host, Mode, Running, Testbed};

use crate::daemon::{dhcp, testbed};

/// A DHCP client that runs a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// Ours.
    Orlop,
    /// One that LinuxKit, Debian or busybox has.
    Rival(Client),
}

/// Chooses players by name, for one's own look at a scenario: `ORLOP_CLIENTS=udhcpc,dhcpcd`. By default all play.
const CHOICE: &str = "ORLOP_CLIENTS";

const ALL: [Player; 4] =
    [Player::Orlop, Player::Rival(Client::Udhcpc), Player::Rival(Client::Dhcpcd), Player::Rival(Client::Dhclient)];

/// All players, but those that are known to do otherwise; none when something they need is missing (which was then said).
///
/// # Panics
/// As [`Testbed::with`]; and for an unknown name in `ORLOP_CLIENTS`, or one that leaves nobody.
#[must_use]
pub fn players(except: &[Client]) -> Vec<Player> {
    let choice = env::var(CHOICE).ok();
    let names: Vec<&str> = choice.as_deref().map(|names| names.split(',').collect()).unwrap_or_default();
    let known = ALL.map(|player| player.to_string());
    for wanted in &names {
        assert!(known.iter().any(|name| name == wanted), "{CHOICE} names {wanted}, which is none of {known:?}");
    }
    let chosen: Vec<Player> =
        ALL.into_iter().filter(|player| names.is_empty() || names.contains(&player.to_string().as_str())).collect();
    let mut needed: Vec<&str> = chosen.iter().filter_map(|player| player.rival()).map(Client::program).collect();
    needed.extend(["dnsmasq", "udhcpd"]);
    let testbed = if chosen.contains(&Player::Orlop) { testbed(&needed) } else { Testbed::with(&needed) };
    if testbed.is_none() {
        return Vec::new();
    }
    chosen.into_iter().filter(|player| !player.is_one_of(except)).collect()
}

impl Player {
    /// Whether it is one of these rivals.
    #[must_use]
    pub fn is_one_of(self, rivals: &[Client]) -> bool {
        self.rival().is_some_and(|rival| rivals.contains(&rival))
    }

    fn rival(self) -> Option<Client> {
        match self {
            Self::Orlop => None,
            Self::Rival(client) => Some(client),
        }
    }

    /// Starts it as a service for one interface, which it brings up itself where it can.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(self, host: &Host, interface: &str) -> Result<Running> {
        match self {
            Self::Orlop => dhcp().args([interface]).start(host),
            Self::Rival(client) => client.start(host, interface, Mode::Service),
        }
    }
}

/// The name that `ORLOP_CLIENTS` has for it.
impl fmt::Display for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rival().map_or("orlop", Client::program))
    }
}
