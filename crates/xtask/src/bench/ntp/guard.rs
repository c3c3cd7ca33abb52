//! This machine's clock, which no client may set: those that would are made to believe that they did.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Result, anyhow, ensure};
use nix::libc;
use rustix::thread::{CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities};
use rustix::time::{ClockId, clock_gettime};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// What is allowed between two looks at two clocks, in nanoseconds: a look may be interrupted in the middle.
const TOLERANCE: i128 = 100_000_000;

/// The calls that set or steer a clock.
const SETTING: [libc::c_long; 4] =
    [libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_adjtimex, libc::SYS_clock_adjtime];

/// How far the machine's clock is ahead of the time since boot. Who steps it changes this, who only slews it does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct MachineClock(i128);

impl MachineClock {
    /// As it is now.
    pub(super) fn now() -> Self {
        let nanos = |clock| {
            let time = clock_gettime(clock);
            i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
        };
        Self(nanos(ClockId::Realtime) - nanos(ClockId::Boottime))
    }

    /// Whether nobody has set it since.
    ///
    /// # Errors
    /// When somebody has.
    pub(super) fn is_untouched(self) -> Result<()> {
        let moved = Self::now().0 - self.0;
        ensure!(moved.abs() < TOLERANCE, "somebody has set this machine's clock by {moved} ns during the bench");
        Ok(())
    }
}

/// Whatever this thread starts from now on lacks the capability to set a clock.
///
/// # Errors
/// When the kernel does not take it away.
pub(super) fn powerless() -> Result<()> {
    remove_capability_from_bounding_set(CapabilitySet::SYS_TIME)?;
    let mut sets = capabilities(None)?;
    sets.inheritable.remove(CapabilitySet::SYS_TIME);
    Ok(set_capabilities(None, sets)?)
}

/// From now on, for this thread and whatever it starts, a call that sets or steers a clock succeeds and does nothing.
///
/// # Errors
/// When the kernel takes no filter.
pub(super) fn pretend() -> Result<()> {
    let rules: BTreeMap<_, _> = SETTING.into_iter().map(|call| (call, Vec::new())).collect();
    let architecture = std::env::consts::ARCH.try_into()?;
    let program: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(0), architecture)?.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

/// Does something in a thread that, with whatever it starts, cannot touch this machine's clock.
///
/// # Errors
/// The error of `work`, or when the kernel takes no filter.
pub(super) fn harmless<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let guarded = || {
        powerless()?;
        pretend()?;
        work()
    };
    thread::scope(|scope| scope.spawn(guarded).join()).map_err(|_| anyhow!("the guarded thread panicked"))?
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn who_sets_the_clock_behind_the_filter_hears_yes_and_the_clock_is_as_it_was() {
        let before = MachineClock::now();
        let said = thread::spawn(|| {
            // Were the filter not there, the kernel would refuse.
            if rustix::process::geteuid().is_root() {
                powerless().unwrap();
            }
            pretend().unwrap();
            Command::new("date").args(["--set", "+1 minute"]).status().unwrap().success()
        });
        assert!(said.join().unwrap());
        before.is_untouched().unwrap();
    }

    #[test]
    fn a_clock_that_was_set_is_found() {
        let MachineClock(now) = MachineClock::now();
        assert!(MachineClock(now - 60_000_000_000).is_untouched().is_err());
    }
}
