//! A machine, and the cloud that it runs in.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use orlop_testbed::{Host, Launch, Wire};

use crate::SOON;

/// A machine that is wired to a cloud.
pub struct Scene {
    /// Where the daemon runs.
    pub machine: Host,
    /// Where services answer.
    pub cloud: Host,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Everything that it printed.
    pub text: String,
    /// What it printed to standard output.
    pub stdout: String,
    /// How long it took.
    pub took: Duration,
}

impl Scene {
    /// A machine whose firmware says nothing, with an address, and a cloud that has 169.254.169.254.
    ///
    /// # Errors
    /// When hosts cannot be made.
    pub fn new() -> Result<Self> {
        let scene = Self::unconfigured()?;
        scene.machine.add_address("eth0", "10.0.0.2/24")?;
        scene.cloud.add_address("eth0", "10.0.0.1/24")?;
        scene.machine.run("ip", &["route", "add", "default", "via", "10.0.0.1"])?;
        Ok(scene)
    }

    /// The same before the machine has an address.
    ///
    /// # Errors
    /// When hosts cannot be made.
    pub fn unconfigured() -> Result<Self> {
        let (machine, cloud) = (Host::new("machine")?, Host::new("cloud")?);
        Wire::veth_up(&machine, "eth0", &cloud, "eth0")?;
        for address in ["169.254.169.254/32", "169.254.42.42/32", "100.100.100.200/32", "168.63.129.16/32"] {
            cloud.add_address("eth0", address)?;
        }
        // What this machine itself says of itself is no part of any test.
        machine.shell(
            "mount -t tmpfs tmpfs /sys/class && mkdir -p /sys/class/dmi/id && mount -t tmpfs tmpfs /sys/firmware",
        )?;
        Ok(Self { machine, cloud })
    }

    /// Has the machine's firmware say this.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn says(&self, field: &str, text: &str) -> Result<()> {
        let path = self.machine.path(format!("/sys/class/dmi/id/{field}"));
        std::fs::write(&path, format!("{text}\n")).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Runs the daemon to its end.
    ///
    /// # Errors
    /// When it cannot be started, or does not end.
    pub fn run(&self, launch: &Launch) -> Result<Ran> {
        let begun = Instant::now();
        let mut running = launch.start(&self.machine)?;
        let status = running.wait_exit(SOON)?;
        let took = begun.elapsed();
        Ok(Ran { code: status.code().unwrap_or(-1), text: running.text(), stdout: running.stdout(), took })
    }

    /// A file below `/run/config`, if it is there.
    #[must_use]
    pub fn config(&self, path: &str) -> Option<String> {
        self.machine.read(&format!("/run/config/{path}")).ok()
    }

    /// Its permissions and its number.
    ///
    /// # Errors
    /// It is not there.
    pub fn look(&self, path: &str) -> Result<(u32, u64)> {
        let seen = std::fs::symlink_metadata(self.machine.path(format!("/run/config/{path}")))?;
        Ok((seen.mode() & 0o7777, seen.ino()))
    }

    /// What is at the top of `/run/config`, sorted.
    #[must_use]
    pub fn tops(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.machine.path("/run/config")).into_iter().flatten();
        let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().display().to_string()).collect();
        names.sort_unstable();
        names
    }

    /// The status that a run has left.
    ///
    /// # Errors
    /// There is none.
    pub fn status(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_str(&self.machine.read("/run/orlop/metadata/status.json")?)?)
    }
}
