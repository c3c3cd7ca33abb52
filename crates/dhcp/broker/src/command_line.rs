//! What the command line asks for.

mod help;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use lexopt::Arg;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::config::{EXAMPLE, Pattern, Seconds, Verbosity};
use crate::control::{Order, Target};
use crate::dhcpcd_compat;
use crate::interface_name::{InterfaceName, NotAnInterfaceName};
use crate::settings::{Overrides, Settings, Source};

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
    Status {
        /// For a program instead of a person.
        json: bool,
    },
    /// Tell the running daemon to do something.
    Control(Order),
    /// Write this text to standard output.
    Print(String),
}

/// How to configure interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Once, or for ever.
    pub mode: Mode,
    /// The outcome of a one-shot run goes to standard output as JSON, too.
    pub json: bool,
    /// The configuration.
    pub settings: Settings,
}

/// How long the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until the interfaces are configured, or the deadline has come.
    OneShot,
    /// Until it is told to end.
    Service,
}

impl Mode {
    /// Its name in status and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneShot => "one-shot",
            Self::Service => "service",
        }
    }
}

/// Understands a command line, the program's own name first. A program called `dhcpcd` takes dhcpcd's options.
///
/// # Errors
/// The line asks for nothing that exists: [`Exit::Usage`].
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fatal> {
    let mut line = line.into_iter();
    let program = line.next();
    if program.as_ref().map(Path::new).and_then(Path::file_name) == Some(OsStr::new("dhcpcd")) {
        return dhcpcd_compat::parse(line);
    }
    let mut line = line.peekable();
    match line.peek().and_then(|word| word.to_str()).and_then(command) {
        Some(command) => finish(command, lexopt::Parser::from_args(line.skip(1))),
        None => Line::read(lexopt::Parser::from_args(line)),
    }
}

/// What a command asks for when nothing follows it.
fn command(word: &str) -> Option<Invocation> {
    Some(match word {
        "status" => Invocation::Status { json: false },
        "renew" => Invocation::Control(Order::Renew(Target::All)),
        "release" => Invocation::Control(Order::Release(Target::All)),
        "reload" => Invocation::Control(Order::Reload),
        _ => return None,
    })
}

/// What a command asks for with what follows it.
fn finish(mut command: Invocation, mut arguments: lexopt::Parser) -> Result<Invocation, Fatal> {
    while let Some(argument) = arguments.next().map_err(usage)? {
        match (argument, &mut command) {
            (Arg::Long("help") | Arg::Short('h'), _) => return print(help::HELP.to_owned(), arguments),
            (Arg::Long("json"), Invocation::Status { json: json @ false }) => *json = true,
            (
                Arg::Value(name),
                Invocation::Control(Order::Renew(target @ Target::All) | Order::Release(target @ Target::All)),
            ) => *target = Target::One(interface(&name)?),
            (other, _) => return Err(usage(other.unexpected())),
        }
    }
    Ok(command)
}

/// A line without a command, as it was written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    oneshot: bool,
    config: Option<PathBuf>,
    check: bool,
    example: bool,
    log: Option<Verbosity>,
    json: bool,
    posture: bool,
    require_landlock: bool,
    deadline: Option<Seconds<1, 3600>>,
    interfaces: Vec<Pattern>,
}

