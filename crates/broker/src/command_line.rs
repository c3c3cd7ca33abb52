//! The command line of a daemon: what is the same for all of them.
//!
//! The rules: an option may be written in every usual form (`--log LEVEL`, `--log=LEVEL`), and its value does not begin
//! with `-` unless it is in the same word. An option that decides one thing stands there once; twice is an error, even with
//! the same value. Help and version are printed whatever follows them. A word that is nearly a verb is an error and starts
//! no daemon: see [`refuse_mistyped`].

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::path::PathBuf;

use lexopt::Arg;
use orlop_sandbox::fatal::{Exit, Fatal, nearest};

use crate::verbosity::Verbosity;
use orlop_sandbox::daemon::Daemon;

/// What the help says about the options that [`Arguments`] itself understands. Each has a column of 26 characters.
pub const OPTIONS: &str = "      \
      --log LEVEL         Messages up to LEVEL: error, warn, info, debug or trace [default: info]
      --json              Write the outcome to standard output as JSON
      --require-landlock  End with exit code 77 where the kernel has no Landlock
      --ready-fd N        Write a line end to descriptor N after the first success, and close it
  -h, --help              Print help
  -V, --version           Print version
";

/// What every daemon's run can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Common {
    /// `--log`, if it is there.
    pub log: Option<Verbosity>,
    /// `--json`: the outcome also goes to standard output, for a program.
    pub json: bool,
    /// `--require-landlock`: end with an error where the kernel has no Landlock.
    pub require_landlock: bool,
    /// `--ready-fd`: the descriptor, of the process that the user started, through which the first success is told.
    pub ready: Option<RawFd>,
}

/// One part of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An option of the daemon's own, with its dashes: `--oneshot`, `-1`.
    Option(String),
    /// A word that is no option.
    Operand(OsString),
    /// Print this and end.
    Print(String),
}

/// The arguments of a run or of a verb, from the first to the last.
#[derive(Debug)]
pub struct Arguments {
    daemon: &'static Daemon,
    help: fn() -> String,
    words: lexopt::Parser,
    /// A verb has help, and none of the options of a run.
    after_verb: bool,
    /// What was said of [`Common`] so far.
    pub common: Common,
}

impl Arguments {
    /// The arguments of a run: `words` are those after the program's name.
    pub fn of_run(daemon: &'static Daemon, help: fn() -> String, words: impl Iterator<Item = OsString>) -> Self {
        let words = lexopt::Parser::from_args(words);
        Self { daemon, help, words, after_verb: false, common: Common::default() }
    }

    /// The arguments of a verb: `words` are those after it.
    pub fn of_verb(daemon: &'static Daemon, help: fn() -> String, words: impl Iterator<Item = OsString>) -> Self {
        Self { after_verb: true, ..Self::of_run(daemon, help, words) }
    }

    /// The next part that the daemon has to understand itself.
    ///
    /// # Errors
    /// A mistake in the line: [`Exit::Usage`].
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would be one only in form")]
    pub fn next(&mut self) -> Result<Option<Part>, Fatal> {
        loop {
            let option = match self.words.next() {
                Err(error) => return Err(self.usage(error)),
                Ok(None) => return Ok(None),
                Ok(Some(Arg::Value(operand))) => return Ok(Some(Part::Operand(operand))),
                Ok(Some(Arg::Long(name))) => format!("--{name}"),
                Ok(Some(Arg::Short(letter))) => format!("-{letter}"),
            };
            match option.as_str() {
                "-h" | "--help" => return self.print((self.help)()),
                _ if self.after_verb => return Ok(Some(Part::Option(option))),
                "-V" | "--version" => return self.print(crate::version_line(self.daemon)),
                "--log" => {
                    let level = verbosity(&self.value()?)?;
                    once("--log", &mut self.common.log, Some(level))?;
                }
                "--json" => once("--json", &mut self.common.json, true)?,
                "--require-landlock" => once("--require-landlock", &mut self.common.require_landlock, true)?,
                "--ready-fd" => {
                    let descriptor = descriptor(&self.value()?)?;
                    once("--ready-fd", &mut self.common.ready, Some(descriptor))?;
                }
                _ => return Ok(Some(Part::Option(option))),
            }
        }
    }

    /// The value of the option that came last. What looks like another option is none, unless it is in the same word.
    ///
    /// # Errors
    /// There is none.
    pub fn value(&mut self) -> Result<OsString, Fatal> {
        let value = self.words.values().map(|mut values| values.next().unwrap_or_default());
        value.map_err(|error| self.usage(error))
    }

