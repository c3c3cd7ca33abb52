//! The sandboxes of workers and appliers, attacked. Each test is one command of `orlop-attack`, whose tables it prints.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a test")]

use std::process::{Command, Output};

use orlop_sandbox::capability::Capability;
use orlop_sandbox::profile::Profile;

/// Runs a command of `orlop-attack`, prints what it printed, and returns it if the command found nothing wrong. `None` where
/// attacks are impossible (no root, no namespaces), which is a failure if `SYSTEM_TESTS=require`.
fn attack(arguments: &[&str]) -> Option<String> {
    let output = run(arguments);
    let (table, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{table}{complaint}");
    if output.status.code() == Some(orlop_test_sandbox::arena::IMPOSSIBLE.into()) {
        let required = std::env::var("SYSTEM_TESTS").is_ok_and(|wish| wish == "require");
        assert!(!required, "SYSTEM_TESTS=require, but {complaint}");
        eprintln!("skipped: {complaint}");
        return None;
    }
    assert!(output.status.success(), "orlop-attack {} found something", arguments.join(" "));
    Some(table.into_owned())
}

/// The workers of all daemons, and the appliers.
fn workers() -> impl Iterator<Item = &'static Profile> {
    orlop_fleet::ALL.iter().flat_map(|daemon| daemon.workers).map(|worker| worker.profile)
}

fn appliers() -> impl Iterator<Item = &'static Profile> {
    orlop_fleet::ALL.iter().flat_map(|daemon| daemon.appliers).copied()
}

#[test]
fn every_attack_on_a_worker_ends_as_its_row_says_and_none_succeeds() {
    for worker in workers() {
        let Some(table) = attack(&["--of", worker.name]) else { return };
        let figures = format!(" 0 succeeded against the {}", worker.name);
        assert!(table.contains(&figures), "{}: the figures are missing", worker.name);
    }
}

#[test]
fn every_attack_on_an_applier_ends_as_its_row_says_and_none_succeeds() {
    for applier in appliers() {
        let Some(table) = attack(&["--of", applier.name]) else { return };
        let held = table.contains(&format!(" 0 succeeded against the {}", applier.name));
        assert!(held || table.starts_with("no evidence: "), "{}: the figures are missing", applier.name);
    }
}

/// What a capability is worth, to whom has nothing else against it.
const DEEDS: &[(Capability, &str)] = &[
    (Capability::NetAdmin, "netlink-configure"),
    (Capability::SysAdmin, "mount "),
    (Capability::SysPtrace, "trace-broker"),
];

#[test]
fn what_an_applier_s_capability_could_do_is_stopped_by_its_other_layers() {
    let mut seen = 0;
    for applier in appliers() {
        let Some((_, deed)) = DEEDS.iter().find(|(capability, _)| applier.keep == [*capability]) else { continue };
        seen += 1;
        let Some(table) = attack(&["--of", applier.name, "power"]) else { return };
        assert!(table.contains(" 0 come through its other layers"), "{}: the figures are missing", applier.name);
        assert!(table.contains(deed), "{}: {deed} is what the capability is worth", applier.name);
    }
    assert_eq!(seen, DEEDS.len(), "an applier for each of these capabilities");
}

#[test]
fn every_layer_and_pin_that_is_removed_from_a_worker_lets_something_through() {
    for worker in workers() {
        says(worker, &["mutations"], NOTICED);
    }
}

#[test]
fn every_layer_and_pin_that_is_removed_from_the_strongest_applier_lets_something_through() {
    let strongest = appliers().find(|applier| applier.keep == [Capability::SysAdmin]).unwrap();
    says(strongest, &["mutations"], NOTICED);
    assert!(appliers().all(|applier| applier.syscalls == strongest.syscalls), "its pins are everybody's");
}

#[test]
fn every_layer_that_is_removed_from_an_applier_without_root_lets_something_through() {
    let applier = appliers().find(|applier| applier.ids.uid != 0).unwrap();
    says(applier, &["mutations", "layers"], NOTICED);
}

const NOTICED: &str = " 0 of them without anything noticing";

#[test]
fn every_allowed_system_call_is_needed() {
    for profile in one_of_each_table() {
        says(profile, &["minimality"], " system calls allowed");
    }
}

#[test]
fn the_filter_in_force_answers_as_its_table_says() {
    for profile in one_of_each_table() {
        says(profile, &["filter"], " 0 answered otherwise");
    }
}

/// The first worker or applier with each table of system calls.
fn one_of_each_table() -> Vec<&'static Profile> {
    let mut first: Vec<&Profile> = Vec::new();
    for profile in workers().chain(appliers()) {
        if !first.iter().any(|known| known.syscalls == profile.syscalls && known.denied == profile.denied) {
            first.push(profile);
        }
    }
    assert!(first.len() > 2, "two kinds of workers, and appliers");
    first
}

/// A command finds nothing wrong with this target, and its table has this figure.
fn says(target: &Profile, command: &[&str], figure: &str) {
    let Some(table) = attack(&[&["--of", target.name], command].concat()) else { return };
    assert!(table.contains(figure), "{}: the figures are missing", target.name);
}

#[test]
fn the_kernel_asks_the_writer_of_a_setting_for_the_capability_of_its_class() {
    let Some(table) = attack(&["settings"]) else { return };
    assert!(table.contains(" 0 otherwise than the contract says"), "the figures are missing");
    for class in ["Root", "SysAdmin", "NetAdmin"] {
        let line = table.lines().find(|line| line.starts_with(&format!("{class} "))).unwrap();
        assert!(line.ends_with("refused every time"), "{line}");
    }
    assert!(table.contains("user 64106 changed net.ipv4.ip_forward"), "the applier of the network did not");
}

#[test]
fn a_rule_of_landlock_lasts_as_long_as_somebody_holds_what_it_is_about() {
    let Some(table) = attack(&["evicted"]) else { return };
    assert!(table.contains("every answer as it must be") || table.starts_with("no evidence: "), "{table}");
}

#[test]
fn an_attack_is_explained_to_a_person() {
    let Some(text) = attack(&["--of", "dhcp-worker", "show", "open-passwd", "kill-broker", "packet-sendto"]) else {
        return;
    };
    for line in ["read the host's files", "without a sandbox:  it succeeds", "as a dhcp-worker:   the kernel"] {
        assert!(text.contains(line), "{line} is not there");
    }
}

#[test]
fn an_attack_that_succeeds_is_reported_as_such() {
    // The runner's own must-fail control: against a worker without filters this attack works, and the runner has to say so.
    let output = run(&["under", "mutant:filters", "list-interfaces"]);
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() != Some(orlop_test_sandbox::arena::IMPOSSIBLE.into()) {
        assert!(text.contains("under mutant:filters:  it succeeds"), "{text}");
        assert_eq!(output.status.code(), Some(1), "{text}");
    }
}

#[test]
fn an_unknown_attack_or_column_is_an_error_and_not_a_held_attack() {
    for arguments in [
        &["under", "whole", "no-such-attack"][..],
        &["under", "no-such-column", "open-passwd"],
        &["--of", "no-such-target", "under", "whole", "open-passwd"],
    ] {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?} says nothing");
    }
}

/// Runs the program that cargo has built, or the one that `ORLOP_ATTACK` names: the same with another C library.
fn run(arguments: &[&str]) -> Output {
    let program = std::env::var_os("ORLOP_ATTACK").unwrap_or_else(|| env!("CARGO_BIN_EXE_orlop-attack").into());
    Command::new(program).args(arguments).output().unwrap()
}
