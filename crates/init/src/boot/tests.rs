use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::condition::Condition;
use crate::container::{Config, Wait};
use crate::settings::DEADLINE;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// A machine: a word per container, `o:` onboot, `s:` service, `f:` service restarted on failure, `w:` service that waits for
/// a clock and `n:` one that waits for the network as well, `d:` onshutdown.
fn machine(words: &str) -> Boot {
    let containers = words.split(' ').filter(|word| !word.is_empty()).map(|word| {
        let (list, name) = word.split_once(':').unwrap();
        let wait = |conditions: &[Condition]| {
            Some(Wait { conditions: conditions.iter().copied().collect(), at_most: DEADLINE })
        };
        let (list, restart, wait) = match list {
            "o" => (List::Onboot, Restart::No, None),
            "s" => (List::Services, Restart::Always, None),
            "f" => (List::Services, Restart::OnFailure, None),
            "w" => (List::Services, Restart::Always, wait(&[Condition::Clock])),
            "n" => (List::Services, Restart::Always, wait(&Condition::ALL)),
            _ => (List::Onshutdown, Restart::No, None),
        };
        let (container, _) = Container::new(list, name, &Config::default(), DEADLINE);
        Container { restart, wait, ..container }
    });
    Boot::new(containers.collect())
}

/// Actions without what is said and published.
fn done(actions: Vec<Action>) -> Vec<Action> {
    actions.into_iter().filter(|action| !matches!(action, Action::Say(_) | Action::Publish)).collect()
}

fn said(actions: &[Action]) -> Vec<&str> {
    let mut lines = Vec::new();
    for action in actions {
        if let Action::Say(line) = action {
            lines.push(line.as_str());
        }
    }
    lines
}

fn exited(id: Id) -> Event {
    Event::Ended(id, End::Exited(0))
}

#[test]
fn onboot_goes_one_after_the_other_and_then_services_together() {
    use Action::{Release, ShowTimeLine, Start};
    let mut boot = machine("o:a o:b s:x s:y d:z");
    assert_eq!(done(boot.handle(at(0), Event::Begin)), [Start(0)]);
    assert_eq!(done(boot.handle(at(10), Event::Ready(0))), []);
    assert_eq!(done(boot.handle(at(20), exited(0))), [Release(0), Start(1)]);
    assert_eq!(done(boot.handle(at(30), Event::Ready(1))), []);
    assert_eq!(done(boot.handle(at(40), exited(1))), [Release(1), ShowTimeLine, Start(2), Start(3)]);
    assert_eq!(boot.onboot_done(), Some(at(40)));
    for id in [2, 3] {
        let _ = boot.handle(at(50), Event::Ready(id));
    }
    assert_eq!(boot.deadline(), None, "services have no deadline");
}

#[test]
fn whatever_becomes_of_an_onboot_container_the_next_one_starts() {
    for (what, events, state) in [
        ("ends well", vec![Event::Ready(0), exited(0)], Outcome::Exited { code: 0 }),
        ("fails", vec![Event::Ready(0), Event::Ended(0, End::Exited(3))], Outcome::Exited { code: 3 }),
        ("is killed", vec![Event::Ready(0), Event::Ended(0, End::Killed(11))], Outcome::Killed { signal: 11 }),
        ("cannot start", vec![Event::Failed(0, "no".into())], Outcome::NotStarted { why: "no".into() }),
        ("ends before it is known to run", vec![exited(0), Event::Ready(0)], Outcome::Exited { code: 0 }),
    ] {
        let mut boot = machine("o:a o:b");
        let _ = boot.handle(at(0), Event::Begin);
        let actions: Vec<_> = events.into_iter().flat_map(|event| boot.handle(at(5), event)).collect();
        assert!(actions.contains(&Action::Start(1)), "{what}: {actions:?}");
        assert_eq!(boot.records()[0].state, state, "{what}");
    }
}

