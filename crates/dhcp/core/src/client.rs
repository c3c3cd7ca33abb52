//! The state machine of one link (RFC 2131 section 4.4).

use core::time::Duration;

use orlop_dhcp_contract::{
    Arp, Ask, Command, Conduct, Contest, Counters, Discard, Finding, HardwareAddr, Lease, Progress, Refusal,
    Remembered, Stage, UnicastAddr, Withdrawal,
};
use orlop_machine::{Chance, Instant, Machine, Seed};

use crate::conflict::Detection;
use crate::frame::{self, PacketInfo};
use crate::message::{Header, Reply};
use contest::Claimant;
use retransmit::Pace;
use state::State;

mod acceptance;
mod contest;
mod retransmit;
mod speak;
mod state;
mod transition;

pub use retransmit::MAX_MESSAGES_PER_MINUTE;

/// How long a carrier may be away without any consequence: links that are switched over or renegotiate lose it for
/// milliseconds, and a lease must not suffer for that.
pub const CARRIER_DEBOUNCE: Duration = Duration::from_secs(1);

/// Time between two reports that differ only in their counters, so that a flood of garbage does not become a flood
/// of reports.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// What happened on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Begin.
    Started,
    /// A reply to the open exchange, from [`Client::receive`], which is the only one to make it.
    Received(Box<Reply>),
    /// The carrier came.
    CarrierUp,
    /// The carrier went.
    CarrierDown,
    /// The lease of the last [`Action::Configure`] is in force.
    Applied,
    /// It is not, and what was there before still is.
    Refused(Refusal),
    /// The operator wants something.
    Command(Command),
    /// The link can be heard about this address: find out whether another host has it.
    Watch(UnicastAddr),
    /// Another host has this address, and the lease of it that is in force must be given up.
    Lost(UnicastAddr),
    /// The instant of [`Machine::deadline`] has come.
    Deadline,
}

/// What should be done on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send one message.
    Send {
        /// Transaction identifier.
        xid: u32,
        /// Seconds since the exchange began, 1 at least.
        secs: u16,
        /// The BROADCAST flag.
        broadcast: bool,
        /// Whether the MTU is asked for.
        want_mtu: bool,
        /// Which message, with its fields.
        ask: Ask,
    },
    /// Put this lease in force, in place of the one before. Answered by [`Event::Applied`] or [`Event::Refused`].
    Configure(Box<Lease>),
    /// Take the lease that is in force out of it.
    Deconfigure(Withdrawal),
    /// Tell how things stand.
    Report(Progress),
    /// Send one ARP packet about the address of [`Event::Watch`].
    Arp(Arp),
    /// Tell what probing for that address has found.
    Probed(Finding),
}

/// The DHCP client of one link.
#[derive(Debug)]
pub struct Client {
    conduct: Conduct,
    hardware: HardwareAddr,
    chance: Chance,
    state: State,
    carrier: Carrier,
    /// The lease of before, while `state` stands on none or on a newer one that is not in force yet.
    kept: Option<Remembered>,
    /// The address to wish for in a DHCPDISCOVER.
    wish: Option<UnicastAddr>,
    /// Set once unicast answers seem not to arrive.
    broadcast: bool,
    /// The broker took no lease from a server that was not asked by its name: ask by name, until a lease is in force.
    by_name: bool,
    /// Refusals in a row, for the back-off.
    strikes: u32,
    /// Servers whose offer came to nothing since the last lease, the latest at the end. Others go before them.
    failed: Vec<UnicastAddr>,
    /// [`Action::Configure`]s without an answer. Only the answer to the latest says anything about now.
    unanswered: u32,
    /// Whether another host has our address, once the broker lets us hear of that.
    detection: Option<Detection>,
    /// Conflicts since an address was last found free.
    conflicts: u32,
    claimant: Claimant,
    contest: Contest,
    pace: Pace,
    /// Messages of the current exchange.
    sent: u32,
    naks: u32,
    discards: Counters,
    reported: Option<Progress>,
    reported_at: Instant,
}

/// The end of time: waiting to be started.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// The carrier, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Up,
    /// Away since then, which may be a flap.
    Fading(Instant),
    Down,
}

impl Client {
    /// The client of a link whose messages carry `hardware` as `chaddr`. `remembered` is tried first (INIT-REBOOT).
    /// Nothing is sent before [`Event::Started`], or before a carrier comes if there is none.
    #[must_use]
    pub fn new(
        conduct: Conduct,
        hardware: HardwareAddr,
        remembered: Option<Remembered>,
        carrier: bool,
        seed: Seed,
    ) -> Self {
        let start = Instant::from_nanos(0);
        Self {
            broadcast: conduct.broadcast,
            conduct,
            hardware,
            chance: Chance::new(seed),
            state: if carrier { State::Init { until: NEVER } } else { State::NoCarrier },
            carrier: if carrier { Carrier::Up } else { Carrier::Down },
            kept: remembered,
            wish: None,
            by_name: false,
            strikes: 0,
            failed: Vec::new(),
            unanswered: 0,
            detection: None,
            conflicts: 0,
            claimant: Claimant::default(),
            contest: Contest::default(),
            pace: Pace::new(),
            sent: 0,
            naks: 0,
            discards: Counters::default(),
            reported: None,
            reported_at: start,
        }
    }

