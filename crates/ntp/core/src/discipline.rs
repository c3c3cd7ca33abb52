//! The filter that turns measurements into a rate: ntp-proto's Kalman filter, and the only module that knows ntp-proto.
//!
//! What is kept away from it, and why:
//!
//! - It never steps: `step_threshold` is infinite and the panic thresholds are empty, so its `exit(70)` cannot be reached.
//! - It calls an error of its clock a bug and panics. Ours never fails: it writes down what the filter wishes, and the client
//!   asks the broker afterwards.
//! - Its conversion to seconds is wrong by 2.3e-10, so it sees offsets of a second at most.
//! - It ignores what is not later than what it knows. Every sample gets the time at which it is handed over, a little later
//!   than the last one at least.
//! - Of a source with fewer than eight samples it knows no rate, but takes one into account all the same when there are
//!   several of them: the rate jumps from one end to the other. A source counts from its eighth sample on.
//! - Round trips that are all the same make its noise zero, and zero variances become NaN, on which its selection panics. A
//!   server that shows round trips below nothing makes them the same. Each round trip gets a few hundred nanoseconds more or
//!   less, which is below what it can measure.
//!
//! Its sources are in a `HashMap` with random keys, in the order of which it adds floating-point numbers: the last bits of a
//! rate may differ from run to run.

use core::convert::Infallible;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ntp_proto::{
    AlgorithmConfig, KalmanClockController, KalmanControllerMessage, Measurement, NtpClock, NtpDuration, NtpInstant,
    NtpLeapIndicator, NtpTimestamp, PollInterval, PollIntervalLimits, SourceConfig, SourceController, StateUpdate,
    StepThreshold, SynchronizationConfig, TimeSyncController, TwoWayKalmanSourceController,
};
use orlop_machine::Instant;
use orlop_ntp_contract::{Frequency, Offset, PeerId, Poll, PollRange, Timestamp, Utc};

use crate::sample::Sample;

/// Largest offset that the filter sees.
pub(crate) const LARGEST: Duration = Duration::from_secs(1);

/// Part of the rate that a slew may take; with the drift it is [`AlgorithmConfig::maximum_frequency_steer`] at most, which is
/// 495 ppm. A tenth of a second takes eight minutes. While a clock lags, the filter slews all the time, and can give a drift no
/// more than is left: with 400 ppm here, a crystal that is 200 ppm off was never corrected; like this, one of 290 ppm is.
const SLEW: f64 = 200e-6;

/// How much a crystal's rate wanders, to begin with; the filter finds out, but slowly. A third of ntp-proto's own: crystals of
/// machines are that good, and the error on the Internet becomes a fifth less, also with one that is three times worse.
const WANDER: f64 = 3e-9;

/// Sources less certain than this are left out. Who may be believed has been decided before: this is beyond all of that.
const UNCERTAIN: f64 = 4.0;

/// Samples from which on the filter knows what it is talking about.
const KNOWN: u32 = 8;

/// Round trips that differ by this much each time are never all the same.
const DITHER: Duration = Duration::from_nanos(100);

/// Shortest round trip; the filter takes shorter ones for 2^-18 s, which is 3.8 µs.
const SHORTEST: Duration = Duration::from_micros(4);

/// The filter.
pub(crate) struct Discipline {
    clock: Recorder,
    controller: KalmanClockController<Recorder, PeerId>,
    sources: BTreeMap<PeerId, Source>,
    /// The filter's own monotonic clock is read once; from there on it goes by ours.
    zero: NtpInstant,
    /// The rate without a slew.
    drift: Frequency,
    /// When the slew that is going on has done its work.
    slew_until: Option<Instant>,
    /// The time of the last sample.
    last: Option<Instant>,
}

struct Source {
    polls: PollRange,
    usable: bool,
    samples: u32,
    controller: TwoWayKalmanSourceController<PeerId>,
}

/// What the filter would like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wishes {
    /// Drift and slew.
    pub(crate) rate: Option<(Frequency, Frequency)>,
    /// How certain it is: the likely error of the clock.
    pub(crate) error: Option<Duration>,
}

impl core::fmt::Debug for Discipline {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { drift, slew_until, last, .. } = self;
        write!(f, "Discipline {{ drift: {drift}, slew_until: {slew_until:?}, last: {last:?} }}")
    }
}

impl Discipline {
    /// A filter that knows nothing but the drift with which the clock runs.
    pub(crate) fn new(drift: Frequency) -> Self {
        let clock = Recorder::new(drift);
        Self {
            controller: controller(&clock),
            clock,
            sources: BTreeMap::new(),
            zero: NtpInstant::now(),
            drift,
            slew_until: None,
            last: None,
        }
    }

    /// Forgets everything but its sources. The clock runs at `drift`, without a slew, from now on.
    pub(crate) fn restart(&mut self, drift: Frequency) {
        let clock = Recorder::new(drift);
        let mut fresh = Self {
            controller: controller(&clock),
            clock,
            sources: BTreeMap::new(),
            zero: self.zero,
            drift,
            slew_until: None,
            last: None,
        };
        for (peer, source) in core::mem::take(&mut self.sources) {
            fresh.add(peer, source.polls);
            fresh.usable(peer, source.usable);
        }
        *self = fresh;
    }

