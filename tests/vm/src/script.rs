//! What a guest does, and what it says about it: both as lines of text that a person can read.

use std::fs;
use std::io::{self, Write};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Where the script lies in a machine.
pub const SCRIPT: &str = "/script";

/// The guest program's own first argument: drop capabilities, become another program.
pub const ONLY: &str = "only";

/// Between the words of a step.
const SEPARATOR: char = '\t';
/// Begins a line of the record that says how the step before went.
const ENDED: &str = "= ";
/// Begins the last line of a record.
const COMPLETE: &str = "complete";

/// One thing to do in a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run a program to its end.
    Run {
        /// Its path and arguments.
        words: Vec<String>,
        /// The only capabilities that it may have, by their numbers; all when nothing is said.
        only: Option<Vec<u32>>,
    },
    /// Read a file.
    Read(String),
    /// Write to a file that exists, with one `write`.
    Write(String, String),
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The program's exit code; for files 0, or the `errno`. -1 when there is none.
    pub code: i32,
    /// What the program wrote to standard output, or what is in the file.
    pub out: String,
    /// What the program wrote to standard error, or what went wrong.
    pub err: String,
}

/// The reports of a machine that was heard to its end.
pub type Record = Vec<Report>;

impl Step {
    /// Runs these words.
    #[must_use]
    pub fn run(words: &[&str]) -> Self {
        Self::Run { words: words.iter().map(|&word| word.to_owned()).collect(), only: None }
    }

    /// Runs these words with these capabilities and no others.
    #[must_use]
    pub fn run_with_only(capabilities: &[u32], words: &[&str]) -> Self {
        Self::Run { words: words.iter().map(|&word| word.to_owned()).collect(), only: Some(capabilities.to_vec()) }
    }

    /// Reads this file.
    #[must_use]
    pub fn read(path: &str) -> Self {
        Self::Read(path.to_owned())
    }

    /// Writes this to this file.
    #[must_use]
    pub fn write(path: &str, text: &str) -> Self {
        Self::Write(path.to_owned(), text.to_owned())
    }

    /// As a line of a script.
    ///
    /// # Panics
    /// When a word has a tab or a line end in it.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut words: Vec<String> = match self {
            Self::Run { words, only: None } => vec!["run".to_owned(), words.join("\t")],
            Self::Run { words, only: Some(capabilities) } => {
                let numbers: Vec<_> = capabilities.iter().map(u32::to_string).collect();
                vec!["run".to_owned(), "/init".to_owned(), ONLY.to_owned(), numbers.join(","), words.join("\t")]
            }
            Self::Read(path) => vec!["read".to_owned(), path.clone()],
            Self::Write(path, text) => vec!["write".to_owned(), path.clone(), text.clone()],
        };
        assert!(words.iter().all(|word| !word.contains('\n')), "a step is one line: {self:?}");
        let mut line = words.remove(0);
        for word in words {
            line.push(SEPARATOR);
            line.push_str(&word);
        }
        line
    }
}

/// Does what a line of a script says, and says how it went.
///
/// # Errors
/// When it cannot be said.
pub fn perform(line: &str, record: &mut impl Write) -> io::Result<()> {
    let mut words = line.split(SEPARATOR);
    let verb = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let report = match (verb, words.as_slice()) {
        ("run", [program, arguments @ ..]) => Command::new(program).args(arguments).output().map(|output| Report {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
        ("read", [path]) => fs::read(path).map(|bytes| Report::of_file(&bytes)),
        ("write", [path, text]) => fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map(|()| Report::of_file(b"")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no such step: {line}"))),
    };
    report.unwrap_or_else(|error| Report::of_error(&error)).write_to(record)
}

impl Report {
    fn of_file(bytes: &[u8]) -> Self {
        Self { code: 0, out: String::from_utf8_lossy(bytes).into_owned(), err: String::new() }
    }

    fn of_error(error: &io::Error) -> Self {
        Self { code: error.raw_os_error().unwrap_or(-1), out: String::new(), err: error.to_string() }
    }

    fn write_to(&self, record: &mut impl Write) -> io::Result<()> {
        for (mark, text) in [("o", &self.out), ("e", &self.err)] {
            for line in text.lines() {
                writeln!(record, "{mark} {}", line.trim_end_matches('\r'))?;
            }
        }
        writeln!(record, "{ENDED}{}", self.code)
    }

    /// Says that the machine has come to the end of its script.
    ///
    /// # Errors
    /// When it cannot be said.
    pub fn complete(record: &mut impl Write) -> io::Result<()> {
        writeln!(record, "{COMPLETE}")
    }

    /// The reports of a record.
    ///
    /// # Errors
    /// When it is not complete, or no record.
    pub fn read_all(record: &str) -> Result<Record> {
        let mut reports = Vec::new();
        let mut open = Self { code: 0, out: String::new(), err: String::new() };
        for line in record.lines().map(|line| line.trim_end_matches('\r')) {
            if let Some(rest) = line.strip_prefix(ENDED) {
                open.code = rest.parse().with_context(|| format!("{line:?} has no number"))?;
                reports.push(std::mem::replace(&mut open, Self { code: 0, out: String::new(), err: String::new() }));
            } else if line == COMPLETE {
                return Ok(reports);
            } else {
                let text = match line.split_at_checked(1) {
                    Some(("o", _)) => &mut open.out,
                    Some(("e", _)) => &mut open.err,
                    _ => bail!("{line:?} is no line of a record"),
                };
                text.push_str(line.get(2..).unwrap_or_default());
                text.push('\n');
            }
        }
        bail!("the machine ended after {} steps", reports.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn performed(step: &Step) -> Report {
        let mut record = Vec::new();
        perform(&step.to_line(), &mut record).unwrap();
        Report::complete(&mut record).unwrap();
        Report::read_all(&String::from_utf8(record).unwrap()).unwrap().remove(0)
    }

    #[test]
    fn a_step_survives_the_way_into_the_machine_and_its_report_the_way_out() {
        let file = std::env::temp_dir().join(format!("orlop-test-vm-script-{}", std::process::id()));
        fs::write(&file, "").unwrap();
        let path = file.to_str().unwrap();
        let report = |code, out: &str, err: &str| Report { code, out: out.to_owned(), err: err.to_owned() };
        for (what, step, want) in [
            (
                "a program",
                Step::run(&["sh", "-c", "echo 'a  b'; echo; echo c >&2; exit 3"]),
                report(3, "a  b\n\n", "c\n"),
            ),
            ("what is written", Step::write(path, "x = 1"), report(0, "", "")),
            ("what is read", Step::read(path), report(0, "x = 1\n", "")),
            ("what is not there", Step::read("/no/such"), report(2, "", "No such file or directory (os error 2)\n")),
        ] {
            assert_eq!(performed(&step), want, "{what}");
        }
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn capabilities_are_dropped_by_the_guest_itself() {
        let line = Step::run_with_only(&[6, 21], &["/usr/bin/sysctl", "-x"]).to_line();
        assert_eq!(line, "run\t/init\tonly\t6,21\t/usr/bin/sysctl\t-x");
    }

    #[test]
    fn a_record_without_its_end_is_none() {
        for (what, record) in [
            ("nothing", ""),
            ("cut between steps", "o x\n= 0\n"),
            ("cut within", "= 0\no"),
            ("noise", "Oops\n= 0\ncomplete\n"),
        ] {
            assert!(Report::read_all(record).is_err(), "{what}");
        }
    }
}
