//! The emulator's own interface (QMP): a machine is paused, saved and woken by it, switched off, and given a disk.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use orlop_testbed::{Running, eventually};
use serde_json::{Value, json};

use crate::emulator;

/// A conversation with an emulator, over the socket of [`Emulator::controlled`](crate::Emulator::controlled).
#[derive(Debug)]
pub struct Qmp(BufReader<UnixStream>);

/// Whatever is asked is done in milliseconds, and a machine with half a gigabyte is saved in two seconds; a machine comes to the
/// end of its boot before it sleeps, on a processor that it shares with many.
const PATIENCE: Duration = Duration::from_secs(150);

impl Qmp {
    /// Begins to speak with a machine that was switched on.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = eventually("the emulator's socket", PATIENCE, || Ok(Some(UnixStream::connect(socket)?)))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Self(BufReader::new(stream));
        let greeting = qmp.line()?;
        ensure!(greeting.get("QMP").is_some(), "no greeting: {greeting}");
        qmp.ask("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// The machine stands still, and with it all of its clocks.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn pause(&mut self) -> Result<()> {
        self.ask("stop", &json!({})).map(drop)
    }

    /// It goes on.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn resume(&mut self) -> Result<()> {
        self.ask("cont", &json!({})).map(drop)
    }

    /// Waits until the machine has put itself to sleep.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn asleep(&mut self) -> Result<()> {
        self.until("the machine to fall asleep", "query-status", "suspended")
    }

    /// Presses its power button.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn press_power_button(&mut self) -> Result<()> {
        self.ask("system_powerdown", &json!({})).map(drop)
    }

    /// Wakes a machine that sleeps.
    ///
    /// # Errors
    /// When it does not sleep.
    pub fn wake(&mut self) -> Result<()> {
        self.ask("system_wakeup", &json!({})).map(drop)
    }

    /// Puts a disk that has what is in this file, and is only read, into the empty place of [`Emulator::bay`](crate::Emulator::bay).
    ///
    /// # Errors
    /// When it has none, or there is one in it.
    pub fn insert(&mut self, image: &Path) -> Result<()> {
        const NAME: &str = "inserted";
        self.ask("blockdev-add", &emulator::disk(NAME, image))?;
        self.ask("device_add", &json!({ "driver": "virtio-blk-pci", "drive": NAME, "bus": emulator::BAY })).map(drop)
    }

    /// Writes all of the machine to this file, and switches it off.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub fn save(mut self, file: &Path, machine: &mut Running) -> Result<()> {
        self.ask("migrate", &json!({ "uri": format!("exec:cat >{}", file.display()) }))?;
        self.until("the machine to be saved", "query-migrate", "completed")?;
        self.quit()?;
        machine.wait_exit(PATIENCE).map(drop)
    }

    /// Ends the emulator.
    ///
    /// # Errors
    /// When it refuses.
    pub fn quit(mut self) -> Result<()> {
        self.ask("quit", &json!({})).map(drop)
    }

    fn until(&mut self, what: &str, question: &str, status: &str) -> Result<()> {
        let answer = eventually(what, PATIENCE, || {
            let answer = self.ask(question, &json!({}))?;
            Ok([status, "failed"].iter().any(|end| answer["status"] == *end).then_some(answer))
        })?;
        ensure!(answer["status"] == status, "{what}: {answer}");
        Ok(())
    }

    fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let words = json!({ "execute": command, "arguments": arguments });
        writeln!(self.0.get_mut(), "{words}")?;
        loop {
            let answer = self.line()?;
            if let Some(error) = answer.get("error") {
                bail!("{command}: {error}");
            }
            // Between question and answer, it tells of events.
            if let Some(answer) = answer.get("return") {
                return Ok(answer.clone());
            }
        }
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        ensure!(self.0.read_line(&mut line)? > 0, "the emulator has ended");
        serde_json::from_str(&line).with_context(|| line)
    }
}
