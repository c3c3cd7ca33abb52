//! What the command line asks for.

mod help;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_broker::command_line::{Arguments, Common, Part, mistake, once, refuse_mistyped};
use orlop_broker::verbosity::Verbosity;
use orlop_config::Seconds;
use orlop_ntp_contract::MAX_SOURCES;
use orlop_ntp_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use tracing::Level;

use crate::config::{EXAMPLE, Place};
use crate::control::Order;
use crate::openntpd::{self, Wish};
use crate::settings::{Mode, Origin, Overrides, Run, Settings};
use orlop_broker::status::View;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Keep the clock right.
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
    /// Show whom it asks.
    Sources,
    /// Wait until the clock is right, this long at most.
    WaitSync(Option<Duration>),
    /// Tell the running daemon to do something.
    Control(Order),
    /// Write this text to standard output.
    Print(String),
}

/// The commands to a running daemon.
const VERBS: [&str; 5] = ["status", "sources", "step", "reload", "wait-sync"];

/// Understands a command line, the program's own name first. A program called `ntpd` takes openntpd's options.
///
/// # Errors
/// The line asks for nothing that exists: [`Exit::Usage`](orlop_sandbox::fatal::Exit::Usage).
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fatal> {
    let mut line = line.into_iter();
    let program = line.next();
    if program.as_ref().map(Path::new).and_then(Path::file_name) == Some(OsStr::new("ntpd")) {
        return Ok(match openntpd::parse(line)? {
            Wish::Check(conf) => Invocation::Check(Settings { origin: Origin::Openntpd(conf), ..Settings::default() }),
            Wish::Run { conf, verbose } => {
                let log = (verbose > 0).then_some(Level::DEBUG);
                let settings =
                    Settings { origin: Origin::Openntpd(conf), overrides: Overrides { log, ..Overrides::default() } };
                Invocation::Run(Run { mode: Mode::Service, optional: false, json: false, ready: None, settings })
            }
        });
    }
    let mut line = line.collect::<Vec<_>>().into_iter();
    let verb = line.as_slice().first().and_then(|word| word.to_str()).and_then(|word| match word {
        "status" => Some(Invocation::Status(View::default())),
        "sources" => Some(Invocation::Sources),
        "step" => Some(Invocation::Control(Order::Step)),
        "reload" => Some(Invocation::Control(Order::Reload)),
        "wait-sync" => Some(Invocation::WaitSync(None)),
        _ => None,
    });
    match verb {
        Some(verb) => {
            line.next();
            finish(verb, Arguments::of_verb(&DAEMON, help::help, line))
        }
        None => Line::read(Arguments::of_run(&DAEMON, help::help, line)),
    }
}

/// What a command asks for with what follows it.
fn finish(mut verb: Invocation, mut arguments: Arguments) -> Result<Invocation, Fatal> {
    while let Some(part) = arguments.next()? {
        match (part, &mut verb) {
            (Part::Print(text), _) => return Ok(Invocation::Print(text)),
            (Part::Option(option), Invocation::Status(view)) => match option.as_str() {
                "--json" => once(&option, &mut view.json, true)?,
                "-v" | "--verbose" => once("--verbose", &mut view.verbose, true)?,
                _ => return Err(arguments.unexpected(option)),
            },
            (Part::Option(option), Invocation::WaitSync(limit)) if option == "--deadline" => {
                let typed = deadline(&arguments.value()?)?;
                once(&option, limit, Some(typed.duration()))?;
            }
            (Part::Option(option), _) => return Err(arguments.unexpected(option)),
            (Part::Operand(word), _) => return Err(arguments.unexpected(word.display())),
        }
    }
    Ok(verb)
}

/// A line without a command, as it was written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    oneshot: bool,
    optional: bool,
    config: Option<PathBuf>,
    check: bool,
    example: bool,
    posture: bool,
    deadline: Option<Seconds<2, 3600>>,
    mock_clock: Option<PathBuf>,
    sources: Vec<Place>,
    common: Common,
}

