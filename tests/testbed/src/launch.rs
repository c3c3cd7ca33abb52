//! How a test starts one of our daemons: arguments, configuration, capabilities, the name it is called by.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::binaries;
use crate::host::Host;
use crate::running::Running;

/// A command line of a daemon, and its configuration.
#[derive(Clone, Debug)]
pub struct Launch {
    program: String,
    args: Vec<String>,
    config: Option<String>,
    argv0: Option<String>,
    capabilities: Option<String>,
}

impl Launch {
    /// The daemon whose broker is called `program`, without arguments: as a service, with its default configuration.
    #[must_use]
    pub fn of(program: &str) -> Self {
        Self { program: program.to_owned(), args: Vec::new(), config: None, argv0: None, capabilities: None }
    }

    /// The file that is started.
    #[must_use]
    pub fn binary(&self) -> PathBuf {
        binaries::folder().join(&self.program)
    }

    /// To do its work once and end.
    #[must_use]
    pub fn oneshot(self) -> Self {
        self.args(["--oneshot"])
    }

    /// More arguments, in order.
    #[must_use]
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// The content of a configuration file, given with `--config`.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// Another name to be called by, as an alias in an image would.
    #[must_use]
    pub fn called(mut self, argv0: &str) -> Self {
        self.argv0 = Some(argv0.to_owned());
        self
    }

    /// With no other capabilities than these, as [`in_container`] takes them.
    #[must_use]
    pub fn contained(mut self, capabilities: &str) -> Self {
        self.capabilities = Some(capabilities.to_owned());
        self
    }

    /// The command that will run it in a host.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn command(&self, host: &Host) -> Result<Command> {
        let mut words: Vec<String> = self.capabilities.as_deref().map(in_container).into_iter().flatten().collect();
        if let Some(argv0) = &self.argv0 {
            words.extend(["bash", "-c", r#"exec -a "$0" "$@""#, argv0].map(str::to_owned));
        }
        words.push(self.binary().display().to_string());
        let mut command = host.command(&words[0]);
        command.args(&words[1..]);
        if let Some(config) = &self.config {
            let path = format!("/run/{}.toml", self.program);
            host.write(&path, config)?;
            command.args(["--config", &path]);
        }
        command.args(&self.args);
        Ok(command)
    }

    /// Starts it in a host.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, host: &Host) -> Result<Running> {
        host.spawn(&self.program, &mut self.command(host)?)
            .with_context(|| format!("is {} built? (cargo xtask build)", self.binary().display()))
    }
}

/// The words in front of a program that runs as in a container with these capabilities, in setpriv's words, and no new
/// privileges.
#[must_use]
pub fn in_container(capabilities: &str) -> [String; 5] {
    let bounding = format!("--bounding-set={capabilities}");
    ["setpriv", "--no-new-privs", &bounding, "--inh-caps=-all", "--"].map(str::to_owned)
}
