//! Whether another host has our address (RFC 5227): asked for a few seconds, and from then on defended.
//!
//! | stage    | another host says that it has the address | another host probes for it | silence            |
//! |----------|-------------------------------------------|----------------------------|--------------------|
//! | probing  | it is taken                               | it is taken                | it is free         |
//! | watching | defended, once in ten seconds             | the kernel answers         | announced twice    |
//!
//! A defended address is never given up (section 2.4 (c)): a lease is the server's word, an ARP packet anybody's, and with (b) two
//! forged ones would unplug a host.

use core::time::Duration;

use orlop_dhcp_contract::timing::{
    ANNOUNCE_INTERVAL, ANNOUNCE_NUM, ANNOUNCE_WAIT, DEFEND_INTERVAL, PROBE_MAX, PROBE_MIN, PROBE_NUM, PROBE_WAIT,
};
use orlop_dhcp_contract::{Arp as Packet, Discard, Finding, HardwareAddr, Stage, UnicastAddr};
use orlop_machine::{Chance, Instant, Machine, Seed};

use crate::arp::Arp;

/// What happens to an address that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Another host claims it, as [`Detection::judge`] has found.
    Claimed(HardwareAddr),
    /// The instant of [`Machine::deadline`] has come.
    Deadline,
}

/// What should be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send this.
    Send(Packet),
    /// Tell what the probes have found.
    Found(Finding),
}

/// The detection of conflicts for one address of one link.
#[derive(Debug)]
pub struct Detection {
    addr: UnicastAddr,
    hardware: HardwareAddr,
    chance: Chance,
    state: State,
    /// When it was defended last.
    defended: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// After so many probes, the next is due; after the last, the address is free.
    Probing { sent: u32, next: Instant },
    /// After so many announcements, the next is due.
    Announcing { sent: u32, next: Instant },
    /// It is ours.
    Watching,
}

impl Detection {
    /// Begins to probe for `addr` from a link with the address `hardware`.
    #[must_use]
    pub fn new(now: Instant, addr: UnicastAddr, hardware: HardwareAddr, seed: Seed) -> Self {
        let mut chance = Chance::new(seed);
        let next = now.after(chance.duration(Duration::ZERO..=PROBE_WAIT));
        Self { addr, hardware, chance, state: State::Probing { sent: 0, next }, defended: None }
    }

    /// Which address is watched.
    #[must_use]
    pub const fn addr(&self) -> UnicastAddr {
        self.addr
    }

    /// How far it has come.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self.state {
            State::Probing { .. } => Stage::Probing,
            State::Announcing { .. } | State::Watching => Stage::Watching,
        }
    }

    /// Who claims the address by this packet: a host that has it, and, while it is probed for, one that probes for it as well
    /// (RFC 5227 section 2.1.1). Our own packets, which a network may send back, say nothing.
    ///
    /// # Errors
    /// [`Discard::BadArp`] for a packet about another address, [`Discard::Unexpected`] for one that means nothing now.
    pub fn judge(&self, arp: &Arp) -> Result<HardwareAddr, Discard> {
        let Arp { hardware, sender, target, is_request } = *arp;
        let has = sender == self.addr.get();
        let probes = sender.is_unspecified() && target == self.addr.get();
        if !has && !probes {
            return Err(Discard::BadArp);
        }
        let counts = has || (is_request && self.stage() == Stage::Probing);
        if hardware == self.hardware || !counts { Err(Discard::Unexpected) } else { Ok(hardware) }
    }

    fn probe(&mut self, now: Instant, sent: u32) -> Vec<Action> {
        if sent < PROBE_NUM {
            let sent = sent.saturating_add(1);
            let wait = if sent < PROBE_NUM { self.chance.duration(PROBE_MIN..=PROBE_MAX) } else { ANNOUNCE_WAIT };
            self.state = State::Probing { sent, next: now.after(wait) };
            return vec![Action::Send(Packet::Probe)];
        }
        let announced = self.announce(now, 0);
        [Action::Found(Finding::Free)].into_iter().chain(announced).collect()
    }

    fn announce(&mut self, now: Instant, sent: u32) -> Vec<Action> {
        let sent = sent.saturating_add(1);
        self.state = if sent < ANNOUNCE_NUM {
            State::Announcing { sent, next: now.after(ANNOUNCE_INTERVAL) }
        } else {
            State::Watching
        };
        vec![Action::Send(Packet::Announce)]
    }
}

impl Machine for Detection {
    type Event = Event;
    type Action = Action;
    const DEADLINE: Event = Event::Deadline;

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match (self.state, event) {
            (State::Probing { sent, next }, Event::Deadline) if next <= now => self.probe(now, sent),
            (State::Announcing { sent, next }, Event::Deadline) if next <= now => self.announce(now, sent),
            (State::Probing { .. } | State::Announcing { .. } | State::Watching, Event::Deadline) => Vec::new(),
            // Where the broker finds that this comes too late, the address stays, and is defended.
            (State::Probing { .. }, Event::Claimed(by)) => {
                self.state = State::Watching;
                vec![Action::Found(Finding::Taken { by })]
            }
            (State::Announcing { .. } | State::Watching, Event::Claimed(against)) => {
                if self.defended.is_some_and(|last| now.since(last) < DEFEND_INTERVAL) {
                    return Vec::new();
                }
                self.defended = Some(now);
                vec![Action::Send(Packet::Defend { against })]
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Probing { next, .. } | State::Announcing { next, .. } => Some(next),
            State::Watching => None,
        }
    }
}
