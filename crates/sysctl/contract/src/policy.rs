use std::collections::BTreeSet;

use orlop_wire::Bounded;

use crate::{Class, Key, Lock, MAX_PREFIXES, MAX_STEPS, MAX_TEXT, Prefix, Rules, Skipped, Step, Want};

/// Decides what of a worker's plan is carried out, and in which order.
///
/// The broker believes nobody: a worker that an attacker owns can still write any well-typed step. What it can do with that
/// is set any kernel setting to any value, as the text could; within the prefixes, once per key, and never a lock when
/// `--lock` was not given.
#[derive(Debug)]
pub struct Policy {
    prefixes: Bounded<Prefix, MAX_PREFIXES>,
    lock: bool,
    seen: BTreeSet<Key>,
    /// Bytes of the values permitted so far.
    bytes: usize,
}

/// A step that the policy allows. Nothing else makes one, and only one of these is ever tried.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "permission is asked for in order to use it"]
pub struct Permitted {
    step: Step,
    class: Class,
    lock: Option<Lock>,
    hold: Option<Skipped>,
}

/// Why a step is refused. A correct worker never asks for such a step: whoever does is not to be believed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// More steps than [`MAX_STEPS`].
    #[error("the plan has more than {MAX_STEPS} steps")]
    TooMany,
    /// Values of more than [`MAX_TEXT`] together.
    #[error("the plan has values of more than {MAX_TEXT} bytes")]
    TooMuch,
    /// The key was permitted already.
    #[error("the plan has a key twice")]
    Twice,
    /// No prefix covers the key.
    #[error("the plan has a key that no --prefix covers")]
    OutsidePrefixes,
}

/// A plan in the order in which it is carried out: [`Arranged::settings`], then what [`Arranged::locks`] gives.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Arranged {
    /// Everything that can be taken back, in the order of the plan.
    pub settings: Vec<Permitted>,
    locks: Vec<Permitted>,
}

impl Policy {
    /// A policy for one plan. `lock` is `--lock`.
    #[must_use]
    pub fn new(rules: &Rules, lock: bool) -> Self {
        Self { prefixes: rules.prefixes.clone(), lock, seen: BTreeSet::new(), bytes: 0 }
    }

    /// Decides one step.
    ///
    /// # Errors
    /// Why not. The step must then have no effect at all.
    pub fn permit(&mut self, step: Step) -> Result<Permitted, Refused> {
        if self.seen.len() >= MAX_STEPS {
            return Err(Refused::TooMany);
        }
        let bytes = self.bytes.saturating_add(match &step.want {
            Want::Exactly(value) => value.as_str().len(),
            Want::AtLeast(_) => 0,
        });
        if bytes > MAX_TEXT {
            return Err(Refused::TooMuch);
        }
        if !self.prefixes.is_empty() && !self.prefixes.iter().any(|prefix| prefix.covers(&step.key)) {
            return Err(Refused::OutsidePrefixes);
        }
        if !self.seen.insert(step.key.clone()) {
            return Err(Refused::Twice);
        }
        self.bytes = bytes;
        let lock = Lock::of(&step.key, &step.want);
        let hold = (lock.is_some() && !self.lock).then_some(Skipped::NeedsLock);
        Ok(Permitted { class: Class::of(&step.key), lock, hold, step })
    }

    /// Puts a plan in order: locks last, [`Lock::Modules`] the very last; everything else stays in the order of the plan.
    pub fn arrange(plan: Vec<Permitted>) -> Arranged {
        let (mut locks, settings): (Vec<_>, Vec<_>) = plan.into_iter().partition(|step| step.lock.is_some());
        locks.sort_by_key(|step| step.lock);
        Arranged { settings, locks }
    }
}

impl Arranged {
    /// The locks, once the settings have been tried. `missing`: the key of a step that is not lenient does not exist; it may
    /// come with a module, so that modules stay allowed.
    #[must_use]
    pub fn locks(self, missing: bool) -> Vec<Permitted> {
        let mut locks = self.locks;
        for step in &mut locks {
            if missing && step.lock == Some(Lock::Modules) {
                step.hold = step.hold.or(Some(Skipped::KeyMissing));
            }
        }
        locks
    }
}

impl Permitted {
    /// What is permitted.
    #[must_use]
    pub const fn step(&self) -> &Step {
        &self.step
    }

    /// Which capability it needs.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Which lock it closes.
    #[must_use]
    pub const fn lock(&self) -> Option<Lock> {
        self.lock
    }

    /// Why it must not be written. It may be looked at: perhaps it is in force already.
    #[must_use]
    pub const fn hold(&self) -> Option<Skipped> {
        self.hold
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Directory, MAX_VALUE, Origin, Value};

