//! What ships and what is documented is read as it was meant: the profiles, and the page's examples.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeSet;

use orlop_sysctl_contract::{Finding, Lock, Name, Notice, Request, Step, TEXT_AT_ONCE, Want, numbers};
use orlop_sysctl_core::Reader;

const LINUXKIT: &str = include_str!("../../../../packaging/images/sysctl/00-linuxkit.conf");
const KSPP: &str = include_str!("../../../../packaging/images/sysctl/kspp.conf");
const PAGE: &str = include_str!("../../README.md");

/// What is said about a text, and its plan.
fn read(text: &str) -> (Vec<Finding>, Vec<Step>) {
    let mut reader = Reader::default();
    let mut said = Vec::new();
    let mut pieces = text.as_bytes().chunks(TEXT_AT_ONCE).peekable();
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        said.extend(reader.handle(Notice::Text { source: 0, bytes: piece.iter().copied().collect(), last }));
    }
    said.extend(reader.handle(Notice::EndOfTexts));
    // A small kernel: every folder has these.
    let names =
        || ["accept_redirects", "eth0", "lo", "rp_filter"].into_iter().map(|name| Name::new(name).unwrap()).collect();
    while matches!(said.last(), Some(Request::List(_))) {
        said.extend(reader.handle(Notice::Names { names: names(), last: true }));
    }
    let (mut findings, mut steps) = (Vec::new(), Vec::new());
    for request in said {
        match request {
            Request::Finding(finding) => findings.push(finding),
            Request::Steps(more) => steps.extend(more.into_vec()),
            Request::List(_) | Request::Done { unsaid: 0 } => {}
            Request::Done { unsaid } => panic!("{unsaid} findings too many"),
        }
    }
    (findings, steps)
}

#[test]
fn every_line_of_the_profiles_is_a_setting_of_its_own() {
    for (name, text) in [("linuxkit", LINUXKIT), ("kspp", KSPP)] {
        let (findings, steps) = read(text);
        assert_eq!(findings, [], "{name}");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        let said: BTreeSet<u32> = steps.iter().map(|step| step.origin.line).collect();
        assert_eq!(said.len(), lines, "{name}: every line sets a key, and none twice");
        assert!(steps.iter().all(|step| step.replaces.is_none()), "{name}");
    }
}

/// `default` is only for those that come later.
#[test]
fn the_hardened_profile_reaches_the_interfaces_that_are_there() {
    let (_, steps) = read(KSPP);
    let of = |key: &str| steps.iter().find(|step| step.key.to_string() == key).map(|step| step.want.line());
    assert_eq!(of("net.ipv6.conf.eth0.accept_redirects").as_deref(), Some("0\n"));
}

/// All that LinuxKit's own file sets.
#[test]
fn the_linuxkit_profile_has_every_setting_that_linuxkit_has() {
    let (_, steps) = read(LINUXKIT);
    let keys: Vec<String> = steps.iter().map(|step| step.key.to_string()).collect();
    for key in [
        "net.ipv4.tcp_syncookies",
        "net.ipv4.conf.default.rp_filter",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv4.ping_group_range",
        "vm.max_map_count",
        "vm.overcommit_memory",
        "net.core.somaxconn",
        "net.ipv4.neigh.default.gc_thresh1",
        "net.ipv4.neigh.default.gc_thresh2",
        "net.ipv4.neigh.default.gc_thresh3",
        "fs.aio-max-nr",
        "fs.inotify.max_user_watches",
        "fs.file-max",
        "kernel.kptr_restrict",
        "net.ipv4.conf.all.send_redirects",
        "net.ipv4.conf.default.accept_redirects",
        "net.ipv4.conf.default.accept_source_route",
        "net.ipv6.conf.all.accept_redirects",
        "net.ipv6.conf.default.accept_redirects",
        "kernel.dmesg_restrict",
        "kernel.perf_event_paranoid",
        "fs.protected_hardlinks",
        "fs.protected_symlinks",
        "kernel.unprivileged_bpf_disabled",
    ] {
        assert!(keys.iter().any(|have| have == key), "{key}");
    }
}

/// 0, 1 and 2 are choices; more than that is a quantity, of which a kernel may have more by itself.
#[test]
fn no_profile_lowers_a_quantity_but_those_of_which_less_is_better() {
    const LESS_IS_BETTER: [&str; 2] = ["kernel.warn_limit", "kernel.oops_limit"];
    for (name, text) in [("linuxkit", LINUXKIT), ("kspp", KSPP)] {
        let (_, steps) = read(text);
        let mut quantities = 0;
        for Step { key, want, .. } in &steps {
            match want {
                Want::AtLeast(_) => quantities += 1,
                Want::Exactly(value) => {
                    let quantity =
                        numbers(value.as_str()).is_some_and(|list| matches!(list.as_slice(), [number] if *number > 2));
                    assert!(!quantity || LESS_IS_BETTER.contains(&key.to_string().as_str()), "{name}: {key}");
                }
            }
        }
        assert!(quantities > 3, "{name}");
    }
}

#[test]
fn the_hardened_profile_has_the_locks_that_can_be_had_without_breaking_debuggers() {
    let locks = |text| {
        let (_, steps) = read(text);
        steps.iter().filter_map(|step| Lock::of(&step.key, &step.want)).collect::<Vec<_>>()
    };
    assert_eq!(locks(KSPP), [Lock::KexecLoad, Lock::UnprivilegedBpf, Lock::Modules]);
    assert_eq!(locks(LINUXKIT), [Lock::UnprivilegedBpf]);
}

#[test]
fn each_setting_of_the_profiles_has_its_reason_above_it() {
    for (name, text) in [("linuxkit", LINUXKIT), ("kspp", KSPP)] {
        for block in text.split("\n\n").filter(|block| block.lines().any(|line| !line.starts_with('#'))) {
            let first = block.lines().next().unwrap_or_default();
            assert!(first.starts_with("# ") && first != "# orlop: at-least", "{name}: {block}");
        }
    }
}

#[test]
fn the_page_shows_only_settings_that_are_understood() {
    let blocks: Vec<&str> =
        PAGE.split("```conf\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert!(!blocks.is_empty(), "the page shows no settings");
    for block in blocks {
        let (findings, steps) = read(block);
        assert!(findings.is_empty() && steps.len() > 3, "{findings:?} {steps:?}\n{block}");
        // What its comments say.
        let of = |key: &str| steps.iter().find(|step| step.key.to_string() == key).map(|step| &step.want);
        assert_eq!(of("fs.file-max"), Some(&Want::AtLeast(524_288)));
        assert!(of("net.ipv4.conf.eth0/100.rp_filter").is_some() && of("net.ipv4.conf.lo.rp_filter").is_none());
        assert!(matches!(of("net.ipv4.conf.eth0.rp_filter"), Some(Want::Exactly(value)) if value.as_str() == "2"));
    }
}
