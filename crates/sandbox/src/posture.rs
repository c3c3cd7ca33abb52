//! What is really in force in a process: claimed by itself, and observed by its broker.

use core::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::capability::CapabilitySet;
use crate::landlock::Enforced;
use crate::profile::{Layers, Need, Profile, Role, Root};

/// What a process is restricted by.
///
/// [`Posture::status`] is what the kernel says in `/proc/PID/status`, so that a broker can check the claim. The
/// rest is visible only from inside and is claimed before the worker has read an untrusted byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Posture {
    /// What the kernel says.
    pub status: Status,
    /// System calls that are allowed.
    pub allowed: u16,
    /// System calls that end the process.
    pub denied: u16,
    /// What of Landlock is in force.
    pub landlock: Enforced,
    /// Whether it sees an empty root.
    pub empty_root: bool,
    /// Whether every resource limit of its profile is in force.
    pub limited: bool,
    /// Descriptors that were open when it locked itself in.
    pub open_files: u16,
}

/// What `/proc/PID/status` says about a process's privileges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Status {
    /// Real, effective, saved and file system user.
    pub uids: [u32; 4],
    /// Real, effective, saved and file system group.
    pub gids: [u32; 4],
    /// How many supplementary groups.
    pub groups: u16,
    /// Inheritable capabilities.
    pub inheritable: CapabilitySet,
    /// Permitted capabilities.
    pub permitted: CapabilitySet,
    /// Effective capabilities.
    pub effective: CapabilitySet,
    /// The bounding set.
    pub bounding: CapabilitySet,
    /// Ambient capabilities.
    pub ambient: CapabilitySet,
    /// `no_new_privs`.
    pub no_new_privs: bool,
    /// Whether system calls are filtered (mode 2).
    pub filtered: bool,
    /// How many filters, the supervisor's included.
    pub filters: u16,
    /// How many threads.
    pub threads: u16,
}

impl Posture {
    /// What the kernel says about a process, from its open `/proc/PID/status`.
    ///
    /// # Errors
    /// When the process is gone, or the file is not what Linux 5.15 and later write.
    pub fn observe(status: &File) -> io::Result<Status> {
        Status::read(status)
    }

    /// Whether everything that `profile` requires is in force.
    ///
    /// # Errors
    /// What is not.
    pub fn meets(&self, profile: &Profile) -> Result<(), Gaps> {
        let layers = profile.layers;
        let mut gaps = self.status.gaps(profile);
        let mut gap = |need, missing: bool, gap| {
            if need == Need::Require && missing {
                gaps.push(gap);
            }
        };
        gap(layers.root, profile.root == Root::Empty && !self.empty_root, Gap::Root);
        gap(layers.limits, !self.limited, Gap::Limits);
        gap(layers.allowed, usize::from(self.allowed) != profile.syscalls.len(), Gap::SystemCalls);
        gap(layers.denied, usize::from(self.denied) != profile.denied.len(), Gap::SystemCalls);
        gap(profile.landlock.need, !matches!(self.landlock, Enforced::Full { .. }), Gap::Landlock);
        if gaps.is_empty() { Ok(()) } else { Err(Gaps(gaps)) }
    }
}

impl Status {
    fn gaps(&self, profile: &Profile) -> Vec<Gap> {
        let Layers { ids, capabilities, bounding, no_new_privs, denied, allowed, root: _, limits: _, close_others: _ } =
            profile.layers;
        let (uid, gid, keep) = (profile.ids.uid, profile.ids.gid, profile.capabilities());
        let [real, others @ ..] = self.uids;
        // A broker's real user is the account of its daemon, of which a profile knows nothing; it looks at that itself.
        let is_user = others == [uid; 3] && (real == uid || profile.role == Role::Broker);
        let always = |need| if need == Need::Off { Need::Off } else { Need::Require };
        let filters = [denied, allowed].into_iter().filter(|need| *need == Need::Require).count();
        let held = [self.permitted, self.effective];
        let lent = [self.inheritable, self.ambient];
        let checks = [
            (ids, !is_user || self.gids != [gid; 4], Gap::Ids),
            (ids, self.groups != 0, Gap::Groups),
            // Preferred is only that they cannot come back: none may be held all the same.
            (always(capabilities), held != [keep; 2] || lent != [CapabilitySet::EMPTY; 2], Gap::Capabilities),
            (bounding, self.bounding != keep, Gap::Bounding),
            (no_new_privs, !self.no_new_privs, Gap::NoNewPrivs),
            (allowed, !self.filtered || usize::from(self.filters) < filters, Gap::SystemCalls),
            (allowed, self.threads != 1, Gap::Threads),
        ];
        checks
            .into_iter()
            .filter(|(need, missing, _)| *need == Need::Require && *missing)
            .map(|(_, _, gap)| gap)
            .collect()
    }

