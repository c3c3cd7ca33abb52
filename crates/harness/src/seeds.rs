//! The committed seeds of fuzz targets, `fuzz/seeds/TARGET/NAME`.
//!
//! The package that a target belongs to replays them all with [`replay`]. Some of them the package makes itself, from its own
//! messages and values: [`committed`] compares these with the files, and writes them after a change. A file that is not
//! made is a crash that was fixed, kept under a name that says what was wrong; it is replayed like the others.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::{cannot_read, files};

/// A fuzz target: its name in `fuzz/Cargo.toml`, and what it does with a seed.
pub type Target = (&'static str, fn(&[u8]));

/// A seed that a test makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    target: &'static str,
    name: String,
    bytes: Vec<u8>,
}

/// Set to anything, it has [`committed`] write the seeds before it compares them.
const WRITE: &str = "ORLOP_WRITE_SEEDS";

impl Seed {
    /// A seed for a target. `label` says what the bytes are; its words, joined by hyphens, name the file.
    #[must_use]
    pub fn new(target: &'static str, label: &str, bytes: Vec<u8>) -> Self {
        let words = label.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        Self { target, name: words.collect::<Vec<_>>().join("-").to_lowercase(), bytes }
    }

    fn path(&self) -> PathBuf {
        folder(self.target).join(&self.name)
    }
}

/// Gives each target every one of its committed seeds.
///
/// # Panics
/// When a target does, cannot be given a seed, or has none.
pub fn replay(targets: &[Target]) {
    for (target, run) in targets {
        replay_folder(&folder(target), *run);
    }
}

fn replay_folder(folder: &Path, run: fn(&[u8])) {
    let seeds = files(folder);
    assert!(!seeds.is_empty(), "no seeds in {}: the test is checking nothing", folder.display());
    for seed in seeds {
        run(&bytes(&seed));
    }
}

/// Compares the seeds that a test makes with the committed files. After a change, `ORLOP_WRITE_SEEDS=1 cargo test -p PACKAGE
/// seeds` writes them again.
///
/// # Panics
/// When a file differs, or cannot be read or written.
pub fn committed(seeds: &[Seed]) {
    if std::env::var_os(WRITE).is_some() {
        seeds.iter().for_each(write);
    }
    for seed in seeds {
        let path = seed.path();
        assert_eq!(bytes(&path), seed.bytes, "{} is not as it is made; {WRITE}=1 writes it", path.display());
    }
}

fn bytes(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| cannot_read(file, &error))
}

fn write(seed: &Seed) {
    let path = seed.path();
    let written = fs::create_dir_all(folder(seed.target)).and_then(|()| fs::write(&path, &seed.bytes));
    written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// Where the seeds of a target lie.
fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A target whose seeds are text files.
    const NETFACTS: &str = "netfacts";

    #[test]
    fn a_seed_is_named_for_its_label() {
        for (label, want) in [
            ("overload of overload (CVE-2014-6060)", "overload-of-overload-cve-2014-6060"),
            ("T1 after T2, after the end", "t1-after-t2-after-the-end"),
            ("trailing-byte", "trailing-byte"),
        ] {
            assert_eq!(Seed::new(NETFACTS, label, Vec::new()).name, want, "{label}");
        }
    }

    #[test]
    fn every_seed_of_a_target_is_replayed() {
        static SEEN: AtomicUsize = AtomicUsize::new(0);
        replay(&[(NETFACTS, |seed| {
            SEEN.fetch_add(usize::from(!seed.is_empty()), Ordering::Relaxed);
        })]);
        assert_eq!(SEEN.load(Ordering::Relaxed), files(&folder(NETFACTS)).len());
    }

    #[test]
    #[should_panic(expected = "cannot read")]
    fn a_target_without_a_folder_is_an_error() {
        replay(&[("no_such_target", |_| ())]);
    }

    #[test]
    #[should_panic(expected = "the test is checking nothing")]
    fn an_empty_folder_is_an_error() {
        let folder = std::env::temp_dir().join(format!("orlop-harness-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let replayed = std::panic::catch_unwind(|| replay_folder(&folder, |_| ()));
        fs::remove_dir(&folder).unwrap();
        std::panic::resume_unwind(replayed.unwrap_err());
    }

    #[test]
    #[should_panic(expected = "is not as it is made")]
    fn a_committed_seed_that_differs_is_an_error() {
        let name = files(&folder(NETFACTS))[0].file_name().unwrap().display().to_string();
        committed(&[Seed { target: NETFACTS, name, bytes: b"something else".to_vec() }]);
    }
}
