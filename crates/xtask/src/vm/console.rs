//! A machine's console: shown as it comes, kept in a file, every line with the time since power-on.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use orlop_test_vm::processor_time;
use orlop_testbed::Running;

/// How often new lines are looked for. Their times are taken when they arrive.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A machine that is on.
pub(crate) struct Console {
    machine: Running,
    power_on: Instant,
    /// How many lines have been shown.
    seen: usize,
    file: File,
    quiet: bool,
}

impl Console {
    /// Of a machine that was switched on just now.
    ///
    /// # Errors
    /// When there is no place for the file.
    pub(crate) fn new(machine: Running, log: &Path) -> Result<Self> {
        Ok(Self { machine, power_on: Instant::now(), seen: 0, file: File::create(log)?, quiet: false })
    }

    /// Only the file has it.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Shows lines until there is one that is waited for, and gives its time. What came before was shown, and is not looked at.
    ///
    /// # Errors
    /// When it does not come in time, or the machine goes off; the error says `what` was waited for.
    pub(crate) fn wait_for(
        &mut self,
        mut is_it: impl FnMut(&str) -> bool,
        what: &str,
        within: Duration,
    ) -> Result<Duration> {
        let deadline = Instant::now() + within;
        loop {
            // First, so that the last lines of a machine that has gone off are read, too.
            let ended = self.machine.poll_exit()?;
            while let Some((at, line)) = self.next()? {
                if is_it(&line) {
                    return Ok(at);
                }
            }
            if let Some(status) = ended {
                bail!("the machine went off ({status}) before it said: {what}");
            }
            if Instant::now() >= deadline {
                bail!("the machine did not say within {within:?}: {what}");
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Shows lines for so long, in which there must be none of which `refused` says something.
    ///
    /// # Errors
    /// When there is one, with what it says.
    pub(crate) fn refuse_for(&mut self, refused: impl Fn(&str) -> Option<&str>, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline && self.machine.poll_exit()?.is_none() {
            while let Some((_, line)) = self.next()? {
                if let Some(what) = refused(&line) {
                    bail!(
                        "{what}; help: what it said is on the console, and all of it with --append orlop.console=all"
                    );
                }
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Shows lines for so long, or until the machine goes off.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn show_for(&mut self, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline && self.machine.poll_exit()?.is_none() {
            while self.next()?.is_some() {}
            thread::sleep(LOOK_EVERY);
        }
        while self.next()?.is_some() {}
        Ok(())
    }

    /// How much processor time the machine has taken.
    ///
    /// # Errors
    /// When it is off.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        processor_time(&self.machine)
    }

    /// The machine, to wait for its end.
    pub(crate) fn machine(&mut self) -> &mut Running {
        &mut self.machine
    }

    /// Every line so far, with its time.
    pub(crate) fn lines(&self) -> Vec<(Duration, String)> {
        let time = |at: Instant| at.saturating_duration_since(self.power_on);
        self.machine.lines().into_iter().map(|line| (time(line.at), line.text)).collect()
    }

    /// The next line that was not shown yet: it is now.
    fn next(&mut self) -> Result<Option<(Duration, String)>> {
        let Some((at, line)) = self.lines().into_iter().nth(self.seen) else { return Ok(None) };
        self.seen += 1;
        writeln!(self.file, "{:9.3} {line}", at.as_secs_f64())?;
        if !self.quiet {
            println!("{:9.3} | {line}", at.as_secs_f64());
        }
        Ok(Some((at, line)))
    }
}
