//! What an operator can decide: [`File`] is what they wrote, [`Config`] what is true.
//!
//! Every key, with its default and its meaning, is in `packaging/images/dhcp/dhcp.toml` ([`EXAMPLE`]). An unknown key
//! or a value out of its range is an error that names the line; what is not written has its default. A configuration
//! is compared by value, so a reload that changes nothing does nothing.

mod file;
mod value;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_dhcp_contract::{HardwareAddr, IfIndex, LinkSettings};
use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::fs::{CWD, Mode, OFlags, openat};
use tracing::Level;

pub use file::{File, LinkFile, MAX_PATTERNS};
pub use value::{
    Folder, MAX_VENDOR_CLASS, Pattern, PatternError, RelativeFolder, Seconds, SendHostname, SetHostname, UseMtu,
    VendorClass, VendorClassError,
};

use crate::client_id::ClientId;
use crate::interface_name::InterfaceName;

/// Where the configuration is looked for when no `--config` names it. It may be absent: then all is default.
pub const DEFAULT_PATH: &str = "/etc/orlop/dhcp.toml";

/// Every key with its default and its meaning: the file that the image ships.
pub const EXAMPLE: &str = include_str!("../../../../packaging/images/dhcp/dhcp.toml");

/// Largest file that is read, in bytes. One with a table for each of 128 interfaces has about 40,000.
pub const MAX_FILE: usize = 65_536;

/// A configuration, complete and in range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// An interface is ours when one of these matches its name …
    pub interfaces: Vec<Pattern>,
    /// … and none of these.
    pub deny_interfaces: Vec<Pattern>,
    /// When a one-shot run ends, counted from its start.
    pub deadline: Duration,
    /// How long a one-shot run waits for any carrier, or for any interface.
    pub carrier_wait: Duration,
    /// Whether option 12 of a lease renames this host.
    pub set_hostname: SetHostname,
    /// The folder of resolv.conf.
    pub resolv_conf: PathBuf,
    /// Whether a kernel without Landlock is an error.
    pub require_landlock: bool,
    /// How much is logged.
    pub log: Level,
    /// For interfaces without a table of their own.
    pub link: LinkConfig,
    /// For those with one.
    pub links: BTreeMap<InterfaceName, LinkConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: vec![Pattern::new("eth*").expect("the default pattern is one")],
            deny_interfaces: Vec::new(),
            deadline: Duration::from_secs(10),
            carrier_wait: Duration::from_secs(5),
            set_hostname: SetHostname::IfDefault,
            resolv_conf: PathBuf::from("/run/resolvconf"),
            require_landlock: false,
            log: Level::INFO,
            link: LinkConfig::default(),
            links: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the configuration at `path`; all defaults when nothing is there and it need not be.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or says something that cannot be.
    pub fn load(path: &Path, must_exist: bool) -> Result<Self, ConfigError> {
        match read(path) {
            Ok(text) => Self::parse(&text, path),
            Err(ConfigError::Open { source, .. }) if !must_exist && source.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a configuration from text; `path` is only for the error.
    ///
    /// # Errors
    /// It says something that cannot be, and where.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let message = error.message().trim().replace('\n', "; ");
            let line = error.span().map(|span| line_at(text, span.start));
            ConfigError::Wrong { path: path.to_owned(), line, message }
        })?;
        Ok(file.into())
    }

    /// How the interface called `name` is run.
    #[must_use]
    pub fn link(&self, name: &str) -> &LinkConfig {
        InterfaceName::new(name).and_then(|name| self.links.get(&name)).unwrap_or(&self.link)
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

/// How one interface is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// The host name that servers are told (option 12).
    pub hostname: SendHostname,
    /// The client identifier (option 61).
    pub client_id: ClientId,
    /// The vendor class (option 60), if one is sent.
    pub vendor_class: Option<VendorClass>,
    /// Offer the exchange of two messages (RFC 4039).
    pub rapid_commit: bool,
    /// Ask for broadcast answers from the first message on.
    pub broadcast: bool,
    /// The lease time when a server names none, in seconds.
    pub fallback_lease_secs: u32,
    /// The metric of the routes.
    pub metric: Metric,
    /// Where the MTU goes.
    pub use_mtu: UseMtu,
    /// Whether name servers and search domains are taken.
    pub use_dns: bool,
    /// Whether time servers are taken.
    pub use_ntp: bool,
    /// Whether any route is taken, the default route included.
    pub use_routes: bool,
    /// Whether a default route is taken.
    pub use_gateway: bool,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            hostname: SendHostname::Current,
            client_id: ClientId::Mac,
            vendor_class: None,
            rapid_commit: true,
            broadcast: false,
            fallback_lease_secs: 3600,
            metric: Metric::Base(1000),
            use_mtu: UseMtu::Route,
            use_dns: true,
            use_ntp: true,
            use_routes: true,
            use_gateway: true,
        }
    }
}

impl LinkConfig {
    /// What the worker needs to know of this.
    #[must_use]
    pub fn settings(&self, hardware: HardwareAddr) -> LinkSettings {
        LinkSettings {
            client_id: self.client_id.bytes(hardware),
            rapid_commit: self.rapid_commit,
            broadcast: self.broadcast,
            fallback_lease_secs: self.fallback_lease_secs,
        }
    }
}

/// The metric of a link's routes. The kernel prefers the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// This plus the interface index, so that two interfaces never tie.
    Base(u32),
    /// Exactly this.
    Exact(u32),
}

impl Metric {
    /// The metric on the link with this index.
    #[must_use]
    pub const fn on(self, link: IfIndex) -> u32 {
        match self {
            Self::Base(base) => base.saturating_add(link.get()),
            Self::Exact(metric) => metric,
        }
    }
}

/// Reads a whole configuration file, as bounded text. For every format that a configuration can have.
///
/// # Errors
/// It cannot be read, is larger than [`MAX_FILE`], or is not UTF-8.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    let open = |source| ConfigError::Open { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // By the name that the sandbox allows: what the C library calls for the same differs from one to the other.
    let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let file = std::fs::File::from(file.map_err(|errno| open(errno.into()))?);
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(open)?;
    if bytes.len() > MAX_FILE {
        return Err(ConfigError::Large { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.to_owned() })
}

/// The number of the line that holds the byte at `offset`, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be opened or read.
    #[error("cannot open {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{} is larger than {MAX_FILE} bytes", path.display())]
    Large {
        /// Which file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
    },
    /// An unknown key, or a value that cannot be.
    #[error("{} is not a valid configuration", path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// In which line, where one is to blame.
        line: Option<usize>,
        /// What the matter is.
        message: String,
    },
}

impl From<ConfigError> for Fatal {
    fn from(error: ConfigError) -> Self {
        let fatal = Self::new(Exit::Config, error.to_string());
        match error {
            ConfigError::Open { source, path } => fatal.cause(source).help(format!(
                "pass --config FILE, or start from the example: orlop-dhcp --example > {}",
                path.display()
            )),
            ConfigError::Large { path } | ConfigError::NotText { path } => {
                fatal.help(format!("is {} the file you mean?", path.display()))
            }
            ConfigError::Wrong { path, line, message } => {
                let place = line.map_or(String::new(), |line| format!("line {line}: "));
                fatal.cause(format!("{place}{message}")).help(format!(
                    "edit it, then try: orlop-dhcp --check --config {} (every key: orlop-dhcp --example)",
                    path.display()
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests;
