//! Times at which a machine does not run: it is paused, restored from a snapshot, or asleep.

use std::thread;
use std::time::Duration;

use orlop_test_vm::{Meeting, Step};

use super::{EIGHT_ANSWERS, Kept, SERVER, SOON, SYNCHRONISED, at, is_right, right_clock, status};
use crate::stage::{PATIENCE, status_of};

/// Where machine and test meet.
const MEETING: u16 = 2000;
/// How long the machine does not run: longer than anything that takes time in a right one.
const AWAY: Duration = Duration::from_secs(5);
/// What the kernel would say; Debian's has the driver, but not this event.
const EVENT: &str = "change@/devices/platform/VMGENCTR:00 ACTION=change SUBSYSTEM=platform NEW_VMGENID=1";

/// Nobody tells a machine that it was paused: the next answer does. A restored one is told by its kernel, between two questions
/// that are far apart.
#[test]
fn a_machine_that_was_paused_and_then_restored_is_right_each_time() {
    let ntp = status_of("ntp");
    let meet = Meeting::step(SERVER, MEETING);
    let steps = [
        Step::wait(&ntp, "\"mode\": \"service\"", SOON),
        Step::wait(&ntp, SYNCHRONISED, SOON),
        meet.clone(),
        Step::wait(&ntp, "\"fell-behind\"", 2 * SOON),
        right_clock(),
        // The burst is over, and the next question is a minute away.
        Step::wait(&ntp, EIGHT_ANSWERS, SOON),
        Step::wait(&ntp, SYNCHRONISED, SOON),
        meet,
        Step::Announce(EVENT.to_owned()),
        Step::wait(&ntp, "\"restore\"", SOON),
        right_clock(),
    ];
    let Some(Kept { mut stage, _server }) = Kept::new("interrupted", &at("now"), None, &steps) else { return };
    stage.emulator = stage.emulator.generation().words("loglevel=6 orlop.console=all");
    let stage = stage.controlled();
    let meeting = Meeting::at(stage.network.host(), SERVER, MEETING).unwrap();
    let machine = stage.start();

    let arrived = meeting.arrived().unwrap();
    let mut control = stage.control();
    control.pause().unwrap();
    thread::sleep(AWAY);
    control.resume().unwrap();
    drop((control, arrived));

    let arrived = meeting.arrived().unwrap();
    let before = machine.text();
    let machine = stage.restored_after(machine, AWAY);
    machine.wait_for("crng reseeded due to virtual machine fork", Duration::from_secs(60)).unwrap();
    drop(arrived);
    let seen = stage.end(machine).unwrap();
    assert!(seen.record.iter().all(|report| report.code == 0), "{:?}\n{before}\n{}", seen.record, seen.console);
    let [.., fell_behind, after_pause, _, _, _, _, restored, after_restore] = &seen.record[..] else { unreachable!() };
    for (what, report, why, clock) in
        [("paused", fell_behind, "fell-behind", after_pause), ("restored", restored, "restore", after_restore)]
    {
        let step = &status(report)["last_step"];
        assert_eq!(step["why"], why, "{what}: {step}");
        let by = step["by_ns"].as_i64().unwrap();
        assert!(i128::from(by) >= i128::try_from(AWAY.as_nanos()).unwrap() - 1_000_000_000, "{what}: {step}");
        is_right(clock);
    }
    assert!(seen.console.contains("the machine was restored from a snapshot"), "{}", seen.console);
}

/// The clock of a machine that slept is set by its kernel, to the second; the rest is ours, without waiting for the next question.
#[test]
fn a_machine_that_slept_is_right_when_it_wakes() {
    let ntp = status_of("ntp");
    let steps = [
        Step::wait(&ntp, "\"mode\": \"service\"", SOON),
        Step::wait(&ntp, EIGHT_ANSWERS, SOON),
        Step::write("/proc/1/root/sys/power/state", "mem"),
        right_clock(),
        Step::wait(&ntp, SYNCHRONISED, SOON),
    ];
    let Some(Kept { mut stage, _server }) = Kept::new("asleep", &at("now"), None, &steps) else { return };
    stage.emulator = stage.emulator.words("orlop.console=all");
    let stage = stage.by_firmware().controlled();
    let machine = stage.start();
    let mut control = stage.control();
    control.asleep().unwrap();
    thread::sleep(AWAY);
    control.wake().unwrap();
    // The emulator does not notice that a machine switches itself off which slept before.
    machine.wait_for("reboot: Power down", PATIENCE).unwrap();
    control.quit().unwrap();
    let seen = stage.end(machine).unwrap();
    let [_, _, slept, clock, last] = &seen.record[..] else { unreachable!() };
    assert!(slept.code == 0 && last.code == 0, "{:?}\n{}", seen.record, seen.console);
    is_right(clock);
    assert!(seen.console.contains("the machine was suspended secs="), "{}", seen.console);
}
