//! What a run is to do, and where its configuration comes from, so that it can be loaded a second time.

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use orlop_broker::supervise::Mode;
use orlop_config::ConfigError;
use orlop_ntp_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use tracing::Level;

use crate::config::{Config, DEFAULT_PATH, Loaded, Place, Source};
use crate::openntpd;

/// How to keep a clock right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Once, or for ever.
    pub mode: Mode,
    /// A one-shot run is no failure where nobody says in time what time it is.
    pub optional: bool,
    /// The outcome of a one-shot run goes to standard output as JSON, too.
    pub json: bool,
    /// The descriptor, of the user's process, through which it is told that the clock is right.
    pub ready: Option<RawFd>,
    /// The configuration.
    pub settings: Settings,
}

/// A configuration file and what the command line says over it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The file, or its absence.
    pub origin: Origin,
    /// What counts more than the file.
    pub overrides: Overrides,
}

/// Which file holds the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// The usual one, which may be absent.
    #[default]
    Default,
    /// One that was named, and must be there.
    Toml(PathBuf),
    /// One in openntpd's format; its usual one, which may be absent, when none is named.
    Openntpd(Option<PathBuf>),
}

/// What the command line decides instead of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Exactly these, when any are named.
    pub sources: Vec<Place>,
    /// When a one-shot run ends.
    pub deadline: Option<Duration>,
    /// A clock in a file instead of the machine's.
    pub mock_clock: Option<PathBuf>,
    /// End with an error where the kernel has no Landlock.
    pub require_landlock: bool,
    /// How much is logged.
    pub log: Option<Level>,
}

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    /// The file cannot be read, or says something that cannot be.
    pub fn load(&self) -> Result<Loaded, Fatal> {
        let Loaded { config, warnings } = match &self.origin {
            Origin::Default => Config::load(Path::new(DEFAULT_PATH), false).map_err(fatal)?.into(),
            Origin::Toml(path) => Config::load(path, true).map_err(fatal)?.into(),
            Origin::Openntpd(path) => openntpd::load(path.as_deref()).map_err(in_openntpds_words)?,
        };
        Ok(Loaded { config: self.overrides.over(config), warnings })
    }

    /// The file that is read.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.origin {
            Origin::Default => Path::new(DEFAULT_PATH),
            Origin::Toml(path) => path,
            Origin::Openntpd(path) => path.as_deref().unwrap_or(Path::new(openntpd::DEFAULT_CONF)),
        }
    }
}

fn fatal(error: ConfigError) -> Fatal {
    error.fatal(DAEMON.program)
}

/// Our example is of no use to a user who wrote an ntpd.conf.
fn in_openntpds_words(error: ConfigError) -> Fatal {
    let (ConfigError::Wrong { path, .. } | ConfigError::Open { path, .. }) = &error else { return fatal(error) };
    let path = path.display().to_string();
    fatal(error).help(format!("edit it, then try: ntpd -n -f {path}"))
}

impl Overrides {
    fn over(&self, config: Config) -> Config {
        let Self { sources, deadline, mock_clock: _, require_landlock, log } = self;
        let named = sources.iter().cloned().map(Source::server).collect::<Vec<_>>();
        Config {
            sources: if named.is_empty() { config.sources } else { named },
            deadline: deadline.unwrap_or(config.deadline),
            require_landlock: *require_landlock || config.require_landlock,
            log: log.unwrap_or(config.log),
            ..config
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_counts_more_than_the_file() {
        let written = Config { sources: vec![Source::pool("a.example".parse().unwrap())], ..Config::default() };
        let overrides = Overrides {
            sources: vec!["192.0.2.1".parse().unwrap()],
            deadline: Some(Duration::from_secs(3)),
            mock_clock: None,
            require_landlock: true,
            log: Some(Level::DEBUG),
        };
        let want = Config {
            sources: vec![Source::server("192.0.2.1".parse().unwrap())],
            deadline: Duration::from_secs(3),
            require_landlock: true,
            log: Level::DEBUG,
            ..Config::default()
        };
        assert_eq!(overrides.over(written.clone()), want);
        assert_eq!(Overrides::default().over(written.clone()), written, "no option changes nothing");
    }
}
