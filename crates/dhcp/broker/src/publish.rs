//! What other daemons may know about a lease: one netfacts file per interface (see `orlop-netfacts`).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use orlop_broker::folder::Output;
use orlop_dhcp_contract::Lease;
use orlop_netfacts::{Domain, Facts};
use rustix::fs::{Dir, Mode, OFlags, openat};

use orlop_wholefile as whole_file;
use orlop_wire::InterfaceName;

/// Where netfacts are, for readers and writers alike.
pub use orlop_broker::netfacts::FOLDER;

/// The folder of netfacts, and what could not be written into it yet.
#[derive(Debug)]
pub struct Publisher {
    folder: Output,
    /// The text of an interface's file; nothing where there should be none.
    pending: BTreeMap<InterfaceName, Option<String>>,
}

impl Publisher {
    /// The folder at `path`, which is made when it is missing. To be done before the sandbox narrows.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        Self { folder: Output::open(path, "netfacts"), pending: BTreeMap::new() }
    }

    /// Publishes the facts of an interface in place of those before. What fails is tried again by [`Publisher::retry`].
    pub fn publish(&mut self, facts: &Facts) {
        self.pending.insert(facts.interface.clone(), Some(facts.render()));
        self.retry();
    }

    /// Takes back what was published about an interface, if anything was. What fails is tried again by [`Publisher::retry`].
    pub fn withdraw(&mut self, interface: &InterfaceName) {
        self.pending.insert(interface.clone(), None);
        self.retry();
    }

    /// Does what could not be done before, as far as it can be done now.
    pub fn retry(&mut self) {
        let Self { folder, pending } = self;
        if !pending.is_empty() {
            folder.attempt(|folder| {
                let mut outcome = Ok(());
                pending.retain(|interface, text| match write(folder, interface, text.as_deref()) {
                    Ok(()) => false,
                    Err(error) => {
                        outcome = Err(error);
                        true
                    }
                });
                outcome
            });
        }
    }

    /// The interfaces that something is published about: after a restart, perhaps some that are gone. To be asked before
    /// the sandbox narrows: listing a folder needs system calls that nothing else does.
    #[must_use]
    pub fn published(&self) -> Vec<InterfaceName> {
        // What cannot be read can hardly be written, which is told.
        self.folder.folder().and_then(|folder| list(folder).ok()).unwrap_or_default()
    }
}

fn write(folder: BorrowedFd<'_>, interface: &InterfaceName, text: Option<&str>) -> io::Result<()> {
    let name = format!("{PREFIX}{interface}");
    match text {
        Some(text) => whole_file::replace(folder, &name, text.as_bytes(), Mode::from_raw_mode(0o644)),
        None => whole_file::remove(folder, &name),
    }
}

fn list(folder: BorrowedFd<'_>) -> io::Result<Vec<InterfaceName>> {
    let mut found = Vec::new();
    // A folder that is only held cannot be read.
    let folder = openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for entry in Dir::new(folder)?.take(MAX_ENTRIES) {
        let entry = entry?;
        let name = entry.file_name().to_str().ok().and_then(|name| name.strip_prefix(PREFIX));
        found.extend(name.and_then(InterfaceName::new));
    }
    Ok(found)
}

/// What of a lease is published, if the operator wants name servers (`dns`) and time servers (`ntp`) taken from it.
#[must_use]
pub fn facts_of(interface: &InterfaceName, metric: u32, lease: &Lease, dns: bool, ntp: bool) -> Facts {
    let mut facts = Facts::none(interface.clone());
    facts.metric = metric;
    facts.server = Some(lease.server.get().into());
    facts.wireserver = lease.wire_server.map(|addr| addr.get().into());
    if dns {
        facts.dns = lease.dns.iter().map(|addr| addr.get().into()).collect();
        facts.domain = lease.domain.as_ref().and_then(|name| Domain::new(name.as_str()));
        facts.search = lease.search.iter().filter_map(|name| Domain::new(name.as_str())).collect();
    }
    if ntp {
        facts.ntp = lease.ntp.iter().map(|addr| addr.get().into()).collect();
    }
    facts
}

