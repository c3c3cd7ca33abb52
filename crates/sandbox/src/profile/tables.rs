//! Tables of system calls made of other tables, at compile time.

use super::{Denied, Rule, Syscall};

/// Joins tables at compile time: `const RULES: [Rule; BASE.len() + 2] = join(&[BASE, &[..]])`.
///
/// # Panics
/// When the parts do not have `N` elements together: the build stops.
#[must_use]
pub const fn join<T: Copy, const N: usize>(parts: &[&[T]]) -> [T; N] {
    let mut joined = [parts[0][0]; N];
    let (mut part, mut next) = (0, 0);
    while part < parts.len() {
        let mut at = 0;
        while at < parts[part].len() {
            joined[next] = parts[part][at];
            next += 1;
            at += 1;
        }
        part += 1;
    }
    assert!(next == N, "the declared length of the joined table is wrong");
    joined
}

/// `rules` without these calls, at compile time.
///
/// # Panics
/// When one of them is not in `rules`, or in it twice: the build stops.
#[must_use]
pub const fn without<const N: usize>(rules: &[Rule], calls: &[Syscall]) -> [Rule; N] {
    let mut rest = [rules[0]; N];
    let (mut from, mut to) = (0, 0);
    while from < rules.len() {
        let (mut call, mut unwanted) = (0, false);
        while call < calls.len() {
            unwanted = unwanted || calls[call].number == rules[from].syscall.number;
            call += 1;
        }
        if !unwanted {
            rest[to] = rules[from];
            to += 1;
        }
        from += 1;
    }
    assert!(to == N && N + calls.len() == rules.len(), "a call is not in the table, or twice");
    rest
}

/// `denied` without this call, at compile time.
///
/// # Panics
/// When it is not in `denied`: the build stops.
#[must_use]
pub const fn spared<const N: usize>(denied: &[Denied], call: Syscall) -> [Denied; N] {
    let mut rest = [denied[0]; N];
    let (mut from, mut to) = (0, 0);
    while from < denied.len() {
        if denied[from].syscall.number != call.number {
            rest[to] = denied[from];
            to += 1;
        }
        from += 1;
    }
    assert!(to == N && N + 1 == denied.len(), "the call is not in the table");
    rest
}
