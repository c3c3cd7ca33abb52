//! How a test starts one of our daemons: arguments, configuration, the name it is called by.

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
}

impl Launch {
    /// The daemon whose broker is called `program`, without arguments: as a service, with its default configuration.
    #[must_use]
    pub fn of(program: &str) -> Self {
        Self { program: program.to_owned(), args: Vec::new(), config: None, argv0: None }
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

    /// The command that will run it in a host.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn command(&self, host: &Host) -> Result<Command> {
        let mut command = match &self.argv0 {
            None => host.command(self.binary()),
            Some(argv0) => {
                let mut command = host.command("bash");
                command.args(["-c", r#"exec -a "$0" "$@""#, argv0]).arg(self.binary());
                command
            }
        };
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
