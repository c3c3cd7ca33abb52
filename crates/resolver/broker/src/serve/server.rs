//! The broker's loop: one event at a time, each decided by the policy, never by the worker's word alone.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use orlop_broker::control::next_order;
use orlop_broker::moment::Now;
use orlop_broker::optional::{News, Optional};
use orlop_broker::posture::Postures;
use orlop_broker::ready::Ready;
use orlop_broker::status::Writer;
use orlop_machine::Instant;
use orlop_netfacts::Facts;
use orlop_resolver_contract::{self as contract, Denied, Host, HostsPart, Notice, OrderId, Policy, Request};
use orlop_resolver_profiles::{DAEMON, LOOPBACK_WORKER};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::folder_watch::FolderWatch;
use orlop_sandbox::signals::Signal;
use tracing::{debug, info, warn};

use super::equipment::{Equipment, static_conf};
use super::grants::Outbox;
use crate::config::Config;
use crate::control::{Answer, Reply};
use crate::hosts;
use crate::ownership::{Ownership, leave_upstreams};
use crate::servers::Chosen;
use crate::settings::Run;
use crate::status::Status;

/// A broker at work.
pub(super) struct Server<'n> {
    pub(super) run: Run,
    pub(super) config: Config,
    pub(super) equipment: Equipment,
    pub(super) policy: Policy,
    workers: Optional<'n, Notice, Request>,
    outbox: Outbox,
    facts: Vec<Facts>,
    hosts: Vec<Host>,
    pub(super) chosen: Chosen,
    pub(super) callers: Callers,
    started: Instant,
    restarts: u32,
    postures: Postures,
    status: Writer<Status>,
    ready: Ready,
    said: Option<contract::Status>,
    /// How often the worker was started again alone.
    renewals: u32,
    /// When the worker is told that the way to the servers may be another one.
    rerouted_at: Option<Instant>,
    /// When the hosts are read again.
    hosts_at: Option<Instant>,
    report_at: Instant,
    retry_at: Option<Instant>,
}

/// Operators who wait for the worker's word.
#[derive(Debug, Default)]
pub(super) struct Callers {
    pub(super) status: Vec<u64>,
    pub(super) queries: BTreeMap<OrderId, u64>,
}

/// How the daemon began.
pub(super) struct Begun {
    /// When it was started: by this process or by one before it.
    pub(super) started: Instant,
    /// How often broker and worker were started anew since then.
    pub(super) restarts: u32,
    /// Who waits until names can be asked for.
    pub(super) ready: Ready,
}

/// Routes come after addresses, and several at once.
const SETTLE: Duration = Duration::from_millis(20);
/// A file that is written in its place is whole by then.
const WRITTEN: Duration = Duration::from_millis(100);
/// How old counters in the status are at most.
const REPORT_EVERY: Duration = Duration::from_secs(15);
/// When to try again to own resolv.conf.
const OWN_AGAIN: Duration = Duration::from_millis(500);
/// When to try again to hand over what there was no room for.
const HAND_OVER_AGAIN: Duration = Duration::from_millis(5);

impl<'n> Server<'n> {
    pub(super) fn new(
        run: Run,
        config: Config,
        begun: Begun,
        equipment: Equipment,
        postures: Postures,
        workers: Optional<'n, Notice, Request>,
    ) -> Self {
        let now = clock::now();
        let Begun { started, restarts, ready } = begun;
        Self {
            run,
            equipment,
            policy: Policy::new(now),
            workers,
            outbox: Outbox::default(),
            facts: Vec::new(),
            hosts: hosts::read(&config.hosts),
            config,
            chosen: Chosen::nobody(),
            callers: Callers::default(),
            started,
            restarts,
            postures,
            status: Writer::new(&DAEMON),
            ready,
            said: None,
            renewals: 0,
            rerouted_at: None,
            hosts_at: None,
            report_at: now,
            retry_at: None,
        }
    }

    /// Serves until it is told to end. On an orderly end resolv.conf says again what it said before.
    pub(super) async fn serve(mut self) -> Result<Exit, Fatal> {
        // The worker serves from its first moment on: it knows whom to ask by then.
        self.look();
        self.introduce();
        self.publish();
        std::mem::take(&mut self.ready).say();
        let ended = self.turns().await;
        let Equipment { ownership, own, .. } = &mut self.equipment;
        if let (Ok(_), Some(ownership)) = (&ended, ownership) {
            ownership.give_back(own);
        }
        ended
    }

