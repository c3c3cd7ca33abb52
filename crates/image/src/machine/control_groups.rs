//! Containers that share a control group, which only the machine would say otherwise.
//!
//! With `orlop-init` one of them is not started, so that it is an error. Other inits may: LinuxKit's writes what a spec says, and
//! runc takes a group that is in use (version 1.1 warns of it). There it is a warning only, though what shares a group ends
//! together there, too: when containerd deletes the first (`opencontainers/runtime-spec` issue 944, from a spec of LinuxKit's).

use orlop_init::container::List;
use orlop_init::groups::{self, Member};
use orlop_sandbox::fatal::{Exit, Fatal};

use super::{OUR_RUNTIME, Say, Told};
use crate::filesystem::Filesystem;
use crate::spec::Section;

/// A container, and the control group it asks for.
#[derive(Debug)]
pub(super) struct Grouped {
    /// Where it stands in the spec.
    at: String,
    list: List,
    /// The name of its folder.
    name: String,
    configured: Option<String>,
}

impl Grouped {
    pub(super) fn new(at: String, section: Section, folder: &str, configured: Option<String>) -> Self {
        let list = match section {
            Section::Onboot => List::Onboot,
            Section::Onshutdown => List::Onshutdown,
            Section::Services => List::Services,
        };
        let name = folder.rsplit('/').next().unwrap_or(folder).to_owned();
        Self { at, list, name, configured }
    }
}

/// Whether `orlop-init` would start all of them; says which not when the machine, whose files these are, has another init.
///
/// # Errors
/// When the machine has `orlop-init`.
pub(super) fn check(files: &Filesystem, mut grouped: Vec<Grouped>, say: Say<'_>) -> Result<(), Fatal> {
    // As it reads them: the first of two is the one that has the group.
    let place = |list: List| List::ALL.iter().position(|known| *known == list);
    grouped.sort_by(|one, other| (place(one.list), &one.name).cmp(&(place(other.list), &other.name)));
    let members = grouped.iter().map(|Grouped { at: _, list, name, configured }| Member {
        list: *list,
        name,
        configured: configured.as_deref(),
    });
    let groups = groups::of_machine(&members.collect::<Vec<_>>());
    for (Grouped { at, .. }, why) in grouped.iter().zip(groups).filter_map(|(one, groups)| Some((one, groups.err()?))) {
        if files.has(OUR_RUNTIME) {
            return Err(Fatal::new(Exit::Config, format!("{at} would not be started by orlop-init"))
                .cause(why)
                .help("give it a cgroupsPath of its own, or none, or take LinuxKit's images for init:"));
        }
        say(Told::Warning(format!("{at} would not be started by orlop-init: {why}")));
    }
    Ok(())
}
