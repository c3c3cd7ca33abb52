//! How much is logged: one spelling for command lines and configuration files.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};
use tracing::Level;

/// Messages up to this level are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verbosity(pub Level);

impl Verbosity {
    /// What a level is called in configuration and on the command line.
    pub const NAMES: &'static str = "error, warn, info, debug or trace";

    /// The level with this name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let level = match name {
            "error" => Level::ERROR,
            "warn" => Level::WARN,
            "info" => Level::INFO,
            "debug" => Level::DEBUG,
            "trace" => Level::TRACE,
            _ => return None,
        };
        Some(Self(level))
    }
}

impl<'de> Deserialize<'de> for Verbosity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &Self::NAMES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_the_name_that_the_list_shows() {
        for name in Verbosity::NAMES.replace(" or ", ", ").split(", ") {
            let Some(Verbosity(level)) = Verbosity::new(name) else { panic!("{name} is no level") };
            assert_eq!(level.as_str().to_ascii_lowercase(), name);
        }
        assert_eq!(Verbosity::new("loud"), None);
    }
}
