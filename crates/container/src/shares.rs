//! What one container may take of what all have, where its configuration does not say: never so much that nothing is left for the others.

use std::fs;
use std::path::Path;

use libcontainer::oci_spec::runtime::{LinuxMemoryBuilder, LinuxPidsBuilder, Spec};

use crate::groups::MOUNTED;

/// Of the processes and of the memory that all containers may have, in eighths. Nobody needs as many processes as would keep the
/// processor from all others.
const PROCESSES: i64 = 1;
const MEMORY: i64 = 6;

/// Bounds the container's processes and memory, unless its configuration has a limit.
pub(crate) fn bound(spec: &mut Spec) {
    bound_in(Path::new(MOUNTED), spec);
}

fn bound_in(all: &Path, spec: &mut Spec) {
    let part = |file: &str, eighths: i64| {
        let most: i64 = fs::read_to_string(all.join(file)).ok()?.trim().parse().ok()?;
        Some((most / 8).saturating_mul(eighths))
    };
    let mut linux = spec.linux().clone().unwrap_or_default();
    let given = linux.resources().clone().unwrap_or_default();
    let mut resources = given.clone();
    if given.pids().is_none()
        && let Some(most) = part("pids.max", PROCESSES)
    {
        resources.set_pids(LinuxPidsBuilder::default().limit(most).build().ok());
    }
    if given.memory().is_none()
        && let Some(most) = part("memory.max", MEMORY)
    {
        resources.set_memory(LinuxMemoryBuilder::default().limit(most).build().ok());
    }
    if resources != given {
        linux.set_resources(Some(resources));
        spec.set_linux(Some(linux));
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;
    use serde_json::{Value, json};

    use super::*;

    fn bounded(test: &str, all: &[(&str, &str)], resources: &Value) -> (bool, Option<i64>, Option<i64>) {
        let folder = Folder::new(test);
        for (file, text) in all {
            fs::write(folder.0.join(file), text).unwrap();
        }
        let mut spec: Spec = serde_json::from_value(json!({
            "ociVersion": "1.0.2", "root": {"path": "rootfs"}, "linux": {"resources": resources},
        }))
        .unwrap();
        let before = spec.clone();
        bound_in(&folder.0, &mut spec);
        let has_changed = spec != before;
        let resources = spec.linux().as_ref().unwrap().resources().clone().unwrap_or_default();
        let pids = resources.pids().as_ref().map(|pids| pids.limit());
        (has_changed, pids, resources.memory().as_ref().and_then(|memory| memory.limit()))
    }

    #[test]
    fn one_container_never_takes_what_all_have_unless_its_configuration_says_so() {
        let all = [("pids.max", "6825\n"), ("memory.max", "876609536\n")];
        let none = [("pids.max", "max\n"), ("memory.max", "max\n")];
        for (what, all, resources, want) in [
            ("nothing said", &all[..], json!({}), (true, Some(853), Some(657_457_152))),
            ("a limit of processes", &all, json!({"pids": {"limit": 7}}), (true, Some(7), Some(657_457_152))),
            ("both", &all, json!({"pids": {"limit": 7}, "memory": {"limit": 9}}), (false, Some(7), Some(9))),
            ("all of it", &all, json!({"pids": {"limit": 0}, "memory": {"limit": -1}}), (false, Some(0), Some(-1))),
            ("where nothing is bounded", &none, json!({}), (false, None, None)),
            ("where there are no groups", &[], json!({}), (false, None, None)),
        ] {
            assert_eq!(bounded("container-shares", all, &resources), want, "{what}");
        }
    }
}
