//! The time servers that the network names (DHCP option 42).

use orlop_netfacts::Facts;
use orlop_ntp_contract::ServerAddr;

use crate::config::PORT;

/// The servers that these name, in their order, each once.
#[must_use]
pub fn servers(facts: Vec<Facts>) -> Vec<ServerAddr> {
    let servers = facts.into_iter().flat_map(|facts| facts.ntp);
    let mut named: Vec<ServerAddr> = Vec::new();
    for server in servers.filter_map(|address| ServerAddr::new(address, PORT)) {
        if !named.contains(&server) {
            named.push(server);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_come_in_order_and_each_once() {
        let facts = |text: &str| Facts::parse(text).unwrap().facts;
        let servers = servers(vec![
            facts("netfacts 1\ninterface eth0\nntp 192.0.2.1\nntp 224.0.1.1\nntp 2001:db8::1\n"),
            facts("netfacts 1\ninterface eth1\nntp 192.0.2.9\nntp 192.0.2.1\n"),
        ]);
        let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:123", "[2001:db8::1]:123", "192.0.2.9:123"]);
    }
}
