//! The machine under a script of bytes: any answers, notices and meddling, in any order, with its promises checked at each
//! step. The broker is the contract's policy.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use orlop_machine::{Instant, Machine, Seed};
use orlop_ntp_contract::{
    Asked, BootId, Conduct, Frequency, Kind, Notice, Occasion, Offset, PeerId, Policy, Poll, PollRange, Refusal,
    Request, Rules, ServerAddr, SourceConduct, SourceId, Utc,
};
use orlop_ntp_core::client::{Action, Client, Event};
use orlop_wire::{Bounded, decode, encode, max_size};

use crate::answer::{Answer, nonce};
use crate::place::{BEGIN, FLOOR, address};

/// Steps per script: enough for a few ballots, and a bound on the time of one run.
const MAX_STEPS: usize = 300;

/// What the clock shows at the beginning, one of these.
const BEGINNINGS: [u64; 6] = [BEGIN, 0, FLOOR, 2_085_978_490, 2_147_483_640, 4_070_908_800];

/// How far a server's clock is ahead of the truth, in seconds, one of these.
const ERRORS: [i64; 8] = [0, 0, 0, 1, -5, 3600, -3600, 1 << 30];

/// Plays a script; panics when the machine breaks a promise. Returns how often the clock was set.
pub(crate) fn play(script: &[u8]) -> u32 {
    let mut bytes = script.iter().copied();
    let mut next = || bytes.next();
    let Some(start) = next() else { return 0 };
    let mut stage = Stage::new(start);
    for _ in 0..MAX_STEPS {
        let (Some(what), Some(with)) = (next(), next()) else { break };
        match what % 16 {
            0 | 1 => stage.wait_for_deadline(),
            2 => stage.wait(Duration::from_millis(u64::from(with) * 10)),
            3 => stage.wait(Duration::from_secs(1 << (with % 21))),
            4..=8 => stage.answer(with % 16, with >> 4, None),
            9 => {
                let (Some(place), Some(byte)) = (next(), next()) else { break };
                stage.answer(with % 16, with >> 4, Some((usize::from(place), byte)));
            }
            10 => stage.source(with),
            11 => stage.arise(with),
            12 => stage.tell(if with % 2 == 0 { Notice::Offline } else { Notice::Online }),
            13 => stage.wall = stage.wall.saturating_shifted(Offset::from_nanos((i64::from(with) - 128) * 100_000_000)),
            14 => stage.event(Event::NotSent { peer: PeerId::new(with % 16).unwrap() }),
            _ => stage.refuses = !stage.refuses,
        }
    }
    stage.steps
}

struct Stage {
    client: Client,
    policy: Policy,
    now: Instant,
    truth: Utc,
    wall: Utc,
    /// Sockets, each with the random bits of the last question and the moment of it.
    sockets: BTreeMap<PeerId, Option<(u64, Instant)>>,
    asked: BTreeMap<ServerAddr, Instant>,
    servers: BTreeMap<PeerId, ServerAddr>,
    /// The kernel refuses everything.
    refuses: bool,
    steps: u32,
    queue: VecDeque<Action>,
    is_busy: bool,
}

