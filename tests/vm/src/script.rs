//! What a guest does, and what it says about it: both as lines of text that a person can read.

use std::fs;
use std::io::{self, Read as _, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

mod announce;
mod clock;
mod exhaust;
mod lookup;

pub use clock::RIGHT;
pub use exhaust::{BOMB, FULL, bomb};

/// Where the script lies in a machine.
pub const SCRIPT: &str = "/script";

/// The guest program's own first argument: drop capabilities, become another program.
pub const ONLY: &str = "only";

/// The guest program's own first argument in a container: do the steps of this file, and write about them to that one.
pub const STEPS: &str = "steps";

/// The guest program's own first argument in a container: do this one step, and say on the output how it went.
pub const STEP: &str = "step";

/// Its last argument there: then end the machine.
pub const POWEROFF: &str = "poweroff";

/// The guest program's own first argument in a container: as the first process would, run a bundle with a container runtime, so
/// many times, and tell how many microseconds each took.
pub const CONTAINERS: &str = "containers";

/// How often [`Step::Wait`] and [`Step::Until`] look.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
    /// Make an empty file where there is none.
    Create(String),
    /// Make a symbolic link, in the place of what is there: where, and to what.
    Link(String, String),
    /// Write to a file until there is no room.
    Fill(String),
    /// Do nothing, without end.
    Idle,
    /// Take memory without end.
    Hoard,
    /// Make processes without end, and this file when there can be no more.
    Bomb(String),
    /// Read a file as soon as it contains this, or after so many seconds.
    Wait(String, String, u32),
    /// Run a program again and again until a file contains this, or for so many seconds; what the file then has is told.
    Until(String, String, u32, Vec<String>),
    /// Send a signal to every process of this name.
    Signal(String, i32),
    /// Come to this place (a TCP port), and wait until whoever is there lets go ([`Meeting`](crate::Meeting)).
    Meet(String),
    /// Ask this time server (a UDP port) until the machine's clock is right by [`RIGHT`], for so many seconds at most; then tell
    /// by how many nanoseconds it is off.
    Clock(String, u32),
    /// Look a name up, as a program does with the first server of this resolv.conf, until it is at this IPv4 address, for so many
    /// seconds at most; the address that it is at is told.
    Lookup {
        /// Whose first server is asked.
        resolv_conf: String,
        /// The name.
        name: String,
        /// Where it should be.
        address: String,
        /// For how long.
        seconds: u32,
    },
    /// Let the kernel tell everybody this event, whose fields are words.
    Announce(String),
    /// Tell of every process: its number, name, user, effective capabilities, `no_new_privs`, and filters of system calls.
    Processes,
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

    /// Makes this file.
    #[must_use]
    pub fn create(path: &str) -> Self {
        Self::Create(path.to_owned())
    }

    /// Reads this file when it contains `text`.
    #[must_use]
    pub fn wait(path: &str, text: &str, seconds: u32) -> Self {
        Self::Wait(path.to_owned(), text.to_owned(), seconds)
    }

    /// Runs these words until the file contains `text`.
    #[must_use]
    pub fn until(path: &str, text: &str, seconds: u32, words: &[&str]) -> Self {
        Self::Until(path.to_owned(), text.to_owned(), seconds, words.iter().map(|&word| word.to_owned()).collect())
    }

    /// Sends a signal to every process of this name.
    #[must_use]
    pub fn signal(name: &str, number: i32) -> Self {
        Self::Signal(name.to_owned(), number)
    }

    /// All of a script.
    ///
    /// # Panics
    /// As [`Self::to_line`].
    #[must_use]
    pub fn script(steps: &[Self]) -> String {
        steps.iter().map(|step| step.to_line() + "\n").collect()
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
            Self::Create(path) => vec!["create".to_owned(), path.clone()],
            Self::Link(path, to) => vec!["link".to_owned(), path.clone(), to.clone()],
            Self::Fill(path) => vec!["fill".to_owned(), path.clone()],
            Self::Idle => vec!["idle".to_owned()],
            Self::Hoard => vec!["hoard".to_owned()],
            Self::Bomb(told) => vec![BOMB.to_owned(), told.clone()],
            Self::Wait(path, text, seconds) => vec!["wait".to_owned(), path.clone(), text.clone(), seconds.to_string()],
            Self::Until(path, text, seconds, words) => {
                vec!["until".to_owned(), path.clone(), text.clone(), seconds.to_string(), words.join("\t")]
            }
            Self::Signal(name, number) => vec!["signal".to_owned(), name.clone(), number.to_string()],
            Self::Meet(place) => vec!["meet".to_owned(), place.clone()],
            Self::Clock(server, seconds) => vec!["clock".to_owned(), server.clone(), seconds.to_string()],
            Self::Lookup { resolv_conf, name, address, seconds } => {
                vec!["lookup".to_owned(), resolv_conf.clone(), name.clone(), address.clone(), seconds.to_string()]
            }
            Self::Announce(event) => vec!["announce".to_owned(), event.clone()],
            Self::Processes => vec!["processes".to_owned()],
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
        ("run", [program, arguments @ ..]) => run(program, arguments),
        ("read", [path]) => fs::read(path).map(|bytes| Report::of_file(&bytes)),
        ("create", [path]) => fs::File::create_new(path).map(|_| Report::of_file(b"")),
        ("link", [path, to]) => link(path, to),
        ("fill", [path]) => exhaust::fill(path),
        ("hoard", []) => exhaust::hoard(),
        ("idle", []) => loop {
            thread::sleep(Duration::from_secs(3600));
        },
        (BOMB, [told]) => bomb(told),
        ("wait", [path, text, seconds]) => wait(path, text, seconds, || Ok(())),
        ("until", [path, text, seconds, program, arguments @ ..]) => {
            wait(path, text, seconds, || run(program, arguments).map(drop))
        }
        ("signal", [name, number]) => signal(name, number),
        ("meet", [place]) => meet(place),
        ("clock", [server, seconds]) => clock::right(server, seconds),
        ("lookup", [resolv_conf, name, address, seconds]) => lookup::until(resolv_conf, name, address, seconds),
        ("announce", [event]) => announce::announce(event),
        ("processes", []) => processes(),
        ("write", [path, text]) => fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map(|()| Report::of_file(b"")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no such step: {line}"))),
    };
    report.unwrap_or_else(|error| Report::of_error(&error)).write_to(record)
}

fn run(program: &str, arguments: &[&str]) -> io::Result<Report> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(Report {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn link(path: &str, to: &str) -> io::Result<Report> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    std::os::unix::fs::symlink(to, path).map(|()| Report::of_file(b""))
}

/// Says what is in the file in the end, and with `ETIMEDOUT` if it is not what was waited for.
fn wait(path: &str, text: &str, seconds: &str, mut meanwhile: impl FnMut() -> io::Result<()>) -> io::Result<Report> {
    let seconds = seconds.parse().map_err(io::Error::other)?;
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        let content = fs::read(path).unwrap_or_default();
        let report = Report::of_file(&content);
        if report.out.contains(text) {
            return Ok(report);
        }
        if Instant::now() >= until {
            return Ok(Report { code: Errno::TIMEDOUT.raw_os_error(), ..report });
        }
        meanwhile()?;
        thread::sleep(LOOK_EVERY);
    }
}

/// Waits at this place until whoever is there closes.
fn meet(place: &str) -> io::Result<Report> {
    let mut said = Vec::new();
    TcpStream::connect(place)?.read_to_end(&mut said)?;
    Ok(Report::of_file(&said))
}

/// Processes by their numbers in `/proc`.
fn pids() -> io::Result<Vec<i32>> {
    let mut pids: Vec<i32> =
        fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    Ok(pids)
}

fn signal(name: &str, number: &str) -> io::Result<Report> {
    let number = number.parse().ok().and_then(Signal::from_named_raw).ok_or(Errno::INVAL)?;
    let mut hit = String::new();
    for pid in pids()? {
        let is_it = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name);
        if let (true, Some(process)) = (is_it, Pid::from_raw(pid)) {
            kill_process(process, number)?;
            hit += &format!("{pid}\n");
        }
    }
    let code = if hit.is_empty() { Errno::SRCH.raw_os_error() } else { 0 };
    Ok(Report { code, out: hit, err: String::new() })
}

