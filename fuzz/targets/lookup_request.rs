#![no_main]
#![allow(dead_code, reason = "the files are shared by several targets and by the tests of orlop-lookup-core")]

#[path = "../../crates/lookup/core/tests/lookup/message.rs"]
mod message;
#[path = "../../crates/lookup/core/tests/lookup/script.rs"]
mod script;
#[path = "../../crates/lookup/core/tests/lookup/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::request(data));
