//! One container, in whatever state: what is still to be done for it, and what is being done.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use orlop_sandbox::clock;
use rustix::process::{Pid, Signal};

use super::Means;
use crate::boot::Id;
use crate::bundles::Bundle;
use crate::container::Container;
use crate::early;
use crate::first::First;
use crate::groups::Groups;
use crate::preparation::Step;
use crate::runtime::{Known, Verb};
use crate::stream::Stream;

/// Something that is done for a container before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// A thread does it.
    Run(Errand),
    /// The runtime is asked.
    Ask(Verb),
}

/// What may wait for a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Folders and mounts, once.
    Prepare,
    /// Its namespaces get names.
    BindNamespaces,
    /// What was mounted in its bundle is taken back. A disk may have much to write then.
    Release,
}

/// What is being done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// The runtime is at work, as this process, on that.
    Asked(Pid, Verb),
    /// [`Life::errand`] is.
    Errand,
    /// The runtime has ended, and a part of it that the container is still a child of has not: crun's, for a moment.
    Left,
}

#[derive(Debug)]
pub(super) struct Life {
    id: Id,
    pub(super) container: Container,
    pub(super) bundle: Bundle,
    pub(super) known: Known,
    /// Of its output and its errors.
    logs: [PathBuf; 2],
    /// Its mounts are there.
    pub(super) prepared: bool,
    /// What is still to be done, in order.
    pub(super) tasks: VecDeque<Task>,
    /// What the loop waits for.
    pub(super) work: Option<Work>,
    /// What a thread does, also when nobody waits for it any more.
    pub(super) errand: Option<Errand>,
    /// The container's first process.
    pub(super) first: Option<First>,
    /// Its output and its errors.
    pub(super) streams: Option<(Stream, Stream)>,
    /// It had a life before.
    lived: bool,
}

impl Life {
    pub(super) fn new(id: Id, container: Container, bundle: Bundle, logs: [PathBuf; 2], state: &Path) -> Self {
        Self {
            known: Known { id: container.id(), bundle: bundle.folder.clone(), state: state.to_owned() },
            id,
            container,
            bundle,
            logs,
            prepared: false,
            tasks: VecDeque::new(),
            work: None,
            errand: None,
            first: None,
            streams: None,
            lived: false,
        }
    }

    /// Begins with the first of what is needed.
    ///
    /// # Errors
    /// When it cannot be done, as a line.
    pub(super) fn begin(&mut self, means: &Means) -> Result<(), String> {
        let preparation = self.bundle.preparation.as_ref().map_err(Clone::clone)?;
        let is_being_released = self.errand == Some(Errand::Release);
        if self.errand.is_some() && !is_being_released {
            return Err("what was to be mounted for its last life still waits for a file system".to_owned());
        }
        self.tasks.clear();
        self.tasks.extend((!self.prepared && !preparation.steps.is_empty()).then_some(Task::Run(Errand::Prepare)));
        self.tasks.extend(self.lived.then_some(Task::Ask(Verb::Delete)));
        if preparation.bind.is_empty() {
            self.tasks.push_back(Task::Ask(Verb::Run));
        } else {
            self.tasks.extend([Task::Ask(Verb::Create), Task::Run(Errand::BindNamespaces), Task::Ask(Verb::Start)]);
        }
        self.known.forget_pid();
        // What did not go in its last life is no part of this one.
        (self.work, self.first, self.streams) = (None, None, None);
        if is_being_released {
            self.work = Some(Work::Errand);
            return Ok(());
        }
        self.next(means).map(drop)
    }

    /// Begins with what comes next; says whether there was something.
    ///
    /// # Errors
    /// When it cannot be done, as a line.
    pub(super) fn next(&mut self, means: &Means) -> Result<bool, String> {
        let Some(task) = self.tasks.pop_front() else { return Ok(false) };
        match task {
            Task::Ask(verb) => self.ask(verb, means)?,
            Task::Run(errand) => {
                self.run(errand, means)?;
                self.work = Some(Work::Errand);
            }
        }
        Ok(true)
    }

    fn ask(&mut self, verb: Verb, means: &Means) -> Result<(), String> {
        let nothing = means.nothing.as_ref().ok_or("there is no /dev/null")?;
        let (out, err) =
            self.pipes(verb, nothing, means).map_err(|error| format!("no pipe for its output: {error}"))?;
        let helper = self.known.ask(&means.runtime, verb, nothing.as_fd(), out, err);
        self.work = Some(Work::Asked(helper.map_err(|error| error.to_string())?, verb));
        self.lived |= matches!(verb, Verb::Create | Verb::Run);
        Ok(())
    }

