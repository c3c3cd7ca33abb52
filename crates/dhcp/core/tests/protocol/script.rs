//! The machine under a script of bytes: any events, any replies, any order, with its promises checked at each step.
//!
//! The broker is played too: it works off what it is asked in order and answers each `Configure` once, at a time the
//! script chooses.

use std::collections::VecDeque;

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{
    Ask, Command, Conduct, Denied, Finding, HardwareAddr, IfIndex, Lease, Phase, Policy, PrefixLen, Refusal,
    Remembered, Request, ServerRule, Term, Transmission, UnicastAddr,
};
use orlop_dhcp_core::client::{Action, Client, Event, MAX_MESSAGES_PER_MINUTE};
use orlop_dhcp_core::frame::PacketInfo;
use orlop_machine::{Instant, Machine, Seed};
use orlop_wire::Bounded;

use crate::packet::{ACK, Claim, NAK, OFFER, OURS, Packet};

/// Steps per script: enough for every path of a few exchanges, and a bound on the time of one run.
const MAX_STEPS: usize = 400;

/// 300 years after boot. Beyond it lies the end of time, where every deadline is now.
const END_OF_HISTORY: u64 = 300 * 365 * 86_400 * 1_000_000_000;

/// Plays a script; panics when the machine breaks a promise. Returns how many leases were put in force.
pub(crate) fn play(script: &[u8]) -> u32 {
    let mut bytes = script.iter().copied();
    let mut next = || bytes.next();
    let Some(start) = next() else { return 0 };
    let mut stage = Stage::new(start);
    stage.event(Event::Started);
    for _ in 0..MAX_STEPS {
        let (Some(what), Some(with)) = (next(), next()) else { break };
        match what % 12 {
            0 | 1 => stage.wait_for_deadline(),
            2 => stage.wait(Duration::from_millis(u64::from(with) * 10)),
            3 => stage.wait(Duration::from_secs(1 << (with % 33))),
            4..=6 => {
                let Some(more) = next() else { break };
                stage.reply(what % 12, with, more);
            }
            7 => stage.broker(with),
            8 => stage.event(Event::CarrierUp),
            9 => stage.event(Event::CarrierDown),
            10 if with % 2 == 0 => stage.event(Event::Command(Command::Renew)),
            10 => stage.event(Event::Command(Command::Release)),
            11 if with & 1 == 0 => stage.event(Event::Deadline),
            _ => stage.claim(with),
        }
    }
    stage.applied
}

/// What the broker has still to do.
enum Work {
    Configure(Box<Lease>),
    /// The policy has denied it, and the machine does not know yet.
    Denied,
    Deconfigure,
    /// Another host has the address, and the machine does not know yet that it is believed.
    Lost(UnicastAddr),
    /// Another host has the address of the lease that waited.
    Opposed(UnicastAddr),
}

struct Stage {
    client: Client,
    now: Instant,
    xid: u32,
    /// When each message went out.
    sent: VecDeque<Instant>,
    /// When the requests of the open exchange went out: the only times from which a lease may count.
    asked: Vec<Instant>,
    work: VecDeque<Work>,
    in_force: Option<Lease>,
    /// A lease that is held back until its address has been probed for.
    waiting: Option<Box<Lease>>,
    /// The broker's own judge. It must find nothing wrong with an honest client.
    policy: Policy,
    /// Leases that were put in force: shows that a script got somewhere.
    applied: u32,
}

fn link() -> IfIndex {
    IfIndex::new(2).unwrap()
}

impl Stage {
    fn new(choice: u8) -> Self {
        let now = Instant::from_nanos(0).after(Duration::from_secs(100_000));
        let conduct = Conduct {
            client_id: Bounded::new(),
            rapid_commit: choice & 1 != 0,
            broadcast: choice & 2 != 0,
            fallback_lease_secs: if choice & 4 != 0 { 600 } else { 0 },
            servers: ServerRule::default(),
            told_as: None,
        };
        let remembered = (choice & 8 != 0)
            .then(|| Remembered { lease: remembered(now, choice & 16 != 0), in_force: choice & 32 != 0 });
        let in_force = remembered.as_ref().filter(|kept| kept.in_force).map(|kept| kept.lease.clone());
        let carrier = choice & 64 == 0;
        let client = Client::new(conduct, HardwareAddr(OURS), remembered, carrier, Seed::from_bytes([choice; 32]));
        let mut policy = Policy::new();
        policy.adopt(now, link(), in_force.as_ref()).unwrap();
        Self {
            client,
            now,
            xid: 0,
            sent: VecDeque::new(),
            asked: Vec::new(),
            work: VecDeque::new(),
            in_force,
            waiting: None,
            policy,
            applied: 0,
        }
    }

    fn event(&mut self, event: Event) {
        let before = self.client.progress().phase;
        let actions = self.client.handle(self.now, event);
        let sends = actions.iter().any(|action| matches!(action, Action::Send { .. }));
        let quiet = matches!(before, Phase::NoCarrier | Phase::Released) && before == self.client.progress().phase;
        assert!(!(quiet && sends), "{actions:?} in {before}");
        self.check(&actions);
        self.check_end();
    }

