//! How the machine goes off: every process ends, file systems are unmounted, and the kernel does the rest.
//!
//! What waits for a disk or a server is done by threads, and no longer than [`LIMIT`] in all: a machine whose server is gone goes
//! off all the same. What was then not written is said.

use core::time::Duration;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use orlop_machine::Instant;
use orlop_sandbox::clock;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::system::RebootCommand;

use crate::boot::Ending;
use crate::console::Console;
use crate::errands::Errands;
use crate::logs::Logs;
use crate::setup;

/// How long killed processes may take to be gone: they hold file systems.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long all of the rest may take: to write what is in memory to a slow disk takes its time.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a single file system may take to be unmounted after that, so that one that hangs leaves time for the others.
const EACH: Duration = Duration::from_secs(5);
/// How much of [`LIMIT`] is left for them when what is in memory cannot be written.
const FOR_MOUNTS: Duration = Duration::from_secs(30);
/// How often it is looked whether processes are gone.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Ends that are collected before each new try to spawn.
const MAX_ENDS: usize = 1000;
/// More mounts than a mount namespace has (`/proc/sys/fs/mount-max`).
const MAX_MOUNTS: usize = 100_000;
/// File systems of the kernel's own that [`setup`] does not mount: nothing in them is kept anywhere.
const IN_MEMORY: [&str; 3] = ["rootfs", "ramfs", "nsfs"];

/// Ends every process but us, unmounts what holds data, and ends the machine.
pub fn end(ending: Ending, console: &mut Console, logs: &Logs, errands: &Errands) -> ! {
    console.drain();
    end_all_processes();
    let until = clock::now().after(LIMIT);
    let mut wrong = Vec::new();
    if !logs.flush(PATIENCE) {
        wrong.push("logs are not complete: their disk does not answer".to_owned());
    }
    wrong.extend(put_away(until, errands));
    for line in &wrong {
        console.say(clock::now(), &format!("warning: {line}"));
    }
    console.drain();
    let command = match ending {
        Ending::PowerOff => RebootCommand::PowerOff,
        Ending::Restart => RebootCommand::Restart,
        Ending::Halt => RebootCommand::Halt,
    };
    // It returns only if it is refused: then this is no machine of ours. To end would be a kernel panic.
    let _ = rustix::system::reboot(command);
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn end_all_processes() {
    // As process 1 this spares only ourselves.
    let everybody = nix::unistd::Pid::from_raw(-1);
    let _nobody = nix::sys::signal::kill(everybody, nix::sys::signal::Signal::SIGKILL);
    let until = clock::now().after(PATIENCE);
    while clock::now() < until {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => thread::sleep(LOOK_EVERY),
            // Nobody is left.
            Err(_) => return,
        }
    }
}

/// Does something in a thread, and waits for it no longer than `limit`.
fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Clone + Send + 'static) -> Option<T> {
    let until = clock::now().after(limit);
    let (sender, done) = mpsc::sync_channel(1);
    let spawn = || {
        let (work, sender) = (work.clone(), sender.clone());
        let errand = move || {
            // Nobody listens any more if it took too long.
            let _ = sender.send(work());
        };
        thread::Builder::new().name("off".to_owned()).spawn(errand).map(drop)
    };
    let collect = || {
        let ended = || rustix::process::wait(WaitOptions::NOHANG).is_ok_and(|ended| ended.is_some());
        let _ = (0..MAX_ENDS).take_while(|_| ended()).count();
    };
    if !begin(until, spawn, collect) {
        return None;
    }
    done.recv_timeout(until.since(clock::now())).ok()
}

/// Spawns, as soon as there is room for one more: a service that made processes until there was none leaves some that are not gone yet,
/// and those that are gone and not collected count as well.
fn begin(until: Instant, mut spawn: impl FnMut() -> std::io::Result<()>, mut collect: impl FnMut()) -> bool {
    while spawn().is_err() {
        if clock::now() >= until {
            return false;
        }
        collect();
        thread::sleep(LOOK_EVERY);
    }
    true
}

/// Writes what is in memory and unmounts, the latest mounts first; says what could not be done in time.
fn put_away(until: Instant, errands: &Errands) -> Vec<String> {
    let mut wrong = Vec::new();
    let left = || until.since(clock::now());
    if within(left().saturating_sub(FOR_MOUNTS), rustix::fs::sync).is_none() {
        wrong.push("not everything is written: a file system does not answer".to_owned());
    }
    // A disk that is being taken from its container is in no list any more, and not yet to be switched off.
    if !errands.settle(left().min(EACH)) {
        wrong.push("a mount of a container is not finished: its file system does not answer".to_owned());
    }
    let Some(targets) = within(left().min(EACH), || mounts(Path::new("/proc/self/mounts"))) else {
        wrong.push("nothing is unmounted: the kernel does not say what is mounted".to_owned());
        return wrong;
    };
    for target in targets.into_iter().rev() {
        let shown = target.display().to_string();
        let unmounted = within(left().min(EACH), move || {
            if rustix::mount::unmount(&target, UnmountFlags::empty()).is_err() {
                // One that cannot be unmounted cannot be written to, at least. The kernel has the last word.
                let _ = rustix::mount::mount_remount(&target, MountFlags::RDONLY, c"");
            }
        });
        if unmounted.is_none() {
            wrong.push(format!("{shown} is not unmounted: it does not answer"));
        }
    }
    wrong
}

