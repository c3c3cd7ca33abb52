//! What all containers together may take of the machine: less than there is, so that process 1 can always start, restart and end them.
//!
//! The kernel bounds control groups, and not the one at the root. So all containers are below one group, and it is the root of the
//! hierarchy for everybody but the kernel: process 1 makes it, takes the view from there (`cgroup_namespaces(7)`) and goes back to the
//! root itself. No path and no configuration says anything of it.

use std::fs;
use std::io;
use std::path::Path;

use nix::sched::CloneFlags;
use rustix::mount::{MountFlags, UnmountFlags};

use crate::files;
use crate::groups::MOUNTED;

/// The group of all containers, in the kernel's root.
const ALL: &str = "containers";
const MAX_FILE: usize = 64 << 10;
/// Memory that stays for process 1, the runtime and the kernel: this part of all, and not less and not more than so many bytes.
const MEMORY_PART: u64 = 16;
const MEMORY_KEPT: (u64, u64) = (16 << 20, 256 << 20);
/// Processes that stay for them, in the same way.
const PROCESSES_PART: u64 = 8;
const PROCESSES_KEPT: (u64, u64) = (64, 4096);

/// What the group of all containers is given, in bytes and in processes. Where the machine does not say what it has there is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    memory: Option<u64>,
    processes: Option<u64>,
}

/// Out of `/proc/meminfo`, and of the numbers of processes that the kernel has room and names for. Pure.
fn of(memory: &str, numbers: &[Option<u64>]) -> Bounds {
    let bytes = |name: &str| {
        let line = memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
    };
    // What the files of the machine take already is nobody's to have.
    let memory = bytes("MemTotal").zip(bytes("MemAvailable")).map(|(total, available)| {
        let kept = (total / MEMORY_PART).clamp(MEMORY_KEPT.0, MEMORY_KEPT.1);
        available.saturating_sub(kept).max(available / 2)
    });
    let most = numbers.iter().flatten().copied().min();
    let processes = most.map(|most| {
        let kept = (most / PROCESSES_PART).clamp(PROCESSES_KEPT.0, PROCESSES_KEPT.1);
        most.saturating_sub(kept).max(most / 2)
    });
    Bounds { memory, processes }
}

/// Makes the group of all containers, bounds it, and makes it the root that everybody sees from here on.
///
/// # Errors
/// What could not be done, as a line. A bound that the kernel does not know costs nothing else.
pub(crate) fn enclose() -> Result<(), String> {
    let number = |path: &str| files::read(Path::new(path), MAX_FILE).ok()?.trim().parse().ok();
    let memory = files::read(Path::new("/proc/meminfo"), MAX_FILE).unwrap_or_default();
    let bounds = of(&memory, &[number("/proc/sys/kernel/threads-max"), number("/proc/sys/kernel/pid_max")]);
    let root = Path::new(MOUNTED);
    let said =
        |what: &'static str| move |error: io::Error| format!("cannot bound what containers take: {what}: {error}");
    let group = root.join(ALL);
    fs::create_dir(&group).map_err(said("no control group"))?;
    let bounded = bound(root, &group, bounds).map_err(said("the kernel refuses"));
    look_from(root, &group).map_err(said("no view from their control group"))?;
    bounded
}

fn bound(root: &Path, group: &Path, bounds: Bounds) -> io::Result<()> {
    let controllers = files::read(&root.join("cgroup.controllers"), MAX_FILE)?;
    for name in controllers.split_whitespace() {
        // One that cannot be given on is missed below, if it matters.
        let _ = fs::write(root.join("cgroup.subtree_control"), format!("+{name}"));
    }
    for (file, most) in [("pids.max", bounds.processes), ("memory.max", bounds.memory)] {
        if let Some(most) = most {
            fs::write(group.join(file), most.to_string())?;
        }
    }
    Ok(())
}

/// Where a process is when it takes a view of its own is the root in it.
fn look_from(root: &Path, group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")?;
    let looked = nix::sched::unshare(CloneFlags::CLONE_NEWCGROUP);
    // Out of the bounds again, and it must be: a group that has processes cannot give its controllers on.
    fs::write(root.join("cgroup.procs"), "0")?;
    looked?;
    rustix::mount::unmount(root, UnmountFlags::DETACH)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RELATIME;
    Ok(rustix::mount::mount("cgroup2", root, "cgroup2", flags, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(total: u64, available: u64) -> String {
        format!("MemTotal:       {} kB\nMemFree:  1 kB\nMemAvailable:   {} kB\n", total << 10, available << 10)
    }

    #[test]
    fn containers_get_what_is_available_without_a_part_for_process_1() {
        for (what, total, available, want) in [
            ("a small machine", 128, 80, Some(64)),
            ("one of a gigabyte", 1024, 900, Some(836)),
            ("a large one", 65_536, 60_000, Some(59_744)),
            ("one that is full of its own files", 64, 20, Some(10)),
        ] {
            let bounds = of(&memory(total, available), &[]);
            assert_eq!(bounds, Bounds { memory: want.map(|want: u64| want << 20), processes: None }, "{what}");
        }
        for (what, text) in
            [("nothing", ""), ("no number", "MemTotal: x kB\nMemAvailable: 1 kB\n"), ("half", "MemTotal: 9 kB\n")]
        {
            assert_eq!(of(text, &[]).memory, None, "{what}");
        }
    }

    #[test]
    fn processes_are_bounded_by_what_there_is_least_of() {
        for (what, numbers, want) in [
            ("room for fewer than names", [Some(7_800), Some(32_768)], Some(6_825)),
            ("names for fewer than room", [Some(500_000), Some(32_768)], Some(28_672)),
            ("few", [Some(100), None], Some(50)),
            ("not said", [None, None], None),
        ] {
            assert_eq!(of("", &numbers).processes, want, "{what}");
        }
    }
}
