//! A container's control group: where it is, whether it is its own, and how all in it ends.

use std::fs;
use std::path::{Component, Path, PathBuf};

use libcontainer::config::YoukiConfig;

/// Where version 2 is mounted.
pub(crate) const MOUNTED: &str = "/sys/fs/cgroup";
/// Groups within groups that are looked into: a path of so many names is longer than the kernel takes.
const MAX_DEPTH: usize = 2048;

/// The folder of the group that a container's first process is in.
///
/// # Errors
/// As a line, when it is not in one of its own.
pub(crate) fn of(first: i32) -> Result<PathBuf, String> {
    let path = format!("/proc/{first}/cgroup");
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let group = in_line(&text).ok_or_else(|| format!("the container is in no control group of its own: {text:?}"))?;
    Ok(Path::new(MOUNTED).join(group))
}

/// The folder of the group with this path from the root's.
pub(crate) fn folder(path: &Path) -> PathBuf {
    Path::new(MOUNTED).join(path.strip_prefix("/").unwrap_or(path))
}

/// The group in version 2's line (`cgroups(7)`).
fn in_line(text: &str) -> Option<&str> {
    let group = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    is_own(Path::new(group)).then(|| group.trim_start_matches('/'))
}

/// Whether this is a group below the root's, by names alone.
pub(crate) fn is_own(path: &Path) -> bool {
    let mut names = path.components().filter(|part| *part != Component::RootDir).peekable();
    names.peek().is_some() && names.all(|part| matches!(part, Component::Normal(_)))
}

/// Removes the group that a configuration asks for, if nothing is in it: the limits and the list of devices that an earlier
/// container has left there would hold for the new one as well.
pub(crate) fn renew(configured: Option<&Path>) {
    renew_in(Path::new(MOUNTED), configured);
}

fn renew_in(mounted: &Path, configured: Option<&Path>) {
    let Some(group) = configured.filter(|path| is_own(path)) else { return };
    // Mostly it is not there. One that is in use or has others in it stays.
    let _ = fs::remove_dir(mounted.join(group.strip_prefix("/").unwrap_or(group)));
}

/// Ends everything in the group of the container whose state is in `state`, and removes groups that it has made in it: the
/// kernel removes none that has others in it.
pub(crate) fn end(state: &Path) {
    let Some(group) = YoukiConfig::load(state).ok().map(|config| config.cgroup_path).filter(|path| is_own(path)) else {
        return;
    };
    let group = folder(&group);
    // What cannot be ended or removed is reported when the group itself is removed.
    let _ = fs::write(group.join("cgroup.kill"), "1");
    remove_below(&group, MAX_DEPTH);
}

fn remove_below(group: &Path, depth: usize) {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if let Some(less) = depth.checked_sub(1) {
            remove_below(&entry.path(), less);
        }
        // One whose last process is still on its way stays, and is reported as above.
        let _ = fs::remove_dir(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn the_roots_group_and_those_outside_are_no_containers() {
        for (path, own) in [
            ("/", false),
            ("", false),
            (".", false),
            ("/a/../..", false),
            ("/a/b", true),
            ("a", true),
            (":youki:services-x", true),
        ] {
            assert_eq!(is_own(Path::new(path)), own, "{path:?}");
        }
    }

    #[test]
    fn a_process_says_which_group_it_is_in() {
        for (what, text, want) in [
            ("a container's", "0::/:youki:services-x\n", Some(":youki:services-x")),
            ("the root's", "0::/\n", None),
            ("version 1 beside it", "4:memory:/a\n0::/b/c\n", Some("b/c")),
            ("outside of what we see", "0::/../x\n", None),
            ("none", "", None),
        ] {
            assert_eq!(in_line(text), want, "{what}");
        }
    }

    #[test]
    fn what_an_earlier_container_has_left_of_a_group_is_removed_unless_it_is_in_use() {
        for (what, configured, left) in [
            ("its own", Some("/pod"), &["others", "others/a"][..]),
            ("below another", Some("others/a"), &["others", "pod"]),
            ("one with others in it", Some("/others"), &["others", "others/a", "pod"]),
            ("the root's", Some("/"), &["others", "others/a", "pod"]),
            ("nothing said", None, &["others", "others/a", "pod"]),
        ] {
            let folder = Folder::new("container-groups-renewed");
            fs::create_dir_all(folder.0.join("others/a")).unwrap();
            fs::create_dir(folder.0.join("pod")).unwrap();
            renew_in(&folder.0, configured.map(Path::new));
            let there = ["others", "others/a", "pod"].into_iter().filter(|path| folder.0.join(path).exists());
            assert_eq!(there.collect::<Vec<_>>(), left, "{what}");
        }
    }

    #[test]
    fn groups_that_a_container_has_made_are_removed() {
        let folder = Folder::new("container-groups");
        fs::create_dir_all(folder.0.join("docker/a/b")).unwrap();
        fs::create_dir_all(folder.0.join("other")).unwrap();
        fs::write(folder.0.join("cgroup.kill"), "").unwrap();
        remove_below(&folder.0, MAX_DEPTH);
        assert_eq!(folder.names(), ["cgroup.kill"]);
    }
}
