//! What the command line asks for.

mod help;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_broker::command_line::{Arguments, Common, Part, mistake, once, refuse_mistyped};
use orlop_broker::verbosity::Verbosity;
use orlop_config::Seconds;
use orlop_sandbox::fatal::Fatal;
use orlop_wire::{InterfaceName, NotAnInterfaceName};

use crate::config::{Config, EXAMPLE, Pattern};
use crate::control::{Order, Target};
use crate::dhcpcd::command_line::{self as dhcpcd, Wish};
use crate::settings::{Leaves, Mode, Overrides, Run, Settings, Source};
use crate::status::View;
use orlop_dhcp_profiles::DAEMON;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Configure interfaces.
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
    /// Tell the running daemon to do something.
    Control(Order),
    /// Tell it to renew, and wait for as long until that is done.
    RenewAndWait(Target, Duration),
    /// Write this text to standard output.
    Print(String),
}

/// The commands to a running daemon.
const VERBS: [&str; 4] = ["status", "renew", "release", "reload"];

/// Understands a command line, the program's own name first. A program called `dhcpcd` takes dhcpcd's options.
///
/// Only the first word is a command. Any other word without a dash is an interface or a pattern of them, unless it is a
/// command, too, or it is nearly one and no interface of that name `exists` now: a daemon that waits for an interface
/// called `status` or `stauts` is worse than an error. Written as a pattern, such as `[s]tauts`, it is always taken.
///
/// # Errors
/// The line asks for nothing that exists: [`Exit::Usage`](orlop_sandbox::fatal::Exit::Usage).
pub fn parse(line: impl IntoIterator<Item = OsString>, exists: &dyn Fn(&str) -> bool) -> Result<Invocation, Fatal> {
    let mut line = line.into_iter();
    let program = line.next();
    if program.as_ref().map(Path::new).and_then(Path::file_name) == Some(OsStr::new("dhcpcd")) {
        return Ok(match dhcpcd::parse(&DAEMON, line)? {
            Wish::Run(run) => Invocation::Run(run),
            Wish::Print(text) => Invocation::Print(text),
        });
    }
    let mut line = line.collect::<Vec<_>>().into_iter();
    match line.as_slice().first().and_then(|word| word.to_str()).and_then(command) {
        Some(command) => {
            line.next();
            finish(command, Arguments::of_verb(&DAEMON, help::help, line))
        }
        None => Line::read(Arguments::of_run(&DAEMON, help::help, line), exists),
    }
}

/// What a command asks for when nothing follows it.
fn command(word: &str) -> Option<Invocation> {
    Some(match word {
        "status" => Invocation::Status(View::default()),
        "renew" => Invocation::Control(Order::Renew(Target::All)),
        "release" => Invocation::Control(Order::Release(Target::All)),
        "reload" => Invocation::Control(Order::Reload),
        _ => return None,
    })
}

/// What a command asks for with what follows it.
fn finish(mut command: Invocation, mut arguments: Arguments) -> Result<Invocation, Fatal> {
    while let Some(part) = arguments.next()? {
        match (part, &mut command) {
            (Part::Print(text), _) => return Ok(Invocation::Print(text)),
            (Part::Option(option), Invocation::Status(view)) => match option.as_str() {
                "--json" => once(&option, &mut view.json, true)?,
                "-v" | "--verbose" => once("--verbose", &mut view.verbose, true)?,
                _ => return Err(arguments.unexpected(option)),
            },
            (Part::Operand(name), Invocation::Status(view @ View { interface: None, .. })) => {
                view.interface = Some(interface(&name)?);
            }
            (Part::Option(option), Invocation::Control(Order::Renew(target))) if option == "--wait" => {
                let target = std::mem::replace(target, Target::All);
                command = Invocation::RenewAndWait(target, patience(&mut arguments)?);
            }
            (Part::Option(option), Invocation::RenewAndWait(..)) if option == "--wait" => {
                return Err(mistake("--wait is there twice", "leave one of them out"));
            }
            (
                Part::Operand(name),
                Invocation::Control(Order::Renew(target @ Target::All) | Order::Release(target @ Target::All))
                | Invocation::RenewAndWait(target @ Target::All, _),
            ) => *target = Target::One(interface(&name)?),
            (Part::Option(option), _) => return Err(arguments.unexpected(option)),
            (Part::Operand(word), _) => return Err(arguments.unexpected(word.display())),
        }
    }
    match &command {
        Invocation::Status(View { json: true, verbose, interface }) if *verbose || interface.is_some() => {
            Err(mistake("status --json prints the whole document", "orlop-dhcp status --json, alone"))
        }
        Invocation::Status(_)
        | Invocation::Run(_)
        | Invocation::Check(_)
        | Invocation::Posture { .. }
        | Invocation::Control(_)
        | Invocation::RenewAndWait(..)
        | Invocation::Print(_) => Ok(command),
    }
}

