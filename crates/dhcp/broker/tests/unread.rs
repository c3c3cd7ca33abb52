//! Errors that nobody reads.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::process::Command;

#[test]
fn the_exit_code_tells_what_went_wrong_even_if_nobody_reads_the_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_orlop-dhcp"));
    let status = daemon.args(["--check", "--config", "/nowhere/dhcp.toml"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(78), "{status}");
}
