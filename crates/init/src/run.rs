//! The life of process 1: set-up, then one loop that never waits for anything but everything.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use orlop_machine::{Instant, Machine as _};
use orlop_sandbox::clock;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, WaitOptions};

use crate::boot::{Action, Boot, End, Ending, Event};
use crate::bundles;
use crate::button::Buttons;
use crate::condition;
use crate::console::Console;
use crate::early;
use crate::files;
use crate::host;
use crate::lives::{self, Lives};
use crate::modules;
use crate::off;
use crate::record::{Mark, Report, millis};
use crate::root;
use crate::settings::Settings;
use crate::setup;

/// The kernel's own limit is below this.
const MAX_COMMAND_LINE: usize = 8192;
/// Where the report goes, and where each daemon has its folder.
pub(crate) const RUN: &str = "/run/orlop";
/// Warnings that the report keeps; the console shows them all.
const MAX_WARNINGS: usize = 100;

/// Ends of processes that are taken at one look: somebody who makes orphans faster than that does not keep us from the rest.
const MAX_ENDS: usize = 1000;

/// Signals that are taken at one look, for the same reason.
const MAX_SIGNALS: usize = 100;

/// Process 1, with everything it holds.
struct Init {
    console: Console,
    signals: Option<SignalFd>,
    buttons: Buttons,
    lives: Lives,
    boot: Boot,
    report: Report,
    /// Where the report goes. Held from the beginning: containers that have `/run` can put something else in its place.
    folder: Option<OwnedFd>,
    /// More processes had ended than were taken at the last look: no signal tells of them again.
    busy: bool,
}

/// Boots the machine, keeps it running, and ends it. For process 1 only.
pub fn run() -> ! {
    let begun = clock::now();
    let signals = signals();
    let mut wrong =
        root::take().unwrap_or_else(|error| vec![format!("no new root, so containers cannot leave this one: {error}")]);
    let moved = clock::now();
    wrong.extend(signals.as_ref().err().cloned());
    wrong.extend(setup::steps().into_iter().filter_map(|step| early::set_up(step).err()));
    let mut console = Console::open();
    let mut marks = vec![mark("orlop-init", begun), mark("root", moved), mark("file systems", clock::now())];
    let line = files::read(Path::new("/proc/cmdline"), MAX_COMMAND_LINE).unwrap_or_default();
    let (settings, complaints) = Settings::from_command_line(&line);
    wrong.extend(complaints);
    let uname = rustix::system::uname();
    let kernel = uname.release().to_string_lossy().into_owned();
    let (loaded, refused) = modules::load(Path::new("/lib/modules"), &kernel);
    wrong.extend(refused.iter().map(ToString::to_string));
    marks.push(mark(&format!("{loaded} modules"), clock::now()));
    wrong.extend(set_up_host());
    wrong.extend(mount_volumes(Path::new("/containers")));
    let (containers, bundles, complaints) = bundles::read(Path::new("/containers"), settings.deadline);
    wrong.extend(complaints);
    for line in &wrong {
        console.say(clock::now(), &format!("warning: {line}"));
    }
    wrong.truncate(MAX_WARNINGS);
    let report = Report { version: 1, kernel, marks, warnings: wrong, onboot_done_ms: None, containers: Vec::new() };
    let lives = Lives::new(&settings, containers.clone(), bundles);
    let folder = rustix::fs::open(RUN, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok();
    let (signals, buttons, boot) = (signals.ok(), Buttons::open(), Boot::new(containers));
    Init { console, signals, buttons, lives, boot, report, folder, busy: false }.live()
}

fn mark(name: &str, at: Instant) -> Mark {
    Mark { name: name.to_owned(), ms: millis(at) }
}

/// What we are told by signals; ctrl-alt-del becomes one of them.
fn signals() -> Result<SignalFd, String> {
    // Without it the keys restart the machine at once, which nobody can hear of.
    let _ = rustix::system::reboot(rustix::system::RebootCommand::CadOff);
    let mut set = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGPWR] {
        set.add(signal);
    }
    let opened =
        set.thread_block().and_then(|()| SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC));
    opened.map_err(|errno| format!("cannot listen to signals: {errno}"))
}

/// Gives what went wrong. A volume without its mounts is an empty folder.
fn mount_volumes(containers: &Path) -> Vec<String> {
    let volumes = match bundles::volumes(containers) {
        Ok(volumes) => volumes,
        Err(line) => return vec![line],
    };
    let mounted = volumes.iter().map(|(name, steps)| {
        let made = steps.iter().try_for_each(|step| early::prepare(step).map(drop));
        made.map_err(|error| format!("the volume {name} is not there: {error}"))
    });
    mounted.filter_map(Result::err).collect()
}

fn set_up_host() -> Vec<String> {
    let limits = host::set_limits().map_err(|error| format!("cannot set limits: {error}"));
    let loopback = host::loopback_up().map_err(|error| format!("cannot bring the loopback interface up: {error}"));
    let name = host::set_name().map(drop).map_err(|error| format!("cannot set the host's name: {error}"));
    let resolv = host::make_resolv_conf(Path::new("/etc/resolv.conf"))
        .map(drop)
        .map_err(|error| format!("cannot make what /etc/resolv.conf leads to: {error}"));
    [limits, loopback, name, resolv].into_iter().filter_map(Result::err).collect()
}

