//! The sandboxes of workers and appliers, attacked. Each test is one command of `orlop-attack`, whose tables it prints.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a test")]

use std::process::{Command, Output};

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

#[test]
fn every_attack_ends_as_its_row_says_and_none_succeeds() {
    let Some(table) = attack(&[]) else { return };
    assert!(table.contains(" 0 succeeded against the DHCP worker"), "the figures are missing");
}

#[test]
fn every_attack_on_the_sysctl_daemon_ends_as_its_row_says_and_none_succeeds() {
    for target in ["worker", "root", "net", "admin", "rawio", "resource", "ptrace"] {
        let Some(table) = attack(&["--of", &format!("sysctl-{target}")]) else { return };
        let held = table.contains(" 0 succeeded against the ");
        assert!(held || table.starts_with("no evidence: "), "{target}: the figures are missing");
    }
}

#[test]
fn what_an_applier_s_capability_could_do_is_stopped_by_its_other_layers() {
    for (target, deed) in [("net", "netlink-configure"), ("admin", "mount "), ("ptrace", "trace-broker")] {
        let Some(table) = attack(&["--of", &format!("sysctl-{target}"), "power"]) else { return };
        assert!(table.contains(" 0 come through its other layers"), "{target}: the figures are missing");
        assert!(table.contains(deed), "{target}: {deed} is what the capability is worth");
    }
}

#[test]
fn every_layer_and_pin_that_is_removed_from_the_dhcp_worker_lets_something_through() {
    says(&["dhcp-worker"], &["mutations"], NOTICED);
}

#[test]
fn every_layer_and_pin_that_is_removed_from_the_admin_applier_lets_something_through() {
    says(&["sysctl-admin"], &["mutations"], NOTICED);
}

#[test]
fn every_layer_that_is_removed_from_the_net_applier_lets_something_through() {
    // Its pins are the admin applier's: appliers have one table between them.
    says(&["sysctl-net"], &["mutations", "layers"], NOTICED);
}

const NOTICED: &str = " 0 of them without anything noticing";

#[test]
fn every_allowed_system_call_is_needed() {
    says(ONE_OF_EACH_TABLE, &["minimality"], " system calls allowed");
}

#[test]
fn the_filter_in_force_answers_as_its_table_says() {
    says(ONE_OF_EACH_TABLE, &["filter"], " 0 answered otherwise");
}

const ONE_OF_EACH_TABLE: &[&str] = &["dhcp-worker", "sysctl-worker", "sysctl-root"];

/// A command finds nothing wrong with these targets, and its table has this figure.
fn says(targets: &[&str], command: &[&str], figure: &str) {
    for target in targets {
        let Some(table) = attack(&[&["--of", target], command].concat()) else { return };
        assert!(table.contains(figure), "{target}: the figures are missing");
    }
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
    let Some(text) = attack(&["show", "open-passwd", "kill-broker", "packet-sendto"]) else { return };
    for line in ["read the host's files", "without a sandbox:  it succeeds", "as a DHCP worker:   the kernel"] {
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
