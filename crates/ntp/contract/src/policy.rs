use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use orlop_machine::{Bucket, Instant};
use orlop_wire::Bounded;

use crate::{BootId, Leap, MAX_ADDRESSES, Occasion, PeerId, Request, ServerAddr, SourceId, Step, StepReason, Utc};

mod account;
mod refusal;

pub use account::Account;
pub use refusal::Refusal;

/// Decides what a worker may do to the clock. The broker believes nobody: a worker that an attacker owns can still write any
/// well-typed request, so each is held against what this machine has lived through and against how often it may happen.
///
/// What a lying worker can then still do: what lying servers could, which is to set the clock to anything from the floor to
/// 2106, once for each occasion that the broker itself has seen; to let it go 500 ppm wrong; and to set it
/// forwards, in steps of more than a second, by four days at once and as fast again as time goes by. What it cannot: set it
/// before the floor, or backwards without an occasion, or any of it often, or more of it by dying.
#[derive(Debug)]
pub struct Policy {
    boot: BootId,
    floor: Utc,
    lone_answer_after: Option<Duration>,
    occasion: Option<(Occasion, Instant)>,
    /// Whether somebody vouched for the clock since the machine booted.
    settled: bool,
    steps: Bucket,
    forwards: Bucket,
    frequencies: Bucket,
    bounds: Bucket,
    connects: Bucket,
    reports: Bucket,
    exchanges: Bucket,
    denials: Bucket,
    servers: BTreeMap<SourceId, Bounded<ServerAddr, MAX_ADDRESSES>>,
    peers: BTreeSet<PeerId>,
    /// Those of the peers that are a hardware clock of this machine: only these can be read.
    clocks: BTreeSet<PeerId>,
    reads: Bucket,
    /// Sources for which keys are exchanged.
    secured: BTreeSet<SourceId>,
}

/// A request that the policy allows. Nothing else makes one, and only one of these is ever applied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "permission is asked for in order to use it"]
pub struct Permitted(Request);

impl Permitted {
    /// What is permitted.
    #[must_use]
    pub fn into_request(self) -> Request {
        self.0
    }
}

/// What of the policy the operator and the machine decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// No clock is ever set before this: the time of the build.
    pub floor: Utc,
    /// Whether this is the one-shot run, which may set the clock backwards whatever was before.
    pub one_shot: bool,
    /// How long after an occasion a single answer counts; `None` is never (`strict-majority`).
    pub lone_answer_after: Option<Duration>,
}

