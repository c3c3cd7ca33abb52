//! What runs: the runtime at work on containers, their first processes, their streams. One method per [`Action`].

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use orlop_machine::Instant;
use orlop_sandbox::clock;
use rustix::process::{Pid, Signal};

use crate::boot::{End, Event, Id};
use crate::bundles::Bundle;
use crate::console::Console;
use crate::container::{Container, List};
use crate::early;
use crate::files;
use crate::runtime::{Known, Verb};
use crate::settings::{Settings, Shown};
use crate::stream::{self, Stream};

/// Where logs are.
const LOGS: &str = "/var/log";
/// Ends of processes that are kept while a runtime is at work: one of them may be the container's.
const MAX_ORPHANS: usize = 256;

/// All containers, from the outside.
#[derive(Debug)]
pub struct Lives {
    runtime: PathBuf,
    shown: Shown,
    all: Vec<Life>,
    orphans: VecDeque<(Pid, End)>,
    chunk: Vec<u8>,
}

/// One container, in whatever state.
#[derive(Debug)]
struct Life {
    container: Container,
    bundle: Bundle,
    known: Known,
    /// Where its preparation mounted something; `None` before it was prepared.
    mounted: Option<Vec<String>>,
    /// What the runtime is still to be asked, after what it does now.
    verbs: VecDeque<Verb>,
    /// The runtime at work, and on what.
    helper: Option<(Pid, Verb)>,
    /// The container's first process.
    pid: Option<Pid>,
    /// Its output and its errors.
    streams: Option<(Stream, Stream)>,
    /// It had a life before.
    lived: bool,
}

impl Lives {
    /// Of the containers that were read, none of which has been started.
    #[must_use]
    pub fn new(settings: &Settings, containers: Vec<Container>, bundles: Vec<Bundle>) -> Self {
        let life = |(container, bundle): (Container, Bundle)| Life {
            known: Known { id: format!("{}-{}", container.list.name(), container.name), bundle: bundle.folder.clone() },
            container,
            bundle,
            mounted: None,
            verbs: VecDeque::new(),
            helper: None,
            pid: None,
            streams: None,
            lived: false,
        };
        let all = containers.into_iter().zip(bundles).map(life).collect();
        Self {
            runtime: settings.runtime.clone(),
            shown: settings.console,
            all,
            orphans: VecDeque::new(),
            chunk: vec![0; stream::CHUNK],
        }
    }

    /// [`crate::boot::Action::Start`]: prepares the container and asks the runtime for it.
    pub fn start(&mut self, id: Id) -> Option<Event> {
        let life = self.all.get_mut(id)?;
        life.begin(&self.runtime).err().map(|why| Event::Failed(id, why))
    }

