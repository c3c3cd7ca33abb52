//! The filter in force against the table: every system call number is tried, every rule replayed with arguments that it allows
//! and with each of its pins broken in turn.

use anyhow::Result;
use orlop_sandbox::profile::{Pin, Profile, Rule, Value};

use crate::arena::Arena;
use crate::arena::trial::Outcome;
use crate::syscall::Errno;
use crate::target::Target;

/// A call whose answer was not the table's.
pub struct Difference {
    /// Which call, in words.
    pub call: String,
    /// What the table says.
    pub table: &'static str,
    /// What the kernel did.
    pub kernel: Outcome,
}

/// Numbers that the kernel lets through every filter, and why that is no hole.
#[cfg(target_arch = "x86_64")]
pub const UNFILTERED: &[(i64, &str)] = &[
    (335, "uretprobe: the kernel's own trampoline makes it; from anywhere else it raises SIGILL"),
    (336, "uprobe: the kernel's own trampoline makes it; from anywhere else it fails with ENXIO"),
];
/// Numbers that the kernel lets through every filter, and why that is no hole.
#[cfg(not(target_arch = "x86_64"))]
pub const UNFILTERED: &[(i64, &str)] = &[];

/// Numbers up to here are tried: above the last one of any kernel so far, on every architecture.
pub const LAST_NUMBER: i64 = 600;

/// Compares the target's filter in force with its table. Returns the differences and how many calls were made.
///
/// # Errors
/// When the arena fails.
pub fn compare(arena: &mut Arena, target: &'static Target) -> Result<(Vec<Difference>, usize)> {
    let mut calls: Vec<Expected> = (0..=LAST_NUMBER).map(|number| by_number(target.profile, number)).collect();
    for rule in target.profile.syscalls {
        calls.extend(rule.pins.iter().map(|alternative| within(rule, alternative)));
        calls.extend(rule.pins.iter().flat_map(|alternative| broken(rule, alternative)));
    }
    let mut differences = Vec::new();
    for Expected { call, number, arguments, table } in &calls {
        let kernel = arena.probe(target, *number, *arguments)?;
        if !table.fits(&kernel) {
            differences.push(Difference { call: call.clone(), table: table.words(), kernel });
        }
    }
    Ok((differences, calls.len()))
}

/// Prints the comparison. Whether there is no difference.
///
/// # Errors
/// When the arena fails.
pub fn report(arena: &mut Arena, target: &'static Target) -> Result<bool> {
    let (differences, calls) = compare(arena, target)?;
    for Difference { call, table, kernel } in &differences {
        println!("DIFFERENT: {call}: the table says {table}, the kernel: {kernel}");
    }
    println!(
        "{calls} calls made under the filter of the {}, {} answered otherwise than its table says",
        target.title,
        differences.len()
    );
    Ok(differences.is_empty())
}

struct Expected {
    call: String,
    number: i64,
    arguments: [i64; 6],
    table: Answer,
}

/// What the table says about one call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Killed,
    Unknown,
    Allowed,
}

impl Answer {
    fn fits(self, kernel: &Outcome) -> bool {
        let unknown = *kernel == Outcome::Refused(Errno(libc::ENOSYS));
        match self {
            Self::Killed => *kernel == Outcome::Killed,
            Self::Unknown => unknown,
            // Whatever the call itself makes of its arguments, it was reached.
            Self::Allowed => {
                !unknown
                    && matches!(
                        kernel,
                        Outcome::Succeeded | Outcome::Refused(_) | Outcome::Ended(_) | Outcome::Signalled(_)
                    )
            }
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Unknown => "ENOSYS",
            Self::Allowed => "allowed",
        }
    }
}

/// No call does anything with these: no descriptor, no address, no length that exists.
const NONSENSE: i64 = -1;

fn by_number(profile: &Profile, number: i64) -> Expected {
    let denied = profile.denied.iter().any(|denied| denied.syscall.number == number);
    let rule = profile.syscalls.iter().find(|rule| rule.syscall.number == number);
    let table = match rule {
        _ if UNFILTERED.iter().any(|(exempt, _)| *exempt == number) => Answer::Allowed,
        _ if denied => Answer::Killed,
        Some(rule) if allows(rule, &[NONSENSE; 6]) => Answer::Allowed,
        Some(_) | None => Answer::Unknown,
    };
    let name = rule.map_or("", |rule| rule.syscall.name);
    Expected { call: format!("number {number} {name}"), number, arguments: [NONSENSE; 6], table }
}

fn within(rule: &Rule, alternative: &[Pin]) -> Expected {
    let call = format!("{} as pinned", rule.syscall.name);
    Expected { call, number: rule.syscall.number, arguments: arguments(alternative, None), table: Answer::Allowed }
}

/// The call once per pin, with that pin broken and every other one met, except where another alternative allows just that.
fn broken(rule: &Rule, alternative: &'static [Pin]) -> Vec<Expected> {
    (0..alternative.len())
        .map(|at| (at, arguments(alternative, Some(at))))
        .filter(|(_, arguments)| !allows(rule, arguments))
        .map(|(at, arguments)| {
            let call = format!("{} with pin {at} broken", rule.syscall.name);
            Expected { call, number: rule.syscall.number, arguments, table: Answer::Unknown }
        })
        .collect()
}

fn arguments(alternative: &[Pin], broken: Option<usize>) -> [i64; 6] {
    let mut arguments = [NONSENSE; 6];
    for (at, pin) in alternative.iter().enumerate() {
        if let Some(slot) = arguments.get_mut(usize::from(pin.arg)) {
            *slot = if broken == Some(at) { breaking(pin.is) } else { meeting(pin.is) };
        }
    }
    arguments
}

fn meeting(value: Value) -> i64 {
    match value {
        Value::Int(value) | Value::AtMost(value) | Value::AtLeast(value) => value.into(),
        Value::Long(value) | Value::Within(value) => value.cast_signed(),
        Value::Null => 0,
    }
}

/// The nearest value that the pin must refuse: a filter that is off by one is off.
fn breaking(value: Value) -> i64 {
    match value {
        Value::Int(value) | Value::AtMost(value) => i64::from(value) + 1,
        Value::AtLeast(value) => i64::from(value) - 1,
        Value::Long(value) => value.cast_signed() ^ (1 << 40),
        Value::Within(value) => (value.cast_signed() << 1) | 4,
        Value::Null => 1 << 32,
    }
}

fn allows(rule: &Rule, arguments: &[i64; 6]) -> bool {
    rule.pins.is_empty() || rule.pins.iter().any(|alternative| alternative.iter().all(|pin| is_met(*pin, arguments)))
}

fn is_met(pin: Pin, arguments: &[i64; 6]) -> bool {
    let argument = arguments.get(usize::from(pin.arg)).copied().unwrap_or(NONSENSE).cast_unsigned();
    match pin.is {
        Value::Int(value) => argument & 0xffff_ffff == u64::from(value),
        Value::AtMost(value) => argument & 0xffff_ffff <= u64::from(value),
        Value::AtLeast(value) => argument & 0xffff_ffff >= u64::from(value),
        Value::Long(value) => argument == value,
        Value::Null => argument == 0,
        Value::Within(bits) => argument & !bits == 0,
    }
}
