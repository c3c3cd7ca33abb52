//! The demo's machine on 64-bit ARM: its images, its kernel, its processor, all emulated. What is looked at is what depends
//! on the processor: that everything starts, and that the sandbox is in force there.

use std::time::Duration;

use orlop_image::platform::Platform;
use orlop_test_vm::Step;
use serde_json::Value;

use crate::stage::{Stage, status_of};

/// Here instructions are translated between processors of different kinds.
const PATIENCE: Duration = Duration::from_secs(400);
/// What services may take to be there.
const SOON: u32 = 150;

#[test]
fn a_machine_of_64_bit_arm_gets_its_address_and_its_processes_are_confined() {
    let steps = [
        Step::wait("/run/orlop/boot.json", "\"onboot_done_ms\": ", SOON),
        Step::read("/proc/net/fib_trie"),
        Step::read("/sys/class/net/eth0/operstate"),
        Step::read("/proc/sys/fs/inotify/max_user_watches"),
        Step::wait(&status_of("dhcp"), "\"bound\"", SOON),
        Step::Processes,
        Step::read(&status_of("sysctl")),
        Step::read("/proc/cpuinfo"),
    ];
    let Some(stage) = Stage::on("arm64", Platform::Arm64, &steps) else { return };
    let stage = stage.card(0).served(0, "192.0.2.53");
    let seen = stage.end_within(stage.start(), PATIENCE).unwrap();
    assert!(seen.record.iter().all(|report| report.code == 0), "{:?}\n{}", seen.record, seen.console);
    let [_, addresses, link, watches, status, processes, audit, processor] = &seen.record[..] else { unreachable!() };
    assert!(processor.out.contains("CPU implementer"), "it is no ARM: {}", processor.out);
    assert!(seen.console.contains("4 of 4 containers ended with 0"), "{}", seen.console);
    assert!(seen.console.contains("goodbye"), "it went off by itself: {}", seen.console);
    assert!(addresses.out.contains("|-- 192.0.2."), "{}", addresses.out);
    assert_eq!((link.out.as_str(), watches.out.as_str()), ("up\n", "524288\n"));
    for (daemon, report) in [("dhcp", status), ("sysctl", audit)] {
        let posture: Value = serde_json::from_str::<Value>(&report.out).unwrap()["posture"].clone();
        for process in ["broker", "worker"] {
            let of = &posture[format!("{daemon}-{process}")];
            assert!(of["landlock"]["full"]["abi"].is_u64(), "{daemon} {process}: {of}");
            assert!(of["allowed"].as_u64().is_some_and(|calls| calls > 0), "{daemon} {process}: {of}");
        }
    }
    // Number, name, user, capabilities, no_new_privs, filters of system calls (its own two and the supervisor's).
    let of = |name: &str| {
        let line = processes.out.lines().find(|line| line.split(' ').nth(1) == Some(name));
        line.map(|line| line.split(' ').skip(2).take(4).collect::<Vec<_>>()).unwrap_or_default()
    };
    assert_eq!(of("dhcp-worker"), ["64101", "0000000000000000", "1", "3"], "{}", processes.out);
    // The real user is the account to which the kernel counts what the daemon holds.
    let account = crate::stage::daemon("dhcp").account().to_string();
    assert_eq!(of("dhcp-broker"), [account.as_str(), "0000000000003400", "1", "3"], "{}", processes.out);
}
