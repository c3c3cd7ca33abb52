//! What runs: containers being prepared, the runtime at work on them, their first processes, their streams. One method per
//! [`crate::boot::Action`].

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use orlop_machine::Instant;
use orlop_sandbox::clock;
use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use crate::boot::{End, Event, Id};
use crate::bundles::Bundle;
use crate::console::Console;
use crate::container::{Container, List};
use crate::errands::Errands;
use crate::first::First;
use crate::groups::Groups;
use crate::log_names;
use crate::logs::Logs;
use crate::runtime::Verb;
use crate::settings::{Settings, Shown};
use crate::setup::PRIVATE;
use crate::stream::{self, Stream};

mod life;

use life::{Errand, Life, Work};

/// Where logs are.
const LOGS: &str = "/var/log";
/// Ends of processes that are kept while a runtime is at work: one of them may be the container's.
const MAX_ORPHANS: usize = 256;

/// All containers, from the outside.
#[derive(Debug)]
pub struct Lives {
    shown: Shown,
    means: Means,
    all: Vec<Life>,
    orphans: VecDeque<(Pid, End)>,
    chunk: Vec<u8>,
}

/// What every container is started and ended with. Opened before the first one: later, something else could lie at its path.
#[derive(Debug)]
struct Means {
    runtime: PathBuf,
    /// `/dev/null`.
    nothing: Option<OwnedFd>,
    groups: Groups,
    errands: Errands,
    logs: Logs,
}

impl Lives {
    /// Of the containers that were read, none of which has been started.
    #[must_use]
    pub fn new(settings: &Settings, containers: Vec<Container>, bundles: Vec<Bundle>) -> Self {
        Self::at(Path::new(LOGS), Path::new(PRIVATE), settings, containers, bundles)
    }

    fn at(logs: &Path, state: &Path, settings: &Settings, containers: Vec<Container>, bundles: Vec<Bundle>) -> Self {
        let names = log_names::names(&containers);
        let paths = names.into_iter().map(|(err, out)| [out, err].map(|name| logs.join(name)));
        let lives = containers.into_iter().zip(bundles).zip(paths).enumerate();
        let all =
            lives.map(|(id, ((container, bundle), logs))| Life::new(id, container, bundle, logs, state)).collect();
        let means = Means {
            runtime: settings.runtime.clone(),
            nothing: File::options().read(true).write(true).open("/dev/null").ok().map(OwnedFd::from),
            groups: Groups::open(),
            errands: Errands::new(),
            logs: Logs::start(),
        };
        Self { shown: settings.console, means, all, orphans: VecDeque::new(), chunk: vec![0; stream::CHUNK] }
    }

    /// [`crate::boot::Action::Start`]: prepares the container and asks the runtime for it.
    pub fn start(&mut self, id: Id) -> Option<Event> {
        let life = self.all.get_mut(id)?;
        life.begin(&self.means).err().map(|why| Event::Failed(id, why))
    }

    /// [`crate::boot::Action::Kill`]: ends the container, and the runtime that works on it.
    pub fn kill(&mut self, id: Id) -> Option<Event> {
        let life = self.all.get_mut(id)?;
        life.end_all(&self.means.groups);
        match life.work {
            Some(Work::Asked(helper, _)) => {
                // Gone between two looks: we collect it at the next. What it has made by then is ended when we do.
                let _ = rustix::process::kill_process_group(helper, Signal::KILL);
                None
            }
            Some(Work::Errand | Work::Left) if life.first.is_none() => {
                life.work = None;
                Some(Event::Failed(id, "it was given up".to_owned()))
            }
            Some(Work::Errand | Work::Left) | None => None,
        }
    }

    /// [`crate::boot::Action::Terminate`]: tells the container's first process to end.
    pub fn terminate(&mut self, id: Id) {
        let Some(life) = self.all.get_mut(id) else { return };
        life.tasks.clear();
        if let Some(first) = &life.first {
            first.tell(Signal::TERM);
        }
    }

    /// [`crate::boot::Action::Release`]: takes back what was mounted in the container's bundle. What its specification has
    /// mounted elsewhere is for those that come after it, and stays, as in LinuxKit.
    pub fn release(&mut self, id: Id) {
        if let Some(life) = self.all.get_mut(id) {
            life.release(&self.means);
        }
    }

    /// Errands that are done.
    pub fn errands_done(&mut self, console: &mut Console) -> Vec<Event> {
        let done = self.means.errands.done();
        done.into_iter().flat_map(|(id, result)| self.errand_done(id, result, console)).collect()
    }

    fn errand_done(&mut self, id: Id, result: Result<(), String>, console: &mut Console) -> Vec<Event> {
        let Some(life) = self.all.get_mut(id) else { return Vec::new() };
        let Some(errand) = life.errand.take() else { return Vec::new() };
        life.prepared |= errand == Errand::Prepare && result.is_ok();
        if !matches!(life.work, Some(Work::Errand)) {
            // Nobody waits for it any more.
            life.release(&self.means);
            return Vec::new();
        }
        life.work = None;
        match result {
            Err(why) => self.failed(id, why, console),
            Ok(()) => self.go_on(id, console),
        }
    }

