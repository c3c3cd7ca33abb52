#![no_main]
#![allow(dead_code, reason = "the files are shared by several targets and by the tests of orlop-ntp-contract")]

#[path = "../../crates/ntp/contract/tests/clock/driven.rs"]
mod driven;
#[path = "../../crates/ntp/contract/tests/clock/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::clock_request(data));
