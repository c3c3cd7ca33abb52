//! A folder of files, each of which is a test.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder, in the order of their names.
///
/// # Panics
/// When it cannot be listed.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let list = || -> std::io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut files = list().unwrap_or_else(|error| cannot_read(folder, &error));
    files.sort();
    files
}

/// Ends the test.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> ! {
    panic!("cannot read {}: {error}", path.display())
}
