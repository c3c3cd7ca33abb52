//! Names that this machine knows itself, as `/etc/hosts` has them (hosts(5)).

use std::net::IpAddr;
use std::path::Path;

use orlop_resolver_contract::{Host, MAX_HOSTS};
use orlop_wire::DomainName;
use tracing::{debug, warn};

/// The names in the file at `path`; none where it cannot be read.
#[must_use]
pub fn read(path: &Path) -> Vec<Host> {
    match orlop_config::read(path) {
        Ok(text) => {
            let hosts = parse(&text);
            if hosts.len() > MAX_HOSTS {
                warn!(file = %path.display(), names = hosts.len(), "only the first {MAX_HOSTS} names are known");
            }
            hosts
        }
        Err(cause) => {
            debug!(%cause, "this machine knows no names itself");
            Vec::new()
        }
    }
}

/// Each name of each address, in order. What is neither is passed over, as the C libraries do; so is the zone of an address, which
/// no answer has room for.
#[must_use]
pub fn parse(text: &str) -> Vec<Host> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let named = lines.filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next()?.split('%').next()?.parse::<IpAddr>().ok()?;
        Some(words.filter_map(move |word| {
            let name = DomainName::new(word).ok()?;
            Some(Host { address: address.into(), name })
        }))
    });
    named.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_every_address_is_a_host() {
        let text = "127.0.0.1\tlocalhost\n\n# 192.0.2.9 commented\n192.0.2.1 Big.example big # small\nfe80::1%eth0 neighbour\n\
                    ::1 localhost ip6-localhost\nnot-an-address a\n192.0.2.2\n192.0.2.3 a..b good\n0.0.0.0 blocked.example.\n";
        let hosts: Vec<String> =
            parse(text).iter().map(|host| format!("{} {}", host.address.get(), host.name)).collect();
        assert_eq!(
            hosts,
            [
                "127.0.0.1 localhost",
                "192.0.2.1 Big.example",
                "192.0.2.1 big",
                "fe80::1 neighbour",
                "::1 localhost",
                "::1 ip6-localhost",
                "192.0.2.3 good",
                "0.0.0.0 blocked.example",
            ]
        );
    }

    #[test]
    fn the_names_of_a_file_are_read() {
        let folder = orlop_testbed::Folder::new("resolver-hosts");
        let path = folder.0.join("hosts");
        std::fs::write(&path, "192.0.2.1 a.example\n").unwrap();
        assert_eq!(read(&path), parse("192.0.2.1 a.example"));
    }

    #[test]
    fn no_file_is_no_names() {
        assert_eq!(read(Path::new("/nonexistent")), []);
    }
}
