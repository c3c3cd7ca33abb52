//! One boot of a machine that has nothing but a test's files and the guest program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use orlop_testbed::Running;

use crate::build;
use crate::emulator::Emulator;
use crate::files::Files;
use crate::kernel::Kernel;
use crate::script::{Record, Report, SCRIPT, Step};

/// A boot takes four seconds, and a script about as long; emulated on a machine that does other things, ten times that.
const PATIENCE: Duration = Duration::from_secs(100);
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
        let files = ["/proc", "/sys", "/dev"].into_iter().fold(files, |files, folder| files.folder(folder, 0o755));
        Self { kernel: kernel.clone(), files }
    }

    /// Boots, does the steps, and gives what was said about each.
    ///
    /// # Errors
    /// When the machine does not come to the end of its script in time; the end of its console is in the error.
    pub fn run(&self, steps: &[Step]) -> Result<Record> {
        let folder = Folder::new()?;
        let guest = fs::read(build::guest(self.kernel.platform)?)?;
        let files = self.files.clone().file("/init", 0o755, guest).file(SCRIPT, 0o644, Step::script(steps));
        let [initrd, record] = ["initrd", "record"].map(|name| folder.path().join(name));
        fs::write(&initrd, files.to_cpio()?)?;
        let emulator = Emulator::new(self.kernel.platform, self.kernel.path(), &initrd, KERNEL_WORDS).record(&record);
        recorded(&mut emulator.start(None)?, &record, steps.len(), PATIENCE)
    }
}

/// Waits for the end of a machine and reads what its guest program wrote about its steps.
///
/// # Errors
/// When it does not end in time, or the record is not complete; the end of its console is in the error.
pub(crate) fn recorded(machine: &mut Running, record: &Path, steps: usize, within: Duration) -> Result<Record> {
    let ended = match machine.wait_exit(within) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(anyhow::anyhow!("the emulator ended with {status}")),
        // Its console is shown below.
        Err(_) => Err(anyhow::anyhow!("the machine was not ready after {within:?}")),
    };
    let read = || String::from_utf8_lossy(&fs::read(record).unwrap_or_default()).into_owned();
    let reports = ended.and_then(|()| Report::read_all(&read()));
    let reports = reports.with_context(|| format!("the console's end:\n{}", end_of(&machine.text())))?;
    if reports.len() != steps {
        bail!("{} reports of {steps} steps", reports.len());
    }
    Ok(reports)
}

fn end_of(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// Holds a machine's files; removed with this value.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("orlop-vm-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} stays: {error}", self.0.display());
        }
    }
}