/// DHCPv4. Other sources of facts about an interface have files of their own.
const PREFIX: &str = "dhcp.";
/// Of the folder, at most: another writer cannot keep us busy.
const MAX_ENTRIES: usize = 4096;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use orlop_dhcp_contract::{DomainName, PrefixLen, Term, UnicastAddr};
    use orlop_machine::Instant;

    use super::*;
    use orlop_testbed::Folder;

    fn name(text: &str) -> InterfaceName {
        InterfaceName::new(text).unwrap()
    }

    fn lease() -> Lease {
        let addr = |last| UnicastAddr::new([192, 0, 2, last].into()).unwrap();
        let domain = |text| DomainName::new(text).unwrap();
        let term = Term::Infinite { acquired: Instant::from_nanos(0) };
        Lease {
            dns: [addr(1), addr(2)].into_iter().collect(),
            ntp: [addr(3)].into_iter().collect(),
            domain: Some(domain("example.com")),
            search: [domain("a.example"), domain("b.example")].into_iter().collect(),
            wire_server: Some(addr(4)),
            ..Lease::bare(addr(9), PrefixLen::new(24).unwrap(), addr(1), term)
        }
    }

    #[test]
    fn a_published_lease_is_read_back_by_others() {
        let folder = Folder::new("publish");
        let mut publisher = Publisher::open(&folder.0.join("deep/netfacts"));
        let facts = facts_of(&name("eth0"), 1002, &lease(), true, true);
        publisher.publish(&facts);
        let path = folder.0.join("deep/netfacts/dhcp.eth0");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(Facts::parse(&text).unwrap().facts, facts);
        assert_eq!(facts.dns.len() + facts.ntp.len() + facts.search.len(), 5);
        assert_eq!((facts.server, facts.wireserver), (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 4].into())));
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn what_the_operator_does_not_want_is_not_published() {
        for (what, dns, ntp, want) in [
            ("both", true, true, (2, true, 2, 1)),
            ("no DNS", false, true, (0, false, 0, 1)),
            ("no NTP", true, false, (2, true, 2, 0)),
        ] {
            let facts = facts_of(&name("eth0"), 1, &lease(), dns, ntp);
            assert_eq!((facts.dns.len(), facts.domain.is_some(), facts.search.len(), facts.ntp.len()), want, "{what}");
        }
    }

    #[test]
    fn withdrawing_removes_one_interface_and_leaves_strangers() {
        let folder = Folder::new("withdraw");
        let mut publisher = Publisher::open(&folder.0);
        std::fs::write(folder.0.join("dhcp6.eth0"), "").unwrap();
        std::fs::write(folder.0.join("notes"), "").unwrap();
        for interface in ["eth0", "eth1"] {
            publisher.publish(&facts_of(&name(interface), 1, &lease(), true, true));
        }
        let mut published = publisher.published();
        published.sort();
        assert_eq!(published, [name("eth0"), name("eth1")]);
        publisher.withdraw(&name("eth0"));
        publisher.withdraw(&name("eth0"));
        assert_eq!(folder.names(), ["dhcp.eth1", "dhcp6.eth0", "notes"]);
    }

    #[test]
    fn what_cannot_be_written_waits_and_keeps_nobody_else_waiting() {
        let folder = Folder::new("publish-retry");
        let mut publisher = Publisher::open(&folder.0);
        std::fs::create_dir(folder.0.join("dhcp.eth0")).unwrap();
        for interface in ["eth0", "eth1"] {
            publisher.publish(&facts_of(&name(interface), 1, &lease(), true, true));
        }
        assert!(folder.0.join("dhcp.eth1").is_file());
        std::fs::remove_dir(folder.0.join("dhcp.eth0")).unwrap();
        publisher.retry();
        assert!(folder.0.join("dhcp.eth0").is_file());
        std::fs::remove_file(folder.0.join("dhcp.eth0")).unwrap();
        publisher.retry();
        assert_eq!(folder.names(), ["dhcp.eth1"], "nothing waits any more");
    }
}
