//! A machine with hundreds of services, which takes long to start them all: each comes up, and at its first try.

use std::time::Duration;

use orlop_image::platform::Platform;
use orlop_test_vm::{Line, Nic, Probe, Step};
use orlop_testbed::eventually;

use crate::stage::Stage;

/// How many, unless `cargo xtask soak` wants more.
const SERVICES: u32 = 200;
/// What each may take: emulated, on a busy machine, the mounts of all others among its own.
const EACH: Duration = Duration::from_secs(5);
/// Their programs and control groups have to fit.
const MEGABYTES_PER_HUNDRED: u32 = 512;

#[test]
fn hundreds_of_services_all_come_up_at_the_first_try() {
    let services = std::env::var("ORLOP_SERVICES").map_or(SERVICES, |number| number.parse().unwrap());
    let stage = Stage::with("many", Line::V6_12, &[Step::Idle], |folder| {
        let one = Probe::speaking(Platform::Amd64, folder, "one", &[Step::Idle]).unwrap();
        let all: String = (0..services)
            .map(|number| one.plain_entry(&format!("one-{number}"), "capabilities: [], readonly: true"))
            .collect();
        (all, vec![one.image])
    });
    let Some(mut stage) = stage else { return };
    stage.emulator = stage.emulator.nic(Nic::Alone).megabytes(512 + services * MEGABYTES_PER_HUNDRED / 100);
    let machine = stage.start();
    let running = |console: &str| {
        console.lines().filter(|line| line.contains("service one-") && line.trim_end().ends_with(" runs")).count()
    };
    let up = eventually("all services", EACH * services, || {
        let console = machine.text();
        assert!(!console.contains("again in"), "one began anew:\n{console}");
        Ok((running(&console) >= services as usize).then_some(()))
    });
    up.unwrap_or_else(|error| panic!("{error:#}: {} of {services}\n{}", running(&machine.text()), machine.text()));
}
