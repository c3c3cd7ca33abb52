//! What became of a setting: what was wanted against what the kernel says.
//!
//! A successful write proves nothing. The kernel cuts strings, takes the first of two numbers, rounds, and reads `010` as 8;
//! so everything is compared after it was read back, and as what it is: numbers as numbers, lists field by field, text as
//! text.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use crate::number::{is_as_the_kernel_says, numbers, ranges};
use crate::{Access, Class, Lock, Outcome, Permitted, Trial, Want, Wrote};

/// What the broker and its applier did about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The key could not be opened, with this `errno`.
    Unopened(i32),
    /// It was opened for this, and tried.
    Tried(Access, Trial),
}

/// Whether `want` is what the kernel says already, so that there is nothing to write.
///
/// `0x20` is not in force where the kernel says `32`: it may be a text, and writing the same number again does no harm.
#[must_use]
pub fn is_in_force(want: &Want, before: &str) -> bool {
    match want {
        Want::Exactly(value) => compare(value.as_str(), before) == Likeness::Same,
        Want::AtLeast(number) => single(before).is_some_and(|now| now >= i128::from(*number)),
    }
}

/// Whether `want` can be held against what the kernel says: a number that is wanted at least only against one number. To
/// write it elsewhere could make the first number of a list smaller.
#[must_use]
pub fn is_comparable(want: &Want, before: Option<&str>) -> bool {
    match want {
        Want::Exactly(_) => true,
        Want::AtLeast(_) => before.and_then(single).is_some(),
    }
}

/// Whether `now` is what `want` asks for, however it is spelled.
#[must_use]
pub fn holds(want: &Want, now: &str) -> bool {
    match want {
        Want::Exactly(value) => compare(value.as_str(), now) != Likeness::Different,
        Want::AtLeast(_) => is_in_force(want, now),
    }
}

/// What became of `step`.
#[must_use]
pub fn judge(step: &Permitted, attempt: &Attempt) -> Outcome {
    match attempt {
        Attempt::Unopened(errno) => unopened(step, *errno),
        Attempt::Tried(access, trial) => tried(step, *access, trial),
    }
}

fn unopened(step: &Permitted, errno: i32) -> Outcome {
    match errno {
        // A folder is no setting.
        ENOENT | ENOTDIR | EISDIR => Outcome::Missing,
        EACCES | EPERM => denied(step),
        EROFS => Outcome::ReadOnly,
        other => Outcome::Failed(other),
    }
}

fn tried(step: &Permitted, access: Access, trial: &Trial) -> Outcome {
    let Trial { before, wrote, after } = trial;
    let want = &step.step().want;
    match *wrote {
        Wrote::No => untouched(step, access, before.as_deref()),
        Wrote::Whole => match (before.as_deref(), after.as_deref()) {
            // Written only so that it stays.
            (Some(before), Some(after)) if is_in_force(want, before) && is_in_force(want, after) => Outcome::Unchanged,
            (_, Some(after)) => written(want, after),
            (_, None) => Outcome::Unverified,
        },
        Wrote::Short => after.as_deref().map_or(Outcome::Mismatch, |after| written(want, after)),
        Wrote::Refused(EPERM | EACCES | EINVAL) if is_locked(step, before.as_deref()) => Outcome::Locked,
        Wrote::Refused(EPERM | EACCES) => denied(step),
        // It was there to be opened, and cannot even be read any more: its interface is gone.
        Wrote::Refused(ENOENT) if access == Access::ReadWrite && before.is_none() => Outcome::Missing,
        // The key exists, so that what does not exist is what the value names: a congestion control, for example.
        Wrote::Refused(EINVAL | ERANGE | ENOENT) => Outcome::Invalid,
        Wrote::Refused(EROFS) => Outcome::ReadOnly,
        Wrote::Refused(other) => Outcome::Failed(other),
    }
}

fn untouched(step: &Permitted, access: Access, before: Option<&str>) -> Outcome {
    let want = &step.step().want;
    match (before, want) {
        (Some(now), Want::AtLeast(number)) if is_in_force(want, now) => {
            if single(now) == Some(i128::from(*number)) {
                Outcome::Unchanged
            } else {
                Outcome::Kept
            }
        }
        // However it is spelled: a write would change nothing.
        (Some(now), Want::Exactly(value)) if compare(value.as_str(), now) != Likeness::Different => Outcome::Unchanged,
        (Some(_) | None, Want::Exactly(_) | Want::AtLeast(_)) => {
            if !is_comparable(want, before) {
                Outcome::Invalid
            } else if let Some(why) = step.hold() {
                Outcome::Skipped(why)
            } else if is_locked(step, before) {
                Outcome::Locked
            } else {
                match access {
                    // Without that capability it looks as if nobody could write it.
                    Access::ReadOnly if step.class() == Class::SysResource => denied(step),
                    Access::ReadOnly | Access::MountedReadOnly => Outcome::ReadOnly,
                    Access::ReadWrite | Access::WriteOnly => Outcome::Differs,
                }
            }
        }
    }
}

