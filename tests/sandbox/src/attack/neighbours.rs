//! The broker and every other process of the machine.

use super::End::Killed;
use super::{Attack, UNKNOWN, attack};
use crate::scene::Scene;
use crate::syscall::{Attempt, Errno, call};

/// A signal that is ignored where nobody asked for it: the permission is the same as for SIGKILL, the stand-in survives.
const HARMLESS: i32 = libc::SIGURG;

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("trace-broker", "take the broker over as its debugger", Killed, |s| {
        call!(libc::SYS_ptrace, libc::PTRACE_ATTACH, s.broker, 0, 0)
    }),
    attack("seize-broker", "the same without stopping it", Killed, |s| {
        call!(libc::SYS_ptrace, libc::PTRACE_SEIZE, s.broker, 0, 0)
    }),
    attack("be-traced", "ask to be traced by the parent", Killed, |_| {
        call!(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0)
    }),
    attack("read-broker-memory", "read the broker's memory", Killed, |s| {
        let mut room = [0_u8; 16];
        let (local, remote) = parts(&mut room, s);
        call!(libc::SYS_process_vm_readv, s.broker, &local, 1, &remote, 1, 0)
    }),
    attack("write-broker-memory", "write the broker's memory", Killed, |s| {
        let mut room = [0_u8; 16];
        let (local, remote) = parts(&mut room, s);
        call!(libc::SYS_process_vm_writev, s.broker, &local, 1, &remote, 1, 0)
    }),
    attack("steal-descriptor", "take a descriptor out of the broker", Killed, |s| {
        let process = pidfd(s)?;
        call!(libc::SYS_pidfd_getfd, process, 0, 0)
    }),
    attack("steal-without-handle", "pidfd_getfd itself, on a descriptor that is no process", Killed, |s| {
        reached(call!(libc::SYS_pidfd_getfd, s.grants.udp, 0, 0), libc::EBADF)
    })
    .note("the control counts EBADF as reached: there is no process handle without pidfd_open, which has its own row"),
    attack("open-process-handle", "get a handle on the broker", Killed, |s| call!(libc::SYS_pidfd_open, s.broker, 0)),
    attack("kill-broker", "signal the broker", Killed, |s| call!(libc::SYS_kill, s.broker, HARMLESS)),
    attack("kill-everybody", "signal every process it may", Killed, |_| call!(libc::SYS_kill, -1, HARMLESS)),
    attack("kill-supervisor", "signal the parent", Killed, |_| call!(libc::SYS_kill, 1, HARMLESS)),
    attack("tkill-broker", "signal the broker's thread", Killed, |s| call!(libc::SYS_tkill, s.broker, HARMLESS)),
    attack("tgkill-broker", "signal the broker's thread, as abort does with its own", Killed, |s| {
        call!(libc::SYS_tgkill, s.broker, s.broker, HARMLESS)
    }),
    attack("queue-signal", "signal the broker with a forged sender", Killed, |s| {
        let mut information = [0_u8; 128];
        for (at, byte) in [(0, u8::try_from(HARMLESS).unwrap_or(0)), (8, 0xff), (9, 0xff), (10, 0xff), (11, 0xff)] {
            if let Some(slot) = information.get_mut(at) {
                *slot = byte;
            }
        }
        call!(libc::SYS_rt_sigqueueinfo, s.broker, HARMLESS, information.as_slice())
    }),
    attack("signal-by-handle", "signal the broker through a handle", Killed, |s| {
        let process = pidfd(s)?;
        call!(libc::SYS_pidfd_send_signal, process, HARMLESS, 0_usize, 0)
    }),
    attack("limit-broker", "take resources from the broker", Killed, |s| {
        let none = [0_u64, 0];
        call!(libc::SYS_prlimit64, s.broker, libc::RLIMIT_CORE, &none, 0_usize)
    }),
    attack("raise-own-limits", "lift its own limits (lowering them is all that could succeed)", Killed, |_| {
        let files = [1024_u64, 1024];
        call!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, &files, 0_usize)
    }),
    attack("renice-broker", "slow the broker down", Killed, |s| {
        call!(libc::SYS_setpriority, libc::PRIO_PROCESS, s.broker, 5)
    }),
    attack("raise-own-priority", "outrun everybody", Killed, |_| {
        call!(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, -5)
    }),
    attack("schedule-broker", "give the broker a worse scheduling class", Killed, |s| {
        let priority = 0_i32;
        call!(libc::SYS_sched_setscheduler, s.broker, libc::SCHED_BATCH, &priority)
    }),
    attack("pin-broker", "pin the broker to one processor", Killed, |s| {
        let every = [u64::MAX; 16];
        call!(libc::SYS_sched_setaffinity, s.broker, size_of_val(&every), &every)
    }),
    attack("schedule-input", "starve the broker of input and output", Killed, |s| {
        call!(libc::SYS_ioprio_set, 1, s.broker, 3 << 13)
    }),
    attack("compare-broker", "compare kernel objects with the broker's", Killed, |s| {
        // KCMP_VM: an order of kernel pointers.
        call!(libc::SYS_kcmp, s.broker, s.broker, 1, 0, 0)
    }),
    attack("advise-broker-memory", "page the broker's memory out", Killed, |s| {
        let process = pidfd(s)?;
        let mut page = [0_u8; 4096];
        let (_, remote) = parts(&mut page, &Scene { secret_at: s.secret_at & !0xfff, ..*s });
        call!(libc::SYS_process_madvise, process, &remote, 1, libc::MADV_COLD, 0)
    }),
    attack("group-of-broker", "learn the broker's process group", UNKNOWN, |s| call!(libc::SYS_getpgid, s.broker)),
];

fn parts(room: &mut [u8], scene: &Scene) -> (libc::iovec, libc::iovec) {
    let local = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    let remote = libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(scene.secret_at), iov_len: room.len() };
    (local, remote)
}

fn pidfd(scene: &Scene) -> Result<i32, Errno> {
    let fd = call!(libc::SYS_pidfd_open, scene.broker, 0)?;
    i32::try_from(fd).map_err(|_| Errno(libc::EINVAL))
}

/// Counts one refusal as proof that the kernel's code was reached.
fn reached(attempt: Attempt, proof: i32) -> Attempt {
    match attempt {
        Err(Errno(errno)) if errno == proof => Ok(0),
        other => other,
    }
}
