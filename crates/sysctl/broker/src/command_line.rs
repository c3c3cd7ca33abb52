//! What the command line asks for.

mod help;
mod linuxkit;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use lexopt::Arg;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sysctl_contract::{Dialect, Directory, MAX_PREFIXES, Prefix};
use tracing::Level;

use crate::sources::{Folders, Input, Wanted};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Read texts, and do something with the settings in them.
    Run(Run),
    /// Write this text to standard output.
    Print(String),
}

/// What to do with which settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What to do.
    pub mode: Mode,
    /// Which texts.
    pub wanted: Wanted,
    /// Whose texts they are.
    pub dialect: Dialect,
    /// Only keys that begin with one of these; all when there is none.
    pub prefixes: Vec<Prefix>,
    /// Where the keys are.
    pub sysctl_dir: PathBuf,
    /// A key that does not exist is a failure, too.
    pub strict: bool,
    /// Keys that cannot be taken back are written.
    pub lock: bool,
    /// The whole audit goes to standard output as JSON.
    pub json: bool,
    /// Messages up to this level.
    pub log: Level,
    /// Without Landlock nothing is done.
    pub require_landlock: bool,
}

/// What to do with the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Put them in force.
    Apply,
    /// Show them, in the order in which they would be written.
    Plan,
    /// Show what would change.
    Diff,
    /// Only read the text, and say whether it is good.
    Check,
    /// Nothing: only take up the sandbox and show it.
    Posture,
}

impl Mode {
    /// Its name in the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Plan => "plan",
            Self::Diff => "diff",
            Self::Check => "check",
            Self::Posture => "posture",
        }
    }
}

/// Where the kernel shows its settings.
pub const PROC_SYS: &str = "/proc/sys";

impl Default for Run {
    fn default() -> Self {
        Self {
            mode: Mode::Apply,
            wanted: Wanted::default(),
            dialect: Dialect::SysctlD,
            prefixes: Vec::new(),
            sysctl_dir: PathBuf::from(PROC_SYS),
            strict: false,
            lock: false,
            json: false,
            log: Level::INFO,
            require_landlock: false,
        }
    }
}

impl Run {
    /// Whether LinuxKit's component is asked for, whose exit code says only whether its folder can be read.
    #[must_use]
    pub fn is_linuxkit(&self) -> bool {
        self.dialect == Dialect::LinuxKit
    }
}

/// Understands a command line, the program's own name first. A program called `sysctl` takes the options of LinuxKit's.
///
/// # Errors
/// The line asks for nothing that exists: [`Exit::Usage`].
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fatal> {
    let mut line = line.into_iter();
    let program = line.next();
    if program.as_ref().map(Path::new).and_then(Path::file_name) == Some(OsStr::new("sysctl")) {
        return linuxkit::parse(line);
    }
    let mut arguments = lexopt::Parser::from_args(line);
    let mut run = Run::default();
    let mut folders = Vec::new();
    while let Some(argument) = arguments.next().map_err(usage)? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Print(help::HELP.to_owned())),
            Arg::Long("version") | Arg::Short('V') => {
                return Ok(Invocation::Print(format!("orlop-sysctl {}\n", env!("CARGO_PKG_VERSION"))));
            }
            Arg::Long("config-dir") => folders.push(arguments.value().map_err(usage)?.into()),
            Arg::Long("prefix") => run.prefixes.push(prefix(&arguments.value().map_err(usage)?)?),
            Arg::Long("root") => run.wanted.root = Some(arguments.value().map_err(usage)?.into()),
            Arg::Long("sysctl-dir") => run.sysctl_dir = arguments.value().map_err(usage)?.into(),
            Arg::Long("profile") => run.wanted.profiles.push(profile(&arguments.value().map_err(usage)?)?),
            Arg::Long("plan") => choose(&mut run.mode, Mode::Plan)?,
            Arg::Long("diff") => choose(&mut run.mode, Mode::Diff)?,
            Arg::Long("check") => choose(&mut run.mode, Mode::Check)?,
            Arg::Long("posture") => choose(&mut run.mode, Mode::Posture)?,
            Arg::Long("strict") => run.strict = true,
            Arg::Long("lock") => run.lock = true,
            Arg::Long("json") => run.json = true,
            Arg::Long("log") => run.log = level(&arguments.value().map_err(usage)?)?,
            Arg::Long("require-landlock") => run.require_landlock = true,
            Arg::Value(value) => operand(&mut run.wanted, value)?,
            other @ (Arg::Long(_) | Arg::Short(_)) => return Err(usage(other.unexpected())),
        }
    }
    if !folders.is_empty() {
        run.wanted.folders = Folders::These(folders);
    }
    if run.prefixes.len() > MAX_PREFIXES {
        return Err(mistake(format!("more than {MAX_PREFIXES} prefixes"), "put several runs after each other"));
    }
    Ok(Invocation::Run(run))
}

