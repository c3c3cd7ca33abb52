//! System call filters: a profile's two tables, compiled and installed.
//!
//! There are two filters, and the kernel takes the stricter answer of the two. The first allows the table of
//! [`Profile::syscalls`] and fails everything else with `ENOSYS`, so that a C library which starts to probe for
//! something new does not take the network down. The second ends the process for the table of
//! [`Profile::denied`]: calls that no version of a correct process makes.
//!
//! What every worker may do is [`WORKER_BASE`]; what kills is [`EVERYWHERE`], [`IN_WORKERS`] and, per architecture,
//! [`LEGACY`]: the older names of calls that newer architectures never had.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::fatal::{Exit, Fatal};
use crate::profile::{Denied, Need, Pin, Profile, Rule, Syscall, Value};
use crate::sys;

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod denied;
mod worker;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64::LEGACY_UNTIL_CONFINED;
#[cfg(target_arch = "aarch64")]
pub use aarch64::{EPOLL_WAIT, LEGACY};
pub use denied::{EVERYWHERE, IN_WORKERS};
pub use worker::{BASE as WORKER_BASE, WAKE_FD};
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
        let compile = || -> Result<_, BackendError> {
            Ok(Self {
                allowed: wanted(profile.layers.allowed)
                    .then(|| Ok((allow_list(profile)?, profile.syscalls.len())))
                    .transpose()?,
                denied: wanted(profile.layers.denied)
                    .then(|| Ok((deny_list(profile.denied)?, profile.denied.len())))
                    .transpose()?,
            })
        };
        compile().map_err(|cause| Fatal::new(Exit::Software, "a system call table cannot be compiled").cause(cause))
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
    compile(rules, SeccompAction::Errno(ENOSYS), SeccompAction::Allow)
}

fn deny_list(denied: &[Denied]) -> Result<BpfProgram, BackendError> {
    let rules = denied.iter().map(|denied| (denied.syscall.number, Vec::new())).collect();
    compile(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

/// Installs the supervisor's own filter, which its children inherit: what none of the three ever does.
pub(crate) fn install_inherited() -> Result<(), Fatal> {
    let needed: Vec<Syscall> = denied::UNTIL_CONFINED.into_iter().chain(LEGACY_UNTIL_CONFINED).collect();
    let denied: Vec<Denied> =
        EVERYWHERE.into_iter().chain(LEGACY).filter(|denied| !needed.contains(&denied.syscall)).collect();
    let program = deny_list(&denied)
        .map_err(|cause| Fatal::new(Exit::Software, "a system call table cannot be compiled").cause(cause))?;
    install(&program)
}

fn install(program: &BpfProgram) -> Result<(), Fatal> {
    sys::install_filter(program).map_err(|errno| {
        Fatal::new(Exit::Permission, "cannot install the system call filter")
            .cause(errno)
            .help("the kernel needs CONFIG_SECCOMP_FILTER")
    })
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, otherwise, matched, ARCHITECTURE)?.try_into()
}

fn condition(pin: &Pin) -> Result<SeccompCondition, BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    let (width, operator, value) = match pin.is {
        Value::Int(value) => (Dword, SeccompCmpOp::Eq, value.into()),
        Value::AtMost(value) => (Dword, SeccompCmpOp::Le, value.into()),
        Value::Long(value) => (Qword, SeccompCmpOp::Eq, value),
        Value::Null => (Qword, SeccompCmpOp::Eq, 0),
        Value::Within(bits) => (Qword, SeccompCmpOp::MaskedEq(!bits), 0),
    };
    SeccompCondition::new(pin.arg, width, operator, value)
}

const ENOSYS: u32 = rustix::io::Errno::NOSYS.raw_os_error().unsigned_abs();

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

#[cfg(test)]
mod tests;