fn written(want: &Want, after: &str) -> Outcome {
    match want {
        Want::Exactly(value) => match compare(value.as_str(), after) {
            Likeness::Same => Outcome::Ok,
            Likeness::Spelled => Outcome::Normalized,
            Likeness::Different => Outcome::Mismatch,
        },
        Want::AtLeast(_) if is_in_force(want, after) => Outcome::Ok,
        Want::AtLeast(_) => Outcome::Mismatch,
    }
}

/// Whether the key was written once and for all, with another value than the one that is wanted.
fn is_locked(step: &Permitted, before: Option<&str>) -> bool {
    let step = step.step();
    before.is_some_and(|now| Lock::closed(&step.key, now).is_some() && !is_in_force(&step.want, now))
}

fn denied(step: &Permitted) -> Outcome {
    Outcome::Denied(Some(step.class()).filter(|class| *class != Class::Root))
}

/// How two texts of the same setting compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// The same, but for the white space between numbers.
    Same,
    /// The same value, spelled differently.
    Spelled,
    /// Another value.
    Different,
}

/// Compares what was wanted with what the kernel says.
fn compare(want: &str, now: &str) -> Likeness {
    let (want, now) = (want.trim_ascii(), now.trim_ascii());
    if want == now {
        return Likeness::Same;
    }
    // The kernel spells numbers in one way only, but for a few flags (`sunrpc.nfs_debug`); what it spells otherwise is text.
    if now.split_ascii_whitespace().all(|field| is_as_the_kernel_says(field) || field.starts_with("0x"))
        && let Some(numbers) = numbers(want)
        && self::numbers(now) == Some(numbers)
    {
        let usual = [want, now].iter().all(|text| text.split_ascii_whitespace().all(is_as_the_kernel_says));
        return if usual { Likeness::Same } else { Likeness::Spelled };
    }
    if (now.split([',', '-']).all(is_as_the_kernel_says) && ranges(want).is_some_and(|set| ranges(now) == Some(set)))
        || words(want).is_some_and(|set| words(now) == Some(set))
        || address(want).is_some_and(|address| self::address(now) == Some(address))
        || (is_padded(now) && groups(want).is_some_and(|groups| self::groups(now) == Some(groups)))
    {
        return Likeness::Spelled;
    }
    Likeness::Different
}

/// Several words, none of them a number: a set of names, which the kernel may say in an order of its own.
fn words(text: &str) -> Option<BTreeSet<&str>> {
    let words: BTreeSet<_> = text.split_ascii_whitespace().collect();
    let names = words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    (words.len() > 1 && names).then_some(words)
}

/// An IPv6 address, of which the kernel says every digit: `net.ipv6.conf.*.stable_secret`.
fn address(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok()
}

/// Groups of hexadecimal digits, as in a mask of processors (`net.core.rps_default_mask`, groups after commas) or a key
/// (`net.ipv4.tcp_fastopen_key`, after hyphens), without the zeros and the groups of zeros in front.
fn groups(text: &str) -> Option<Vec<Vec<u32>>> {
    let digits = |group: &str| (!group.starts_with('+')).then(|| u32::from_str_radix(group, 16).ok()).flatten();
    let parts = text.split(',').map(|part| part.split('-').map(digits).collect());
    let parts: Vec<Vec<u32>> = parts.collect::<Option<_>>()?;
    Some(parts.into_iter().skip_while(|part| part == &[0]).collect())
}

/// Whether `text` may be such groups as the kernel says them: with zeros in front, up to eight digits.
fn is_padded(text: &str) -> bool {
    text.starts_with('0') || text.split([',', '-']).any(|group| group.len() == 8)
}

fn single(text: &str) -> Option<i128> {
    let mut numbers = numbers(text)?.into_iter();
    numbers.next().filter(|_| numbers.next().is_none())
}

// The same on every architecture that we build for.
const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const ENOTDIR: i32 = 20;
const EISDIR: i32 = 21;
const EINVAL: i32 = 22;
const EROFS: i32 = 30;
const ERANGE: i32 = 34;

#[cfg(test)]
mod tests;
