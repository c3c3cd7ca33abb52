//! The processes of a rival: which they are, what they cost while they wait, and their end.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_testbed::{Host, eventually};

/// How long killed processes may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// Memory of all processes of a rival.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Footprint {
    /// How many processes stay.
    pub(super) processes: usize,
    /// Proportional set size of all of them: shared pages count once.
    pub(super) pss_kib: u64,
    /// Resident set size of the largest.
    pub(super) largest_rss_kib: u64,
}

impl Footprint {
    /// Of these processes, now.
    ///
    /// # Errors
    /// When one is gone.
    pub(super) fn of(pids: impl IntoIterator<Item = u32>) -> Result<Self> {
        let mut sum = Self { processes: 0, pss_kib: 0, largest_rss_kib: 0 };
        for pid in pids {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            sum.processes += 1;
            sum.pss_kib += kib(&rollup, "Pss:").context("no Pss")?;
            sum.largest_rss_kib = sum.largest_rss_kib.max(kib(&rollup, "Rss:").context("no Rss")?);
        }
        Ok(sum)
    }
}

fn kib(rollup: &str, field: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Time of processors that processes have taken so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    /// On what they did themselves.
    pub(super) user: Duration,
    /// On what the kernel did for them.
    pub(super) system: Duration,
}

/// The kernel counts them in these (`sysconf(_SC_CLK_TCK)` is 100 wherever Linux has user space).
const TICK: Duration = Duration::from_millis(10);

impl Spent {
    /// Of these processes together.
    ///
    /// # Errors
    /// When one is gone.
    pub(super) fn of(pids: impl IntoIterator<Item = u32>) -> Result<Self> {
        let mut sum = Self { user: Duration::ZERO, system: Duration::ZERO };
        for pid in pids {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let (user, system) = ticks(&stat).context("no times in /proc/PID/stat")?;
            sum.user += TICK * user;
            sum.system += TICK * system;
        }
        Ok(sum)
    }

    /// What was taken after `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self { user: self.user.saturating_sub(before.user), system: self.system.saturating_sub(before.system) }
    }
}

/// Fields 14 and 15, counted from 1; the second is in brackets and may have anything in it (proc_pid_stat(5)).
fn ticks(stat: &str) -> Option<(u32, u32)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A process, and all that it or its children have started.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn family(root: u32) -> Result<Vec<u32>> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end while it is looked at.
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if let Some(parent) = number(&status, "PPid:") {
            parents.insert(pid, u32::try_from(parent)?);
        }
    }
    let descends = |mut pid: u32| {
        while pid != root {
            match parents.get(&pid) {
                Some(parent) => pid = *parent,
                None => return false,
            }
        }
        true
    };
    Ok(parents.keys().copied().filter(|pid| descends(*pid)).collect())
}

/// How often the threads of these processes have gone to sleep so far, each time to be woken again: `voluntary_ctxt_switches`.
///
/// # Errors
/// When one is gone.
pub(super) fn sleeps(pids: impl IntoIterator<Item = u32>) -> Result<u64> {
    let mut sum = 0;
    for pid in pids {
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let status = fs::read_to_string(thread?.path().join("status"))?;
            sum += number(&status, "voluntary_ctxt_switches:").context("no count of switches")?;
        }
    }
    Ok(sum)
}

fn number(status: &str, field: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(field))?.trim().parse().ok()
}

/// Ends whatever runs on a host.
///
/// # Errors
/// When something does not go.
pub(super) fn end_all(host: &Host) -> Result<()> {
    eventually("the processes to be gone", GONE, || {
        let processes = host.processes()?;
        for (pid, _) in &processes {
            // It may have ended in between.
            let _ = kill(Pid::from_raw(i32::try_from(*pid)?), Signal::SIGKILL);
        }
        Ok(processes.is_empty().then_some(()))
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_field_of_smaps_rollup_is_read_in_kib() {
        let rollup = "5600-7ffc ---p 00000000 00:00 0    [rollup]\nRss:                1234 kB\nPss:                 567 kB\nPss_Anon:  1 kB\n";
        assert_eq!((kib(rollup, "Pss:"), kib(rollup, "Rss:"), kib(rollup, "Swap:")), (Some(567), Some(1234), None));
    }

    #[test]
    fn the_times_of_a_process_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 42 17 3 2 20 0 1 0 500";
        assert_eq!(ticks(stat), Some((42, 17)));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn a_child_and_its_sleep_are_seen() {
        let mut child = Command::new("sh").args(["-c", "sleep 30 & wait"]).spawn().unwrap();
        let seen = eventually("a family of two", GONE, || Ok(Some(family(child.id())?).filter(|all| all.len() == 2)));
        let slept = eventually("a sleep", GONE, || Ok(Some(sleeps(family(child.id())?)?).filter(|count| *count > 0)));
        for pid in seen.iter().flatten() {
            let _ = kill(Pid::from_raw(i32::try_from(*pid).unwrap()), Signal::SIGKILL);
        }
        child.wait().unwrap();
        assert!(seen.is_ok() && slept.is_ok(), "{seen:?} {slept:?}");
    }
}
