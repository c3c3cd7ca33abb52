//! Every command line that the page and the image show is one that is understood.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::ffi::OsString;
use std::process::Command;

use orlop_sysctl::command_line::{Invocation, Mode, parse};

const PAGE: &str = include_str!("../../README.md");
const KSPP: &str = include_str!("../../../../packaging/images/sysctl/kspp.conf");

fn run(line: &str) -> orlop_sysctl::command_line::Run {
    match parse(line.split_whitespace().map(OsString::from)) {
        Ok(Invocation::Run(run)) => run,
        other => panic!("{line}: {other:?}"),
    }
}

/// A command line before its explanation.
fn command(line: &str) -> &str {
    line.split("   ").next().unwrap_or(line).trim_end()
}

#[test]
fn the_page_shows_only_command_lines_that_are_understood() {
    let lines: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("orlop-sysctl")).map(command).collect();
    assert!(lines.len() > 8, "{lines:?}");
    let runs: Vec<_> = lines.iter().map(|line| run(line)).collect();
    for mode in [Mode::Apply, Mode::Plan, Mode::Diff, Mode::Check, Mode::Posture] {
        assert!(runs.iter().any(|run| run.mode == mode), "no example of {mode:?}");
    }
}

#[test]
fn the_commands_in_yaml_are_understood() {
    let commands = PAGE.lines().filter_map(|line| line.trim().strip_prefix("command: [\"/usr/bin/orlop-sysctl\""));
    let mut seen = 0;
    for words in commands {
        let words = words.trim_end_matches(']').replace([',', '"'], " ");
        assert!(run(&format!("/usr/bin/orlop-sysctl {words}")).lock, "the linuxkit profile has a lock in it: {words}");
        seen += 1;
    }
    assert!(seen > 0, "the page shows no command");
}

#[test]
fn the_commands_in_a_profile_are_understood() {
    let lines: Vec<&str> = KSPP.lines().filter_map(|line| line.strip_prefix("#   ")).map(command).collect();
    assert_eq!(lines.iter().map(|line| run(line).lock).collect::<Vec<_>>(), [false, true], "{lines:?}");
}

#[test]
fn every_option_and_exit_code_of_the_help_is_on_the_page() {
    let help = Command::new(env!("CARGO_BIN_EXE_orlop-sysctl")).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let words = |start: &str, end: &str| {
        let (_, rest) = help.split_once(start).unwrap();
        rest.split_once(end).unwrap().0.split_whitespace()
    };
    let options: Vec<&str> = words("\nWhat to do", "Exit codes:").filter(|word| word.starts_with("--")).collect();
    assert!(options.len() > 8, "{help}");
    // The first cells of all tables.
    let cells: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
    for option in options {
        let shown = [format!("`{option}`"), format!("`{option} ")];
        assert!(cells.iter().any(|cell| shown.iter().any(|shown| cell.contains(shown))), "{option}");
    }
    // A code stands before its meaning, two of them on some lines.
    let codes: Vec<&str> = words("Exit codes:", "A key").filter(|word| word.parse::<u8>().is_ok()).collect();
    assert!(codes.len() >= 8, "{help}");
    for code in codes {
        assert!(cells.iter().any(|cell| cell.split(", ").any(|number| number.trim() == code)), "{code}");
    }
}