/// Fields of `/proc/PID/status` that say what a process is and may do.
const TOLD: [&str; 7] = ["Name:", "Uid:", "CapEff:", "NoNewPrivs:", "Seccomp_filters:", "VmRSS:", "Threads:"];

fn processes() -> io::Result<Report> {
    let mut out = String::new();
    for pid in pids()? {
        // It may be gone by now.
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.split_whitespace().next()).unwrap_or("-").to_owned()
        };
        out += &format!("{pid} {}\n", TOLD.map(field).join(" "));
    }
    Ok(Report { code: 0, out, err: String::new() })
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
            ("what is made twice", Step::create(path), report(17, "", "File exists (os error 17)\n")),
            (
                "a link to it, and one in its place",
                Step::Link(format!("{path}-link"), path.to_owned()),
                report(0, "", ""),
            ),
            ("the same again", Step::Link(format!("{path}-link"), path.to_owned()), report(0, "", "")),
            ("through it", Step::read(&format!("{path}-link")), report(0, "x = 1\n", "")),
            (
                "what has no room",
                Step::Fill("/dev/full".to_owned()),
                report(28, "", "No space left on device (os error 28)\n"),
            ),
            ("what is waited for", Step::wait(path, "= 1", 1), report(0, "x = 1\n", "")),
            ("what does not come", Step::wait(path, "= 2", 0), report(110, "x = 1\n", "")),
            ("a signal to nobody", Step::signal("no such process", 9), report(3, "", "")),
        ] {
            assert_eq!(performed(&step), want, "{what}");
        }
        fs::remove_file(format!("{path}-link")).unwrap();
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_program_is_run_until_a_file_says_so() {
        let file = std::env::temp_dir().join(format!("orlop-test-vm-until-{}", std::process::id()));
        let path = file.to_str().unwrap();
        let append = format!("printf x >>{path}");
        let report = performed(&Step::until(path, "xxx", 10, &["sh", "-c", &append]));
        assert_eq!((report.code, report.out.as_str()), (0, "xxx\n"));
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn processes_are_told_of_with_what_they_may_do() {
        let own = std::process::id();
        let told = performed(&Step::Processes).out;
        let line = told.lines().find(|line| line.starts_with(&format!("{own} "))).unwrap();
        assert_eq!(line.split(' ').count(), 1 + TOLD.len(), "{line}");
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
