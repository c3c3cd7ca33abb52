//! The machine's life as a state machine: what is started, ended, started again, and when. Pure.
//!
//! Start at [`Boot::handle`]. Time comes as an argument; what is to be done comes out as [`Action`]s.

use core::time::Duration;

use orlop_machine::{Backoff, Instant, Machine};

mod turns;
mod waiting;
mod words;

pub use turns::STARTS_AT_ONCE;
pub use words::{Action, End, Ending, Event, Id};

use crate::condition::Conditions;
use crate::container::{Container, List, Restart};
use crate::record::{Outcome, Record, millis};

/// A service is started again after this wait: soon enough not to be missed, and late enough that what made it end may be
/// over. It doubles up to [`orlop_machine::LONGEST_WAIT`].
pub const FIRST_RESTART: Duration = Duration::from_millis(250);
/// How long a process may take to be gone after it was killed. One that the kernel holds up does not hold up the boot.
pub const KILL_PATIENCE: Duration = Duration::from_secs(2);
/// How long the runtime may take to make a service, whose program has no deadline: then it is killed, and asked again later.
pub const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long services have to end when the machine goes off: as long as LinuxKit waits, but no longer than they need.
pub const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `Begin`.
    Early,
    /// The container at this place of onboot runs.
    Onboot(usize),
    /// Onboot is done, services run.
    Serving,
    /// The container at this place of onshutdown runs.
    Onshutdown(usize, Ending),
    /// Services were told to end, and have until then.
    Terminating(Instant, Ending),
    /// The last action is out.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// It waits for what its annotation says, until then at the latest.
    Held(Instant),
    /// It is started when its turn comes; this is since when it waits for that.
    Queued(Instant),
    /// The runtime is at work, until then at the latest.
    Starting(Instant),
    /// Its program runs, until then at the latest.
    Running(Option<Instant>),
    /// Killed; what it ends with is known already. Forgotten at that time if it does not go.
    Dying(Instant),
    /// Started again at that time.
    Resting(Instant),
    Over,
}

#[derive(Debug, Clone)]
struct Slot {
    container: Container,
    state: State,
    since: Instant,
    /// Since when its program runs, in this life.
    ready: Option<Instant>,
    backoff: Backoff,
    record: Record,
}

/// All containers of a machine, and how far its boot has come.
#[derive(Debug, Clone)]
pub struct Boot {
    slots: Vec<Slot>,
    phase: Phase,
    onboot_done: Option<Instant>,
    /// What is so, as far as anybody has looked.
    met: Conditions,
    /// When somebody looks again.
    look_at: Option<Instant>,
}

impl Boot {
    /// A machine with these containers, in the order of their folders.
    #[must_use]
    pub fn new(containers: Vec<Container>) -> Self {
        let slot = |container: Container| Slot {
            record: Record {
                list: container.list,
                name: container.name.clone(),
                started_ms: None,
                ready_ms: None,
                ended_ms: None,
                state: Outcome::Waiting,
                restarts: 0,
            },
            container,
            state: State::Waiting,
            since: Instant::from_nanos(0),
            ready: None,
            backoff: Backoff::new(FIRST_RESTART),
        };
        Self {
            slots: containers.into_iter().map(slot).collect(),
            phase: Phase::Early,
            onboot_done: None,
            met: Conditions::new(),
            look_at: None,
        }
    }