    fn step(path: &str, value: &str) -> Step {
        Step {
            key: Key::new(path).unwrap(),
            want: Want::Exactly(Value::new(value).unwrap()),
            origin: Origin { source: 0, line: 1 },
            replaces: None,
            lenient: false,
            by_pattern: false,
        }
    }

    fn rules(prefixes: &[&str]) -> Rules {
        let prefixes = prefixes.iter().map(|path| Prefix::new(Directory::new(path).unwrap())).collect();
        Rules { prefixes, ..Rules::default() }
    }

    fn keys(steps: &[Permitted]) -> Vec<String> {
        steps.iter().map(|step| step.step().key.to_string()).collect()
    }

    const HARDENED: [(&str, &str); 6] = [
        ("kernel/modules_disabled", "1"),
        ("vm/swappiness", "10"),
        ("kernel/yama/ptrace_scope", "3"),
        ("kernel/unprivileged_bpf_disabled", "0x1"),
        ("kernel/kexec_load_disabled", "1"),
        ("kernel/sysrq", "0"),
    ];

    fn hardened(lock: bool) -> Arranged {
        let mut policy = Policy::new(&rules(&[]), lock);
        Policy::arrange(HARDENED.map(|(path, value)| policy.permit(step(path, value)).unwrap()).to_vec())
    }

    #[test]
    fn locks_come_last_and_modules_the_very_last() {
        let arranged = hardened(true);
        assert_eq!(keys(&arranged.settings), ["vm.swappiness", "kernel.sysrq"], "in the order of the plan");
        assert_eq!(arranged.locks.len(), 4);
        let locks = arranged.locks(false);
        let want = [
            "kernel.kexec_load_disabled",
            "kernel.unprivileged_bpf_disabled",
            "kernel.yama.ptrace_scope",
            "kernel.modules_disabled",
        ];
        assert_eq!(keys(&locks), want);
        assert!(locks.iter().all(|step| step.hold().is_none()));
    }

    #[test]
    fn without_lock_no_lock_is_closed() {
        let locks = hardened(false).locks(true);
        assert!(locks.iter().all(|step| step.hold() == Some(Skipped::NeedsLock)), "{locks:?}");
        let mut policy = Policy::new(&rules(&[]), false);
        let open = policy.permit(step("kernel/unprivileged_bpf_disabled", "2")).unwrap();
        assert_eq!((open.lock(), open.hold()), (None, None), "what can be taken back is no lock");
    }

    #[test]
    fn modules_stay_allowed_while_a_key_is_missing() {
        let holds: Vec<_> = hardened(true).locks(true).iter().map(Permitted::hold).collect();
        assert_eq!(holds, [None, None, None, Some(Skipped::KeyMissing)]);
    }

    #[test]
    fn a_key_is_permitted_once_and_within_the_prefixes() {
        let mut policy = Policy::new(&rules(&["net/ipv4", "vm"]), false);
        for (what, path, want) in [
            ("within", "net/ipv4/ip_forward", Ok(Class::NetAdmin)),
            ("within another", "vm/swappiness", Ok(Class::Root)),
            ("again", "vm/swappiness", Err(Refused::Twice)),
            ("outside", "kernel/sysrq", Err(Refused::OutsidePrefixes)),
            ("half a name", "net/ipv4x/a", Err(Refused::OutsidePrefixes)),
        ] {
            assert_eq!(policy.permit(step(path, "1")).map(|permitted| permitted.class()), want, "{what}");
        }
    }

    #[test]
    fn a_plan_is_bounded() {
        let mut policy = Policy::new(&rules(&[]), false);
        for number in 0..MAX_STEPS {
            assert!(policy.permit(step(&format!("a/{number}"), "1")).is_ok());
        }
        assert_eq!(policy.permit(step("one/more", "1")), Err(Refused::TooMany));
    }

    #[test]
    fn all_values_together_are_no_longer_than_all_texts() {
        let (mut policy, longest) = (Policy::new(&rules(&[]), false), "x".repeat(MAX_VALUE));
        for number in 0..MAX_TEXT / MAX_VALUE {
            let _permitted = policy.permit(step(&format!("k/{number}"), &longest)).unwrap();
        }
        assert_eq!(policy.permit(step("one/more", "1")), Err(Refused::TooMuch));
        assert!(policy.permit(step("one/more", "")).is_ok(), "what takes no room");
    }

