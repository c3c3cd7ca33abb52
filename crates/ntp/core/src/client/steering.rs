//! How the clock runs: what the filter wishes, slews that are too long for it, and what the kernel is told of the error.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{Frequency, Offset, PeerId, Policy, Request};

use super::stage::Stage;
use super::{Action, Client};
use crate::discipline::{LARGEST, Wishes};
use crate::peer::Peer;
use crate::sample::{self, Sample};

/// A clock that is slewed because it may not be set is given to the filter when this much is left.
const LEFT: Duration = Duration::from_millis(500);

/// How long to wait when the broker refuses to end a slew.
const REFUSED: Duration = Duration::from_secs(10);

/// Time between two assurances that the clock is right, while nothing else changes.
const VOUCH_EVERY: Duration = Duration::from_secs(2);

/// How much longer than its result a slew of 500 ppm takes.
const FASTEST: u128 = 2000;

impl Client {
    /// What the filter has to do because of the time.
    pub(super) fn steer(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.slew_ends.is_some_and(|ends| now >= ends) {
            self.slew_ends = None;
            self.set_rate(now, self.rate.drift, Frequency::ZERO, actions);
        }
        if let Some(wall) = self.wall.at(now) {
            let wishes = self.discipline.advance(now, wall);
            self.fulfil(now, wishes, actions);
        }
    }

    /// Gives the filter a sample that has just come.
    pub(super) fn feed(&mut self, now: Instant, id: PeerId, sample: &Sample, actions: &mut Vec<Action>) {
        let Some(wall) = self.wall.at(now) else { return };
        let wishes = self.discipline.sample(now, wall, id, sample);
        self.fulfil(now, wishes, actions);
        if let (Some(poll), Some(peer)) = (self.discipline.poll(id), self.peers.get_mut(&id)) {
            peer.wants(poll);
        }
    }

    fn fulfil(&mut self, now: Instant, wishes: Wishes, actions: &mut Vec<Action>) {
        let Wishes { rate, error } = wishes;
        self.error = error.or(self.error);
        if let Some((drift, slew)) = rate {
            self.set_rate(now, drift, slew, actions);
        }
    }

    /// Asks for another rate, if it is another one.
    pub(super) fn set_rate(&mut self, now: Instant, drift: Frequency, slew: Frequency, actions: &mut Vec<Action>) {
        if (self.rate.drift, self.rate.slew) != (drift, slew) {
            self.rate.change(now, drift, slew);
            actions.push(Action::Ask(Request::Frequency { drift, slew }));
        }
    }

    /// The broker does not change the rate. The filter believes that it did, so it begins again. A slew that should have ended
    /// is ended a little later.
    pub(super) fn rate_refused(&mut self, now: Instant) {
        self.rate.refused(now);
        self.relearn(now);
        self.slew_ends = (self.rate.slew != Frequency::ZERO).then(|| now.after(REFUSED));
    }

    /// Ends a slew, and gives the filter nothing but the samples that there are.
    pub(super) fn rebuild(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.set_rate(now, self.rate.drift, Frequency::ZERO, actions);
        self.relearn(now);
    }

    /// A filter that knows the samples that there are, as they would look had the clock always been as it is now.
    fn relearn(&mut self, now: Instant) {
        self.discipline.restart(self.rate.drift);
        self.error = None;
        let mut samples: Vec<(PeerId, Sample)> = Vec::new();
        for (id, peer) in &self.peers {
            samples.extend(peer.samples().map(|sample| (*id, *sample)));
        }
        samples.sort_by_key(|(_, sample)| sample.at);
        for (id, stored) in samples {
            let Some(wall) = self.wall.at(stored.at) else { return };
            self.discipline.remember(wall, id, &Sample { offset: self.offset(now, stored.offset), ..stored });
        }
    }

    /// Slews the clock as fast as it may be, where it is too far off for the filter and may not be set.
    pub(super) fn catch_up(&mut self, now: Instant, offset: Offset, actions: &mut Vec<Action>) {
        if offset.size() <= LARGEST {
            return;
        }
        let Stage::Following(following) = &mut self.stage else { return };
        let drift = self.rate.drift;
        let limit = if offset.is_backwards() { Frequency::MIN } else { Frequency::MAX };
        let slew = limit.minus(drift);
        // The crystal's own error is in the drift: what is left of 500 ppm moves the clock.
        let rate = u128::from(slew.scaled().unsigned_abs()).max(1);
        let way = offset.size().saturating_sub(LEFT).as_nanos();
        let full = u128::from(Frequency::MAX.scaled().unsigned_abs());
        let nanos = way.saturating_mul(FASTEST).saturating_mul(full).checked_div(rate).unwrap_or(u128::MAX);
        following.slewing_until = Some(now.after(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))));
        self.set_rate(now, drift, slew, actions);
    }

    /// The clock is right: says so, and how wrong it may be all the same.
    pub(super) fn vouch(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Stage::Following(following) = &self.stage else { return };
        let told = self.vouched_at.is_some_and(|at| now.since(at) < VOUCH_EVERY);
        if told || following.slewing_until.is_some() || following.split {
            return;
        }
        let chosen = || following.chosen.iter().filter_map(|id| self.peers.get(id));
        let error = |peer: &Peer| {
            let sample = peer.latest(Instant::from_nanos(0))?;
            Some(sample.distance(now).saturating_add(self.offset(now, sample.offset).size()))
        };
        let Some(max_error) = chosen().filter_map(error).min() else { return };
        let likely = self.error.or_else(|| chosen().map(|peer| sample::jitter(peer.samples())).min());
        let max_error = max_error.min(Policy::MAX_ERROR);
        let est_error = likely.unwrap_or(max_error).min(max_error);
        let leap = self.leap(now);
        self.vouched_at = Some(now);
        actions.push(Action::Ask(Request::Synchronised { est_error, max_error, leap }));
    }

    /// Nobody vouches for the clock any more.
    pub(super) fn unvouch(&mut self, actions: &mut Vec<Action>) {
        if self.vouched_at.take().is_some() {
            actions.push(Action::Ask(Request::Unsynchronised));
        }
    }
}
