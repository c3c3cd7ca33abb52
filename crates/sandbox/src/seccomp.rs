//! System call filters: a profile's two tables, compiled and installed.
//!
//! There are two filters, and the kernel takes the stricter answer of the two. The first allows the table of
//! [`Profile::syscalls`] and fails everything else with `ENOSYS`, so that a C library which starts to probe for
//! something new does not take the network down. The second ends the process for the table of
//! [`Profile::denied`]: calls that no version of a correct process makes.
//!
//! What every worker may do is [`WORKER_BASE`], every broker [`BROKER_BASE`], and every applier [`APPLIER_BASE`]; what kills
//! them is [`WORKER_DENIED`], [`BROKER_DENIED`] and [`APPLIER_DENIED`]. Part of each is, per architecture, [`LEGACY`]: the
//! older names of calls that newer architectures never had.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::fatal::{Exit, Fatal};
use crate::profile::{Denied, Need, Pin, Profile, Rule, Syscall, Value};
use crate::sys;

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod applier;
mod broker;
mod clocks;
mod denied;
mod memory;
mod worker;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64::LEGACY_UNTIL_CONFINED;
#[cfg(target_arch = "aarch64")]
pub use aarch64::{EPOLL_WAIT, LEGACY};
pub use applier::BASE as APPLIER_BASE;
pub use broker::{BASE as BROKER_BASE, ORDERS as BROKER_ORDERS, PEER};
pub use denied::{
    APPLIER_DENIED, BROKER_DENIED, EVERYWHERE, IN_APPLIERS, IN_WORKERS, LISTENING_WORKER_DENIED, WORKER_DENIED,
};
pub use memory::MEMORY;
pub use worker::{
    BASE as WORKER_BASE, JOINED_BASE as JOINED_WORKER_BASE, LISTENING_BASE as LISTENING_WORKER_BASE,
    SPEAKING_BASE as SPEAKING_WORKER_BASE, TIMELESS_BASE as TIMELESS_WORKER_BASE,
    UNGRANTED_BASE as UNGRANTED_WORKER_BASE, WAKE_FD,
};
#[cfg(target_arch = "x86_64")]
use x86_64::LEGACY_UNTIL_CONFINED;
#[cfg(target_arch = "x86_64")]
pub use x86_64::{EPOLL_WAIT, LEGACY};

/// The filters of a profile, ready for the kernel. Compiled before privileges are dropped, installed last.
#[derive(Debug)]
pub(crate) struct Filters {
    allowed: Option<(BpfProgram, usize)>,
    denied: Option<(BpfProgram, usize)>,
}

impl Filters {
    pub(crate) fn compile(profile: &Profile) -> Result<Self, Fatal> {
        let wanted = |need: Need| need != Need::Off;
        let allowed = wanted(profile.layers.allowed).then(|| allow_list(profile)).transpose();
        let allowed =
            allowed.map_err(|cause| Fatal::new(Exit::Software, "a table of system calls is invalid").cause(cause))?;
        let denied = wanted(profile.layers.denied).then(|| deny_list(profile.denied)).transpose()?;
        Ok(Self {
            allowed: allowed.map(|program| (program, profile.syscalls.len())),
            denied: denied.map(|program| (program, profile.denied.len())),
        })
    }

    /// How many filters there are to install.
    pub(crate) fn count(&self) -> u16 {
        u16::from(self.allowed.is_some()) + u16::from(self.denied.is_some())
    }

    /// How many system calls work.
    pub(crate) fn allowed(&self) -> u16 {
        size(self.allowed.as_ref())
    }

    /// How many system calls end the process.
    pub(crate) fn denied(&self) -> u16 {
        size(self.denied.as_ref())
    }

    /// Puts the filters in force. From here on only the profile's calls work.
    pub(crate) fn install(&self) -> Result<(), Fatal> {
        // Allowed first: the kernel works out in advance what each filter answers for each call number, and
        // skips the numbers that an earlier one has not allowed. The long table is thus cheap as the second.
        for (program, _) in [&self.allowed, &self.denied].into_iter().flatten() {
            install(program)?;
        }
        Ok(())
    }
}

fn size(filter: Option<&(BpfProgram, usize)>) -> u16 {
    filter.map_or(0, |(_, size)| u16::try_from(*size).unwrap_or(u16::MAX))
}

