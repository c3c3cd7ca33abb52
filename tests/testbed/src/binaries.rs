//! Where the programs under test are.

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the release binaries: `ORLOP_BIN_DIR`, or else where `cargo xtask build` puts them.
#[must_use]
pub fn folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("/"));
    env::var_os("ORLOP_BIN_DIR")
        .map_or_else(|| workspace.join("target/x86_64-unknown-linux-gnu/release"), PathBuf::from)
}

/// The paths of programs of ours, as [`crate::Testbed::with`] wants them.
#[must_use]
pub fn paths(programs: &[&str]) -> Vec<String> {
    programs.iter().map(|name| folder().join(name).to_string_lossy().into_owned()).collect()
}
