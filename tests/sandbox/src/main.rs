//! `orlop-attack`: attacks a sandbox from inside, in namespaces of its own.

use std::process::ExitCode;

use anyhow::{Result, bail};
use orlop_test_sandbox::{arena, attacker, command, evicted, payload, settings, workload};

const HELP: &str = "\
Attacks the sandbox of one of Orlop's processes, in namespaces where nothing can be harmed. Needs root.

  orlop-attack [--of TARGET] COMMAND
                                of the DHCP worker, or of another target
  orlop-attack [--json FILE]    every attack, without a sandbox and under the target's profile
  orlop-attack mutations [--json FILE | layers | pins]
                                every layer and every pin removed in turn
  orlop-attack minimality       every allowed system call removed in turn
  orlop-attack filter           the filter in force against the table
  orlop-attack power            what the target's capability could do, if nothing else held it
  orlop-attack settings         who may write which kernel setting, by its class
  orlop-attack evicted          what a rule of Landlock is worth when the kernel forgets what it is about
  orlop-attack show NAME...     these attacks, explained
  orlop-attack under COLUMN NAME...
                                these attacks under whole, control, bare, powerless, mutant:PART or
                                baseline:PART
  orlop-attack list             the names of all attacks and targets
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let (first, rest) = arguments.split_first().map_or(("", [].as_slice()), |(first, rest)| (first.as_str(), rest));
    match first {
        // Roles of this program inside the arena.
        "attack" => attacker::run(rest)?,
        "probe" => attacker::probe(rest)?,
        "workload" => return workload::run(rest),
        "stand-in" => arena::stand_in()?,
        "behind" => evicted::behind(rest)?,
        "gained" => return Ok(payload::gained(rest)),
        "arena" => return command::inside(rest),
        // What a person types.
        "list" => print!("{}", command::names()),
        "settings" => return settings::command(),
        "--help" | "help" => print!("{HELP}"),
        "" | "--of" | "--json" | "mutations" | "minimality" | "filter" | "power" | "evicted" | "show" | "under" => {
            let inside: Vec<String> = std::iter::once("arena".to_owned()).chain(arguments.iter().cloned()).collect();
            return arena::enter(&inside);
        }
        _ => bail!("there is no command {first}; try --help"),
    }
    Ok(ExitCode::SUCCESS)
}
