//! Resource limits, and being no target for a debugger.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use crate::fatal::Fatal;
use crate::profile::Limits;

/// Sets every limit of `limits`, and forbids core dumps.
pub(crate) fn apply(limits: Limits) -> Result<(), Fatal> {
    for (name, resource, most) in table(limits) {
        // No process may raise a limit that it was started with.
        let most = most.min(number(getrlimit(resource).maximum));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|errno| Fatal::os(format!("cannot set the limit of {name}"), errno))?;
    }
    Ok(())
}

/// Raises the limits with which this process was started as far as it may, which is as far as it may pass them on; what it will
/// itself set for each process is at most that. What stays low is told in one line: the daemon may fail for it.
pub(crate) fn raise_inherited() {
    let mut low = String::new();
    for (name, resource, enough) in INHERITED {
        let Rlimit { maximum, .. } = getrlimit(resource);
        // To raise it no further than it may be raised cannot fail.
        let _raised = setrlimit(resource, Rlimit { current: maximum, maximum });
        if let Some(most) = maximum.filter(|most| *most < enough) {
            low = format!("{low}{}{name} {most}", if low.is_empty() { "" } else { ", " });
        }
    }
    if !low.is_empty() {
        tracing::warn!(limits = %low, "started with limits that a daemon may need more than, and that it cannot raise");
    }
}

/// Limits that end or hinder a process, by their names for `prlimit`, and what is enough for every daemon.
const INHERITED: [(&str, Resource, u64); 5] = [
    ("fsize", Resource::Fsize, 64 << 20),
    ("nofile", Resource::Nofile, Limits::BROKER.open_files),
    ("as", Resource::As, Limits::BROKER.address_space),
    ("data", Resource::Data, Limits::BROKER.address_space),
    ("cpu", Resource::Cpu, Limits::NONE),
];

/// Takes `/proc/PID/mem` and `ptrace` away from processes of the same user.
pub(crate) fn refuse_debuggers() -> Result<(), Fatal> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|errno| Fatal::os("cannot make the process undumpable", errno))
}

/// Whether every limit of `limits` is in force in this process, soft and hard.
pub(crate) fn in_force(limits: Limits) -> bool {
    table(limits).into_iter().all(|(_, resource, most)| {
        let Rlimit { current, maximum } = getrlimit(resource);
        number(current) <= most && number(maximum) <= most
    })
}

fn number(limit: Option<u64>) -> u64 {
    limit.unwrap_or(Limits::NONE)
}

fn table(limits: Limits) -> [(&'static str, Resource, u64); 7] {
    let Limits { open_files, file_size, processes, locked_memory, queued_bytes, address_space } = limits;
    [
        ("core dumps", Resource::Core, 0),
        ("open files", Resource::Nofile, open_files),
        ("file size", Resource::Fsize, file_size),
        ("processes", Resource::Nproc, processes),
        ("locked memory", Resource::Memlock, locked_memory),
        ("message queues", Resource::Msgqueue, queued_bytes),
        ("address space", Resource::As, address_space),
    ]
}