    /// From now on there is this source; nothing is believed of it before [`Discipline::usable`].
    pub(crate) fn add(&mut self, peer: PeerId, polls: PollRange) {
        let interval = |poll: Poll| PollInterval::from_byte(poll.exponent());
        let limits = PollIntervalLimits { min: interval(polls.min()), max: interval(polls.max()) };
        let config = SourceConfig { poll_interval_limits: limits, initial_poll_interval: limits.min };
        let controller = self.controller.add_source(peer, config);
        self.sources.insert(peer, Source { polls, usable: false, samples: 0, controller });
    }

    /// It is gone.
    pub(crate) fn remove(&mut self, peer: PeerId) {
        self.sources.remove(&peer);
        self.controller.remove_source(peer);
    }

    /// Whether the clock follows it.
    pub(crate) fn usable(&mut self, peer: PeerId, usable: bool) {
        if let Some(source) = self.sources.get_mut(&peer) {
            source.usable = usable;
            self.controller.source_update(peer, usable && source.samples >= KNOWN);
        }
    }

    /// How often it should be asked.
    pub(crate) fn poll(&self, peer: PeerId) -> Option<Poll> {
        Poll::new(self.sources.get(&peer)?.controller.desired_poll_interval().as_byte())
    }

    /// What the clock lacks according to it, without the noise of a single measurement.
    pub(crate) fn offset(&self, peer: PeerId) -> Option<Offset> {
        let source = self.sources.get(&peer).filter(|source| source.samples > 0)?;
        let (secs, nanos) = source.controller.observe().offset.as_seconds_nanos();
        Some(Offset::saturating(i128::from(secs).saturating_mul(1_000_000_000).saturating_add(i128::from(nanos))))
    }

    /// A sample of before the filter began, of this source and later than all before: it is known from now on, but nothing is
    /// wished about the past.
    pub(crate) fn remember(&mut self, wall: Utc, peer: PeerId, sample: &Sample) {
        let usable: Vec<PeerId> = self.sources.iter().filter(|(_, source)| source.usable).map(|(id, _)| *id).collect();
        for peer in &usable {
            self.usable(*peer, false);
        }
        let wishes = self.sample(sample.at, wall, peer, sample);
        debug_assert_eq!(wishes, Wishes::default(), "nobody is believed");
        for peer in usable {
            self.usable(peer, true);
        }
    }

    /// A sample of this source, at a moment that is later than all before. `wall` is what the clock shows at that moment.
    pub(crate) fn sample(&mut self, at: Instant, wall: Utc, peer: PeerId, sample: &Sample) -> Wishes {
        if sample.offset.size() > LARGEST || self.last.is_some_and(|last| at <= last) {
            return Wishes::default();
        }
        let Some(source) = self.sources.get_mut(&peer) else { return Wishes::default() };
        self.last = Some(at);
        self.clock.set_now(timestamp(wall));
        source.samples = source.samples.saturating_add(1);
        let dither = DITHER.saturating_mul(source.samples % 8);
        let measurement = Measurement {
            delay: NtpDuration::from_system_duration(sample.delay.max(SHORTEST).saturating_add(dither)),
            offset: duration(sample.offset),
            localtime: timestamp(wall),
            monotime: monotonic(self.zero, at),
            stratum: sample.stratum,
            root_delay: NtpDuration::from_system_duration(sample.root_delay),
            root_dispersion: NtpDuration::from_system_duration(sample.root_dispersion),
            // Who is synchronised, and what a majority says of the end of the day, is decided elsewhere.
            leap: NtpLeapIndicator::NoWarning,
            precision: 0,
        };
        self.controller.source_update(peer, source.usable && source.samples >= KNOWN);
        let Some(message) = source.controller.handle_measurement(measurement) else { return Wishes::default() };
        let update = self.controller.source_message(peer, message);
        self.take(at, update)
    }

    /// Time has passed: a slew may be over. `wall` is what the clock shows now.
    pub(crate) fn advance(&mut self, now: Instant, wall: Utc) -> Wishes {
        if self.slew_until.is_none_or(|until| now < until) {
            return Wishes::default();
        }
        self.slew_until = None;
        self.clock.set_now(timestamp(wall));
        let update = self.controller.time_update();
        self.take(now, update)
    }

    /// When a slew is over.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.slew_until
    }

    fn take(&mut self, now: Instant, update: StateUpdate<PeerId, KalmanControllerMessage>) -> Wishes {
        let StateUpdate { source_message, time_snapshot: _, used_sources: _, next_update } = update;
        if let Some(message) = source_message {
            for source in self.sources.values_mut() {
                source.controller.handle_message(message.clone());
            }
        }
        if let Some(wait) = next_update {
            self.slew_until = Some(now.after(wait));
        }
        let Recorded { wish, error, .. } = self.clock.taken();
        // Which part of a new rate is a slew, the filter does not say. It begins one without changing its mind much about the
        // drift, and when it ends, the drift is what is left.
        let rate = wish.map(|rate| {
            if self.slew_until.is_some() {
                return (self.drift, rate.minus(self.drift));
            }
            self.drift = rate;
            (rate, Frequency::ZERO)
        });
        Wishes { rate, error }
    }
}

