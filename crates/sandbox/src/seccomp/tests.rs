use super::*;
use crate::profile::CHANNEL_SLOT;
use crate::profile::{Ids, Landlock, LandlockSpec, Layers, Limits, Role, Root, join};
use crate::sys::numbers;
use crate::syscall;

const DENIED: [Denied; EVERYWHERE.len() + IN_WORKERS.len() + LEGACY.len()] = join(&[&EVERYWHERE, &IN_WORKERS, &LEGACY]);

const PROFILE: Profile = Profile {
    name: "test",
    role: Role::Worker,
    ids: Ids { uid: 1, gid: 1 },
    keep: &[],
    slots: &[],
    syscalls: &WORKER_BASE,
    denied: &DENIED,
    root: Root::Empty,
    limits: Limits::WORKER,
    landlock: Landlock { need: Need::Off, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Allow,
    NoSuchCall,
    Kill,
}

/// What the kernel would answer: the stricter of both filters, for a call of architecture `architecture`.
fn ask_as(architecture: u32, filters: &Filters, number: i64, arguments: [u64; 6]) -> Answer {
    let mut data = vec![];
    data.extend(u32::try_from(number).unwrap().to_le_bytes());
    data.extend(architecture.to_le_bytes());
    data.extend(0_u64.to_le_bytes());
    data.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
    let answers: Vec<u32> =
        [&filters.allowed, &filters.denied].into_iter().flatten().map(|(program, _)| run(program, &data)).collect();
    let has = |action: SeccompAction| answers.contains(&u32::from(action));
    match (has(SeccompAction::KillProcess), has(SeccompAction::Errno(ENOSYS))) {
        (true, _) => Answer::Kill,
        (false, true) => Answer::NoSuchCall,
        (false, false) => Answer::Allow,
    }
}

fn ask(filters: &Filters, number: i64, arguments: [u64; 6]) -> Answer {
    ask_as(AUDIT_ARCHITECTURE, filters, number, arguments)
}

/// Classic BPF, as far as filters use it.
fn run(program: &[sock_filter], data: &[u8]) -> u32 {
    let word = |at: u32| u32::from_le_bytes(data[at as usize..][..4].try_into().unwrap());
    let (mut accumulator, mut next) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[next].clone();
        next += 1;
        let holds = match code {
            0x20 => {
                accumulator = word(k);
                continue;
            }
            0x54 => {
                accumulator &= k;
                continue;
            }
            0x05 => {
                next += k as usize;
                continue;
            }
            0x06 => return k,
            0x15 => accumulator == k,
            0x25 => accumulator > k,
            0x35 => accumulator >= k,
            _ => panic!("instruction {code:#x} is not known here"),
        };
        next += usize::from(if holds { jt } else { jf });
    }
}

fn filters() -> Filters {
    Filters::compile(&PROFILE).unwrap()
}

const ANY: [u64; 6] = [0; 6];

#[test]
fn every_number_is_answered_as_the_tables_say() {
    let filters = filters();
    for number in 0..1024 {
        let rule = WORKER_BASE.iter().find(|rule| rule.syscall.number == number);
        let want = match rule {
            _ if PROFILE.denied.iter().any(|denied| denied.syscall.number == number) => Answer::Kill,
            Some(rule) if rule.pins.is_empty() => Answer::Allow,
            Some(_) => continue,
            None => Answer::NoSuchCall,
        };
        assert_eq!(ask(&filters, number, ANY), want, "system call {number}");
    }
}

