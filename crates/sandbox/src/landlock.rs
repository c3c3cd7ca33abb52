//! Landlock: files, TCP, and signals and abstract sockets beyond the process itself.
//!
//! LinuxKit's own kernels have none, so this layer is preferred, never silently absent, and never the only one.
//! Whether it is there is found out by trying, not by the kernel's version.

use core::fmt;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use postcard::experimental::max_size::MaxSize;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::fatal::{Exit, Fatal};
use crate::profile::Need;

/// What of Landlock is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "lowercase")]
pub enum Enforced {
    /// Not tried: a test's mutant.
    Off,
    /// The kernel has none, or it is switched off.
    Absent,
    /// The kernel knows an older interface: of files, TCP and scopes something is missing.
    Partial {
        /// The interface version it knows.
        abi: u8,
    },
    /// All of it.
    Full {
        /// The interface version the kernel knows.
        abi: u8,
    },
}

impl fmt::Display for Enforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Absent => f.write_str("absent"),
            Self::Partial { abi } => write!(f, "partial(abi={abi})"),
            Self::Full { abi } => write!(f, "full(abi={abi})"),
        }
    }
}

/// What stays reachable under Landlock. A path that does not exist is left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paths<'p> {
    /// Directories and files that may be read.
    pub read: &'p [&'p Path],
    /// Directories and files that may be read and written as they are: nothing there is made, removed or emptied.
    pub adjust: &'p [&'p Path],
    /// Directories and files in which files may be made, written, renamed and removed.
    pub write: &'p [&'p Path],
    /// Ports to which TCP sockets may be connected, at whatever address.
    pub connect: &'p [u16],
}

/// The interface that has everything we ask for: files since 1, TCP since 4, scopes since 6 (Linux 6.12).
const WANTED: ABI = ABI::V6;

/// Restricts this process to `paths`, and proves it.
///
/// # Errors
/// When the kernel has Landlock and does not enforce it. That it has none is no error here.
pub fn restrict(need: Need, paths: Paths<'_>) -> Result<Enforced, Fatal> {
    if need == Need::Off {
        return Ok(Enforced::Off);
    }
    let enforced = enforce(paths).map_err(|cause| Fatal::os("Landlock failed", cause))?;
    if enforced == Enforced::Absent {
        return Ok(enforced);
    }
    // An answer of "enforced" is believed when a file that permissions would let us open is refused.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::open("/", flags, Mode::empty()) {
        Err(Errno::ACCESS) => Ok(enforced),
        Ok(_) => Err(Fatal::new(Exit::Permission, "Landlock says it is enforced, and a file can still be opened")),
        Err(errno) => Err(Fatal::os("cannot prove that Landlock is enforced", errno)),
    }
}

fn enforce(paths: Paths<'_>) -> Result<Enforced, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?
        // The ladder has set it, or a test has left it out.
        .no_new_privs(false);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let adjust = read | AccessFs::WriteFile;
    let write = adjust
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::MakeSock
        | AccessFs::Refer;
    for (list, access) in [(paths.read, read), (paths.adjust, adjust), (paths.write, write)] {
        for path in list {
            // Not by the library's own `PathFd`: with musl the standard library takes O_PATH for a mode of access and leaves it
            // out, so that a folder which is closed now, and may be open later, would get no rule.
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let Ok(fd) = rustix::fs::open(*path, flags, Mode::empty()) else { continue };
            // A file takes only the rights that a file can have.
            let access = if path.is_dir() { access } else { access & AccessFs::from_file(WANTED) };
            ruleset = ruleset.add_rule(PathBeneath::new(fd, access))?;
        }
    }
    for port in paths.connect {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    let status = ruleset.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            Enforced::Full { abi: version(effective_abi) }
        }
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            Enforced::Partial { abi: version(effective_abi) }
        }
        _ => Enforced::Absent,
    })
}

fn version(abi: ABI) -> u8 {
    u8::try_from(abi as i32).unwrap_or(u8::MAX)
}

impl Enforced {
    /// Whether the user should know that something is missing.
    pub(crate) fn is_weak(self) -> bool {
        matches!(self, Self::Absent | Self::Partial { .. })
    }

    /// Decides whether it is enough for a process in this `role`.
    pub(crate) fn judge(self, need: Need, role: &str) -> Result<(), Fatal> {
        if need != Need::Require || !self.is_weak() {
            return Ok(());
        }
        Err(Fatal::new(Exit::Permission, format!("Landlock is required, and in the {role} it is {self}")).help(
            "run a kernel with CONFIG_SECURITY_LANDLOCK (6.12 or later) and lsm=landlock,…, or drop --require-landlock",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_all_is_fatal_only_where_it_is_required() {
        let full = Enforced::Full { abi: 6 };
        let partial = Enforced::Partial { abi: 2 };
        for (what, enforced, need, fits) in [
            ("full, required", full, Need::Require, true),
            ("partial, preferred", partial, Need::Prefer, true),
            ("absent, preferred", Enforced::Absent, Need::Prefer, true),
            ("partial, required", partial, Need::Require, false),
            ("absent, required", Enforced::Absent, Need::Require, false),
        ] {
            assert_eq!(enforced.judge(need, "worker").is_ok(), fits, "{what}");
        }
    }
}
