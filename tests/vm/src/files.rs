//! Files that a test puts into a machine.

use orlop_image::cpio;
use orlop_image::filesystem::{Entry, Filesystem};

/// The root file system of a machine. Everything belongs to root and is as old as Unix; the kernel itself adds `/dev/console`.
#[derive(Debug, Clone, Default)]
pub struct Files(Filesystem);

/// All files are as old as this.
const MTIME: u32 = 0;

impl Files {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder. Folders above whatever is added are made, with mode 0755.
    #[must_use]
    pub fn folder(self, path: &str, mode: u32) -> Self {
        self.put(path, Entry::directory(mode, MTIME))
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.put(path, Entry::file(content.into(), mode, MTIME))
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, to: &str) -> Self {
        self.put(path, Entry::link(to, MTIME))
    }

    fn put(mut self, path: &str, entry: Entry) -> Self {
        self.0.put(path, entry).unwrap_or_else(|error| panic!("no place for {path} in a machine: {error}"));
        self
    }

    /// What the kernel unpacks.
    ///
    /// # Errors
    /// When a file is larger than the format's 4 GiB.
    pub(crate) fn to_cpio(&self) -> std::io::Result<Vec<u8>> {
        let mut archive = cpio::Writer::new(Vec::new());
        for (path, entry) in self.0.iter() {
            archive.append(path, entry)?;
        }
        archive.finish()
    }
}