#[test]
fn a_pinned_argument_is_compared_as_wide_as_the_kernel_reads_it() {
    let filters = filters();
    let (read_write, private_anonymous) = (3, 0x22);
    let channel = CHANNEL_SLOT as u64;
    let high = 1 << 32;
    use Answer::{Allow, NoSuchCall};
    for (what, syscall, arguments, want) in [
        ("log", syscall!(SYS_write), [2, 1, 1, 0, 0, 0], Allow),
        ("wake", syscall!(SYS_write), [WAKE_FD as u64, 1, 8, 0, 0, 0], Allow),
        ("write elsewhere", syscall!(SYS_write), [7, 1, 1, 0, 0, 0], NoSuchCall),
        ("the kernel ignores these bits", syscall!(SYS_write), [high | 2, 1, 1, 0, 0, 0], Allow),
        ("bits above hide a number", syscall!(SYS_write), [high | 7, 1, 1, 0, 0, 0], NoSuchCall),
        ("message", syscall!(SYS_sendto), [channel, 1, 1, 0, 0, 0], Allow),
        ("message with an address", syscall!(SYS_sendto), [channel, 1, 1, 0, 0x1000, 16], NoSuchCall),
        ("address in the high half", syscall!(SYS_sendto), [channel, 1, 1, 0, high, 16], NoSuchCall),
        ("send elsewhere", syscall!(SYS_sendto), [7, 1, 1, 0, 0, 0], NoSuchCall),
        ("close a granted one", syscall!(SYS_close), [7, 0, 0, 0, 0, 0], Allow),
        ("free the log's number", syscall!(SYS_close), [2, 0, 0, 0, 0, 0], NoSuchCall),
        ("free the channel's number", syscall!(SYS_close), [channel, 0, 0, 0, 0, 0], NoSuchCall),
        ("free the eventfd's number", syscall!(SYS_close), [WAKE_FD as u64, 0, 0, 0, 0, 0], NoSuchCall),
        ("memory", syscall!(SYS_mmap), [0, 4096, read_write, private_anonymous, u64::MAX, 0], Allow),
        ("executable memory", syscall!(SYS_mmap), [0, 4096, 7, private_anonymous, u64::MAX, 0], NoSuchCall),
        ("growing upwards", syscall!(SYS_mmap), [0, 4096, high | 3, private_anonymous, 0, 0], NoSuchCall),
        ("shared memory", syscall!(SYS_mmap), [0, 4096, read_write, 0x21, u64::MAX, 0], NoSuchCall),
        ("a file", syscall!(SYS_mmap), [0, 4096, 1, 2, 7, 0], NoSuchCall),
        ("fixed place", syscall!(SYS_mmap), [4096, 4096, read_write, 0x32, u64::MAX, 0], NoSuchCall),
        ("done", syscall!(SYS_exit_group), [0; 6], Allow),
        ("protocol error", syscall!(SYS_exit_group), [76, 0, 0, 0, 0, 0], Allow),
        ("no permission", syscall!(SYS_exit_group), [77, 0, 0, 0, 0, 0], NoSuchCall),
        ("negative", syscall!(SYS_exit_group), [u64::MAX, 0, 0, 0, 0, 0], NoSuchCall),
        ("boot time", syscall!(SYS_clock_gettime), [7, 0x1000, 0, 0, 0, 0], Allow),
        ("atomic time", syscall!(SYS_clock_gettime), [11, 0x1000, 0, 0, 0, 0], Allow),
        ("a clock of the future", syscall!(SYS_clock_gettime), [16, 0x1000, 0, 0, 0, 0], NoSuchCall),
        ("process 1", syscall!(SYS_clock_gettime), [(-14_i64).cast_unsigned(), 0x1000, 0, 0, 0, 0], NoSuchCall),
        ("process 1, in half", syscall!(SYS_clock_gettime), [0xffff_fff2, 0x1000, 0, 0, 0, 0], NoSuchCall),
        ("no bit in the low half", syscall!(SYS_clock_gettime), [high, 0x1000, 0, 0, 0, 0], Allow),
    ] {
        assert_eq!(ask(&filters, syscall.number, arguments), want, "{what}");
    }
}