#[test]
fn a_container_that_hangs_is_killed_at_its_deadline_and_the_boot_goes_on() {
    for (what, ready) in [("its program hangs", true), ("its runtime hangs", false)] {
        let mut boot = machine("o:a o:b");
        let _ = boot.handle(at(1000), Event::Begin);
        if ready {
            let _ = boot.handle(at(1100), Event::Ready(0));
        }
        assert_eq!(boot.deadline(), Some(at(61_000)), "{what}: from the start, not from the moment it runs");
        assert_eq!(done(boot.handle(at(60_999), Event::Deadline)), [], "{what}: too early");
        assert_eq!(done(boot.handle(at(61_000), Event::Deadline)), [Action::Kill(0)], "{what}");
        let next = done(boot.handle(at(61_010), Event::Ended(0, End::Killed(9))));
        assert_eq!(next, [Action::Release(0), Action::Start(1)], "{what}");
        assert_eq!(
            boot.records()[0].state,
            Outcome::Deadline { seconds: 60 },
            "{what}: not the signal it was killed with"
        );
    }
}

#[test]
fn what_does_not_die_does_not_hold_up_the_boot() {
    let mut boot = machine("o:a o:b");
    let _ = boot.handle(at(0), Event::Begin);
    let _ = boot.handle(at(60_000), Event::Deadline);
    assert_eq!(boot.deadline(), Some(at(62_000)));
    let actions = boot.handle(at(62_000), Event::Deadline);
    assert!(said(&actions)[0].contains("does not go"), "{actions:?}");
    assert_eq!(done(actions), [Action::Release(0), Action::Start(1)]);
    assert_eq!(done(boot.handle(at(70_000), exited(0))), [], "when it goes after all, nothing starts twice");
}

#[test]
fn a_service_is_started_again_with_growing_pauses() {
    let mut boot = machine("s:x");
    assert_eq!(done(boot.handle(at(0), Event::Begin)), [Action::ShowTimeLine, Action::Start(0)]);
    let mut now = 0;
    for (n, wait) in [250, 500, 1000, 2000].into_iter().enumerate() {
        let _ = boot.handle(at(now), Event::Ready(0));
        let actions = boot.handle(at(now), Event::Ended(0, End::Killed(9)));
        assert_eq!(said(&actions), [format!("service x was ended by signal 9; again in {wait} ms")]);
        assert_eq!(boot.deadline(), Some(at(now + wait)));
        now += wait;
        assert_eq!(done(boot.handle(at(now), Event::Deadline)), [Action::Start(0)]);
        assert_eq!(boot.records()[0].restarts, u32::try_from(n).unwrap() + 1);
    }
}

#[test]
fn a_service_that_cannot_be_started_is_tried_again() {
    let mut boot = machine("s:x");
    let _ = boot.handle(at(0), Event::Begin);
    let actions = boot.handle(at(10), Event::Failed(0, "no".into()));
    assert_eq!(said(&actions), ["service x could not be started: no; again in 250 ms"]);
}

#[test]
fn a_service_whose_runtime_hangs_is_tried_again() {
    let mut boot = machine("s:x");
    let _ = boot.handle(at(0), Event::Begin);
    assert_eq!(done(boot.handle(at(59_999), Event::Deadline)), [], "too early");
    assert_eq!(done(boot.handle(at(60_000), Event::Deadline)), [Action::Kill(0)]);
    let actions = boot.handle(at(60_010), Event::Failed(0, "killed".into()));
    assert_eq!(said(&actions), ["service x was ended at its deadline of 60 s; again in 250 ms"]);
    assert_eq!(done(boot.handle(at(60_260), Event::Deadline)), [Action::Start(0)]);
}

#[test]
fn a_service_that_is_done_is_started_again_or_not_as_it_says() {
    for (what, words, end, again) in [
        ("always", "s:x", End::Exited(0), true),
        ("on failure, without one", "f:x", End::Exited(0), false),
        ("on failure, with one", "f:x", End::Exited(1), true),
        ("on failure, killed", "f:x", End::Killed(9), true),
    ] {
        let mut boot = machine(words);
        let _ = boot.handle(at(0), Event::Begin);
        let _ = boot.handle(at(1), Event::Ready(0));
        let _ = boot.handle(at(2), Event::Ended(0, end));
        assert_eq!(boot.deadline().is_some(), again, "{what}");
    }
}