    pub(crate) fn read(file: &File) -> io::Result<Self> {
        // The whole file in one read: the kernel writes about 1.5 kB.
        let mut bytes = [0; 8192];
        let len = file.read_at(&mut bytes, 0)?;
        let text = bytes.get(..len).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default();
        Self::parse(text).ok_or_else(|| io::Error::other("/proc/PID/status lacks a field"))
    }

    /// The fields stand here in the kernel's order, so that every line is looked at once.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let four = |field: &str| -> Option<[u32; 4]> {
            let mut numbers = field.split_ascii_whitespace().map_while(|number| number.parse().ok());
            let four = [numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?];
            numbers.next().is_none().then_some(four)
        };
        let set = |field: &str| u64::from_str_radix(field, 16).ok().map(CapabilitySet::from_bits);
        Some(Self {
            uids: four(field("Uid")?)?,
            gids: four(field("Gid")?)?,
            groups: field("Groups")?.split_ascii_whitespace().count().try_into().ok()?,
            threads: field("Threads")?.parse().ok()?,
            inheritable: set(field("CapInh")?)?,
            permitted: set(field("CapPrm")?)?,
            effective: set(field("CapEff")?)?,
            bounding: set(field("CapBnd")?)?,
            ambient: set(field("CapAmb")?)?,
            no_new_privs: field("NoNewPrivs")? == "1",
            filtered: field("Seccomp")? == "2",
            filters: field("Seccomp_filters")?.parse().ok()?,
        })
    }
}

/// One line: `uid=64101 caps=none bounding=none no_new_privs syscalls=14 (114+47 kill) landlock=full(abi=7) …`.
impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, allowed, denied, landlock, empty_root, limited, open_files } = self;
        let Status { uids, gids, groups, permitted, bounding, no_new_privs, filtered, filters, threads, .. } = status;
        let [_, uid, ..] = uids;
        let [_, gid, ..] = gids;
        let yes = |is: bool| if is { "yes" } else { "NO" };
        write!(f, "uid={uid} gid={gid} groups={groups} capabilities={permitted} bounding={bounding} ")?;
        write!(f, "no_new_privs={} filtered={} filters={filters} ", yes(*no_new_privs), yes(*filtered))?;
        write!(f, "allowed={allowed} denied={denied} landlock={landlock} ")?;
        write!(f, "root={} ", if *empty_root { "empty" } else { "kept" })?;
        write!(f, "limits={} threads={threads} open_files={open_files}", yes(*limited))
    }
}

/// One thing that is not as its profile requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// User or group.
    Ids,
    /// Supplementary groups are left.
    Groups,
    /// Capabilities are left, or one that should be kept is missing.
    Capabilities,
    /// The bounding set.
    Bounding,
    /// `no_new_privs` is not set.
    NoNewPrivs,
    /// System calls are not filtered, or by another table.
    SystemCalls,
    /// There is more than one thread; a filter binds only one.
    Threads,
    /// The root is not empty.
    Root,
    /// Resource limits.
    Limits,
    /// Landlock, where it is required.
    Landlock,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ids => "user or group",
            Self::Groups => "supplementary groups",
            Self::Capabilities => "capabilities",
            Self::Bounding => "the bounding set",
            Self::NoNewPrivs => "no_new_privs",
            Self::SystemCalls => "the system call filters",
            Self::Threads => "threads",
            Self::Root => "the root directory",
            Self::Limits => "resource limits",
            Self::Landlock => "Landlock",
        })
    }
}

/// Everything that is not as a profile requires.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not as required: {}", list(.0))]
pub struct Gaps(pub Vec<Gap>);

fn list(gaps: &[Gap]) -> String {
    gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
pub(crate) mod tests;
