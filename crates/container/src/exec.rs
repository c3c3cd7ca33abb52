//! `exec`: one program more in a container that runs, with its namespaces, control group, user, environment, capabilities and limits.
//!
//! A machine has no shell. So whoever wants to give a daemon an order is in a container as well, one with `pid: host`, and asks for
//! a container of the machine's: without `--root` this looks where process 1 keeps them, and goes there first.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libcontainer::config::YoukiConfig;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::container::{Container, ContainerStatus};
use libcontainer::oci_spec::runtime::{Process, Spec};
use libcontainer::syscall::syscall::SyscallType;
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitOptions};

use crate::command_line::Program;
use crate::verbs::{chain, load};
use crate::{as_runc, groups};

/// Where `orlop-init` has the state of a machine's containers.
pub(crate) const MACHINES: &str = "/.orlop/containers";
/// Where process 1 has its files.
const FIRST: &str = "/proc/1/ns/mnt";
/// In front of the name of a service, in the names that `orlop-init` gives containers.
const SERVICE: &str = "services-";

/// Runs the program to its end, and ends as it did: with its code, or with 128 and the number of the signal.
///
/// # Errors
/// When there is no such container, it does not run, or the program cannot be started in it.
pub(crate) fn exec(root: Option<&Path>, program: &Program) -> Result<ExitCode, Fatal> {
    let (root, id) = match root {
        Some(root) => (root, program.id.clone()),
        None => {
            go_to_first().map_err(|cause| {
                Fatal::new(Exit::Permission, "cannot go to where process 1 has its containers")
                    .cause(cause)
                    .help("give the container that asks pid: host and capabilities: [all]")
            })?;
            (Path::new(MACHINES), name(Path::new(MACHINES), &program.id))
        }
    };
    let container = running(root, &id)?;
    let problem = || format!("cannot start {} in {id}", program.words.first().map_or("", String::as_str));
    let process = process(&container, program).map_err(|cause| Fatal::new(Exit::Config, problem()).cause(cause))?;
    let place = Place::new(root, &id, &container, &process).map_err(|cause| Fatal::os(problem(), cause))?;
    as_runc::give_streams(&process);
    let started = || {
        ContainerBuilder::new(id.clone(), SyscallType::default())
            .with_root_path(&place.0)?
            .validate_id()?
            .as_tenant()
            .with_detach(false)
            .with_process(Some(place.process()))
            .build()
    };
    let first = started().map_err(|error| {
        Fatal::os(problem(), chain(&error)).help("name a program that is in the container's image, by its whole path")
    })?;
    drop(place);
    let child = Pid::from_raw(first.as_raw()).ok_or(io::ErrorKind::InvalidData.into());
    child.and_then(ended).map(ExitCode::from).map_err(|cause| Fatal::os("cannot see how the program ended", cause))
}

/// Enters the mounts of process 1, if that is visible and they are others.
fn go_to_first() -> io::Result<()> {
    let first = File::open(FIRST)?;
    if first.metadata()?.ino() == fs::metadata("/proc/self/ns/mnt")?.ino() {
        return Ok(());
    }
    // Root and working folder are process 1's from here on.
    Ok(nix::sched::setns(first, CloneFlags::CLONE_NEWNS)?)
}

/// What the machine calls the container: a service is meant where both would do.
fn name(root: &Path, typed: &str) -> String {
    let service = format!("{SERVICE}{typed}");
    // A word that leads elsewhere is refused as a name.
    if !typed.contains('/') && root.join(&service).exists() { service } else { typed.to_owned() }
}

/// The container, if its first process is there and is its own: the number may be another's by now.
fn running(root: &Path, id: &str) -> Result<Container, Fatal> {
    let container = load(root, id).map_err(|fatal| fatal.help("boot.json has the names of all containers"))?;
    let is_there = || -> Option<bool> {
        let first = container.pid().map(i32::from).filter(|_| container.status() == ContainerStatus::Running)?;
        let own = YoukiConfig::load(root.join(id)).ok()?.cgroup_path;
        // It may have gone to a group of its own below.
        Some(groups::of(first).ok()?.starts_with(groups::folder(&own)))
    };
    if is_there() == Some(true) {
        return Ok(container);
    }
    Err(Fatal::new(Exit::Unconfigured, format!("{id} does not run")).help("ask again when it does: see boot.json"))
}