#[test]
fn the_machine_goes_off_in_order() {
    use Action::{Off, Release, Start, Terminate};
    let mut boot = machine("o:a s:x s:y d:z");
    for event in [Event::Begin, exited(0), Event::Ready(1), Event::Ready(2)] {
        let _ = boot.handle(at(0), event);
    }
    assert_eq!(done(boot.handle(at(10), Event::Asked(Ending::PowerOff))), [Start(3)], "while services still run");
    assert_eq!(done(boot.handle(at(11), Event::Asked(Ending::Restart))), [], "the first word counts");
    assert_eq!(done(boot.handle(at(20), exited(3))), [Release(3), Terminate(1), Terminate(2)]);
    assert_eq!(done(boot.handle(at(30), exited(1))), []);
    assert_eq!(done(boot.handle(at(40), exited(2))), [Off(Ending::PowerOff)], "and nothing is started again");
    assert_eq!(boot.deadline(), None);
}

#[test]
fn services_that_do_not_end_hold_up_the_end_for_the_grace_only() {
    let mut boot = machine("s:x");
    let _ = boot.handle(at(0), Event::Begin);
    let _ = boot.handle(at(0), Event::Ready(0));
    assert_eq!(done(boot.handle(at(100), Event::Asked(Ending::Restart))), [Action::Terminate(0)]);
    assert_eq!(boot.deadline(), Some(at(5100)));
    assert_eq!(done(boot.handle(at(5100), Event::Deadline)), [Action::Off(Ending::Restart)]);
}

#[test]
fn what_begins_and_ends_is_published_at_once() {
    let mut boot = machine("o:a s:x d:z");
    let published = |actions: Vec<Action>| actions.contains(&Action::Publish);
    let _ = boot.handle(at(0), Event::Begin);
    for (what, event) in [
        ("an onboot container runs, and may hang", Event::Ready(0)),
        ("it is over", exited(0)),
        ("a service runs", Event::Ready(1)),
        ("it is over", exited(1)),
    ] {
        assert!(published(boot.handle(at(1), event)), "{what}");
    }
    assert!(!published(boot.handle(at(2), Event::Ready(1))), "nothing new");
}

#[test]
fn a_machine_that_is_told_to_end_does_not_finish_its_boot() {
    let mut boot = machine("o:a o:b s:x");
    let _ = boot.handle(at(0), Event::Begin);
    let _ = boot.handle(at(1), Event::Ready(0));
    let actions = done(boot.handle(at(2), Event::Asked(Ending::PowerOff)));
    assert_eq!(actions, [Action::Kill(0), Action::Terminate(0)]);
    let actions = done(boot.handle(at(3), Event::Ended(0, End::Killed(9))));
    assert_eq!(actions, [Action::Release(0), Action::Off(Ending::PowerOff)], "neither b nor x is started");
    assert_eq!(boot.records()[0].state, Outcome::Stopped);
}

#[test]
fn a_service_that_is_still_being_started_is_told_to_end_when_it_runs() {
    let mut boot = machine("s:x");
    let _ = boot.handle(at(0), Event::Begin);
    assert_eq!(done(boot.handle(at(1), Event::Asked(Ending::PowerOff))), [Action::Terminate(0)]);
    assert_eq!(done(boot.handle(at(2), Event::Ready(0))), [Action::Terminate(0)]);
    assert_eq!(done(boot.handle(at(3), exited(0))), [Action::Off(Ending::PowerOff)]);
}

#[test]
fn a_resting_service_is_not_started_while_the_machine_ends() {
    let mut boot = machine("s:x d:z");
    let _ = boot.handle(at(0), Event::Begin);
    let _ = boot.handle(at(0), Event::Ready(0));
    let _ = boot.handle(at(1), Event::Ended(0, End::Exited(1)));
    assert_eq!(done(boot.handle(at(2), Event::Asked(Ending::Halt))), [Action::Start(1)]);
    assert_eq!(done(boot.handle(at(300), Event::Deadline)), []);
    assert_eq!(done(boot.handle(at(301), exited(1))), [Action::Release(1), Action::Off(Ending::Halt)]);
}

fn met(conditions: &[Condition]) -> Event {
    Event::Met(conditions.iter().copied().collect())
}

