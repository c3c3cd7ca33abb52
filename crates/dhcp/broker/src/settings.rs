//! What a run is to do, and where its configuration comes from, so that it can be loaded a second time.

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use orlop_broker::supervise::Mode;
use orlop_config::ConfigError;
use orlop_sandbox::fatal::Fatal;
use tracing::Level;

use crate::config::{Config, DEFAULT_PATH, Loaded, Pattern};
use crate::dhcpcd::Directive;
use crate::dhcpcd::conf::{self, DEFAULT_CONF};
use crate::selection::Selection;
use orlop_dhcp_profiles::DAEMON;

/// How to configure interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Once, or for ever.
    pub mode: Mode,
    /// When the user's process ends, where that is before the daemon does.
    pub leaves: Leaves,
    /// The outcome of a one-shot run goes to standard output as JSON, too.
    pub json: bool,
    /// The descriptor, of the user's process, through which the first lease in force is told.
    pub ready: Option<RawFd>,
    /// The configuration.
    pub settings: Settings,
}

/// When the user's process ends and leaves a service behind, as dhcpcd does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leaves {
    /// With the daemon.
    #[default]
    Never,
    /// When the first lease is in force, or when a one-shot run would end.
    WhenBound,
    /// As soon as the service is started.
    AtOnce,
}

/// A configuration file and what the command line says over it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The file, or its absence.
    pub source: Source,
    /// What counts more than the file.
    pub overrides: Overrides,
}

impl Settings {
    /// Reads the configuration, at start and at every reload.
    ///
    /// # Errors
    /// The file cannot be read, or says something that cannot be.
    pub fn load(&self) -> Result<Loaded, Fatal> {
        let Loaded { config, warnings } = match &self.source {
            Source::Default => self.warned(Config::load(Path::new(DEFAULT_PATH), false).map_err(fatal)?),
            Source::Toml(path) => self.warned(Config::load(path, true).map_err(fatal)?),
            Source::Dhcpcd { path, directives } => conf::load(path.as_deref(), directives).map_err(in_dhcpcds_words)?,
        };
        Ok(Loaded { config: self.overrides.over(config), warnings })
    }

    /// A configuration of ours, with a warning for each table about an interface that it leaves alone. Names on the command line
    /// stand in the place of its lists.
    fn warned(&self, config: Config) -> Loaded {
        let ours = Selection::from(&config);
        let idle = config.links.keys().filter(|name| self.overrides.interfaces.is_empty() && !ours.wants(name));
        let warnings =
            idle.map(|name| format!("[interface.{name}] has no effect: interfaces and deny-interfaces leave it out"));
        Loaded { warnings: warnings.collect(), config }
    }

    /// The file that a reload reads, which the broker must still be able to open once it has locked itself in.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.source {
            Source::Default => Path::new(DEFAULT_PATH),
            Source::Toml(path) => path,
            Source::Dhcpcd { path, directives: _ } => path.as_deref().unwrap_or(Path::new(DEFAULT_CONF)),
        }
    }
}

fn fatal(error: ConfigError) -> Fatal {
    error.fatal(DAEMON.program)
}

/// Our example and our `--config` are of no use to a user who wrote a dhcpcd.conf.
fn in_dhcpcds_words(error: ConfigError) -> Fatal {
    let is_absent = matches!(error, ConfigError::Open { .. });
    let fatal = fatal(error);
    if is_absent { fatal.help("pass another file with -f, or leave -f out") } else { fatal }
}

/// Which file holds the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// The usual one, which may be absent.
    #[default]
    Default,
    /// One that was named, and must be there.
    Toml(PathBuf),
    /// One in dhcpcd's format, and dhcpcd's own options, which count more.
    Dhcpcd {
        /// The file; without one, dhcpcd's defaults hold.
        path: Option<PathBuf>,
        /// The options, as the directives that they stand for.
        directives: Vec<Directive>,
    },
}

/// What the command line decides instead of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Exactly these interfaces, when any are named: neither list of the file counts then.
    pub interfaces: Vec<Pattern>,
    /// When a one-shot run ends.
    pub deadline: Option<Duration>,
    /// End with an error where the kernel has no Landlock.
    pub require_landlock: bool,
    /// How much is logged.
    pub log: Option<Level>,
}

impl Overrides {
    fn over(&self, config: Config) -> Config {
        let Self { interfaces, deadline, require_landlock, log } = self;
        let (interfaces, deny_interfaces) = if interfaces.is_empty() {
            (config.interfaces, config.deny_interfaces)
        } else {
            (interfaces.clone(), Vec::new())
        };
        Config {
            interfaces,
            deny_interfaces,
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
        let config = Config { deny_interfaces: vec![Pattern::new("eth9").unwrap()], ..Config::default() };
        let overrides = Overrides {
            interfaces: vec![Pattern::new("eth9").unwrap()],
            deadline: Some(Duration::from_secs(3)),
            require_landlock: true,
            log: Some(Level::DEBUG),
        };
        let want = Config {
            interfaces: overrides.interfaces.clone(),
            deny_interfaces: Vec::new(),
            deadline: Duration::from_secs(3),
            require_landlock: true,
            log: Level::DEBUG,
            ..Config::default()
        };
        assert_eq!(overrides.over(config.clone()), want);
        assert_eq!(Overrides::default().over(config.clone()), config, "no option changes nothing");
    }

    #[test]
    fn a_table_about_an_interface_that_is_left_alone_is_warned_of() {
        for (what, text, named, want) in [
            ("wanted", "[interface.eth1]", &[][..], &[][..]),
            ("not named", "interfaces = [\"eth0\"]\n[interface.eth1]\n[interface.eth0]", &[], &["eth1"]),
            ("denied", "deny-interfaces = [\"eth1\"]\n[interface.eth1]", &[], &["eth1"]),
            ("named on the command line", "interfaces = [\"eth0\"]\n[interface.eth1]", &["eth1"], &[]),
        ] {
            let config = Config::parse(text, Path::new("dhcp.toml")).unwrap();
            let interfaces = named.iter().map(|name| Pattern::new(name).unwrap()).collect();
            let settings =
                Settings { overrides: Overrides { interfaces, ..Overrides::default() }, ..Settings::default() };
            let warnings = settings.warned(config).warnings;
            assert_eq!(warnings.len(), want.len(), "{what}: {warnings:?}");
            assert!(
                warnings.iter().zip(want).all(|(line, name)| line.contains(&format!("[interface.{name}]"))),
                "{what}"
            );
        }
    }

    #[test]
    fn each_format_has_help_of_its_own_when_the_file_is_not_there() {
        let path = PathBuf::from("/nonexistent/conf");
        for (what, source, want) in [
            ("ours", Source::Toml(path.clone()), "orlop-dhcp --example > /nonexistent/conf"),
            ("dhcpcd's", Source::Dhcpcd { path: Some(path), directives: Vec::new() }, "with -f"),
        ] {
            let fatal = Settings { source, ..Settings::default() }.load().unwrap_err();
            assert_eq!(fatal.problem, "cannot open /nonexistent/conf", "{what}");
            let help = fatal.help.unwrap();
            assert!(help.contains(want), "{what}: {help}");
        }
    }

    #[test]
    fn the_command_line_can_raise_a_requirement_but_not_lift_it() {
        let strict = Config { require_landlock: true, ..Config::default() };
        assert!(Overrides::default().over(strict).require_landlock);
    }
}
