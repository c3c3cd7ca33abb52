//! The time servers that the network names (DHCP option 42), as the DHCP client leaves them in `/run/orlop/netfacts`.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use orlop_broker::netfacts;
use orlop_ntp_contract::ServerAddr;
use orlop_sandbox::folder_watch::FolderWatch;
use tracing::debug;

use crate::config::PORT;

/// The folder, open, and somebody who says when it changes.
#[derive(Debug)]
pub struct NetworkFacts {
    folder: Option<(OwnedFd, FolderWatch)>,
}

impl NetworkFacts {
    /// Opens the folder; without one the network names no server. To be done before the sandbox narrows, inside a tokio
    /// runtime.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let opened = File::open(path).and_then(|folder| Ok((folder.into(), FolderWatch::new(path)?)));
        if let Err(cause) = &opened {
            debug!(folder = %path.display(), %cause, "the network names no time server");
        }
        Self { folder: opened.ok() }
    }

    /// Waits until something has changed there; for ever where there is no folder.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn changed(&self) -> io::Result<()> {
        match &self.folder {
            Some((_, watch)) => watch.changed().await,
            None => std::future::pending().await,
        }
    }

    /// The servers that are named there, of the interface with the lowest metric first.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerAddr> {
        let Some((folder, _)) = &self.folder else { return Vec::new() };
        let servers = netfacts::read(folder).into_iter().flat_map(|facts| facts.ntp);
        let mut named: Vec<ServerAddr> = Vec::new();
        for server in servers.filter_map(|address| ServerAddr::new(address, PORT)) {
            if !named.contains(&server) {
                named.push(server);
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn the_servers_of_the_best_interface_come_first_and_each_once() {
        let folder = Folder::new("ntp-facts");
        let write = |name: &str, text: &str| std::fs::write(folder.0.join(name), text).unwrap();
        write("dhcp.eth1", "netfacts 1\ninterface eth1\nmetric 9\nntp 192.0.2.9\nntp 192.0.2.1\n");
        write("dhcp.eth0", "netfacts 1\ninterface eth0\nmetric 3\nntp 192.0.2.1\nntp 224.0.1.1\nntp 2001:db8::1\n");
        write("dhcp.eth2:new", "netfacts 1\ninterface eth2\nntp 192.0.2.66\n");
        write("noise", "nothing\n");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let servers = runtime.block_on(async { NetworkFacts::open(&folder.0).servers() });
        let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:123", "[2001:db8::1]:123", "192.0.2.9:123"]);
        assert!(runtime.block_on(async { NetworkFacts::open(Path::new("/nonexistent")).servers() }).is_empty());
    }
}
