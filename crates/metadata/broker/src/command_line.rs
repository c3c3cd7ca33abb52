//! What the command line asks for.

mod help;
mod words;

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use orlop_broker::command_line::{Arguments, Common, Part, mistake, once};
use orlop_broker::verbosity::Verbosity;
use orlop_metadata_contract::{EntryPath, Plan, Wishes};
use orlop_metadata_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use tracing::Level;

use words::Words;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Find what the machine is told, and write it.
    Run(Run),
    /// Say where a machine runs, and by which signs that is known.
    Detect(Detect),
    /// Show what the last run did.
    Status {
        /// As it stands in the file.
        json: bool,
    },
    /// Print a file of those that a run wrote.
    Get(EntryPath),
    /// Write this text to standard output.
    Print(String),
}

/// How to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where from.
    pub wishes: Wishes,
    /// A file of the machine's that is user data, when nothing else is found.
    pub file: Option<PathBuf>,
    /// Names that the user typed of those that are not asked, each with the reason.
    pub refused: Vec<(String, &'static str)>,
    /// This disk, or image of one, and no other.
    pub disk: Option<PathBuf>,
    /// AWS may be asked without a token.
    pub allow_imdsv1: bool,
    /// That there is nothing is an error.
    pub require: bool,
    /// Nothing is written; what would be is told.
    pub dry_run: bool,
    /// Only take up the sandbox and show it.
    pub posture: bool,
    /// How long it may all take.
    pub timeout: Duration,
    /// For a program instead of a person.
    pub json: bool,
    /// Messages up to this level.
    pub log: Level,
    /// Without Landlock nothing is done.
    pub require_landlock: bool,
    /// The descriptor, of the user's process, through which it is told that everything is written.
    pub ready: Option<RawFd>,
}

impl Run {
    /// Whether it leaves anything for others.
    #[must_use]
    pub const fn writes(&self) -> bool {
        !self.dry_run && !self.posture
    }
}

/// Whose signs to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detect {
    /// A folder that has `sys` and `proc`.
    pub root: PathBuf,
    /// For a program instead of a person.
    pub json: bool,
}

/// How long a run may take when nobody says: a network that comes late has come by then, and the machine starts all the same.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An hour, which nobody waits at a boot.
const MOST_SECONDS: u64 = 3600;

impl Default for Run {
    fn default() -> Self {
        Self {
            wishes: Wishes::default(),
            file: None,
            refused: Vec::new(),
            disk: None,
            allow_imdsv1: false,
            require: false,
            dry_run: false,
            posture: false,
            timeout: TIMEOUT,
            json: false,
            log: Level::INFO,
            require_landlock: false,
            ready: None,
        }
    }
}

/// Understands a command line, the program's own name first. LinuxKit's `metadata [-v] [PROVIDER…]` is one as well.
///
/// # Errors
/// The line asks for nothing that exists: [`Exit::Usage`](orlop_sandbox::fatal::Exit::Usage).
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fatal> {
    let mut line = line.into_iter().skip(1).peekable();
    let verb = line.peek().and_then(|word| word.to_str()).filter(|word| ["status", "get"].contains(word));
    match verb.map(str::to_owned).as_deref() {
        Some("status") => status(Arguments::of_verb(&DAEMON, help::help, line.skip(1))),
        Some(_) => get(Arguments::of_verb(&DAEMON, help::help, line.skip(1))),
        None => run(Arguments::of_run(&DAEMON, help::help, line)),
    }
}

