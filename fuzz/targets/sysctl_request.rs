#![no_main]
#![allow(dead_code, reason = "the files are shared by several targets and by the tests of orlop-sysctl-core")]

#[path = "../../crates/sysctl/core/tests/text/stage.rs"]
mod stage;
#[path = "../../crates/sysctl/core/tests/text/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::request(data));
