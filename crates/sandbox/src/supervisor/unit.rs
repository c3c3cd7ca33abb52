//! Optional workers that share one fate: one, or two that are joined. Pure: what to start and when.

use core::time::Duration;

use orlop_machine::Instant;

use super::FIRST_RESTART;
use super::pause::Pauses;
use crate::fatal::Exit;
use crate::roster::End;

/// A unit, whose members run all or not at all.
#[derive(Debug)]
pub(super) struct Unit {
    /// The places of its members.
    pub(super) members: Vec<usize>,
    state: State,
    /// The broker has asked for it while it ran: it may know already that it does not any more.
    again: bool,
    /// It is to be started because it failed like this, after so long a pause.
    failed: Option<(End, Duration)>,
    pauses: Pauses,
    /// When it may be started again, whoever asks.
    not_before: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has asked for it, or it has done what it was asked for, or it cannot run here.
    Idle,
    /// It will be started.
    Due,
    /// Since then its members run.
    Running(Instant),
    /// Members have ended, one of them like this.
    Ending(Instant, End),
    /// The same, and those that were left have been killed.
    Killed(Instant, End),
}

impl Unit {
    pub(super) fn new(members: Vec<usize>) -> Self {
        let not_before = Instant::from_nanos(0);
        Self { members, state: State::Idle, again: false, failed: None, pauses: Pauses::new(), not_before }
    }

    /// The broker asks for it.
    pub(super) fn asked(&mut self) {
        match self.state {
            State::Idle => self.state = State::Due,
            State::Due => {}
            State::Running(_) | State::Ending(..) | State::Killed(..) => self.again = true,
        }
    }

    /// Whether it makes a difference that the broker asks for it: not when it has asked already. One that asks without end
    /// then keeps the supervisor no busier than one that asks once.
    pub(super) fn listens(&self) -> bool {
        self.state != State::Due && !self.again
    }

    /// When it is to be started, if it is.
    pub(super) fn start_at(&self) -> Option<Instant> {
        (self.state == State::Due).then_some(self.not_before)
    }

    /// Its members have been started at `now`. Gives how it failed, when that is the reason, and how long a pause was made.
    pub(super) fn started(&mut self, now: Instant) -> Option<(End, Duration)> {
        (self.state, self.again) = (State::Running(now), false);
        self.failed.take()
    }

    /// One could not be started at `now`.
    pub(super) fn not_started(&mut self, now: Instant) {
        self.not_before = now.after(self.pauses.after(Duration::ZERO));
    }

    /// A member has ended. What became of the unit is the first end that is a failure, also of one that was killed because
    /// the other had ended well: who is joined to one that fails may end well because of it, and be collected sooner. So two
    /// have done their work only when both say so.
    pub(super) fn member_ended(&mut self, how: End) {
        self.state = match self.state {
            State::Running(since) => State::Ending(since, how),
            State::Ending(since, DONE) => State::Ending(since, how),
            State::Killed(since, DONE) => State::Killed(since, how),
            state @ (State::Idle | State::Due | State::Ending(..) | State::Killed(..)) => state,
        };
    }

    /// Whether a member has ended, so that the others are to be killed now.
    pub(super) fn takes_others_along(&mut self) -> bool {
        let State::Ending(since, how) = self.state else { return false };
        self.state = State::Killed(since, how);
        true
    }

    /// None of its members is left at `now`. Gives how long to wait before it is started again, if it is.
    ///
    /// One that has done its work, or that can never run here, waits until it is asked for again: it never ends the daemon.
    pub(super) fn gone(&mut self, now: Instant) -> Option<Duration> {
        let (State::Ending(since, how) | State::Killed(since, how)) = self.state else { return None };
        let hopeless = [Exit::Permission, Exit::Config].map(|exit| End::Exit(exit.code()));
        // Who asks at once for what is done at once could otherwise have the machine do nothing but start processes.
        let next = since.after(FIRST_RESTART);
        let wait = if how == DONE { next.since(now) } else { self.pauses.after(now.since(since)) };
        self.not_before = now.after(wait);
        let again = self.again || (how != DONE && !hopeless.contains(&how));
        self.failed = (how != DONE).then_some((how, wait));
        self.state = if again { State::Due } else { State::Idle };
        again.then_some(wait)
    }

    /// Whether a member has ended and the unit has not been started since.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ending(..) | State::Killed(..))
    }
}