fn allow_list(profile: &Profile) -> Result<BpfProgram, BackendError> {
    let mut rules = BTreeMap::new();
    for Rule { syscall, pins, why: _ } in profile.syscalls {
        let alternatives: Vec<SeccompRule> = pins
            .iter()
            .map(|pins| SeccompRule::new(pins.iter().map(condition).collect::<Result<_, _>>()?))
            .collect::<Result<_, _>>()?;
        rules.insert(syscall.number, alternatives);
    }
    if profile.layers.denied != Need::Off {
        // To install the second filter; it denies the call from then on.
        rules.insert(crate::syscall!(SYS_seccomp).number, Vec::new());
    }
    SeccompFilter::new(rules, SeccompAction::Errno(ENOSYS), SeccompAction::Allow, ARCHITECTURE)?.try_into()
}

/// A filter that ends the process for any of `denied`. One comparison each: what seccompiler makes of such a table is
/// five times as long, and takes a quarter of a millisecond to install.
fn deny_list(denied: &[Denied]) -> Result<BpfProgram, Fatal> {
    let kill = u32::from(SeccompAction::KillProcess);
    let mut program = vec![
        load(ARCHITECTURE_OFFSET),
        sock_filter { code: EQUAL, jt: 1, jf: 0, k: AUDIT_ARCHITECTURE },
        answer(kill),
        load(NUMBER_OFFSET),
    ];
    for (at, Denied { syscall, why: _ }) in denied.iter().enumerate() {
        // Over the remaining comparisons and the answer "allow".
        let to_kill = u8::try_from(denied.len() - at);
        let number = u32::try_from(syscall.number);
        let (Ok(jt), Ok(k)) = (to_kill, number) else {
            return Err(Fatal::new(
                Exit::Software,
                format!("the table of denied calls is too long at {}", syscall.name),
            ));
        };
        program.push(sock_filter { code: EQUAL, jt, jf: 0, k });
    }
    program.extend([answer(u32::from(SeccompAction::Allow)), answer(kill)]);
    Ok(program)
}

/// `BPF_LD | BPF_W | BPF_ABS`: a word of `struct seccomp_data`.
const fn load(offset: u32) -> sock_filter {
    sock_filter { code: 0x20, jt: 0, jf: 0, k: offset }
}

/// `BPF_RET | BPF_K`.
const fn answer(action: u32) -> sock_filter {
    sock_filter { code: 0x06, jt: 0, jf: 0, k: action }
}

/// `BPF_JMP | BPF_JEQ | BPF_K`.
const EQUAL: u16 = 0x15;
/// Where `struct seccomp_data` has the number of the call, and which architecture's number it is.
const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;

/// Installs the supervisor's own filter, which its children inherit.
pub(crate) fn install_inherited() -> Result<(), Fatal> {
    install(&deny_list(&inherited())?)
}

/// What supervisor, broker and worker never do, not even before they are confined.
fn inherited() -> Vec<Denied> {
    let needed: Vec<Syscall> = denied::UNTIL_CONFINED.into_iter().chain(LEGACY_UNTIL_CONFINED).collect();
    EVERYWHERE.into_iter().chain(LEGACY).filter(|denied| !needed.contains(&denied.syscall)).collect()
}

fn install(program: &BpfProgram) -> Result<(), Fatal> {
    sys::install_filter(program).map_err(|errno| {
        Fatal::new(Exit::Permission, "cannot install the system call filter")
            .cause(errno)
            .help("the kernel needs CONFIG_SECCOMP_FILTER")
    })
}

fn condition(pin: &Pin) -> Result<SeccompCondition, BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    let (width, operator, value) = match pin.is {
        Value::Int(value) => (Dword, SeccompCmpOp::Eq, value.into()),
        Value::AtMost(value) => (Dword, SeccompCmpOp::Le, value.into()),
        Value::AtLeast(value) => (Dword, SeccompCmpOp::Ge, value.into()),
        Value::Long(value) => (Qword, SeccompCmpOp::Eq, value),
        Value::Null => (Qword, SeccompCmpOp::Eq, 0),
        Value::Within(bits) => (Qword, SeccompCmpOp::MaskedEq(!bits), 0),
    };
    SeccompCondition::new(pin.arg, width, operator, value)
}

const ENOSYS: u32 = rustix::io::Errno::NOSYS.raw_os_error().unsigned_abs();

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
/// `AUDIT_ARCH_X86_64` of `linux/audit.h`.
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;
/// `AUDIT_ARCH_AARCH64` of `linux/audit.h`.
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCHITECTURE: u32 = 0xc000_00b7;

#[cfg(test)]
mod tests;