    /// The value of `option`, which is a path.
    ///
    /// # Errors
    /// There is none, or it is empty.
    pub fn path(&mut self, option: &str) -> Result<PathBuf, Fatal> {
        let path = self.value()?;
        if path.is_empty() {
            Err(mistake(format!("{option} without a path"), format!("{option} PATH")))
        } else {
            Ok(path.into())
        }
    }

    /// That `word`, an option or an operand, means nothing to the daemon. An option that the help names and that is spelled
    /// almost like it is what the user most likely meant.
    pub fn unexpected(&self, word: impl std::fmt::Display) -> Fatal {
        let (word, help) = (word.to_string(), (self.help)());
        let options = help.split_whitespace().map(|word| word.trim_matches(['[', ']', ',', '(', ')']));
        let options: Vec<&str> = options.filter(|word| word.starts_with("--")).collect();
        let problem = format!("'{word}' has no meaning here");
        match nearest(&word, &options).filter(|_| word.starts_with("--")) {
            // It exists, but not in this place.
            Some(option) if option == word => self.usage(problem),
            Some(option) => mistake(problem, format!("did you mean: {} {option}?", self.daemon.program)),
            None => self.usage(problem),
        }
    }

    /// The value of the option that came last, if it has one: in the same word, or in the next one if that begins with a digit.
    pub fn following_value(&mut self) -> Option<OsString> {
        if let Some(value) = self.words.optional_value() {
            return Some(value);
        }
        let mut following = self.words.try_raw_args()?;
        following.next_if(|word| word.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit))
    }

    /// Prints this, whatever follows the option that asked for it, if only that has no value in the same word.
    fn print(&mut self, text: String) -> Result<Option<Part>, Fatal> {
        match self.words.next() {
            Ok(_) => Ok(Some(Part::Print(text))),
            Err(error) => Err(self.usage(error)),
        }
    }

    fn usage(&self, error: impl ToString) -> Fatal {
        mistake(error.to_string(), format!("{} --help shows what can be asked for", self.daemon.program))
    }
}

/// Sets what an option decides. Whoever gives it twice means one of them.
///
/// # Errors
/// It is set already.
pub fn once<T: Default + PartialEq>(option: &str, place: &mut T, value: T) -> Result<(), Fatal> {
    if *place != T::default() {
        return Err(mistake(format!("{option} is there twice"), "leave one of them out"));
    }
    *place = value;
    Ok(())
}

/// An error in what the user typed: the problem, and a thing to type instead.
pub fn mistake(problem: impl Into<String>, help: impl Into<String>) -> Fatal {
    Fatal::new(Exit::Usage, problem).help(help)
}

/// Refuses `word`, where it is taken for something else, if the user most likely meant one of `verbs` (or of the options
/// among them): it is one, or one or two slips away from one, and nothing that it could name `exists`.
///
/// # Errors
/// [`Exit::Usage`], with that verb and, in `otherwise`, how to insist on the word.
pub fn refuse_mistyped(
    daemon: &Daemon,
    word: &str,
    verbs: &[&str],
    exists: &dyn Fn(&str) -> bool,
    otherwise: &str,
) -> Result<(), Fatal> {
    match nearest(word, verbs) {
        Some(verb) if !exists(word) => Err(mistake(
            format!("nothing is called '{word}'"),
            format!("did you mean: {} {verb}? {otherwise}", daemon.program),
        )),
        Some(_) | None => Ok(()),
    }
}

fn verbosity(name: &OsStr) -> Result<Verbosity, Fatal> {
    let level = name.to_str().and_then(Verbosity::new);
    level.ok_or_else(|| {
        mistake(format!("--log {} is no level", name.display()), format!("a level is {}", Verbosity::NAMES))
    })
}

/// The first descriptor that can be one to be ready at: those before it are standard input, output and error.
const FIRST_DESCRIPTOR: RawFd = 3;

fn descriptor(number: &OsStr) -> Result<RawFd, Fatal> {
    let descriptor = number.to_str().and_then(|number| number.parse().ok()).filter(|fd| *fd >= FIRST_DESCRIPTOR);
    descriptor.ok_or_else(|| {
        mistake(
            format!("--ready-fd {} is no descriptor", number.display()),
            "a number from 3, as in: --ready-fd 3 3>FIFO",
        )
    })
}

#[cfg(test)]
pub(crate) mod tests;
