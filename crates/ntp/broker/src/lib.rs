//! The NTP client's user side and its broker: command line, configuration, and one module for each effect.
//!
//! [`clock`] is the only place that touches the clock, [`serve`] the loop that lets the worker's requests come so far, each
//! through the policy of `orlop-ntp-contract`. Nothing here reads a byte from a server.
#![forbid(unsafe_code)]

pub mod clock;
pub mod command_line;
pub mod config;
pub mod control;
pub mod disruption;
pub mod facts;
pub mod hardware;
pub mod interruption;
pub mod network;
pub mod openntpd;
pub mod serve;
pub mod settings;
pub mod sources;
pub mod state_file;
pub mod status;
pub mod supervise;
pub mod verbs;

/// Status, and the state where nothing else is kept.
pub const OWN_FOLDER: &str = "/run/orlop/ntp";

/// What outlives the machine's being off, where somebody keeps the folder.
pub const STATE_FOLDER: &str = "/var/lib/orlop/ntp";

/// No clock is ever set to a time before this: the date of the sources, which a commit decides (`packaging/SOURCE_DATE_EPOCH`).
#[must_use]
pub fn floor() -> orlop_ntp_contract::Utc {
    let date = include_str!("../../../../packaging/SOURCE_DATE_EPOCH").trim().parse().expect("a test reads it");
    orlop_ntp_contract::Utc::from_secs(date)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_floor_is_the_date_of_the_sources() {
        assert!(super::floor().to_string().as_str() > "2026-01-01");
    }
}
