//! How the machine goes off: every process ends, file systems are unmounted, and the kernel does the rest.

use core::time::Duration;
use std::path::Path;
use std::thread;

use orlop_sandbox::clock;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::system::RebootCommand;

use crate::boot::Ending;
use crate::files;

/// How long killed processes may take to be gone: they hold file systems.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than any list of mounts.
const MAX_MOUNTS: usize = 1 << 20;

/// Ends every process but us, unmounts what holds data, and ends the machine.
pub fn end(ending: Ending) -> ! {
    end_all_processes();
    rustix::fs::sync();
    unmount_disks();
    rustix::fs::sync();
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
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            // Nobody is left.
            Err(_) => return,
        }
    }
}

/// The latest mounts first; one that cannot be unmounted cannot be written to, at least.
fn unmount_disks() {
    let mounts = files::read(Path::new("/proc/self/mounts"), MAX_MOUNTS).unwrap_or_default();
    for target in disks(&mounts).into_iter().rev() {
        if rustix::mount::unmount(target.as_str(), UnmountFlags::empty()).is_err() {
            // The kernel has the last word, and nobody is left to hear ours.
            let _ = rustix::mount::mount_remount(target.as_str(), MountFlags::RDONLY, c"");
        }
    }
}

/// Where something is mounted from a device (`proc_pid_mounts(5)`: spaces and their like are written as octal numbers).
fn disks(mounts: &str) -> Vec<String> {
    let words = |line: &str| line.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
    let of_device =
        mounts.lines().map(words).filter(|words| words.first().is_some_and(|source| source.starts_with("/dev/")));
    of_device.filter_map(|words| words.into_iter().nth(1)).map(|target| unescaped(&target)).collect()
}

fn unescaped(target: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(target.to_owned(), |target, (from, to)| target.replace(from, to))
}

/// Tells process 1 to end the machine.
///
/// # Errors
/// When it is in another process namespace, or we may not.
pub fn ask(ending: Ending) -> std::io::Result<()> {
    let signal = match ending {
        Ending::PowerOff => Signal::TERM,
        Ending::Restart => Signal::INT,
        Ending::Halt => Signal::USR1,
    };
    Ok(rustix::process::kill_process(Pid::INIT, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_on_a_device_is_unmounted() {
        let mounts = "rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\n/dev/vda1 /var/lib/my\\040data ext4 rw 0 0\n\
            /dev/vda2 /var/lib/my\\040data/sub ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n";
        assert_eq!(disks(mounts), ["/var/lib/my data", "/var/lib/my data/sub"]);
    }
}