/// How long `--wait` waits: as it says itself, or for as long as a one-shot run takes by default.
fn patience(arguments: &mut Arguments) -> Result<Duration, Fatal> {
    let Some(secs) = arguments.following_value() else { return Ok(Config::default().deadline) };
    let patience = secs.to_str().and_then(|secs| secs.parse().ok()).and_then(Seconds::<1, 3600>::new);
    let patience = patience.map(Seconds::duration);
    patience
        .ok_or_else(|| mistake(format!("--wait {} is no time", secs.display()), "1 to 3600 seconds, as in: --wait 30"))
}

/// A line without a command, as it was written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    oneshot: bool,
    config: Option<PathBuf>,
    check: bool,
    example: bool,
    posture: bool,
    deadline: Option<Seconds<1, 3600>>,
    interfaces: Vec<Pattern>,
    common: Common,
}

impl Line {
    fn read(mut arguments: Arguments, exists: &dyn Fn(&str) -> bool) -> Result<Invocation, Fatal> {
        let mut line = Self::default();
        while let Some(part) = arguments.next()? {
            let option = match part {
                Part::Print(text) => return Ok(Invocation::Print(text)),
                Part::Operand(name) => {
                    line.interfaces.push(pattern(&name, exists)?);
                    continue;
                }
                Part::Option(option) => option,
            };
            match option.as_str() {
                "-1" | "--oneshot" => once("--oneshot", &mut line.oneshot, true)?,
                "-c" | "--config" => once("--config", &mut line.config, Some(arguments.path("--config")?))?,
                "--check" => once("--check", &mut line.check, true)?,
                "--example" => once("--example", &mut line.example, true)?,
                "--posture" => once("--posture", &mut line.posture, true)?,
                "--deadline" => once("--deadline", &mut line.deadline, Some(deadline(&arguments.value()?)?))?,
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
                Err(mistake("--example goes with nothing else", "orlop-dhcp --example"))
            };
        }
        let Self { oneshot, config, check, example: _, posture, deadline, interfaces, common } = self;
        let Common { log, json, require_landlock, ready } = common;
        if let Some(verb) = interfaces.iter().map(Pattern::as_str).find(|word| VERBS.contains(word)) {
            let problem = format!("the command {verb} goes before the options");
            return Err(mistake(problem, format!("orlop-dhcp {verb}; --help says what can follow it")));
        }
        if deadline.is_some() && !oneshot {
            let problem = "--deadline has a meaning only with --oneshot";
            return Err(mistake(problem, "add --oneshot, or leave --deadline out"));
        }
        if ready.is_some() && (check || posture) {
            let problem = "--ready-fd has no meaning where nothing is configured";
            return Err(mistake(problem, "leave it out, or --check and --posture"));
        }
        let settings = Settings {
            source: config.map_or(Source::Default, Source::Toml),
            overrides: Overrides {
                interfaces,
                deadline: deadline.map(Seconds::duration),
                require_landlock,
                log: log.map(|Verbosity(level)| level),
            },
        };
        Ok(match (check, posture) {
            (true, _) => Invocation::Check(settings),
            (false, true) => Invocation::Posture { settings, json },
            (false, false) => {
                let mode = if oneshot { Mode::OneShot } else { Mode::Service };
                Invocation::Run(Run { mode, leaves: Leaves::Never, json, ready, settings })
            }
        })
    }
}

fn deadline(secs: &OsStr) -> Result<Seconds<1, 3600>, Fatal> {
    let deadline = secs.to_str().and_then(|secs| secs.parse().ok()).and_then(Seconds::new);
    deadline.ok_or_else(|| {
        mistake(format!("--deadline {} is no deadline", secs.display()), "a deadline is 1 to 3600 seconds")
    })
}

fn pattern(word: &OsStr, exists: &dyn Fn(&str) -> bool) -> Result<Pattern, Fatal> {
    // What stands for bytes that are no text is no character of a pattern.
    let text = word.to_string_lossy();
    if !VERBS.contains(&&*text) {
        refuse_mistyped(
            &DAEMON,
            &text,
            &VERBS,
            exists,
            "An interface that is yet to come can be written as a pattern: [x]yz",
        )?;
    }
    Pattern::new(&text).map_err(|why| {
        let problem = format!("'{text}' is no pattern of interface names");
        mistake(problem, "a name such as eth1, or a pattern such as eth*").cause(why)
    })
}

fn interface(text: &OsStr) -> Result<InterfaceName, Fatal> {
    if let Some(verb) = VERBS.iter().find(|verb| text == **verb) {
        return Err(mistake(format!("{verb} is a command of its own"), format!("orlop-dhcp {verb}")));
    }
    text.to_str().and_then(InterfaceName::new).ok_or_else(|| {
        let problem = format!("no interface is called '{}'", text.display());
        mistake(problem, "orlop-dhcp status lists the interfaces").cause(NotAnInterfaceName)
    })
}

#[cfg(test)]
mod tests;
