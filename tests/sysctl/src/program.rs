//! The programs that are compared, and one run of one of them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use orlop_testbed::launch::in_container;
use orlop_testbed::{Running, binaries};

/// Far longer than anything here takes, so that only a defect and not a busy machine uses it up.
pub const SOON: Duration = Duration::from_secs(30);

/// What the image's label grants (DESIGN §2): the supervisor's five, and the appliers' two.
pub const LABEL: &str = "-all,+setuid,+setgid,+setpcap,+sys_chroot,+kill,+sys_admin,+net_admin";

/// A program that applies settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// Ours.
    Orlop,
    /// systemd-sysctl, whose meaning of a file is the one we share.
    Systemd,
    /// The `sysctl` of procps.
    Procps,
    /// busybox.
    Busybox,
}

/// What a run left behind besides settings.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Program {
    /// The files that must be there.
    #[must_use]
    pub fn files(self) -> Vec<String> {
        match self {
            Self::Orlop => binaries::paths(&["orlop-sysctl", "orlop-sysctl-worker"]),
            Self::Systemd => vec!["/lib/systemd/systemd-sysctl".to_owned()],
            Self::Procps => vec!["/sbin/sysctl".to_owned()],
            Self::Busybox => vec!["/bin/busybox".to_owned()],
        }
    }

    /// What is started.
    #[must_use]
    pub fn path(self) -> PathBuf {
        self.files().into_iter().next().unwrap_or_default().into()
    }

    /// A command that runs it; in [`orlop_testbed::Host::enter`] it runs on the host.
    #[must_use]
    pub fn command(self) -> Command {
        let mut command = Command::new(self.path());
        match self {
            Self::Orlop | Self::Procps => {}
            // Else it writes to the journal, if there is one.
            Self::Systemd => drop(command.env("SYSTEMD_LOG_TARGET", "console").env("SYSTEMD_LOG_COLOR", "0")),
            Self::Busybox => drop(command.arg("sysctl")),
        }
        command
    }

    /// A command that runs it as a container of the image's label does: with [`LABEL`] and no new privileges.
    #[must_use]
    pub fn contained(self, capabilities: &str) -> Command {
        let [setpriv, words @ ..] = in_container(capabilities);
        let mut command = Command::new(setpriv);
        command.args(words).arg(self.path());
        command
    }

    /// Runs it in the calling thread's namespaces, to its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub fn run(self, args: &[&str]) -> Result<Ran> {
        Ran::of(self.command().args(args))
    }
}

impl Ran {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time, or is killed.
    pub fn of(command: &mut Command) -> Result<Self> {
        let label = command.get_program().to_string_lossy().into_owned();
        let mut running = Running::start(&label, command)?;
        let status = running.wait_exit(SOON)?;
        let code = status.code().with_context(|| format!("{label} ended with {status}:\n{}", running.text()))?;
        Ok(Self { code, stdout: running.stdout(), stderr: running.stderr() })
    }
}
