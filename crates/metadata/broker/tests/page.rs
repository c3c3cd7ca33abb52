//! Every command line that the page shows is one that is understood.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::ffi::OsString;

use orlop_metadata::command_line::parse;
use orlop_metadata_contract::Provider;

const PAGE: &str = include_str!("../../README.md");

#[test]
fn the_page_shows_only_command_lines_that_are_understood() {
    let lines = PAGE.lines().filter(|line| line.starts_with("orlop-metadata"));
    let lines: Vec<&str> = lines.map(|line| line.split("   ").next().unwrap_or(line).trim_end()).collect();
    assert!(lines.len() > 6, "{lines:?}");
    for line in lines {
        let parsed = parse(line.split_whitespace().map(OsString::from));
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

#[test]
fn every_provider_is_on_the_page() {
    for provider in Provider::ALL {
        assert!(PAGE.contains(&format!("`{}`", provider.name())), "{}", provider.name());
    }
}

#[test]
fn every_option_and_exit_code_of_the_help_is_on_the_page() {
    orlop_harness::page::has_what_the_help_has(PAGE, env!("CARGO_BIN_EXE_orlop-metadata"));
}
