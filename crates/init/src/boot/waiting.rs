//! Services that wait for something that daemons bring about.

use core::time::Duration;

use orlop_machine::Instant;

use super::{Action, Boot, Id, State};
use crate::condition::Conditions;
use crate::container::Wait;

/// How soon it is noticed that something has come about.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Boot {
    /// A service is to be started, or waits first if it wants to.
    pub(super) fn start_or_hold(&mut self, id: Id, now: Instant, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        match &slot.container.wait {
            None => self.queue(id, now, actions),
            Some(wait) => {
                slot.state = State::Held(now.after(wait.at_most));
                self.look(now, actions);
            }
        }
    }

    /// Whatever is waited for, these are so now: who waits for no more than that is started.
    pub(super) fn met(&mut self, met: Conditions, now: Instant, actions: &mut Vec<Action>) {
        self.met = met;
        for id in self.held().collect::<Vec<_>>() {
            if self.missing(id).is_empty() {
                self.queue(id, now, actions);
            }
        }
    }

    /// Starts a service that has waited long enough.
    pub(super) fn hold_no_longer(&mut self, id: Id, now: Instant, actions: &mut Vec<Action>) {
        let Some(slot) = self.slots.get(id) else { return };
        let words: Vec<&str> = self.missing(id).iter().map(|condition| condition.word()).collect();
        let (name, words) = (&slot.container.name, words.join(" "));
        actions.push(Action::Say(format!("warning: service {name} has waited in vain for: {words}")));
        self.queue(id, now, actions);
    }

    /// Looks again, where it is time and somebody still waits.
    pub(super) fn look_again(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.look_at.is_some_and(|at| now >= at) {
            self.look_at = None;
            if self.held().next().is_some() {
                self.look(now, actions);
            }
        }
    }

    fn look(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.look_at.is_none() {
            self.look_at = Some(now.after(LOOK_EVERY));
            actions.push(Action::Look);
        }
    }

    /// Services that wait.
    pub(super) fn held(&self) -> impl Iterator<Item = Id> {
        let is_held = |slot: &super::Slot| matches!(slot.state, State::Held(_));
        self.slots.iter().enumerate().filter(move |(_, slot)| is_held(slot)).map(|(id, _)| id)
    }

    fn missing(&self, id: Id) -> Conditions {
        let wait = self.slots.get(id).and_then(|slot| slot.container.wait.as_ref());
        wait.map(|Wait { conditions, at_most: _ }| conditions.difference(&self.met).copied().collect())
            .unwrap_or_default()
    }
}
