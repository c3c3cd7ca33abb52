//! Every task of this repository: `cargo xtask --help`.
//!
//! One module per task. What a task runs is printed before it runs; a task that fails says what to type next.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod check;
mod cli;
mod command;
mod compiler;
mod demo;
mod emulate;
mod fresh;
mod fuzz;
mod harden;
mod mutants;
mod remains;
mod reproduce;
mod room;
mod same_machine;
mod second_try;
mod setup;
mod slowest;
mod soak;
mod steps;
mod symbols;
mod test;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", shown(&error));
            ExitCode::FAILURE
        }
    }
}

/// The chain of causes on one line: problem, cause, help. What is from our other tools says itself that it is an error.
fn shown(error: &anyhow::Error) -> String {
    let words = error.chain().map(ToString::to_string);
    words.map(|words| words.strip_prefix("error: ").map_or(words.clone(), str::to_owned)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_called_one_once() {
        let error = anyhow::anyhow!("error: no spec\n  help: give one").context("cannot assemble");
        assert_eq!(shown(&error), "cannot assemble: no spec\n  help: give one");
    }
}