impl Policy {
    /// No time from here on is believed: 2106-02-07, when timestamps of 1970 come again. A server that says 1970, or anything
    /// before the floor, seems to speak of the years after this.
    pub const HORIZON: Utc = Utc::from_parts(1 << 32, 0);
    /// At an occasion the clock is set when it is further off than this, and slewed when it is not.
    pub const SMALLEST_STEP: Duration = Duration::from_millis(10);
    /// Without an occasion it is set forwards when it is further behind than this.
    pub const SMALLEST_CATCH_UP: Duration = Duration::from_secs(1);
    /// Steps at once, whatever they are for, and then one each [`Policy::STEP_EVERY`].
    pub const STEP_BURST: u32 = 8;
    /// See [`Policy::STEP_BURST`]. A correct worker makes one for each time that the machine was stopped.
    pub const STEP_EVERY: Duration = Duration::from_secs(600);
    /// How far the clock may be set forwards without an occasion, all steps together: a long weekend in which the machine was
    /// stopped and nobody said so. It comes back as time goes by.
    pub const CATCH_UP: Duration = Duration::from_secs(4 * 86_400);
    /// Changes of the rate at once, and then one each [`Policy::FREQUENCY_EVERY`]: the filter makes one for each answer.
    pub const FREQUENCY_BURST: u32 = 64;
    /// See [`Policy::FREQUENCY_BURST`].
    pub const FREQUENCY_EVERY: Duration = Duration::from_millis(125);
    /// Sockets at once, and then one each [`Policy::CONNECT_EVERY`]: all peers, and all of them again when addresses change.
    pub const CONNECT_BURST: u32 = 64;
    /// See [`Policy::CONNECT_BURST`].
    pub const CONNECT_EVERY: Duration = Duration::from_secs(1);
    /// Readings of the hardware clock at once, and then one each [`Policy::READ_EVERY`].
    pub const READ_BURST: u32 = 16;
    /// See [`Policy::READ_BURST`].
    pub const READ_EVERY: Duration = Duration::from_secs(1);
    /// Reports at once, and then one each [`Policy::REPORT_EVERY`].
    pub const REPORT_BURST: u32 = 64;
    /// See [`Policy::REPORT_BURST`].
    pub const REPORT_EVERY: Duration = Duration::from_millis(250);
    /// Key exchanges at once, and then one each [`Policy::EXCHANGE_EVERY`]: two for each source at a start with a wrong clock.
    pub const EXCHANGE_BURST: u32 = 32;
    /// See [`Policy::EXCHANGE_BURST`]. A correct worker makes one now and then, and after failures fewer and fewer.
    pub const EXCHANGE_EVERY: Duration = Duration::from_secs(5);
    /// The kernel's largest `maxerror` (`NTP_PHASE_LIMIT`); beyond it the clock counts as unsynchronised.
    pub const MAX_ERROR: Duration = Duration::from_secs(16);
    /// How long the operator's `step` is good for.
    pub const OPERATOR_WAITS: Duration = Duration::from_secs(300);
    /// A worker may have vouched for the clock before it heard of the occasion: what comes within this time says nothing.
    pub const ON_THE_WAY: Duration = Duration::from_secs(5);
    /// Denials before the worker counts as owned by somebody else, and one more each [`Policy::DENIAL_EVERY`].
    /// A correct worker gets one now and then, when the world changes between its question and the answer.
    pub const DENIAL_BURST: u32 = 32;
    /// See [`Policy::DENIAL_BURST`].
    pub const DENIAL_EVERY: Duration = Duration::from_secs(10);

    /// The policy of a process that begins `now`. `account` is what an earlier one left, of this boot or of another; without
    /// one, the clock counts as never set.
    #[must_use]
    pub fn new(now: Instant, boot: BootId, rules: Rules, account: Option<&Account>) -> Self {
        let Rules { floor, one_shot, lone_answer_after } = rules;
        let past = account.map(|account| account.as_of(now, &boot)).unwrap_or_default();
        let occasion = match (one_shot, past.settled) {
            (true, _) => Occasion::OneShot,
            (false, true) => Occasion::Restart,
            (false, false) => Occasion::Boot,
        };
        Self {
            boot,
            floor,
            lone_answer_after,
            occasion: Some((occasion, now)),
            settled: past.settled,
            steps: Bucket::new(now, Self::STEP_BURST, Self::STEP_EVERY).spent_before(past.steps),
            forwards: Bucket::new(now, 1, Self::CATCH_UP).spent_before(past.forwards),
            frequencies: Bucket::new(now, Self::FREQUENCY_BURST, Self::FREQUENCY_EVERY),
            bounds: Bucket::new(now, Self::FREQUENCY_BURST, Self::FREQUENCY_EVERY),
            connects: Bucket::new(now, Self::CONNECT_BURST, Self::CONNECT_EVERY),
            reports: Bucket::new(now, Self::REPORT_BURST, Self::REPORT_EVERY),
            exchanges: Bucket::new(now, Self::EXCHANGE_BURST, Self::EXCHANGE_EVERY),
            denials: Bucket::new(now, Self::DENIAL_BURST, Self::DENIAL_EVERY),
            servers: BTreeMap::new(),
            peers: BTreeSet::new(),
            clocks: BTreeSet::new(),
            reads: Bucket::new(now, Self::READ_BURST, Self::READ_EVERY),
            secured: BTreeSet::new(),
        }
    }

