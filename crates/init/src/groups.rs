//! Control groups: which of them are a container's own, and the end of everything in them.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// Where version 2 is mounted.
const MOUNTED: &str = "/sys/fs/cgroup";

/// Where a container's processes can be, below [`MOUNTED`]: where its configuration says, or else where runtimes put those that
/// say nothing: libcontainer in a group called `:youki:ID`, crun and runc in one called as the container. Pure.
///
/// # Errors
/// As a line, when it is no place below the root's.
pub fn of_container(configured: Option<&str>, id: &str) -> Result<Vec<String>, String> {
    let Some(path) = configured.filter(|path| !path.is_empty()) else {
        return Ok(vec![format!(":youki:{id}"), id.to_owned()]);
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // In the root's are process 1 and the kernel's threads.
    if parts.is_empty() || parts.iter().any(|part| [".", ".."].contains(part) || part.contains('\0')) {
        return Err(format!("{path:?} is no control group below the root's: change its cgroupsPath"));
    }
    Ok(vec![parts.join("/")])
}

/// Whether to end one would end the other, or a part of it. Pure.
#[must_use]
pub fn overlap(one: &[String], other: &[String]) -> bool {
    one.iter()
        .any(|one| other.iter().any(|other| Path::new(one).starts_with(other) || Path::new(other).starts_with(one)))
}

/// The control groups of the machine.
#[derive(Debug)]
pub struct Groups(Option<OwnedFd>);

impl Groups {
    /// As they are mounted now: what containers mount over them later does not matter.
    #[must_use]
    pub fn open() -> Self {
        Self::at(Path::new(MOUNTED))
    }

    pub(crate) fn at(path: &Path) -> Self {
        Self(rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok())
    }

    /// Ends every process in these groups, also those that share the machine's process namespace.
    pub fn kill(&self, groups: &[String]) {
        let Some(root) = &self.0 else { return };
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        for group in groups {
            // A group that is not there has no processes, and a kernel before 5.14 no such file: the first process is
            // killed in any case.
            let path = format!("{group}/cgroup.kill");
            if let Ok(file) = rustix::fs::openat2(root, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty(), inside) {
                let _ = rustix::io::write(&file, b"1");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn a_group_is_where_the_configuration_says_and_never_the_roots() {
        for (what, configured, want) in [
            ("nothing said", None, Ok(vec![":youki:services-x", "services-x"])),
            ("an empty word", Some(""), Ok(vec![":youki:services-x", "services-x"])),
            ("a path", Some("/pod/x"), Ok(vec!["pod/x"])),
            ("slashes", Some("pod//x/"), Ok(vec!["pod/x"])),
            ("the root's", Some("/"), Err(())),
            ("a way out", Some("/pod/../.."), Err(())),
            ("a way to nowhere", Some("."), Err(())),
        ] {
            let want = want.map(|groups| groups.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(of_container(configured, "services-x").map_err(drop), want, "{what}");
        }
    }

    #[test]
    fn groups_overlap_when_one_is_in_the_other() {
        for (one, other, want) in [("a", "a", true), ("a", "a/b", true), ("a/b", "a", true), ("a", "ab", false)] {
            assert_eq!(overlap(&[one.to_owned()], &[other.to_owned()]), want, "{one} {other}");
        }
    }

    #[test]
    fn only_what_lies_in_the_hierarchy_is_killed() {
        let folder = Folder::new("init-groups");
        let elsewhere = Folder::new("init-groups-elsewhere");
        for path in [folder.0.join("x"), elsewhere.0.join("y")] {
            fs::create_dir(&path).unwrap();
            fs::write(path.join("cgroup.kill"), "").unwrap();
        }
        std::os::unix::fs::symlink(&elsewhere.0, folder.0.join("link")).unwrap();
        let groups = Groups::at(&folder.0);
        groups.kill(&["x".to_owned(), "none".to_owned(), "link/y".to_owned()]);
        assert_eq!(fs::read_to_string(folder.0.join("x/cgroup.kill")).unwrap(), "1");
        assert_eq!(fs::read_to_string(elsewhere.0.join("y/cgroup.kill")).unwrap(), "");
    }
}
