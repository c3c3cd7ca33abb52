//! Logs are written by a thread of their own: a disk below `/var/log` that does not answer costs lines, and nobody waits for it.

use core::time::Duration;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;

use orlop_machine::Instant;
use orlop_sandbox::clock;

use crate::log_file::LogFile;

/// Lines that may wait to be written: with the longest it is half a megabyte.
const MAX_WAITING: usize = 512;
/// How often [`Logs::flush`] looks whether there is room for its question.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the thread is told.
#[derive(Debug)]
enum Entry {
    Line(Arc<Path>, Instant, String),
    Close(Arc<Path>),
    /// All before this is written: say so.
    Flush(SyncSender<()>),
}

/// All logs.
#[derive(Debug)]
pub struct Logs(Option<SyncSender<Entry>>);

/// One of them. It is closed with the value.
#[derive(Debug)]
pub struct Log {
    path: Arc<Path>,
    sender: Option<SyncSender<Entry>>,
    lost: u64,
}

impl Logs {
    /// Starts the thread. Without one nothing is kept.
    #[must_use]
    pub fn start() -> Self {
        let (sender, entries) = mpsc::sync_channel(MAX_WAITING);
        let thread = thread::Builder::new().name("logs".to_owned()).spawn(move || write(&entries));
        Self(thread.is_ok().then_some(sender))
    }

    /// The log at `path`, which is opened when there is something to write.
    #[must_use]
    pub fn log(&self, path: &Path) -> Log {
        Log { path: path.into(), sender: self.0.clone(), lost: 0 }
    }

    /// Waits until everything is written, but no longer than `limit`; says whether it is.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let Some(sender) = &self.0 else { return true };
        let until = clock::now().after(limit);
        let (answer, answered) = mpsc::sync_channel(1);
        while sender.try_send(Entry::Flush(answer.clone())).is_err() {
            if clock::now() >= until {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        answered.recv_timeout(until.since(clock::now())).is_ok()
    }
}

impl Log {
    /// Adds a line, with the time.
    pub fn append(&mut self, now: Instant, line: &str) {
        let Some(sender) = &self.sender else { return };
        let line = match self.lost {
            0 => line.to_owned(),
            lost => format!("({lost} lines lost: the disk did not take them) {line}"),
        };
        match sender.try_send(Entry::Line(Arc::clone(&self.path), now, line)) {
            Ok(()) => self.lost = 0,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.lost = self.lost.saturating_add(1),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // If it is not heard, the file stays open for the container's next life.
        let _ = self.sender.as_ref().map(|sender| sender.try_send(Entry::Close(Arc::clone(&self.path))));
    }
}

/// The thread's life.
fn write(entries: &Receiver<Entry>) {
    let mut files: HashMap<Arc<Path>, LogFile> = HashMap::new();
    for entry in entries {
        match entry {
            Entry::Line(path, at, line) => {
                if !files.contains_key(&path)
                    && let Ok(file) = LogFile::open(&path)
                {
                    files.insert(Arc::clone(&path), file);
                }
                // A full disk loses lines; there is nobody else to tell them to. It may have been repaired by the next.
                if files.get_mut(&path).is_some_and(|file| file.append(at, &line).is_err()) {
                    files.remove(&path);
                }
            }
            Entry::Close(path) => drop(files.remove(&path)),
            // Who asked may have given up.
            Entry::Flush(answer) => drop(answer.try_send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use orlop_testbed::Folder;

    use super::*;

    const NOW: Instant = Instant::from_nanos(0);
    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn every_log_gets_its_lines_in_order() {
        let folder = Folder::new("init-logs");
        let logs = Logs::start();
        let (mut a, mut b) = (logs.log(&folder.0.join("a.log")), logs.log(&folder.0.join("b.log")));
        a.append(NOW, "one");
        b.append(NOW, "other");
        a.append(NOW, "two");
        assert!(logs.flush(SOON));
        assert_eq!(fs::read_to_string(folder.0.join("a.log")).unwrap(), "0.000 one\n0.000 two\n");
        assert_eq!(fs::read_to_string(folder.0.join("b.log")).unwrap(), "0.000 other\n");
    }

    #[test]
    fn a_disk_that_does_not_answer_costs_lines_and_no_time() {
        // Nobody takes what is sent here, as a thread that waits for a disk.
        let (sender, entries) = mpsc::sync_channel(MAX_WAITING);
        let logs = Logs(Some(sender));
        let mut log = logs.log(Path::new("/x"));
        for _ in 0..2 * MAX_WAITING {
            log.append(NOW, "line");
        }
        assert_eq!(log.lost, MAX_WAITING as u64);
        assert!(!logs.flush(Duration::from_millis(30)));
        let first = entries.recv().unwrap();
        assert!(matches!(first, Entry::Line(_, _, line) if line == "line"));
        log.append(NOW, "again");
        let last = entries.try_iter().last().unwrap();
        assert!(
            matches!(last, Entry::Line(_, _, line) if line == "(512 lines lost: the disk did not take them) again")
        );
    }
}