    /// What became of each container so far.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.slots.iter().map(|slot| slot.record.clone()).collect()
    }

    /// When the last onboot container was over.
    #[must_use]
    pub const fn onboot_done(&self) -> Option<Instant> {
        self.onboot_done
    }

    /// The container at a place.
    #[must_use]
    pub fn container(&self, id: Id) -> Option<&Container> {
        self.slots.get(id).map(|slot| &slot.container)
    }

    /// The place of the `n`th container of a list.
    fn nth(&self, list: List, n: usize) -> Option<Id> {
        let places = self.slots.iter().enumerate().filter(|(_, slot)| slot.container.list == list);
        places.map(|(id, _)| id).nth(n)
    }

    fn start(&mut self, id: Id, now: Instant, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.state = State::Starting(now.after(slot.container.deadline.unwrap_or(START_PATIENCE)));
        (slot.since, slot.ready) = (now, None);
        let restarts = slot.record.restarts;
        slot.record = Record {
            started_ms: Some(millis(now)),
            ready_ms: None,
            ended_ms: None,
            state: Outcome::Starting,
            list: slot.record.list,
            name: slot.record.name.clone(),
            restarts,
        };
        actions.push(Action::Start(id));
    }

    fn ready(&mut self, id: Id, now: Instant, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        let State::Starting(_) = slot.state else { return };
        slot.state = State::Running(slot.container.deadline.map(|time| slot.since.after(time)));
        slot.ready = Some(now);
        slot.record.ready_ms = Some(millis(now));
        slot.record.state = Outcome::Running;
        if matches!(self.phase, Phase::Terminating(..)) {
            // It had no process yet that could be told.
            actions.push(Action::Terminate(id));
        }
        if slot.container.list == List::Services {
            actions.push(Action::Say(format!("service {} runs", slot.container.name)));
        }
        actions.push(Action::Publish);
    }

    /// The container is over, as `outcome` has it; what comes next depends on its list.
    fn over(&mut self, id: Id, outcome: Outcome, now: Instant, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        match slot.state {
            State::Starting(_) | State::Running(_) => slot.record.state = outcome,
            // What we ended has its outcome from us.
            State::Dying(_) => {}
            State::Waiting | State::Held(_) | State::Queued(_) | State::Resting(_) | State::Over => return,
        }
        slot.record.ended_ms = Some(millis(now));
        slot.state = State::Over;
        let words = slot.record.state.words();
        let name = slot.container.name.clone();
        match slot.container.list {
            List::Onboot | List::Onshutdown => {
                actions.push(Action::Release(id));
                actions.push(Action::Say(format!("{} {name} {words}", slot.container.list.name())));
            }
            List::Services => self.service_over(id, now, actions),
        }
        actions.push(Action::Publish);
        self.advance(now, actions);
    }

    fn service_over(&mut self, id: Id, now: Instant, actions: &mut Vec<Action>) {
        let serving = self.phase == Phase::Serving;
        let Some(slot) = self.slots.get_mut(id) else { return };
        let (name, words) = (&slot.container.name, slot.record.state.words());
        let again = match slot.container.restart {
            Restart::Always => serving,
            Restart::OnFailure => serving && !slot.record.state.is_success(),
            Restart::No => false,
        };
        let line = if again {
            // What never ran has not run well, however long that took.
            let wait = slot.backoff.after(slot.ready.map_or(Duration::ZERO, |ready| now.since(ready)));
            slot.state = State::Resting(now.after(wait));
            slot.record.restarts = slot.record.restarts.saturating_add(1);
            format!("service {name} {words}; again in {} ms", wait.as_millis())
        } else {
            format!("service {name} {words}")
        };
        actions.push(Action::Say(line));
    }

    /// Goes on to the next container or phase, if the present one is over.
    fn advance(&mut self, now: Instant, actions: &mut Vec<Action>) {
        loop {
            self.phase = match self.phase {
                Phase::Onboot(n) => match self.nth(List::Onboot, n) {
                    Some(id) if !self.begin(id, now, actions) => return,
                    Some(_) => Phase::Onboot(n.saturating_add(1)),
                    None => {
                        self.onboot_done = Some(now);
                        actions.extend([Action::ShowTimeLine, Action::Publish]);
                        for id in (0..).map_while(|n| self.nth(List::Services, n)).collect::<Vec<_>>() {
                            self.start_or_hold(id, now, actions);
                        }
                        Phase::Serving
                    }
                },
                Phase::Onshutdown(n, ending) => match self.nth(List::Onshutdown, n) {
                    Some(id) if !self.begin(id, now, actions) => return,
                    Some(_) => Phase::Onshutdown(n.saturating_add(1), ending),
                    None => {
                        let running = self.alive();
                        actions.extend(running.map(Action::Terminate));
                        Phase::Terminating(now.after(GRACE), ending)
                    }
                },
                Phase::Terminating(until, ending) if now >= until || self.alive().next().is_none() => {
                    actions.extend([Action::Publish, Action::Off(ending)]);
                    Phase::Off
                }
                Phase::Terminating(..) | Phase::Early | Phase::Serving | Phase::Off => return,
            };
        }
    }

    /// Starts the container unless it was started; says whether it is over.
    fn begin(&mut self, id: Id, now: Instant, actions: &mut Vec<Action>) -> bool {
        match self.slots.get(id).map(|slot| slot.state) {
            Some(State::Waiting) => {
                self.start(id, now, actions);
                false
            }
            Some(State::Over) | None => true,
            Some(
                State::Held(_)
                | State::Queued(_)
                | State::Starting(_)
                | State::Running(_)
                | State::Dying(_)
                | State::Resting(_),
            ) => false,
        }
    }

    /// Containers with a process that could end.
    fn alive(&self) -> impl Iterator<Item = Id> {
        let is_alive = |slot: &Slot| matches!(slot.state, State::Starting(_) | State::Running(_) | State::Dying(_));
        self.slots.iter().enumerate().filter(move |(_, slot)| is_alive(slot)).map(|(id, _)| id)
    }

    fn kill(&mut self, id: Id, outcome: Outcome, now: Instant, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.state = State::Dying(now.after(KILL_PATIENCE));
        slot.record.state = outcome;
        actions.push(Action::Kill(id));
    }

    fn end(&mut self, ending: Ending, now: Instant, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Onshutdown(..) | Phase::Terminating(..) | Phase::Off) {
            return;
        }
        actions.push(Action::Say(format!("told to {}", ending.verb())));
        for id in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(id) else { continue };
            match (slot.container.list, slot.state) {
                // A boot that is not done is not finished first.
                (List::Onboot, State::Starting(_) | State::Running(_)) => {
                    self.kill(id, Outcome::Stopped, now, actions);
                }
                (
                    List::Onboot | List::Services,
                    State::Waiting | State::Held(_) | State::Queued(_) | State::Resting(_),
                ) => slot.state = State::Over,
                (
                    List::Onboot | List::Services | List::Onshutdown,
                    State::Waiting
                    | State::Held(_)
                    | State::Queued(_)
                    | State::Starting(_)
                    | State::Running(_)
                    | State::Dying(_)
                    | State::Resting(_)
                    | State::Over,
                ) => {}
            }
        }
        self.phase = Phase::Onshutdown(0, ending);
        self.advance(now, actions);
    }

    /// Everything whose time has come.
    fn due(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for id in 0..self.slots.len() {
            let Some(slot) = self.slots.get(id) else { continue };
            match slot.state {
                State::Starting(until) | State::Running(Some(until)) if now >= until => {
                    let seconds = slot.container.deadline.unwrap_or(START_PATIENCE).as_secs();
                    self.kill(id, Outcome::Deadline { seconds }, now, actions);
                }
                State::Dying(until) if now >= until => {
                    let name = &slot.container.name;
                    actions
                        .push(Action::Say(format!("{name} is killed and does not go; the machine goes on without it")));
                    self.over(id, Outcome::Stopped, now, actions);
                }
                State::Resting(until) if now >= until => self.queue(id, now, actions),
                State::Held(until) if now >= until => self.hold_no_longer(id, now, actions),
                State::Waiting
                | State::Held(_)
                | State::Queued(_)
                | State::Starting(_)
                | State::Running(_)
                | State::Dying(_)
                | State::Resting(_)
                | State::Over => {}
            }
        }
        self.look_again(now, actions);
        self.advance(now, actions);
    }
}

