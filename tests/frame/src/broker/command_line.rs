//! What the command line asks for.

use std::ffi::OsString;

use orlop_broker::command_line::{Arguments, Common, OPTIONS, Part, mistake, once, refuse_mistyped};
use orlop_broker::exit;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::profiles::DAEMON;

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Add up what arrives.
    Run(Run),
    /// Have the running daemon begin anew.
    Reset,
    /// Write this to standard output.
    Print(String),
}

/// How to add up.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    /// Only the first number.
    pub oneshot: bool,
    /// The UDP port on 127.0.0.1.
    pub port: u16,
    /// What every daemon can be told.
    pub common: Common,
}

/// The port where the user names none.
pub const PORT: u16 = 7007;

const VERBS: [&str; 1] = ["reset"];

/// Understands a command line, the program's own name first.
///
/// # Errors
/// The line asks for nothing that exists.
pub fn parse(line: Vec<OsString>) -> Result<Invocation, Fatal> {
    let mut words = line.into_iter().skip(1).peekable();
    if words.peek().is_some_and(|word| word == "reset") {
        words.next();
        let mut arguments = Arguments::of_verb(&DAEMON, help, words);
        return match arguments.next()? {
            None => Ok(Invocation::Reset),
            Some(Part::Print(text)) => Ok(Invocation::Print(text)),
            Some(Part::Option(option)) => Err(arguments.unexpected(option)),
            Some(Part::Operand(word)) => Err(arguments.unexpected(word.display())),
        };
    }
    let mut arguments = Arguments::of_run(&DAEMON, help, words);
    let (mut oneshot, mut port) = (false, None);
    while let Some(part) = arguments.next()? {
        match part {
            Part::Print(text) => return Ok(Invocation::Print(text)),
            Part::Option(option) if option == "--oneshot" => once(&option, &mut oneshot, true)?,
            Part::Option(option) if option == "--port" => {
                let typed = arguments.value()?;
                let number = typed.to_str().and_then(|number| number.parse().ok());
                let number =
                    number.ok_or_else(|| mistake(format!("--port {} is no port", typed.display()), "0 to 65535"))?;
                once(&option, &mut port, Some(number))?;
            }
            Part::Option(option) => return Err(arguments.unexpected(option)),
            Part::Operand(word) => {
                refuse_mistyped(&DAEMON, &word.to_string_lossy(), &VERBS, &|_| false, "It takes nothing else")?;
                return Err(arguments.unexpected(word.display()));
            }
        }
    }
    Ok(Invocation::Run(Run { oneshot, port: port.unwrap_or(PORT), common: arguments.common }))
}

fn help() -> String {
    let codes = [
        (Exit::Done, "done (or the daemon was told to end)"),
        (Exit::Unconfigured, "no number came in time; or no daemon is running"),
        (Exit::Refused, "the daemon refused an order"),
    ];
    let table = exit::table(&DAEMON, &codes);
    format!("{WHAT}{OPTIONS}\n{table}")
}

const WHAT: &str = "\
Adds up the numbers that arrive as datagrams, and publishes the sum.

Usage: orlop-tally [OPTIONS]
       orlop-tally reset

Commands, to the daemon that runs:
  reset  Begin anew

Options:
      --oneshot           End after the first number, or after ten seconds
      --port N            Listen at this UDP port of 127.0.0.1 [default: 7007]
";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Invocation, Fatal> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn a_line_is_understood_as_a_whole_or_refused() {
        let run = |oneshot, port| Invocation::Run(Run { oneshot, port, common: Common::default() });
        for (line, want) in [
            ("orlop-tally", Some(run(false, PORT))),
            ("orlop-tally --oneshot --port=9", Some(run(true, 9))),
            ("orlop-tally reset", Some(Invocation::Reset)),
            ("orlop-tally rest", None),
            ("orlop-tally --port 65536", None),
            ("orlop-tally --port 1 --port 1", None),
            ("orlop-tally reset now", None),
        ] {
            assert_eq!(of(line).ok(), want, "{line}");
        }
    }
}
