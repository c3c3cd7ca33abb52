//! New programs, processes and threads.

use super::End::Killed;
use super::{Attack, MISSED, UNKNOWN, attack};
use crate::syscall::{Attempt, birth, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("execve", "run a program of the host", Killed, |_| {
        let arguments = [c"true".as_ptr(), std::ptr::null()];
        call!(libc::SYS_execve, c"/bin/true", &arguments, 0_usize)
    }),
    attack("execveat", "the newer exec", Killed, |_| {
        let arguments = [c"true".as_ptr(), std::ptr::null()];
        call!(libc::SYS_execveat, libc::AT_FDCWD, c"/bin/true", &arguments, 0_usize, 0)
    }),
    attack("execveat-granted-file", "run a program it holds a descriptor of", Killed, |scene| {
        execute(scene.grants.file)
    }),
    attack("execveat-memory", "run a program it wrote itself, with no file at all", Killed, |_| {
        let file = call!(libc::SYS_memfd_create, c"x", 0)?;
        call!(libc::SYS_write, file, crate::payload::EXIT_WELL, crate::payload::EXIT_WELL.len())?;
        execute(i32::try_from(file).map_err(|_| MISSED)?)
    }),
    attack("execve-setuid", "become root by running a set-user-ID program", Killed, |_| setuid(c"identity")),
    attack("execve-setuid-capability", "gain capabilities by running a set-user-ID program", Killed, |_| {
        setuid(c"capability")
    }),
    #[cfg(target_arch = "x86_64")]
    attack("fork", "have a second process that outlives the first", Killed, |_| birth(libc::SYS_fork, 0, 0, 0)),
    #[cfg(target_arch = "x86_64")]
    attack("vfork", "multiply, the other way", Killed, |_| birth(libc::SYS_vfork, 0, 0, 0)),
    attack("clone", "multiply, the general way", Killed, |_| birth(libc::SYS_clone, libc::SIGCHLD.into(), 0, 0)),
    attack("clone-namespace", "multiply into a user namespace where it is root", Killed, |_| {
        birth(libc::SYS_clone, (libc::CLONE_NEWUSER | libc::SIGCHLD).into(), 0, 0)
    }),
    attack("clone3", "multiply, the newest way (its flags lie in memory, where no filter can look)", Killed, |_| {
        let arguments = [0_u64, 0, 0, 0, libc::SIGCHLD.unsigned_abs().into(), 0, 0, 0];
        birth(libc::SYS_clone3, std::ptr::from_ref(&arguments) as i64, 64, 0)
    }),
    attack("thread", "start a thread, which some layers would not cover", Killed, |_| {
        let mut stack = [0_u128; 256];
        let flags = libc::CLONE_VM
            | libc::CLONE_FS
            | libc::CLONE_FILES
            | libc::CLONE_SIGHAND
            | libc::CLONE_THREAD
            | libc::CLONE_SYSVSEM;
        birth(libc::SYS_clone, flags.into(), std::ptr::from_mut(&mut stack) as i64 + 4096, 0)
    }),
    attack("wait-for-others", "learn about children it does not have", UNKNOWN, |_| {
        let mut information = [0_u8; 128];
        call!(libc::SYS_waitid, libc::P_PIDFD, 1_000_000, information.as_mut_slice(), libc::WEXITED, 0_usize).or_else(
            |errno| {
                // Reached: the call looked for the descriptor, or for children.
                if errno.0 == libc::EBADF || errno.0 == libc::ECHILD { Ok(0) } else { Err(errno) }
            },
        )
    })
    .note("the control counts EBADF as reached: there is no child to wait for"),
    attack("survive-the-parent", "live on after the supervisor has died (PR_SET_PDEATHSIG)", Killed, |_| {
        call!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, 0, 0, 0, 0)
    }),
    attack("new-session", "leave the supervisor's session", UNKNOWN, |_| call!(libc::SYS_setsid)),
    attack("rename-itself", "appear under another name in process lists", Killed, |_| {
        call!(libc::SYS_prctl, libc::PR_SET_NAME, c"kworker/0:1", 0, 0, 0)
    }),
    attack("ignore-signals", "install a signal handler", UNKNOWN, |_| {
        let ignore = [1_u64, 0, 0, 0];
        call!(libc::SYS_rt_sigaction, libc::SIGTERM, &ignore, 0_usize, 8)
    }),
    attack("timer-signals", "have a timer send signals", Killed, |_| {
        let mut timer = 0_i32;
        call!(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, 0_usize, &mut timer)
    }),
];

fn execute(file: i32) -> Attempt {
    let arguments = [c"x".as_ptr(), std::ptr::null()];
    call!(libc::SYS_execveat, file, c"", &arguments, 0_usize, libc::AT_EMPTY_PATH)
}

/// Runs this test's own program as a set-user-ID file; it ends with 0 only if it gained what it was asked about.
fn setuid(what: &std::ffi::CStr) -> Attempt {
    let arguments = [c"orlop-attack".as_ptr(), c"gained".as_ptr(), what.as_ptr(), std::ptr::null()];
    call!(libc::SYS_execve, c"/var/arena/setuid-root", &arguments, 0_usize)
}