    /// [`crate::boot::Action::Kill`]: ends the container, or the runtime that works on it.
    pub fn kill(&mut self, id: Id) {
        let Some(life) = self.all.get_mut(id) else { return };
        life.verbs.clear();
        if let Some((helper, _)) = life.helper {
            // Gone between two looks: we collect it at the next.
            let _ = rustix::process::kill_process_group(helper, Signal::KILL);
        }
        // The runtime may have made the container without having come to its end.
        if let Some(pid) = life.pid.or_else(|| life.known.pid()) {
            kill_control_group(pid);
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }

    /// [`crate::boot::Action::Terminate`]: tells the container's first process to end.
    pub fn terminate(&mut self, id: Id) {
        let Some(life) = self.all.get_mut(id) else { return };
        life.verbs.clear();
        if let Some(pid) = life.pid {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }

    /// [`crate::boot::Action::Release`]: takes back what was mounted in the container's bundle. What its specification has
    /// mounted elsewhere is for those that come after it, and stays, as in LinuxKit.
    pub fn release(&mut self, id: Id) {
        let Some(life) = self.all.get_mut(id) else { return };
        let mounted = life.mounted.take().unwrap_or_default();
        for target in mounted.iter().rev().filter(|target| Path::new(target).starts_with(&life.bundle.folder)) {
            // What another container also uses, and has released already.
            let _ = early::unmount(target);
        }
    }

    /// A process has ended. It is a runtime's, a container's first, or somebody whose parent is gone.
    pub fn ended(&mut self, pid: Pid, end: End, console: &mut Console) -> Vec<Event> {
        let helps = |life: &Life| life.helper.is_some_and(|(helper, _)| helper == pid);
        let mut events = Vec::new();
        if let Some(id) = self.all.iter().position(helps) {
            events.extend(self.helped(id, end, console));
        } else if let Some(id) = self.all.iter().position(|life| life.pid == Some(pid)) {
            events.push(self.over(id, end, console));
        } else if self.all.iter().any(|life| life.helper.is_some()) {
            if self.orphans.len() == MAX_ORPHANS {
                self.orphans.pop_front();
            }
            self.orphans.push_back((pid, end));
        }
        if !self.all.iter().any(|life| life.helper.is_some()) {
            self.orphans.clear();
        }
        events
    }

    /// The runtime has ended with what it was asked.
    fn helped(&mut self, id: Id, end: End, console: &mut Console) -> Vec<Event> {
        let Some(life) = self.all.get_mut(id) else { return Vec::new() };
        let Some((_, verb)) = life.helper.take() else { return Vec::new() };
        // What was deleted or not does not matter: making it anew says what is wrong.
        if end != End::Exited(0) && verb != Verb::Delete {
            self.read(id, console, true);
            return vec![Event::Failed(id, self.why(id, verb, end))];
        }
        let Some(life) = self.all.get_mut(id) else { return Vec::new() };
        let next = match verb {
            Verb::Create => life.bind_namespaces(),
            Verb::Delete | Verb::Start | Verb::Run => Ok(()),
        };
        match next.and_then(|()| life.ask_next(&self.runtime)) {
            Err(why) => {
                self.kill(id);
                return vec![Event::Failed(id, why)];
            }
            Ok(true) => return Vec::new(),
            Ok(false) => {}
        }
        if verb == Verb::Delete {
            // It was told to end before it was made again.
            return vec![Event::Failed(id, "stopped".to_owned())];
        }
        let Some(pid) = life.known.pid() else {
            return vec![Event::Failed(id, "the runtime has written no process id".to_owned())];
        };
        life.pid = Some(pid);
        let mut events = vec![Event::Ready(id)];
        if let Some(place) = self.orphans.iter().position(|(orphan, _)| *orphan == pid)
            && let Some((_, end)) = self.orphans.remove(place)
        {
            events.push(self.over(id, end, console));
        }
        events
    }

    fn over(&mut self, id: Id, end: End, console: &mut Console) -> Event {
        self.read(id, console, true);
        if let Some(life) = self.all.get_mut(id) {
            life.pid = None;
            // The kernel may give the number to somebody else.
            life.known.forget_pid();
        }
        Event::Ended(id, end)
    }

    /// What a runtime that failed has said.
    fn why(&self, id: Id, verb: Verb, end: End) -> String {
        let said = self.all.get(id).and_then(|life| life.streams.as_ref()?.1.last_words());
        let said = said.map(|words| words.strip_prefix("error: ").map_or(words.clone(), str::to_owned));
        said.unwrap_or_else(|| match end {
            End::Exited(code) => format!("the runtime ended {verb:?} with {code}"),
            End::Killed(signal) => format!("the runtime was ended by signal {signal} during {verb:?}"),
        })
    }

    /// Takes what containers have written; shows it if it is to be shown.
    pub fn read_all(&mut self, console: &mut Console) {
        for id in 0..self.all.len() {
            self.read(id, console, false);
        }
    }

    fn read(&mut self, id: Id, console: &mut Console, finish: bool) {
        let Some(life) = self.all.get_mut(id) else { return };
        let Some((out, err)) = &mut life.streams else { return };
        let now = clock::now();
        let is_shown = match self.shown {
            Shown::All => true,
            Shown::Onboot => life.container.list != List::Services,
            Shown::Nothing => false,
        };
        for stream in [out, err] {
            let lines = if finish { stream.finish(&mut self.chunk, now) } else { stream.read(&mut self.chunk, now) };
            for line in lines.iter().filter(|_| is_shown) {
                console.show(now, &life.container.name, line);
            }
        }
    }

    /// Every stream that may have something for us.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.all.iter().filter_map(|life| life.streams.as_ref()).flat_map(|(out, err)| [out, err])
    }
}

impl Life {
    /// Prepares the container, once, and asks the runtime for the first of what is needed.
    fn begin(&mut self, runtime: &Path) -> Result<(), String> {
        let preparation = self.bundle.preparation.as_ref().map_err(Clone::clone)?;
        if self.mounted.is_none() {
            self.mounted = Some(prepared(&preparation.steps, early::prepare, early::unmount)?);
        }
        self.verbs.clear();
        self.verbs.extend(self.lived.then_some(Verb::Delete));
        if preparation.bind.is_empty() {
            self.verbs.push_back(Verb::Run);
        } else {
            self.verbs.extend([Verb::Create, Verb::Start]);
        }
        self.lived = true;
        self.known.forget_pid();
        self.streams = None;
        self.ask_next(runtime).map(drop)
    }