/// An optional worker that ends well has done what it was asked for.
const DONE: End = End::Exit(Exit::Done.code());

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: End = End::Signal(9);

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// A unit that was asked for and started at 0.
    fn running() -> Unit {
        let mut unit = Unit::new(vec![1, 2]);
        unit.asked();
        unit.started(at(0));
        unit
    }

    fn ended(unit: &mut Unit, how: End, now: Instant) -> Option<u128> {
        unit.member_ended(how);
        unit.gone(now).map(|wait| wait.as_millis())
    }

    #[test]
    fn nobody_starts_before_the_broker_asks() {
        let mut unit = Unit::new(vec![1]);
        assert_eq!(unit.start_at(), None);
        unit.asked();
        assert_eq!(unit.start_at(), Some(at(0)));
        unit.started(at(5));
        unit.asked();
        assert_eq!(unit.start_at(), None, "it runs");
    }

    #[test]
    fn who_asks_before_the_end_is_known_is_not_forgotten() {
        let mut unit = running();
        unit.asked();
        assert_eq!(ended(&mut unit, End::Exit(77), at(10)), Some(100));
        let mut unit = running();
        unit.asked();
        assert_eq!(ended(&mut unit, End::Exit(0), at(110)), Some(0));
        unit.started(at(110));
        assert_eq!(ended(&mut unit, End::Exit(0), at(120)), None, "and is not remembered for ever");
    }

    #[test]
    fn one_that_is_asked_for_again_and_again_is_started_ten_times_a_second() {
        let mut unit = running();
        for round in 0..10 {
            let start = round * 100;
            unit.asked();
            assert_eq!(ended(&mut unit, End::Exit(0), at(start + 1)), Some(99), "{round}");
            assert_eq!(unit.start_at(), Some(at(start + 100)));
            unit.started(at(start + 100));
        }
        assert_eq!(ended(&mut unit, End::Exit(0), at(1001)), None);
        unit.asked();
        assert_eq!(unit.start_at(), Some(at(1100)), "who asks later does not find it sooner");
    }

    #[test]
    fn who_was_asked_for_is_not_listened_to_until_it_is_started() {
        let mut unit = Unit::new(vec![1]);
        assert!(unit.listens());
        unit.asked();
        assert!(!unit.listens(), "it will be started");
        unit.started(at(0));
        assert!(unit.listens(), "it runs, and may have ended when somebody asks");
        unit.asked();
        assert!(!unit.listens(), "it will be started again");
        assert_eq!(ended(&mut unit, End::Exit(0), at(100)), Some(0));
        assert!(!unit.listens());
        unit.started(at(100));
        assert!(unit.listens());
    }

    #[test]
    fn only_one_that_failed_is_told_to_be_started_again() {
        for (what, how, want) in [("killed", KILLED, Some(KILLED)), ("its work was done", End::Exit(0), None)] {
            let mut unit = running();
            unit.asked();
            assert!(ended(&mut unit, how, at(10)).is_some(), "{what}");
            assert_eq!(unit.started(at(110)).map(|(ended, _)| ended), want, "{what}");
            unit.asked();
            ended(&mut unit, End::Exit(0), at(120));
            assert_eq!(unit.started(at(220)), None, "{what}: and is not told twice");
        }
    }

    #[test]
    fn what_follows_from_an_end() {
        for (what, how, want) in [
            ("killed", KILLED, Some(100)),
            ("a bug", End::Exit(70), Some(100)),
            ("its work is done", End::Exit(0), None),
            ("it cannot be confined", End::Exit(77), None),
            ("its configuration is wrong", End::Exit(78), None),
        ] {
            let mut unit = running();
            assert_eq!(ended(&mut unit, how, at(10)), want, "{what}");
            assert_eq!(unit.start_at().is_some(), want.is_some(), "{what}");
        }
    }

    #[test]
    fn one_that_always_fails_waits_longer_each_time_also_when_it_is_asked_for() {
        let mut unit = running();
        assert_eq!(ended(&mut unit, KILLED, at(10)), Some(100));
        assert_eq!(unit.start_at(), Some(at(110)));
        unit.started(at(110));
        assert_eq!(ended(&mut unit, End::Exit(77), at(120)), None);
        unit.asked();
        assert_eq!(unit.start_at(), Some(at(320)));
    }

    #[test]
    fn one_that_is_killed_now_and_then_is_there_again_at_once_each_time() {
        let mut unit = running();
        for round in 1..40 {
            let end = round * 1000 - 100;
            assert_eq!(ended(&mut unit, KILLED, at(end)), Some(100), "{round}");
            unit.started(at(end + 100));
        }
    }

    #[test]
    fn two_have_done_their_work_only_when_both_say_so() {
        let done = End::Exit(0);
        for (what, first, second, want) in [
            ("both are done", done, done, None),
            ("one was done because the other died", done, KILLED, Some(100)),
            ("one died, and the other was killed", KILLED, KILLED, Some(100)),
            ("one cannot be confined, and the other was killed", End::Exit(77), KILLED, None),
        ] {
            let mut unit = running();
            unit.member_ended(first);
            assert!(unit.takes_others_along(), "{what}");
            unit.member_ended(second);
            assert_eq!(unit.gone(at(10)).map(|wait| wait.as_millis()), want, "{what}");
        }
    }

    #[test]
    fn others_are_taken_along_once_and_only_by_an_end() {
        let mut unit = running();
        assert!(!unit.takes_others_along() && !unit.has_ended());
        unit.member_ended(KILLED);
        assert!(unit.has_ended() && unit.takes_others_along());
        assert!(unit.has_ended() && !unit.takes_others_along());
    }

    #[test]
    fn a_start_that_fails_is_tried_again_later() {
        let mut unit = Unit::new(vec![1]);
        unit.asked();
        unit.not_started(at(0));
        assert_eq!(unit.start_at(), Some(at(100)));
    }
}
