//! The same machine under other circumstances, one boot each.

use std::time::Duration;

use orlop_image::platform::Platform;
use orlop_test_vm::{Emulator, Line, Nic, Probe, Step};

use crate::stage::{PATIENCE, Stage, servers, status_of};

const MODULES: &str = "/proc/1/root/sys/kernel/security/lsm";
const SOON: u32 = 60;

#[test]
fn two_cards_get_an_address_each() {
    let steps = [
        Step::wait("/proc/net/fib_trie", "|-- 192.0.2.", SOON),
        Step::wait("/proc/net/fib_trie", "|-- 192.0.3.", SOON),
        Step::wait(&servers(), "192.0.2.53", SOON),
        Step::wait(&servers(), "192.0.3.53", SOON),
    ];
    let Some(stage) = Stage::new("two", Line::V6_12, &steps) else { return };
    let seen = stage.card(0).card(1).served(0, "192.0.2.53").served(1, "192.0.3.53").boot();
    assert!(seen.record.iter().all(|report| report.code == 0), "{:?}\n{}", seen.record, seen.console);
    let resolvers = &seen.record[3].out;
    assert!(resolvers.contains("192.0.2.53") && resolvers.contains("192.0.3.53"), "{resolvers}");
}

#[test]
fn without_a_server_the_boot_goes_on_when_the_deadline_has_come() {
    let steps = [Step::read("/run/orlop/boot.json"), Step::read("/proc/net/fib_trie")];
    let Some(mut stage) = Stage::new("none", Line::V6_12, &steps) else { return };
    stage.emulator = stage.emulator.nic(Nic::Alone);
    let machine = stage.start();
    let began = machine.wait_for("000-sysctl ended", Duration::from_secs(60)).unwrap();
    let done = machine.wait_for("onboot is done at", Duration::from_secs(60)).unwrap();
    let seen = stage.end(machine).unwrap();
    assert!(done.at - began.at < Duration::from_secs(30), "{:?}", done.at - began.at);
    assert!(seen.console.contains("onboot 001-dhcpcd ended with 69"), "{}", seen.console);
    assert!(seen.console.contains("3 of 4 containers ended with 0"), "{}", seen.console);
    assert!(seen.console.contains("service dhcpcd runs"), "{}", seen.console);
    assert!(!seen.record[1].out.contains("192.0."), "{}", seen.record[1].out);
}

#[test]
fn the_power_button_runs_onshutdown_and_ends_the_machine() {
    let stage = Stage::with("button", Line::V6_12, &[Step::Idle], |folder| {
        let last = Probe::speaking(Platform::Amd64, folder, "last", &[Step::read("/proc/self/comm")]).unwrap();
        (format!("onshutdown:{}\n", last.plain_entry("last", "capabilities: []")), vec![last.image])
    });
    let Some(stage) = stage else { return };
    let stage = stage.card(0).served(0, "192.0.2.53").controlled();
    let mut machine = stage.start();
    machine.wait_for("service probe runs", PATIENCE).unwrap();
    stage.control().press_power_button().unwrap();
    assert!(machine.wait_exit(PATIENCE).unwrap().success());
    let console = machine.text();
    let place = |text: &str| console.find(text).unwrap_or_else(|| panic!("no {text:?} in\n{console}"));
    let order = ["the power button was pressed", "told to power off", "onshutdown 000-last ended with 0", "goodbye"];
    assert!(order.map(place).is_sorted(), "{console}");
}

/// What the daemon says of Landlock, with the modules that the kernel says are in force.
fn landlock(name: &str, line: Line, change: impl FnOnce(Emulator) -> Emulator) -> Option<(String, String)> {
    let steps = [
        Step::wait(&status_of("dhcp"), "\"mode\": \"service\"", SOON),
        Step::read(MODULES),
        Step::read("/proc/sys/kernel/osrelease"),
    ];
    let mut stage = Stage::new(name, line, &steps)?.card(0).served(0, "192.0.2.53");
    stage.emulator = change(stage.emulator);
    let seen = stage.boot();
    assert!(seen.record.iter().all(|report| report.code == 0), "{:?}\n{}", seen.record, seen.console);
    assert!(seen.record[2].out.starts_with(line.name()), "{}", seen.record[2].out);
    assert!(seen.console.contains("4 of 4 containers ended with 0"), "{}", seen.console);
    Some((seen.record[0].out.clone(), seen.record[1].out.clone()))
}

#[test]
fn an_older_kernel_boots_the_same_spec() {
    let Some((status, modules)) = landlock("older", Line::V6_1, |emulator| emulator) else { return };
    assert!(modules.contains("landlock"), "{modules}");
    for process in ["dhcp-broker", "dhcp-worker"] {
        assert_ne!(of(&status, process), "absent", "{status}");
    }
}

#[test]
fn without_landlock_the_daemon_works_and_says_so() {
    let without = |emulator: Emulator| emulator.words("lsm=capability,yama");
    let Some((status, modules)) = landlock("without", Line::V6_12, without) else { return };
    assert!(!modules.contains("landlock"), "{modules}");
    for process in ["dhcp-broker", "dhcp-worker"] {
        assert_eq!(of(&status, process), "absent", "{status}");
    }
}

/// What a process says of Landlock in the daemon's status.
fn of(status: &str, process: &str) -> serde_json::Value {
    let status: serde_json::Value = serde_json::from_str(status).unwrap();
    status["posture"][process]["landlock"].clone()
}