impl Line {
    fn read(mut arguments: Arguments) -> Result<Invocation, Fatal> {
        let mut line = Self::default();
        while let Some(part) = arguments.next()? {
            let option = match part {
                Part::Print(text) => return Ok(Invocation::Print(text)),
                Part::Operand(word) => {
                    line.sources.push(source(&word)?);
                    continue;
                }
                Part::Option(option) => option,
            };
            match option.as_str() {
                "-1" | "--oneshot" => once("--oneshot", &mut line.oneshot, true)?,
                "--optional" => once("--optional", &mut line.optional, true)?,
                "-c" | "--config" => once("--config", &mut line.config, Some(arguments.path("--config")?))?,
                "--check" => once("--check", &mut line.check, true)?,
                "--example" => once("--example", &mut line.example, true)?,
                "--posture" => once("--posture", &mut line.posture, true)?,
                "--deadline" => once("--deadline", &mut line.deadline, Some(deadline(&arguments.value()?)?))?,
                "--mock-clock" => once("--mock-clock", &mut line.mock_clock, Some(arguments.path("--mock-clock")?))?,
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
                Err(mistake("--example goes with nothing else", "orlop-ntp --example"))
            };
        }
        let Self { oneshot, optional, config, check, example: _, posture, deadline, mock_clock, sources, common } =
            self;
        let Common { log, json, require_landlock, ready } = common;
        if sources.len() > MAX_SOURCES {
            return Err(mistake(
                format!("more than {MAX_SOURCES} sources"),
                "name fewer, or a pool in a configuration",
            ));
        }
        if deadline.is_some() && !oneshot {
            let problem = "--deadline has a meaning only with --oneshot";
            return Err(mistake(problem, "add --oneshot, or leave --deadline out"));
        }
        if optional && !oneshot {
            let problem = "--optional has a meaning only with --oneshot";
            return Err(mistake(problem, "add --oneshot, or leave --optional out"));
        }
        if ready.is_some() && (check || posture) {
            let problem = "--ready-fd has no meaning where no clock is kept right";
            return Err(mistake(problem, "leave it out, or --check and --posture"));
        }
        let settings = Settings {
            origin: config.map_or(Origin::Default, Origin::Toml),
            overrides: Overrides {
                sources,
                deadline: deadline.map(Seconds::duration),
                mock_clock,
                require_landlock,
                log: log.map(|Verbosity(level)| level),
            },
        };
        Ok(match (check, posture) {
            (true, _) => Invocation::Check(settings),
            (false, true) => Invocation::Posture { settings, json },
            (false, false) => {
                let mode = if oneshot { Mode::OneShot } else { Mode::Service };
                Invocation::Run(Run { mode, optional, json, ready, settings })
            }
        })
    }
}

fn deadline(secs: &OsStr) -> Result<Seconds<2, 3600>, Fatal> {
    let deadline = secs.to_str().and_then(|secs| secs.parse().ok()).and_then(Seconds::new);
    deadline.ok_or_else(|| {
        mistake(format!("--deadline {} is no deadline", secs.display()), "a deadline is 2 to 3600 seconds")
    })
}

fn source(word: &OsStr) -> Result<Place, Fatal> {
    let text = word.to_string_lossy();
    if let Some(verb) = VERBS.iter().find(|verb| text == **verb) {
        let problem = format!("the command {verb} goes before the options");
        return Err(mistake(problem, format!("orlop-ntp {verb}; --help says what can follow it")));
    }
    refuse_mistyped(&DAEMON, &text, &VERBS, &|_| false, "A server of that name can be written with a dot at its end")?;
    text.parse().map_err(|error| {
        mistake("a source is an address or a name", "orlop-ntp 192.0.2.1 ntp.example.org").cause(error)
    })
}

#[cfg(test)]
mod tests;
