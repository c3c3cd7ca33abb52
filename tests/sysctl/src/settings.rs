//! The settings that may be changed, because they belong to a namespace, and what they are at one moment.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail};

/// The interfaces of a place besides `lo`: two of ordinary names, one whose name has a dot in it as a VLAN's has, and another.
/// They are the ends of two veth pairs and stay down, so that nothing but the program under test changes their settings.
pub(crate) const INTERFACES: [&str; 4] = ["eth0", "eth1", "eth0.100", "wan0"];

/// What a setting takes, as far as a generator of values wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1, sometimes 2.
    Flag,
    /// A number around this one.
    Number(&'static str),
    /// Three numbers that grow.
    Triple,
    /// First and last.
    Range,
    /// Four numbers: `kernel.sem`.
    Four,
    /// Numbers and ranges, separated by commas.
    Ports,
    /// Any text.
    Text,
    /// One of a few words.
    Word,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Below `/proc/sys`, names separated by `/`.
    pub path: String,
    /// What it takes.
    pub kind: Kind,
}

/// Those of the namespaces themselves.
const SINGLE: &[(&str, Kind)] = &[
    ("net/ipv4/ip_default_ttl", Kind::Number("64")),
    ("net/ipv4/ip_local_port_range", Kind::Range),
    ("net/ipv4/ip_unprivileged_port_start", Kind::Number("1024")),
    ("net/ipv4/ipfrag_high_thresh", Kind::Number("4194304")),
    ("net/ipv4/ipfrag_low_thresh", Kind::Number("3145728")),
    ("net/ipv4/ip_local_reserved_ports", Kind::Ports),
    ("net/ipv4/ping_group_range", Kind::Range),
    ("net/ipv4/tcp_syncookies", Kind::Flag),
    ("net/ipv4/tcp_fin_timeout", Kind::Number("60")),
    ("net/ipv4/tcp_keepalive_time", Kind::Number("7200")),
    ("net/ipv4/tcp_keepalive_intvl", Kind::Number("75")),
    ("net/ipv4/tcp_keepalive_probes", Kind::Number("9")),
    ("net/ipv4/tcp_rmem", Kind::Triple),
    ("net/ipv4/tcp_wmem", Kind::Triple),
    ("net/ipv4/tcp_congestion_control", Kind::Word),
    ("net/ipv4/icmp_ratelimit", Kind::Number("1000")),
    ("net/ipv4/icmp_echo_ignore_all", Kind::Flag),
    ("net/ipv4/icmp_echo_ignore_broadcasts", Kind::Flag),
    ("net/ipv4/ip_nonlocal_bind", Kind::Flag),
    ("net/ipv4/igmp_max_memberships", Kind::Number("20")),
    ("net/core/somaxconn", Kind::Number("4096")),
    ("net/unix/max_dgram_qlen", Kind::Number("10")),
    ("kernel/hostname", Kind::Text),
    ("kernel/domainname", Kind::Text),
    ("kernel/msgmax", Kind::Number("8192")),
    ("kernel/msgmnb", Kind::Number("16384")),
    ("kernel/msgmni", Kind::Number("32000")),
    ("kernel/sem", Kind::Four),
    ("kernel/shmmni", Kind::Number("4096")),
    ("kernel/shmmax", Kind::Number("18446744073692774399")),
    ("kernel/shm_rmid_forced", Kind::Flag),
    ("fs/mqueue/queues_max", Kind::Number("256")),
    ("fs/mqueue/msg_max", Kind::Number("10")),
    ("fs/mqueue/msgsize_max", Kind::Number("8192")),
    ("fs/mqueue/msg_default", Kind::Number("10")),
    ("fs/mqueue/msgsize_default", Kind::Number("8192")),
];

