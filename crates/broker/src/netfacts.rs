//! What the network says, as the DHCP client leaves it in `/run/orlop/netfacts`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use orlop_netfacts::{Facts, MAX_TEXT};
use orlop_sandbox::folder_watch::FolderWatch;
use rustix::fs::{Dir, Mode, OFlags, openat};
use tracing::{debug, warn};

/// Where the files of all interfaces lie.
pub const FOLDER: &str = "/run/orlop/netfacts";

/// Files that are looked at, at most: one for each interface that a DHCP client looks after.
const MAX_FILES: usize = 128;

/// The folder, open, and somebody who says when it changes.
#[derive(Debug)]
pub struct NetworkFacts {
    folder: Option<(OwnedFd, FolderWatch)>,
}

impl NetworkFacts {
    /// Opens the folder; without one the networks say nothing. To be done before the sandbox narrows, inside a tokio runtime.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let opened = File::open(path).and_then(|folder| Ok((folder.into(), FolderWatch::new(path)?)));
        if let Err(cause) = &opened {
            debug!(folder = %path.display(), %cause, "the networks say nothing");
        }
        Self { folder: opened.ok() }
    }

    /// Whether there is such a folder, and so somebody who could say something.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.folder.is_some()
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

    /// What is there now, of the interface with the lowest metric first.
    #[must_use]
    pub fn read(&self) -> Vec<Facts> {
        self.folder.as_ref().map(|(folder, _)| read(folder)).unwrap_or_default()
    }
}

/// The facts of every interface, that with the lowest metric first. What cannot be read says nothing.
fn read(folder: &OwnedFd) -> Vec<Facts> {
    let mut all = list(folder).unwrap_or_else(|cause| {
        warn!(%cause, "cannot look at what the network says");
        Vec::new()
    });
    all.sort_by(|a, b| (a.metric, a.interface.as_str()).cmp(&(b.metric, b.interface.as_str())));
    all
}

fn list(folder: &OwnedFd) -> io::Result<Vec<Facts>> {
    // A descriptor of its own: the place in a folder is its descriptor's.
    let again = openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let names = Dir::new(again)?.take(MAX_FILES).filter_map(Result::ok);
    let read = names.filter_map(|entry| {
        let name = entry.file_name().to_str().ok()?;
        let text = orlop_wholefile::read(folder.as_fd(), name, MAX_TEXT).ok()?;
        let facts = Facts::parse(&text).ok()?.facts;
        // A draft, or the file of something else.
        name.strip_suffix(facts.interface.as_str()).is_some_and(|before| before.ends_with('.')).then_some(facts)
    });
    Ok(read.collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn the_best_interface_comes_first_and_what_is_no_file_of_an_interface_is_passed_over() {
        let folder = Folder::new("netfacts");
        for (name, text) in [
            ("dhcp.eth1", "netfacts 1\ninterface eth1\nmetric 9\nserver 192.0.2.9\n"),
            ("dhcp.eth0", "netfacts 1\ninterface eth0\nmetric 3\nserver 192.0.2.3\n"),
            ("dhcp.eth2:new", "netfacts 1\ninterface eth2\nserver 192.0.2.66\n"),
            ("noise", "nothing\n"),
        ] {
            fs::write(folder.0.join(name), text).unwrap();
        }
        let servers: Vec<_> = read(&folder.open()).into_iter().filter_map(|facts| facts.server).collect();
        assert_eq!(servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.3", "192.0.2.9"]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let watched = |path: &Path| runtime.block_on(async { NetworkFacts::open(path).read() });
        assert_eq!(watched(&folder.0).len(), 2);
        assert!(watched(Path::new("/nonexistent")).is_empty());
        let is_there = |path: &Path| runtime.block_on(async { NetworkFacts::open(path).is_there() });
        assert!(is_there(&folder.0) && !is_there(Path::new("/nonexistent")));
    }
}
