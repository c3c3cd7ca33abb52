//! A machine as files that something can boot or unpack, the same bytes on every machine.
//!
//! Entries are sorted and carry the times that their images state, or LinuxKit's; the gzip header has no time, no name and
//! no operating system. A file appears under its name when it is whole.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::bundle::MTIME;
use crate::digest::{Digest, Hasher};
use crate::filesystem::{Entry, Filesystem};
use crate::machine::{Machine, Part};
use crate::{archive, cpio};

pub mod table;

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// BASE-kernel, BASE-initrd.img and BASE-cmdline: what QEMU and boot loaders take
    #[value(name = "kernel+initrd")]
    KernelInitrd,
    /// BASE-initrd.img alone: the spec needs no kernel
    Initrd,
    /// BASE.tar: the root with the kernel in /boot
    Tar,
}

/// How an initrd is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Packing {
    /// Smallest; every kernel can read it
    #[default]
    Gzip,
    /// Not at all: largest, and fastest to boot where unpacking is slow
    None,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
    /// How many of its bytes each part of the machine takes, if it is an archive. What is nobody's is not in it.
    pub shares: Option<Vec<u64>>,
}

/// Writes the files of a format; their names begin with `base`.
///
/// # Errors
/// They cannot be written, or there is no kernel where one is needed.
pub fn write(machine: &Machine, format: Format, packing: Packing, base: &Path) -> Result<Vec<Written>, Fatal> {
    match format {
        Format::KernelInitrd => {
            let Some(kernel) = &machine.kernel else {
                return Err(Fatal::new(Exit::Config, "the machine has no kernel")
                    .cause("none of the specs names kernel.image")
                    .help(
                        "give a spec that has one before this one, or assemble a part: --format initrd, --format tar",
                    ));
            };
            Ok(vec![
                plain(&named(base, "-kernel"), &kernel.binary)?,
                initrd(machine, packing, base)?,
                plain(&named(base, "-cmdline"), kernel.cmdline.as_bytes())?,
            ])
        }
        Format::Initrd => Ok(vec![initrd(machine, packing, base)?]),
        Format::Tar => Ok(vec![tar(machine, base)?]),
    }
}

fn plain(path: &Path, content: &[u8]) -> Result<Written, Fatal> {
    whole(path, |mut to| {
        to.write_all(content)?;
        Ok(to)
    })
    .map(|(written, ())| written)
}

fn initrd(machine: &Machine, packing: Packing, base: &Path) -> Result<Written, Fatal> {
    let (mut written, shares) = whole(&named(base, "-initrd.img"), |to| {
        let meter = to.meter();
        let to = with_microcode(machine, to)?;
        let mut archive = cpio::Writer::new(Packer::new(to, packing));
        let mut shares = Shares::new(machine.parts.len());
        for (path, entry) in machine.files.iter() {
            if shares.is_new(entry.part) {
                archive.get_mut().flush()?;
                shares.turn(entry.part, meter.bytes());
            }
            archive.append(path, entry)?;
        }
        archive.get_mut().flush()?;
        let shares = shares.end(meter.bytes());
        Ok((archive.finish()?.finish()?, shares))
    })?;
    written.shares = Some(shares);
    Ok(written)
}

/// Writes the microcode in front: the kernel takes it from an archive that is not packed, and goes on behind it where the next
/// word begins (the kernel's `Documentation/arch/x86/microcode.rst` and `early-userspace/buffer-format.rst`).
fn with_microcode(machine: &Machine, mut to: Metered) -> io::Result<Metered> {
    const WORD: usize = 4;
    if let Some(microcode) = machine.kernel.as_ref().and_then(|kernel| kernel.microcode.as_deref()) {
        to.write_all(microcode)?;
        to.write_all(&[0; WORD][..microcode.len().next_multiple_of(WORD) - microcode.len()])?;
    }
    Ok(to)
}

fn tar(machine: &Machine, base: &Path) -> Result<Written, Fatal> {
    let files = with_kernel(machine).map_err(|error| {
        Fatal::new(Exit::Config, "the kernel cannot lie in /boot").cause(error).help("an image has other things there")
    })?;
    let (mut written, shares) = whole(&named(base, ".tar"), |to| {
        let meter = to.meter();
        let mut archive = archive::Writer::new(to);
        let mut shares = Shares::new(machine.parts.len());
        let nobody = Part { location: String::new(), source: String::new(), name: String::new() };
        for (path, entry) in files.iter() {
            if shares.is_new(entry.part) {
                shares.turn(entry.part, meter.bytes());
            }
            let Part { location, source, .. } = machine.parts.get(entry.part).unwrap_or(&nobody);
            archive.append(path, entry, location, source)?;
        }
        let shares = shares.end(meter.bytes());
        Ok((archive.finish()?, shares))
    })?;
    written.shares = Some(shares);
    Ok(written)
}

