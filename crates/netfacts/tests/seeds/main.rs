//! The committed seeds of this package's fuzz targets (`fuzz/seeds/TARGET/NAME`), replayed on stable.

use std::fs;
use std::path::Path;

mod targets;

/// A fuzz target, and what it does with a seed.
type Target = (&'static str, fn(&[u8]));

#[test]
fn every_committed_seed_is_replayed() {
    let rows: [Target; 1] = [("netfacts", targets::netfacts)];
    for (target, run) in rows {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut seen = 0;
        for file in files {
            run(&fs::read(file.unwrap().path()).unwrap());
            seen += 1;
        }
        assert!(seen > 0, "no seeds in {}: the test is checking nothing", folder.display());
    }
}