    #[test]
    fn a_step_that_is_refused_has_no_effect_at_all() {
        let most = "x".repeat(MAX_VALUE);
        let mut policy = Policy::new(&rules(&["k"]), false);
        for number in 0..MAX_TEXT / MAX_VALUE - 1 {
            assert!(policy.permit(step(&format!("k/{number}"), &most)).is_ok());
        }
        // There is room for one of these, whatever was refused before.
        for (what, path, value, want) in [
            ("a key twice", "k/0", most.as_str(), Err(Refused::Twice)),
            ("outside", "other", &most, Err(Refused::OutsidePrefixes)),
            ("outside, again", "other", &most, Err(Refused::OutsidePrefixes)),
            ("the last one", "k/last", &most, Ok(())),
            ("a byte too much", "k/more", "1", Err(Refused::TooMuch)),
            ("the same key without it", "k/more", "", Ok(())),
            ("a key twice, and too much", "k/0", "1", Err(Refused::TooMuch)),
        ] {
            assert_eq!(policy.permit(step(path, value)).map(|_| ()), want, "{what}");
        }
        let mut number = step("k/number", "");
        number.want = Want::AtLeast(u64::MAX);
        assert!(policy.permit(number).is_ok(), "a number takes no room");
    }

    #[test]
    fn a_refusal_says_why() {
        for (refused, says) in [
            (Refused::TooMany, "the plan has more than 16384 steps"),
            (Refused::TooMuch, "the plan has values of more than 4194304 bytes"),
            (Refused::Twice, "the plan has a key twice"),
            (Refused::OutsidePrefixes, "the plan has a key that no --prefix covers"),
        ] {
            assert_eq!(refused.to_string(), says);
        }
    }

    /// Settings and locks, in no order.
    const PATHS: [&str; 9] = [
        "kernel/modules_disabled",
        "kernel/kexec_load_disabled",
        "kernel/unprivileged_bpf_disabled",
        "kernel/yama/ptrace_scope",
        "kernel/sysrq",
        "net/ipv4/ip_forward",
        "net/core/bpf_jit_harden",
        "vm/swappiness",
        "vmx/swappiness",
    ];

    /// Which of the locks a setting of this path and value closes, in their order.
    fn lock_of(path: &str, value: &str) -> Option<usize> {
        const LOCKS: [(&str, &str); 4] = [
            ("kernel/kexec_load_disabled", "1"),
            ("kernel/unprivileged_bpf_disabled", "1"),
            ("kernel/yama/ptrace_scope", "3"),
            ("kernel/modules_disabled", "1"),
        ];
        LOCKS.iter().position(|lock| *lock == (path, value))
    }

    proptest! {
        /// A policy beside another one that is written down here once more, as plainly as it can be.
        #[test]
        fn whatever_is_planned_only_what_may_be_is_done_and_in_the_right_order(
            wishes in prop::collection::vec((prop::sample::select(PATHS.to_vec()), prop::sample::select(vec!["0", "1", "3"])), 0..14),
            prefixes in prop::sample::subsequence(vec!["kernel", "kernel/yama", "vm", "net/ipv4/ip_forward"], 0..=4),
            lock: bool,
            missing: bool,
        ) {
            let is_covered = |path: &str| prefixes.is_empty()
                || prefixes.iter().any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")));
            let mut policy = Policy::new(&rules(&prefixes), lock);
            let (mut permitted, mut want) = (Vec::new(), Vec::<(&str, &str)>::new());
            for (path, value) in wishes {
                let expected = match (is_covered(path), want.iter().any(|(known, _)| *known == path)) {
                    (false, _) => Err(Refused::OutsidePrefixes),
                    (true, true) => Err(Refused::Twice),
                    (true, false) => Ok(()),
                };
                let said = policy.permit(step(path, value));
                prop_assert_eq!(said.as_ref().map(|_| ()).map_err(|refused| *refused), expected);
                if let Ok(step) = said {
                    prop_assert_eq!(step.class(), Class::of(&step.step().key));
                    permitted.push(step);
                    want.push((path, value));
                }
            }
            let arranged = Policy::arrange(permitted);
            let shown = |steps: &[Permitted]| steps.iter().map(|step| step.step().key.path().to_owned()).collect::<Vec<_>>();
            let settings: Vec<&str> = want.iter().filter(|(path, value)| lock_of(path, value).is_none()).map(|(path, _)| *path).collect();
            prop_assert_eq!(shown(&arranged.settings), settings);
            prop_assert!(arranged.settings.iter().all(|step| step.hold().is_none() && step.lock().is_none()));
            let locks = arranged.locks(missing);
            let mut closed: Vec<(usize, &str)> = want.iter().filter_map(|(path, value)| Some((lock_of(path, value)?, *path))).collect();
            closed.sort_unstable();
            prop_assert_eq!(shown(&locks), closed.iter().map(|(_, path)| (*path).to_owned()).collect::<Vec<_>>());
            for step in &locks {
                let hold = match (lock, missing && step.step().key.path() == "kernel/modules_disabled") {
                    (false, _) => Some(Skipped::NeedsLock),
                    (true, true) => Some(Skipped::KeyMissing),
                    (true, false) => None,
                };
                prop_assert_eq!(step.hold(), hold);
                prop_assert!(step.lock().is_some());
            }
        }
    }
}
