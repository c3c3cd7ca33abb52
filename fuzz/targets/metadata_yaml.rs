#![no_main]
#![allow(dead_code, reason = "the files are shared by several targets and by the tests of orlop-metadata-core")]

#[path = "../../crates/metadata/core/tests/media/sparse.rs"]
mod sparse;
#[path = "../../crates/metadata/core/tests/media/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::yaml(data));
