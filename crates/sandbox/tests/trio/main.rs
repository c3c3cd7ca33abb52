//! Supervisor, broker and worker as one program, and what happens to them: the tests start this file again as the
//! supervisor, which starts it again as broker and worker.
#![allow(clippy::unwrap_used, reason = "a test without the harness is still a test")]

mod appliers;
mod cases;
mod crew;
mod daemon;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match daemon::Role::of(&arguments) {
        Some(role) => daemon::play(role, &arguments),
        None => run::all(cases::CASES, arguments.get(1).map(String::as_str)),
    }
}
