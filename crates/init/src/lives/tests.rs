use core::time::Duration;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::mpsc;

use orlop_testbed::{Folder, Testbed, eventually};
use rustix::mount::MountPropagationFlags;
use rustix::process::WaitOptions;

use super::*;
use crate::container::Config;
use crate::early;
use crate::preparation::{Preparation, Runtime};

/// A runtime that makes containers, which do nothing.
const RUNS: &str = "*run*) sleep 20 </dev/null >&0 2>&0 & echo $! >$pid;;";

/// One service, with a runtime that does this for each verb. It finds the file for the process id in `$pid`.
fn lives(folder: &Folder, runtime: &str, preparation: Preparation) -> Lives {
    // What a runtime leaves behind is ours, as it is process 1's; any number but 0 says so.
    rustix::process::set_child_subreaper(Some(Pid::INIT)).unwrap();
    let path = folder.0.join("runtime");
    let script = format!("#!/bin/sh\npid={}/services-x.pid\ncase \"$*\" in {runtime} esac\n", folder.0.display());
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let (mut settings, _) = Settings::from_command_line("");
    settings.runtime = path;
    let (container, _) = Container::new(List::Services, "x", &Config::default(), Duration::from_secs(60));
    let bundle = Bundle { folder: folder.0.clone(), preparation: Ok(preparation), groups: Vec::new() };
    Lives::at(&folder.0, &folder.0, &settings, vec![container], vec![bundle])
}

/// Waits for a child and tells of its end, as the loop does.
fn collected(lives: &mut Lives, pid: Pid, console: &mut Console) -> Vec<Event> {
    let (_, status) = rustix::process::waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
    let end = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exited(code.try_into().unwrap()),
        (None, signal) => End::Killed(signal.unwrap()),
    };
    lives.ended(pid, end, console)
}

/// Mounts are from here on this thread's own, and those of threads that it starts.
fn unshare_mounts() {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
}

/// Waits until errands are done and the runtime is at work.
fn helper_after_errands(lives: &mut Lives, console: &mut Console) -> Pid {
    let helper = eventually("the errands", Duration::from_secs(10), || {
        assert_eq!(lives.errands_done(console), []);
        Ok(lives.all[0].helper())
    });
    helper.unwrap()
}

/// Waits until the container runs, which [`Lives::start`] has begun with.
fn runs(lives: &mut Lives, console: &mut Console) {
    let helper = helper_after_errands(lives, console);
    match collected(lives, helper, console)[..] {
        // An earlier life's was deleted first.
        [] => runs(lives, console),
        ref events => assert_eq!(events, [Event::Ready(0)]),
    }
}

/// The container's first process.
fn first(lives: &Lives) -> Pid {
    lives.all[0].first.as_ref().unwrap().pid()
}

/// Kills the container, which runs, as at a deadline.
fn killed(lives: &mut Lives, console: &mut Console) {
    let first = first(lives);
    assert_eq!(lives.kill(0), None);
    assert_eq!(collected(lives, first, console), [Event::Ended(0, End::Killed(9))]);
}

/// The service with a control group, and where the order to kill all in it is written.
fn with_group(folder: &Folder, runtime: &str) -> (Lives, PathBuf) {
    fs::create_dir(folder.0.join("group")).unwrap();
    let kill = folder.0.join("group/cgroup.kill");
    fs::write(&kill, "").unwrap();
    let mut lives = lives(folder, runtime, Preparation::default());
    lives.means.groups = Groups::at(&folder.0);
    lives.all[0].bundle.groups = vec!["group".to_owned()];
    (lives, kill)
}

