//! Disks, read without the kernel's file systems: ISO 9660, FAT and as much of UDF as seeds use.
//!
//! Whoever has the disk gives [`Medium::open`] a way to read it at an offset, and asks for files by their known names. A
//! partition is a disk of its own, as it is for the kernel, so there are no partition tables here. Only regular files are read,
//! whole, of at most [`MAX_RESPONSE`] bytes; no link is followed, and no folder is listed.
//!
//! The disk is a stranger's. Each number of it is checked before it is used, and what is read of one disk is bounded in bytes
//! and in reads ([`MAX_READ`], [`MAX_READS`]), so that no cycle on it can keep a reader busy.

use orlop_metadata_contract::MAX_RESPONSE;

mod fat;
mod field;
mod iso9660;
mod rock_ridge;
mod udf;

use fat::Fat;
use iso9660::Iso;
use udf::Udf;

/// Something that can be read at an offset: a block device, in the worker.
pub trait Disk {
    /// Fills `buffer` with what begins at byte `at`.
    ///
    /// # Errors
    /// When the disk ends before the buffer is full, or cannot be read there.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Unreadable>;
}

/// Why a disk gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It ends before.
    #[error("the disk ends before")]
    End,
    /// The device failed.
    #[error("the device cannot be read")]
    Device,
}

/// A disk in memory.
impl Disk for &[u8] {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        let from = usize::try_from(at).map_err(|_| Unreadable::End)?;
        let bytes = self.get(from..).and_then(|rest| rest.get(..buffer.len())).ok_or(Unreadable::End)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// Files by their known names.
pub trait Files {
    /// The content of the regular file at `path`, names joined by `/`. `None` when there is none of that name.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is longer than [`MAX_RESPONSE`].
    fn file(&mut self, path: &str) -> Result<Option<Vec<u8>>, MediaError>;
}

/// A disk with a file system on it, or several: a bridge disk has its files in ISO 9660 and in UDF.
pub struct Medium<'a> {
    source: Source<'a>,
    systems: Vec<System>,
    labels: Vec<String>,
}

/// A file system that was found on a disk.
enum System {
    Iso(Iso),
    Fat(Fat),
    Udf(Udf),
}

/// What each kind of file system can do.
trait FileSystem {
    /// Where a file or folder is.
    type Node;

    /// The topmost folder.
    fn root(&self) -> Self::Node;

    /// What `folder` has of this name.
    fn find(
        &self,
        source: &mut Source<'_>,
        folder: &Self::Node,
        name: &str,
    ) -> Result<Option<Found<Self::Node>>, MediaError>;

