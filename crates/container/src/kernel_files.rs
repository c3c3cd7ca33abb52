//! Files of the kernel that a container may only read, unless its configuration says so itself.
//!
//! Much below `/proc` and `/sys` asks for uid 0 and for no capability: a program whose name is written to
//! `/proc/sys/kernel/core_pattern` runs with all of them, outside of every container. LinuxKit's configurations leave these files
//! writable. Here a container may write there when it has CAP_SYS_ADMIN, which allows as much in other ways, or lists of its own
//! (`maskedPaths`, `readonlyPaths`), which then hold instead; and with CAP_NET_ADMIN it may write the settings of the network.

use std::fs;
use std::path::{Path, PathBuf};

use libcontainer::oci_spec::runtime::{Capability, Linux, Mount, Spec};

/// What else there is below a `/proc` than settings.
const OTHERS: [&str; 4] = ["bus", "fs", "irq", "sysrq-trigger"];
/// The settings, and among them those of the network.
const SETTINGS: &str = "sys";
const NETWORK: &str = "net";

/// Makes them read-only in `spec`, where they are not to be written to. `proc` is one that is mounted: it says which settings this
/// kernel has.
pub(crate) fn keep(spec: &mut Spec, proc: &Path) {
    let has = |capability| bounding(spec).any(|one| one == capability);
    let (all, network) = (has(Capability::SysAdmin), has(Capability::NetAdmin));
    if all || lists(spec.linux().as_ref()).any(|list| !list.is_empty()) {
        return;
    }
    let mut kept: Vec<String> = Vec::new();
    let settings = if network { settings_of_no_network(proc) } else { vec![PathBuf::from(SETTINGS)] };
    for mount in spec.mounts_mut().iter_mut().flatten() {
        match mount.typ().as_deref() {
            Some("proc") => {
                let below = OTHERS.iter().map(Path::new).chain(settings.iter().map(PathBuf::as_path));
                kept.extend(below.map(|path| mount.destination().join(path).to_string_lossy().into_owned()));
            }
            Some("sysfs") => make_read_only(mount),
            _ => {}
        }
    }
    let mut linux = spec.linux().clone().unwrap_or_default();
    linux.set_readonly_paths(Some(kept));
    spec.set_linux(Some(linux));
}

fn bounding(spec: &Spec) -> impl Iterator<Item = Capability> {
    let capabilities = spec.process().as_ref().and_then(|process| process.capabilities().as_ref());
    capabilities.and_then(|sets| sets.bounding().as_ref()).into_iter().flatten().copied()
}

fn lists(linux: Option<&Linux>) -> impl Iterator<Item = &Vec<String>> {
    let masked = linux.and_then(|linux| linux.masked_paths().as_ref());
    masked.into_iter().chain(linux.and_then(|linux| linux.readonly_paths().as_ref()))
}

/// The folders of settings but that of the network. Where they cannot be read, all settings: who is not sure keeps them.
fn settings_of_no_network(proc: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(proc.join(SETTINGS)) else { return vec![PathBuf::from(SETTINGS)] };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut paths: Vec<PathBuf> =
        names.filter(|name| name != NETWORK).map(|name| Path::new(SETTINGS).join(name)).collect();
    paths.sort_unstable();
    paths
}

fn make_read_only(mount: &mut Mount) {
    let options = mount.options().iter().flatten().filter(|option| !["rw", "ro"].contains(&option.as_str()));
    let options = options.cloned().chain(["ro".to_owned()]).collect();
    mount.set_options(Some(options));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::{Value, json};

    use super::*;

    /// The read-only paths and the options of `/sys` afterwards, of a container with these capabilities and these lists.
    fn after(capabilities: &[&str], lists: &Value) -> (bool, Vec<String>, Vec<String>) {
        let mut spec: Spec = serde_json::from_value(json!({
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "process": {"cwd": "/", "args": ["/x"], "user": {"uid": 0, "gid": 0},
                "capabilities": {"bounding": capabilities, "effective": capabilities}},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
                {"destination": "/host/proc", "type": "proc", "source": "proc"},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "rw"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["rw"]}],
            "linux": lists,
        }))
        .unwrap();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let proc = orlop_testbed::Folder::new(&format!("kernel-files-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        for folder in ["sys/kernel", "sys/net", "sys/vm"] {
            fs::create_dir_all(proc.0.join(folder)).unwrap();
        }
        let before = spec.clone();
        keep(&mut spec, &proc.0);
        let changed = spec != before;
        let mounts = spec.mounts().as_ref().unwrap();
        assert_eq!(mounts[3].options().as_deref(), Some(&["rw".to_owned()][..]), "what is no kernel's stays as it is");
        let sys = mounts[2].options().clone().unwrap();
        (changed, spec.linux().as_ref().unwrap().readonly_paths().clone().unwrap_or_default(), sys)
    }

    fn below(folders: &[&str], names: &[&str]) -> Vec<String> {
        folders.iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}"))).collect()
    }

    #[test]
    fn without_a_capability_nothing_of_the_kernel_is_written() {
        let (changed, paths, sys) = after(&["CAP_KILL"], &json!({}));
        assert!(changed);
        assert_eq!(paths, below(&["/proc", "/host/proc"], &["bus", "fs", "irq", "sysrq-trigger", "sys"]));
        assert_eq!(sys, ["nosuid", "ro"]);
    }

    #[test]
    fn who_administers_the_network_writes_its_settings_and_no_others() {
        let (_, paths, _) = after(&["CAP_KILL", "CAP_NET_ADMIN"], &json!({}));
        let want = ["bus", "fs", "irq", "sysrq-trigger", "sys/kernel", "sys/vm"];
        assert_eq!(paths, below(&["/proc", "/host/proc"], &want));
    }

    #[test]
    fn who_may_administer_the_machine_or_has_a_list_is_left_alone() {
        for (what, capabilities, lists) in [
            ("the capability", ["CAP_SYS_ADMIN"], json!({})),
            ("files that are read", ["CAP_KILL"], json!({"readonlyPaths": ["/proc/fs"]})),
            ("files that are hidden", ["CAP_KILL"], json!({"maskedPaths": ["/proc/kcore"]})),
        ] {
            let (changed, paths, sys) = after(&capabilities, &lists);
            let own = lists["readonlyPaths"].as_array().map_or(0, Vec::len);
            assert_eq!(
                (changed, paths.len(), sys.as_slice()),
                (false, own, &["nosuid".to_owned(), "rw".to_owned()][..]),
                "{what}"
            );
        }
        let (changed, ..) = after(&["CAP_KILL"], &json!({"readonlyPaths": [], "maskedPaths": []}));
        assert!(changed, "an empty list is what LinuxKit writes for none");
    }

    #[test]
    fn where_the_settings_cannot_be_looked_at_all_are_kept() {
        assert_eq!(settings_of_no_network(Path::new("/nowhere")), [PathBuf::from("sys")]);
    }
}