fn controller(clock: &Recorder) -> KalmanClockController<Recorder, PeerId> {
    let nothing = StepThreshold { forward: None, backward: None };
    let synchronization = SynchronizationConfig {
        minimum_agreeing_sources: 1,
        single_step_panic_threshold: nothing,
        startup_step_panic_threshold: nothing,
        accumulated_step_panic_threshold: None,
        ..SynchronizationConfig::default()
    };
    let algorithm = AlgorithmConfig {
        step_threshold: f64::INFINITY,
        slew_maximum_frequency_offset: SLEW,
        maximum_source_uncertainty: UNCERTAIN,
        // A server's own dispersion decides whether it is believed, and is no noise of its answers: taken as such, it would
        // leave offsets of several milliseconds as they are.
        ignore_server_dispersion: true,
        initial_wander: WANDER,
        ..AlgorithmConfig::default()
    };
    match KalmanClockController::new(clock.clone(), synchronization, algorithm) {
        Ok(controller) => controller,
        Err(never) => match never {},
    }
}

fn timestamp(utc: Utc) -> NtpTimestamp {
    let secs = u32::try_from(Timestamp::of(utc).bits() >> 32).unwrap_or(0);
    NtpTimestamp::from_seconds_nanos_since_ntp_era(secs, utc.subsec_nanos())
}

#[expect(clippy::arithmetic_side_effects, reason = "a second at most, away from the ends of the range")]
fn duration(offset: Offset) -> NtpDuration {
    let size = NtpDuration::from_system_duration(offset.size().min(LARGEST));
    if offset.is_backwards() { -size } else { size }
}

/// 100 years of uptime at most, so that the standard library's clock does not overflow.
#[expect(clippy::arithmetic_side_effects, reason = "bounded in this very line")]
fn monotonic(zero: NtpInstant, at: Instant) -> NtpInstant {
    zero + Duration::from_nanos(at.as_nanos()).min(Duration::from_secs(36_525 * 86_400))
}

/// The filter's clock: it writes down what it is told.
#[derive(Debug, Clone)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Debug, Clone, Copy)]
struct Recorded {
    now: NtpTimestamp,
    frequency: f64,
    wish: Option<Frequency>,
    error: Option<Duration>,
}

impl Recorder {
    fn new(drift: Frequency) -> Self {
        let frequency = f64::from(drift.scaled()) / SCALE;
        Self(Arc::new(Mutex::new(Recorded { now: NtpTimestamp::default(), frequency, wish: None, error: None })))
    }

    fn with<T>(&self, what: impl FnOnce(&mut Recorded) -> T) -> T {
        // Nobody else holds it: the lock is there because the filter wants a clock that could be sent to a thread.
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_now(&self, now: NtpTimestamp) {
        self.with(|recorded| recorded.now = now);
    }

    fn taken(&self) -> Recorded {
        self.with(|recorded| {
            let taken = *recorded;
            (recorded.wish, recorded.error) = (None, None);
            taken
        })
    }
}

/// Units of [`Frequency`] in one second per second.
const SCALE: f64 = 65_536e6;

#[expect(clippy::cast_possible_truncation, reason = "what is no number becomes 0, and what is too large the largest")]
fn frequency(rate: f64) -> Frequency {
    Frequency::saturating((rate * SCALE).round() as i64)
}

impl NtpClock for Recorder {
    type Error = Infallible;

    fn now(&self) -> Result<NtpTimestamp, Infallible> {
        Ok(self.with(|recorded| recorded.now))
    }

    fn set_frequency(&self, rate: f64) -> Result<NtpTimestamp, Infallible> {
        Ok(self.with(|recorded| {
            (recorded.frequency, recorded.wish) = (rate, Some(frequency(rate)));
            recorded.now
        }))
    }

    fn get_frequency(&self) -> Result<f64, Infallible> {
        Ok(self.with(|recorded| recorded.frequency))
    }

    /// Never called: the threshold for a step is infinite.
    fn step_clock(&self, _: NtpDuration) -> Result<NtpTimestamp, Infallible> {
        self.now()
    }

    /// The broker has done it.
    fn disable_ntp_algorithm(&self) -> Result<(), Infallible> {
        Ok(())
    }

    fn error_estimate_update(&self, likely: NtpDuration, _: NtpDuration) -> Result<(), Infallible> {
        let (secs, nanos) = likely.as_seconds_nanos();
        let error = u64::try_from(secs).ok().map(|secs| Duration::new(secs, nanos));
        self.with(|recorded| recorded.error = error);
        Ok(())
    }

    /// A majority of ours decides about leap seconds.
    fn status_update(&self, _: NtpLeapIndicator) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
