//! Runs the cases, and the daemon that each is about.

use std::io::{BufRead as _, BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

pub(crate) type Case = (&'static str, fn());

/// Runs every case whose name contains `filter`.
pub(crate) fn all(cases: &[Case], filter: Option<&str>) -> ExitCode {
    if !rustix::process::geteuid().is_root() {
        let required = std::env::var("SYSTEM_TESTS").is_ok_and(|value| value == "require");
        println!("trio: needs root to become other users: {}", if required { "FAILED" } else { "skipped" });
        return if required { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let filter = filter.filter(|filter| !filter.starts_with('-')).unwrap_or_default();
    let mut failed = 0;
    for (name, case) in cases.iter().filter(|(name, _)| name.contains(filter)) {
        let passed = catch_unwind(AssertUnwindSafe(case)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("\ntrio: {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A supervisor that was started, and its children.
pub(crate) struct Daemon {
    supervisor: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// Starts what follows with a /run of its own: where the machine has no /var/empty, a daemon makes its empty root there.
const OWN_RUN: &str = "mount -t tmpfs -o mode=0755 none /run && exec \"$@\"";

/// How long anything here may take, unless a case says less.
const PATIENCE: Duration = Duration::from_secs(5);

impl Daemon {
    /// Starts the daemon with these flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_under(&[], flags)
    }

    /// Starts the daemon through another program.
    pub(crate) fn start_under(wrapper: &[&str], flags: &[&str]) -> Self {
        let own = std::env::current_exe().unwrap();
        let own = own.to_str().unwrap();
        let words = wrapper.iter().copied().chain([own, "--daemon"]).chain(flags.iter().copied());
        let mut supervisor = Command::new("unshare")
            .args(["--mount", "sh", "-c", OWN_RUN, "sh"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let both: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(supervisor.stdout.take().unwrap()), Box::new(supervisor.stderr.take().unwrap())];
        for stream in both {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream.take(1 << 20)).lines().map_while(Result::ok) {
                    let _over = send.send(line);
                }
            });
        }
        Self { supervisor, lines, seen: Vec::new() }
    }

    /// The first line that contains `part` and was not asked for before. Lines of stdout and stderr come in any order.
    pub(crate) fn line(&mut self, part: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.iter().position(|line| line.contains(part)) {
                return self.seen.remove(at);
            }
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("no line with {part:?} among:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// All lines, until the daemon ended.
    pub(crate) fn everything(&mut self) -> &[String] {
        self.seen.extend(self.lines.iter());
        &self.seen
    }

    /// The line that is `whole`, and nothing else.
    pub(crate) fn whole_line(&mut self, whole: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.seen.iter().any(|line| line == whole) {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            self.seen.push(line.unwrap_or_else(|_| panic!("no line {whole:?} among:\n{}", self.seen.join("\n"))));
        }
    }

    /// The process id of a worker that came, from the line that begins like this.
    pub(crate) fn newborn(&mut self, part: &str) -> Pid {
        let line = self.line(part);
        let pid = line.rsplit_once(" pid=").and_then(|(_, pid)| pid.parse().ok());
        Pid::from_raw(pid.unwrap_or_else(|| panic!("no process id in {line}"))).unwrap()
    }

    /// Process ids of broker and worker, once the worker is attested.
    pub(crate) fn pids(&mut self) -> (Pid, Pid) {
        let line = self.line("pids broker=");
        let number = |name: &str| {
            let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap();
            Pid::from_raw(word.parse().unwrap()).unwrap()
        };
        (number("broker"), number("worker"))
    }

    pub(crate) fn supervisor(&self) -> Pid {
        Pid::from_child(&self.supervisor)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.supervisor(), signal).unwrap();
    }

    /// Waits for the end of the supervisor.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.supervisor.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the supervisor does not end; lines:\n{}", self.seen.join("\n"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended = self.supervisor.kill();
        let _collected = self.supervisor.wait();
    }
}

/// The processes that `parent` has started and not yet collected.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero();
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect()
}

/// Waits until none of `pids` exists, and says how long that took.
pub(crate) fn gone(pids: &[Pid]) -> Duration {
    let start = Instant::now();
    while pids.iter().any(|pid| test_kill_process(*pid).is_ok()) {
        assert!(start.elapsed() < PATIENCE, "still there: {pids:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}