    /// A process has ended. It is a runtime's, a container's first, or somebody whose parent is gone.
    pub fn ended(&mut self, pid: Pid, end: End, console: &mut Console) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(id) = self.all.iter().position(|life| life.helper() == Some(pid)) {
            events.extend(self.helped(id, end, console));
        } else if let Some(id) = self.all.iter().position(|life| life.first.as_ref().is_some_and(|it| it.pid() == pid))
        {
            events.push(self.over(id, end, console));
        } else if self.all.iter().any(Life::expects) {
            if self.orphans.len() == MAX_ORPHANS {
                self.orphans.pop_front();
            }
            self.orphans.push_back((pid, end));
        }
        // With this one, what was between a container and us may have gone.
        for id in 0..self.all.len() {
            if self.all.get(id).is_some_and(|life| matches!(life.work, Some(Work::Left))) {
                events.extend(self.made(id, console));
            }
        }
        if !self.all.iter().any(Life::expects) {
            self.orphans.clear();
        }
        events
    }

    /// The runtime has ended with what it was asked.
    fn helped(&mut self, id: Id, end: End, console: &mut Console) -> Vec<Event> {
        let Some(life) = self.all.get_mut(id) else { return Vec::new() };
        let Some(Work::Asked(_, verb)) = life.work.take() else { return Vec::new() };
        match verb {
            // What was deleted or not does not matter: making it anew says what is wrong.
            Verb::Delete => self.go_on(id, console),
            Verb::Create | Verb::Start | Verb::Run if end != End::Exited(0) => {
                self.read(id, console, true);
                let why = self.why(id, verb, end);
                self.failed(id, why, console)
            }
            Verb::Start => self.go_on(id, console),
            Verb::Create | Verb::Run => self.made(id, console),
        }
    }

    /// The container is there.
    fn made(&mut self, id: Id, console: &mut Console) -> Vec<Event> {
        let Some(life) = self.all.get_mut(id) else { return Vec::new() };
        life.work = None;
        let Some(pid) = life.known.pid() else {
            return self.failed(id, "the runtime has written no process id".to_owned(), console);
        };
        let place = self.orphans.iter().position(|(orphan, _)| *orphan == pid);
        if let Some((_, end)) = place.and_then(|place| self.orphans.remove(place)) {
            let was_waiting = !life.tasks.is_empty();
            let over = self.over(id, end, console);
            return if was_waiting {
                self.failed(id, "it ended before its program began".to_owned(), console)
            } else {
                vec![Event::Ready(id), over]
            };
        }
        match First::hold(pid) {
            Ok(first) => life.first = Some(first),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::CHILD) => {
                life.work = Some(Work::Left);
                return Vec::new();
            }
            // So many others have ended meanwhile that this one's end was forgotten.
            Err(_) => return self.failed(id, "it ended at once, nobody saw how".to_owned(), console),
        }
        self.go_on(id, console)
    }

    /// Begins with what comes next for the container; if that was all, it runs.
    fn go_on(&mut self, id: Id, console: &mut Console) -> Vec<Event> {
        let Some(life) = self.all.get_mut(id) else { return Vec::new() };
        match life.next(&self.means) {
            Err(why) => self.failed(id, why, console),
            Ok(true) => Vec::new(),
            Ok(false) if life.first.is_some() => vec![Event::Ready(id)],
            // It was told to end before it was made.
            Ok(false) => vec![Event::Failed(id, "stopped".to_owned())],
        }
    }

    /// The container cannot be started. What there is of it already is not left waiting.
    fn failed(&mut self, id: Id, why: String, console: &mut Console) -> Vec<Event> {
        self.read(id, console, true);
        if let Some(life) = self.all.get_mut(id) {
            life.end_all(&self.means.groups);
            // Its end is nobody's concern, and its number may be another's before we ask again.
            life.first = None;
            life.known.forget_pid();
        }
        vec![Event::Failed(id, why)]
    }

    fn over(&mut self, id: Id, end: End, console: &mut Console) -> Event {
        self.read(id, console, true);
        if let Some(life) = self.all.get_mut(id) {
            // What shares the machine's process namespace outlives its first process, and would go on writing to nobody.
            self.means.groups.kill(&life.bundle.groups);
            life.first = None;
            life.tasks.clear();
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

    /// What is done beside the loop.
    #[must_use]
    pub const fn errands(&self) -> &Errands {
        &self.means.errands
    }

    /// What containers have written.
    #[must_use]
    pub const fn logs(&self) -> &Logs {
        &self.means.logs
    }
}

/// Milliseconds are enough: the next look is due then.
#[must_use]
pub fn until(now: Instant, deadline: Option<Instant>) -> Option<rustix::event::Timespec> {
    let wait = deadline?.since(now);
    let tv_sec = wait.as_secs().try_into().unwrap_or(i64::MAX);
    Some(rustix::event::Timespec { tv_sec, tv_nsec: wait.subsec_nanos().into() })
}

#[cfg(test)]
mod tests;
