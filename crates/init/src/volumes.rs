//! Volumes of a machine: what a spec's `volumes` begin with, below what containers write to them. Pure.

use std::path::Path;

use rustix::mount::MountFlags;

use crate::preparation::{LAYER_SIZE, Options, Step};

/// What is mounted for the volume in this folder, which has `lower`, `tmp` and `merged`, as LinuxKit's init has it: what is written is
/// in memory, and gone when the machine goes off.
#[must_use]
pub fn steps(folder: &Path) -> Vec<Step> {
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let options =
        |data: String| Options { flags: MountFlags::RELATIME, cleared: MountFlags::empty(), propagation: None, data };
    let [lower, upper, work] = ["lower", "tmp/upper", "tmp/work"].map(at);
    let layers = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let mount = |kind: &str, target: String, data: String| Step::Mount {
        kind: kind.to_owned(),
        source: kind.to_owned(),
        target,
        options: options(data),
    };
    vec![
        mount("tmpfs", at("tmp"), LAYER_SIZE.to_owned()),
        Step::Folder(upper),
        Step::Folder(work),
        mount("overlay", at("merged"), layers),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::sched::CloneFlags;
    use orlop_testbed::{Folder, Testbed};
    use rustix::mount::MountPropagationFlags;

    use super::*;
    use crate::early;

    #[test]
    fn what_is_written_to_a_volume_is_beside_what_it_began_with() {
        let Some(_) = Testbed::with(&[]) else { return };
        let folder = Folder::new("init-volumes");
        nix::sched::unshare(CloneFlags::CLONE_NEWNS).unwrap();
        rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        // An overlay lies on no overlay, which the folder of a test may be.
        rustix::mount::mount("tmpfs", &folder.0, "tmpfs", MountFlags::empty(), None).unwrap();
        for name in ["lower", "tmp", "merged"] {
            fs::create_dir(folder.0.join(name)).unwrap();
        }
        fs::write(folder.0.join("lower/first"), "1").unwrap();
        for step in steps(&folder.0) {
            early::prepare(&step).unwrap();
        }
        let merged = folder.0.join("merged");
        assert_eq!(fs::read_to_string(merged.join("first")).unwrap(), "1");
        fs::write(merged.join("second"), "2").unwrap();
        assert!(!folder.0.join("lower/second").exists() && folder.0.join("tmp/upper/second").exists());
        for name in ["merged", "tmp"] {
            early::unmount(folder.0.join(name).to_str().unwrap()).unwrap();
        }
        early::unmount(folder.0.to_str().unwrap()).unwrap();
    }
}