    /// Asks the runtime for what comes next; says whether there was something.
    fn ask_next(&mut self, runtime: &Path) -> Result<bool, String> {
        let Some(verb) = self.verbs.pop_front() else { return Ok(false) };
        let (out, err) = self.pipes(verb).map_err(|error| format!("no pipe for its output: {error}"))?;
        let helper = self.known.ask(runtime, verb, out, err).map_err(|error| error.to_string())?;
        self.helper = Some((helper, verb));
        Ok(true)
    }

    /// Where the runtime writes to. What makes the container also gives it its pipes, for as long as it lives.
    fn pipes(&mut self, verb: Verb) -> io::Result<(OwnedFd, OwnedFd)> {
        if !matches!(verb, Verb::Run | Verb::Create) {
            let null = || std::fs::OpenOptions::new().write(true).open("/dev/null").map(OwnedFd::from);
            return Ok((null()?, null()?));
        }
        let now = clock::now();
        let prefix = match self.container.list {
            List::Services => String::new(),
            list @ (List::Onboot | List::Onshutdown) => format!("{}.", list.name()),
        };
        let log = |suffix: &str| Path::new(LOGS).join(format!("{prefix}{}{suffix}", self.container.name));
        // As LinuxKit names them: errors are the log.
        let (out, out_pipe) = Stream::new(&log(".out.log"), now)?;
        let (err, err_pipe) = Stream::new(&log(".log"), now)?;
        self.streams = Some((out, err));
        Ok((out_pipe, err_pipe))
    }

    fn bind_namespaces(&self) -> Result<(), String> {
        let pid = self.known.pid().ok_or("the runtime has written no process id")?;
        let files = self.bundle.preparation.as_ref().map_or(&[][..], |preparation| &preparation.bind);
        early::bind_namespaces(pid.as_raw_nonzero().get(), files)
    }
}

/// Does all steps and gives where something is mounted now; what was mounted before one that fails is taken back, or a service
/// that is tried again would have it mounted once more each time.
fn prepared<'s, S>(
    steps: &'s [S],
    prepare: impl Fn(&'s S) -> Result<Option<&'s str>, String>,
    unmount: impl Fn(&str) -> io::Result<()>,
) -> Result<Vec<String>, String> {
    let mut mounted = Vec::new();
    for step in steps {
        match prepare(step) {
            Ok(target) => mounted.extend(target.map(str::to_owned)),
            Err(why) => {
                // The error that is reported is the first.
                mounted.iter().rev().for_each(|target| drop(unmount(target)));
                return Err(why);
            }
        }
    }
    Ok(mounted)
}

/// Ends every process of the container, also where it shares the machine's process namespace.
fn kill_control_group(pid: Pid) {
    let path = format!("/proc/{}/cgroup", pid.as_raw_nonzero());
    let Ok(text) = files::read(Path::new(&path), 4096) else { return };
    if let Some(group) = control_group(&text) {
        // A kernel before 5.14 has no such file; the first process is killed in any case.
        let _ = std::fs::write(format!("/sys/fs/cgroup{group}/cgroup.kill"), "1");
    }
}

/// The group in version 2's line, unless it is the one that we are in ourselves (`cgroups(7)`).
fn control_group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::")).filter(|group| *group != "/")
}

/// Milliseconds are enough: the next look is due then.
#[must_use]
pub fn until(now: Instant, deadline: Option<Instant>) -> Option<rustix::event::Timespec> {
    let wait = deadline?.since(now);
    let tv_sec = wait.as_secs().try_into().unwrap_or(i64::MAX);
    Some(rustix::event::Timespec { tv_sec, tv_nsec: wait.subsec_nanos().into() })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn our_own_control_group_is_never_killed() {
        for (what, text, want) in [
            ("a container's", "0::/:youki:services-x\n", Some("/:youki:services-x")),
            ("ours", "0::/\n", None),
            ("version 1 beside it", "4:memory:/a\n0::/b\n", Some("/b")),
            ("none", "", None),
        ] {
            assert_eq!(control_group(text), want, "{what}");
        }
    }

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
        assert_eq!(prepared(&["folder", "/a", "/a/b"], prepare, unmount).unwrap(), ["/a", "/a/b"]);
        assert_eq!(unmounted.take(), Vec::<String>::new(), "nothing failed");
        assert_eq!(prepared(&["/a", "folder", "/a/b", "wrong", "/c"], prepare, unmount).unwrap_err(), "no");
        assert_eq!(unmounted.take(), ["/a/b", "/a"], "the latest first");
    }
}
