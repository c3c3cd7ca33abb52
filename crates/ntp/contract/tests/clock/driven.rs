//! A clock behind a policy, with the policy's promises checked at each step.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{
    Account, BootId, Leap, Occasion, Offset, Policy, Request, Rules, ServerAddr, SourceId, State, Step, Utc,
};

/// 2026-11-01, the time of the build.
pub(crate) const FLOOR: u64 = 1_793_491_200;

/// What the clock may show as the machine boots: one of these.
pub(crate) const BEGINNINGS: [u64; 7] =
    [0, FLOOR, FLOOR + 86_400, 2_085_978_495, 2_147_483_647, 4_070_908_800, i64::MAX.unsigned_abs() / 1_000_000_000];

/// Occasions, by number.
pub(crate) const OCCASIONS: [Occasion; 4] =
    [Occasion::Suspend, Occasion::Restore, Occasion::Operator, Occasion::Suspend];

/// The clock of one machine, over restarts of everything but the machine.
pub(crate) struct Driven {
    policy: Policy,
    now: Instant,
    shown: Utc,
    one_shot: bool,
    /// Steps in any direction that have an occasion and were not made.
    occasions: u32,
    /// How far it was set forwards without one.
    forwards: Duration,
    made: u32,
}

impl Driven {
    pub(crate) fn new(begins: u64, one_shot: bool) -> Self {
        let (now, shown) = (Instant::from_nanos(0), Utc::from_secs(begins));
        let mut driven = Self {
            policy: policy(now, one_shot, None),
            now,
            shown,
            one_shot,
            occasions: 1,
            forwards: Duration::ZERO,
            made: 0,
        };
        if let Some(permitted) = driven.policy.first_step(shown, None) {
            driven.apply(permitted.into_request());
        }
        driven
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        self.shown = self.shown.saturating_shifted(Offset::from_span(wait));
    }

    /// The daemon dies and comes back: what it knows is in the state file.
    pub(crate) fn restart(&mut self) {
        let account = Some(self.policy.account(self.now));
        let state = State { last_good: Some(self.shown), account, ..State::default() };
        let state = State::parse(&state.render()).unwrap();
        self.policy = policy(self.now, self.one_shot, state.account.as_ref());
        // Whoever starts the one-shot run wants the clock set; a daemon that comes back has no more than it had.
        self.occasions = self.occasions.max(u32::from(self.one_shot));
    }

    /// The broker sees something, or the operator wishes something.
    pub(crate) fn arise(&mut self, occasion: Occasion) {
        let _ = self.policy.arise(self.now, occasion);
        self.occasions = self.occasions.saturating_add(1);
    }

    /// The worker asks for something. Returns whether it was permitted.
    pub(crate) fn ask(&mut self, request: Request) -> bool {
        let before = self.shown;
        let Ok(permitted) = self.policy.permit(self.now, self.shown, request) else {
            assert_eq!(self.shown, before, "a refused request has moved the clock");
            return false;
        };
        self.apply(permitted.into_request());
        true
    }

    /// How often it was set.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    fn apply(&mut self, request: Request) {
        match request {
            Request::Step(step) => self.step(&step),
            Request::Frequency { drift, slew } => assert!(drift.plus(slew).is_some(), "faster than 500 ppm"),
            Request::Synchronised { est_error, max_error, leap } => {
                assert!(est_error <= max_error && max_error <= Policy::MAX_ERROR);
                assert!(leap == Leap::None || self.shown.is_leap_day(), "a leap second on {}", self.shown);
                assert!(self.shown >= Utc::from_secs(FLOOR), "vouched for {}", self.shown);
            }
            Request::Connect { server, .. } => assert!(SERVERS.contains(&last_byte(server)), "a socket to {server}"),
            Request::Unsynchronised | Request::Exchange { .. } | Request::Report(_) => {}
            Request::Read { .. } => panic!("there is no clock to read"),
        }
    }

    fn step(&mut self, step: &Step) {
        let before = self.shown;
        self.shown = self.shown.shifted(step.offset).expect("a step leads to a time that there is");
        assert!(self.shown >= Utc::from_secs(FLOOR), "{before} was set to {}, before the floor", self.shown);
        assert!(self.shown < Policy::HORIZON, "{before} was set to {}", self.shown);
        if step.agreed.is_empty() {
            assert!(before < Utc::from_secs(FLOOR), "nobody agreed on {}", self.shown);
            return;
        }
        self.made += 1;
        assert!(step.offset.size() > Policy::SMALLEST_STEP, "a step of {}", step.offset);
        if step.why.occasion().is_some_and(Occasion::allows_backwards) {
            self.occasions = self.occasions.checked_sub(1).expect("as many steps as occasions");
        } else {
            assert!(!step.offset.is_backwards(), "backwards without an occasion: {}", step.offset);
            self.forwards += step.offset.size();
        }
        let passed = self.now.since(Instant::from_nanos(0));
        assert!(self.forwards <= Policy::CATCH_UP + passed, "{:?} forwards in {passed:?}", self.forwards);
        let most = u128::from(Policy::STEP_BURST) + passed.as_nanos() / Policy::STEP_EVERY.as_nanos();
        assert!(u128::from(self.made) <= most, "{} steps in {passed:?}", self.made);
    }
}

fn policy(now: Instant, one_shot: bool, account: Option<&Account>) -> Policy {
    let rules = Rules { floor: Utc::from_secs(FLOOR), one_shot, lone_answer_after: Some(Duration::from_secs(20)) };
    let mut policy = Policy::new(now, BootId::new("b0").unwrap(), rules, account);
    policy.learn(SourceId::new(0).unwrap(), SERVERS.into_iter().map(server).collect());
    policy
}

/// The last bytes of the addresses of source 0.
const SERVERS: [u8; 2] = [1, 2];

/// The server of this last byte.
pub(crate) fn server(last: u8) -> ServerAddr {
    ServerAddr::new([192, 0, 2, last].into(), 123).unwrap()
}

fn last_byte(server: ServerAddr) -> u8 {
    match server.socket_addr() {
        Some(core::net::SocketAddr::V4(v4)) => v4.ip().octets()[3],
        Some(core::net::SocketAddr::V6(_)) | None => 0,
    }
}
