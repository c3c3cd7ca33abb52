//! One boot of a machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::archive::Files;
use crate::build;
use crate::kernel::Kernel;
use crate::script::{Record, Report, SCRIPT, Step};

/// A boot takes four seconds, and a script about as long; emulated on a machine that does other things, ten times that.
const PATIENCE: Duration = Duration::from_secs(100);
/// How often the emulator's end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// `panic=-1` ends the machine at once: QEMU then ends with success, and the record is incomplete.
const KERNEL_WORDS: &str = "console=ttyS0 quiet panic=-1 oops=panic";
/// Lines of the console that are shown when something went wrong: a kernel's last words with all of their call trace.
const SHOWN: usize = 200;

/// A machine that is not switched on yet.
#[derive(Debug, Clone)]
pub struct Machine {
    kernel: Kernel,
    files: Files,
}

impl Machine {
    /// With these files, besides what the guest program needs.
    #[must_use]
    pub fn new(kernel: &Kernel, files: Files) -> Self {
        let mut files = files.device("/dev/console", 5, 1).device("/dev/null", 1, 3);
        for folder in ["/proc", "/sys", "/dev"] {
            files = files.folder(folder, 0o755);
        }
        Self { kernel: kernel.clone(), files }
    }

    /// Boots, does the steps, and gives what was said about each.
    ///
    /// # Errors
    /// When the machine does not come to the end of its script in time; the end of its console is in the error.
    pub fn run(&self, steps: &[Step]) -> Result<Record> {
        let folder = Folder::new()?;
        let lines: String = steps.iter().map(|step| step.to_line() + "\n").collect();
        let guest = fs::read(build::guest()?)?;
        let files = self.files.clone().file("/init", 0o755, guest).file(SCRIPT, 0o644, lines);
        let [initrd, console, record] = ["initrd", "console", "record"].map(|name| folder.0.join(name));
        fs::write(&initrd, files.to_cpio())?;
        let serial = |path: &Path| format!("file:{}", path.display());
        let mut qemu = self.kernel.emulator();
        qemu.arg("-initrd").arg(&initrd).args(["-append", KERNEL_WORDS]);
        qemu.args(["-serial", &serial(&console), "-serial", &serial(&record)]);
        let child = qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let ended = Switched(child.context("cannot start the emulator")?).wait();
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let reports = ended.and_then(|()| Report::read_all(&read(&record)));
        let reports = reports.with_context(|| format!("the console's end:\n{}", end_of(&read(&console))))?;
        if reports.len() != steps.len() {
            bail!("{} reports of {} steps", reports.len(), steps.len());
        }
        Ok(reports)
    }
}

fn end_of(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// A machine that is switched on; it is switched off with this value.
struct Switched(Child);

impl Switched {
    fn wait(mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.0.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    let said = self.0.stderr.take().map(std::io::read_to_string).transpose()?.unwrap_or_default();
                    bail!("the emulator ended with {status}: {}", said.trim_end());
                }
                None => thread::sleep(LOOK_EVERY),
            }
        }
        bail!("the machine was not ready after {PATIENCE:?}")
    }
}

impl Drop for Switched {
    fn drop(&mut self) {
        // It fails when it has ended by itself, which is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Holds a machine's files; removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("orlop-vm-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} stays: {error}", self.0.display());
        }
    }
}
