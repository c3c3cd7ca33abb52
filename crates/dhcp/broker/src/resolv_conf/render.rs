//! What resolv.conf says. Pure.

use core::fmt::Write as _;

use orlop_netfacts::{Facts, MAX_SEARCH_READ, Union};

/// Every text of ours begins with this, so that it can be told from what was there before.
pub(super) const MARK: &str = "# Written by orlop-dhcp";

/// The text for [what all interfaces know together](Union); `None` when nobody knows a name server.
#[must_use]
pub fn render(facts: &[Facts]) -> Option<String> {
    let Union { interfaces, servers, domain, search, left_out } = Union::of(facts)?;
    let from: Vec<&str> = interfaces.iter().map(|interface| interface.as_str()).collect();
    let mut text = format!("{MARK} from {}; the next change overwrites it.\n", from.join(", "));
    // Writing to a string cannot fail.
    if left_out > 0 {
        let _ = writeln!(text, "# Left out {left_out} search domains: old resolvers take {MAX_SEARCH_READ}.");
    }
    // Of `domain` and `search` the later counts, and `search` includes the domain where it should.
    if let Some(domain) = domain {
        let _ = writeln!(text, "domain {domain}");
    }
    if !search.is_empty() && search != domain.into_iter().collect::<Vec<_>>() {
        let words: Vec<&str> = search.iter().map(|domain| domain.as_str()).collect();
        let _ = writeln!(text, "search {}", words.join(" "));
    }
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    Some(text)
}

/// The text when we had name servers once and have none now, and nothing was there before us.
#[must_use]
pub fn render_nothing() -> String {
    format!("{MARK}: no interface has a name server.\n")
}

#[cfg(test)]
mod tests {
    use orlop_netfacts::Domain;
    use orlop_wire::InterfaceName;

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

    /// Without the first line.
    fn body(facts: &[Facts]) -> Vec<String> {
        let text = render(facts).unwrap();
        assert!(text.starts_with(MARK) && text.ends_with('\n'), "{text:?}");
        text.lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn one_interface_is_these_lines() {
        let facts =
            [facts("eth0", 1002, &["192.0.2.1", "2001:db8::1"], Some("example.com"), &["a.example", "b.example"])];
        let want = "# Written by orlop-dhcp from eth0; the next change overwrites it.\ndomain example.com\n\
                    search a.example b.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n";
        assert_eq!(render(&facts).as_deref(), Some(want));
    }

    #[test]
    fn without_a_name_server_there_is_no_text() {
        assert_eq!(render(&[]), None);
        assert_eq!(render(&[facts("eth0", 1, &[], Some("example.com"), &["example.com"])]), None);
    }

    #[test]
    fn without_a_name_server_any_more_the_text_says_so_in_a_comment() {
        assert_eq!(render_nothing(), "# Written by orlop-dhcp: no interface has a name server.\n");
    }

    #[test]
    fn of_many_name_servers_the_first_eight_are_written() {
        for known in [7, 8, 9, 12] {
            let all: Vec<String> = (1..=known).map(|n| format!("192.0.2.{n}")).collect();
            let lines = body(&[facts("eth0", 1, &all.iter().map(String::as_str).collect::<Vec<_>>(), None, &[])]);
            let want: Vec<String> = all.iter().take(8).map(|server| format!("nameserver {server}")).collect();
            assert_eq!(lines, want, "{known} are known");
        }
    }

    #[test]
    fn interfaces_are_merged_in_the_order_of_their_metrics_and_without_doubles() {
        let merged = body(&[
            facts("eth1", 1003, &["198.51.100.1", "192.0.2.1"], Some("b.example"), &["b.example", "COMMON.example"]),
            facts("eth2", 1004, &[], Some("silent.example"), &[]),
            facts("eth0", 1002, &["192.0.2.1"], Some("a.example"), &["common.example"]),
        ]);
        assert_eq!(
            merged,
            ["domain a.example", "search common.example b.example", "nameserver 192.0.2.1", "nameserver 198.51.100.1"]
        );
    }

    #[test]
    fn a_domain_alone_is_its_own_search_list() {
        for (what, facts, want) in [
            ("one domain", vec![facts("eth0", 1, &["192.0.2.1"], Some("a"), &[])], vec!["domain a"]),
            (
                "two domains",
                vec![
                    facts("eth0", 1, &["192.0.2.1"], Some("a"), &[]),
                    facts("eth1", 2, &["192.0.2.1"], Some("b"), &[]),
                ],
                vec!["domain a", "search a b"],
            ),
            ("none", vec![facts("eth0", 1, &["192.0.2.1"], None, &[])], vec![]),
        ] {
            let mut lines = body(&facts);
            assert_eq!(lines.pop().as_deref(), Some("nameserver 192.0.2.1"), "{what}");
            assert_eq!(lines, want, "{what}");
        }
    }

    #[test]
    fn a_search_list_is_cut_to_what_every_libc_reads() {
        let label = "x".repeat(50);
        let long: Vec<String> = (0..6).map(|n| format!("{label}{n}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        for (what, search, kept, left_out) in [
            ("six", &["a", "b", "c", "d", "e", "f"][..], 6, 0),
            ("seven", &["a", "b", "c", "d", "e", "f", "g"][..], 6, 1),
            ("five of 51 characters and a sixth", &long[..], 4, 2),
        ] {
            let lines = body(&[facts("eth0", 1, &["192.0.2.1"], None, search)]);
            let list = lines.iter().find_map(|line| line.strip_prefix("search ")).unwrap();
            assert_eq!(list.split(' ').count(), kept, "{what}");
            assert!(list.len() < 256, "{what}");
            let note = lines.iter().any(|line| line.starts_with(&format!("# Left out {left_out} ")));
            assert_eq!(note, left_out > 0, "{what}: {lines:?}");
        }
    }
}