    async fn turns(&mut self) -> Result<Exit, Fatal> {
        let mut heard = [0; 4096];
        loop {
            self.catch_up(clock::now())?;
            let Equipment { facts, routes, conf, hosts, timer, signals, control, .. } = &mut self.equipment;
            tokio::select! {
                news = self.workers.next() => {
                    let news = news?;
                    self.news(clock::now(), news)?;
                }
                changed = facts.changed() => {
                    changed.map_err(|cause| Fatal::os("cannot watch what the networks say", cause))?;
                    self.choose_servers();
                }
                changed = changed(conf.as_ref()) => {
                    changed.map_err(|cause| Fatal::os("cannot watch a resolv.conf", cause))?;
                    self.choose_servers();
                }
                changed = changed(hosts.as_ref()) => {
                    changed.map_err(|cause| Fatal::os("cannot watch the hosts", cause))?;
                    self.hosts_at.get_or_insert(clock::now().after(WRITTEN));
                }
                told = routes.recv(&mut heard) => {
                    told.map_err(|cause| Fatal::os("cannot hear of routes", cause))?;
                    self.rerouted_at.get_or_insert(clock::now().after(SETTLE));
                }
                call = next_order(control) => {
                    let call = call.map_err(|cause| Fatal::os("cannot take orders", cause))?;
                    self.order(call);
                }
                expired = timer.expired() => expired.map_err(|cause| Fatal::os("the timer failed", cause))?,
                signal = signals.recv() => match signal.map_err(|cause| Fatal::os("cannot hear signals", cause))? {
                    Signal::Terminate | Signal::Interrupt => return Ok(Exit::Done),
                    Signal::Hangup => drop(self.reload()),
                },
            }
        }
    }

    fn news(&mut self, now: Instant, news: News<Request>) -> Result<(), Fatal> {
        match news {
            News::Came { name, posture, .. } => {
                self.postures.insert(name, posture);
                self.renewals = self.renewals.saturating_add(1);
                info!("the worker is there again");
                self.policy = Policy::new(now);
                self.introduce();
            }
            News::Said { message, .. } => self.request(now, message)?,
            News::Gone { index } => {
                self.outbox.clear();
                self.said = None;
                self.refuse_callers();
                // Its supervisor starts it again by itself unless it ended as if nothing helped.
                self.workers.ask(index);
            }
        }
        Ok(())
    }

    fn request(&mut self, now: Instant, request: Request) -> Result<(), Fatal> {
        let unanswered = match &request {
            Request::Refill { upstream, .. } => Some(Notice::NoPool { upstream: *upstream }),
            Request::Connect { upstream, stream } => Some(Notice::NoStream { upstream: *upstream, stream: *stream }),
            Request::Queried { .. } | Request::Explained { .. } | Request::Report(_) => None,
        };
        let request = match self.policy.permit(now, request) {
            Ok(permitted) => permitted.into_request(),
            Err(Denied::TooManyDenials) => {
                let fatal = Fatal::new(Exit::Software, "the resolver's worker is not to be trusted any more");
                return Err(fatal.cause(Denied::TooManyDenials));
            }
            Err(denied) => {
                debug!(%denied, "a request is denied");
                if let Some(notice) = unanswered {
                    self.tell(notice);
                }
                return Ok(());
            }
        };
        match request {
            Request::Refill { upstream, count } => self.outbox.pool(upstream, count),
            Request::Connect { upstream, stream } => self.outbox.stream(upstream, stream),
            Request::Queried { order, answer } => self.queried(order, answer),
            Request::Explained { order, why } => self.explained(order, why),
            Request::Report(status) => {
                self.said = Some(status);
                let waiting = std::mem::take(&mut self.callers.status);
                if !waiting.is_empty() {
                    // A writer that has written nothing yet does not wait.
                    self.status = Writer::new(&DAEMON);
                    self.write_status();
                }
                for caller in waiting {
                    self.reply(caller, &Reply::Done(Answer::Done));
                }
            }
        }
        Ok(())
    }

    /// What a worker has to know that has just come. It hears nobody before it knows whom to ask, and what this machine knows itself.
    fn introduce(&mut self) {
        self.tell(Notice::Begin(self.config.conduct));
        self.tell_upstreams();
        self.tell_hosts();
        for at in 0..self.equipment.listeners.len() {
            self.outbox.listener(at);
        }
    }

    /// Asks whom the operator, the networks or a resolv.conf name, as it is now.
    pub(super) fn choose_servers(&mut self) {
        if self.look() {
            self.tell_upstreams();
        }
        self.publish();
    }

