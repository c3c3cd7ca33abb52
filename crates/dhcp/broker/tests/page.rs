//! What the page says about the command line is what the program understands and says itself.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::ffi::OsString;
use std::process::Command;

use orlop_dhcp::command_line::parse;

const PAGE: &str = include_str!("../../README.md");

/// A command line before its explanation, without the brackets and with a value for what stands in capitals.
fn command(line: &str) -> String {
    let line = line.split("   ").next().unwrap_or(line);
    line.replace(['[', ']'], "").replace("IFACE", "eth0")
}

fn is_understood(line: &str) {
    let words = line.split_whitespace().map(OsString::from);
    assert!(parse(words).is_ok(), "{line}");
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
    let help = Command::new(env!("CARGO_BIN_EXE_orlop-dhcp")).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let words = |start: &str, end: &str| {
        let (_, rest) = help.split_once(start).unwrap();
        rest.split_once(end).unwrap().0.split_whitespace().map(|word| word.trim_matches(['[', ']', ',']).to_owned())
    };
    let options: Vec<String> = words("\nOptions:", "Exit codes:").filter(|word| word.starts_with("--")).collect();
    assert!(options.len() > 8, "{help}");
    // The first cells of all tables.
    let cells: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
    for option in options {
        let shown = [format!("`{option}`"), format!("`{option} ")];
        assert!(cells.iter().any(|cell| shown.iter().any(|shown| cell.contains(shown))), "{option}");
    }
    let codes: Vec<String> = words("Exit codes:", "Files:").filter(|word| word.parse::<u8>().is_ok()).collect();
    assert!(codes.len() > 8, "{help}");
    for code in codes {
        assert!(cells.iter().any(|cell| cell.split(", ").any(|number| number.trim() == code)), "{code}");
    }
}
