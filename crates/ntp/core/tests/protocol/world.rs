//! A machine with its clock and its broker, servers, and the network between them, in virtual time.
//!
//! True time is what servers without an error show. The broker is the contract's policy and nothing else.

use core::ops::Range;
use core::time::Duration;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use orlop_machine::{Instant, Machine, Seed};
use orlop_ntp_contract::{
    Account, Asked, BootId, Conduct, Frequency, Handover, Kind, Leap, MAX_PEERS, Notice, Occasion, Offset, PeerId,
    Policy, PollRange, Reading, Refusal, Request, Rules, ServerAddr, SourceConduct, SourceId, Status, Step, Utc,
};
use orlop_ntp_core::client::{Action, Client, Event};
use orlop_wire::Bounded;

use crate::answer::{Answer, nonce};
use crate::crystal::Crystal;
use crate::place::{FLOOR, address, number};
use crate::scene::{Scene, Twist};
use crate::weather::Weather;

/// What became of it.
#[derive(Debug)]
pub(crate) struct World {
    scene: Scene,
    client: Client,
    policy: Policy,
    crystal: Crystal,
    /// Nanoseconds of truth since the beginning, pauses included.
    truth: u64,
    weather: Weather,
    /// To each server and back.
    ways: Vec<[Weather; 2]>,
    sockets: BTreeMap<PeerId, usize>,
    ahead: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    count: u64,
    /// Errors of the clock, one every eight seconds, with the time in seconds.
    pub(crate) errors: Vec<(f64, f64)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) refusals: Vec<(Asked, Refusal)>,
    pub(crate) status: Option<Status>,
    /// The last that the kernel was told: leap second, largest error; `None` when it was told that nobody knows.
    pub(crate) vouched: Option<(Leap, Duration)>,
    /// When each server was asked last, by the boot clock.
    asked: BTreeMap<usize, u64>,
    pub(crate) questions: u32,
    /// How often the hardware clock was read.
    pub(crate) readings: u32,
    pub(crate) rate: Frequency,
    /// Seconds of truth at which the error was below 10 ms for the first time.
    pub(crate) right_at: Option<f64>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Tick,
    Twist(usize),
    Arrives(PeerId, usize, Vec<u8>),
}

const TICK: u64 = 8_000_000_000;

