#![no_main]
#![allow(dead_code, reason = "the files are shared by several targets and by the tests of orlop-ntp-core")]

#[path = "../../crates/ntp/core/tests/protocol/answer.rs"]
mod answer;
#[path = "../../crates/ntp/core/tests/protocol/place.rs"]
mod place;
#[path = "../../crates/ntp/core/tests/protocol/script.rs"]
mod script;
#[path = "../../crates/ntp/core/tests/protocol/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::nts_fields(data));
