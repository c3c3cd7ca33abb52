//! The capabilities of Linux, as far as Orlop's processes have to do with them.

use core::fmt;
use std::borrow::Cow;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
///
/// Between processes it is that mask, and in a document for people (JSON) a list of names; one without a name here is its
/// number.
#[derive(Clone, Copy, PartialEq, Eq, Default, postcard::experimental::max_size::MaxSize)]
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

    /// Each by its name, or else its number, in the order of the numbers.
    fn names(self) -> impl Iterator<Item = Cow<'static, str>> {
        (0..u64::BITS).filter(move |bit| self.0 & (1 << bit) != 0).map(|bit| {
            let named = Capability::ALL.into_iter().find(|one| *one as u32 == bit);
            named.map_or_else(|| bit.to_string().into(), |one| one.name().into())
        })
    }

    /// The set of one capability that is written so.
    fn named(name: &str) -> Option<Self> {
        let known = Capability::ALL.into_iter().find(|one| one.name() == name).map(|one| one as u32);
        let bit = known.or_else(|| name.parse().ok()).filter(|bit| *bit < u64::BITS)?;
        Some(Self(1 << bit))
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().fold(0, |set, capability| set | 1 << capability as u8))
    }
}

impl Serialize for CapabilitySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_seq(self.names())
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for CapabilitySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(Self);
        }
        Vec::<String>::deserialize(deserializer)?.into_iter().try_fold(Self::EMPTY, |set, name| {
            let one = Self::named(&name);
            one.map(|one| set.union(one))
                .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &"a capability"))
        })
    }
}

impl fmt::Display for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let short = |name: Cow<'static, str>| name.trim_start_matches("CAP_").to_owned();
        f.write_str(&self.names().map(short).collect::<Vec<_>>().join(","))
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

    #[test]
    fn a_set_crosses_a_channel_as_its_mask_and_is_written_for_people_by_names() {
        let set = CapabilitySet::from_bits(1 << 40 | 1 << 12);
        let mut frame = [0; 10];
        let bytes = orlop_wire::encode(&set, &mut frame).unwrap();
        assert_eq!(bytes, postcard::to_slice(&set.bits(), &mut [0; 10]).unwrap());
        assert_eq!(orlop_wire::decode::<CapabilitySet>(bytes), Ok(set));
        let names: Vec<_> = set.names().collect();
        assert_eq!(names, ["CAP_NET_ADMIN", "40"]);
        let back =
            names.iter().filter_map(|name| CapabilitySet::named(name)).fold(CapabilitySet::EMPTY, |a, b| a.union(b));
        assert_eq!(back, set);
        assert_eq!((CapabilitySet::named("64"), CapabilitySet::named("CAP_FRY")), (None, None));
    }
}
