//! Which interface has which name, from what the kernel says about links: an interface that takes the name of another has
//! settings of its own, which nobody has put in force.

use orlop_sandbox::multicast::attribute;
use orlop_sysctl_contract::{Directory, Name};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use crate::tree::Tree;

/// The numbers of interfaces by their names.
#[derive(Debug, Default)]
pub(super) struct Interfaces(Vec<(String, u32)>);

/// What a datagram says that was not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// There is an interface of this name, which is not the one that had it before.
    Came(String),
    /// An interface is no longer there.
    Gone,
}

impl Interfaces {
    /// Those that have settings in `tree` now.
    pub(super) fn of(tree: &Tree) -> Self {
        let any = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        let folder = Directory::new("net/ipv4/conf");
        let (Ok(any), Ok(folder)) = (any, folder) else { return Self::default() };
        let index = |name: &Name| netdevice::name_to_index(&any, name.as_str()).ok();
        let known = tree.list(&folder).into_iter().filter_map(|name| Some((name.as_str().to_owned(), index(&name)?)));
        Self(known.collect())
    }

    /// Takes what the kernel says about a link.
    pub(super) fn heard(&mut self, datagram: &[u8]) -> Option<Change> {
        let Link { gone, new, index, name } = Link::parse(datagram)?;
        if gone {
            self.0.retain(|(known, _)| *known != name);
            return Some(Change::Gone);
        }
        let known = self.0.contains(&(name.clone(), index));
        if !known {
            // It may have had another name, and the name have been another's.
            self.0.retain(|(known, number)| *number != index && *known != name);
            self.0.push((name.clone(), index));
        }
        (new || !known).then_some(Change::Came(name))
    }
}

/// The beginning of a `RTM_NEWLINK` or `RTM_DELLINK`.
#[derive(Debug)]
struct Link {
    gone: bool,
    /// It was made just now.
    new: bool,
    index: u32,
    name: String,
}

impl Link {
    /// Reads a `struct nlmsghdr`, a `struct ifinfomsg`, and of the attributes the name.
    fn parse(datagram: &[u8]) -> Option<Self> {
        let kind = u16::from_ne_bytes(*datagram.get(4..)?.first_chunk()?);
        let number = |at: usize| Some(u32::from_ne_bytes(*datagram.get(at..)?.first_chunk()?));
        // Bridges report their ports once more, as a family of their own.
        if ![RTM_NEWLINK, RTM_DELLINK].contains(&kind) || *datagram.get(16)? != AF_UNSPEC {
            return None;
        }
        let (index, change) = (number(20)?, number(28)?);
        let text = attribute(datagram.get(32..)?, IFLA_IFNAME)?.split(|byte| *byte == 0).next()?;
        let name = core::str::from_utf8(text).ok()?.to_owned();
        Some(Self { gone: kind == RTM_DELLINK, new: change == u32::MAX, index, name })
    }
}

// linux/rtnetlink.h, linux/if_link.h
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const IFLA_IFNAME: u16 = 3;
const AF_UNSPEC: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram as the kernel makes it, with another attribute before the name.
    fn link(kind: u16, family: u8, index: u32, change: u32, name: &str) -> Vec<u8> {
        let mut bytes = vec![0; 32];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[16] = family;
        bytes[20..24].copy_from_slice(&index.to_ne_bytes());
        bytes[28..32].copy_from_slice(&change.to_ne_bytes());
        for (attribute, value) in
            [(46_u16, b"\x07\0\0\0\x01".to_vec()), (IFLA_IFNAME, format!("{name}\0").into_bytes())]
        {
            let length = u16::try_from(4 + value.len()).unwrap();
            bytes.extend(length.to_ne_bytes().into_iter().chain(attribute.to_ne_bytes()).chain(value));
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn came(name: &str) -> Option<Change> {
        Some(Change::Came(name.to_owned()))
    }

    #[test]
    fn an_interface_that_was_not_known_has_come() {
        let mut interfaces = Interfaces(vec![("eth0".to_owned(), 2), ("eth1".to_owned(), 3)]);
        for (what, datagram, want) in [
            ("one that is known goes up", link(16, 0, 2, 1, "eth0"), None),
            ("a new one", link(16, 0, 7, u32::MAX, "wan0"), came("wan0")),
            ("it goes up", link(16, 0, 7, 1, "wan0"), None),
            ("it gets another name", link(16, 0, 7, 0, "wan1"), came("wan1")),
            ("and the first one again", link(16, 0, 7, 0, "wan0"), came("wan0")),
            ("a port leaves a bridge", link(17, 7, 2, u32::MAX, "eth0"), None),
            ("nothing has changed by that", link(16, 0, 2, 0, "eth0"), None),
            ("it goes", link(17, 0, 2, u32::MAX, "eth0"), Some(Change::Gone)),
            ("another takes its name", link(16, 0, 3, 0, "eth0"), came("eth0")),
            ("the same number, made anew", link(16, 0, 3, u32::MAX, "eth0"), came("eth0")),
            ("an address", link(20, 0, 3, u32::MAX, "eth0"), None),
        ] {
            assert_eq!(interfaces.heard(&datagram), want, "{what}");
        }
        interfaces.0.sort_unstable();
        assert_eq!(interfaces.0, [("eth0".to_owned(), 3), ("wan0".to_owned(), 7)]);
    }

    #[test]
    fn what_is_cut_anywhere_is_nothing() {
        let whole = link(16, 0, 7, u32::MAX, "wan0");
        for end in 0..whole.len() - 3 {
            assert_eq!(Interfaces::default().heard(&whole[..end]), None, "{end}");
        }
        for length in [0_u16, 1, 3, u16::MAX] {
            let mut wrong = whole.clone();
            wrong[32..34].copy_from_slice(&length.to_ne_bytes());
            let _ = Interfaces::default().heard(&wrong);
        }
    }

    #[test]
    fn those_that_are_there_are_known() {
        let tree = Tree::open(std::path::Path::new("/proc/sys")).unwrap();
        assert!(Interfaces::of(&tree).0.contains(&("lo".to_owned(), 1)));
    }
}