/// The root with the kernel and its command line in `/boot`, where LinuxKit's archive has them.
fn with_kernel(machine: &Machine) -> Result<Filesystem, crate::filesystem::BadPath> {
    let mut files = machine.files.clone();
    if let Some(kernel) = &machine.kernel {
        let part = machine.parts.iter().position(|part| part.location == "kernel").unwrap_or_default();
        files.put("boot/cmdline", Entry::file(kernel.cmdline.as_bytes(), 0o644, MTIME).of(part))?;
        files.put("boot/kernel", Entry::file(std::sync::Arc::clone(&kernel.binary), 0o644, MTIME).of(part))?;
        if let Some(microcode) = &kernel.microcode {
            files.put("boot/ucode.cpio", Entry::file(std::sync::Arc::clone(microcode), 0o644, MTIME).of(part))?;
        }
    }
    Ok(files)
}

fn named(base: &Path, suffix: &str) -> PathBuf {
    let mut name = base.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes a file under another name until it is whole.
fn whole<T: Finished>(path: &Path, write: impl FnOnce(Metered) -> io::Result<T>) -> Result<(Written, T::Rest), Fatal> {
    let partial = named(path, ".partial");
    let failed = |cause: io::Error| {
        Fatal::new(Exit::Os, format!("cannot write {}", path.display()))
            .cause(cause)
            .help("choose another folder: --out DIR")
    };
    let done = (|| {
        let (to, rest) = write(Metered::create(&partial)?)?.parts();
        let (bytes, digest) = to.close()?;
        fs::rename(&partial, path)?;
        Ok((Written { path: path.to_owned(), bytes, digest, shares: None }, rest))
    })();
    done.map_err(|cause| {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&partial);
        failed(cause)
    })
}

/// What a writer gives back: the file, and perhaps something beside it.
trait Finished {
    type Rest;
    fn parts(self) -> (Metered, Self::Rest);
}

impl Finished for Metered {
    type Rest = ();
    fn parts(self) -> (Metered, ()) {
        (self, ())
    }
}

impl<T> Finished for (Metered, T) {
    type Rest = T;
    fn parts(self) -> (Metered, T) {
        self
    }
}

/// A file whose bytes are counted and hashed on their way.
struct Metered {
    to: BufWriter<File>,
    meter: Meter,
}

#[derive(Clone, Default)]
struct Meter(Rc<RefCell<(u64, Hasher)>>);

impl Meter {
    fn bytes(&self) -> u64 {
        self.0.borrow().0
    }
}

impl Metered {
    fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { to: BufWriter::new(File::create(path)?), meter: Meter::default() })
    }

    fn meter(&self) -> Meter {
        self.meter.clone()
    }

    fn close(self) -> io::Result<(u64, Digest)> {
        self.to.into_inner()?.sync_all()?;
        let (bytes, hasher) = &*self.meter.0.borrow();
        Ok((*bytes, hasher.clone().finish()))
    }
}

impl Write for Metered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        let (total, hasher) = &mut *self.meter.0.borrow_mut();
        *total += written as u64;
        hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// gzip, or nothing.
enum Packer {
    Gzip(GzEncoder<Metered>),
    None(Metered),
}

impl Packer {
    fn new(to: Metered, packing: Packing) -> Self {
        /// "Unknown" (RFC 1952 section 2.3.1): the default is the machine's own.
        const NO_SYSTEM: u8 = 255;
        match packing {
            Packing::Gzip => {
                Self::Gzip(GzBuilder::new().mtime(0).operating_system(NO_SYSTEM).write(to, Compression::best()))
            }
            Packing::None => Self::None(to),
        }
    }

    fn finish(self) -> io::Result<Metered> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::None(to) => Ok(to),
        }
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::None(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::None(to) => to.flush(),
        }
    }
}

/// Which bytes of an archive are whose. What is packed is flushed whenever another part's turn comes, a handful of bytes
/// each time, so that the shares are exact.
struct Shares {
    of: Vec<u64>,
    turn: Option<(usize, u64)>,
}

impl Shares {
    fn new(parts: usize) -> Self {
        Self { of: vec![0; parts], turn: None }
    }

    fn is_new(&self, part: usize) -> bool {
        self.turn.is_none_or(|(current, _)| current != part)
    }

    fn turn(&mut self, part: usize, at: u64) {
        self.settle(at);
        self.turn = Some((part, at));
    }

    fn settle(&mut self, at: u64) {
        if let Some((part, since)) = self.turn.take()
            && let Some(share) = self.of.get_mut(part)
        {
            *share += at.saturating_sub(since);
        }
    }

    fn end(mut self, at: u64) -> Vec<u64> {
        self.settle(at);
        self.of
    }
}

#[cfg(test)]
mod tests;