#[test]
fn a_service_that_waits_is_started_as_soon_as_all_of_it_is_so() {
    use Action::{Look, ShowTimeLine, Start};
    let mut boot = machine("s:x w:clock n:both");
    assert_eq!(done(boot.handle(at(0), Event::Begin)), [ShowTimeLine, Start(0), Look], "one look is for all");
    assert_eq!(done(boot.handle(at(0), met(&[Condition::Online]))), []);
    assert_eq!(boot.records()[1].state, Outcome::Waiting);
    assert_eq!(boot.deadline(), Some(at(100)));
    assert_eq!(done(boot.handle(at(100), Event::Deadline)), [Look]);
    assert_eq!(done(boot.handle(at(100), met(&[Condition::Clock]))), [Start(1)], "the network went meanwhile");
    assert_eq!(done(boot.handle(at(200), Event::Deadline)), [Look]);
    assert_eq!(done(boot.handle(at(200), met(&Condition::ALL))), [Start(2)]);
    for id in [0, 1, 2] {
        let _ = boot.handle(at(201), Event::Ready(id));
    }
    assert_eq!(boot.deadline(), None, "nobody looks any more");
    let _ = boot.handle(at(300), Event::Ended(1, End::Exited(1)));
    assert_eq!(done(boot.handle(at(550), Event::Deadline)), [Start(1)], "when it is started again it does not wait");
}

#[test]
fn a_service_that_waits_in_vain_is_started_at_its_deadline_and_that_is_said() {
    let mut boot = machine("n:both");
    let _ = boot.handle(at(0), Event::Begin);
    let mut actions = Vec::new();
    while !actions.contains(&Action::Start(0)) {
        let _ = boot.handle(boot.deadline().unwrap(), met(&[Condition::Online]));
        actions = boot.handle(boot.deadline().unwrap(), Event::Deadline);
        assert!(boot.records()[0].started_ms.is_none_or(|ms| ms == 60_000), "{:?}", boot.records());
    }
    assert_eq!(said(&actions), ["warning: service both has waited in vain for: clock"]);
    assert_eq!(done(boot.handle(at(60_001), met(&Condition::ALL))), [], "it is not started twice");
}

#[test]
fn a_machine_that_goes_off_does_not_wait_for_anything() {
    let mut boot = machine("w:x d:z");
    let _ = boot.handle(at(0), Event::Begin);
    assert_eq!(done(boot.handle(at(50), Event::Asked(Ending::PowerOff))), [Action::Start(1)]);
    assert_eq!(done(boot.handle(at(60), met(&Condition::ALL))), []);
    assert_eq!(done(boot.handle(at(70), exited(1))), [Action::Release(1), Action::Off(Ending::PowerOff)]);
}

#[test]
fn a_machine_without_containers_boots_and_ends() {
    let mut boot = machine("");
    assert_eq!(done(boot.handle(at(0), Event::Begin)), [Action::ShowTimeLine]);
    assert_eq!(done(boot.handle(at(1), Event::Asked(Ending::PowerOff))), [Action::Off(Ending::PowerOff)]);
}

/// Longer than all deadlines of the machine below one after the other, with what comes after them.
const LONG: u64 = 10 * 60 * 1000;

fn any_event() -> impl Strategy<Value = Event> {
    let id = 0..7_usize;
    prop_oneof![
        Just(Event::Begin),
        Just(Event::Deadline),
        id.clone().prop_map(Event::Ready),
        id.clone().prop_map(|id| Event::Failed(id, "no".to_owned())),
        (id, any::<u8>()).prop_map(|(id, code)| Event::Ended(id, End::Exited(code))),
        Just(Event::Asked(Ending::Restart)),
        Just(met(&[])),
        Just(met(&Condition::ALL)),
    ]
}

proptest! {
    #[test]
    fn in_any_order_of_events_the_machine_goes_off_once_and_what_runs_once_is_started_once(
        events in prop::collection::vec((0..70_000_u64, any_event()), 0..60)
    ) {
        let mut boot = machine("o:a o:b s:x f:y d:z d:w n:v");
        let mut actions = boot.handle(at(0), Event::Begin);
        let mut now = 0;
        for (pause, event) in events {
            now += pause;
            let more = boot.handle(at(now), event);
            let published = more.iter().filter(|action| **action == Action::Publish).count();
            prop_assert!(published <= 1, "the same twice: {more:?}");
            actions.extend(more);
        }
        let asked = now;
        actions.extend(boot.handle(at(now), Event::Asked(Ending::Restart)));
        // Nothing that was started ever ends, or says that it runs.
        while let Some(deadline) = boot.deadline() {
            let due = (deadline.as_nanos() / 1_000_000).max(now);
            prop_assert!(due < asked + LONG, "{actions:?}");
            let more = boot.handle(at(due), Event::Deadline);
            prop_assert!(due > now || !more.is_empty(), "it would be asked again and again: {actions:?}");
            now = due;
            actions.extend(more);
        }
        let count = |wanted: &Action| actions.iter().filter(|action| *action == wanted).count();
        prop_assert_eq!(count(&Action::Off(Ending::Restart)), 1, "{:?}", actions);
        for id in [0, 1, 4, 5] {
            prop_assert!(count(&Action::Start(id)) <= 1, "{id}: {actions:?}");
            prop_assert!(count(&Action::Release(id)) == count(&Action::Start(id)), "{id}: {actions:?}");
        }
    }
}