    /// Takes one packet from the link's socket, from the IP header on. Whatever is not a reply to the open exchange
    /// is dropped and counted, the cheapest check first.
    #[must_use]
    pub fn receive(&mut self, now: Instant, packet: &[u8], info: PacketInfo) -> Vec<Action> {
        match self.admit(packet, info) {
            Ok(reply) => self.handle(now, Event::Received(Box::new(reply))),
            Err(discard) => {
                self.discards.count(discard);
                let mut actions = Vec::new();
                self.report(now, &mut actions);
                actions
            }
        }
    }

    /// How things stand.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let phase = self.state.phase();
        let since = self.reported.filter(|last| last.phase == phase).map_or(self.reported_at, |last| last.since);
        let stage = self.detection.as_ref().map_or(Stage::Off, Detection::stage);
        let contest = Contest { stage, ..self.contest };
        Progress { phase, since, sent: self.sent, naks: self.naks, discards: self.discards, contest }
    }

    fn admit(&mut self, packet: &[u8], info: PacketInfo) -> Result<Reply, Discard> {
        let datagram = frame::parse(packet, info)?;
        let header = Header::parse(datagram.payload)?;
        if self.state.exchange().map(|exchange| exchange.xid) != Some(header.xid) {
            return Err(Discard::WrongXid);
        }
        if header.chaddr != self.hardware {
            return Err(Discard::WrongChaddr);
        }
        let reply = Reply::parse(&header, datagram.source, &mut self.discards)?;
        // RFC 6842 section 3. A server that echoes what we did not send says nothing about us.
        let ours = &*self.conduct.client_id;
        if !ours.is_empty() && reply.client_id.as_deref().is_some_and(|echo| echo != ours) {
            return Err(Discard::WrongClientId);
        }
        let servers = &self.conduct.servers;
        if servers.denies(datagram.source) || reply.server().is_some_and(|server| !servers.takes(server)) {
            return Err(Discard::DeniedServer);
        }
        Ok(reply)
    }

    /// Reports when the phase has changed, and sometimes when only numbers have.
    fn report(&mut self, now: Instant, actions: &mut Vec<Action>) {
        // The first answer that cannot be used is told at once: a run with a short deadline must know that there was one. So is how
        // our address fares.
        let unusable = self.discards.unusable().is_some();
        let contest = self.progress().contest;
        let news = self.reported.is_some_and(|last| {
            (unusable && last.discards.unusable().is_none()) || contest.is_news_after(&last.contest)
        });
        let due = news || now.since(self.reported_at) >= REPORT_INTERVAL;
        if self.reported.is_some_and(|last| last.phase == self.state.phase()) && !due {
            return;
        }
        let mut progress = self.progress();
        if self.reported == Some(progress) {
            return;
        }
        if self.reported.is_none_or(|last| last.phase != progress.phase) {
            progress.since = now;
        }
        self.reported = Some(progress);
        self.reported_at = now;
        actions.push(Action::Report(progress));
    }
}

impl Machine for Client {
    type Event = Event;
    type Action = Action;
    const DEADLINE: Event = Event::Deadline;

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        // What time alone has changed comes first: an answer to a lease that has just run out is too late.
        self.let_time_pass(now, &mut actions);
        match event {
            Event::Started => self.start(now, &mut actions),
            Event::Deadline => self.advance(now, &mut actions),
            Event::Received(reply) => self.answer(now, &reply, &mut actions),
            Event::CarrierUp => self.carrier = Carrier::Up,
            Event::CarrierDown => {
                if self.carrier == Carrier::Up {
                    self.carrier = Carrier::Fading(now);
                }
            }
            Event::Applied => self.applied(),
            Event::Refused(why) => self.refused(now, why, &mut actions),
            Event::Command(Command::Renew) => self.renew(now, &mut actions),
            Event::Command(Command::Release) => self.release(now, &mut actions),
            Event::Watch(addr) => self.watch(now, addr),
            Event::Lost(addr) => self.lost(now, addr, &mut actions),
        }
        self.let_time_pass(now, &mut actions);
        self.watch_over(now, &mut actions);
        self.report(now, &mut actions);
        actions
    }

    fn deadline(&self) -> Option<Instant> {
        let fading = match self.carrier {
            Carrier::Fading(since) => Some(since.after(CARRIER_DEBOUNCE)),
            Carrier::Up | Carrier::Down => None,
        };
        let report = self.reported.filter(|last| *last != self.progress());
        let report = report.map(|_| self.reported_at.after(REPORT_INTERVAL));
        let detection = self.detection.as_ref().and_then(Detection::deadline);
        [self.state.deadline(), self.lease_end(), fading, report, detection].into_iter().flatten().min()
    }
}