impl Stage {
    /// The bits of `start`: three for the clock, then strict majority, a pool, one-shot.
    fn new(start: u8) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let truth = Utc::from_secs(BEGIN);
        let one_shot = start & 32 != 0;
        let lone_answer_after = (start & 8 == 0).then_some(Duration::from_secs(20));
        let rules = Rules { floor: Utc::from_secs(FLOOR), one_shot, lone_answer_after };
        let mut stage = Self {
            client: Client::new(Seed::from_bytes([start; 32])),
            policy: Policy::new(now, BootId::new("b0").unwrap(), rules, None),
            now,
            truth,
            wall: Utc::from_secs(BEGINNINGS[usize::from(start) % 8 % 6]),
            sockets: BTreeMap::new(),
            asked: BTreeMap::new(),
            servers: BTreeMap::new(),
            refuses: false,
            steps: 0,
            queue: VecDeque::new(),
            is_busy: false,
        };
        let occasion = stage.policy.occasion().unwrap();
        let conduct = Conduct { floor: rules.floor, occasion, lone_answer_after, drift: Frequency::ZERO };
        stage.tell(Notice::Begin(conduct));
        if start & 16 != 0 {
            stage.listed(0, Kind::Pool { want: 4 }, &[0, 1, 2, 3, 4, 5]);
        } else {
            for n in 0..3 {
                stage.listed(n, Kind::Server, &[n]);
            }
        }
        stage
    }

    fn listed(&mut self, number: u8, kind: Kind, addresses: &[u8]) {
        let source = SourceId::new(number).unwrap();
        let servers: Bounded<ServerAddr, 16> = addresses.iter().map(|n| address(usize::from(*n))).collect();
        self.policy.learn(source, servers.clone());
        let polls = PollRange::new(Poll::MIN, Poll::new(7).unwrap()).unwrap();
        self.tell(Notice::Source { source, conduct: SourceConduct { kind, prefer: number == 2, polls, nts: false } });
        self.tell(Notice::Addresses { source, servers });
    }

    /// A source comes, changes or goes.
    fn source(&mut self, with: u8) {
        let number = with % 4;
        match with >> 4 {
            0..=3 => {
                let source = SourceId::new(number).unwrap();
                self.policy.forget(source);
                self.tell(Notice::SourceGone { source });
            }
            4..=7 => self.listed(number, Kind::Pool { want: with >> 2 & 7 }, &[number, number + 1, 7, 8, 9]),
            _ => self.listed(number, Kind::Server, &[number + (with >> 4), number]),
        }
    }

    fn arise(&mut self, with: u8) {
        let seen = [Occasion::Suspend, Occasion::Restore, Occasion::Operator, Occasion::Restore];
        let occasion = self.policy.arise(self.now, seen[usize::from(with % 4)]);
        self.tell(Notice::Occasion(occasion));
    }

    fn wait(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        self.truth = self.truth.saturating_shifted(Offset::from_span(wait));
        self.wall = self.wall.saturating_shifted(Offset::from_span(wait));
        if self.client.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.event(Event::Deadline);
        }
    }

    fn wait_for_deadline(&mut self) {
        let Some(deadline) = self.client.deadline() else { return };
        self.wait(deadline.since(self.now).min(Duration::from_secs(1 << 20)));
        for _ in 0..4 {
            if self.client.deadline().is_none_or(|deadline| deadline > self.now) {
                return;
            }
            self.event(Event::Deadline);
        }
        panic!("a deadline that is always over: {:?} {:?}", self.now, self.client);
    }

    /// A server answers the last question, 10 ms later; `spoilt` is a byte that is another one.
    fn answer(&mut self, peer: u8, error: u8, spoilt: Option<(usize, u8)>) {
        let peer = PeerId::new(peer).unwrap();
        let Some(Some((question, asked))) = self.sockets.get(&peer).copied() else { return };
        self.wait(Duration::from_millis(10));
        let ago = Offset::from_span(self.now.since(asked) / 2);
        let shows = self
            .truth
            .saturating_shifted(Offset::from_nanos(ERRORS[usize::from(error % 8)] * 1_000_000_000).minus(ago));
        let mut bytes = Answer::new(question, shows, shows).bytes();
        if let Some((place, byte)) = spoilt {
            bytes.resize(bytes.len().max(place / 2), byte);
            if let Some(spoilt) = bytes.get_mut(place % 48) {
                *spoilt = byte;
            }
        }
        let actions = self.client.receive(self.now, peer, &bytes, self.wall);
        self.perform(actions);
    }

    fn tell(&mut self, notice: Notice) {
        let mut buffer = vec![0; max_size::<Notice>()];
        assert_eq!(decode::<Notice>(encode(&notice, &mut buffer).unwrap()).as_ref(), Ok(&notice));
        self.event(Event::Notice(notice));
    }

    fn event(&mut self, event: Event) {
        let actions = self.client.handle(self.now, event);
        self.perform(actions);
    }

    /// What comes of an action is done after the actions that came before it.
    fn perform(&mut self, actions: Vec<Action>) {
        self.queue.extend(actions);
        if self.is_busy {
            return;
        }
        self.is_busy = true;
        while let Some(action) = self.queue.pop_front() {
            match action {
                Action::Close { peer } => {
                    self.sockets.remove(&peer);
                }
                Action::Send { peer, packet } => self.send(peer, &packet),
                Action::Ask(request) => self.ask(request),
            }
        }
        self.is_busy = false;
    }

    fn send(&mut self, peer: PeerId, packet: &[u8]) {
        let server = self.servers[&peer];
        if let Some(before) = self.asked.insert(server, self.now) {
            assert!(self.now.since(before) >= Duration::from_secs(2), "{server} was asked twice within two seconds");
        }
        let socket = self.sockets.get_mut(&peer).expect("who is asked has a socket");
        *socket = Some((nonce(packet.first_chunk().unwrap()), self.now));
        self.event(Event::Sent { peer, at: self.wall });
    }

    fn ask(&mut self, request: Request) {
        let mut buffer = vec![0; max_size::<Request>()];
        assert_eq!(decode::<Request>(encode(&request, &mut buffer).unwrap()).as_ref(), Ok(&request));
        let what = Asked::of(&request);
        match self.policy.permit(self.now, self.wall, request) {
            Ok(_) if self.refuses => self.tell(Notice::Refused { what, why: Refusal::Kernel { errno: 1 } }),
            Ok(permitted) => self.apply(permitted.into_request()),
            Err(why) => {
                // An honest worker asks too often when a script is in a hurry, for too much when the world is strange, and for
                // what was true until just now; but it never asks for what it knows to be forbidden.
                let late = [Refusal::NoOccasion, Refusal::UnknownServer];
                let honest = [Refusal::TooOften, Refusal::Budget, Refusal::TooManyDenials, late[0], late[1]];
                let strange =
                    [Refusal::BelowFloor, Refusal::OutOfRange].contains(&why) && self.wall < Utc::from_secs(FLOOR);
                assert!(honest.contains(&why) || strange, "{what:?} was refused: {why}");
                self.tell(Notice::Refused { what, why });
            }
        }
    }

    fn apply(&mut self, request: Request) {
        match request {
            Request::Step(step) => {
                self.steps += 1;
                self.wall = self.wall.shifted(step.offset).unwrap();
                self.tell(Notice::Stepped { by: step.offset });
            }
            Request::Connect { peer, source: _, server } => {
                assert!(!self.sockets.contains_key(&peer), "{peer} has a socket");
                self.sockets.insert(peer, None);
                self.servers.insert(peer, server);
                self.tell(Notice::Connected { peer, server });
            }
            Request::Exchange { .. } => panic!("no source is asked with NTS"),
            Request::Read { .. } => panic!("there is no clock to read"),
            Request::Frequency { .. } | Request::Synchronised { .. } | Request::Unsynchronised | Request::Report(_) => {
            }
        }
    }
}
