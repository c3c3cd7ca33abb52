//! Hearing that the files of a folder change, without looking all the time.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use tokio::io::Interest;

use crate::sys::Watched;

/// Says that something in a folder has changed, not what: whoever hears it looks.
#[derive(Debug)]
pub struct FolderWatch(Watched);

impl FolderWatch {
    /// Watches the folder at `path`. To be done before the sandbox narrows, inside a tokio runtime.
    ///
    /// # Errors
    /// There is no such folder, or the kernel has no watch to give.
    pub fn new(path: &Path) -> io::Result<Self> {
        let watch: OwnedFd = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // A file is written whole under another name and then renamed, or removed; or written in its place, by somebody who
        // keeps it open.
        add_watch(
            &watch,
            path,
            WatchFlags::MOVED_TO | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::DELETE,
        )?;
        Ok(Self(Watched::new(watch, Interest::READABLE)?))
    }

    /// Waits until something has changed. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn changed(&self) -> io::Result<()> {
        self.0.read(drain).await
    }
}

/// Takes off all that was told so far; [`WouldBlock`](io::ErrorKind::WouldBlock) when that is nothing.
fn drain(watch: BorrowedFd<'_>) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); 4096];
    let mut events = Reader::new(watch, &mut room);
    let mut any = false;
    loop {
        match events.next() {
            Ok(_event) => any = true,
            Err(Errno::AGAIN) if any => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_comes_or_goes_is_told_and_a_draft_is_not() {
        let folder = std::env::temp_dir().join(format!("orlop-folder-watch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let watch = FolderWatch::new(&folder).unwrap();
            let soon = || async { tokio::time::timeout(Duration::from_millis(50), watch.changed()).await.is_ok() };
            assert!(!soon().await, "nothing has happened");
            let draft = std::fs::File::create(folder.join("draft")).unwrap();
            assert!(!soon().await, "nothing is written yet");
            drop(draft);
            assert!(soon().await, "written");
            std::fs::rename(folder.join("draft"), folder.join("file")).unwrap();
            assert!(soon().await, "renamed");
            std::fs::remove_file(folder.join("file")).unwrap();
            assert!(soon().await, "removed");
            assert!(!soon().await, "all is told");
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
