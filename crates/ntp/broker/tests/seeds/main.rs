//! The committed seeds of this package's fuzz target, replayed on stable.

use std::fs;
use std::path::Path;

mod targets;

#[test]
fn every_committed_seed_is_replayed() {
    orlop_harness::seeds::replay(&[("ntp_config", targets::config)]);
}

#[test]
fn the_seeds_get_as_far_as_their_names_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds/ntp_config");
    let seed = |name: &str| fs::read(folder.join(name)).unwrap();
    for (name, ours, openntpds) in [
        ("empty", true, true),
        ("image-ntp.toml", true, false),
        ("every-kind-of-source", true, false),
        ("linuxkits-ntpd.conf", false, true),
        ("all-that-has-no-effect", false, true),
        ("unknown-key", false, false),
        ("deep-arrays", false, false),
        ("one-source-too-many", false, false),
        ("a-port-that-is-none", false, false),
    ] {
        assert_eq!(targets::understood(&seed(name)), (ours, openntpds), "{name}");
    }
}
