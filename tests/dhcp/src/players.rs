//! The clients a scenario is played with.

use std::env;

use orlop_testbed::{Client, Daemon, Testbed};

/// Chooses clients by name, for one's own look at a scenario: `ORLOP_CLIENTS=udhcpc,dhcpcd`. By default all play.
const CHOICE: &str = "ORLOP_CLIENTS";

const ALL: [Client; 4] = [Client::Orlop, Client::Udhcpc, Client::Dhcpcd, Client::Dhclient];

/// All clients, but those that are known to do otherwise; none when something they need is missing (which was then said).
///
/// # Panics
/// As [`Testbed::with`]; and for an unknown name in `ORLOP_CLIENTS`, or one that leaves nobody.
#[must_use]
pub fn clients(except: &[Client]) -> Vec<Client> {
    let choice = env::var(CHOICE).ok();
    let names: Vec<&str> = choice.as_deref().map(|names| names.split(',').collect()).unwrap_or_default();
    let known: Vec<String> = ALL.iter().map(|client| name(*client)).collect();
    for wanted in &names {
        assert!(known.iter().any(|name| name == wanted), "{CHOICE} names {wanted}, which is none of {known:?}");
    }
    let chosen: Vec<Client> =
        ALL.into_iter().filter(|client| names.is_empty() || names.contains(&name(*client).as_str())).collect();
    let programs: Vec<String> =
        chosen.iter().filter(|client| **client != Client::Orlop).map(|client| client.program()).collect();
    let mut needed: Vec<&str> = programs.iter().map(String::as_str).collect();
    needed.extend(["dnsmasq", "udhcpd"]);
    let testbed = if chosen.contains(&Client::Orlop) { Daemon::testbed(&needed) } else { Testbed::with(&needed) };
    if testbed.is_none() {
        return Vec::new();
    }
    chosen.into_iter().filter(|client| !except.contains(client)).collect()
}

fn name(client: Client) -> String {
    format!("{client:?}").to_lowercase()
}
