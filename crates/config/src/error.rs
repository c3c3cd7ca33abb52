//! Why there is no configuration.

use std::io;
use std::path::PathBuf;

use orlop_sandbox::fatal::{Exit, Fatal};

use crate::MAX_FILE;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be opened or read.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file that was asked for.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// A folder, a pipe, a socket or a device, which no configuration is read from: some of them make a reader wait for ever.
    #[error("{} is {kind}, not a regular file", path.display())]
    NotAFile {
        /// The file that was asked for.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// Another process holds a lease on the file, with which it keeps others from opening it.
    #[error("{} is held by another process", path.display())]
    Held {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The file is larger than any configuration.
    #[error("{} is larger than {MAX_FILE} bytes", path.display())]
    Large {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// An unknown key, or a value that cannot be.
    #[error("{} is not a valid configuration", path.display())]
    Wrong {
        /// The file that was asked for.
        path: PathBuf,
        /// Its line, from 1, where one is to blame.
        line: Option<usize>,
        /// What is wrong with it.
        message: String,
    },
}

impl ConfigError {
    /// The error that ends `command`, a program with `--config`, `--check` and `--example`.
    pub fn fatal(self, command: &str) -> Fatal {
        let fatal = Fatal::new(Exit::Config, self.to_string());
        match self {
            Self::Open { source, path } => fatal.cause(source).help(format!(
                "pass --config FILE, or start from the example: {command} --example > {}",
                path.display()
            )),
            Self::NotAFile { path, kind: _ } => fatal
                .help(format!("write the configuration into a file, for example: cat {0} > {0}.toml", path.display())),
            Self::Held { path } => {
                fatal.cause("a lease by fcntl(F_SETLEASE), which the kernel asks for back").help(format!(
                    "try again in a minute, or end the process that holds it: grep LEASE /proc/locks, ls -i {}",
                    path.display()
                ))
            }
            Self::Large { path } | Self::NotText { path } => {
                fatal.help(format!("is {} the file you mean?", path.display()))
            }
            Self::Wrong { path, line, message } => {
                let place = line.map_or(String::new(), |line| format!("line {line}: "));
                fatal.cause(format!("{place}{message}")).help(format!(
                    "edit it, then try: {command} --check --config {} (every key: {command} --example)",
                    path.display()
                ))
            }
        }
    }
}