impl World {
    pub(crate) fn new(scene: Scene) -> Self {
        let boot = Instant::from_nanos(1_000_000_000);
        let rules = Rules {
            floor: Utc::from_secs(FLOOR),
            one_shot: scene.occasion == Occasion::OneShot,
            lone_answer_after: scene.lone_answer_after,
        };
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&scene.seed.to_be_bytes());
        let mut world = Self {
            client: Client::new(Seed::from_bytes(seed)),
            policy: Policy::new(boot, BootId::new("b0").unwrap(), rules, past(scene.occasion).as_ref()),
            crystal: Crystal::new(scene.shown, scene.ppm),
            truth: 0,
            weather: Weather::new(scene.seed),
            ways: (0..scene.servers.len())
                .map(|n| [false, true].map(|back| Weather::of_way(scene.seed, n, back)))
                .collect(),
            sockets: BTreeMap::new(),
            ahead: BinaryHeap::new(),
            count: 0,
            errors: Vec::new(),
            steps: Vec::new(),
            refusals: Vec::new(),
            status: None,
            vouched: None,
            asked: BTreeMap::new(),
            questions: 0,
            readings: 0,
            rate: Frequency::ZERO,
            right_at: None,
            scene,
        };
        world.later(TICK, Happening::Tick);
        for (n, (secs, _)) in world.scene.script.clone().into_iter().enumerate() {
            world.later(secs * 1_000_000_000, Happening::Twist(n));
        }
        world.begin(Bounded::new());
        world
    }

    /// The process ends, and the service begins, which is told what was heard, or is not.
    pub(crate) fn serve(&mut self, told: bool) {
        let (now, status) = (self.now(), self.status());
        let samples: Bounded<Handover, MAX_PEERS> =
            status.peers.iter().filter(|_| told).filter_map(Handover::of).collect();
        // When the others were asked last, nobody knows any more.
        self.asked.retain(|server, _| samples.iter().any(|sample| number(sample.server) == *server));
        let account = self.policy.account(now);
        let rules = Rules { floor: Utc::from_secs(FLOOR), one_shot: false, lone_answer_after: None };
        self.policy = Policy::new(now, BootId::new("b0").unwrap(), rules, Some(&account));
        self.client = Client::new(Seed::from_bytes([7; 32]));
        self.sockets.clear();
        (self.status, self.vouched) = (None, None);
        (self.scene.occasion, self.scene.lone_answer_after) = (Occasion::Restart, None);
        self.begin(samples);
    }

    fn begin(&mut self, samples: Bounded<Handover, MAX_PEERS>) {
        let conduct = Conduct {
            floor: Utc::from_secs(FLOOR),
            occasion: self.scene.occasion,
            lone_answer_after: self.scene.lone_answer_after,
            drift: Frequency::ZERO,
        };
        self.tell(Notice::Begin(conduct));
        if !samples.is_empty() {
            self.tell(Notice::Handover { at: self.now(), shown: self.crystal.wall(), samples });
        }
        let count = self.scene.servers.len();
        if let Some(want) = self.scene.pool {
            self.name(0, Kind::Pool { want }, 0..count);
            return;
        }
        for n in 0..count {
            self.name(n, Kind::Server, n..n + 1);
        }
        if self.scene.clock.is_some() {
            self.source(count, Kind::Server, false, PollRange::CLOCK, [ServerAddr::CLOCK].into_iter().collect());
        }
    }

    /// A source, and the servers behind its name.
    fn name(&mut self, number: usize, kind: Kind, servers: Range<usize>) {
        let prefer = self.scene.servers[servers.start].prefer;
        self.source(number, kind, prefer, self.scene.polls, servers.map(address).collect());
    }

    fn source(&mut self, number: usize, kind: Kind, prefer: bool, polls: PollRange, servers: Bounded<ServerAddr, 16>) {
        let source = SourceId::new(u8::try_from(number).unwrap()).unwrap();
        self.policy.learn(source, servers.clone());
        let conduct = SourceConduct { kind, prefer, polls, nts: false };
        self.tell(Notice::Source { source, conduct });
        self.tell(Notice::Addresses { source, servers });
    }

    /// Lets the world go on for so many seconds.
    pub(crate) fn run(&mut self, secs: u64) {
        let end = self.truth + secs * 1_000_000_000;
        loop {
            let next = self.ahead.peek().map_or(end, |Reverse((at, ..))| *at).min(end);
            // Whatever the deadline is, it is at least a nanosecond away: nothing stands still.
            let deadline = self.client.deadline().map(|at| self.truth + self.crystal.until(at.as_nanos()));
            if let Some(deadline) = deadline.filter(|deadline| *deadline <= next) {
                self.pass(deadline);
                self.event(Event::Deadline);
                continue;
            }
            self.pass(next);
            if next == end {
                return;
            }
            if let Some(Reverse((_, _, happening))) = self.ahead.pop() {
                self.happen(happening);
            }
        }
    }

    /// How things stand at this moment, reported or not.
    pub(crate) fn status(&self) -> Status {
        self.client.status(self.now())
    }

    /// What the clock lacks, in seconds.
    pub(crate) fn error(&self) -> f64 {
        self.now_true().since(self.crystal.wall()).nanos() as f64 * 1e-9
    }

    /// Root mean square of the error in seconds, from so many seconds after the beginning on.
    pub(crate) fn rms(&self, from: f64) -> f64 {
        let errors: Vec<f64> = self.errors.iter().filter(|(at, _)| *at >= from).map(|(_, error)| *error).collect();
        (errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64).sqrt()
    }

    /// The largest error in seconds from then on.
    pub(crate) fn worst(&self, from: f64) -> f64 {
        self.errors.iter().filter(|(at, _)| *at >= from).map(|(_, error)| error.abs()).fold(0.0, f64::max)
    }

    fn now_true(&self) -> Utc {
        self.scene.truth.saturating_shifted(Offset::from_nanos(i64::try_from(self.truth).unwrap()))
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.crystal.boot())
    }

    fn pass(&mut self, until: u64) {
        self.crystal.pass(until.saturating_sub(self.truth));
        self.truth = until.max(self.truth);
    }

    fn later(&mut self, after: u64, happening: Happening) {
        self.count += 1;
        self.ahead.push(Reverse((self.truth + after, self.count, happening)));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick => {
                let by = self.weather.normal(self.scene.wander) * (TICK as f64 * 1e-9).sqrt();
                self.crystal.wander(by);
                self.errors.push((self.truth as f64 * 1e-9, self.error()));
                self.later(TICK, Happening::Tick);
            }
            Happening::Arrives(peer, socket, bytes) => {
                if self.sockets.get(&peer) == Some(&socket) {
                    let (now, wall) = (self.now(), self.crystal.wall());
                    let actions = self.client.receive(now, peer, &bytes, wall);
                    self.perform(actions);
                }
            }
            Happening::Twist(n) => match self.scene.script.get(n).map(|(_, twist)| twist.clone()).unwrap() {
                Twist::Paused(secs) => self.truth += secs * 1_000_000_000,
                Twist::Meddled(by) => self.crystal.step(by),
                Twist::LeapSecond => {
                    let back = Offset::from_nanos(-1_000_000_000);
                    self.crystal.step(back);
                    self.scene.truth = self.scene.truth.saturating_shifted(back);
                }
                Twist::Server(n, server) => self.scene.servers[n] = *server,
                Twist::Told(notice) => self.tell(notice),
                Twist::Occasion(occasion) => {
                    let occasion = self.policy.arise(self.now(), occasion);
                    self.tell(Notice::Occasion(occasion));
                }
            },
        }
    }

    fn tell(&mut self, notice: Notice) {
        self.event(Event::Notice(notice));
    }

    fn event(&mut self, event: Event) {
        let actions = self.client.handle(self.now(), event);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            let more = match action {
                Action::Close { peer } => {
                    self.sockets.remove(&peer);
                    Vec::new()
                }
                Action::Send { peer, packet } => {
                    let at = self.crystal.wall();
                    self.send(peer, *packet.first_chunk().unwrap());
                    self.client.handle(self.now(), Event::Sent { peer, at })
                }
                Action::Ask(request) => match self.broker(request) {
                    Some(notice) => self.client.handle(self.now(), Event::Notice(notice)),
                    None => Vec::new(),
                },
            };
            actions.extend(more);
        }
        if self.right_at.is_none() && self.error().abs() < 0.010 {
            self.right_at = Some(self.truth as f64 * 1e-9);
        }
    }

    fn broker(&mut self, request: Request) -> Option<Notice> {
        let what = Asked::of(&request);
        match self.policy.permit(self.now(), self.crystal.wall(), request) {
            Err(why) => {
                self.refusals.push((what, why));
                Some(Notice::Refused { what, why })
            }
            Ok(permitted) => self.apply(permitted.into_request()),
        }
    }

    fn apply(&mut self, request: Request) -> Option<Notice> {
        match request {
            Request::Step(step) => {
                self.crystal.step(step.offset);
                let by = step.offset;
                self.steps.push(step);
                Some(Notice::Stepped { by })
            }
            Request::Frequency { drift, slew } => {
                self.rate = drift.plus(slew).unwrap();
                self.crystal.correct(self.rate);
                None
            }
            Request::Synchronised { est_error: _, max_error, leap } => {
                self.vouched = Some((leap, max_error));
                None
            }
            Request::Unsynchronised => {
                self.vouched = None;
                None
            }
            Request::Connect { peer, source: _, server } if server.is_clock() => {
                Some(Notice::Connected { peer, server })
            }
            Request::Read { peer } => {
                self.readings += 1;
                let (at, shown) = (self.now(), self.crystal.wall());
                let offset = self.now_true().since(shown).plus(self.scene.clock?);
                Some(Notice::Reading { peer, reading: Reading { at, shown, offset, delay: Duration::from_micros(2) } })
            }
            Request::Connect { peer, source: _, server } => {
                self.count += 1;
                self.sockets.insert(peer, usize::try_from(self.count).unwrap() * 16 + number(server));
                Some(Notice::Connected { peer, server })
            }
            Request::Exchange { .. } => panic!("no source is asked with NTS"),
            Request::Report(status) => {
                self.status = Some(status);
                None
            }
        }
    }

    /// A question goes its way, and its answer comes back, if nothing is lost.
    fn send(&mut self, peer: PeerId, packet: [u8; 48]) {
        let Some(socket) = self.sockets.get(&peer).copied() else { panic!("{peer} was asked without a socket") };
        let (boot, number) = (self.crystal.boot(), socket % 16);
        if let Some(before) = self.asked.insert(number, boot) {
            assert!(boot - before >= 2_000_000_000, "server {number} was asked twice within two seconds");
        }
        self.questions += 1;
        let server = self.scene.servers[number].clone();
        let [forth, back] = &mut self.ways[number];
        let [forth, back] =
            [(forth, server.ways.0, server.jitter), (back, server.ways.1, server.jitter * server.jitter_back)]
                .map(|(way, base, jitter)| ((base + way.exponential(jitter)) * 1e9) as u64);
        let lost = (0..2).any(|_| self.weather.even() * 100.0 <= f64::from(server.loss));
        if lost || server.silent {
            return;
        }
        let shows = |after: u64| {
            let after = Offset::from_nanos(i64::try_from(after).unwrap());
            self.now_true().saturating_shifted(after.plus(server.error))
        };
        let (received, sent) = (shows(forth), shows(forth + 20_000));
        let mut answer = Answer::new(nonce(&packet), received, sent);
        answer.root_dispersion = server.root_dispersion;
        answer.flags |= match server.leap {
            Leap::None => 0,
            Leap::Insert => 0x40,
            Leap::Delete => 0x80,
        };
        if let Some(code) = server.kiss {
            (answer.stratum, answer.reference_id) = (0, code);
        }
        if server.twice {
            self.later(forth + 20_000 + back + 3_000_000, Happening::Arrives(peer, socket, answer.bytes()));
        }
        self.later(forth + 20_000 + back, Happening::Arrives(peer, socket, answer.bytes()));
    }
}

/// What an earlier process has left: for a restart, a clock that was set before.
fn past(occasion: Occasion) -> Option<Account> {
    let (at, zero) = (Instant::from_nanos(0), Duration::ZERO);
    let account = Account { boot: BootId::new("b0").unwrap(), at, settled: true, steps: zero, forwards: zero };
    (occasion == Occasion::Restart).then_some(account)
}
