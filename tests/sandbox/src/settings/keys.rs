//! Which settings there are.

use std::path::Path;

use anyhow::Result;
use orlop_sysctl_contract::{Class, Key};

/// Settings that ask for no capability, and whose own value can be written without any effect. Not all of them: some take the
/// writing itself for a decision (`vm.overcommit_kbytes` and its like switch their siblings off).
pub(super) const HARMLESS: &[&str] = &[
    "fs/aio-max-nr",
    "fs/file-max",
    "fs/inotify/max_user_watches",
    "fs/lease-break-time",
    "fs/leases-enable",
    "fs/nr_open",
    "fs/pipe-max-size",
    "fs/protected_fifos",
    "fs/protected_hardlinks",
    "fs/protected_regular",
    "fs/protected_symlinks",
    "fs/suid_dumpable",
    "kernel/core_pattern",
    "kernel/core_uses_pid",
    "kernel/ctrl-alt-del",
    "kernel/domainname",
    "kernel/hostname",
    "kernel/io_uring_disabled",
    "kernel/kexec_load_disabled",
    "kernel/modules_disabled",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/perf_event_paranoid",
    "kernel/print-fatal-signals",
    "kernel/printk",
    "kernel/randomize_va_space",
    "kernel/threads-max",
    "vm/laptop_mode",
    "vm/max_map_count",
    "vm/page-cluster",
    "vm/panic_on_oom",
    "vm/swappiness",
    "vm/unprivileged_userfaultfd",
    "vm/vfs_cache_pressure",
];

/// Every setting of that class that this process sees.
pub(super) fn of_class(class: Class) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    walk(Path::new("/proc/sys"), &mut keys)?;
    keys.retain(|key| Class::of(key) == class);
    keys.sort_by(|one, other| one.path().cmp(other.path()));
    Ok(keys)
}

fn walk(folder: &Path, keys: &mut Vec<Key>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A file system of its own, whose files are no settings.
        if path.ends_with("fs/binfmt_misc") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&path, keys)?;
        } else if let Some(key) = path.strip_prefix("/proc/sys").ok().and_then(Path::to_str) {
            keys.push(Key::new(key)?);
        }
    }
    Ok(())
}
