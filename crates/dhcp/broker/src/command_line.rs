//! What the command line asks for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::config::{EXAMPLE, Pattern, Seconds, Verbosity};
use crate::control::{Order, Target};
use crate::dhcpcd_compat;
use crate::interface_name::InterfaceName;
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
    let line: Vec<OsString> = line.into_iter().collect();
    let program = line.first().map(Path::new).and_then(Path::file_name);
    if program == Some(OsStr::new("dhcpcd")) {
        return dhcpcd_compat::parse(line.into_iter().skip(1));
    }
    match Line::try_parse_from(line) {
        Ok(line) => line.meaning(),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Invocation::Print(error.render().to_string()))
        }
        Err(error) => Err(usage(&error)),
    }
}

/// clap's first paragraph is the problem; its rest repeats the usage line.
fn usage(error: &clap::Error) -> Fatal {
    let text = error.render().to_string();
    let problem = text.split("\n\n").next().unwrap_or_default();
    let problem = problem.strip_prefix("error: ").unwrap_or(problem).split_whitespace().collect::<Vec<_>>().join(" ");
    Fatal::new(Exit::Usage, problem).help("orlop-dhcp --help shows what can be asked for")
}

/// Obtains IPv4 addresses by DHCP and configures interfaces with them: once, or for as long as it runs.
#[derive(Debug, Parser)]
#[command(name = "orlop-dhcp", version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// Configure the interfaces, say what was achieved, and end. Without it: keep them configured.
    #[arg(long, short = '1')]
    oneshot: bool,

    /// Read this configuration file [default: /etc/orlop/dhcp.toml, if there is one]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Only read the configuration, and say whether it is good
    #[arg(long)]
    check: bool,

    /// Print a configuration file with every key, its meaning and its default
    #[arg(long, exclusive = true)]
    example: bool,

    /// Log messages up to LEVEL: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", value_parser = verbosity)]
    log: Option<Verbosity>,

    /// Write the outcome to standard output as JSON
    #[arg(long)]
    json: bool,

    /// Only show which sandbox layers are in force, per process
    #[arg(long)]
    posture: bool,

    /// End with exit code 77 where the kernel has no Landlock
    #[arg(long)]
    require_landlock: bool,

    /// End a one-shot run after SECS seconds [default: that of the configuration, else 10]
    #[arg(long, value_name = "SECS", value_parser = deadline)]
    deadline: Option<Seconds<1, 3600>>,

    /// Configure these interfaces (names or patterns such as eth*) instead of those in the configuration
    #[arg(value_name = "IFACE", value_parser = pattern)]
    interfaces: Vec<Pattern>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what the running daemon does
    Status {
        /// Print status.json as it is
        #[arg(long)]
        json: bool,
    },
    /// Have leases extended now, and ask for one where there is none
    Renew {
        /// Only on this interface
        #[arg(value_name = "IFACE", value_parser = name)]
        interface: Option<InterfaceName>,
    },
    /// Give leases back, and stay without until `renew`
    Release {
        /// Only on this interface
        #[arg(value_name = "IFACE", value_parser = name)]
        interface: Option<InterfaceName>,
    },
    /// Have the configuration file read again
    Reload,
}

impl Line {
    fn meaning(self) -> Result<Invocation, Fatal> {
        let Self { verb, oneshot, config, check, example, log, json, posture, require_landlock, deadline, interfaces } =
            self;
        let target = |interface: Option<InterfaceName>| interface.map_or(Target::All, Target::One);
        match verb {
            Some(Verb::Status { json }) => return Ok(Invocation::Status { json }),
            Some(Verb::Renew { interface }) => return Ok(Invocation::Control(Order::Renew(target(interface)))),
            Some(Verb::Release { interface }) => return Ok(Invocation::Control(Order::Release(target(interface)))),
            Some(Verb::Reload) => return Ok(Invocation::Control(Order::Reload)),
            None => {}
        }
        if example {
            return Ok(Invocation::Print(EXAMPLE.to_owned()));
        }
        // After an option, clap takes these words for interfaces; a daemon started by mistake is worse than an error.
        if let Some(verb) = interfaces.iter().find(|word| Verb::has_subcommand(word.as_str())) {
            let verb = verb.as_str();
            return Err(Fatal::new(Exit::Usage, format!("the command {verb} goes before the options"))
                .help(format!("orlop-dhcp {verb} --help")));
        }
        if deadline.is_some() && !oneshot {
            return Err(Fatal::new(Exit::Usage, "--deadline has a meaning only with --oneshot")
                .help("add --oneshot, or leave --deadline out"));
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

fn verbosity(name: &str) -> Result<Verbosity, String> {
    Verbosity::new(name).ok_or_else(|| format!("a level is {}", Verbosity::NAMES))
}

fn deadline(secs: &str) -> Result<Seconds<1, 3600>, String> {
    secs.parse().ok().and_then(Seconds::new).ok_or_else(|| "a deadline is 1 to 3600 seconds".to_owned())
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<InterfaceName, String> {
    InterfaceName::new(text).ok_or_else(|| crate::interface_name::NotAnInterfaceName.to_string())
}

const AFTER_HELP: &str = "\
Exit codes:
   0  done: every interface with a carrier is configured (or the daemon was told to end)
  64  the command line is wrong
  69  nothing was configured in time: no interface, no carrier, or no server; or no daemon is running
  70  a bug in orlop-dhcp        71  the kernel refused something
  75  only some of the interfaces were configured in time
  76  the servers refused, or their leases cannot be used; or the daemon refused an order
  77  a sandbox layer or a capability is missing
  78  the configuration is wrong

Files:
  /etc/orlop/dhcp.toml             configuration (all keys: orlop-dhcp --example)
  /run/resolvconf/resolv.conf      name servers, rewritten in place
  /run/orlop/netfacts/             name and time servers, for the other daemons
  /run/orlop/dhcp/status.json      what `orlop-dhcp status` shows
  /run/orlop/dhcp/lease.IFACE      the lease, for the next process
  /run/orlop/metrics/dhcp.prom     metrics for node_exporter's textfile collector

Started as `dhcpcd`, it takes dhcpcd's options and dhcpcd.conf instead.";

#[cfg(test)]
mod tests;
