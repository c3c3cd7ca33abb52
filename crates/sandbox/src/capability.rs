//! The capabilities of Linux, as far as Orlop's processes have to do with them.

use core::fmt;

/// The capabilities that Orlop's processes use, under the kernel's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// Signal a process of another user: the supervisor ends the worker with it.
    Kill = 5,
    /// Become another group.
    Setgid = 6,
    /// Become another user.
    Setuid = 7,
    /// Shrink the bounding set.
    Setpcap = 8,
    /// Bind a port below 1024.
    NetBindService = 10,
    /// Addresses, routes, links.
    NetAdmin = 12,
    /// Packet sockets.
    NetRaw = 13,
    /// The hardware's ports and the lowest addresses: one setting of the kernel asks for it.
    SysRawio = 17,
    /// `chroot`.
    SysChroot = 18,
    /// Look into other processes: one setting of the kernel asks for it.
    SysPtrace = 19,
    /// The rest of root; only the sysctl daemon needs it.
    SysAdmin = 21,
    /// Go beyond limits: the kernel asks for it where settings below `user/` are opened.
    SysResource = 24,
    /// The clock.
    SysTime = 25,
}

/// What a supervisor itself needs: to start a worker as another user in an empty root, and to end it.
pub const SUPERVISOR: [Capability; 5] =
    [Capability::Setuid, Capability::Setgid, Capability::Setpcap, Capability::SysChroot, Capability::Kill];

impl Capability {
    /// All of these, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Kill,
        Self::Setgid,
        Self::Setuid,
        Self::Setpcap,
        Self::NetBindService,
        Self::NetAdmin,
        Self::NetRaw,
        Self::SysRawio,
        Self::SysChroot,
        Self::SysPtrace,
        Self::SysAdmin,
        Self::SysResource,
        Self::SysTime,
    ];

    /// The name that an OCI or LinuxKit configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "CAP_KILL",
            Self::Setgid => "CAP_SETGID",
            Self::Setuid => "CAP_SETUID",
            Self::Setpcap => "CAP_SETPCAP",
            Self::NetBindService => "CAP_NET_BIND_SERVICE",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
            Self::SysRawio => "CAP_SYS_RAWIO",
            Self::SysChroot => "CAP_SYS_CHROOT",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysResource => "CAP_SYS_RESOURCE",
            Self::SysTime => "CAP_SYS_TIME",
        }
    }
}

/// A set of capabilities, as the kernel's 64-bit mask: it may hold some that have no [`Capability`] here.
#[derive(
    Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, postcard::experimental::max_size::MaxSize,
)]
#[serde(transparent)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// The set of this mask.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its mask.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether every capability of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().fold(0, |set, capability| set | 1 << capability as u8))
    }
}

impl fmt::Display for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let bits = (0..u64::BITS).filter(|bit| self.0 & (1 << bit) != 0);
        let named = |bit| Capability::ALL.into_iter().find(|one| *one as u32 == bit);
        // One that no process of ours has shows as its number.
        let names = bits.map(|bit| named(bit).map_or(bit.to_string(), |one| one.name().replacen("CAP_", "", 1)));
        f.write_str(&names.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Debug for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_the_mask_the_kernel_shows() {
        let set: CapabilitySet = [Capability::NetAdmin, Capability::NetRaw].into_iter().collect();
        assert_eq!(set.bits(), 0x3000);
        assert!(set.contains(CapabilitySet::EMPTY));
        assert!(!CapabilitySet::EMPTY.contains(set));
        assert_eq!(set.to_string(), "NET_ADMIN,NET_RAW");
        assert_eq!(CapabilitySet::from_bits(1 << 40 | 1 << 5).to_string(), "KILL,40", "one without a name here");
    }
}
