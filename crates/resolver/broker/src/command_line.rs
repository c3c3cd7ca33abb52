//! What the command line asks for.

mod help;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use orlop_broker::command_line::{Arguments, Common, Part, mistake, once, refuse_mistyped};
use orlop_broker::verbosity::Verbosity;
use orlop_resolver_contract::{MAX_UPSTREAMS, QueryType, ServerAddr};
use orlop_resolver_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use orlop_wire::DomainName;

use crate::config::{EXAMPLE, server};
use crate::control::Order;
use crate::settings::{Overrides, Run, Settings};
use orlop_broker::status::View;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Serve.
    Run(Run),
    /// Read the configuration, and say whether it is good.
    Check(Settings),
    /// Take up the sandbox as for a run, show what is in force per process, and end.
    Posture {
        /// With which configuration.
        settings: Settings,
        /// For a program instead of a person.
        json: bool,
    },
    /// Show what the running daemon does.
    Status(View),
    /// Ask it for a name.
    Query(DomainName, QueryType),
    /// Ask it what would become of a question.
    Explain(DomainName, QueryType),
    /// Tell the running daemon to do something.
    Control(Order),
    /// Write this text to standard output.
    Print(String),
}

/// The commands to a running daemon.
const VERBS: [&str; 5] = ["status", "query", "why", "flush", "reload"];

/// Understands a command line, the program's own name first.
///
/// # Errors
/// The line asks for nothing that exists: [`Exit::Usage`](orlop_sandbox::fatal::Exit::Usage).
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fatal> {
    let mut line = line.into_iter().skip(1).collect::<Vec<_>>().into_iter();
    let verb = line.as_slice().first().and_then(|word| VERBS.into_iter().find(|verb| word == verb));
    match verb {
        Some(verb) => {
            line.next();
            finish(verb, Arguments::of_verb(&DAEMON, help::help, line))
        }
        None => Line::read(Arguments::of_run(&DAEMON, help::help, line)),
    }
}

/// What a command asks for with what follows it.
fn finish(verb: &'static str, mut arguments: Arguments) -> Result<Invocation, Fatal> {
    let mut view = View::default();
    let mut words: Vec<OsString> = Vec::new();
    let most = match verb {
        "query" | "why" => 2,
        "flush" => 1,
        _ => 0,
    };
    while let Some(part) = arguments.next()? {
        match part {
            Part::Print(text) => return Ok(Invocation::Print(text)),
            Part::Option(option) => match (verb, option.as_str()) {
                ("status", "--json") => once(&option, &mut view.json, true)?,
                ("status", "-v" | "--verbose") => once("--verbose", &mut view.verbose, true)?,
                _ => return Err(arguments.unexpected(option)),
            },
            Part::Operand(word) if words.len() < most => words.push(word),
            Part::Operand(word) => return Err(arguments.unexpected(word.display())),
        }
    }
    let mut words = words.into_iter();
    let first = words.next().map(|word| name(&word)).transpose()?;
    Ok(match (verb, first) {
        ("status", _) => Invocation::Status(view),
        ("reload", _) => Invocation::Control(Order::Reload),
        ("flush", first) => Invocation::Control(Order::Flush(first)),
        (_, Some(name)) => {
            let kind = words.next().map(|word| kind(&word)).transpose()?.unwrap_or(ADDRESS);
            if verb == "why" { Invocation::Explain(name, kind) } else { Invocation::Query(name, kind) }
        }
        (_, None) => {
            let help = format!("orlop-resolver {verb} www.example.org");
            return Err(mistake(format!("{verb} asks for a name"), help));
        }
    })
}

/// What is asked for when nothing is said: an IPv4 address.
const ADDRESS: QueryType = QueryType(1);

/// A line without a command, as it was written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    config: Option<PathBuf>,
    check: bool,
    example: bool,
    posture: bool,
    upstreams: Vec<ServerAddr>,
    common: Common,
}

impl Line {
    fn read(mut arguments: Arguments) -> Result<Invocation, Fatal> {
        let mut line = Self::default();
        while let Some(part) = arguments.next()? {
            let option = match part {
                Part::Print(text) => return Ok(Invocation::Print(text)),
                Part::Operand(word) => {
                    line.upstreams.push(upstream(&word)?);
                    continue;
                }
                Part::Option(option) => option,
            };
            match option.as_str() {
                "-c" | "--config" => once("--config", &mut line.config, Some(arguments.path("--config")?))?,
                "--check" => once("--check", &mut line.check, true)?,
                "--example" => once("--example", &mut line.example, true)?,
                "--posture" => once("--posture", &mut line.posture, true)?,
                _ => return Err(arguments.unexpected(option)),
            }
        }
        Self { common: arguments.common, ..line }.meaning()
    }

    fn meaning(self) -> Result<Invocation, Fatal> {
        if self.example {
            return if self == (Self { example: true, ..Self::default() }) {
                Ok(Invocation::Print(EXAMPLE.to_owned()))
            } else {
                Err(mistake("--example goes with nothing else", "orlop-resolver --example"))
            };
        }
        let Self { config, check, example: _, posture, upstreams, common } = self;
        let Common { log, json, require_landlock, ready } = common;
        if upstreams.len() > MAX_UPSTREAMS {
            return Err(mistake(format!("more than {MAX_UPSTREAMS} servers"), "name fewer"));
        }
        if ready.is_some() && (check || posture) {
            let problem = "--ready-fd has no meaning where nothing is served";
            return Err(mistake(problem, "leave it out, or --check and --posture"));
        }
        if json && !posture {
            return Err(mistake("--json has a meaning only with --posture", "orlop-resolver status --json"));
        }
        let overrides = Overrides { upstreams, require_landlock, log: log.map(|Verbosity(level)| level) };
        let settings = Settings { file: config, overrides };
        Ok(match (check, posture) {
            (true, _) => Invocation::Check(settings),
            (false, true) => Invocation::Posture { settings, json },
            (false, false) => Invocation::Run(Run { ready, settings }),
        })
    }
}

fn upstream(word: &OsStr) -> Result<ServerAddr, Fatal> {
    let text = word.to_string_lossy();
    if let Some(verb) = VERBS.iter().find(|verb| text == **verb) {
        let problem = format!("the command {verb} goes before the options");
        return Err(mistake(problem, format!("orlop-resolver {verb}; --help says what can follow it")));
    }
    refuse_mistyped(&DAEMON, &text, &VERBS, &|_| false, "A server is named by its address")?;
    server(&text).ok_or_else(|| {
        mistake(format!("{text} is no address of a server"), "orlop-resolver 192.0.2.1 '[2001:db8::1]:5353'")
    })
}

fn name(word: &OsStr) -> Result<DomainName, Fatal> {
    let text = word.to_string_lossy();
    DomainName::new(&text).map_err(|error| mistake(format!("{text} is no name"), "www.example.org").cause(error))
}

fn kind(word: &OsStr) -> Result<QueryType, Fatal> {
    let text = word.to_string_lossy();
    let help = "a type is A, AAAA, PTR, MX, TXT and so on, or TYPE65280 by its number";
    QueryType::named(&text).ok_or_else(|| mistake(format!("{text} is no type of records"), help))
}

#[cfg(test)]
mod tests;
