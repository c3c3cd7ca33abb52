//! What the kernel tells about another process to whoever names it by its number.

use super::End::Killed;
use super::{Attack, UNKNOWN, attack};
use crate::syscall::{Attempt, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("watch-broker-time", "tell what the broker does by the processor time it uses", UNKNOWN, |s| {
        time_of(i64::from(clock_of(s.broker)))
    }),
    attack("watch-broker-time-short", "the same, with nothing in the upper half of the register", UNKNOWN, |s| {
        time_of(i64::from(clock_of(s.broker).cast_unsigned()))
    }),
    attack("watch-broker-time-in-users", "the same, without what the kernel did for it", UNKNOWN, |s| {
        // CPUCLOCK_VIRT instead of CPUCLOCK_SCHED.
        time_of(i64::from(clock_of(s.broker) - 1))
    }),
    attack("watch-supervisor-time", "tell what process 1 does by the processor time it uses", UNKNOWN, |_| {
        time_of(i64::from(clock_of(1)))
    }),
    attack("broker-clock-resolution", "find processes by asking how fine their clocks are", UNKNOWN, |s| {
        let mut resolution = [0_i64; 2];
        call!(libc::SYS_clock_getres, clock_of(s.broker), &mut resolution)
    }),
    attack("broker-clock-timer", "be told when the broker has used so much processor time", Killed, |s| {
        let mut timer = 0_i32;
        call!(libc::SYS_timer_create, clock_of(s.broker), 0_usize, &mut timer)
    }),
    attack("broker-affinity", "learn on which processors the broker runs", UNKNOWN, |s| {
        let mut processors = [0_u64; 16];
        call!(libc::SYS_sched_getaffinity, s.broker, size_of_val(&processors), &mut processors)
    }),
    attack("broker-scheduler", "learn how the broker is scheduled", UNKNOWN, |s| {
        call!(libc::SYS_sched_getscheduler, s.broker)
    }),
    attack("broker-scheduling", "the same with all that belongs to it", UNKNOWN, |s| {
        let mut attributes = [0_u8; 48];
        call!(libc::SYS_sched_getattr, s.broker, attributes.as_mut_slice(), attributes.len(), 0)
    }),
    attack("broker-real-time", "learn the real-time priority of the broker", UNKNOWN, |s| {
        let mut priority = 0_i32;
        call!(libc::SYS_sched_getparam, s.broker, &mut priority)
    }),
    attack("broker-time-slice", "learn how long the broker may run at a time", UNKNOWN, |s| {
        let mut slice = [0_i64; 2];
        call!(libc::SYS_sched_rr_get_interval, s.broker, &mut slice)
    }),
    attack("broker-priority", "learn how nice the broker is", UNKNOWN, |s| {
        call!(libc::SYS_getpriority, libc::PRIO_PROCESS, s.broker)
    }),
    attack("broker-input-priority", "learn the broker's priority for input and output", UNKNOWN, |s| {
        call!(libc::SYS_ioprio_get, 1, s.broker)
    }),
    attack("broker-session", "learn the broker's session", UNKNOWN, |s| call!(libc::SYS_getsid, s.broker)),
    attack("broker-limits", "learn the broker's limits", Killed, |s| {
        let mut limits = [0_u64; 2];
        call!(libc::SYS_prlimit64, s.broker, libc::RLIMIT_NOFILE, 0_usize, &mut limits)
    }),
    attack("broker-capabilities", "learn what the broker may do", UNKNOWN, |s| {
        let header = [0x2008_0522_u32, s.broker.cast_unsigned()];
        let mut sets = [0_u32; 6];
        call!(libc::SYS_capget, &header, &mut sets)
    }),
    attack("broker-locks", "learn where the broker's threads keep their locks", Killed, |s| {
        let (mut head, mut length) = (0_usize, 0_usize);
        call!(libc::SYS_get_robust_list, s.broker, &mut head, &mut length)
    }),
];

/// The clock of a process's processor time (`CPUCLOCK_SCHED`), as the kernel makes its number of the process's.
fn clock_of(process: i32) -> i32 {
    (!process << 3) | 2
}

fn time_of(clock: i64) -> Attempt {
    let mut time = [0_i64; 2];
    call!(libc::SYS_clock_gettime, clock, &mut time)
}