    /// Looks whom to ask. Whether it is somebody else than before.
    fn look(&mut self) -> bool {
        self.facts = self.equipment.facts.read();
        let named = static_conf(&self.config).and_then(|path| orlop_config::read(path).ok());
        let before = self.before();
        let text = named.as_ref().unwrap_or(&before);
        let chosen = Chosen::of(&self.config, &self.facts, text.as_bytes());
        let is_news = chosen != self.chosen;
        if is_news || self.chosen.upstreams.is_empty() {
            let servers: Vec<String> =
                chosen.upstreams.iter().map(|(_, upstream)| upstream.server.to_string()).collect();
            if servers.is_empty() {
                info!("no name server yet: nobody names one");
            } else {
                let routes = chosen.upstreams.routes().len();
                info!(servers = servers.join(" "), by = chosen.origin.name(), routes, "name servers");
            }
            self.chosen = chosen;
        }
        is_news
    }

    /// What resolv.conf said before.
    fn before(&self) -> String {
        self.equipment.ownership.as_ref().map(Ownership::before).unwrap_or_default().to_owned()
    }

    /// Leaves the servers for others, and resolv.conf.
    fn publish(&mut self) {
        let before = self.before();
        leave_upstreams(&mut self.equipment.own, &self.chosen, &self.facts, &before);
        self.own();
    }

    fn own(&mut self) {
        let Equipment { ownership, own, .. } = &mut self.equipment;
        let Some(ownership) = ownership else { return };
        ownership.update(&self.facts, own);
        self.retry_at = (!ownership.is_ours()).then(|| clock::now().after(OWN_AGAIN));
    }

    fn tell_upstreams(&mut self) {
        self.policy.upstreams(&self.chosen.upstreams);
        self.tell(Notice::Upstreams(self.chosen.upstreams.clone()));
    }

    pub(super) fn tell_hosts(&mut self) {
        for part in HostsPart::all(self.hosts.clone()) {
            self.tell(Notice::Hosts(part));
        }
    }

    /// Reads the hosts again. Whatever else lies in their folder may have changed, and not they.
    pub(super) fn read_hosts(&mut self) {
        let hosts = hosts::read(&self.config.hosts);
        if hosts != self.hosts {
            self.hosts = hosts;
            self.tell_hosts();
        }
    }

    /// Whether there is a worker.
    pub(super) fn is_served(&self) -> bool {
        self.workers.channel(LOOPBACK_WORKER).is_some()
    }

    /// Says something to the worker. One that is not there is told all when it comes.
    pub(super) fn tell(&mut self, notice: Notice) {
        if self.is_served() {
            self.outbox.notice(notice);
        }
    }

    pub(super) fn ask_report(&mut self) {
        self.report_at = clock::now().after(REPORT_EVERY);
        if self.is_served() {
            self.policy.ask_report();
            self.tell(Notice::Report);
        }
    }

    /// Brings everything up to date, and sets the timer.
    fn catch_up(&mut self, now: Instant) -> Result<(), Fatal> {
        if self.rerouted_at.take_if(|at| *at <= now).is_some() {
            self.tell_upstreams();
        }
        if self.hosts_at.take_if(|at| *at <= now).is_some() {
            self.read_hosts();
        }
        if self.retry_at.take_if(|at| *at <= now).is_some() {
            self.own();
        }
        if self.report_at <= now {
            self.ask_report();
        }
        if let Some(channel) = self.workers.channel(LOOPBACK_WORKER) {
            self.outbox.flush(channel, &self.equipment.listeners, &self.chosen);
        }
        if self.outbox.is_full() {
            warn!("the worker does not read: it is started anew");
            self.outbox.clear();
            self.refuse_callers();
            self.workers.dismiss(LOOPBACK_WORKER);
            self.workers.ask(LOOPBACK_WORKER);
        }
        let mut wakes = vec![self.report_at];
        wakes.extend(self.rerouted_at);
        wakes.extend(self.hosts_at);
        wakes.extend(self.retry_at);
        wakes.extend(self.outbox.is_waiting().then(|| now.after(HAND_OVER_AGAIN)));
        wakes.extend(self.write_status());
        self.equipment.timer.set(wakes.into_iter().min()).map_err(|cause| Fatal::os("cannot set the timer", cause))
    }

    /// Gives the moment at which there is more to write.
    fn write_status(&mut self) -> Option<Instant> {
        let status = Status {
            started: self.started,
            restarts: self.restarts,
            renewals: self.renewals,
            chosen: self.chosen.clone(),
            owns_resolv_conf: self.equipment.ownership.as_ref().is_some_and(Ownership::is_ours),
            worker: self.said.clone(),
            postures: self.postures.clone(),
        };
        let Equipment { own, metrics, .. } = &mut self.equipment;
        self.status.update(own, metrics, &status, Now::read())
    }
}

async fn changed(watch: Option<&FolderWatch>) -> io::Result<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
