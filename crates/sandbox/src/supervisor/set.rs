//! A broker and its workers, from their start until none of them is left.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_machine::Instant;
use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Pid, Signal};

use super::ready::Waiting;
use super::seat::Seat;
use super::sleep::Sleep;
use super::start::{NotStarted, kill};
use super::unit::Unit;
use super::verdict::Ended;
use super::{Lifetime, Plan, Supervisor, told_to_end};
use crate::daemon::Service;
use crate::fatal::{Exit, Fatal};
use crate::roster::{self, Announcer};
use crate::sys::Waited;
use crate::{clock, sys};

/// How long a broker has to end when told to; then it is killed.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a broker may take to notice that a worker is gone, and what it wants to say about it.
const AFTER_WORKER: Duration = Duration::from_millis(250);

/// A broker and its workers, each until it has been collected.
#[derive(Debug)]
pub(super) struct Set<'s> {
    supervisor: &'s Supervisor,
    plan: &'s Plan,
    seats: &'s mut [Seat],
    /// Who is told when the broker says that the daemon is ready.
    waiting: &'s mut Waiting,
    announcer: Announcer,
    broker: Option<Pid>,
    /// Every worker that has not been collected, by its place.
    workers: Vec<(usize, Pid)>,
    units: Vec<Unit>,
    /// By which the broker asks for the optional workers in these places.
    places: Vec<usize>,
    requests: Vec<OwnedFd>,
}

/// What a broker can say to its supervisor.
enum Heard {
    /// The daemon is ready.
    Ready,
    /// It asks for this unit.
    Asked(usize),
}

/// What became of a set.
pub(super) enum Watched {
    /// All have ended.
    Ended(Ended),
    /// The daemon is told to end, with this code.
    Stopped(u8),
}

impl<'s> Set<'s> {
    /// Starts the workers that the daemon cannot do without, and the broker, which is to hear of them.
    pub(super) fn start(
        supervisor: &'s Supervisor,
        plan: &'s Plan,
        restarts: u32,
        waiting: &'s mut Waiting,
        seats: &'s mut [Seat],
    ) -> Result<Self, NotStarted> {
        let (announcer, theirs) = roster::pair()?;
        let daemon = supervisor.daemon;
        let places: Vec<usize> = daemon.asked_for().collect();
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        let requests = places.iter().map(|_| eventfd(0, flags)).collect::<Result<_, _>>().map_err(io::Error::from)?;
        // The later one of two that are joined is in the unit of the first.
        let of_first = |place: &usize| match daemon.partner(*place) {
            Some(partner) if partner < *place => None,
            partner => Some(Unit::new([*place].into_iter().chain(partner).collect())),
        };
        let units = places.iter().filter_map(of_first).collect();
        let vital = daemon.workers.iter().enumerate().filter(|(_, worker)| worker.service == Service::Vital);
        let vital: Vec<usize> = vital.map(|(place, _)| place).collect();
        let (broker, workers) = (None, Vec::new());
        let mut set = Self { supervisor, plan, seats, waiting, announcer, broker, workers, units, places, requests };
        // A set that is dropped is killed.
        set.workers = supervisor.start_workers(&vital, &set.announcer, set.seats)?;
        set.broker =
            Some(supervisor.start_broker(plan, restarts, theirs.as_fd(), set.waiting.said(), &set.requests)?);
        Ok(set)
    }

    /// Waits until all have ended, or a signal or the hard stop ends them.
    pub(super) fn watch(mut self, sleep: &Sleep) -> Result<Watched, Fatal> {
        let mut ended = Ended::default();
        let mut patience: Option<Instant> = None;
        loop {
            while let Some((pid, how)) = sys::reap() {
                self.collected(pid, how, &mut ended, &mut patience);
            }
            self.end_units();
            if self.is_gone() {
                self.waiting.look();
                return Ok(Watched::Ended(ended));
            }
            // Once: their end wakes us, and one that the kernel holds up takes its time.
            if patience.take_if(|patience| clock::now() >= *patience).is_some() {
                self.kill();
            }
            if self.supervisor.is_over(self.plan) {
                tracing::error!(after = ?self.plan.lifetime.hard_stop(), "the broker did not end in time");
                return Ok(Watched::Stopped(Exit::Unconfigured.code()));
            }
            self.start_what_is_due();
            let due = self.broker.and_then(|_| self.units.iter().filter_map(Unit::start_at).min());
            let wake = [patience, self.supervisor.end(self.plan), due].into_iter().flatten().min();
            let (heard, asked): (Vec<Heard>, Vec<_>) = self.listened().unzip();
            let woken = sleep.until(wake, &asked).map_err(|cause| Fatal::os("cannot wait", cause))?;
            for (what, _) in heard.into_iter().zip(woken.asked).filter(|(_, asked)| *asked) {
                match what {
                    Heard::Ready => self.waiting.tell(),
                    Heard::Asked(unit) => self.units.get_mut(unit).map_or((), Unit::asked),
                }
            }
            if let Some(code) = woken.signal.and_then(|signal| told_to_end(signal, self.plan)) {
                self.end(sleep);
                return Ok(Watched::Stopped(code));
            }
        }
    }