fn run(mut arguments: Arguments) -> Result<Invocation, Fatal> {
    let mut run = Run::default();
    let (mut words, mut verbose, mut detect) = (Words::default(), false, false);
    let (mut root, mut timeout) = (None, None);
    while let Some(part) = arguments.next()? {
        let option = match part {
            Part::Print(text) => return Ok(Invocation::Print(text)),
            Part::Operand(word) => {
                words.add(word)?;
                continue;
            }
            Part::Option(option) => option,
        };
        match option.as_str() {
            // As LinuxKit's has it.
            "-v" => once("-v", &mut verbose, true)?,
            "--detect" => once("--detect", &mut detect, true)?,
            "--root" => once("--root", &mut root, Some(arguments.path("--root")?))?,
            "--disk" => once("--disk", &mut run.disk, Some(arguments.path("--disk")?))?,
            "--no-disks" => once("--no-disks", &mut run.wishes.no_disks, true)?,
            "--probe" => once("--probe", &mut run.wishes.probe, true)?,
            "--allow-imdsv1" => once("--allow-imdsv1", &mut run.allow_imdsv1, true)?,
            "--require" => once("--require", &mut run.require, true)?,
            "--dry-run" => once("--dry-run", &mut run.dry_run, true)?,
            "--posture" => once("--posture", &mut run.posture, true)?,
            "--timeout" => once("--timeout", &mut timeout, Some(seconds(&arguments.value()?)?))?,
            _ => return Err(arguments.unexpected(option)),
        }
    }
    let Common { log, json, require_landlock, ready } = arguments.common;
    if detect {
        return Ok(Invocation::Detect(Detect { root: root.unwrap_or_else(|| "/".into()), json }));
    }
    if root.is_some() {
        return Err(mistake("--root is for --detect", "--detect --root DIR"));
    }
    if run.disk.is_some() && run.wishes.no_disks {
        return Err(mistake("--disk and --no-disks contradict each other", "leave one of them out"));
    }
    let Words { providers, file, refused } = words;
    run = Run { file, refused, json, require_landlock, ready, timeout: timeout.unwrap_or(TIMEOUT), ..run };
    run.wishes.providers = providers;
    // What a machine says of itself decides who is asked, and never what is read of disks.
    if run.disk.is_some() && Plan::of(&run.wishes, &[]).seeds.is_empty() {
        let help = "name a disk's provider as well: orlop-metadata --disk PATH nocloud";
        return Err(mistake("--disk is for none of these providers", help));
    }
    run.log = log.map_or(if verbose { Level::DEBUG } else { Level::INFO }, |Verbosity(level)| level);
    Ok(Invocation::Run(run))
}

fn status(mut arguments: Arguments) -> Result<Invocation, Fatal> {
    let mut json = false;
    while let Some(part) = arguments.next()? {
        match part {
            Part::Print(text) => return Ok(Invocation::Print(text)),
            Part::Option(option) if option == "--json" => once(&option, &mut json, true)?,
            Part::Option(option) => return Err(arguments.unexpected(option)),
            Part::Operand(word) => return Err(arguments.unexpected(word.display())),
        }
    }
    Ok(Invocation::Status { json })
}

fn get(mut arguments: Arguments) -> Result<Invocation, Fatal> {
    let mut path = None;
    while let Some(part) = arguments.next()? {
        match part {
            Part::Print(text) => return Ok(Invocation::Print(text)),
            Part::Operand(word) if path.is_none() => {
                let typed = word.to_str().and_then(|word| EntryPath::new(word).ok());
                path = Some(typed.ok_or_else(|| mistake(format!("{} is no key", word.display()), GET))?);
            }
            Part::Option(option) => return Err(arguments.unexpected(option)),
            Part::Operand(word) => return Err(arguments.unexpected(word.display())),
        }
    }
    path.map(Invocation::Get).ok_or_else(|| mistake("get what?", GET))
}

const GET: &str = "orlop-metadata get hostname";

fn seconds(typed: &OsStr) -> Result<Duration, Fatal> {
    let seconds = typed.to_str().and_then(|text| text.parse().ok()).filter(|secs| (1..=MOST_SECONDS).contains(secs));
    let wrong =
        || mistake(format!("--timeout {} is no time", typed.display()), format!("seconds, 1 to {MOST_SECONDS}"));
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