impl Init {
    fn live(mut self) -> ! {
        let mut events = VecDeque::from([Event::Begin]);
        loop {
            while let Some(event) = events.pop_front() {
                for action in self.boot.handle(clock::now(), event) {
                    events.extend(self.perform(action));
                }
            }
            if self.boot.deadline().is_some_and(|deadline| clock::now() >= deadline) {
                events.push_back(Boot::DEADLINE);
            } else {
                self.wait();
                events.extend(self.look());
            }
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Start(id) => return self.lives.start(id),
            Action::Kill(id) => return self.lives.kill(id),
            Action::Terminate(id) => self.lives.terminate(id),
            Action::Release(id) => self.lives.release(id),
            Action::Look => return Some(Event::Met(condition::met())),
            Action::Say(line) => self.console.say(clock::now(), &line),
            Action::Publish => self.publish(),
            Action::ShowTimeLine => {
                self.update();
                for line in self.report.time_line() {
                    self.console.say(clock::now(), &line);
                }
            }
            Action::Off(ending) => {
                self.console.say(clock::now(), "goodbye");
                off::end(ending, &mut self.console, self.lives.logs(), self.lives.errands())
            }
        }
        None
    }

    fn update(&mut self) {
        self.report.containers = self.boot.records();
        self.report.onboot_done_ms = self.boot.onboot_done().map(millis);
    }

    fn publish(&mut self) {
        self.update();
        let written = || -> std::io::Result<()> {
            let folder = self.folder.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
            let mut text = serde_json::to_vec_pretty(&self.report)?;
            text.push(b'\n');
            orlop_wholefile::replace(folder.as_fd(), "boot.json", &text, Mode::from_raw_mode(0o644))
        };
        if let Err(error) = written() {
            self.console.say(clock::now(), &format!("warning: cannot write {RUN}/boot.json: {error}"));
        }
    }

    /// Sleeps until a signal, the power button, a line of a container, room at the console, or the deadline.
    fn wait(&self) {
        let mut watched: Vec<PollFd<'_>> = Vec::new();
        watched.extend(self.signals.as_ref().map(|signals| PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)));
        watched.extend(self.buttons.waits_for().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        watched.extend(self.lives.errands().waits_for().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        watched.extend(self.console.waits_for().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
        let now = clock::now();
        let streams = self.lives.streams().filter_map(|stream| stream.waits_for(now));
        watched.extend(streams.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let pauses = self.lives.streams().filter_map(|stream| stream.resumes(now));
        let mut timeout = lives::until(now, pauses.chain(self.boot.deadline()).min());
        if self.signals.is_none() || self.lives.errands().waits_for().is_none() {
            // Then ends of processes and errands are found by looking.
            timeout = Some(rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 });
        }
        if self.busy {
            timeout = Some(rustix::event::Timespec::default());
        }
        // An interruption is a reason to look, too.
        let _ = rustix::event::poll(&mut watched, timeout.as_ref());
    }

    /// What has happened. What a container wrote comes before its end.
    fn look(&mut self) -> Vec<Event> {
        self.console.flush();
        self.lives.read_all(&mut self.console);
        let mut events = self.lives.errands_done(&mut self.console);
        for _ in 0..MAX_SIGNALS {
            let Some(signal) = self.signals.as_ref().and_then(|signals| signals.read_signal().ok().flatten()) else {
                break;
            };
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            events.extend(Signal::try_from(number).ok().and_then(wish).map(Event::Asked));
        }
        if self.buttons.pressed() {
            self.console.say(clock::now(), "the power button was pressed");
            events.push(Event::Asked(Ending::PowerOff));
        }
        self.busy = true;
        for _ in 0..MAX_ENDS {
            let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) else {
                self.busy = false;
                break;
            };
            let end = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => End::Exited(u8::try_from(code).unwrap_or(u8::MAX)),
                (None, signal) => End::Killed(signal.unwrap_or_default()),
            };
            events.extend(self.ended(pid, end));
        }
        events
    }

    fn ended(&mut self, pid: Pid, end: End) -> Vec<Event> {
        self.lives.ended(pid, end, &mut self.console)
    }
}

/// What a signal to process 1 asks for: SIGTERM goes off, ctrl-alt-del restarts, the others are busybox's.
fn wish(signal: Signal) -> Option<Ending> {
    let wishes = [
        (Signal::SIGTERM, Ending::PowerOff),
        (Signal::SIGUSR2, Ending::PowerOff),
        (Signal::SIGPWR, Ending::PowerOff),
        (Signal::SIGINT, Ending::Restart),
        (Signal::SIGUSR1, Ending::Halt),
    ];
    wishes.into_iter().find(|(known, _)| *known == signal).map(|(_, ending)| ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_ask_for_an_end_and_children_do_not() {
        for (signal, want) in [
            (Signal::SIGTERM, Some(Ending::PowerOff)),
            (Signal::SIGINT, Some(Ending::Restart)),
            (Signal::SIGUSR1, Some(Ending::Halt)),
            (Signal::SIGCHLD, None),
        ] {
            assert_eq!(wish(signal), want, "{signal}");
        }
    }
}