    /// The eventfds at which it makes a difference what the broker says, and what that is.
    fn listened(&self) -> impl Iterator<Item = (Heard, BorrowedFd<'_>)> {
        let ready = self.waiting.awaited().map(|fd| (Heard::Ready, fd));
        let requests = self.places.iter().zip(&self.requests).filter_map(|(place, fd)| {
            let unit = self.units.iter().position(|unit| unit.listens() && unit.members.contains(place))?;
            Some((Heard::Asked(unit), fd.as_fd()))
        });
        ready.into_iter().chain(requests)
    }

    /// A child has ended. One that is nobody's here is what a broker left behind.
    fn collected(&mut self, pid: Pid, how: Waited, ended: &mut Ended, patience: &mut Option<Instant>) {
        if self.broker == Some(pid) {
            self.broker = None;
            ended.broker = Some(how);
            // Without their broker workers are of no use, and what they say is of no interest.
            self.kill();
            return;
        }
        let Some(at) = self.workers.iter().position(|(_, worker)| *worker == pid) else { return };
        let (place, _) = self.workers.swap_remove(at);
        if let Some(seat) = self.seats.get_mut(place) {
            seat.left(how.into());
        }
        let Some(unit) = self.units.iter_mut().find(|unit| unit.members.contains(&place)) else {
            ended.worker.get_or_insert(how);
            // The broker of a single run may have heard everything: what it does then, and says about it, is not the
            // worker's to end.
            let waits = matches!(self.plan.lifetime, Lifetime::Single { .. });
            *patience = (!waits).then(|| clock::now().after(AFTER_WORKER));
            return;
        };
        unit.member_ended(how.into());
        if self.broker.is_some() {
            let name = self.supervisor.daemon.workers.get(place).map(|worker| worker.profile.name);
            tracing::info!(worker = name, ended = %roster::End::from(how), "a worker has ended");
        }
    }

    /// Takes along whoever is joined to a worker that has ended.
    fn end_units(&mut self) {
        for unit in self.units.iter_mut().filter(|unit| unit.has_ended()) {
            let left = self.workers.iter().filter(|(place, _)| unit.members.contains(place));
            let left: Vec<Pid> = left.map(|(_, pid)| *pid).collect();
            if unit.takes_others_along() {
                left.iter().copied().for_each(kill);
            }
            if left.is_empty() {
                unit.gone(clock::now());
            }
        }
    }

    fn start_what_is_due(&mut self) {
        let now = clock::now();
        if self.broker.is_none() {
            return;
        }
        let mut unheard = false;
        for unit in self.units.iter_mut().filter(|unit| unit.start_at().is_some_and(|at| at <= now)) {
            // Who has asked until now gets what it asked for. Who asks from here on may know already how this start ends.
            let requests = self.places.iter().zip(&self.requests);
            for (_, request) in requests.filter(|(place, _)| unit.members.contains(place)) {
                let _none = rustix::io::read(request, &mut [0_u8; 8]);
            }
            match self.supervisor.start_workers(&unit.members, &self.announcer, self.seats) {
                Ok(started) => {
                    self.workers.extend(started);
                    // Not sooner: a worker may be seen to end before the broker whose end it followed.
                    if let Some((ended, wait)) = unit.started(now) {
                        tracing::warn!(%ended, after = ?wait, "a worker is started again");
                    }
                }
                Err(cause) => {
                    tracing::error!(%cause, "cannot start a worker");
                    unit.not_started(now);
                    unheard |= matches!(cause, NotStarted::Unheard(_));
                }
            }
        }
        if unheard {
            // A broker that does not hear of its workers does not look after them either.
            self.kill();
        }
    }

    fn is_gone(&self) -> bool {
        self.broker.is_none() && self.workers.is_empty()
    }

    fn kill(&self) {
        self.broker.into_iter().chain(self.workers.iter().map(|(_, pid)| *pid)).for_each(kill);
    }

    /// Ends all. The broker may tidy up; until it has, its workers stay, or it would take that for a failure.
    fn end(&mut self, sleep: &Sleep) {
        let _gone = self.broker.map(|pid| rustix::process::kill_process(pid, Signal::TERM));
        let until = clock::now().after(GRACE);
        while self.broker.is_some() && clock::now() < until {
            self.collect();
            if self.broker.is_some() {
                let _early = sleep.until(Some(until), &[]);
            }
        }
    }

    fn collect(&mut self) {
        while let Some((ended, _)) = sys::reap() {
            self.broker = self.broker.filter(|pid| *pid != ended);
            self.workers.retain(|(_, pid)| *pid != ended);
        }
    }
}

/// None of them outlives its set.
impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.kill();
        while !self.is_gone() {
            self.collect();
            if !self.is_gone() {
                sys::wait_for_child();
            }
        }
    }
}
