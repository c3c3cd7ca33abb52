//! How a world begins, and what happens in it.

use core::time::Duration;

use orlop_ntp_contract::{Leap, Notice, Occasion, Offset, PollRange, Utc};

use crate::place::BEGIN;
use crate::world::World;

/// A server and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// How far its clock is ahead of the truth.
    pub(crate) error: Offset,
    /// Seconds to it and back without any traffic.
    pub(crate) ways: (f64, f64),
    /// What traffic adds to each way, on average.
    pub(crate) jitter: f64,
    /// Which part of that the way back has.
    pub(crate) jitter_back: f64,
    /// How many of a hundred packets are lost on each way.
    pub(crate) loss: u8,
    pub(crate) leap: Leap,
    pub(crate) root_dispersion: u32,
    pub(crate) prefer: bool,
    pub(crate) silent: bool,
    /// Each of its answers arrives twice.
    pub(crate) twice: bool,
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
            jitter_back: 1.0,
            loss: 0,
            leap: Leap::None,
            root_dispersion: 0x40,
            prefer: false,
            silent: false,
            twice: false,
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
    /// A hardware clock beside them, which is ahead of the truth by this.
    pub(crate) clock: Option<Offset>,
    /// One name for all servers, of which so many are asked, instead of one for each.
    pub(crate) pool: Option<u8>,
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
    /// A leap second is inserted, by everybody.
    LeapSecond,
    /// Somebody else sets the clock.
    Meddled(Offset),
    /// A server changes.
    Server(usize, Box<Server>),
    /// The broker tells this.
    Told(Notice),
}

impl Scene {
    pub(crate) fn new(servers: Vec<Server>) -> Self {
        let truth = Utc::from_secs(BEGIN);
        Self {
            servers,
            clock: None,
            pool: None,
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
