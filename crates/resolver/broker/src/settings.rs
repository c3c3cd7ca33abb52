//! What a run is to do, and where its configuration comes from, so that it can be loaded a second time.

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use orlop_resolver_contract::ServerAddr;
use orlop_resolver_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use tracing::Level;

use crate::config::{Config, DEFAULT_PATH};

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The descriptor, of the user's process, through which it is told that names can be asked for.
    pub ready: Option<RawFd>,
    /// The configuration.
    pub settings: Settings,
}

/// A configuration file and what the command line says over it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The file, which must be there; the usual one, which may be absent, when none is named.
    pub file: Option<PathBuf>,
    /// What counts more than the file.
    pub overrides: Overrides,
}

/// What the command line decides instead of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Exactly these, when any are named.
    pub upstreams: Vec<ServerAddr>,
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
    pub fn load(&self) -> Result<Config, Fatal> {
        let config = Config::load(self.path(), self.file.is_some()).map_err(|error| error.fatal(DAEMON.program))?;
        Ok(self.overrides.over(config))
    }

    /// The file that is read.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(DEFAULT_PATH))
    }
}

impl Overrides {
    fn over(&self, config: Config) -> Config {
        let Self { upstreams, require_landlock, log } = self;
        Config {
            upstreams: if upstreams.is_empty() { config.upstreams } else { upstreams.clone() },
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
        let server = |last| ServerAddr::new([192, 0, 2, last].into(), 53).unwrap();
        let written = Config { upstreams: vec![server(1)], ..Config::default() };
        let overrides = Overrides { upstreams: vec![server(2)], require_landlock: true, log: Some(Level::DEBUG) };
        let want =
            Config { upstreams: vec![server(2)], require_landlock: true, log: Level::DEBUG, ..Config::default() };
        assert_eq!(overrides.over(written.clone()), want);
        assert_eq!(Overrides::default().over(written.clone()), written, "no option changes nothing");
    }
}