impl Machine for Boot {
    type Event = Event;
    type Action = Action;
    const DEADLINE: Event = Event::Deadline;

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Begin if self.phase == Phase::Early => {
                self.phase = Phase::Onboot(0);
                self.advance(now, &mut actions);
            }
            Event::Begin => {}
            Event::Ready(id) => self.ready(id, now, &mut actions),
            Event::Failed(id, why) => self.over(id, Outcome::NotStarted { why }, now, &mut actions),
            Event::Ended(id, End::Exited(code)) => self.over(id, Outcome::Exited { code }, now, &mut actions),
            Event::Ended(id, End::Killed(signal)) => self.over(id, Outcome::Killed { signal }, now, &mut actions),
            Event::Met(conditions) => self.met(conditions, now, &mut actions),
            Event::Asked(ending) => self.end(ending, now, &mut actions),
            Event::Deadline => self.due(now, &mut actions),
        }
        self.take_turns(now, &mut actions);
        // The last one says what the others would have said.
        let mut to_come = actions.iter().filter(|action| **action == Action::Publish).count();
        actions.retain(|action| {
            let publishes = *action == Action::Publish;
            to_come -= usize::from(publishes);
            !publishes || to_come == 0
        });
        actions
    }

    fn deadline(&self) -> Option<Instant> {
        let slots = self.slots.iter().filter_map(|slot| match slot.state {
            State::Running(until) => until,
            State::Held(until) | State::Starting(until) | State::Dying(until) | State::Resting(until) => Some(until),
            State::Waiting | State::Queued(_) | State::Over => None,
        });
        let phase = match self.phase {
            Phase::Terminating(until, _) => Some(until),
            Phase::Early | Phase::Onboot(_) | Phase::Serving | Phase::Onshutdown(..) | Phase::Off => None,
        };
        let look = self.look_at.filter(|_| self.held().next().is_some());
        if self.phase == Phase::Off { None } else { slots.chain(phase).chain(look).min() }
    }
}

#[cfg(test)]
mod tests;
