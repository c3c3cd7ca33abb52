//! A process of a test: its output is kept line by line, and it never outlives its guard.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::deadline::eventually;

/// How often an exit is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// After an exit, how long its last lines may take through the pipes.
const DRAIN: Duration = Duration::from_secs(1);

/// A started process. Dropping it kills and reaps it.
pub struct Running {
    label: String,
    child: Child,
    exit: Option<ExitStatus>,
    log: Arc<Log>,
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line of output.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    /// Which stream it came from.
    pub stream: Stream,
    /// Without its line feed; bytes that are not UTF-8 are replaced.
    pub text: String,
}

#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: Vec<Line>,
    open_streams: u8,
}

impl Running {
    /// Starts `command` with its output captured and nothing on its standard input.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(label: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {label}: {command:?}"))?;
        let log = Arc::new(Log::default());
        log.lock().open_streams = 2;
        if let Some(stdout) = child.stdout.take() {
            follow(stdout, Stream::Out, Arc::clone(&log));
        }
        if let Some(stderr) = child.stderr.take() {
            follow(stderr, Stream::Err, Arc::clone(&log));
        }
        Ok(Self { label: label.to_owned(), child, exit: None, log })
    }

    /// The process id, also after the exit.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, for instance `Signal::SIGTERM`.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.poll_exit()? {
            bail!("{} ended already ({status}):\n{}", self.label, self.text());
        }
        kill(Pid::from_raw(i32::try_from(self.pid())?), signal)
            .with_context(|| format!("cannot send {signal} to {}", self.label))
    }

    /// Waits until the status of a daemon, which `status` reads, is as it is wanted, and gives it.
    ///
    /// # Errors
    /// When it does not get so in time; the error has the last status and what the daemon says.
    pub fn until(
        &self,
        what: &str,
        within: Duration,
        status: impl Fn() -> Result<Value>,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let look = || status().map(|status| wanted(&status).then_some(status));
        eventually(what, within, look)
            .with_context(|| format!("status: {:#}\nthe daemon says:\n{}", status().unwrap_or_default(), self.text()))
    }

    /// Ends a daemon as its user would, with all its processes: who is only killed still listens for a moment.
    ///
    /// # Errors
    /// When it has ended already, or does not end in time.
    pub fn end(mut self, within: Duration) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        self.wait_exit(within).map(drop)
    }

    /// The exit status, if there is one by now.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn poll_exit(&mut self) -> Result<Option<ExitStatus>> {
        if self.exit.is_none() {
            self.exit = self.child.try_wait()?;
        }
        Ok(self.exit)
    }

    /// Waits for the exit and the last lines of output.
    ///
    /// # Errors
    /// When it still runs after `within`; the error carries its output.
    pub fn wait_exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.poll_exit()? {
                self.drain();
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("{} still runs after {within:?}:\n{}", self.label, self.text());
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// How many lines there are so far: a mark for [`Self::wait_for_after`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.log.lock().lines.len()
    }

    /// Waits for a line that contains `pattern`, from the first line on.
    ///
    /// # Errors
    /// As [`Self::wait_for_after`].
    pub fn wait_for(&self, pattern: &str, within: Duration) -> Result<Line> {
        self.wait_for_after(0, pattern, within)
    }

    /// Waits for a line that contains `pattern`, from line number `mark` on.
    ///
    /// # Errors
    /// When no such line came `within` the time, or can come because the output ended; the error carries the output.
    pub fn wait_for_after(&self, mark: usize, pattern: &str, within: Duration) -> Result<Line> {
        let deadline = Instant::now() + within;
        let mut state = self.log.lock();
        loop {
            if let Some(line) = state.lines.iter().skip(mark).find(|line| line.text.contains(pattern)) {
                return Ok(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.open_streams == 0 {
                let ended = if state.open_streams == 0 { " (its output ended)" } else { "" };
                drop(state);
                bail!("{} did not say {pattern:?} within {within:?}{ended}:\n{}", self.label, self.text());
            }
            state = self.log.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.log.lock().lines.clone()
    }

    /// All output so far, both streams in the order they were read.
    #[must_use]
    pub fn text(&self) -> String {
        join(&self.log.lock().lines, |_| true)
    }

    /// Standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        join(&self.log.lock().lines, |stream| stream == Stream::Out)
    }

    /// Standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        join(&self.log.lock().lines, |stream| stream == Stream::Err)
    }

    fn drain(&self) {
        let deadline = Instant::now() + DRAIN;
        let mut state = self.log.lock();
        while state.open_streams > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break; // a grandchild keeps the pipe open
            }
            state = self.log.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.poll_exit(), Ok(None)) {
            // Both can only fail when it ended in between, which is what is wanted.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Log {
    /// A panicking reader leaves whole lines behind: a poisoned log is as good as any.
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn follow(stream: impl Read + Send + 'static, which: Stream, log: Arc<Log>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while matches!(reader.read_until(b'\n', &mut bytes), Ok(1..)) {
            let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            bytes.clear();
            log.lock().lines.push(Line { at: Instant::now(), stream: which, text });
            log.changed.notify_all();
        }
        log.lock().open_streams -= 1;
        log.changed.notify_all();
    });
}

fn join(lines: &[Line], wanted: impl Fn(Stream) -> bool) -> String {
    lines.iter().filter(|line| wanted(line.stream)).flat_map(|line| [line.text.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn shell(script: &str) -> Running {
        Running::start("sh", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn output_and_exit_code_are_kept() {
        let mut sh = shell("echo one; echo two >&2; exit 3");
        assert_eq!(sh.wait_exit(SOON).unwrap().code(), Some(3));
        assert_eq!((sh.stdout().as_str(), sh.stderr().as_str()), ("one\n", "two\n"));
    }

    #[test]
    fn waiting_for_a_line_ends_with_the_output() {
        let sh = shell("echo first; echo second");
        assert_eq!(sh.wait_for("sec", SOON).unwrap().text, "second");
        let told = sh.wait_for("third", SOON).unwrap_err().to_string();
        assert!(told.contains("output ended") && told.contains("second"), "{told}");
    }

    #[test]
    fn a_mark_hides_older_lines() {
        let sh = shell("echo a; echo b; sleep 0.1; echo a again");
        sh.wait_for("b", SOON).unwrap();
        assert_eq!(sh.wait_for_after(2, "a", SOON).unwrap().text, "a again");
    }

    #[test]
    fn dropping_the_guard_ends_the_process() {
        let sh = shell("exec sleep 60");
        let proc = format!("/proc/{}", sh.pid());
        assert!(std::path::Path::new(&proc).exists());
        drop(sh);
        assert!(!std::path::Path::new(&proc).exists());
    }
}
