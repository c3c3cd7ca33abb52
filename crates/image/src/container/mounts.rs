//! Mounts of a container, sorted by where they lie.

use std::collections::BTreeMap;

use super::BadContainer;
use crate::spec::Settings;
use crate::spec::settings::Mount;

/// What every container has, then `tmpfs`, `binds` and `mounts`: a later one at the same place takes the earlier one's.
pub(super) fn mounts(settings: &Settings, readonly: bool) -> Result<Vec<Mount>, BadContainer> {
    let mut all: BTreeMap<String, Mount> = BTreeMap::new();
    let mut put = |mount: Mount| all.insert(mount.destination.clone(), mount);
    defaults(readonly).into_iter().for_each(|mount| {
        put(mount);
    });
    for text in settings.tmpfs.iter().flatten() {
        let (destination, options) = match text.split(':').collect::<Vec<_>>()[..] {
            [destination] => (destination, None),
            [destination, options] => (destination, Some(list(options))),
            _ => return Err(BadContainer::Tmpfs(text.clone())),
        };
        put(mount(destination, "tmpfs", "tmpfs", options));
    }
    for text in settings.binds.iter().flatten() {
        let (source, destination, options) = match text.split(':').collect::<Vec<_>>()[..] {
            [source, destination] => (source, destination, list("rw,rbind,rshared")),
            [source, destination, options] => (source, destination, [list(options), list("rbind")].concat()),
            _ => return Err(BadContainer::Bind(text.clone())),
        };
        put(mount(destination, "bind", source, Some(options)));
    }
    for given in settings.mounts.iter().flatten() {
        put(completed(given)?);
    }
    Ok(all.into_values().collect())
}

/// Neither `/dev/shm` nor `/dev/mqueue`. `/proc` is never read-only, as LinuxKit has it; much in it asks for uid 0 only, which is why
/// orlop-container is stricter (`kernel_files` there).
fn defaults(readonly: bool) -> [Mount; 5] {
    let ro = if readonly { ",ro" } else { "" };
    [
        ("/proc", "proc", "nosuid,nodev,noexec,relatime".to_owned()),
        ("/dev", "tmpfs", format!("nosuid,strictatime,mode=755,size=65536k{ro}")),
        ("/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620".to_owned()),
        ("/sys", "sysfs", format!("nosuid,noexec,nodev{ro}")),
        ("/sys/fs/cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro".to_owned()),
    ]
    .map(|(destination, kind, options)| mount(destination, kind, kind, Some(list(&options))))
}

/// A mount, with what its author left out: its type from its source, its source from its type, its place from both.
fn completed(given: &Mount) -> Result<Mount, BadContainer> {
    let mut mount = given.clone();
    if mount.kind.is_empty() {
        mount.kind = match mount.source.as_str() {
            source @ ("mqueue" | "devpts" | "proc" | "sysfs" | "cgroup") => source.to_owned(),
            _ if mount.destination == "/dev" => "tmpfs".to_owned(),
            _ => return Err(BadContainer::MountType(mount.destination)),
        };
    }
    if mount.source.is_empty() {
        mount.source.clone_from(&mount.kind);
    }
    if mount.destination.is_empty() {
        let usual = match mount.kind.as_str() {
            "proc" => "/proc",
            "devpts" => "/dev/pts",
            "sysfs" => "/sys",
            "cgroup" => "/sys/fs/cgroup",
            "mqueue" => "/dev/mqueue",
            _ => return Err(BadContainer::MountDestination(mount.kind)),
        };
        usual.clone_into(&mut mount.destination);
    }
    Ok(mount)
}

fn mount(destination: &str, kind: &str, source: &str, options: Option<Vec<String>>) -> Mount {
    Mount {
        destination: destination.to_owned(),
        kind: kind.to_owned(),
        source: source.to_owned(),
        options,
        ..Mount::default()
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}