/// How long a machine with so many services takes until all run, in milliseconds, where one start is so much work for a processor
/// that all starts share; and how many were under way at most.
fn all_up(services: usize, work: Duration) -> Option<(u64, usize)> {
    const TICK: u32 = 50;
    let words: String = (0..services).map(|n| format!("s:x{n} ")).collect();
    let mut boot = machine(&words);
    let mut left: BTreeMap<Id, Duration> = BTreeMap::new();
    let (mut running, mut most) = (0, 0);
    let mut events = vec![Event::Begin];
    for now in (0_u64..72_000).map(|tick| tick * u64::from(TICK)) {
        while let Some(event) = events.pop() {
            for action in boot.handle(at(now), event) {
                if let Action::Start(id) = action {
                    left.insert(id, work);
                } else if let Action::Kill(id) = action {
                    left.remove(&id);
                    events.push(Event::Ended(id, End::Killed(9)));
                }
            }
        }
        if running == services {
            return Some((now, most));
        }
        most = most.max(left.len());
        let share = Duration::from_millis(TICK.into()) / u32::try_from(left.len().max(1)).unwrap();
        left.retain(|id, left| {
            *left = left.saturating_sub(share);
            if left.is_zero() {
                running += 1;
                events.push(Event::Ready(*id));
            }
            !left.is_zero()
        });
        if boot.deadline().is_some_and(|deadline| deadline <= at(now)) {
            events.push(Event::Deadline);
        }
    }
    None
}

#[test]
fn however_many_services_a_slow_machine_has_all_come_up_at_the_first_try() {
    for (what, services, work) in [
        ("a few", 4, Duration::from_secs(2)),
        ("as many as are started at once", STARTS_AT_ONCE, Duration::from_secs(2)),
        ("hundreds", 500, Duration::from_millis(400)),
        ("hundreds on a machine that is slower still", 500, Duration::from_secs(6)),
    ] {
        let (took, most) = all_up(services, work).expect(what);
        let needed = u64::try_from(work.as_millis()).unwrap() * services as u64;
        assert!(took <= needed + needed / 10, "{what}: {took} ms for {needed} ms of work: some began anew");
        assert_eq!(most, services.min(STARTS_AT_ONCE), "{what}");
    }
}

#[test]
fn what_never_comes_to_run_is_tried_ever_more_rarely_however_long_that_takes() {
    let mut boot = machine("s:x");
    let _ = boot.handle(at(0), Event::Begin);
    let mut now = 0;
    for wait in ["again in 250 ms", "again in 500 ms", "again in 1000 ms"] {
        now += 60_000;
        assert_eq!(done(boot.handle(at(now), Event::Deadline)), [Action::Kill(0)]);
        let actions = boot.handle(at(now), Event::Ended(0, End::Killed(9)));
        assert!(said(&actions).iter().any(|line| line.ends_with(wait)), "{wait}: {actions:?}");
        now += 1000;
        assert_eq!(done(boot.handle(at(now), Event::Deadline)), [Action::Start(0)]);
    }
}

#[test]
fn who_waits_for_a_turn_when_the_machine_ends_is_not_started() {
    let words: String = (0..=STARTS_AT_ONCE).map(|n| format!("s:x{n} ")).collect();
    let mut boot = machine(&words);
    let begun = done(boot.handle(at(0), Event::Begin));
    assert_eq!(begun.iter().filter(|action| matches!(action, Action::Start(_))).count(), STARTS_AT_ONCE);
    let _ = boot.handle(at(1), Event::Asked(Ending::PowerOff));
    let then = done(boot.handle(at(2), Event::Ready(0)));
    assert!(!then.iter().any(|action| matches!(action, Action::Start(_))), "{then:?}");
}
