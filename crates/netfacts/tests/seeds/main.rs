//! The committed seeds of this package's fuzz targets, replayed on stable.

mod targets;

#[test]
fn every_committed_seed_is_replayed() {
    orlop_harness::seeds::replay(&[("netfacts", targets::netfacts)]);
}