    /// What the first majority is good for: the worker is told, and asks for nothing that is refused.
    #[must_use]
    pub fn occasion(&self) -> Option<Occasion> {
        self.occasion.map(|(occasion, _)| occasion)
    }

    /// Something made the time uncertain, as the broker itself has seen, or the operator asks for a step. Returns the occasion
    /// that the worker has to be told: an operator's wish, which does not last, is not put in the place of one that does.
    #[must_use = "the worker is told"]
    pub fn arise(&mut self, now: Instant, occasion: Occasion) -> Occasion {
        let lasting = |pending: &Occasion| pending.allows_backwards() && *pending != Occasion::Operator;
        let pending = self.occasion().filter(lasting).filter(|_| occasion == Occasion::Operator);
        let occasion = pending.unwrap_or(occasion);
        self.occasion = Some((occasion, now));
        occasion
    }

    /// The addresses of a source are these, instead of those of before.
    pub fn learn(&mut self, source: SourceId, servers: Bounded<ServerAddr, MAX_ADDRESSES>) {
        self.servers.insert(source, servers);
    }

    /// The source is asked with NTS: keys may be exchanged for it.
    pub fn secure(&mut self, source: SourceId) {
        self.secured.insert(source);
    }

    /// The source is gone, and with it its addresses.
    pub fn forget(&mut self, source: SourceId) {
        self.secured.remove(&source);
        self.servers.remove(&source);
    }

    /// The worker is gone, and with it its sockets. Whatever it was allowed stays spent.
    pub fn worker_gone(&mut self) {
        self.peers.clear();
        self.clocks.clear();
    }

    /// What a later process has to know, to be written down before a step is made.
    #[must_use]
    pub fn account(&self, now: Instant) -> Account {
        Account {
            boot: self.boot.clone(),
            at: now,
            settled: self.settled,
            steps: self.steps.spent(now),
            forwards: self.forwards.spent(now),
        }
    }

    /// Where to begin: a clock that shows a time before the floor is set to the floor, or to the `last_good` time that an
    /// earlier process wrote down, whichever is later. Never backwards.
    #[must_use]
    pub fn first_step(&self, clock: Utc, last_good: Option<Utc>) -> Option<Permitted> {
        let begin = last_good.filter(|good| self.in_range(*good).is_ok()).unwrap_or(self.floor);
        let step = Step { offset: begin.since(clock), why: StepReason::BelowFloor, agreed: Bounded::new() };
        (clock < self.floor).then_some(Permitted(Request::Step(step)))
    }

    /// Decides one request. `clock` is what the clock shows now.
    ///
    /// # Errors
    /// Why not. The request must then have no effect at all.
    pub fn permit(&mut self, now: Instant, clock: Utc, request: Request) -> Result<Permitted, Refusal> {
        match self.decide(now, clock, &request) {
            Ok(()) => Ok(Permitted(request)),
            Err(refusal) if self.denials.take(now) => Err(refusal),
            Err(_) => Err(Refusal::TooManyDenials),
        }
    }

    fn decide(&mut self, now: Instant, clock: Utc, request: &Request) -> Result<(), Refusal> {
        match request {
            Request::Step(step) => self.step(now, clock, step),
            Request::Frequency { drift, slew } => {
                drift.plus(*slew).ok_or(Refusal::TooFast)?;
                take(&mut self.frequencies, now)
            }
            Request::Synchronised { est_error, max_error, leap } => {
                self.vouch(now, clock, *est_error, *max_error, *leap)
            }
            Request::Unsynchronised => take(&mut self.bounds, now),
            Request::Connect { peer, source, server } => self.connect(now, *peer, *source, *server),
            Request::Exchange { source, at } => {
                if !self.secured.contains(source) {
                    return Err(Refusal::NotSecured);
                }
                at.map_or(Ok(()), |at| self.in_range(at))?;
                take(&mut self.exchanges, now)
            }
            Request::Report(_) => take(&mut self.reports, now),
            Request::Read { peer } if self.clocks.contains(peer) => take(&mut self.reads, now),
            Request::Read { peer: _ } => Err(Refusal::UnknownServer),
        }
    }

