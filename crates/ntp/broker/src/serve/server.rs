//! The broker's loop: one event at a time, each decided by the policy, never by the worker's word alone.

use std::collections::BTreeMap;
use std::time::Duration;

use orlop_broker::control::{Call, next_order};
use orlop_broker::moment::Now;
use orlop_broker::posture::Postures;
use orlop_broker::print::print;
use orlop_broker::ready::Ready;
use orlop_broker::status::Writer;
use orlop_machine::Instant;
use orlop_ntp_contract::{
    self as contract, Conduct, Frequency, Handover, MAX_PEERS, Notice, Occasion, PeerId, Phase, Policy, Request, Rules,
    ServerAddr, State,
};
use orlop_ntp_profiles::DAEMON;
use orlop_sandbox::channel::{BrokerChannel, ChannelError};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::signals::Signal;
use orlop_wire::Bounded;
use tracing::{info, warn};

use super::Workers;
use super::equipment::Equipment;
use super::exchanges::Exchanges;
use super::names::{Heard, Names, Whose};
use super::securing::Placing;
use crate::config::Config;
use crate::control::Order;
use crate::floor;
use crate::settings::{Mode, Run};
use crate::sources::Sources;
use crate::status::{Outcome, Status, Stepped};

/// A broker at work.
pub(super) struct Server<'n> {
    pub(super) run: Run,
    pub(super) config: Config,
    pub(super) equipment: Equipment,
    pub(super) policy: Policy,
    pub(super) channel: BrokerChannel<Notice, Request>,
    pub(super) names: Names<'n>,
    pub(super) exchanges: Exchanges<'n>,
    pub(super) placing: Placing,
    pub(super) sources: Sources,
    /// Where each server is that the worker has a socket to.
    pub(super) peers: BTreeMap<PeerId, ServerAddr>,
    started: Instant,
    restarts: u32,
    pub(super) postures: Postures,
    status: Writer<Status>,
    ready: Ready,
    /// The crystal's rate, as the worker last said.
    pub(super) drift: Frequency,
    /// What the one-shot run has heard, until the worker is told.
    handed: Bounded<Handover, MAX_PEERS>,
    /// What an earlier process knew of a right time.
    pub(super) last_good: Option<contract::Utc>,
    pub(super) synchronised: bool,
    pub(super) said: Option<contract::Status>,
    pub(super) last_step: Option<Stepped>,
    pub(super) refused: Option<String>,
    /// Whether the addresses that were there at the start are known.
    listed: bool,
    /// Whether the worker was told last that there is no network.
    pub(super) offline: bool,
    /// Whether a server is, or was, on this machine.
    pub(super) asks_this_machine: bool,
    /// When the worker is told that the addresses changed: shortly after, because routes come after addresses.
    online_at: Option<Instant>,
    /// When the state is written again.
    keep_at: Instant,
}

/// How the daemon began.
pub(super) struct Begun {
    /// When it was started: by this process or by one before it.
    pub(super) started: Instant,
    /// How often broker and worker were started anew since then.
    pub(super) restarts: u32,
    /// Who waits for a right clock.
    pub(super) ready: Ready,
}

/// Routes are there by then.
const SETTLE: Duration = Duration::from_millis(20);
/// Time between two writes of the state while nothing else makes one.
const KEEP_EVERY: Duration = Duration::from_secs(3600);
/// How long before its deadline a one-shot run takes a single answer.
const LAST_RESORT: Duration = Duration::from_secs(1);

impl<'n> Server<'n> {
    pub(super) fn new(
        run: Run,
        config: Config,
        begun: Begun,
        mut equipment: Equipment,
        postures: Postures,
        workers: Workers<'n>,
    ) -> Self {
        let Workers { channel, names, exchanges } = workers;
        let now = clock::now();
        let state = equipment.state.load();
        let handed = state.samples_as_of(now, &equipment.boot, equipment.clock.now());
        let State { drift, last_good, account, samples: _ } = state;
        let one_shot = run.mode == Mode::OneShot;
        let rules = Rules { floor: floor(), one_shot, lone_answer_after: lone_answer_after(run.mode, &config) };
        let policy = Policy::new(now, equipment.boot.clone(), rules, account.as_ref());
        let Begun { started, restarts, ready } = begun;
        let drift = drift.or_else(|| equipment.clock.rate().ok()).unwrap_or_default();
        Self {
            run,
            config,
            equipment,
            policy,
            channel,
            names,
            exchanges,
            placing: Placing::new(),
            sources: Sources::default(),
            peers: BTreeMap::new(),
            started,
            restarts,
            postures,
            status: Writer::new(&DAEMON),
            ready,
            drift,
            handed,
            last_good,
            synchronised: false,
            said: None,
            last_step: None,
            refused: None,
            listed: false,
            offline: false,
            asks_this_machine: false,
            online_at: None,
            keep_at: now.after(KEEP_EVERY),
        }
    }

