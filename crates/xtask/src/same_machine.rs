//! Whether this machine is at the end of a run what it was at its start: what tests must not touch, they did not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

/// Where the kernel's settings are.
const SETTINGS: &str = "/proc/sys";

/// Files that programs like ours write, and would write here if a test ran in the wrong place.
const FILES: &[&str] = &["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"];

/// Folders of the same kind.
const FOLDERS: &[&str] = &["/var/lib/dhcpcd", "/var/lib/dhcp", "/run/orlop", "/run/resolvconf", "/etc/sysctl.d"];

/// Settings that are counters, that the kernel changes by itself, or that change when they are read.
const RESTLESS: &[&str] = &[
    "fs/aio-nr",
    "fs/dentry-state",
    "fs/file-nr",
    "fs/inode-nr",
    "fs/inode-state",
    "fs/quota/",
    "kernel/ns_last_pid",
    // The kernel lowers it when interrupts take long.
    "kernel/perf_event_max_sample_rate",
    "kernel/pty/nr",
    "kernel/random/entropy_avail",
    "kernel/random/uuid",
    "kernel/tainted",
    "net/netfilter/nf_conntrack_count",
    "vm/stat_refresh",
];

/// What was seen: a name, and what there was under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen(BTreeMap<String, String>);

impl Seen {
    /// Looks at files, addresses and settings.
    ///
    /// # Errors
    /// When the kernel does not list addresses.
    pub(crate) fn now() -> Result<Self> {
        let mut seen = BTreeMap::new();
        for path in FILES.iter().filter_map(|path| Some((*path, fs::read(path).ok()?))) {
            seen.insert(path.0.to_owned(), String::from_utf8_lossy(&path.1).into_owned());
        }
        for folder in FOLDERS.iter().map(Path::new) {
            names(folder, &mut seen);
        }
        for address in nix::ifaddrs::getifaddrs()? {
            if let Some(inet) = address.address.filter(is_inet) {
                let mask = address.netmask.map_or_else(String::new, |mask| mask.to_string());
                seen.insert(format!("address {inet} of {}", address.interface_name), mask);
            }
        }
        settings(Path::new(SETTINGS), &mut seen);
        Ok(Self(seen))
    }

    /// Holds it against what is there at the end. A setting that is there only once belongs to an interface or a module that
    /// came or went, which other programs may cause.
    ///
    /// # Errors
    /// When something is different; the error says what.
    pub(crate) fn unchanged(&self, end: &Self) -> Result<String> {
        let differing = self.differing(end);
        if !differing.is_empty() {
            bail!("this machine is not what it was: {}", differing.join("; "));
        }
        let count = end.0.keys().filter(|name| name.starts_with(SETTINGS)).count();
        Ok(format!("{count} settings, files and addresses are as they were"))
    }

    fn differing(&self, end: &Self) -> Vec<String> {
        let names = self.0.keys().chain(end.0.keys().filter(|name| !self.0.contains_key(*name)));
        let judged = names.filter_map(|name| match (self.0.get(name), end.0.get(name)) {
            (Some(before), Some(after)) if before == after => None,
            (Some(before), Some(after)) => {
                Some(format!("{name} was {:?}, is {:?}", before.trim_end(), after.trim_end()))
            }
            _ if name.starts_with(SETTINGS) => None,
            (Some(_), None) => Some(format!("{name} is gone")),
            (None, _) => Some(format!("{name} is new")),
        });
        judged.collect()
    }
}

fn is_inet(address: &nix::sys::socket::SockaddrStorage) -> bool {
    address.as_sockaddr_in().is_some() || address.as_sockaddr_in6().is_some()
}

/// What is below the folder, by name and size.
fn names(folder: &Path, seen: &mut BTreeMap<String, String>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Ok(kind) = path.symlink_metadata() else { continue };
        seen.insert(
            path.display().to_string(),
            if kind.is_file() { format!("{} bytes", kind.len()) } else { String::new() },
        );
        if kind.is_dir() {
            names(&path, seen);
        }
    }
}

/// All settings that can be read and that stay as they are.
fn settings(folder: &Path, seen: &mut BTreeMap<String, String>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let below = path.strip_prefix(SETTINGS).unwrap_or(&path).display().to_string();
        if RESTLESS.iter().any(|restless| below == *restless || restless.ends_with('/') && below.starts_with(restless))
        {
            continue;
        }
        if path.is_dir() {
            settings(&path, seen);
        } else if let Ok(value) = fs::read(&path) {
            seen.insert(path.display().to_string(), String::from_utf8_lossy(&value).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::{Host, Testbed};

    use super::*;

    fn seen(list: &[(&str, &str)]) -> Seen {
        Seen(list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn each_difference_is_named() {
        let start =
            seen(&[("/etc/resolv.conf", "a\n"), ("/proc/sys/net/x", "1\n"), ("/var/lib/dhcpcd/old", ""), ("same", "")]);
        let end = seen(&[
            ("/etc/resolv.conf", "b\n"),
            ("/proc/sys/net/x", "2\n"),
            ("address 192.0.2.1:0 of eth0", ""),
            ("same", ""),
        ]);
        let want = [
            "/etc/resolv.conf was \"a\", is \"b\"",
            "/proc/sys/net/x was \"1\", is \"2\"",
            "/var/lib/dhcpcd/old is gone",
            "address 192.0.2.1:0 of eth0 is new",
        ];
        assert_eq!(start.differing(&end), want);
        assert!(start.unchanged(&end).is_err());
        assert!(start.unchanged(&start).is_ok());
    }

    #[test]
    fn settings_of_an_interface_that_came_or_went_are_nobodys_fault() {
        let start = seen(&[("/proc/sys/net/ipv4/conf/a/forwarding", "1")]);
        let end = seen(&[("/proc/sys/net/ipv4/conf/b/forwarding", "1")]);
        assert_eq!(start.differing(&end), Vec::<String>::new());
    }

    #[test]
    fn what_changes_on_a_machine_is_seen() {
        let Some(_) = Testbed::with(&["sysctl"]) else { return };
        let host = Host::new("seen").unwrap();
        let looked = || host.enter(Seen::now).unwrap();
        let start = looked();
        assert!(start.0.keys().filter(|name| name.starts_with(SETTINGS)).count() > 100, "hardly a setting is seen");
        assert_eq!(start.differing(&looked()), Vec::<String>::new());
        host.shell("sysctl -q net.ipv4.ip_forward=1; ip address add 192.0.2.1/24 dev lo; echo x >/etc/resolv.conf; touch /var/lib/dhcpcd/x").unwrap();
        let told = start.differing(&looked()).join("\n");
        for part in ["net/ipv4/ip_forward", "address 192.0.2.1", "/etc/resolv.conf", "/var/lib/dhcpcd/x"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
