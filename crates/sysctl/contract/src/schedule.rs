use core::time::Duration;

use orlop_machine::Instant;

/// Between two looks, whatever happens: who makes interfaces in a loop must not keep us busy.
pub const LEAST_APART: Duration = Duration::from_secs(1);

/// After a module was said to be loaded, which is before it starts and makes its settings: soon, and twice more for one that
/// takes its time.
pub const AFTER_A_MODULE: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// When a service looks again whether everything is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    every: Duration,
    /// When it looked last.
    looked: Instant,
    /// What happened since then wants a look at this time.
    soon: Option<Instant>,
    /// The later looks after a module.
    later: [Option<Instant>; 2],
}

impl Schedule {
    /// Looks every `every`, having looked just `now`.
    #[must_use]
    pub const fn new(now: Instant, every: Duration) -> Self {
        Self { every, looked: now, soon: None, later: [None; 2] }
    }

    /// An interface has come or gone, with all of its settings.
    pub fn interface_changed(&mut self, now: Instant) {
        self.look_at(now);
    }

    /// A module was loaded or unloaded.
    pub fn module_changed(&mut self, now: Instant) {
        let [soon, second, third] = AFTER_A_MODULE;
        self.look_at(now.after(soon));
        self.later = [Some(now.after(second)), Some(now.after(third))];
    }

    /// When to look next.
    #[must_use]
    pub fn next(&self) -> Instant {
        let wanted = self.soon.into_iter().chain(self.later.into_iter().flatten()).min();
        let regular = self.looked.after(self.every);
        wanted.map_or(regular, |wanted| wanted.max(self.looked.after(LEAST_APART)).min(regular))
    }

    /// It has looked.
    pub fn looked(&mut self, now: Instant) {
        self.looked = now;
        for wanted in self.later.iter_mut().chain([&mut self.soon]) {
            *wanted = wanted.filter(|wanted| *wanted > now);
        }
    }

    /// What wants a look already keeps its time.
    fn look_at(&mut self, at: Instant) {
        self.soon = Some(self.soon.map_or(at, |soon| soon.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(0).after(Duration::from_millis(millis))
    }

    const EVERY: Duration = Duration::from_secs(60);

    /// When it looks, up to a time, if nothing else happens.
    fn looks(schedule: &mut Schedule, until: Instant) -> Vec<u64> {
        let mut looks = Vec::new();
        while schedule.next() <= until {
            let now = schedule.next();
            looks.push(now.as_nanos() / 1_000_000);
            schedule.looked(now);
        }
        looks
    }

    #[test]
    fn it_looks_at_its_interval_and_when_something_happens() {
        for (what, happens, want) in [
            ("nothing", (|_, _| {}) as fn(&mut Schedule, Instant), vec![60_000, 120_000]),
            ("an interface", |schedule, now| schedule.interface_changed(now), vec![10_000, 70_000]),
            ("a module", |schedule, now| schedule.module_changed(now), vec![10_200, 11_200, 15_000, 75_000]),
            (
                "both",
                |schedule, now| {
                    schedule.module_changed(now);
                    schedule.interface_changed(now);
                },
                vec![10_000, 11_000, 15_000, 75_000],
            ),
        ] {
            let mut schedule = Schedule::new(at(0), EVERY);
            happens(&mut schedule, at(10_000));
            assert_eq!(looks(&mut schedule, at(125_000)), want, "{what}");
        }
    }

    #[test]
    fn a_storm_makes_it_look_once_a_second_and_hides_nothing() {
        for storm in [Schedule::interface_changed as fn(&mut Schedule, Instant), Schedule::module_changed] {
            let (mut schedule, mut looks) = (Schedule::new(at(0), EVERY), Vec::new());
            for millis in (0..10_000).step_by(10) {
                storm(&mut schedule, at(millis));
                if schedule.next() <= at(millis) {
                    looks.push(millis);
                    schedule.looked(at(millis));
                }
            }
            assert_eq!(looks, (1..10).map(|second| second * 1000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_happens_right_after_a_look_waits_a_second_and_never_longer_than_the_interval() {
        let mut schedule = Schedule::new(at(0), EVERY);
        schedule.interface_changed(at(5));
        assert_eq!(schedule.next(), at(1000));
        let mut schedule = Schedule::new(at(0), Duration::from_millis(300));
        schedule.interface_changed(at(5));
        assert_eq!(schedule.next(), at(300));
    }
}
