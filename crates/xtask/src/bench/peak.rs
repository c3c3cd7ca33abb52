//! The most memory that each process of a run ever had: `VmHWM`, the kernel's own record of the largest resident set.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use orlop_testbed::last_look;
use serde::Serialize;

/// The processes of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Peak {
    /// The largest resident set of each process, in KiB, in the order in which they were started.
    pub(crate) rss_kib: Vec<u64>,
}

impl Peak {
    /// The largest.
    pub(crate) fn largest(&self) -> u64 {
        self.rss_kib.iter().copied().max().unwrap_or(0)
    }

    /// All of them together, as if all had been at their largest at once and shared no page.
    pub(crate) fn sum(&self) -> u64 {
        self.rss_kib.iter().sum()
    }
}

/// Runs `program` and looks at each of its processes at its end.
///
/// # Errors
/// When it cannot be run or traced, or does not end with `success`.
pub(crate) fn peak(program: &Command, success: i32) -> Result<Peak> {
    let (code, processes) = last_look::run(program)?;
    ensure!(code == success, "{} ended with {code}", program.get_program().display());
    let kib = processes.iter().map(|process| process.field("VmHWM")?.parse().context("VmHWM is no number"));
    Ok(Peak { rss_kib: kib.collect::<Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_two_processes_has_two_peaks() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 0.01 & wait"]);
        let peak = peak(&shell, 0).unwrap();
        assert_eq!(peak.rss_kib.len(), 2);
        assert!(peak.largest() > 100 && peak.sum() > peak.largest(), "{peak:?}");
        assert!(super::peak(&Command::new("false"), 0).is_err(), "a run that fails says nothing");
    }
}
