//! What a daemon is called.

/// A daemon's program, as its files, its messages and its command line name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The daemon's short name, as in `/run/orlop/NAME` and in the names of its metrics.
    pub name: &'static str,
    /// What messages call the daemon, as in "no DHCP daemon is running here".
    pub title: &'static str,
    /// The version of the package.
    pub version: &'static str,
}

impl Program {
    /// What a user types to start it.
    #[must_use]
    pub fn command(&self) -> String {
        format!("orlop-{}", self.name)
    }

    /// What `--version` prints.
    #[must_use]
    pub fn version_line(&self) -> String {
        format!("{} {}\n", self.command(), self.version)
    }
}
