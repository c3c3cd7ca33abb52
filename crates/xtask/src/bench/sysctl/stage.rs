//! Where the programs run: a namespace with many interfaces, and the settings of those in one file.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use orlop_testbed::Host;
use rustix::thread::{CapabilitySet, capability_is_in_bounding_set, remove_capability_from_bounding_set};

/// The one file of settings.
pub(super) const FILE: &str = "/etc/sysctl.d/50-bench.conf";

/// Settings that every interface has, whose change is seen nowhere else, and which take both 0 and 1.
const PER_INTERFACE: [&str; 20] = [
    "net/ipv4/conf/IF/accept_redirects",
    "net/ipv4/conf/IF/secure_redirects",
    "net/ipv4/conf/IF/send_redirects",
    "net/ipv4/conf/IF/accept_source_route",
    "net/ipv4/conf/IF/rp_filter",
    "net/ipv4/conf/IF/log_martians",
    "net/ipv4/conf/IF/arp_ignore",
    "net/ipv4/conf/IF/arp_announce",
    "net/ipv4/conf/IF/arp_accept",
    "net/ipv4/conf/IF/arp_notify",
    "net/ipv4/conf/IF/promote_secondaries",
    "net/ipv4/conf/IF/proxy_arp",
    "net/ipv4/conf/IF/shared_media",
    "net/ipv6/conf/IF/accept_ra",
    "net/ipv6/conf/IF/accept_redirects",
    "net/ipv6/conf/IF/accept_source_route",
    "net/ipv6/conf/IF/autoconf",
    "net/ipv6/conf/IF/dad_transmits",
    "net/ipv6/conf/IF/use_tempaddr",
    "net/ipv6/conf/IF/ndisc_notify",
];

/// Enough for 1,500 settings: 20 on each of 76 interfaces.
const PAIRS: u32 = 38;

/// The namespace, and its settings.
pub(super) struct Stage {
    host: Host,
    /// Each can be 0 and 1.
    settings: Vec<String>,
}

impl Stage {
    /// Builds it.
    ///
    /// # Errors
    /// Without root or namespaces.
    pub(super) fn new() -> Result<Self> {
        let host = Host::new("bench")?;
        let mut pairs = String::new();
        for n in 0..PAIRS {
            writeln!(pairs, "link add a{n} type veth peer name b{n}")?;
        }
        host.ip_batch(&pairs)?;
        host.shell(
            "rm -rf /etc/sysctl.d /etc/sysctl.conf
             mkdir -p /etc/sysctl.d /run/orlop/sysctl /run/orlop/metrics
             for folder in /usr/local/lib /usr/lib; do
                 mkdir -p $folder/sysctl.d
                 mount -t tmpfs tmpfs $folder/sysctl.d
             done",
        )?;
        let interfaces = (0..PAIRS).flat_map(|n| [format!("a{n}"), format!("b{n}")]);
        let settings =
            interfaces.flat_map(|interface| PER_INTERFACE.map(|key| key.replace("IF", &interface))).collect();
        Ok(Self { host, settings })
    }

    /// Sets the first `count` settings to 0, runs `work`, which is to make them 1 as [`FILE`] says, and looks whether it did.
    ///
    /// # Errors
    /// The error of `work`, or when a setting is not 1 afterwards.
    pub(super) fn round<T: Send>(&self, count: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let settings = self.settings.get(..count).with_context(|| format!("there are no {count} settings"))?;
        self.host.enter(|| {
            as_in_a_container()?;
            let mut text = String::new();
            for key in settings {
                // As `sysctl -a` shows it; no interface here has a dot in its name.
                writeln!(text, "{} = 1", key.replace('/', "."))?;
                write(key, "0")?;
            }
            fs::write(FILE, text)?;
            let result = work()?;
            for key in settings {
                ensure!(read(key)? == "1", "{key} was not written");
            }
            Ok(result)
        })
    }
}

/// What the image's label grants (DESIGN §2) is what every program of this thread gets, ours and the others.
fn as_in_a_container() -> Result<()> {
    let label = CapabilitySet::SETUID
        | CapabilitySet::SETGID
        | CapabilitySet::SETPCAP
        | CapabilitySet::SYS_CHROOT
        | CapabilitySet::KILL
        | CapabilitySet::SYS_ADMIN
        | CapabilitySet::NET_ADMIN;
    for (_, capability) in CapabilitySet::all().difference(label).iter_names() {
        if capability_is_in_bounding_set(capability)? {
            remove_capability_from_bounding_set(capability)?;
        }
    }
    Ok(())
}

fn write(key: &str, value: &str) -> Result<()> {
    fs::write(format!("/proc/sys/{key}"), value).with_context(|| format!("cannot set {key}"))?;
    // Else a program that skips what is right already would have less to do.
    if read(key)? != value {
        bail!("{key} does not become {value}");
    }
    Ok(())
}

fn read(key: &str) -> Result<String> {
    let path = format!("/proc/sys/{key}");
    Ok(fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use orlop_testbed::Testbed;

    #[test]
    fn a_program_that_writes_nothing_is_found_out() {
        let Some(_) = Testbed::with(&[]) else { return };
        let stage = Stage::new().unwrap();
        let error = stage.round(1500, || Ok(())).unwrap_err().to_string();
        assert!(error.ends_with("was not written"), "{error}");
        let honest = || {
            for key in &stage.settings[..150] {
                write(key, "1")?;
            }
            Ok(())
        };
        stage.round(150, honest).unwrap();
    }
}