    fn step(&mut self, now: Instant, clock: Utc, step: &Step) -> Result<(), Refusal> {
        let Step { offset, why, agreed } = step;
        if agreed.is_empty() || !agreed.iter().all(|peer| self.peers.contains(peer)) {
            return Err(Refusal::NobodyAgreed);
        }
        self.in_range(clock.shifted(*offset).ok_or(Refusal::OutOfRange)?)?;
        let catching_up = match why {
            StepReason::BelowFloor => return Err(Refusal::NoOccasion),
            StepReason::FellBehind => true,
            StepReason::Majority(occasion) => !self.arisen(now, *occasion)?.allows_backwards(),
            StepReason::LoneAnswer(occasion) => {
                let strict = Err(Refusal::NoMajority);
                let after = self.lone_answer_after.map_or(strict, Ok)?;
                let began = self.occasion.map_or(now, |(_, began)| began);
                if now.since(began) < after {
                    return Err(Refusal::NoMajority);
                }
                !self.arisen(now, *occasion)?.allows_backwards()
            }
        };
        if catching_up && offset.is_backwards() {
            return Err(Refusal::Backwards);
        }
        let smallest = if why.occasion().is_some() { Self::SMALLEST_STEP } else { Self::SMALLEST_CATCH_UP };
        if offset.size() <= smallest {
            return Err(Refusal::TooSmall);
        }
        let (mut steps, mut forwards) = (self.steps, self.forwards);
        take(&mut steps, now)?;
        if catching_up && !forwards.spend(now, offset.size()) {
            return Err(Refusal::Budget);
        }
        // What is refused costs nothing of either.
        (self.steps, self.forwards) = (steps, forwards);
        if why.occasion().is_some() {
            self.occasion = None;
        }
        self.settled = true;
        Ok(())
    }

    /// The occasion, if it is the one that the broker knows of, and not too old.
    fn arisen(&self, now: Instant, claimed: Occasion) -> Result<Occasion, Refusal> {
        let (occasion, began) = self.occasion.ok_or(Refusal::NoOccasion)?;
        let over = occasion == Occasion::Operator && now.since(began) > Self::OPERATOR_WAITS;
        if claimed == occasion && !over { Ok(occasion) } else { Err(Refusal::NoOccasion) }
    }

    fn vouch(&mut self, now: Instant, clock: Utc, est: Duration, max: Duration, leap: Leap) -> Result<(), Refusal> {
        if est > max || max > Self::MAX_ERROR {
            return Err(Refusal::OutOfRange);
        }
        self.in_range(clock)?;
        if leap != Leap::None && !clock.is_leap_day() {
            return Err(Refusal::NoLeapDay);
        }
        take(&mut self.bounds, now)?;
        // The occasion was for the majority that has just been found.
        self.occasion = self.occasion.filter(|(_, began)| now.since(*began) < Self::ON_THE_WAY);
        self.settled = true;
        Ok(())
    }

    fn connect(&mut self, now: Instant, peer: PeerId, source: SourceId, server: ServerAddr) -> Result<(), Refusal> {
        if !self.servers.get(&source).is_some_and(|servers| servers.contains(&server)) {
            return Err(Refusal::UnknownServer);
        }
        take(&mut self.connects, now)?;
        self.peers.insert(peer);
        if server.is_clock() {
            self.clocks.insert(peer);
        } else {
            self.clocks.remove(&peer);
        }
        Ok(())
    }

    fn in_range(&self, time: Utc) -> Result<(), Refusal> {
        if time < self.floor {
            return Err(Refusal::BelowFloor);
        }
        if time >= Self::HORIZON { Err(Refusal::OutOfRange) } else { Ok(()) }
    }
}

fn take(bucket: &mut Bucket, now: Instant) -> Result<(), Refusal> {
    if bucket.take(now) { Ok(()) } else { Err(Refusal::TooOften) }
}

#[cfg(test)]
mod tests;
