//! Services take turns at being started: to make a container is work for a processor, and each has only so long.

use orlop_machine::Instant;

use super::{Action, Boot, Id, List, State};

/// Services that the runtime is asked for at once. More would make none of them run earlier; where there are hundreds, or the
/// machine is slow, all would come to the end of their time together, and begin anew together.
pub const STARTS_AT_ONCE: usize = 8;

impl Boot {
    /// Starts the service when its turn comes, which may be now.
    pub(super) fn queue(&mut self, id: Id, now: Instant, actions: &mut Vec<Action>) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = State::Queued(now);
        }
        self.take_turns(now, actions);
    }

    /// Starts those who have waited longest, as many as there is room for.
    pub(super) fn take_turns(&mut self, now: Instant, actions: &mut Vec<Action>) {
        while self.starts_under_way() < STARTS_AT_ONCE {
            let queued = self.slots.iter().enumerate().filter_map(|(id, slot)| match slot.state {
                State::Queued(since) => Some((since, id)),
                State::Waiting
                | State::Held(_)
                | State::Starting(_)
                | State::Running(_)
                | State::Dying(_)
                | State::Resting(_)
                | State::Over => None,
            });
            let Some((_, id)) = queued.min() else { return };
            self.start(id, now, actions);
        }
    }

    fn starts_under_way(&self) -> usize {
        let is_start =
            |slot: &&super::Slot| slot.container.list == List::Services && matches!(slot.state, State::Starting(_));
        self.slots.iter().filter(is_start).count()
    }
}
