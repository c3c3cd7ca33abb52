//! Supervisor, broker and worker as one program, and what happens to them: the tests start this file again as the
//! supervisor, which starts it again as broker and worker.
#![allow(clippy::unwrap_used, reason = "a test without the harness is still a test")]

mod appliers;
mod cases;
mod crew;
mod daemon;
mod neighbour;
mod run;
mod surroundings;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, what] = &arguments[..]
        && flag == neighbour::FLAG
    {
        return neighbour::play(what);
    }
    match daemon::Role::of(&arguments) {
        Some(role) => daemon::play(role, &arguments),
        None => run::all(&[cases::CASES, surroundings::CASES].concat(), arguments.get(1).map(String::as_str)),
    }
}