    fn wait_for_deadline(&mut self) {
        if let Some(due) = self.client.deadline().filter(|due| due.as_nanos() < END_OF_HISTORY) {
            self.now = self.now.max(due);
            self.event(Client::DEADLINE);
            let next = self.client.deadline();
            assert!(next.is_none_or(|next| next > self.now), "the deadline {next:?} is still in the past");
        }
    }

    /// A worker never sleeps past a deadline, but a machine may.
    fn wait(&mut self, time: Duration) {
        let later = self.now.after(time);
        if later.as_nanos() < END_OF_HISTORY {
            self.now = later;
        }
    }

    fn broker(&mut self, with: u8) {
        // The answer is on its way until the machine has it: then the work is done.
        let event = match self.work.front() {
            None => return,
            // What waits is dropped, and so has its answer.
            Some(Work::Deconfigure) => self.waiting.take().map(|_| Event::Refused(Refusal::Policy)),
            Some(Work::Denied) => Some(Event::Refused(Refusal::NewServer)),
            Some(Work::Lost(addr)) => Some(Event::Lost(*addr)),
            Some(Work::Opposed(addr)) => Some(Event::Refused(Refusal::Conflict { addr: *addr })),
            // It waits until the machine has told what the probes found, unless the address is in use already.
            Some(Work::Configure(lease))
                if with % 8 == 5 && self.in_force.as_ref().is_none_or(|old| old.addr != lease.addr) =>
            {
                let lease = lease.clone();
                self.policy.watched(self.now, link(), &lease);
                self.work.pop_front();
                let addr = lease.addr;
                self.waiting = Some(lease);
                return self.event(Event::Watch(addr));
            }
            Some(Work::Configure(lease)) => Some(match with % 4 {
                0 | 1 => Event::Applied,
                2 => Event::Refused(Refusal::Policy),
                _ => Event::Refused(Refusal::Conflict { addr: lease.addr }),
            }),
        };
        if let Some(event) = &event {
            self.event(event.clone());
        }
        match self.work.pop_front() {
            Some(Work::Configure(lease)) if event == Some(Event::Applied) => {
                self.applied += 1;
                self.policy.applied(link(), &lease);
                let addr = lease.addr;
                if with % 4 == 1 {
                    self.policy.watched(self.now, link(), &lease);
                }
                self.in_force = Some(*lease);
                if with % 4 == 1 {
                    self.event(Event::Watch(addr));
                }
            }
            Some(Work::Deconfigure) => {
                self.policy.withdrawn(link());
                self.in_force = None;
            }
            Some(Work::Configure(_) | Work::Denied | Work::Lost(_) | Work::Opposed(_)) | None => {}
        }
    }

    /// Another host, or we ourselves as heard from elsewhere, says something about an address.
    fn claim(&mut self, with: u8) {
        let addr = Ipv4Addr::new(192, 0, 2, 9 + (with >> 1 & 1));
        let sender = if with & 4 == 0 { addr } else { Ipv4Addr::UNSPECIFIED };
        let hardware = if with & 8 == 0 { [2, 0, 0, 0, 0, 9] } else { OURS };
        let operation = u16::from(with >> 4 & 3);
        let claim = Claim { operation, hardware, sender, target: addr };
        let actions = self.client.hear(self.now, &claim.bytes(), PacketInfo::PLAIN);
        self.check(&actions);
    }

    fn reply(&mut self, kind: u8, with: u8, more: u8) {
        let kind = [OFFER, ACK, NAK][usize::from(kind % 3)];
        let secs = |choice: u8| [0, 1, 8, 120, 3600, u32::MAX - 1, u32::MAX, 600][usize::from(choice % 8)];
        let mut packet = Packet::new(kind, if with & 1 == 0 { self.xid } else { u32::from(with) });
        packet.yiaddr =
            [[192, 0, 2, 9], [192, 0, 2, 10], [127, 0, 0, 1], [192, 0, 2, 255]][usize::from(with >> 1 & 3)].into();
        packet = packet.option(1, &[255, 255, 255, 0]);
        if with & 8 == 0 {
            packet = packet.option(54, &[192, 0, 2, if with & 16 == 0 { 1 } else { 2 }]);
        }
        if with & 32 != 0 {
            packet = packet.option(80, &[]);
        }
        if with & 64 == 0 {
            packet = packet.option(51, &secs(more).to_be_bytes());
        }
        if with & 128 != 0 {
            packet = packet.option(58, &secs(more >> 3).to_be_bytes()).option(59, &secs(more >> 5).to_be_bytes());
        }
        let actions = self.client.receive(self.now, &packet.bytes(), PacketInfo::PLAIN);
        self.check(&actions);
    }

