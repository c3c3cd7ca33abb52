#![no_main]
#![allow(dead_code, reason = "the files are shared by several targets and by the tests of orlop-dhcp-core")]

#[path = "../../crates/dhcp/core/tests/protocol/packet.rs"]
mod packet;
#[path = "../../crates/dhcp/core/tests/protocol/script.rs"]
mod script;
#[path = "../../crates/dhcp/core/tests/protocol/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::arp(data));
