//! The walls of the arena.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::syscall::call;

/// The exit code where no arena can be made: nothing was tested, and nothing was found.
pub const IMPOSSIBLE: u8 = 2;

/// Runs this program again with `arguments`, as PID 1 of fresh namespaces, and returns its exit code.
///
/// # Errors
/// When the arena cannot be started.
pub fn enter(arguments: &[String]) -> Result<ExitCode> {
    let flags = libc::CLONE_NEWNET | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWPID;
    if let Err(error) = leave_for(flags) {
        eprintln!("error: cannot make namespaces for the attacks: {error}\n  help: run as root");
        return Ok(ExitCode::from(IMPOSSIBLE));
    }
    let status = Command::new(std::env::current_exe()?).args(arguments).status().context("cannot start the arena")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Makes the namespaces a place of its own. Returns another, empty network namespace, for attacks that want to enter one.
pub(super) fn settle() -> Result<OwnedFd> {
    if std::process::id() != 1 {
        bail!("an arena is PID 1 of its own namespace; start it through `enter`");
    }
    // With it ends everything in here.
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot ask to end with the parent")?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .context("cannot make mounts private")?;
    mount("proc", "/proc", "proc", MountFlags::empty(), None).context("cannot mount /proc")?;
    for path in ["/run", "/var"] {
        mount("tmpfs", path, "tmpfs", MountFlags::empty(), Some(c"mode=0755"))
            .with_context(|| format!("cannot mount {path}"))?;
    }
    let other = File::open("/proc/self/ns/net")?.into();
    leave_for(libc::CLONE_NEWNET).context("cannot make a second network namespace")?;
    give_up_the_machine()?;
    Ok(other)
}

/// The capabilities with an effect that no namespace contains.
const NEVER: [u32; 4] = [CAP_SYS_MODULE, CAP_SYS_BOOT, CAP_SYS_TIME, CAP_WAKE_ALARM];
const CAP_SYS_MODULE: u32 = 16;
const CAP_SYS_BOOT: u32 = 22;
const CAP_SYS_TIME: u32 = 25;
const CAP_WAKE_ALARM: u32 = 35;

/// Moves into fresh namespaces, or, of the kind PID, its future children. This process has one thread.
pub(crate) fn leave_for(flags: i32) -> std::io::Result<()> {
    call!(libc::SYS_unshare, flags).map_err(|errno| std::io::Error::from_raw_os_error(errno.0))?;
    Ok(())
}

fn give_up_the_machine() -> Result<()> {
    let lost = NEVER.iter().fold(0_u64, |set, capability| set | 1 << capability);
    for capability in NEVER {
        if let Err(errno) = call!(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability, 0, 0, 0) {
            bail!("cannot give up capability {capability}: {}", errno.name());
        }
    }
    let header = [0x2008_0522_u32, 0];
    let mut sets = [0_u32; 6];
    let refused = |errno: crate::syscall::Errno| anyhow::anyhow!("cannot give up capabilities: {}", errno.name());
    call!(libc::SYS_capget, &header, &mut sets).map_err(refused)?;
    let [low, high] = [lost & 0xffff_ffff, lost >> 32].map(|half| u32::try_from(half).unwrap_or(u32::MAX));
    for (at, set) in sets.iter_mut().enumerate() {
        *set &= !if at < 3 { low } else { high };
    }
    call!(libc::SYS_capset, &header, &sets).map_err(refused)?;
    Ok(())
}
