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

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    const OURS: HardwareAddr = HardwareAddr([2, 0, 0, 0, 0, 1]);
    const THEIRS: HardwareAddr = HardwareAddr([2, 0, 0, 0, 0, 9]);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
    const ANOTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
    const BEGIN: Instant = Instant::from_nanos(1_000_000_000);

    fn detection(seed: u8) -> Detection {
        Detection::new(BEGIN, UnicastAddr::new(ADDRESS).unwrap(), OURS, Seed::from_bytes([seed; 32]))
    }

    /// Lets what is due happen, and says how long that took.
    fn next(detection: &mut Detection, now: &mut Instant) -> (Duration, Vec<Action>) {
        let due = detection.deadline().unwrap();
        let waited = due.since(*now);
        *now = due;
        (waited, detection.handle(due, Event::Deadline))
    }

    #[test]
    fn while_it_is_probed_for_the_address_is_claimed_by_who_has_it_and_by_who_probes_for_it() {
        let (none, detection) = (Ipv4Addr::UNSPECIFIED, detection(1));
        for (what, hardware, sender, target, is_request, want) in [
            ("who has it asks", THEIRS, ADDRESS, ANOTHER, true, Ok(THEIRS)),
            ("who has it answers", THEIRS, ADDRESS, ANOTHER, false, Ok(THEIRS)),
            ("another prober", THEIRS, none, ADDRESS, true, Ok(THEIRS)),
            ("an answer by nobody", THEIRS, none, ADDRESS, false, Err(Discard::Unexpected)),
            ("our own probe", OURS, none, ADDRESS, true, Err(Discard::Unexpected)),
            ("our own announcement", OURS, ADDRESS, ADDRESS, true, Err(Discard::Unexpected)),
            ("a probe for another address", THEIRS, none, ANOTHER, true, Err(Discard::BadArp)),
            ("a question by a host with an address of its own", THEIRS, ANOTHER, ADDRESS, true, Err(Discard::BadArp)),
        ] {
            assert_eq!(detection.judge(&Arp { hardware, sender, target, is_request }), want, "{what}");
        }
    }

    #[test]
    fn nothing_happens_before_it_is_due() {
        let (mut detection, mut now) = (detection(2), BEGIN);
        for step in 0..=PROBE_NUM {
            let due = detection.deadline().unwrap();
            assert_eq!(detection.handle(now, Event::Deadline), [], "step {step}: the last one was just now");
            assert_eq!(detection.deadline(), Some(due), "step {step}");
            let _ = next(&mut detection, &mut now);
        }
        assert_eq!(detection.stage(), Stage::Watching, "announced once");
        assert_eq!(detection.handle(now, Event::Deadline), [], "the second announcement is not due");
        assert_eq!(next(&mut detection, &mut now), (ANNOUNCE_INTERVAL, vec![Action::Send(Packet::Announce)]));
        assert_eq!(detection.deadline(), None);
    }

    /// RFC 5227 section 2.1.1: probes are "spaced randomly and uniformly between PROBE_MIN and PROBE_MAX seconds apart".
    #[test]
    fn between_probes_it_waits_for_a_random_time_and_after_the_last_one_for_a_fixed_one() {
        let mut waits = Vec::new();
        for seed in 0..20 {
            let (mut detection, mut now) = (detection(seed), BEGIN);
            assert!(next(&mut detection, &mut now).0 <= PROBE_WAIT, "seed {seed}");
            for _ in 1..PROBE_NUM {
                let (waited, actions) = next(&mut detection, &mut now);
                assert_eq!(actions, [Action::Send(Packet::Probe)], "seed {seed}");
                waits.push(waited);
            }
            let (waited, actions) = next(&mut detection, &mut now);
            assert_eq!(waited, ANNOUNCE_WAIT, "seed {seed}");
            assert_eq!(actions, [Action::Found(Finding::Free), Action::Send(Packet::Announce)], "seed {seed}");
        }
        assert!(waits.iter().all(|wait| (PROBE_MIN..=PROBE_MAX).contains(wait)), "{waits:?}");
        waits.sort();
        waits.dedup();
        assert!(waits.len() > 30, "they differ: {waits:?}");
    }
}
