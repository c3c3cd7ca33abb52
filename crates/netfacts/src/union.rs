//! What several networks together mean for this host.

use core::net::IpAddr;

use orlop_wire::InterfaceName;

use crate::{Domain, Facts};

/// Name servers that are kept. Every libc reads the first three; a few more are there for other readers.
const MAX_SERVERS: usize = 8;
/// Search domains that glibc before 2.26 reads.
pub const MAX_SEARCH_READ: usize = 6;
/// Characters of the search list that musl and glibc before 2.26 read.
const MAX_SEARCH_TEXT: usize = 255;

/// What all interfaces know together, those without a name server apart.
///
/// Interfaces count in the order of their metrics, as their routes do, so that the name server and the default route are
/// of one network. What comes twice is there once. An interface without a search list searches its own domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Union<'f> {
    /// Who knows something, in the order in which they count.
    pub interfaces: Vec<&'f InterfaceName>,
    /// The name servers, most preferred first: at least one, and at most eight.
    pub servers: Vec<IpAddr>,
    /// The domain of the first network that has one.
    pub domain: Option<&'f Domain>,
    /// Where to look for short names: as much as every libc reads.
    pub search: Vec<&'f Domain>,
    /// Search domains that are left out, because old resolvers read no more than [`MAX_SEARCH_READ`], or less text.
    pub left_out: usize,
}

impl<'f> Union<'f> {
    /// What these know together; `None` when nobody knows a name server.
    #[must_use]
    pub fn of(facts: &'f [Facts]) -> Option<Self> {
        let mut facts: Vec<&Facts> = facts.iter().filter(|facts| !facts.dns.is_empty()).collect();
        if facts.is_empty() {
            return None;
        }
        facts.sort_by(|a, b| (a.metric, &a.interface).cmp(&(b.metric, &b.interface)));

        let mut servers: Vec<IpAddr> = Vec::new();
        let mut search: Vec<&Domain> = Vec::new();
        for facts in &facts {
            for server in &facts.dns {
                if servers.len() < MAX_SERVERS && !servers.contains(server) {
                    servers.push(*server);
                }
            }
            let own = facts.domain.as_ref().filter(|_| facts.search.is_empty());
            for domain in facts.search.iter().chain(own) {
                if !search.iter().any(|known| known.as_str().eq_ignore_ascii_case(domain.as_str())) {
                    search.push(domain);
                }
            }
        }
        let left_out = shorten(&mut search);
        Some(Self {
            interfaces: facts.iter().map(|facts| &facts.interface).collect(),
            servers,
            domain: facts.iter().find_map(|facts| facts.domain.as_ref()),
            search,
            left_out,
        })
    }
}

/// Cuts the list to what every libc reads, and says how much was cut.
fn shorten(search: &mut Vec<&Domain>) -> usize {
    let before = search.len();
    let mut length = 0_usize;
    let fitting = search
        .iter()
        .take(MAX_SEARCH_READ)
        .take_while(|domain| {
            length = length.saturating_add(domain.as_str().len()).saturating_add(1);
            length <= MAX_SEARCH_TEXT
        })
        .count();
    search.truncate(fitting);
    before.saturating_sub(search.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(interface: &str, metric: u32, dns: &[&str], domain: Option<&str>, search: &[&str]) -> Facts {
        Facts {
            metric,
            dns: dns.iter().map(|addr| addr.parse().unwrap()).collect(),
            domain: domain.map(|name| Domain::new(name).unwrap()),
            search: search.iter().map(|name| Domain::new(name).unwrap()).collect(),
            ..Facts::none(InterfaceName::new(interface).unwrap())
        }
    }

    #[test]
    fn the_best_network_counts_first_and_nothing_is_there_twice() {
        let all = [
            facts("eth1", 9, &["192.0.2.9", "192.0.2.1"], Some("b.example"), &[]),
            facts("eth0", 3, &["192.0.2.1"], None, &["A.example", "b.EXAMPLE"]),
            facts("eth2", 1, &[], Some("c.example"), &["c.example"]),
        ];
        let union = Union::of(&all).unwrap();
        let text = |list: Vec<&Domain>| list.iter().map(|domain| domain.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(union.interfaces.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["eth0", "eth1"]);
        assert_eq!(union.servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.1", "192.0.2.9"]);
        assert_eq!((union.domain.map(Domain::as_str), union.left_out), (Some("b.example"), 0));
        assert_eq!(text(union.search), ["A.example", "b.EXAMPLE"]);
        assert_eq!(Union::of(&all[2..]), None, "a network without a name server");
    }

    #[test]
    fn only_as_much_is_kept_as_is_read() {
        let servers: Vec<String> = (1..=9).map(|last| format!("192.0.2.{last}")).collect();
        let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
        let long = "a".repeat(60);
        for (what, search, kept, left_out) in [
            ("as many domains", vec!["a", "b", "c", "d", "e", "f"], 6, 0),
            ("one domain more", vec!["a", "b", "c", "d", "e", "f", "g"], 6, 1),
            (
                "as much text",
                vec![&format!("{long}.b"), &format!("{long}.c"), &format!("{long}.d"), &format!("{long}.e")],
                4,
                0,
            ),
            (
                "a byte more text",
                vec![&format!("{long}.b"), &format!("{long}.c"), &format!("{long}.d"), &format!("{long}.eeeeeeeeee")],
                3,
                1,
            ),
        ] {
            let all = [facts("eth0", 1, &servers, None, &search)];
            let union = Union::of(&all).unwrap();
            assert_eq!(
                (union.servers.len(), union.search.len(), union.left_out),
                (MAX_SERVERS, kept, left_out),
                "{what}"
            );
        }
    }
}