    fn run(&mut self, errand: Errand, means: &Means) -> Result<(), String> {
        let steps = || self.bundle.preparation.as_ref().map_or_else(|_| Vec::new(), |known| known.steps.clone());
        let begun = match errand {
            Errand::Prepare => {
                let steps = steps();
                means.errands.run(self.id, move || prepared(&steps, early::prepare, early::unmount))
            }
            Errand::BindNamespaces => {
                let namespaces = self.namespaces().map_err(|error| format!("its namespaces are gone: {error}"))?;
                means.errands.run(self.id, move || early::bind_namespaces(&namespaces))
            }
            Errand::Release => {
                let (steps, folder) = (steps(), self.bundle.folder.clone());
                means.errands.run(self.id, move || {
                    unmount(&steps, &folder);
                    Ok(())
                })
            }
        };
        begun.map_err(|error| format!("no thread to mount with: {error}"))?;
        self.errand = Some(errand);
        Ok(())
    }

    /// Where the runtime writes to. What makes the container also gives it its pipes, for as long as it lives.
    fn pipes(&mut self, verb: Verb, nothing: &OwnedFd, means: &Means) -> io::Result<(OwnedFd, OwnedFd)> {
        if !matches!(verb, Verb::Run | Verb::Create) {
            return Ok((nothing.try_clone()?, nothing.try_clone()?));
        }
        let now = clock::now();
        let [out, err] = &self.logs;
        let (out, out_pipe) = Stream::new(means.logs.log(out), now)?;
        let (err, err_pipe) = Stream::new(means.logs.log(err), now)?;
        self.streams = Some((out, err));
        Ok((out_pipe, err_pipe))
    }

    /// The namespaces that others want to enter, and where they look for them.
    fn namespaces(&self) -> io::Result<Vec<(&'static str, OwnedFd, String)>> {
        let first = self.first.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let asked = self.bundle.preparation.as_ref().map_or(&[][..], |preparation| &preparation.bind);
        asked.iter().map(|(name, path)| Ok((*name, first.namespace(name)?, path.clone()))).collect()
    }

    /// Ends whatever there is of the container.
    pub(super) fn end_all(&mut self, groups: &Groups) {
        self.tasks.clear();
        groups.kill(&self.bundle.groups);
        if let Some(first) = &self.first {
            first.tell(Signal::KILL);
        } else if let Some(first) = self.known.pid().and_then(|pid| First::hold(pid).ok()) {
            // A runtime has made it without having come to its end.
            first.tell(Signal::KILL);
        }
    }

    /// Nobody waits for it any more: takes back what was mounted in its bundle, after what a thread still does for it.
    pub(super) fn release(&mut self, means: &Means) {
        // If it was given up, it, or a runtime that works on it, may go when its control group is another container's.
        (self.work, self.first) = (None, None);
        if self.prepared && self.errand.is_none() {
            // Without a thread it stays: for its next life, or until the machine goes off.
            self.prepared = self.run(Errand::Release, means).is_err();
        }
    }

    /// The runtime's process, while it is at work.
    pub(super) fn helper(&self) -> Option<Pid> {
        match self.work {
            Some(Work::Asked(helper, _)) => Some(helper),
            Some(Work::Errand | Work::Left) | None => None,
        }
    }

    /// Whether the end of a process that we do not know may be its first one's.
    pub(super) const fn expects(&self) -> bool {
        matches!(self.work, Some(Work::Asked(..) | Work::Left))
    }
}

/// Takes back what these steps have mounted in the bundle at `folder`, the latest first.
fn unmount(steps: &[Step], folder: &Path) {
    for target in steps.iter().rev().filter_map(mounted).filter(|target| Path::new(target).starts_with(folder)) {
        // What another container also uses, and has released already.
        let _ = early::unmount(target);
    }
}

/// Where a step mounts something.
fn mounted(step: &Step) -> Option<&str> {
    match step {
        Step::Mount { target, .. } | Step::Bind { target, .. } => Some(target),
        Step::Folder(_) | Step::Shared(_) | Step::Remount { .. } => None,
    }
}

/// Does all steps; what was mounted before one that fails is taken back, or a service
/// that is tried again would have it mounted once more each time.
fn prepared<'s, S>(
    steps: &'s [S],
    prepare: impl Fn(&'s S) -> Result<Option<&'s str>, String>,
    unmount: impl Fn(&str) -> io::Result<()>,
) -> Result<(), String> {
    let mut mounted = Vec::new();
    for step in steps {
        match prepare(step) {
            Ok(target) => mounted.extend(target),
            Err(why) => {
                // The error that is reported is the first.
                mounted.iter().rev().for_each(|target| drop(unmount(target)));
                return Err(why);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn what_was_mounted_before_a_step_that_fails_is_taken_back() {
        let unmounted = RefCell::new(Vec::new());
        let prepare = |step: &'static &str| match *step {
            "wrong" => Err("no".to_owned()),
            "folder" => Ok(None),
            target => Ok(Some(target)),
        };
        let unmount = |target: &str| {
            unmounted.borrow_mut().push(target.to_owned());
            Ok(())
        };
        assert_eq!(prepared(&["folder", "/a", "/a/b"], prepare, unmount), Ok(()));
        assert_eq!(unmounted.take(), Vec::<String>::new(), "nothing failed");
        assert_eq!(prepared(&["/a", "folder", "/a/b", "wrong", "/c"], prepare, unmount).unwrap_err(), "no");
        assert_eq!(unmounted.take(), ["/a/b", "/a"], "the latest first");
    }
}
