//! Kernel interfaces that a worker has no use for, and where most kernel exploits of the last years began; and the things
//! of the whole machine: clock, name, log, power.

use super::End::Killed;
use super::{Attack, UNKNOWN, attack};
use crate::syscall::call;

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("bpf", "load programs into the kernel", Killed, |_| {
        // BPF_MAP_CREATE of an array { key 4, value 4, one entry }.
        let map = [2_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        call!(libc::SYS_bpf, 0, &map, size_of_val(&map))
    }),
    attack("perf-event", "count and sample what the kernel does", Killed, |_| {
        let mut attributes = [0_u32; 32];
        // PERF_TYPE_SOFTWARE, the structure's size, PERF_COUNT_SW_CPU_CLOCK.
        (attributes[0], attributes[1]) = (1, 128);
        call!(libc::SYS_perf_event_open, &attributes, 0, -1, -1, 0)
    }),
    attack("io-uring", "make system calls that no filter sees", Killed, |_| {
        let mut parameters = [0_u8; 120];
        call!(libc::SYS_io_uring_setup, 4, parameters.as_mut_slice())
    }),
    attack("userfaultfd", "stop the kernel in the middle of a copy", Killed, |_| call!(libc::SYS_userfaultfd, 0)),
    attack("add-key", "store keys in the kernel", Killed, |_| {
        // KEY_SPEC_PROCESS_KEYRING is -2.
        call!(libc::SYS_add_key, c"user", c"orlop", b"secret".as_slice(), 6, -2)
    }),
    attack("request-key", "have the kernel call a program for a key", Killed, |_| {
        call!(libc::SYS_request_key, c"keyring", c"orlop-none", 0_usize, 0)
            .or_else(|errno| if errno.0 == ENOKEY { Ok(0) } else { Err(errno) })
    })
    .note("the control counts ENOKEY as reached: there is no such key"),
    attack("keyctl", "read the session's keys", Killed, |_| call!(libc::SYS_keyctl, 0, -2, 1)),
    attack("shared-memory", "make System V shared memory", Killed, |_| call!(libc::SYS_shmget, 0, 4096, 0o1600)),
    attack("semaphores", "make System V semaphores", Killed, |_| call!(libc::SYS_semget, 0, 1, 0o1600)),
    attack("message-queue", "make a System V message queue", Killed, |_| call!(libc::SYS_msgget, 0, 0o1600)),
    attack("posix-message-queue", "make a POSIX message queue", Killed, |_| {
        let attributes = [0_i64, 2, 64, 0, 0, 0, 0, 0];
        call!(libc::SYS_mq_open, c"orlop", libc::O_CREAT | libc::O_RDWR, 0o600, &attributes)
    }),
    attack("kernel-module", "load code into the kernel", Killed, |_| call!(libc::SYS_init_module, 0_usize, 0, c""))
        .note("needs a kernel with modules"),
    attack("kernel-module-by-file", "load code into the kernel from a file", Killed, |scene| {
        call!(libc::SYS_finit_module, scene.grants.file, c"", 0)
    })
    .note("needs a kernel with modules"),
    attack("unload-module", "take code out of the kernel", Killed, |_| {
        call!(libc::SYS_delete_module, c"orlop_none", libc::O_NONBLOCK)
    })
    .note("needs a kernel with modules"),
    attack("kexec", "boot another kernel", Killed, |_| call!(libc::SYS_kexec_load, 0, 0, 0_usize, 0))
        .note("needs kexec; and the arena has given up CAP_SYS_BOOT, so that no control can succeed"),
    attack("reboot", "switch the machine off", Killed, |_| call!(libc::SYS_reboot, 0xfee1_dead_u32, 0x2812_1969, 0, 0))
        .note("asks for Ctrl-Alt-Del to be off, which is how it is; the arena has given up CAP_SYS_BOOT"),
    attack("swap", "choose where memory is written to", Killed, |_| call!(libc::SYS_swapoff, c"/var/arena/secret"))
        .note("a file that is no swap space: refused to anybody, so no evidence"),
    attack("accounting", "stop process accounting", Killed, |_| call!(libc::SYS_acct, 0_usize))
        .note("accounting is off in the arena's namespace already"),
    attack("kernel-log", "read the kernel's log", Killed, |_| call!(libc::SYS_syslog, 10, 0_usize, 0))
        .note("asks for the log's size only"),
    attack("host-name", "rename the machine", Killed, |_| call!(libc::SYS_sethostname, c"owned", 5)),
    attack("domain-name", "rename the machine's domain", Killed, |_| call!(libc::SYS_setdomainname, c"owned", 5)),
    attack("set-clock", "set the clock", Killed, |_| {
        let mut now = [0_i64; 2];
        call!(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, &mut now)?;
        call!(libc::SYS_clock_settime, libc::CLOCK_REALTIME, &now)
    })
    .note("the arena has given up CAP_SYS_TIME: no control can succeed, and none may"),
    attack("set-time-of-day", "set the clock, the older way", Killed, |_| {
        let zone = [0_i32, 0];
        call!(libc::SYS_settimeofday, 0_usize, &zone)
    })
    .note("the arena has given up CAP_SYS_TIME: no control can succeed, and none may"),
    attack("adjust-clock", "steer the clock", Killed, |_| {
        let mut timex = [0_u64; 32];
        call!(libc::SYS_adjtimex, &mut timex)
    })
    .note("modes 0 reads the clock's state: the reachability control, since no control may steer it"),
    attack("adjust-clock-by-id", "steer the clock, the newer way", Killed, |_| {
        let mut timex = [0_u64; 32];
        call!(libc::SYS_clock_adjtime, libc::CLOCK_REALTIME, &mut timex)
    })
    .note("modes 0 reads the clock's state: the reachability control, since no control may steer it"),
    attack("quota", "change disk quotas", Killed, |_| {
        // Q_SYNC for every file system: the one harmless command.
        call!(libc::SYS_quotactl, 0x8000_0100_u32, 0_usize, 0, 0_usize)
    }),
    attack("system-information", "learn the machine's load and memory", UNKNOWN, |_| {
        let mut room = [0_u8; 128];
        call!(libc::SYS_sysinfo, room.as_mut_slice())
    }),
    attack("system-name", "learn the kernel's version, to choose an exploit", UNKNOWN, |_| {
        let mut room = [0_u8; 400];
        call!(libc::SYS_uname, room.as_mut_slice())
    }),
    attack("memory-policy", "move its memory between nodes", Killed, |_| call!(libc::SYS_set_mempolicy, 0, 0_usize, 0)),
    attack("barrier", "interrupt every processor (membarrier)", UNKNOWN, |_| call!(libc::SYS_membarrier, 0, 0, 0)),
    #[cfg(target_arch = "x86_64")]
    attack("port-access", "reach hardware ports", Killed, |_| call!(libc::SYS_iopl, 3))
        .note("needs a kernel that lets programs reach ports"),
    #[cfg(target_arch = "x86_64")]
    attack("port-bitmap", "reach one hardware port", Killed, |_| call!(libc::SYS_ioperm, 0x80, 1, 1))
        .note("needs a kernel that lets programs reach ports"),
    #[cfg(target_arch = "x86_64")]
    attack("local-descriptor-table", "change the processor's segment table", Killed, |_| {
        let mut room = [0_u8; 16];
        call!(libc::SYS_modify_ldt, 0, room.as_mut_slice(), 16)
    }),
    #[cfg(target_arch = "x86_64")]
    attack("thread-base", "move the processor's thread pointer", Killed, |_| {
        let mut base = 0_u64;
        // ARCH_GET_FS
        call!(libc::SYS_arch_prctl, 0x1003, &mut base)
    }),
];

/// `ENOKEY`, which the libc crate does not name on every target.
const ENOKEY: i32 = 126;
