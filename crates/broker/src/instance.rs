//! Being the only daemon of its kind in a network namespace.
//!
//! A lock on a file in the daemon's control [folder], one for each namespace: containers with networks of their own may share
//! the folder. Whoever can open a file can lock it, and nobody else comes there. The lock is a record lock (`F_SETLK`): it
//! belongs to the process that took it, the kernel names that process to who finds it taken, and it ends with the process.

use std::fs::{File, OpenOptions, metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::fs::{FlockOperation, OFlags, fcntl_lock};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};
use tracing::debug;

use crate::control::folder;
use crate::folder::make_private;

/// Proof that no other daemon of the kind runs in this network namespace, as far as that can be known; until it is dropped.
#[derive(Debug)]
#[must_use = "the next daemon may start when this is dropped"]
pub struct Instance(#[expect(dead_code, reason = "open as long as it is locked")] Option<File>);

/// Who holds the lock; nobody in particular where the holder's process cannot be seen from here.
#[derive(Debug, PartialEq, Eq)]
struct Taken(Option<Pid>);

impl Instance {
    /// Becomes the only `daemon` in this network namespace. Where there is no folder for the lock, nobody is noticed.
    ///
    /// # Errors
    /// Another one is there ([`Exit::AlreadyRunning`]).
    pub fn claim(daemon: &Daemon) -> Result<Self, Fatal> {
        let locked = metadata(NAMESPACE).and_then(|network| lock(&folder(daemon), network.ino()));
        match locked {
            Ok(Ok(file)) => Ok(Self(Some(file))),
            Ok(Err(taken)) => Err(taken.fatal(daemon)),
            Err(cause) => {
                debug!(%cause, "another daemon would not be noticed");
                Ok(Self(None))
            }
        }
    }
}

/// Takes the lock of a network namespace in `folder`.
fn lock(folder: &Path, network: u64) -> io::Result<Result<File, Taken>> {
    make_private(folder)?;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(folder.join(format!("running.{network}")))?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Ok(file)),
        Err(Errno::AGAIN | Errno::ACCESS) => {
            let holder = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))?;
            Ok(Err(Taken(holder.and_then(|held| held.pid))))
        }
        Err(errno) => Err(errno.into()),
    }
}

impl Taken {
    fn fatal(self, daemon: &Daemon) -> Fatal {
        let Daemon { title, program, .. } = daemon;
        let Self(holder) = self;
        let who = holder.map_or_else(
            || "it is a process that cannot be seen from here: of another container, say".to_owned(),
            |pid| format!("it is process {}", pid.as_raw_nonzero()),
        );
        Fatal::new(Exit::AlreadyRunning, format!("a {title} is already running in this network namespace"))
            .cause(who)
            .help(format!(
                "see what it does with: {program} status; have it read its configuration again: {program} reload"
            ))
    }
}

/// Stands for the network namespace of who looks.
const NAMESPACE: &str = "/proc/self/ns/net";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    use orlop_testbed::Folder;

    use super::*;
    use crate::command_line::tests::DAEMON;

    /// A lock is its process's, so another process has to hold it.
    #[test]
    fn who_comes_second_learns_who_was_first_until_that_one_ends() {
        use std::io::{BufRead as _, BufReader};
        let folder = Folder::new("instance");
        let own = folder.0.join("own");
        drop(lock(&own, 7).unwrap().unwrap());
        // By perl, which every Debian has, because this crate forbids unsafe code: F_SETLK (6) with a `struct flock`.
        let script = format!(
            "open F, '+<', '{}'; $l = pack 's s x4 q q l x4', 1, 0, 0, 0, 0; fcntl F, 6, $l or die; $| = 1; print \"held\\n\"; sleep 60",
            own.join("running.7").display()
        );
        let mut holder = Command::new("perl").args(["-e", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        let taken = lock(&own, 7).unwrap().unwrap_err();
        assert_eq!(taken, Taken(Pid::from_raw(holder.id().cast_signed())));
        assert!(lock(&own, 8).unwrap().is_ok(), "another network namespace");
        let fatal = taken.fatal(&DAEMON);
        assert_eq!(fatal.exit.code(), 73);
        assert!(fatal.cause.unwrap().ends_with(&holder.id().to_string()));
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(lock(&own, 7).unwrap().is_ok(), "the lock ends with its process, however that ends");
    }

    #[test]
    fn the_lock_lies_where_nobody_else_comes() {
        let folder = Folder::new("instance-folder");
        std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o755)).unwrap();
        let _held = lock(&folder.0, 7).unwrap().unwrap();
        let mode = |path: &Path| metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&folder.0), mode(&folder.0.join("running.7"))), (0o700, 0o600));
    }

    #[test]
    fn a_folder_that_cannot_be_had_keeps_nobody_from_running() {
        let folder = Folder::new("instance-none");
        std::fs::write(folder.0.join("file"), "").unwrap();
        assert!(lock(&folder.0.join("file"), 7).is_err(), "which is told at debug, and the daemon runs");
        assert!(Taken(None).fatal(&DAEMON).cause.unwrap().contains("cannot be seen from here"));
    }
}
