//! A configuration as it is written: what is absent is absent.

use std::path::PathBuf;

use orlop_broker::verbosity::Verbosity;
use orlop_config::Seconds;
use orlop_ntp_contract::MAX_SOURCES;
use orlop_wire::Bounded;
use serde::Deserialize;

use super::source::Source;

/// The whole file. `packaging/images/ntp/ntp.toml` explains each key and shows its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// Whom to ask.
    pub sources: Option<Bounded<Source, MAX_SOURCES>>,
    /// Whether servers that the network names are asked when nobody is named here.
    pub network_sources: Option<bool>,
    /// Whom to ask when nobody is named at all.
    pub fallback: Option<Bounded<Source, MAX_SOURCES>>,
    /// When a one-shot run ends, whatever was achieved.
    pub deadline: Option<Seconds<2, 3600>>,
    /// Whether a single answer of several sources is never enough.
    pub strict_majority: Option<bool>,
    /// Certificates that servers with NTS are trusted by.
    pub nts_ca: Option<PathBuf>,
    /// End with an error where the kernel has no Landlock.
    pub require_landlock: Option<bool>,
    /// How much is logged.
    pub log: Option<Verbosity>,
}