#[test]
fn a_broker_asks_only_for_plain_clocks_and_for_the_user_of_its_caller() {
    const RULES: [Rule; BROKER_BASE.len() + BROKER_ORDERS.len()] = join(&[&BROKER_BASE, &BROKER_ORDERS]);
    let broker = Profile { role: Role::Broker, syscalls: &RULES, denied: &BROKER_DENIED, ..PROFILE };
    let filters = Filters::compile(&broker).unwrap();
    use Answer::{Allow, NoSuchCall};
    for (what, syscall, arguments, want) in [
        ("boot time", syscall!(SYS_clock_gettime), [7, 0x1000, 0, 0, 0, 0], Allow),
        ("process 1", syscall!(SYS_clock_gettime), [(-14_i64).cast_unsigned(), 0x1000, 0, 0, 0, 0], NoSuchCall),
        ("process 1, in half", syscall!(SYS_clock_gettime), [0xffff_fff2, 0x1000, 0, 0, 0, 0], NoSuchCall),
        ("a descriptor", syscall!(SYS_clock_gettime), [(-5_i64).cast_unsigned(), 0x1000, 0, 0, 0, 0], NoSuchCall),
        ("who calls", syscall!(SYS_getsockopt), [7, 1, 17, 0x1000, 0x1000, 0], Allow),
        ("a handle on who calls", syscall!(SYS_getsockopt), [7, 1, 77, 0x1000, 0x1000, 0], NoSuchCall),
        ("his groups", syscall!(SYS_getsockopt), [7, 1, 59, 0x1000, 0x1000, 0], NoSuchCall),
        ("another level", syscall!(SYS_getsockopt), [7, 6, 17, 0x1000, 0x1000, 0], NoSuchCall),
    ] {
        assert_eq!(ask(&filters, syscall.number, arguments), want, "{what}");
    }
}

#[test]
fn another_architecture_s_calls_end_the_process() {
    // `int 0x80` on x86-64 and 32-bit code on aarch64 have their own numbers.
    for (what, architecture) in [("i386", 0x4000_0003), ("arm", 0x4000_0028), ("none", 0)] {
        assert_eq!(ask_as(architecture, &filters(), syscall!(SYS_read).number, ANY), Answer::Kill, "{what}");
    }
    assert_eq!(ask(&filters(), 0x4000_0000 | syscall!(SYS_read).number, ANY), Answer::NoSuchCall, "x32");
}

#[test]
fn either_filter_works_without_the_other() {
    let only = |allowed, denied| {
        let layers = Layers { allowed, denied, ..Layers::ALL };
        Filters::compile(&Profile { layers, ..PROFILE }).unwrap()
    };
    let (execute, stat, read) = (syscall!(SYS_execve).number, syscall!(SYS_statx).number, syscall!(SYS_read).number);
    let allowed = only(Need::Require, Need::Off);
    assert_eq!((allowed.count(), allowed.denied()), (1, 0));
    assert_eq!(
        [execute, stat, read].map(|n| ask(&allowed, n, ANY)),
        [Answer::NoSuchCall, Answer::NoSuchCall, Answer::Allow]
    );
    let denied = only(Need::Off, Need::Require);
    assert_eq!((denied.count(), denied.allowed()), (1, 0));
    assert_eq!([execute, stat, read].map(|n| ask(&denied, n, ANY)), [Answer::Kill, Answer::Allow, Answer::Allow]);
    // The second filter can be installed under the first, and denies itself from then on.
    let second = [&allowed.allowed, &filters().allowed].map(|program| {
        let both = Filters { allowed: program.clone(), denied: None };
        ask(&both, numbers::SYS_seccomp, ANY)
    });
    assert_eq!(second, [Answer::NoSuchCall, Answer::Allow]);
    assert_eq!(ask(&filters(), numbers::SYS_seccomp, ANY), Answer::Kill);
}

#[test]
fn what_children_inherit_leaves_them_what_they_need_to_confine_themselves() {
    let needed = [
        syscall!(SYS_execveat),
        syscall!(SYS_setresuid),
        syscall!(SYS_chroot),
        syscall!(SYS_capset),
        syscall!(SYS_prctl),
        syscall!(SYS_seccomp),
        syscall!(SYS_landlock_restrict_self),
        syscall!(SYS_socket),
    ];
    let inherited = Filters { allowed: None, denied: Some((deny_list(&inherited()).unwrap(), 0)) };
    for syscall in needed {
        assert_eq!(ask(&inherited, syscall.number, ANY), Answer::Allow, "{}", syscall.name);
    }
    for syscall in [syscall!(SYS_ptrace), syscall!(SYS_mount), syscall!(SYS_bpf), syscall!(SYS_init_module)] {
        assert_eq!(ask(&inherited, syscall.number, ANY), Answer::Kill, "{}", syscall.name);
    }
}

#[test]
fn a_table_too_long_for_its_jumps_is_refused() {
    let long = vec![EVERYWHERE[0]; 256];
    assert_eq!(deny_list(&long).map(|_| ()).unwrap_err().exit, Exit::Software);
}
