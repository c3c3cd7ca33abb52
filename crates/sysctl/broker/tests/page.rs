//! Every command line that the page and the image show is one that is understood.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::ffi::OsString;

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
    orlop_harness::page::has_what_the_help_has(PAGE, env!("CARGO_BIN_EXE_orlop-sysctl"));
}