impl Line {
    fn read(mut arguments: lexopt::Parser) -> Result<Invocation, Fatal> {
        let mut line = Self::default();
        while let Some(argument) = arguments.next().map_err(usage)? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => return print(help::HELP.to_owned(), arguments),
                Arg::Long("version") | Arg::Short('V') => {
                    return print(format!("orlop-dhcp {}\n", env!("CARGO_PKG_VERSION")), arguments);
                }
                Arg::Long("oneshot") | Arg::Short('1') => once("--oneshot", &mut line.oneshot, true)?,
                Arg::Long("config") | Arg::Short('c') => {
                    once("--config", &mut line.config, Some(file(value(&mut arguments)?)?))?;
                }
                Arg::Long("check") => once("--check", &mut line.check, true)?,
                Arg::Long("example") => once("--example", &mut line.example, true)?,
                Arg::Long("log") => once("--log", &mut line.log, Some(verbosity(&value(&mut arguments)?)?))?,
                Arg::Long("json") => once("--json", &mut line.json, true)?,
                Arg::Long("posture") => once("--posture", &mut line.posture, true)?,
                Arg::Long("require-landlock") => once("--require-landlock", &mut line.require_landlock, true)?,
                Arg::Long("deadline") => {
                    once("--deadline", &mut line.deadline, Some(deadline(&value(&mut arguments)?)?))?;
                }
                Arg::Value(name) => line.interfaces.push(pattern(&name)?),
                other @ (Arg::Long(_) | Arg::Short(_)) => return Err(usage(other.unexpected())),
            }
        }
        line.meaning()
    }

    fn meaning(self) -> Result<Invocation, Fatal> {
        if self.example {
            return if self == (Self { example: true, ..Self::default() }) {
                Ok(Invocation::Print(EXAMPLE.to_owned()))
            } else {
                Err(mistake("--example goes with nothing else", "orlop-dhcp --example"))
            };
        }
        let Self { oneshot, config, check, example: _, log, json, posture, require_landlock, deadline, interfaces } =
            self;
        // Only the first word is a command. A daemon that waits for an interface called `status` is worse than an error.
        if let Some(verb) = interfaces.iter().map(Pattern::as_str).find(|word| command(word).is_some()) {
            let problem = format!("the command {verb} goes before the options");
            return Err(mistake(problem, format!("orlop-dhcp {verb}; --help says what can follow it")));
        }
        if deadline.is_some() && !oneshot {
            let problem = "--deadline has a meaning only with --oneshot";
            return Err(mistake(problem, "add --oneshot, or leave --deadline out"));
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
                Invocation::Run(Run { mode, json, settings })
            }
        })
    }
}

/// Prints this, whatever follows the option that asked for it, if only that has no value in the same word.
fn print(text: String, mut arguments: lexopt::Parser) -> Result<Invocation, Fatal> {
    arguments.next().map_err(usage)?;
    Ok(Invocation::Print(text))
}

/// Sets what an option decides. Whoever gives it twice means one of them.
fn once<T: Default + PartialEq>(option: &str, place: &mut T, value: T) -> Result<(), Fatal> {
    if *place != T::default() {
        return Err(mistake(format!("{option} is there twice"), "leave one of them out"));
    }
    *place = value;
    Ok(())
}

/// The value of an option. What looks like another option is none, unless it is in the same word.
fn value(arguments: &mut lexopt::Parser) -> Result<OsString, Fatal> {
    Ok(arguments.values().map_err(usage)?.next().unwrap_or_default())
}

fn file(path: OsString) -> Result<PathBuf, Fatal> {
    if path.is_empty() { Err(mistake("--config without a file", "--config FILE")) } else { Ok(path.into()) }
}

fn verbosity(name: &OsStr) -> Result<Verbosity, Fatal> {
    let level = name.to_str().and_then(Verbosity::new);
    level.ok_or_else(|| {
        mistake(format!("--log {} is no level", name.display()), format!("a level is {}", Verbosity::NAMES))
    })
}

fn deadline(secs: &OsStr) -> Result<Seconds<1, 3600>, Fatal> {
    let deadline = secs.to_str().and_then(|secs| secs.parse().ok()).and_then(Seconds::new);
    deadline.ok_or_else(|| {
        mistake(format!("--deadline {} is no deadline", secs.display()), "a deadline is 1 to 3600 seconds")
    })
}

fn pattern(text: &OsStr) -> Result<Pattern, Fatal> {
    // What stands for bytes that are no text is no character of a pattern.
    Pattern::new(&text.to_string_lossy()).map_err(|why| {
        let problem = format!("'{}' is no pattern of interface names", text.display());
        mistake(problem, "a name such as eth1, or a pattern such as eth*").cause(why)
    })
}

fn interface(text: &OsStr) -> Result<InterfaceName, Fatal> {
    text.to_str().and_then(InterfaceName::new).ok_or_else(|| {
        let problem = format!("no interface is called '{}'", text.display());
        mistake(problem, "orlop-dhcp status lists the interfaces").cause(NotAnInterfaceName)
    })
}

fn usage(error: lexopt::Error) -> Fatal {
    mistake(error.to_string(), "orlop-dhcp --help shows what can be asked for")
}

fn mistake(problem: impl Into<String>, help: impl Into<String>) -> Fatal {
    Fatal::new(Exit::Usage, problem).help(help)
}

#[cfg(test)]
mod tests;
