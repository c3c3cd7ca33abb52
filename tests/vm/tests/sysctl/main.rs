//! The sysctl applier's image on a machine of its own, where settings of the whole machine may be written, and locks closed.
//!
//! Everything in namespaces is tested by `tests/sysctl`; here is what only a whole kernel can show.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

mod applier;
mod kernel_truths;
mod locks;
mod privileges;
mod profile;
mod profiles;
