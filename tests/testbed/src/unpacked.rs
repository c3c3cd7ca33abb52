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

/// Where a library lies that its package has at this path below a folder of its architecture's libraries.
#[must_use]
pub fn library(name: &str) -> PathBuf {
    let places = libraries().into_iter().map(|folder| folder.join(name));
    places.into_iter().find(|path| path.exists()).unwrap_or_else(|| folder().join(name))
}

/// All such folders, for `LD_LIBRARY_PATH`.
#[must_use]
pub fn library_path() -> String {
    let folders: Vec<String> = libraries().iter().map(|folder| folder.display().to_string()).collect();
    folders.join(":")
}

/// Packages have their libraries in either place.
fn libraries() -> Vec<PathBuf> {
    let folders = ["usr/lib", "lib"].into_iter().flat_map(|lib| fs::read_dir(folder().join(lib)).into_iter().flatten());
    let paths = folders.flatten().map(|entry| entry.path());
    paths.filter(|path| path.to_string_lossy().ends_with("-linux-gnu")).collect()
}
