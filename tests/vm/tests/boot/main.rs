//! The demo's spec, booted as it stands, with a probe beside it that looks at everything: what only a whole machine can show.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

mod arm64;
mod circumstances;
mod clock;
mod hostile;
mod many;
mod names;
mod ordinary;
mod seed;
mod stage;
mod strangers;