/// Those that each interface has, and `all` and `default`.
const PER_INTERFACE: &[(&str, &str, Kind)] = &[
    ("net/ipv4/conf", "forwarding", Kind::Flag),
    ("net/ipv4/conf", "rp_filter", Kind::Flag),
    ("net/ipv4/conf", "accept_redirects", Kind::Flag),
    ("net/ipv4/conf", "send_redirects", Kind::Flag),
    ("net/ipv4/conf", "arp_ignore", Kind::Number("2")),
    ("net/ipv4/conf", "log_martians", Kind::Flag),
    ("net/ipv6/conf", "forwarding", Kind::Flag),
    ("net/ipv6/conf", "disable_ipv6", Kind::Flag),
    ("net/ipv6/conf", "accept_ra", Kind::Flag),
    ("net/ipv6/conf", "hop_limit", Kind::Number("64")),
];

/// What stands for an interface's name in [`PER_INTERFACE`] besides the real ones.
const GENERAL: [&str; 3] = ["all", "default", "lo"];

/// Settings that are written into others when they change: the order in which they are written can be seen afterwards.
pub(crate) const PROPAGATING: [&str; 4] = [
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/forwarding",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/conf/all/disable_ipv6",
];

/// Every setting that a generated tree can change; those that change others come first.
#[must_use]
pub fn all() -> Vec<Setting> {
    let first = PROPAGATING.iter().map(|path| Setting { path: (*path).to_owned(), kind: Kind::Flag });
    let single = SINGLE.iter().map(|(path, kind)| Setting { path: (*path).to_owned(), kind: *kind });
    let each = PER_INTERFACE.iter().flat_map(|(folder, name, kind)| {
        let interfaces = GENERAL.iter().chain(&INTERFACES);
        interfaces.map(move |interface| Setting { path: format!("{folder}/{interface}/{name}"), kind: *kind })
    });
    let others = single.chain(each).filter(|setting| !PROPAGATING.contains(&setting.path.as_str()));
    first.chain(others).collect()
}

/// All of [`all`], as the kernel says them to the calling thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(Vec<(String, Vec<u8>)>);

/// Writing a setting may change another one that was right already; after so many rounds it is hopeless.
const ROUNDS: usize = 5;

impl Snapshot {
    /// Reads them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn take() -> Result<Self> {
        let pair = |Setting { path, .. }| read(&path).map(|value| (path, value));
        Ok(Self(all().into_iter().map(pair).collect::<Result<_>>()?))
    }

    /// Writes each of them as it is. An interface's setting that nobody ever wrote follows `default`; from now on none does, so
    /// that what a program changes does not depend on what was done before it.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn pin(&self) -> Result<()> {
        for (path, value) in &self.0 {
            let path = format!("/proc/sys/{path}");
            fs::write(&path, [value, &b"\n"[..]].concat()).with_context(|| format!("cannot write {path}"))?;
        }
        self.restore()
    }

    /// Writes those that differ, until none does.
    ///
    /// # Errors
    /// When that does not succeed.
    pub fn restore(&self) -> Result<()> {
        for _ in 0..ROUNDS {
            let mut wrote = false;
            for (path, value) in &self.0 {
                if read(path)? != *value {
                    wrote = true;
                    // One setting can forbid another's value: the next round succeeds.
                    let _ = fs::write(format!("/proc/sys/{path}"), [value, &b"\n"[..]].concat());
                }
            }
            if !wrote {
                return Ok(());
            }
        }
        bail!("the settings do not become what they were: {:?}", self.differences(&Self::take()?))
    }

    /// Where they differ: setting, its value here, its value there.
    #[must_use]
    pub fn differences(&self, other: &Self) -> BTreeMap<String, (String, String)> {
        let pairs = self.0.iter().zip(&other.0).filter(|(here, there)| here != there);
        let shown = |value: &[u8]| value.escape_ascii().to_string();
        pairs.map(|((path, here), (_, there))| (path.clone(), (shown(here), shown(there)))).collect()
    }
}

fn read(path: &str) -> Result<Vec<u8>> {
    let path = format!("/proc/sys/{path}");
    let text = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.strip_suffix(b"\n").unwrap_or(&text).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_listed_twice() {
        let mut paths: Vec<String> = all().into_iter().map(|setting| setting.path).collect();
        let count = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), count);
        assert!(count > 90, "{count}");
    }
}
