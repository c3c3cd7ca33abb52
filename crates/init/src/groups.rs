//! Control groups: which of them are a container's own, and the end of everything in them.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use thiserror::Error;

use crate::container::List;

/// Where version 2 is mounted.
pub(crate) const MOUNTED: &str = "/sys/fs/cgroup";

/// Why a container is not started because of its control group.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotItsOwn {
    /// In the root's are process 1 and the kernel's threads.
    #[error("{0:?} is no control group below the root's")]
    Root(String),
    /// To end a container is to end all that is in its group, and so does every runtime that deletes one.
    #[error("its control group {group} is not its own: {} {other} would end with it", list.name())]
    Shared {
        /// Where it could be.
        group: String,
        /// Where the container is that has it already.
        list: List,
        /// And its name.
        other: String,
    },
}

/// A container, as far as its control group goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Where it belongs.
    pub list: List,
    /// The name of its folder.
    pub name: &'a str,
    /// What its configuration asks for.
    pub configured: Option<&'a str>,
}

/// The control groups that each container's processes can be in, and nobody else's, below [`MOUNTED`]. Of containers that may
/// run at the same time only the first has a group. Pure.
#[must_use]
pub fn of_machine(members: &[Member<'_>]) -> Vec<Result<Vec<String>, NotItsOwn>> {
    let mut all: Vec<Result<Vec<String>, NotItsOwn>> = Vec::new();
    for member in members {
        let groups = of_container(member.configured, &member.list.id(member.name)).and_then(|groups| {
            let mut before = members.iter().zip(&all).filter(|(other, _)| together(other.list, member.list));
            let holder = before.find(|(_, held)| held.as_ref().is_ok_and(|held| overlap(held, &groups)));
            holder.map_or(Ok(()), |(other, _)| {
                let (group, other, list) = (groups.join(" or "), other.name.to_owned(), other.list);
                Err(NotItsOwn::Shared { group, list, other })
            })?;
            Ok(groups)
        });
        all.push(groups);
    }
    all
}

/// Whether containers of these lists may run at the same time.
const fn together(one: List, other: List) -> bool {
    match (one, other) {
        // The boot is over when services begin.
        (List::Onboot, _) | (_, List::Onboot) | (List::Onshutdown, List::Onshutdown) => false,
        (List::Services, _) | (_, List::Services) => true,
    }
}

/// Where a container can be: where its configuration says, or else where runtimes put those that say nothing: libcontainer in
/// a group called `:youki:ID`, crun and runc in one called as the container.
fn of_container(configured: Option<&str>, id: &str) -> Result<Vec<String>, NotItsOwn> {
    let Some(path) = configured.filter(|path| !path.is_empty()) else {
        return Ok(vec![format!(":youki:{id}"), id.to_owned()]);
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() || parts.iter().any(|part| [".", ".."].contains(part) || part.contains('\0')) {
        return Err(NotItsOwn::Root(path.to_owned()));
    }
    Ok(vec![parts.join("/")])
}

/// Whether to end one would end the other, or a part of it.
fn overlap(one: &[String], other: &[String]) -> bool {
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
    fn of_containers_that_run_together_only_the_first_has_a_group() {
        let of = |list, name, configured| Member { list, name, configured };
        let (a, pod) = ("a", Some("/pod"));
        for (what, first, second, want) in [
            ("services", of(List::Services, a, pod), of(List::Services, "b", pod), false),
            ("one in the other's", of(List::Services, a, pod), of(List::Services, "b", Some("pod/b")), false),
            (
                "the runtime's own for another",
                of(List::Services, a, None),
                of(List::Services, "b", Some(":youki:services-a")),
                false,
            ),
            ("at shutdown services still run", of(List::Services, a, pod), of(List::Onshutdown, "b", pod), false),
            ("each its own", of(List::Services, a, pod), of(List::Services, "b", Some("/own")), true),
            ("nothing said", of(List::Services, a, None), of(List::Services, "b", None), true),
            ("of the same name", of(List::Services, a, None), of(List::Onshutdown, a, None), true),
            ("one after the other", of(List::Onboot, a, pod), of(List::Onboot, "b", pod), true),
            ("at boot, and later", of(List::Onboot, a, pod), of(List::Services, a, pod), true),
            ("beside one that has none", of(List::Services, a, Some("/")), of(List::Services, "b", pod), true),
        ] {
            let groups = of_machine(&[first, second]);
            assert_eq!(groups[0].is_ok(), first.configured != Some("/"), "{what}");
            assert_eq!(groups[1].is_ok(), want, "{what}: {groups:?}");
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