    /// Serves until there is an exit code. Whatever ends it, the clock runs at the crystal's rate from then on.
    pub(super) async fn serve(mut self) -> Result<Exit, Fatal> {
        let ended = self.turns().await;
        if let Err(cause) = self.equipment.clock.pace(self.drift) {
            warn!(%cause, "the clock keeps the rate of its last correction");
        }
        self.keep_state();
        ended
    }

    async fn turns(&mut self) -> Result<Exit, Fatal> {
        self.equipment.clock.prove()?;
        // A broker that died in the middle of a slew has left the clock at its rate.
        self.equipment.clock.pace(self.drift).map_err(|cause| Fatal::os("cannot give the clock a rate", cause))?;
        self.begin()?;
        loop {
            let now = clock::now();
            if let Some(exit) = self.catch_up(now)? {
                return Ok(exit);
            }
            let Equipment { network, facts, interruption, timer, signals, control, .. } = &mut self.equipment;
            tokio::select! {
                received = self.channel.recv() => {
                    let request = received.map_err(worker_ended)?.message;
                    self.request(clock::now(), request)?;
                }
                changed = network.changed() => {
                    let online = changed.map_err(|cause| Fatal::os("cannot watch this machine's addresses", cause))?;
                    self.addresses_changed(clock::now(), online)?;
                }
                changed = facts.changed() => {
                    changed.map_err(|cause| Fatal::os("cannot watch what the network says", cause))?;
                    self.choose_sources()?;
                }
                over = interruption.over() => {
                    let occasion = over.map_err(|cause| Fatal::os("cannot hear the kernel's events", cause))?;
                    self.arise(occasion)?;
                }
                heard = self.names.next() => match heard? {
                    Heard::Found(Whose::Source(source), servers) => self.found(source, servers)?,
                    Heard::Found(Whose::Named(source), servers) => self.found_named(source, &servers)?,
                    Heard::Came(name, posture) => self.postures.insert(name, posture),
                    Heard::Nothing => {}
                },
                heard = self.exchanges.next() => {
                    let heard = heard?;
                    self.heard_of_keys(heard)?;
                }
                call = next_order(control) => {
                    let Call { order, caller } = call.map_err(|cause| Fatal::os("cannot take orders", cause))?;
                    let reply = self.order(order)?;
                    if let Some(control) = &mut self.equipment.control {
                        control.answer(caller, &reply);
                    }
                }
                expired = timer.expired() => expired.map_err(|cause| Fatal::os("the timer failed", cause))?,
                signal = signals.recv() => match signal.map_err(|cause| Fatal::os("cannot hear signals", cause))? {
                    Signal::Terminate | Signal::Interrupt => return Ok(Exit::Done),
                    Signal::Hangup => drop(self.order(Order::Reload)?),
                },
            }
        }
    }

    /// What the worker has to know before anything else.
    fn begin(&mut self) -> Result<(), Fatal> {
        if let Some(mock) = self.equipment.clock.mock() {
            self.notify(&Notice::MockClock(mock))?;
        }
        if let Some(step) = self.policy.first_step(self.equipment.clock.now(), self.last_good) {
            self.apply(clock::now(), step)?;
        }
        let lone_answer_after = lone_answer_after(self.run.mode, &self.config);
        let occasion = self.policy.occasion().unwrap_or(Occasion::Restart);
        let conduct = Conduct { floor: floor(), occasion, lone_answer_after, drift: self.drift };
        self.notify(&Notice::Begin(conduct))?;
        let samples = std::mem::take(&mut self.handed);
        // Whoever wants the clock to be set has everybody asked.
        if occasion == Occasion::Restart && !samples.is_empty() {
            info!(servers = samples.len(), "what the one-shot run has heard counts");
            self.notify(&Notice::Handover { at: clock::now(), shown: self.equipment.clock.now(), samples })?;
        }
        self.choose_sources()
    }

    fn addresses_changed(&mut self, now: Instant, online: bool) -> Result<(), Fatal> {
        // A server on this machine needs no network.
        let online = online || self.asks_this_machine;
        // The worker begins as if there were a network: the first list is no change.
        let was_told = std::mem::replace(&mut self.listed, true);
        self.online_at = (online && (was_told || self.offline)).then(|| now.after(SETTLE));
        self.offline = !online;
        if online { Ok(()) } else { self.notify(&Notice::Offline) }
    }

    /// The time is uncertain from now on: everybody is asked at once.
    pub(super) fn arise(&mut self, occasion: Occasion) -> Result<(), Fatal> {
        let occasion = self.policy.arise(clock::now(), occasion);
        self.notify(&Notice::Occasion(occasion))
    }

