#![no_main]
#![allow(dead_code, reason = "the file is shared by several targets and by the tests of orlop-metadata-contract")]

#[path = "../../crates/metadata/contract/tests/hostile/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::smbios(data));
