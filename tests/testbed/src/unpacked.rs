//! Programs of Debian packages that must not be installed, because they would take something of the user's away. `cargo xtask
//! setup` unpacks them below the target folder, with the libraries that they need.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Where they are unpacked: the root of a file system that has nothing but these packages.
#[must_use]
pub fn folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("/"));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    // A test's working folder is its package's, and not the one in which cargo was started.
    let target = if target.is_absolute() { target } else { workspace.join(target) };
    target.join("unpacked")
}

/// Where a program lies that its package has at this path.
#[must_use]
pub fn program(installed: &str) -> PathBuf {
    folder().join(installed.trim_start_matches('/'))
}

/// Where a library lies that its package has at this path below the folder of its architecture's libraries.
#[must_use]
pub fn library(name: &str) -> PathBuf {
    libraries().join(name)
}

/// The folder of the libraries, for `LD_LIBRARY_PATH`.
#[must_use]
pub fn libraries() -> PathBuf {
    let all = folder().join("usr/lib");
    let mut entries = fs::read_dir(&all).into_iter().flatten().flatten().map(|entry| entry.path());
    let triple = |path: &PathBuf| path.to_string_lossy().ends_with("-linux-gnu");
    entries.find(triple).unwrap_or(all)
}