#[test]
fn a_container_that_was_made_and_cannot_be_started_is_not_left_waiting() {
    let Some(_) = Testbed::with(&[]) else { return };
    let folder = Folder::new("init-lives-start");
    unshare_mounts();
    let runtime = "*create*) sleep 20 </dev/null >&0 2>&0 & echo $! >$pid;; *start*) exit 3;;";
    let bind = vec![("net", folder.0.join("net").to_str().unwrap().to_owned())];
    let mut lives = lives(&folder, runtime, Preparation { steps: Vec::new(), bind });
    let mut console = Console::none();
    assert_eq!(lives.start(0), None);
    let creator = lives.all[0].helper().unwrap();
    assert_eq!(collected(&mut lives, creator, &mut console), []);
    let made = first(&lives);
    let starter = helper_after_errands(&mut lives, &mut console);
    let events = collected(&mut lives, starter, &mut console);
    assert_eq!(events, [Event::Failed(0, "the runtime ended Start with 3".to_owned())]);
    assert_eq!(lives.all[0].known.pid(), None, "its number may soon be another's");
    let (_, status) = rustix::process::waitpid(Some(made), WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.terminating_signal(), Some(9));
    early::unmount(folder.0.join("net").to_str().unwrap()).unwrap();
}

#[test]
fn a_container_that_the_runtime_leaves_to_a_part_of_its_own_is_taken_when_that_has_ended() {
    let folder = Folder::new("init-lives-left");
    // As crun does it: the container is the child of a process that goes after the runtime itself.
    let runtime = "*run*) (sleep 20 & echo $! >$pid; read -r _ <$pid.go) </dev/null >&0 2>&0 & echo $! >$pid.parent
        until [ -s $pid ]; do :; done;;";
    let mut lives = lives(&folder, runtime, Preparation::default());
    let go = folder.0.join("services-x.pid.go");
    rustix::fs::mknodat(rustix::fs::CWD, &go, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let mut console = Console::none();
    assert_eq!(lives.start(0), None);
    let helper = lives.all[0].helper().unwrap();
    assert_eq!(collected(&mut lives, helper, &mut console), [], "it is another's child still");
    assert!(lives.all[0].first.is_none());
    let parent = fs::read_to_string(folder.0.join("services-x.pid.parent")).unwrap();
    let parent = Pid::from_raw(parent.trim().parse().unwrap()).unwrap();
    fs::write(&go, "\n").unwrap();
    assert_eq!(collected(&mut lives, parent, &mut console), [Event::Ready(0)]);
    killed(&mut lives, &mut console);
}

#[test]
fn a_container_that_is_left_to_a_part_of_the_runtime_can_be_given_up() {
    let folder = Folder::new("init-lives-left-late");
    let mut lives = lives(&folder, "*) exit 3;;", Preparation::default());
    lives.all[0].work = Some(Work::Left);
    assert!(matches!(lives.kill(0), Some(Event::Failed(0, _))));
    assert!(lives.all[0].work.is_none());
}

#[test]
fn a_process_that_does_not_go_does_not_end_the_next_life() {
    let folder = Folder::new("init-lives-late");
    let mut lives = lives(&folder, RUNS, Preparation::default());
    let mut console = Console::none();
    let mut firsts = Vec::new();
    for _ in 0..2 {
        assert_eq!(lives.start(0), None);
        runs(&mut lives, &mut console);
        firsts.push(first(&lives));
    }
    assert_eq!(lives.ended(firsts[0], End::Killed(9), &mut console), [], "the one that was given up");
    killed(&mut lives, &mut console);
    rustix::process::kill_process(firsts[0], Signal::KILL).unwrap();
    rustix::process::waitpid(Some(firsts[0]), WaitOptions::empty()).unwrap();
}

#[test]
fn a_preparation_that_hangs_is_given_up_and_not_begun_twice() {
    let folder = Folder::new("init-lives-errand");
    let mut lives = lives(&folder, "*) exit 3;;", Preparation::default());
    let mut console = Console::none();
    lives.all[0].errand = Some(Errand::Prepare);
    lives.all[0].work = Some(Work::Errand);
    assert!(matches!(lives.kill(0), Some(Event::Failed(0, _))), "at once, and not when the file system answers");
    let Some(Event::Failed(0, why)) = lives.start(0) else { panic!("it is begun twice") };
    assert!(why.contains("still waits"), "{why}");
    assert_eq!(lives.errand_done(0, Ok(()), &mut console), [], "nobody waits for it any more");
    assert!(!lives.all[0].prepared);
    assert_eq!(lives.start(0), None, "and now it can be begun again");
    let helper = helper_after_errands(&mut lives, &mut console);
    assert!(matches!(collected(&mut lives, helper, &mut console)[..], [Event::Failed(0, _)]));
}

#[test]
fn what_outlives_a_containers_first_process_is_ended_with_it() {
    let folder = Folder::new("init-lives-outlives");
    let (mut lives, kill) = with_group(&folder, RUNS);
    let mut console = Console::none();
    assert_eq!(lives.start(0), None);
    runs(&mut lives, &mut console);
    assert_eq!(fs::read_to_string(&kill).unwrap(), "", "it runs");
    let first = first(&lives);
    rustix::process::kill_process(first, Signal::KILL).unwrap();
    assert_eq!(collected(&mut lives, first, &mut console), [Event::Ended(0, End::Killed(9))]);
    assert_eq!(fs::read_to_string(&kill).unwrap(), "1");
}

#[test]
fn what_goes_after_it_was_given_up_does_not_end_what_has_its_group_by_then() {
    for (what, runtime) in [("a container", RUNS), ("a runtime at work", "*run*) exec sleep 20;;")] {
        let folder = Folder::new("init-lives-given-up");
        let (mut lives, kill) = with_group(&folder, runtime);
        let mut console = Console::none();
        assert_eq!(lives.start(0), None);
        let late = if runtime == RUNS {
            runs(&mut lives, &mut console);
            first(&lives)
        } else {
            lives.all[0].helper().unwrap()
        };
        assert_eq!(lives.kill(0), None, "{what}");
        lives.release(0);
        fs::write(&kill, "").unwrap();
        assert_eq!(collected(&mut lives, late, &mut console), [], "{what}");
        assert_eq!(fs::read_to_string(&kill).unwrap(), "", "{what}");
    }
}

#[test]
fn mounts_are_taken_back_beside_the_loop_and_before_the_next_life() {
    let Some(_) = Testbed::with(&[]) else { return };
    let folder = Folder::new("init-lives-release");
    unshare_mounts();
    let disk = folder.0.join("disk");
    let json = format!(r#"{{"mounts":[{{"destination":"{}","type":"tmpfs"}}]}}"#, disk.display());
    let preparation = serde_json::from_str::<Runtime>(&json).unwrap().plan().unwrap();
    let mut lives = lives(&folder, RUNS, preparation);
    lives.means.errands = Errands::with_turn(Duration::MAX);
    let mut console = Console::none();
    let has_disk = || {
        let device = |path: &Path| fs::metadata(path).map(|file| file.dev()).ok();
        device(&disk).is_some_and(|device_of_disk| Some(device_of_disk) != device(&folder.0))
    };
    assert_eq!(lives.start(0), None);
    runs(&mut lives, &mut console);
    assert!(has_disk());
    killed(&mut lives, &mut console);

    // What comes before it waits for a file system, and so does this.
    let (go, wait) = mpsc::channel::<()>();
    lives.means.errands.run(1, move || wait.recv().map_err(|error| error.to_string())).unwrap();
    lives.release(0);
    assert!(has_disk(), "the loop goes on without it");
    assert_eq!(lives.start(0), None);
    assert!(has_disk() && lives.all[0].helper().is_none(), "and what is there for the last life is not for the next");
    assert!(matches!(lives.kill(0), Some(Event::Failed(0, _))), "which can be given up");
    assert_eq!(lives.start(0), None);
    go.send(()).unwrap();
    runs(&mut lives, &mut console);
    assert!(has_disk() && lives.all[0].prepared, "it has one of its own");
    assert_eq!(fs::read_to_string("/proc/thread-self/mounts").unwrap().matches(disk.to_str().unwrap()).count(), 1);
    killed(&mut lives, &mut console);
    lives.release(0);
    eventually("the mount to be gone", Duration::from_secs(10), || Ok((!has_disk()).then_some(()))).unwrap();
}
