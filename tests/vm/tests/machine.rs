//! The machine itself: that what it is told arrives, and that what goes wrong in it is seen.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_vm::{Files, Kernel, Machine, Step};
use orlop_testbed::needs;

fn machine() -> Option<Machine> {
    Kernel::available().map_err(|reason| needs::skip(&reason)).ok().map(|kernel| Machine::new(&kernel, Files::new()))
}

#[test]
fn a_machine_does_its_steps_with_a_kernel_of_its_own() {
    let Some(machine) = machine() else { return };
    let swappiness = "/proc/sys/vm/swappiness";
    let steps = [
        Step::read(swappiness),
        Step::write(swappiness, "7"),
        Step::read(swappiness),
        // To drop one more, it would need CAP_SETPCAP.
        Step::run_with_only(&[6, 21], &["/init", "only", "6", "/no/such/program"]),
        Step::run_with_only(&[6, 8, 21], &["/init", "only", "6", "/no/such/program"]),
        Step::read("/no/such/file"),
    ];
    let record = machine.run(&steps).unwrap();
    let out: Vec<&str> = record.iter().map(|report| report.out.trim()).collect();
    assert_eq!(out[..3], ["60", "", "7"]);
    assert_ne!(std::fs::read_to_string(swappiness).unwrap().trim(), "7", "this machine's is untouched");
    for (report, want) in [(&record[3], "Operation not permitted"), (&record[4], "No such file")] {
        assert!(report.code == 1 && report.err.contains(want), "{report:?} for {want}");
    }
    assert_eq!(record[5].code, 2);
}

#[test]
fn a_machine_that_falls_over_is_an_error_with_its_last_words() {
    let Some(machine) = machine() else { return };
    let error = machine.run(&[Step::write("/proc/sysrq-trigger", "c"), Step::read("/script")]).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("sysrq triggered crash") && error.contains("ended after 0 steps"), "{error}");
}
