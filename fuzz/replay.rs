//! Replays the committed seeds (`fuzz/seeds/TARGET/NAME`) on stable. The packages that the targets belong to include this
//! file in their tests, beside the targets that this workspace includes from them.

use std::fs;
use std::path::{Path, PathBuf};

/// A fuzz target, and what it does with a seed.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// Where the seeds of a target lie.
pub(crate) fn folder(target: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = package.ancestors().map(|folder| folder.join("fuzz/seeds")).find(|folder| folder.is_dir());
    seeds.expect("a package of this repository has fuzz/seeds above it").join(target)
}

/// Gives each target every one of its seeds.
pub(crate) fn every_seed(targets: &[Target]) {
    for (target, run) in targets {
        let folder = folder(target);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut seen = 0;
        for file in files {
            run(&fs::read(file.unwrap().path()).unwrap());
            seen += 1;
        }
        assert!(seen > 0, "no seeds in {}: the test is checking nothing", folder.display());
    }
}
