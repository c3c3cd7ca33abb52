//! The clock of a machine, set in earnest: this machine's must not be touched.

use std::net::Ipv4Addr;
use std::process::Command;

use orlop_test_ntp::Chrony;
use orlop_test_vm::{Line, Network, Step};
use serde_json::Value;

use crate::stage::{Stage, daemon, status_of};

const SOON: u32 = 60;
/// Where the machine's one server is, of addresses and of the time.
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// How right a clock has to be that an emulator runs, in nanoseconds.
const RIGHT: i64 = 20_000_000;

/// The whole chain: DHCP's option 42, what its client leaves for others, a real server, the kernel's clock.
#[test]
fn a_machine_that_believes_in_1970_is_right_before_its_first_service_starts_and_stays_so() {
    let status = status_of("ntp");
    let steps = [
        Step::wait("/run/orlop/boot.json", "\"onboot_done_ms\": ", SOON),
        Step::wait(&status, "\"mode\": \"service\"", SOON),
        // Three questions were answered since.
        Step::wait(&status, "\"reach\": 7,", SOON),
    ];
    let ntp = daemon("ntp");
    let spec = format!(
        "  - name: ntpd\n    image: orlop.example/{0}:{1}\n\
         onboot:\n  - name: ntp\n    image: orlop.example/{0}:{1}\n    command: [\"/usr/sbin/{2}\", \"--oneshot\"]\n",
        ntp.name,
        env!("CARGO_PKG_VERSION"),
        ntp.program
    );
    let stage = Stage::with("clock", Line::V6_12, &steps, |_| (spec, Vec::new()));
    let Some(stage) = stage else { return };
    let mut stage = stage.card(0).clock("1970-01-01T00:00:00");
    stage.network.serve(&Network::server(0).option(&format!("option:ntp-server,{SERVER}"))).unwrap();
    let _server = Chrony::at(SERVER, 123).start(stage.network.host()).unwrap();
    let before = now();
    let seen = stage.boot();
    let console = &seen.console;
    assert!(console.contains("clock set from=1970-01-01T"), "{console}");
    assert!(console.contains(&format!("asking source={SERVER} origin=Network")), "{console}");
    assert!(console.contains("3 of 3 containers ended with 0"), "{console}");
    // The service found it right, and did not set it again.
    let document: Value =
        serde_json::from_str(&seen.record[2].out).unwrap_or_else(|error| panic!("{error}: {:?}", seen.record[2]));
    assert_eq!((&document["synchronised"], &document["last_step"]), (&Value::Bool(true), &Value::Null), "{document}");
    let offset = document["offset_ns"].as_i64().unwrap();
    assert!(offset.abs() < RIGHT, "{offset} ns");
    let written = document["written"]["utc"].as_str().unwrap();
    let (at_least, at_most) = (before.as_str(), now());
    assert!(at_least <= written && &written[..at_most.len()] <= at_most.as_str(), "{before}, {written}, {at_most}");
}

/// By this machine's clock, to the second, as RFC 3339 begins.
fn now() -> String {
    let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S"]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}
