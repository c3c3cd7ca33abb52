//! What the command line asks for.

mod help;
mod linuxkit;

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_broker::command_line::{Arguments, Common, Part, mistake, once, refuse_mistyped};
use orlop_broker::verbosity::Verbosity;
use orlop_sandbox::fatal::Fatal;
use orlop_sysctl_contract::{Dialect, Directory, MAX_PREFIXES, Prefix};
use tracing::Level;

use crate::sources::{Folders, Input, Wanted};
use orlop_sysctl_profiles::DAEMON;

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
    /// The descriptor, of the user's process, through which it is told that every setting is in force.
    pub ready: Option<RawFd>,
    /// It stays, as a service.
    pub follow: Option<Follow>,
}

/// What a service does about what happens after its first run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    /// How often it looks, whatever happens.
    pub every: Duration,
    /// Whether it puts back what somebody else has changed.
    pub enforce: bool,
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
            ready: None,
            follow: None,
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
/// The line asks for nothing that exists: [`Exit::Usage`](orlop_sandbox::fatal::Exit::Usage).
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fatal> {
    let mut line = line.into_iter();
    let program = line.next();
    if program.as_ref().map(Path::new).and_then(Path::file_name) == Some(OsStr::new("sysctl")) {
        return linuxkit::parse(line);
    }
    let mut arguments = Arguments::of_run(&DAEMON, help::help, line);
    let mut run = Run::default();
    let (mut mode, mut keys, mut folders) = (None, None, Vec::new());
    let (mut follow, mut enforce, mut every) = (false, false, None);
    while let Some(part) = arguments.next()? {
        let option = match part {
            Part::Print(text) => return Ok(Invocation::Print(text)),
            Part::Operand(word) => {
                operand(&mut run.wanted, word)?;
                continue;
            }
            Part::Option(option) => option,
        };
        match option.as_str() {
            "--config-dir" => folders.push(arguments.path("--config-dir")?),
            "--prefix" => run.prefixes.push(prefix(&arguments.value()?)?),
            "--root" => once("--root", &mut run.wanted.root, Some(arguments.path("--root")?))?,
            "--sysctl-dir" => once("--sysctl-dir", &mut keys, Some(arguments.path("--sysctl-dir")?))?,
            "--profile" => run.wanted.profiles.push(profile(&arguments.value()?)?),
            "--plan" => choose(&mut mode, Mode::Plan)?,
            "--diff" => choose(&mut mode, Mode::Diff)?,
            "--check" => choose(&mut mode, Mode::Check)?,
            "--posture" => choose(&mut mode, Mode::Posture)?,
            "--strict" => once("--strict", &mut run.strict, true)?,
            "--lock" => once("--lock", &mut run.lock, true)?,
            "--follow" => once("--follow", &mut follow, true)?,
            "--enforce" => once("--enforce", &mut enforce, true)?,
            "--interval" => once("--interval", &mut every, Some(interval(&arguments.value()?)?))?,
            _ => return Err(arguments.unexpected(option)),
        }
    }
    let Common { log, json, require_landlock, ready } = arguments.common;
    run = Run { json, require_landlock, ready, ..run };
    run.mode = mode.unwrap_or(run.mode);
    run.sysctl_dir = keys.unwrap_or(run.sysctl_dir);
    run.log = log.map_or(run.log, |Verbosity(level)| level);
    if !folders.is_empty() {
        run.wanted.folders = Folders::These(folders);
    }
    if run.prefixes.len() > MAX_PREFIXES {
        return Err(mistake(format!("more than {MAX_PREFIXES} prefixes"), "put several runs after each other"));
    }
    if run.ready.is_some() && run.mode != Mode::Apply {
        let problem = "--ready-fd has no meaning where nothing is put in force";
        return Err(mistake(problem, format!("leave it out, or --{}", run.mode.name())));
    }
    if follow {
        run.follow = Some(Follow { every: every.unwrap_or(LOOK_EVERY), enforce });
        refuse_what_cannot_be_followed(&run)?;
    } else if enforce || every.is_some() {
        let option = if enforce { "--enforce" } else { "--interval" };
        return Err(mistake(format!("{option} is for a service"), format!("--follow {option}")));
    }
    refuse_mistyped_modes(&run.wanted)?;
    Ok(Invocation::Run(run))
}

/// How often a service looks if nobody says otherwise: a change by somebody else is known within a minute, and a few thousand
/// settings are read in some ten milliseconds.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// At least once a day.
const MOST_SECONDS: u64 = 86_400;

fn interval(typed: &OsStr) -> Result<Duration, Fatal> {
    let seconds =
        typed.to_str().and_then(|typed| typed.parse().ok()).filter(|typed| (1..=MOST_SECONDS).contains(typed));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        mistake(format!("--interval {} is no time", typed.display()), format!("seconds, from 1 to {MOST_SECONDS}"))
    })
}

/// A service that fails is started again, and reads everything again.
fn refuse_what_cannot_be_followed(run: &Run) -> Result<(), Fatal> {
    if run.mode != Mode::Apply {
        let problem = format!("--follow and --{} cannot go together", run.mode.name());
        return Err(mistake(problem, "one run does one thing"));
    }
    if run.wanted.inputs.contains(&Input::Stdin) {
        return Err(mistake("--follow cannot read standard input a second time", "put the settings in a file"));
    }
    Ok(())
}

/// Sets the one mode of a run.
fn choose(mode: &mut Option<Mode>, chosen: Mode) -> Result<(), Fatal> {
    match mode {
        Some(mode) if *mode != chosen => {
            let problem = format!("--{} and --{} cannot go together", mode.name(), chosen.name());
            Err(mistake(problem, "one run does one thing"))
        }
        _ => once(&format!("--{}", chosen.name()), mode, Some(chosen)),
    }
}

/// A word that is a mode without its dashes, or nearly so, is a mistake, unless a file is called so: else the rest of the
/// line would be put in force.
fn refuse_mistyped_modes(wanted: &Wanted) -> Result<(), Fatal> {
    const MODES: [&str; 4] = ["--plan", "--diff", "--check", "--posture"];
    let words = wanted.inputs.iter().filter_map(|input| match input {
        Input::Named(word) => word.to_str(),
        Input::File(_) | Input::Stdin => None,
    });
    for word in words {
        let exists = |_: &str| wanted.finds(OsStr::new(word));
        refuse_mistyped(&DAEMON, word, &MODES, &exists, "For a file of that name, write ./ before it")?;
    }
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

#[cfg(test)]
mod tests;
