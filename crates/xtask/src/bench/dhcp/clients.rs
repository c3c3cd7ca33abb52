//! The four clients as data: how each is started, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use orlop_testbed::client::LINUXKIT_DHCPCD_CONF;

use crate::bench::installed::{debian_version, program};

/// The interface that every client configures.
pub(super) const INTERFACE: &str = "eth0";

/// Where the host keeps dhcpcd's configuration.
const DHCPCD_CONF: &str = "/run/dhcpcd-linuxkit.conf";

/// A DHCP client and how to run it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// As the table calls it.
    pub(super) name: &'static str,
    /// The version of its Debian package; ours has the workspace's.
    pub(super) version: String,
    /// What is started.
    pub(super) program: PathBuf,
    /// Arguments for a run that ends once there is a lease.
    pub(super) oneshot: Vec<&'static str>,
    /// Arguments for a run in the foreground that stays.
    pub(super) service: Vec<&'static str>,
    /// Files that must be there: path on the host, content.
    pub(super) files: Vec<(&'static str, String)>,
    /// What remembers a lease; removed before a cold start.
    pub(super) state: &'static str,
    /// Whether a second run makes use of that.
    pub(super) keeps_lease: bool,
    /// The files that hold its code.
    pub(super) binaries: Vec<PathBuf>,
}

/// The clients of these names, all of them when there are none; ours first. Ours of another tree, if there is one, is called `before`.
///
/// # Errors
/// When a name is unknown or a program is not there.
pub(super) fn chosen(release: &Path, before: Option<&Path>, only: &[String]) -> Result<Vec<Client>> {
    let ours = [("orlop-dhcp", Some(release)), ("before", before)];
    let ours = ours.into_iter().filter_map(|(name, folder)| Some(own(name, folder?)));
    let all: Vec<Client> = ours.chain(others()?).collect();
    let names = all.iter().map(|client| client.name).collect::<Vec<_>>().join(", ");
    for wanted in only {
        ensure!(all.iter().any(|client| client.name == wanted), "no client `{wanted}`; help: one of {names}");
    }
    let chosen: Vec<_> =
        all.into_iter().filter(|client| only.is_empty() || only.iter().any(|name| name == client.name)).collect();
    for binary in chosen.iter().flat_map(|client| &client.binaries) {
        ensure!(binary.is_file(), "no {}; help: cargo xtask build", binary.display());
    }
    Ok(chosen)
}

fn own(name: &'static str, release: &Path) -> Client {
    let binaries = ["orlop-dhcp", "orlop-dhcp-worker"].map(|name| release.join(name)).to_vec();
    Client {
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        program: binaries[0].clone(),
        oneshot: vec!["--oneshot"],
        service: vec![],
        files: vec![],
        state: "/run/orlop /var/lib/orlop/*",
        keeps_lease: true,
        binaries,
    }
}

fn others() -> Result<Vec<Client>> {
    Ok(vec![
        Client {
            name: "dhcpcd",
            version: debian_version("dhcpcd-base")?,
            program: program("dhcpcd")?,
            oneshot: vec!["--nobackground", "-f", DHCPCD_CONF, "-1"],
            service: vec!["--nobackground", "-f", DHCPCD_CONF],
            // Debian's dhcpcd waits for a udev that LinuxKit does not have, and a namespace neither.
            files: vec![(DHCPCD_CONF, format!("{LINUXKIT_DHCPCD_CONF}nodev\n"))],
            state: "/var/lib/dhcpcd/* /run/dhcpcd",
            keeps_lease: true,
            binaries: vec![program("dhcpcd")?],
        },
        Client {
            name: "udhcpc",
            version: debian_version("udhcpc")?,
            program: program("udhcpc")?,
            oneshot: vec!["-f", "-n", "-q", "-i", INTERFACE, "-s", "/etc/udhcpc/default.script"],
            service: vec!["-f", "-i", INTERFACE, "-s", "/etc/udhcpc/default.script"],
            files: vec![],
            state: "/run/udhcpc",
            keeps_lease: false,
            binaries: vec![program("udhcpc")?],
        },
        Client {
            name: "dhclient",
            version: debian_version("isc-dhcp-client")?,
            program: program("dhclient")?,
            oneshot: vec!["-4", "-1", INTERFACE],
            service: vec!["-4", "-d", INTERFACE],
            files: vec![],
            state: "/var/lib/dhcp/* /run/dhclient.pid",
            keeps_lease: true,
            binaries: vec![program("dhclient")?],
        },
    ])
}

impl Client {
    /// Bytes of its code, without shared libraries and scripts.
    ///
    /// # Errors
    /// When a file is not there.
    pub(super) fn size(&self) -> Result<u64> {
        // Debian's udhcpc is a link to the busybox that also holds everything else.
        let sizes = self
            .binaries
            .iter()
            .map(|path| Ok(fs::metadata(path).with_context(|| format!("no {}", path.display()))?.len()));
        sizes.sum()
    }
}
