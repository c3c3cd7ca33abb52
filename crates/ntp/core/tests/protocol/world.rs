//! A machine with its clock and its broker, servers, and the network between them, in virtual time.
//!
//! True time is what servers without an error show. The broker is the contract's policy and nothing else.

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use orlop_machine::{Instant, Machine, Seed};
use orlop_ntp_contract::{
    Account, Asked, BootId, Conduct, Frequency, Kind, Leap, Notice, Occasion, Offset, PeerId, Policy, PollRange,
    Refusal, Request, Rules, ServerAddr, SourceConduct, SourceId, Status, Step, Utc,
};
use orlop_ntp_core::client::{Action, Client, Event};

use crate::answer::{Answer, nonce};
use crate::crystal::Crystal;
use crate::weather::Weather;

/// 2026-11-01, the time of the build.
pub(crate) const FLOOR: u64 = 1_793_491_200;
/// When most of these worlds begin: a month later.
pub(crate) const BEGIN: u64 = FLOOR + 30 * 86_400;

/// A server and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// How far its clock is ahead of the truth.
    pub(crate) error: Offset,
    /// Seconds to it and back without any traffic.
    pub(crate) ways: (f64, f64),
    /// What traffic adds to each way, on average.
    pub(crate) jitter: f64,
    /// How many of a hundred packets are lost on each way.
    pub(crate) loss: u8,
    pub(crate) leap: Leap,
    pub(crate) root_dispersion: u32,
    pub(crate) prefer: bool,
    pub(crate) silent: bool,
    /// It answers with this kiss.
    pub(crate) kiss: Option<[u8; 4]>,
}

impl Server {
    /// 20 ms away, as servers on the Internet are.
    pub(crate) fn wan() -> Self {
        Self {
            error: Offset::ZERO,
            ways: (0.020, 0.020),
            jitter: 0.001,
            loss: 0,
            leap: Leap::None,
            root_dispersion: 0x40,
            prefer: false,
            silent: false,
            kiss: None,
        }
    }

    /// In the same building.
    pub(crate) fn lan() -> Self {
        Self { ways: (0.000_1, 0.000_1), jitter: 0.000_02, ..Self::wan() }
    }

    /// A liar.
    pub(crate) fn ahead(self, secs: i64) -> Self {
        Self { error: Offset::from_nanos(secs * 1_000_000_000), ..self }
    }
}

/// How a world begins.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) servers: Vec<Server>,
    /// The truth at the beginning, and what the clock shows instead.
    pub(crate) truth: Utc,
    pub(crate) shown: Utc,
    /// How much too fast the crystal is.
    pub(crate) ppm: f64,
    /// How its rate wanders: standard deviation after a second.
    pub(crate) wander: f64,
    pub(crate) occasion: Occasion,
    pub(crate) lone_answer_after: Option<Duration>,
    pub(crate) polls: PollRange,
    pub(crate) seed: u64,
    /// Strange things, each a number of seconds after the beginning.
    pub(crate) script: Vec<(u64, Twist)>,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Twist {
    /// The machine is stopped for so many seconds, and nobody says so.
    Paused(u64),
    /// Something that the broker has seen, and tells.
    Occasion(Occasion),
    /// Somebody else sets the clock.
    Meddled(Offset),
    /// A server changes.
    Server(usize, Box<Server>),
    /// The broker tells this.
    Told(Notice),
}

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
    asked: BTreeMap<PeerId, u64>,
    pub(crate) questions: u32,
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

impl Scene {
    pub(crate) fn new(servers: Vec<Server>) -> Self {
        let truth = Utc::from_secs(BEGIN);
        Self {
            servers,
            truth,
            shown: truth,
            ppm: 20.0,
            wander: 1e-9,
            occasion: Occasion::Boot,
            lone_answer_after: Some(Duration::from_secs(20)),
            polls: PollRange::USUAL,
            seed: 1,
            script: Vec::new(),
        }
    }

    /// The clock begins with this much too little.
    pub(crate) fn behind(self, offset: Offset) -> Self {
        let shown = self.truth.saturating_shifted(Offset::ZERO.minus(offset));
        Self { shown, ..self }
    }

    /// Lets it run for so many seconds.
    pub(crate) fn run(self, secs: u64) -> World {
        let mut world = World::new(self);
        world.run(secs);
        world
    }
}

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
            rate: Frequency::ZERO,
            right_at: None,
            scene,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.later(TICK, Happening::Tick);
        for (n, (secs, _)) in self.scene.script.clone().into_iter().enumerate() {
            self.later(secs * 1_000_000_000, Happening::Twist(n));
        }
        let conduct = Conduct {
            floor: Utc::from_secs(FLOOR),
            occasion: self.scene.occasion,
            lone_answer_after: self.scene.lone_answer_after,
            drift: Frequency::ZERO,
        };
        self.tell(Notice::Begin(conduct));
        for (n, server) in self.scene.servers.clone().into_iter().enumerate() {
            let source = SourceId::new(u8::try_from(n).unwrap()).unwrap();
            let servers = [address(n)].into_iter().collect::<orlop_wire::Bounded<_, 16>>();
            self.policy.learn(source, servers.clone());
            let conduct = SourceConduct { kind: Kind::Server, prefer: server.prefer, polls: self.scene.polls };
            self.tell(Notice::Source { source, conduct });
            self.tell(Notice::Addresses { source, servers });
        }
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
                    self.send(peer, packet);
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
        let what = match &request {
            Request::Step(_) => Asked::Step,
            Request::Frequency { .. } => Asked::Frequency,
            Request::Synchronised { .. } | Request::Unsynchronised => Asked::Synchronised,
            Request::Connect { peer, .. } => Asked::Connect(*peer),
            Request::Report(_) => Asked::Report,
        };
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
            Request::Connect { peer, source, server } => {
                assert_eq!(server, address(usize::from(u8::from(source))));
                self.count += 1;
                self.sockets.insert(peer, usize::try_from(self.count).unwrap() * 16 + usize::from(u8::from(source)));
                Some(Notice::Connected { peer, server })
            }
            Request::Report(status) => {
                self.status = Some(status);
                None
            }
        }
    }

    /// A question goes its way, and its answer comes back, if nothing is lost.
    fn send(&mut self, peer: PeerId, packet: [u8; 48]) {
        let boot = self.crystal.boot();
        if let Some(before) = self.asked.insert(peer, boot) {
            assert!(boot - before >= 2_000_000_000, "{peer} was asked twice within two seconds");
        }
        self.questions += 1;
        let Some(socket) = self.sockets.get(&peer).copied() else { panic!("{peer} was asked without a socket") };
        let server = self.scene.servers[socket % 16].clone();
        let mut way = |base: f64| ((base + self.weather.exponential(server.jitter)) * 1e9) as u64;
        let (forth, back) = (way(server.ways.0), way(server.ways.1));
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
        self.later(forth + 20_000 + back, Happening::Arrives(peer, socket, answer.bytes()));
    }
}

/// What an earlier process has left: for a restart, a clock that was set before.
fn past(occasion: Occasion) -> Option<Account> {
    let (at, zero) = (Instant::from_nanos(0), Duration::ZERO);
    let account = Account { boot: BootId::new("b0").unwrap(), at, settled: true, steps: zero, forwards: zero };
    (occasion == Occasion::Restart).then_some(account)
}

/// Where the server of this number is.
pub(crate) fn address(n: usize) -> ServerAddr {
    ServerAddr::new([192, 0, 2, u8::try_from(n + 1).unwrap()].into(), 123).unwrap()
}
