//! What the page says about the command line is what the program understands and says itself.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::ffi::OsString;

use orlop_dhcp::command_line::parse;

const PAGE: &str = include_str!("../../README.md");

/// A command line before its explanation, without the brackets and with a value for what stands in capitals.
fn command(line: &str) -> String {
    let line = line.split("   ").next().unwrap_or(line);
    line.replace(['[', ']'], "").replace("IFACE", "eth0")
}

fn is_understood(line: &str) {
    let words = line.split_whitespace().map(OsString::from);
    assert!(parse(words, &|_| false).is_ok(), "{line}");
}

#[test]
fn the_page_shows_only_command_lines_that_are_understood() {
    let lines: Vec<String> = PAGE.lines().filter(|line| line.starts_with("orlop-dhcp")).map(command).collect();
    assert!(lines.len() > 8, "{lines:?}");
    lines.iter().for_each(|line| is_understood(line));
}

#[test]
fn the_commands_in_yaml_are_understood() {
    let commands = PAGE.lines().filter_map(|line| line.trim().strip_prefix("command: [")?.strip_suffix(']'));
    let commands: Vec<String> = commands.map(|words| words.replace([',', '"'], " ")).collect();
    assert!(!commands.is_empty(), "the page shows no command");
    commands.iter().for_each(|line| is_understood(line));
}

#[test]
fn every_option_and_exit_code_of_the_help_is_on_the_page() {
    orlop_harness::page::has_what_the_help_has(PAGE, env!("CARGO_BIN_EXE_orlop-dhcp"));
}
