#![no_main]
#![allow(dead_code, reason = "the file is shared by several targets and by the tests of orlop-metadata-core")]

#[path = "../../crates/metadata/core/tests/services/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::http(data));
