//! Which processor runs what: the resolver that is measured has one for itself.

use std::fs;

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// For the resolver.
pub(super) const SUBJECT: usize = 0;
/// For those that ask it, and for whom it asks.
pub(super) const OTHERS: usize = 1;

fn only(processor: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(processor);
    set
}

/// Has this thread run there only.
///
/// # Errors
/// When there is no such processor.
pub(super) fn this_thread(processor: usize) -> Result<()> {
    sched_setaffinity(None, &only(processor)).context("the bench needs two processors")
}

/// Has every thread of these processes run there only.
///
/// # Errors
/// When there is no such processor, or a process is gone.
pub(super) fn processes(pids: &[u32], processor: usize) -> Result<()> {
    for pid in pids {
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let number = thread?.file_name().to_str().and_then(|name| name.parse().ok());
            sched_setaffinity(number.and_then(Pid::from_raw), &only(processor)).context("a thread is gone")?;
        }
    }
    Ok(())
}
