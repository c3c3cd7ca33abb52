//! How a key is spelled: sysctl.d(5) has two ways, and LinuxKit a third.

use orlop_sysctl_contract::{Dialect, Key};

/// The path below `/proc/sys` that `spelled` stands for. It may still be no key: empty, or with `..` in it.
///
/// In sysctl.d(5), the separator that comes first decides: after a slash, the rest is left as it is; after a dot, each dot is
/// a slash and each slash a dot. Several slashes are one, and one at the start or at the end is none.
pub(crate) fn path(spelled: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::LinuxKit => joined(spelled.split(['.', '/'])),
        // It leads elsewhere, however it is read. It stays as it is, and so is no key.
        Dialect::SysctlD if spelled.split('/').any(|name| name == "..") => spelled.to_owned(),
        Dialect::SysctlD => match spelled.find(['.', '/']) {
            Some(at) if spelled.get(at..).is_some_and(|rest| rest.starts_with('.')) => {
                let path: String = spelled.chars().map(swapped).collect();
                joined(path.split('/'))
            }
            Some(_) | None => joined(spelled.split('/')),
        },
    }
}

/// What `key` is, if it is spelled as the path where it lies: that is `/proc/sys/net/ipv4/ip_forward`, and no key of ours is below a
/// `proc/sys`.
pub(crate) fn without_mount_point(key: &Key) -> Option<Key> {
    Key::new(key.path().strip_prefix("proc/sys/")?).ok()
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.filter(|name| !matches!(*name, "" | ".")).collect();
    names.join("/")
}

const fn swapped(c: char) -> char {
    match c {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_spelled_as_systemd_spells_it() {
        // The pairs of systemd's own test, then more of the same.
        for (spelled, want) in [
            ("a.b.c", "a/b/c"),
            ("a/b/c", "a/b/c"),
            ("a/b.c/d", "a/b.c/d"),
            ("a.b/c.d", "a/b.c/d"),
            ("net.ipv4.conf.enp3s0/200.forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
            ("net/ipv4/conf/enp3s0.200/forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
            ("a...b...c", "a/b/c"),
            ("a///b///c", "a/b/c"),
            (".a...b...c", "a/b/c"),
            ("/a///b///c", "a/b/c"),
            ("a", "a"),
            ("a.", "a"),
            ("a/./b", "a/b"),
            ("a/../b", "a/../b"),
            ("a.//.b", "a/../b"),
            ("/../../etc", "/../../etc"),
            ("../../etc", "../../etc"),
            ("..", ".."),
            ("...", ""),
            ("", ""),
        ] {
            assert_eq!(path(spelled, Dialect::SysctlD), want, "{spelled:?}");
        }
    }

    #[test]
    fn for_linuxkit_both_separators_are_the_same() {
        for (spelled, want) in [
            ("net.ipv4/ip_forward", "net/ipv4/ip_forward"),
            ("net/ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net.ipv4.conf.eth0/100.x", "net/ipv4/conf/eth0/100/x"),
            ("../../etc/x", "etc/x"),
            ("./.", ""),
        ] {
            assert_eq!(path(spelled, Dialect::LinuxKit), want, "{spelled:?}");
        }
    }
}
