//! What the verbs do, by way of libcontainer.

use core::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::container::{Container, ContainerStatus};
use libcontainer::oci_spec::runtime::{LinuxNamespaceType, Spec};
use libcontainer::syscall::syscall::SyscallType;
use orlop_sandbox::device_program::Instruction;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::command_line::{Command, New, ROOT, Verb};
use crate::exec::exec;
use crate::whole_dev::{self, Changed, WholeDev};
use crate::{as_runc, devices, groups, kernel_files, shares, sources};

/// Does what the command line says.
///
/// # Errors
/// When the bundle is no bundle, or the kernel refuses.
pub(crate) fn perform(command: &Command) -> Result<ExitCode, Fatal> {
    let Command { root: said, verb } = command;
    let root = said.as_deref().unwrap_or(Path::new(ROOT));
    let done = match verb {
        Verb::Create(new) => create(root, new).map(drop),
        Verb::Run(new) => start(create(root, new)?),
        Verb::Start(id) => start(load(root, id)?),
        Verb::Delete { id, force } => delete(root, id, *force),
        Verb::Exec(program) => return exec(said.as_deref(), program),
        Verb::Say(text) => {
            std::io::stdout().write_all(text.as_bytes()).map_err(|error| Fatal::os("cannot write", error))
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn create(root: &Path, new: &New) -> Result<Container, Fatal> {
    let New { id, bundle, pid_file } = new;
    let problem = || format!("cannot create {id} from {}", bundle.display());
    let asked = accepted(bundle).map_err(|fatal| Fatal { problem: problem(), ..fatal })?;
    let mut spec = asked.clone();
    let allowed = devices::allowed(&spec).map_err(|cause| {
        Fatal::new(Exit::Config, problem()).cause(cause).help("correct linux.resources.devices in config.json")
    })?;
    let dev = whole_dev::take(&mut spec).map_err(|cause| {
        Fatal::new(Exit::Config, problem()).cause(cause).help("bind the files that it needs of /dev, one by one")
    })?;
    kernel_files::keep(&mut spec, Path::new("/proc"));
    as_runc::give_path(&mut spec);
    spec.process().iter().for_each(as_runc::give_streams);
    shares::bound(&mut spec);
    let sources = sources::take(&mut spec, root, id)
        .map_err(|cause| Fatal::os(problem(), cause).help("name in binds what it leads to, by a path without links"))?;
    if let Some(line) = &sources.left_out {
        // Nobody may read it, and the container is made all the same.
        let _ = writeln!(std::io::stderr(), "warning: {line}");
    }
    let changed = (spec != asked).then(|| Changed::write(root, id, spec.clone(), bundle)).transpose();
    let changed = changed.map_err(|cause| Fatal::os(problem(), cause))?;
    groups::renew(spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_deref()));
    let made = || {
        ContainerBuilder::new(id.clone(), SyscallType::default())
            .with_root_path(root)?
            .with_pid_file(pid_file.as_ref())?
            .validate_id()?
            .as_init(changed.as_ref().map_or(bundle.as_path(), Changed::path))
            .with_systemd(false)
            .with_detach(true)
            // Its first process is a child of whoever started us, who then learns of its end.
            .as_sibling(true)
            .build()
    };
    let mut container = made().map_err(|error| Fatal::os(problem(), chain(&error)))?;
    if let Err(fatal) = finish(&container, &allowed, dev.as_ref()) {
        // What is reported is why it is not there.
        let _ = container.delete(true);
        return Err(Fatal { problem: problem(), ..fatal });
    }
    remember(&mut container, bundle).map_err(|cause| Fatal::os(problem(), cause))?;
    Ok(container)
}

/// Whoever asks for the container later finds the bundle that it was made from, which stays: ours is gone.
fn remember(container: &mut Container, bundle: &Path) -> Result<(), String> {
    container.state.bundle = bundle.canonicalize().map_err(|error| chain(&error))?;
    container.save().map_err(|error| chain(&error))
}

/// What libcontainer leaves to us. The container's program waits, so that it never runs with more, or less.
fn finish(container: &Container, allowed: &[Instruction], dev: Option<&WholeDev>) -> Result<(), Fatal> {
    let first = container.pid().map(i32::from).ok_or_else(|| Fatal::os("", "the container has no process"))?;
    if let Some(dev) = dev {
        dev.put(first)
            .map_err(|cause| Fatal::os("", cause).help("correct the entry for /dev in mounts of config.json"))?;
    }
    groups::of(first).and_then(|group| devices::restrict(&group, allowed)).map_err(|cause| {
        Fatal::os("", cause)
            .help("use a kernel with CONFIG_CGROUP_BPF, or start orlop-init with orlop.runtime= another")
    })
}

/// The configuration, unless libcontainer would do less than it asks for, or more than it means.
fn accepted(bundle: &Path) -> Result<Spec, Fatal> {
    let path = bundle.join("config.json");
    let unreadable = |error| Fatal::new(Exit::Config, "").cause(format!("{}: {}", path.display(), chain(&error)));
    let spec = Spec::load(&path).map_err(unreadable)?;
    let Some(linux) = spec.linux() else { return Ok(spec) };
    // It was built without, and would say nothing.
    if linux.seccomp().is_some() {
        return Err(Fatal::new(Exit::Config, "")
            .cause("config.json asks for seccomp, which this runtime has not")
            .help("take linux.seccomp out of config.json, or start orlop-init with orlop.runtime=/usr/bin/crun"));
    }
    // libcontainer takes it for a wish for systemd's control groups, which it was built without, and says that.
    if linux.namespaces().iter().flatten().any(|namespace| namespace.typ() == LinuxNamespaceType::User) {
        return Err(Fatal::new(Exit::Config, "")
            .cause("config.json asks for a user namespace, which this runtime cannot make")
            .help("take userns out of the YAML or the image's label, or start orlop-init with orlop.runtime=/usr/bin/crun"));
    }
    // To delete a container ends everything in its group: in the root's is the whole machine.
    if let Some(group) = linux.cgroups_path().as_ref().filter(|path| !groups::is_own(path)) {
        return Err(Fatal::new(Exit::Config, "")
            .cause(format!("config.json asks for the control group {}, which is not below the root's", group.display()))
            .help("give linux.cgroupsPath a name of its own, such as /NAME"));
    }
    Ok(spec)
}

/// With `force` the name is free afterwards, whatever a container or a runtime that was killed has left behind: an init could
/// never start the container again.
fn delete(root: &Path, id: &str, force: bool) -> Result<(), Fatal> {
    let folder = folder(root, id)?;
    let deleted = Container::load(folder.clone()).map_err(|error| none(id, &error)).and_then(|mut container| {
        if force {
            // All in its control group are ended, and nobody by the number of its first process: that may be another's by now.
            container.state.pid = None;
            groups::end(&folder);
        }
        container.delete(force).map_err(|error| Fatal::os(format!("cannot delete {id}"), chain(&error)))
    });
    if deleted.is_ok() || !force {
        return deleted;
    }
    // There is no state that can be read, or the group stays. As runc has it, what is not there is deleted already.
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Fatal::os(format!("cannot delete {id}"), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Where the state of a container is. The name becomes a path: the builder's rule for names is the one that holds here too.
fn folder(root: &Path, id: &str) -> Result<PathBuf, Fatal> {
    let known = ContainerBuilder::new(id.to_owned(), SyscallType::default()).validate_id();
    known.map(|_| root.join(id)).map_err(|error| none(id, &error))
}

pub(crate) fn load(root: &Path, id: &str) -> Result<Container, Fatal> {
    Container::load(folder(root, id)?).map_err(|error| none(id, &error))
}

fn none(id: &str, error: &dyn Error) -> Fatal {
    Fatal::new(Exit::Config, format!("there is no container {id}")).cause(chain(error))
}

fn start(mut container: Container) -> Result<(), Fatal> {
    let started = container.start();
    started.map_err(|error| {
        let fatal = Fatal::os(format!("cannot start {}", container.id()), chain(&error));
        if container.status() == ContainerStatus::Created {
            return fatal.help("its program has ended before it began: see what it wrote");
        }
        fatal
    })
}

/// An error and what caused it, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Transparent errors say the same as what is in them.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};

    use orlop_testbed::Folder;

    use super::*;

    const CONFIG: &str = r#"{"ociVersion":"1.0.2","root":{"path":"rootfs"},"linux":{SECCOMP}}"#;

    fn refused(config: &str) -> Result<(), Fatal> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = std::env::temp_dir().join(format!(
            "orlop-container-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), config).unwrap();
        let result = accepted(&folder).map(drop);
        fs::remove_dir_all(folder).unwrap();
        result
    }

    #[test]
    fn a_seccomp_profile_is_refused_and_not_ignored() {
        let with = CONFIG.replace("SECCOMP", r#""seccomp":{"defaultAction":"SCMP_ACT_ERRNO"}"#);
        let error = refused(&with).unwrap_err();
        assert!(error.cause.is_some_and(|cause| cause.contains("asks for seccomp")));
        assert_eq!(refused(&CONFIG.replace("SECCOMP", "")), Ok(()), "control");
    }

    #[test]
    fn a_user_namespace_is_refused_in_words_that_say_so() {
        let with = CONFIG.replace("SECCOMP", r#""namespaces":[{"type":"mount"},{"type":"user"}]"#);
        let error = refused(&with).unwrap_err();
        assert!(error.cause.is_some_and(|cause| cause.contains("asks for a user namespace")));
        assert_eq!(refused(&with.replace("user", "pid")), Ok(()), "control");
    }

    #[test]
    fn what_is_no_rule_for_devices_is_refused_before_anything_is_made() {
        let folder = Folder::new("container-no-rule");
        let resources = r#""resources":{"devices":[{"allow":true,"access":"x"}]}"#;
        fs::write(folder.0.join("config.json"), CONFIG.replace("SECCOMP", resources)).unwrap();
        let root = folder.0.join("state");
        let error = create(&root, &New { id: "x".into(), bundle: folder.0.clone(), pid_file: None }).unwrap_err();
        assert_eq!(error.exit, Exit::Config);
        assert!(error.cause.is_some_and(|cause| cause.contains("no rule for devices")));
        assert!(error.help.is_some_and(|help| help.contains("linux.resources.devices")));
        assert!(!root.exists());
    }

    #[test]
    fn the_roots_control_group_is_refused() {
        for (path, good) in [("/", false), ("/a", true)] {
            let config = CONFIG.replace("SECCOMP", &format!(r#""cgroupsPath":"{path}""#));
            assert_eq!(refused(&config).is_ok(), good, "{path:?}");
        }
    }

    #[test]
    fn somebody_elses_process_is_no_reason_to_keep_a_container() {
        let root = std::env::temp_dir().join(format!("orlop-container-reused-{}", std::process::id()));
        fs::create_dir_all(root.join("x")).unwrap();
        // Its number is now ours.
        let pid = std::process::id();
        let state = format!(
            r#"{{"ociVersion":"1.0.2","id":"x","status":"running","pid":{pid},"bundle":"/b","useSystemd":false}}"#
        );
        fs::write(root.join("x/state.json"), state).unwrap();
        assert!(delete(&root, "x", false).is_err(), "control: it runs, as it seems");
        assert_eq!(delete(&root, "x", true), Ok(()));
        assert!(!root.join("x").exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_is_no_configuration_is_named() {
        let error = refused("{").unwrap_err();
        assert_eq!(error.exit, Exit::Config);
        assert!(error.cause.is_some_and(|cause| cause.contains("config.json")));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_no_container() {
        for id in ["../etc", "", "..", "a/b"] {
            assert_eq!(load(Path::new("/run"), id).unwrap_err().exit, Exit::Config, "{id:?}");
        }
    }

    #[test]
    fn what_a_runtime_that_was_killed_has_left_can_be_deleted() {
        let root = std::env::temp_dir().join(format!("orlop-container-left-{}", std::process::id()));
        fs::create_dir_all(root.join("x")).unwrap();
        fs::write(root.join("x/state.json"), "{").unwrap();
        assert_eq!(delete(&root, "x", false).unwrap_err().exit, Exit::Config, "without force");
        assert!(root.join("x").exists(), "and it stays");
        assert_eq!(delete(&root, "x", true), Ok(()));
        assert!(!root.join("x").exists());
        assert_eq!(delete(&root, "x", true), Ok(()), "it is not there any more");
        for id in ["..", "", "x/.."] {
            assert_eq!(delete(&root, id, true).unwrap_err().exit, Exit::Config, "{id:?}");
        }
        assert!(root.exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn causes_are_named_once_each() {
        let inner = std::io::Error::other("inner");
        let outer = std::io::Error::other(inner);
        assert_eq!(chain(&outer), "inner");
    }
}
