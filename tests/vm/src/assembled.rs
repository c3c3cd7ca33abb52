//! LinuxKit specs, assembled and booted.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use orlop_image::command_line;
use orlop_image::lock;
use orlop_image::output::Packing;
use orlop_image::platform::Platform;
use orlop_testbed::Running;

use crate::build;
use crate::emulator::{Emulator, console};
use crate::kernel::{Kernel, MODULES};
use crate::machine::recorded;
use crate::script::Record;

/// What specs call the kernel, whichever line it is of here.
const TAG: &str = "6.12";

/// The images of this tree, and kernels' beside them: one folder below `target/vm` per place that programs come from.
#[derive(Debug, Clone)]
pub struct Images {
    folder: PathBuf,
    kernel: Kernel,
}

/// A machine as files that QEMU takes.
#[derive(Debug, Clone)]
pub struct Assembled {
    platform: Platform,
    kernel: PathBuf,
    initrd: PathBuf,
    /// The kernel's command line as the spec has it.
    pub words: String,
    /// What takes how much of it.
    pub table: String,
}

impl Images {
    /// Builds every image of the release programs in `programs`, and one of the kernel with what machines need of its modules.
    ///
    /// # Errors
    /// When a program is missing.
    pub fn build(kernel: &Kernel, programs: &Path) -> Result<Self> {
        // Every test asks, and all at once.
        static ONE_AT_A_TIME: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
        let mut made = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let place = programs.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let folder = build::cache().join("images").join(format!("{place}-{}", kernel.line.name()));
        if !made.contains(&folder) {
            let platform = kernel.platform.architecture();
            let place = format!("{platform}={}", programs.display());
            let out = folder.to_string_lossy();
            image(&["build", "--all", "--no-sbom", "--platform", platform, "--bin-dir", &place, "--out", &out])?;
            let package = kernel.package.to_string_lossy();
            image(&["kernel", &package, "--platform", platform, "--module", MODULES, "--tag", TAG, "--out", &out])?;
            made.push(folder.clone());
        }
        Ok(Self { folder, kernel: kernel.clone() })
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Assembles copies of these specs, pinned to these images: what is booted is what was just built. `others` are layouts
    /// of more images. The files are put into `out`, and are called `name`.
    ///
    /// # Errors
    /// When a spec is wrong, or names an image that is not there.
    pub fn assemble(
        &self,
        specs: &[PathBuf],
        others: &[&Path],
        out: &Path,
        name: &str,
        packing: Packing,
    ) -> Result<Assembled> {
        let packing = match packing {
            Packing::Gzip => "gzip",
            Packing::None => "none",
        };
        let images = lock::images(&self.folder)?;
        fs::create_dir_all(out)?;
        let mut words: Vec<String> =
            ["assemble", "--quiet", "--pack", packing, "--name", name].map(str::to_owned).into();
        words.extend(["--platform".to_owned(), self.kernel.platform.architecture().to_owned()]);
        words.extend(["--images", &self.folder.to_string_lossy(), "--out", &out.to_string_lossy()].map(str::to_owned));
        for other in others {
            words.extend(["--image".to_owned(), other.to_string_lossy().into_owned()]);
        }
        for (number, spec) in specs.iter().enumerate() {
            let copy = out.join(format!("{name}-{number}.yml"));
            fs::copy(spec, &copy).with_context(|| format!("cannot read {}", spec.display()))?;
            lock::file(&copy, &images, false)?;
            words.push(copy.to_string_lossy().into_owned());
        }
        let table = image(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
        let words = fs::read_to_string(out.join(format!("{name}-cmdline")))?;
        let [initrd, kernel] = ["initrd.img", "kernel"].map(|part| out.join(format!("{name}-{part}")));
        // Of the kernel of ours there is a form that starts faster.
        let is_ours = fs::read(&kernel)? == fs::read(self.kernel.image()?)?;
        let start = if is_ours { self.kernel.path().to_owned() } else { kernel };
        Ok(Assembled { platform: self.kernel.platform, kernel: start, initrd, words, table })
    }
}

impl Assembled {
    /// The machine, with nothing but what the spec says. Where its console is another one, it is named after the spec's.
    #[must_use]
    pub fn emulator(&self) -> Emulator {
        let machine = Emulator::new(self.platform, &self.kernel, &self.initrd, &self.words);
        let console = format!("console={}", console(self.platform));
        if self.words.split_whitespace().any(|word| word == console) { machine } else { machine.words(&console) }
    }

    /// What the kernel unpacks.
    #[must_use]
    pub fn initrd(&self) -> &Path {
        &self.initrd
    }

    /// Waits until a machine with a probe has ended, and gives what the probe recorded.
    ///
    /// # Errors
    /// When it does not end in time, or the record is not complete; the end of its console is in the error.
    pub fn record(machine: &mut Running, record: &Path, steps: usize, within: Duration) -> Result<Record> {
        recorded(machine, record, steps, within)
    }
}

/// What `orlop-image` does, without another program to build.
fn image(words: &[&str]) -> Result<String> {
    let line = std::iter::once("orlop-image").chain(words.iter().copied()).map(OsString::from);
    Ok(command_line::run(line)?)
}
