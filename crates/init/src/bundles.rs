//! The bundles of a machine, read from `/containers`.

use core::time::Duration;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::container::{Config, Container, List};
use crate::files;
use crate::groups::{self, Member};
use crate::preparation::{Preparation, Runtime, Step};
use crate::volumes;

/// More containers than a machine has in one list.
const MAX_CONTAINERS: usize = 1000;
/// More than any configuration is long.
const MAX_JSON: usize = 1 << 20;

/// A container's folder, and what must be done before it can be made.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The folder with `config.json`.
    pub folder: PathBuf,
    /// Or why it cannot be prepared.
    pub preparation: Result<Preparation, String>,
    /// The control groups that its processes can be in, and nobody else's.
    pub groups: Vec<String>,
}

/// Reads all lists below `containers`, in the order of names. What is wrong is said: a container whose bundle cannot be read
/// is there all the same, and fails when it is started.
#[must_use]
pub fn read(containers: &Path, deadline: Duration) -> (Vec<Container>, Vec<Bundle>, Vec<String>) {
    let (mut all, mut bundles, mut paths, mut wrong) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for list in List::ALL {
        let folder = containers.join(list.name());
        let names = match names(&folder) {
            Ok(names) => names,
            Err(error) => {
                wrong.push(format!("cannot list {}: {error}", folder.display()));
                continue;
            }
        };
        if names.len() > MAX_CONTAINERS {
            wrong.push(format!(
                "{} has more than {MAX_CONTAINERS} containers; the rest is not started",
                folder.display()
            ));
        }
        for name in names.into_iter().take(MAX_CONTAINERS) {
            let folder = folder.join(&name);
            let config = config(&folder);
            if let Err(why) = &config {
                wrong.push(why.clone());
            }
            let known = config.as_ref().cloned().unwrap_or_default();
            let (container, complaints) = Container::new(list, &name, &known, deadline);
            wrong.extend(complaints);
            let preparation = config.and_then(|_| preparation(&folder));
            all.push(container);
            bundles.push(Bundle { folder, preparation, groups: Vec::new() });
            paths.push(known.cgroups_path().map(str::to_owned));
        }
    }
    let members = all.iter().zip(&paths).map(|(container, configured)| Member {
        list: container.list,
        name: &container.name,
        configured: configured.as_deref(),
    });
    for (bundle, groups) in bundles.iter_mut().zip(groups::of_machine(&members.collect::<Vec<_>>())) {
        match groups {
            Ok(groups) => bundle.groups = groups,
            Err(why) => bundle.preparation = Err(format!("{why}: give it a cgroupsPath of its own")),
        }
    }
    (all, bundles, wrong)
}

/// What is mounted for each volume, in the order of names.
///
/// # Errors
/// The folder cannot be listed, as a line.
pub(crate) fn volumes(containers: &Path) -> Result<Vec<(String, Vec<Step>)>, String> {
    let folder = containers.join("volumes");
    let names = names(&folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    Ok(names.into_iter().map(|name| (name.clone(), volumes::steps(&folder.join(name)))).collect())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A list that the specification does not have.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // A name that is no text is none that a specification can give.
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn config(folder: &Path) -> Result<Config, String> {
    let path = folder.join("config.json");
    let text = files::read(&path, MAX_JSON).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is no configuration: {error}", path.display()))
}

fn preparation(folder: &Path) -> Result<Preparation, String> {
    let path = folder.join("runtime.json");
    let text = match files::read(&path, MAX_JSON) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Preparation::default()),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let runtime: Runtime =
        serde_json::from_str(&text).map_err(|error| format!("cannot follow {}: {error}", path.display()))?;
    runtime.plan().map_err(|error| format!("cannot follow {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    fn machine(test: &str, files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new(test);
        for (path, text) in files {
            let path = folder.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn lists_are_read_in_the_order_of_names() {
        let folder = machine(
            "init-bundles",
            &[
                ("onboot/010-b/config.json", "{}"),
                ("onboot/002-a/config.json", r#"{"annotations":{"orlop.deadline":"7"}}"#),
                ("onboot/002-a/runtime.json", r#"{"mkdir":["/run/a"]}"#),
                ("services/s/config.json", "{}"),
                ("onboot/README", "no folder"),
            ],
        );
        let (containers, bundles, wrong) = read(&folder.0, Duration::from_secs(60));
        let seen: Vec<_> = containers
            .iter()
            .map(|one| (one.list, one.name.as_str(), one.deadline.map(|time| time.as_secs())))
            .collect();
        let want = [(List::Onboot, "002-a", Some(7)), (List::Onboot, "010-b", Some(60)), (List::Services, "s", None)];
        assert_eq!(seen, want);
        assert_eq!(bundles[0].preparation.as_ref().unwrap().steps.len(), 1);
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn of_two_that_share_a_control_group_only_the_first_is_started() {
        const POD: &str = r#"{"linux":{"cgroupsPath":"/pod"}}"#;
        let folder =
            machine("init-bundles-groups", &[("services/a/config.json", POD), ("services/b/config.json", POD)]);
        let (_, bundles, _) = read(&folder.0, Duration::from_secs(60));
        assert!(bundles[0].preparation.is_ok());
        assert_eq!(bundles[0].groups, ["pod"]);
        let why = bundles[1].preparation.as_ref().unwrap_err();
        assert_eq!(
            why,
            "its control group pod is not its own: services a would end with it: give it a cgroupsPath of its own"
        );
        assert_eq!(bundles[1].groups, Vec::<String>::new(), "nothing of the other's is ended");
    }

    #[test]
    fn a_bundle_that_cannot_be_followed_is_there_and_fails() {
        for (what, files) in [
            ("no configuration", &[("onboot/000-x/rootfs/f", "")][..]),
            ("no JSON", &[("onboot/000-x/config.json", "{")]),
            ("an unknown wish", &[("onboot/000-x/config.json", "{}"), ("onboot/000-x/runtime.json", r#"{"x":1}"#)]),
        ] {
            let folder = machine("init-bundles-wrong", files);
            let (containers, bundles, _) = read(&folder.0, Duration::from_secs(60));
            assert_eq!(containers.len(), 1, "{what}");
            assert!(bundles[0].preparation.is_err(), "{what}");
        }
    }
}
