//! What an operator can decide: [`File`] is what they wrote, [`Config`] what is true.
//!
//! Every key, with its default and its meaning, is in `packaging/images/ntp/ntp.toml` ([`EXAMPLE`]). An unknown key or a value
//! out of its range is an error that names the line; what is not written has its default.

mod file;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_config::ConfigError;
use tracing::Level;

pub use file::File;
pub use source::{Place, PlaceError, Source};

/// Where the configuration is looked for when no `--config` names it. It may be absent: then all is default.
pub const DEFAULT_PATH: &str = "/etc/orlop/ntp.toml";

/// Every key with its default and its meaning: the file that the image ships.
pub const EXAMPLE: &str = include_str!("../../../../packaging/images/ntp/ntp.toml");

/// Where servers listen (RFC 5905).
pub const PORT: u16 = 123;

/// Where servers exchange keys (RFC 8915 section 7.1).
pub const KEY_PORT: u16 = 4460;

/// Whom most systems trust, as their `ca-certificates` installs it.
pub const DEFAULT_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A configuration, complete and in range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whom to ask, when anybody is named.
    pub sources: Vec<Source>,
    /// Whether servers that the network names are asked when nobody else is named.
    pub network_sources: bool,
    /// Whom to ask when nobody is named at all.
    pub fallback: Vec<Source>,
    /// When a one-shot run ends, counted from its start.
    pub deadline: Duration,
    /// Whether a single answer of several sources is never enough.
    pub strict_majority: bool,
    /// Certificates that servers with NTS are trusted by.
    pub nts_ca: PathBuf,
    /// Whether a kernel without Landlock is an error.
    pub require_landlock: bool,
    /// How much is logged.
    pub log: Level,
}

impl Config {
    /// The ports at which keys are exchanged.
    pub fn key_ports(&self) -> impl Iterator<Item = u16> {
        self.sources.iter().filter(|source| source.conduct.nts).filter_map(|source| source.place.port())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            network_sources: true,
            fallback: Vec::new(),
            deadline: Duration::from_secs(15),
            strict_majority: false,
            nts_ca: DEFAULT_CA.into(),
            require_landlock: false,
            log: Level::INFO,
        }
    }
}

impl Config {
    /// Reads the configuration at `path`; all defaults when nothing is there and it need not be.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or says something that cannot be.
    pub fn load(path: &Path, must_exist: bool) -> Result<Self, ConfigError> {
        Ok(orlop_config::load::<File>(path, must_exist)?.map_or_else(Self::default, Self::from))
    }

    /// What `text` says; `path` is only for the error.
    ///
    /// # Errors
    /// It says something that cannot be.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        orlop_config::parse::<File>(text, path).map(Self::from)
    }
}

/// A configuration, and what its reader should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// One line for each thing that was written and has no effect.
    pub warnings: Vec<String>,
}

impl From<Config> for Loaded {
    fn from(config: Config) -> Self {
        Self { config, warnings: Vec::new() }
    }
}

impl From<File> for Config {
    fn from(file: File) -> Self {
        let File { sources, network_sources, fallback, deadline, strict_majority, nts_ca, require_landlock, log } =
            file;
        let default = Self::default();
        Self {
            sources: sources.map_or(default.sources, |sources| sources.to_vec()),
            network_sources: network_sources.unwrap_or(default.network_sources),
            fallback: fallback.map_or(default.fallback, |sources| sources.to_vec()),
            deadline: deadline.map_or(default.deadline, orlop_config::Seconds::duration),
            strict_majority: strict_majority.unwrap_or(default.strict_majority),
            nts_ca: nts_ca.unwrap_or(default.nts_ca),
            require_landlock: require_landlock.unwrap_or(default.require_landlock),
            log: log.map_or(default.log, |verbosity| verbosity.0),
        }
    }
}

#[cfg(test)]
mod tests;