/// The container's own process, with other words and what else was asked for. A terminal there is none.
fn process(container: &Container, program: &Program) -> Result<Process, String> {
    let mut spec = Spec::load(container.bundle().join("config.json")).map_err(|error| chain(&error))?;
    as_runc::give_path(&mut spec);
    let mut process = spec.process().clone().ok_or("config.json says nothing of a process")?;
    process.set_args(Some(program.words.clone())).set_terminal(Some(false));
    if let Some((user, group)) = program.user {
        let mut whole = process.user().clone();
        whole.set_uid(user).set_gid(group.unwrap_or_else(|| process.user().gid()));
        process.set_user(whole);
    }
    let mut environment = process.env().clone().unwrap_or_default();
    for (name, value) in &program.environment {
        environment.retain(|variable| variable.split('=').next() != Some(name));
        environment.push(format!("{name}={value}"));
    }
    process.set_env(Some(environment));
    if let Some(folder) = &program.folder {
        process.set_cwd(folder.clone());
    }
    Ok(process)
}

/// What libcontainer reads and leaves behind on the way, at a place of its own: several may be asked for at once.
struct Place(PathBuf);

impl Place {
    fn new(root: &Path, id: &str, container: &Container, process: &Process) -> Result<Self, String> {
        // No container has a name with a space in it.
        let place = Self(root.join(format!("{id} exec {}", std::process::id())));
        let state = place.0.join(id);
        let written = || -> io::Result<()> {
            fs::create_dir_all(&state)?;
            serde_json::to_writer(File::create(place.process())?, process)?;
            Ok(())
        };
        written().map_err(|error| format!("{}: {error}", place.0.display()))?;
        container.state.save(&state).map_err(|error| chain(&error))?;
        Ok(place)
    }

    fn process(&self) -> PathBuf {
        self.0.join("process.json")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It is small, and the next of its name is written over it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits for the end of a child, and hands on what we are told meanwhile. Gives its code, or 128 and the number of the signal.
fn ended(child: Pid) -> io::Result<u8> {
    let handed_on =
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];
    let handed_on = SigSet::from_iter(handed_on);
    // The child runs already, and has nothing blocked.
    handed_on.thread_block()?;
    let told = SignalFd::with_flags(&handed_on, SfdFlags::SFD_CLOEXEC)?;
    let process = rustix::process::pidfd_open(child, PidfdFlags::empty())?;
    loop {
        let mut watched = [PollFd::new(&told, PollFlags::IN), PollFd::new(&process, PollFlags::IN)];
        match rustix::event::poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [is_told, is_over] = watched.map(|one| !one.revents().is_empty());
        if is_over {
            let (_, status) = rustix::process::waitpid(Some(child), WaitOptions::empty())?.ok_or(Errno::CHILD)?;
            let signal = status.terminating_signal().map(|signal| 128 | signal);
            let code = status.exit_status().or(signal);
            return Ok(code.and_then(|code| code.try_into().ok()).unwrap_or(u8::MAX));
        }
        if is_told && let Some(told) = told.read_signal()? {
            let signal = told.ssi_signo.try_into().ok().and_then(rustix::process::Signal::from_named_raw);
            // It may have ended just now.
            signal.map(|signal| rustix::process::pidfd_send_signal(&process, signal));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use orlop_testbed::Folder;

    use super::*;

    fn asked() -> Program {
        Program {
            id: "x".into(),
            words: vec!["/bin/y".into(), "z".into()],
            user: None,
            environment: Vec::new(),
            folder: None,
        }
    }

    #[test]
    fn a_program_is_as_the_containers_own_but_for_what_was_asked() {
        let folder = Folder::new("container-exec-process");
        let config = r#"{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"terminal":true,"cwd":"/var","args":["/a"],
            "user":{"uid":7,"gid":8,"additionalGids":[9]},"env":["A=1","AB=2"],"noNewPrivileges":true,
            "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]},
            "rlimits":[{"type":"RLIMIT_NOFILE","soft":10,"hard":20}]}}"#;
        fs::write(folder.0.join("config.json"), config).unwrap();
        let mut container = Container::default();
        container.state.bundle.clone_from(&folder.0);
        let own = Spec::load(folder.0.join("config.json")).unwrap().process().clone().unwrap();
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let environment = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());

        let mut want = own.clone();
        want.set_args(environment(&["/bin/y", "z"])).set_terminal(Some(false));
        want.set_env(environment(&["A=1", "AB=2", path]));
        assert_eq!(process(&container, &asked()).unwrap(), want, "nothing");

        let variables = vec![("A".to_owned(), "3=4".to_owned()), ("C".to_owned(), String::new())];
        let other = Program { user: Some((1, None)), environment: variables, folder: Some("/t".into()), ..asked() };
        let mut user = own.user().clone();
        user.set_uid(1);
        want.set_env(environment(&["AB=2", path, "A=3=4", "C="])).set_user(user.clone()).set_cwd("/t".into());
        assert_eq!(process(&container, &other).unwrap(), want, "all of it");
        user.set_gid(2);
        want.set_user(user);
        assert_eq!(process(&container, &Program { user: Some((1, Some(2))), ..other }).unwrap(), want, "and a group");
    }

