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
mod fuzz;
mod harden;
mod reproduce;
mod setup;
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
            // `{:#}` prints the chain of causes on one line: problem, cause, help.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