    /// The content of a file.
    fn read(&self, source: &mut Source<'_>, file: &Self::Node) -> Result<Vec<u8>, MediaError>;

    /// The content of the file at `path`.
    fn file(&self, source: &mut Source<'_>, path: &str) -> Result<Option<Vec<u8>>, MediaError> {
        let mut here = Found::Folder(self.root());
        for name in path.split('/') {
            let Found::Folder(folder) = here else {
                return Ok(None);
            };
            let Some(found) = self.find(source, &folder, name)? else {
                return Ok(None);
            };
            here = found;
        }
        match here {
            Found::File(file) => self.read(source, &file).map(Some),
            Found::Folder(_) => Ok(None),
        }
    }
}

/// What a folder has of some name.
enum Found<Node> {
    Folder(Node),
    File(Node),
}

impl<'a> Medium<'a> {
    /// What is on `disk`. `None` when it has no file system that is read here.
    ///
    /// # Errors
    /// When the disk cannot be read, or there is such a file system and it is broken.
    pub fn open(disk: &'a mut dyn Disk) -> Result<Option<Self>, MediaError> {
        let mut source = Source::new(disk);
        let found = [
            Iso::open(&mut source).map(|found| found.map(|(iso, labels)| (System::Iso(iso), labels))),
            Udf::open(&mut source).map(|found| found.map(|(udf, labels)| (System::Udf(udf), labels))),
            Fat::open(&mut source).map(|found| found.map(|(fat, labels)| (System::Fat(fat), labels))),
        ];
        let mut medium = Self { source, systems: Vec::new(), labels: Vec::new() };
        let mut failed = None;
        for found in found {
            match found {
                Ok(Some((system, labels))) => {
                    medium.systems.push(system);
                    medium.labels.extend(labels);
                }
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            // One of two that works is enough.
            Some(error) if medium.systems.is_empty() => Err(error),
            _ => Ok((!medium.systems.is_empty()).then_some(medium)),
        }
    }

    /// Its labels, each as its file system has it, without the blanks at its end. A disk may have several.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }
}

impl Files for Medium<'_> {
    fn file(&mut self, path: &str) -> Result<Option<Vec<u8>>, MediaError> {
        let mut failed = None;
        for system in &self.systems {
            let content = match system {
                System::Iso(iso) => iso.file(&mut self.source, path),
                System::Fat(fat) => fat.file(&mut self.source, path),
                System::Udf(udf) => udf.file(&mut self.source, path),
            };
            match content {
                Ok(Some(content)) => return Ok(Some(content)),
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

/// Bytes that are read of one disk, at most: some twenty files of the largest size, and their folders.
pub const MAX_READ: u64 = 32 << 20;

/// Reads of one disk, at most. A file of 1 MiB in clusters of 512 bytes takes 4,096: each cluster, and where the next one is.
pub const MAX_READS: u32 = 1 << 16;

/// Bytes of a folder that are looked at, at most: 8,192 long names of FAT.
const MAX_FOLDER: u64 = 1 << 20;

/// A disk, and how much of it may still be read.
struct Source<'a> {
    disk: &'a mut dyn Disk,
    bytes_left: u64,
    reads_left: u32,
}

impl<'a> Source<'a> {
    fn new(disk: &'a mut dyn Disk) -> Self {
        Self { disk, bytes_left: MAX_READ, reads_left: MAX_READS }
    }

    /// The `len` bytes at byte `at`.
    fn read(&mut self, at: u64, len: usize) -> Result<Vec<u8>, MediaError> {
        self.reads_left = self.reads_left.checked_sub(1).ok_or(MediaError::Spent)?;
        self.bytes_left =
            u64::try_from(len).ok().and_then(|len| self.bytes_left.checked_sub(len)).ok_or(MediaError::Spent)?;
        let mut buffer = vec![0; len];
        self.disk.read_at(at, &mut buffer).map_err(|why| MediaError::Unreadable { at, why })?;
        Ok(buffer)
    }

    /// As [`Source::read`], where a disk that ends before has just no file system of the kind that is looked for.
    fn probe(&mut self, at: u64, len: usize) -> Result<Option<Vec<u8>>, MediaError> {
        match self.read(at, len) {
            Err(MediaError::Unreadable { why: Unreadable::End, .. }) => Ok(None),
            result => result.map(Some),
        }
    }
}

/// The length of a file, if it is one that is read.
fn file_len(len: u64) -> Result<usize, MediaError> {
    usize::try_from(len).ok().filter(|len| *len <= MAX_RESPONSE).ok_or(MediaError::Long("a file"))
}

/// Why a disk, or a file of it, cannot be read. The words never have anything of the disk in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The disk gave nothing.
    #[error("{why} (at byte {at})")]
    Unreadable {
        /// Offset in bytes.
        at: u64,
        /// What it was.
        why: Unreadable,
    },
    /// A structure contradicts itself or its standard.
    #[error("{0}")]
    Broken(&'static str),
    /// What no seed has, and what is not read here.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// More bytes than any use.
    #[error("{0} is longer than 1 MiB")]
    Long(&'static str),
    /// [`MAX_READ`] or [`MAX_READS`] is used up.
    #[error("too much of the disk would have to be read")]
    Spent,
}