    #[test]
    fn a_services_name_is_enough_and_no_name_leads_elsewhere() {
        let folder = Folder::new("container-exec-name");
        for container in ["services-dhcpcd", "services-onboot-000-a", "onboot-000-b", "dhcpcd"] {
            fs::create_dir(folder.0.join(container)).unwrap();
        }
        for (typed, want) in [
            ("dhcpcd", "services-dhcpcd"),
            ("services-dhcpcd", "services-dhcpcd"),
            ("onboot-000-a", "services-onboot-000-a"),
            ("onboot-000-b", "onboot-000-b"),
            ("none", "none"),
            ("dhcpcd/../dhcpcd", "dhcpcd/../dhcpcd"),
        ] {
            assert_eq!(name(&folder.0, typed), want, "{typed}");
        }
    }

    #[test]
    fn a_container_whose_process_is_another_one_does_not_run() {
        let folder = Folder::new("container-exec-reused");
        let state = folder.0.join("x");
        fs::create_dir(&state).unwrap();
        for (what, pid) in [("somebody else's", std::process::id()), ("nobody's", 0x7fff_fff0)] {
            let text = format!(
                r#"{{"ociVersion":"1.0.2","id":"x","status":"running","pid":{pid},"bundle":"/b","useSystemd":false}}"#
            );
            fs::write(state.join("state.json"), text).unwrap();
            fs::write(state.join("youki_config.json"), r#"{"hooks":null,"cgroup_path":":youki:x"}"#).unwrap();
            assert_eq!(running(&folder.0, "x").map(drop).unwrap_err().exit, Exit::Unconfigured, "{what}");
        }
        assert_eq!(running(&folder.0, "y").map(drop).unwrap_err().exit, Exit::Config, "there is none");
    }

    #[test]
    #[expect(clippy::zombie_processes, reason = "that they are waited for is what is tested")]
    fn it_ends_as_the_program_did_and_hands_on_what_it_is_told() {
        let started = |script: &str| {
            let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            Pid::from_child(&child)
        };
        // What we block once, children that are started later would have blocked as well.
        let child = started("exec sleep 1000");
        for (script, want) in [("exit 0", 0), ("exit 77", 77), ("kill -9 $$", 137)] {
            assert_eq!(ended(started(script)).unwrap(), want, "{script}");
        }
        // To this thread.
        nix::sys::signal::raise(Signal::SIGTERM).unwrap();
        assert_eq!(ended(child).unwrap(), 143);
    }
}