/// Sets the one mode of a run.
fn choose(mode: &mut Mode, chosen: Mode) -> Result<(), Fatal> {
    if *mode != Mode::Apply && *mode != chosen {
        let problem = format!("--{} and --{} cannot go together", mode.name(), chosen.name());
        return Err(mistake(problem, "one run does one thing"));
    }
    *mode = chosen;
    Ok(())
}

/// A `FILE`, a `KEY=VALUE`, or `-`.
fn operand(wanted: &mut Wanted, value: OsString) -> Result<(), Fatal> {
    let path = Path::new(&value);
    let is_path = value.as_encoded_bytes().contains(&b'/');
    let starts_as_path = path.is_absolute() || path.starts_with(".") || path.starts_with("..");
    if value == "-" {
        if wanted.inputs.contains(&Input::Stdin) {
            return Err(mistake("standard input can be read only once", "leave one '-' out"));
        }
        wanted.inputs.push(Input::Stdin);
    } else if value.as_encoded_bytes().contains(&b'=') && !starts_as_path {
        if value.as_encoded_bytes().contains(&b'\n') {
            return Err(mistake("a line end in a KEY=VALUE argument", "one argument is one setting"));
        }
        wanted.settings.push(value);
    } else if is_path {
        wanted.inputs.push(Input::File(value.into()));
    } else if value.is_empty() {
        return Err(mistake("an empty argument", "FILE, KEY=VALUE, or - for standard input"));
    } else {
        wanted.inputs.push(Input::Named(value));
    }
    Ok(())
}

/// The keys that begin with `typed`: a path or a dotted name, with or without `/proc/sys`.
fn prefix(typed: &OsStr) -> Result<Prefix, Fatal> {
    let wrong = |why: &dyn std::fmt::Display| {
        let problem = format!("--prefix {}: {why}", typed.display());
        mistake(problem, "as in --prefix net.ipv4.conf.eth0 or --prefix /net/ipv4/conf/eth0.100")
    };
    let text = typed.to_str().ok_or_else(|| wrong(&"not UTF-8"))?;
    if text.is_empty() {
        return Err(wrong(&"it is empty, and would be every key"));
    }
    let text = text.strip_prefix(PROC_SYS).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(text);
    let text = text.trim_matches('/');
    let path = match text.find(['.', '/']) {
        Some(at) if text.as_bytes().get(at) == Some(&b'.') => text.chars().map(swapped).collect(),
        Some(_) | None => text.to_owned(),
    };
    Directory::new(&path).map(Prefix::new).map_err(|why| wrong(&why))
}

/// In a dotted name a slash stands for a dot, and the other way round.
const fn swapped(c: char) -> char {
    match c {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

fn profile(name: &OsStr) -> Result<String, Fatal> {
    let fits = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    name.to_str().filter(fits).map(str::to_owned).ok_or_else(|| {
        mistake(format!("{} is no name of a profile", name.display()), "orlop-sysctl --help names the profiles")
    })
}

fn level(name: &OsStr) -> Result<Level, Fatal> {
    match name.to_str() {
        Some("error") => Ok(Level::ERROR),
        Some("warn") => Ok(Level::WARN),
        Some("info") => Ok(Level::INFO),
        Some("debug") => Ok(Level::DEBUG),
        Some("trace") => Ok(Level::TRACE),
        _ => Err(mistake(format!("--log {}", name.display()), "a level is error, warn, info, debug or trace")),
    }
}

fn usage(error: lexopt::Error) -> Fatal {
    mistake(error.to_string(), "orlop-sysctl --help shows what can be asked for")
}

fn mistake(problem: impl Into<String>, help: impl Into<String>) -> Fatal {
    Fatal::new(Exit::Usage, problem).help(help)
}

#[cfg(test)]
mod tests;