/// Where something is mounted that is not only in memory.
fn mounts(path: &Path) -> Vec<PathBuf> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let lines = BufReader::new(file).split(b'\n').take(MAX_MOUNTS);
    lines.map_while(Result::ok).filter_map(|line| kept(&line)).collect()
}

/// The place of a mount, from its line (`proc_pid_mounts(5)`: what, where, kind), unless it is one of memory.
fn kept(line: &[u8]) -> Option<PathBuf> {
    let mut words = line.split(|byte| *byte == b' ').skip(1);
    let (target, kind) = (words.next()?, OsStr::from_bytes(words.next()?));
    let is_in_memory = IN_MEMORY.into_iter().chain(setup::kinds()).any(|known| kind == known);
    (!is_in_memory).then(|| std::ffi::OsString::from_vec(unescaped(target)).into())
}

/// Spaces and their like are written as three octal digits.
fn unescaped(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((first, rest)) = text.split_first() {
        let octal = rest.first_chunk::<3>().filter(|_| *first == b'\\').and_then(|digits| {
            let digits = core::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        bytes.push(octal.unwrap_or(*first));
        text = if octal.is_some() { rest.get(3..).unwrap_or_default() } else { rest };
    }
    bytes
}

/// Whether process 1, as this process sees it, is the machine's: a container without `pid: host` has one of its own.
#[must_use]
pub fn in_machines_processes() -> bool {
    is_machines(std::fs::read_link("/proc/self/ns/pid"))
}

/// By the name of a process namespace: the first one's number is the same in every kernel (`PROC_PID_INIT_INO`).
fn is_machines(namespace: std::io::Result<PathBuf>) -> bool {
    // A machine that boots has no /proc yet.
    namespace.map_or(true, |name| name == Path::new("pid:[4026531836]"))
}

/// Tells process 1 to end the machine.
///
/// # Errors
/// When it is in another process namespace, or we may not.
pub fn ask(ending: Ending) -> std::io::Result<()> {
    if !in_machines_processes() {
        return Err(std::io::Error::other("the process 1 that it sees is a container's own"));
    }
    let signal = match ending {
        Ending::PowerOff => Signal::TERM,
        Ending::Restart => Signal::INT,
        Ending::Halt => Signal::USR1,
    };
    Ok(rustix::process::kill_process(Pid::INIT, signal)?)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn what_takes_too_long_is_not_waited_for() {
        let (_held, never) = mpsc::channel::<()>();
        let never = Arc::new(Mutex::new(never));
        assert_eq!(within(Duration::from_millis(20), move || never.lock().unwrap().recv().is_ok()), None);
        assert_eq!(within(Duration::from_secs(10), || 5), Some(5), "control");
    }

    #[test]
    fn a_full_process_table_is_tried_again_and_no_longer_than_allowed() {
        let now = clock::now();
        for (what, until, failures, want) in [
            ("there is room", now, 0, (true, 1)),
            ("there is room in time", now.after(Duration::from_secs(10)), 3, (true, 4)),
            ("there is none in time", now, 3, (false, 1)),
        ] {
            let (mut tries, mut collected) = (0, 0);
            let begun = begin(
                until,
                || {
                    tries += 1;
                    if tries <= failures { Err(std::io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
                },
                || collected += 1,
            );
            assert_eq!((begun, tries), want, "{what}");
            assert_eq!(collected, tries - 1, "{what}: what has ended is collected before each new try");
        }
    }

    #[test]
    fn process_1_of_a_container_is_not_the_machines() {
        let link = |text: &str| Ok(PathBuf::from(text));
        for (what, namespace, want) in [
            ("the kernel's first", link("pid:[4026531836]"), true),
            ("a container's", link("pid:[4026532177]"), false),
            ("at boot, before /proc is there", Err(std::io::ErrorKind::NotFound.into()), true),
        ] {
            assert_eq!(is_machines(namespace), want, "{what}");
        }
    }

    #[test]
    fn all_that_could_be_lost_is_unmounted_and_what_is_in_memory_is_not() {
        let text = b"rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\n/dev/vda1 /var/lib/my\\040data ext4 rw 0 0\n\
            overlay /containers/services/x/rootfs overlay rw 0 0\nserver:/a /mnt/\xff nfs4 rw 0 0\n\
            tmpfs /run tmpfs rw 0 0\nnsfs /run/netns/wg nsfs rw 0 0\n/dev/vda2 /mnt/\\134040 ext4 rw 0 0\n\
            server /a\\9 fuse.x rw 0 0\n";
        let folder = Folder::new("init-off");
        let path = folder.0.join("mounts");
        std::fs::write(&path, text).unwrap();
        let want: [&[u8]; 5] =
            [b"/var/lib/my data", b"/containers/services/x/rootfs", b"/mnt/\xff", b"/mnt/\\040", b"/a\\9"];
        assert_eq!(mounts(&path), want.map(|bytes| PathBuf::from(OsStr::from_bytes(bytes))));
        assert_eq!(mounts(&folder.0.join("none")), Vec::<PathBuf>::new());
    }
}
