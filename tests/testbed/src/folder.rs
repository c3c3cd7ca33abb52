//! A folder of one test alone.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A folder below the system's temporary one, which goes with the value. Its path is public, to make things in it.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// Makes it. `test` tells the tests of one process apart.
    ///
    /// # Panics
    /// When it cannot be made, or is there already.
    #[must_use]
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orlop-folder-{}-{test}", std::process::id()));
        std::fs::create_dir(&path).unwrap_or_else(|cause| panic!("cannot make {}: {cause}", path.display()));
        Self(path)
    }

    /// Opens it.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn open(&self) -> OwnedFd {
        let opened = std::fs::File::open(&self.0);
        opened.unwrap_or_else(|cause| panic!("cannot open {}: {cause}", self.0.display())).into()
    }

    /// What is in it, sorted.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0);
        let entries = entries.unwrap_or_else(|cause| panic!("cannot read {}: {cause}", self.0.display()));
        let mut names: Vec<_> =
            entries.filter_map(|entry| Some(entry.ok()?.file_name().display().to_string())).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