    /// Brings everything up to date, and gives the exit code when the work is done.
    fn catch_up(&mut self, now: Instant) -> Result<Option<Exit>, Fatal> {
        if self.online_at.is_some_and(|at| at <= now) {
            self.online_at = None;
            self.names.refresh();
            self.notify(&Notice::Online)?;
        }
        if self.keep_at <= now {
            self.keep_at = now.after(KEEP_EVERY);
            self.keep_state();
        }
        let mut wakes = vec![self.keep_at];
        wakes.extend(self.online_at);
        wakes.extend(self.look_after_keys(now)?);
        let outcome = match self.run.mode {
            Mode::Service => None,
            Mode::OneShot => {
                let end = self.started.after(self.config.deadline);
                wakes.push(end);
                self.verdict(now >= end)
            }
        };
        let status = Status {
            mode: self.run.mode,
            started: self.started,
            restarts: self.restarts,
            synchronised: self.synchronised,
            sources: self.sources.iter().map(|(id, asked)| (id, asked.place.to_string(), asked.origin)).collect(),
            worker: self.said.clone(),
            name_discards: self.names.discards(),
            last_step: self.last_step.clone(),
            refused: self.refused.clone(),
            outcome: outcome.as_ref().map(|(outcome, _)| outcome.clone()),
            postures: self.postures.clone(),
        };
        let Equipment { own, metrics, .. } = &mut self.equipment;
        wakes.extend(self.status.update(own, metrics, &status, Now::read()));
        if let Some((outcome, exit)) = outcome {
            return self.finish(&outcome, exit).map(Some);
        }
        self.equipment.timer.set(wakes.into_iter().min()).map_err(|cause| Fatal::os("cannot set the timer", cause))?;
        Ok(None)
    }

    /// What a one-shot run has achieved, once it is over.
    fn verdict(&self, over: bool) -> Option<(Outcome, Exit)> {
        let phase = self.said.as_ref().map(|said| said.phase);
        if self.synchronised && phase == Some(Phase::Steady) {
            let how = match &self.last_step {
                Some(step) => format!("set by {} s, {} agreed", step.by.nanos() / 1_000_000_000, step.agreed.len()),
                None => "right already".to_owned(),
            };
            return Some((Outcome { synchronised: true, said: format!("the clock is right: {how}") }, Exit::Done));
        }
        if !over {
            return None;
        }
        let (said, exit) = match (&self.refused, phase) {
            (Some(why), _) => (format!("the clock is not right: {why}"), Exit::Refused),
            (None, Some(Phase::Disagreeing)) => {
                ("the clock is not right: the servers disagree".to_owned(), Exit::Refused)
            }
            (None, _) if self.sources.iter().next().is_none() => (
                "the clock is not right: no source is configured, and the network names none".to_owned(),
                Exit::Unconfigured,
            ),
            (None, _) => ("the clock is not right: nobody said in time what time it is".to_owned(), Exit::Unconfigured),
        };
        Some((Outcome { synchronised: false, said }, exit))
    }

    fn finish(&self, outcome: &Outcome, exit: Exit) -> Result<Exit, Fatal> {
        if self.run.json
            && let Err(Fatal { cause, .. }) = print(&format!("{}\n", serde_json::json!(outcome)))
        {
            // The work is done all the same.
            warn!(?cause, "the outcome is not printed");
        }
        if exit == Exit::Done {
            info!("{}", outcome.said);
            return Ok(exit);
        }
        if exit == Exit::Unconfigured && self.run.optional {
            warn!("{}; that was optional", outcome.said);
            return Ok(Exit::Done);
        }
        Err(Fatal::new(exit, outcome.said.clone()).help("see who said what with: orlop-ntp status"))
    }

    /// Writes down what the next process has to know.
    pub(super) fn keep_state(&mut self) {
        let now = clock::now();
        let last_good = if self.synchronised { Some(self.equipment.clock.now()) } else { self.last_good };
        let account = Some(self.policy.account(now));
        let state = State { drift: Some(self.drift), last_good, account, samples: self.to_hand_over() };
        self.equipment.state.store(state);
    }

    /// What the one-shot run has heard from those who are right, for the service. It leaves the clock at the crystal's rate, so that
    /// their offsets stay true; those of a service change with each of its slews.
    fn to_hand_over(&self) -> Bounded<Handover, MAX_PEERS> {
        let is_over = |said: &&contract::Status| {
            self.run.mode == Mode::OneShot && self.synchronised && said.phase == Phase::Steady
        };
        let peers = self.said.iter().filter(is_over).flat_map(|said| &said.peers);
        peers.filter_map(Handover::of).collect()
    }

    /// Somebody vouches for the clock, for the first time or again.
    pub(super) fn became_right(&mut self) {
        if !std::mem::replace(&mut self.synchronised, true) {
            self.keep_state();
            std::mem::take(&mut self.ready).say();
        }
    }

    pub(super) fn notify(&self, notice: &Notice) -> Result<(), Fatal> {
        self.channel.try_send(notice).map_err(worker_ended)
    }
}

/// When a single answer of several sources is taken, if ever: policy and worker are told the same.
fn lone_answer_after(mode: Mode, config: &Config) -> Option<Duration> {
    let taken = mode == Mode::OneShot && !config.strict_majority;
    taken.then(|| config.deadline.saturating_sub(LAST_RESORT))
}

/// The supervisor starts both anew.
pub(super) fn worker_ended(cause: ChannelError) -> Fatal {
    Fatal::new(Exit::Software, "the conversation with the NTP worker is over").cause(cause)
}
