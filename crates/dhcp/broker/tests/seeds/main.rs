//! The committed seeds of this package's fuzz targets, replayed on stable.
#![allow(clippy::unwrap_used, reason = "a seed that cannot be read is a failure")]

#[path = "../../../../../fuzz/replay.rs"]
mod replay;
mod targets;

#[test]
fn every_committed_seed_is_replayed() {
    replay::every_seed(&[("dhcp_lease_file", targets::lease_file), ("dhcp_config", targets::config)]);
}
