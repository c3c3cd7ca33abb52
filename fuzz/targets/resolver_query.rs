#![no_main]
#![allow(dead_code, reason = "the files are shared by several targets and by the tests of orlop-resolver-core")]

#[path = "../../crates/resolver/core/tests/resolver/message.rs"]
mod message;
#[path = "../../crates/resolver/core/tests/resolver/script.rs"]
mod script;
#[path = "../../crates/resolver/core/tests/resolver/targets.rs"]
mod targets;
#[path = "../../crates/resolver/core/tests/resolver/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::query(data));