    /// The promises.
    fn check(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Send { xid, secs, broadcast, want_mtu, ask } => {
                    let (xid, secs, broadcast, want_mtu, ask) = (*xid, *secs, *broadcast, *want_mtu, *ask);
                    let transmission = Transmission { link: link(), xid, secs, broadcast, want_mtu, ask };
                    if self.permit(Request::Transmit(transmission)) {
                        self.policy.sent(self.now, &transmission);
                    }
                    self.check_sent(xid, secs, ask);
                }
                Action::Configure(lease) => {
                    let permitted = self.permit(Request::Configure { link: link(), lease: (**lease).clone() });
                    self.check_lease(lease, permitted);
                }
                Action::Deconfigure(_) => {
                    let something = self.in_force.is_some() || self.waiting.is_some() || !self.work.is_empty();
                    assert!(something, "withdrawn without anything in force");
                    self.work.push_back(Work::Deconfigure);
                }
                Action::Arp(packet) => {
                    self.permit(Request::Arp { link: link(), packet: *packet });
                }
                Action::Probed(finding) => self.probed(*finding),
                Action::Report(progress) => assert_eq!(*progress, self.client.progress(), "a report tells the truth"),
            }
        }
    }

    fn probed(&mut self, finding: Finding) {
        let permitted = self.permit(Request::Probed { link: link(), finding });
        let waiting = self.waiting.take();
        assert!(permitted || waiting.is_none(), "a lease waits for ever");
        match (finding, waiting) {
            (Finding::Free, Some(lease)) => self.work.push_front(Work::Configure(lease)),
            (Finding::Taken { .. }, Some(lease)) => self.work.push_front(Work::Opposed(lease.addr)),
            (Finding::Taken { .. }, None) if permitted => {
                self.work.extend(self.in_force.as_ref().map(|lease| Work::Lost(lease.addr)));
            }
            (Finding::Free | Finding::Taken { .. }, None) => {}
        }
    }

    /// A garbage packet does not look at the clock; any event does.
    fn check_end(&self) {
        if let Some(lease) = &self.in_force
            && lease.term.expires_at().is_some_and(|end| end <= self.now)
        {
            let seen_to = self.work.iter().any(|work| match work {
                Work::Deconfigure => true,
                Work::Denied | Work::Lost(_) | Work::Opposed(_) => false,
                Work::Configure(newer) => newer.term.expires_at().is_none_or(|end| end > self.now),
            });
            assert!(seen_to, "a lease is in force after its end");
        }
    }

    /// Only a race can deny an honest request (a lease that is refused while it is asked to be released), a new server, or so
    /// many conflicts that one more is not told.
    fn permit(&mut self, request: Request) -> bool {
        let declines = matches!(&request, Request::Transmit(Transmission { ask: Ask::Decline { .. }, .. }));
        let arp = matches!(&request, Request::Arp { .. } | Request::Probed { .. });
        match self.policy.permit(self.now, request.clone()) {
            Ok(_) => true,
            Err(Denied::NotOurLease | Denied::NewServer) => false,
            Err(Denied::TooOften) if declines => false,
            // The machine slept through the probes, or is told again and again to begin anew.
            Err(Denied::NotWatched | Denied::TooOften) if arp => false,
            Err(denied) => panic!("the broker would deny {request:?}: {denied}"),
        }
    }

    fn check_sent(&mut self, xid: u32, secs: u16, ask: Ask) {
        assert!(secs >= 1);
        if xid != self.xid {
            self.asked.clear();
        }
        self.xid = xid;
        match ask {
            Ask::Select { .. } | Ask::Reboot { .. } | Ask::Renew { .. } | Ask::Rebind { .. } => {
                self.asked.push(self.now)
            }
            Ask::Discover { rapid_commit: true, .. } => self.asked.push(self.now),
            Ask::Discover { rapid_commit: false, .. } => {}
            Ask::Decline { .. } | Ask::Release { .. } => {}
        }
        self.sent.push_back(self.now);
        while self.sent.front().is_some_and(|first| self.now.since(*first) >= Duration::from_secs(60)) {
            self.sent.pop_front();
        }
        assert!(self.sent.len() <= MAX_MESSAGES_PER_MINUTE, "{} messages in a minute", self.sent.len());
    }

    fn check_lease(&mut self, lease: &Lease, permitted: bool) {
        assert!(self.asked.contains(&lease.term.acquired()), "a lease that nobody asked for");
        assert!(lease.term.is_ordered());
        assert!(lease.prefix.has_host(lease.addr.get()));
        let latest = self.work.back();
        let unanswered = matches!(latest, Some(Work::Configure(_) | Work::Denied | Work::Opposed(_)))
            || (latest.is_none() && self.waiting.is_some());
        assert!(!unanswered, "a second lease before the answer to the first");
        self.work.push_back(if permitted { Work::Configure(Box::new(lease.clone())) } else { Work::Denied });
    }
}

fn remembered(now: Instant, expired: bool) -> Lease {
    let acquired = Instant::from_nanos(now.as_nanos() - if expired { 4_000 } else { 1_000 } * 1_000_000_000);
    let after = |secs| acquired.after(Duration::from_secs(secs));
    let host = |last| UnicastAddr::new([192, 0, 2, last].into()).unwrap();
    Lease::bare(
        host(9),
        PrefixLen::new(24).unwrap(),
        host(1),
        Term::Finite { acquired, renew_at: after(1_800), rebind_at: after(3_150), expires_at: after(3_600) },
    )
}
