#![no_main]
#![allow(dead_code, reason = "the file is shared with the tests of its package")]

#[path = "../../crates/ntp/broker/tests/seeds/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::config(data));
