use std::collections::BTreeSet;

use orlop_sysctl_contract::Prefix;
use proptest::prelude::*;

use super::*;
use crate::pattern::matches;

/// Settings, as paths.
const TREE: [&str; 14] = [
    "kernel/hostname",
    "kernel/random/boot_id",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/eth0.100/rp_filter",
    "net/ipv4/conf/eth0/forwarding",
    "net/ipv4/conf/eth0/rp_filter",
    "net/ipv4/conf/lo/rp_filter",
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/rp_filter",
    "net/ipv6/conf/a.b/c",
    "net/ipv6/conf/a/b.c",
    "net/ipv6/conf/.hidden/rp_filter",
    "vm/swappiness",
    "vm/overcommit",
];

fn listing(folder: &Directory) -> Vec<Name> {
    let names: BTreeSet<_> = TREE
        .iter()
        .filter_map(|path| {
            let rest = match folder.path() {
                "" => path,
                above => path.strip_prefix(above)?.strip_prefix('/')?,
            };
            rest.split('/').next()
        })
        .collect();
    names.into_iter().map(|name| Name::new(name).unwrap()).collect()
}

/// What is found, and the folders that were asked for.
fn run(mut search: Search, admits: impl Fn(&Directory) -> bool) -> (Vec<String>, Vec<String>) {
    let (mut found, mut asked) = (Vec::new(), Vec::new());
    while let Some(folder) = search.wants() {
        found.extend(search.look(&listing(&folder), &admits).iter().map(|key| key.path().to_owned()));
        asked.push(folder.path().to_owned());
        assert!(asked.len() < 1000, "it does not end");
    }
    (found, asked)
}

fn found(pattern: &str) -> Vec<String> {
    run(Search::Matches(Matches::new(&Key::new(pattern).unwrap(), |_| true)), |_| true).0
}

fn meant(key: &str) -> Option<String> {
    let found = run(Search::Meant(Meant::new(Key::new(key).unwrap())), |_| true).0;
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next()
}

#[test]
fn a_pattern_stands_for_the_settings_that_exist() {
    for (what, pattern, want) in [
        (
            "a folder",
            "net/ipv4/conf/*/rp_filter",
            &[
                "net/ipv4/conf/all/rp_filter",
                "net/ipv4/conf/eth0/rp_filter",
                "net/ipv4/conf/eth0.100/rp_filter",
                "net/ipv4/conf/lo/rp_filter",
            ][..],
        ),
        ("a setting", "vm/*", &["vm/overcommit", "vm/swappiness"]),
        ("settings, not folders", "kernel/*", &["kernel/hostname"]),
        ("only folders", "net/*", &[]),
        ("two folders", "net/*/conf/al?/rp_filter", &["net/ipv4/conf/all/rp_filter", "net/ipv6/conf/all/rp_filter"]),
        ("the first name", "*/ip*/ip_forward", &["net/ipv4/ip_forward"]),
        ("what some have", "net/ipv4/conf/*/forwarding", &["net/ipv4/conf/eth0/forwarding"]),
        ("nothing", "net/ipv4/aaa/*/x", &[]),
        ("nothing hidden", "net/ipv6/conf/*/rp_filter", &["net/ipv6/conf/all/rp_filter"]),
        ("a set", "vm/[!s]*", &["vm/overcommit"]),
    ] {
        assert_eq!(found(pattern), want, "{what}");
    }
}

#[test]
fn a_search_asks_for_nothing_that_it_does_not_need() {
    let pattern = Key::new("net/*/conf/all/rp_filter").unwrap();
    let interest = Prefix::new(Directory::new("net/ipv4").unwrap());
    let admits = |folder: &Directory| interest.reaches(folder);
    let (found, asked) = run(Search::Matches(Matches::new(&pattern, admits)), admits);
    assert_eq!(found, ["net/ipv4/conf/all/rp_filter"]);
    assert_eq!(asked, ["net", "net/ipv4/conf/all"], "neither what is spelled out nor what is of no interest");
    let elsewhere = Key::new("vm/*").unwrap();
    assert!(Search::Matches(Matches::new(&elsewhere, admits)).wants().is_none());
}

#[test]
fn a_key_with_a_dot_in_a_name_is_found() {
    for (what, key, want) in [
        ("a VLAN", "net/ipv4/conf/eth0/100/rp_filter", Some("net/ipv4/conf/eth0.100/rp_filter")),
        ("a setting with a dot", "net/ipv6/conf/a/b/c", Some("net/ipv6/conf/a/b.c")),
        ("what exists: itself", "net/ipv4/conf/eth0/rp_filter", Some("net/ipv4/conf/eth0/rp_filter")),
        ("no such setting", "net/ipv4/conf/eth0/100/x", None),
        ("no such interface", "net/ipv4/conf/eth1/100/rp_filter", None),
    ] {
        assert_eq!(meant(key).as_deref(), want, "{what}");
    }
}

#[test]
fn looking_for_a_hint_ends_in_any_tree() {
    let mut meant = Meant::new(Key::new("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b").unwrap());
    // Every folder has every name that could lead on.
    let names: Vec<_> = (1..16).map(|count| Name::new(&vec!["a"; count].join(".")).unwrap()).collect();
    let mut looks = 0;
    while !meant.ahead.is_empty() {
        assert_eq!(meant.look(&names), None);
        looks += 1;
    }
    assert_eq!(looks, MAX_LOOKS_FOR_A_HINT);
}

proptest! {
    #[test]
    fn a_search_finds_what_the_definition_says(
        names in prop::collection::vec(prop::sample::select(vec![
            "*", "?*", "net", "ipv4", "ipv[46]", "conf", "all", "eth*", "rp_filter", "*o*", "vm", "k*",
        ]), 1..6),
    ) {
        let pattern = names.join("/");
        let mut want: Vec<_> = TREE.iter().filter(|path| matches(&pattern, path)).map(|path| (*path).to_owned()).collect();
        want.sort();
        let mut got = found(&pattern);
        got.sort();
        // Nobody asks whether a last name that is spelled out is a folder.
        got.retain(|path| TREE.contains(&path.as_str()));
        if is_pattern(&pattern) {
            prop_assert_eq!(got, want);
        }
    }
}
