//! The client on stage: what a trace says happens to it, and what it does is compared.

use std::collections::VecDeque;

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{Command, Conduct, HardwareAddr, Lease, PrefixLen, Refusal, Remembered, Term, UnicastAddr};
use orlop_dhcp_core::client::{Action, Client, Event};
use orlop_dhcp_core::frame::PacketInfo;
use orlop_machine::{Instant, Machine, Seed};

use super::line::{When, Words, write};
use crate::bench::conduct;
use crate::packet::{ACK, Claim, NAK, OFFER, OURS, Packet};

pub(super) struct Stage {
    client: Client,
    start: Instant,
    now: Instant,
    /// The time of the line before.
    last: Instant,
    xid: u32,
    done: VecDeque<(Instant, Action)>,
    ended: bool,
}

impl Stage {
    /// A client as the first lines of a trace describe it. It starts 10,000 s after boot, so that leases from before
    /// have room.
    pub(super) fn new(setup: &[&str]) -> Result<Self, String> {
        let start = Instant::from_nanos(0).after(Duration::from_secs(10_000));
        let (mut conduct, mut remembered, mut carrier) = (conduct(), None, true);
        for line in setup {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut words = Words::new(rest);
            match first {
                "settings" => configure(&mut conduct, &mut words)?,
                "remembered" => remembered = Some(memory(&mut words, start)?),
                "carrier" => carrier = words.take("down").is_none(),
                _ => return Err(format!("unknown setup: {line}")),
            }
            words.done()?;
        }
        let client = Client::new(conduct, HardwareAddr(OURS), remembered, carrier, Seed::from_bytes([9; 32]));
        Ok(Self { client, start, now: start, last: start, xid: 0, done: VecDeque::new(), ended: false })
    }

    /// Plays one line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), String> {
        self.ended = false;
        let (when, rest) = line.split_once(char::is_whitespace).ok_or("no words")?;
        let (sign, rest) = rest.trim().split_once(' ').ok_or("no words after the sign")?;
        let (from, to) = When::parse(when)?.range(self.start, self.last);
        match sign {
            "*" => self.event(from, rest),
            "<" => match rest.trim().strip_prefix("arp ") {
                Some(words) => self.arp(from, words),
                None => self.reply(from, rest),
            },
            ">" | "!" | "=" => {
                self.expect(from, to, &format!("{sign} {}", rest.split_whitespace().collect::<Vec<_>>().join(" ")))
            }
            other => Err(format!("unknown sign {other}")),
        }
    }

    /// Nothing may be left over.
    pub(super) fn finish(self) -> Result<(), String> {
        if self.ended { Ok(()) } else { Err("a trace ends with `* end`".to_owned()) }
    }

    /// Lets time pass to `until`; nothing unlisted may happen before.
    fn pass(&mut self, until: Instant) -> Result<(), String> {
        while self.done.is_empty() && self.client.deadline().is_some_and(|due| due <= until) {
            self.tick()?;
        }
        if let Some((at, action)) = self.done.front() {
            let what = write(action, self.start, self.xid);
            return Err(format!("first this happened: @{:?} {what}", at.since(self.start)));
        }
        if until < self.now {
            return Err("time does not go back".to_owned());
        }
        self.now = until;
        self.last = until;
        Ok(())
    }

    fn tick(&mut self) -> Result<(), String> {
        let due = self.client.deadline().ok_or("nothing is due")?;
        self.now = self.now.max(due);
        let actions = self.client.handle(self.now, Client::DEADLINE);
        if self.client.deadline().is_some_and(|next| next <= self.now) {
            return Err("the deadline is still in the past".to_owned());
        }
        self.done.extend(actions.into_iter().map(|action| (self.now, action)));
        Ok(())
    }

    fn expect(&mut self, from: Instant, to: Instant, want: &str) -> Result<(), String> {
        while self.done.is_empty() && self.client.deadline().is_some_and(|due| due <= to) {
            self.tick()?;
        }
        let (at, action) = self.done.pop_front().ok_or("it did not happen")?;
        let got = write(&action, self.start, self.xid);
        if let Action::Send { xid, .. } = action {
            self.xid = xid;
        }
        if got != want || at < from || at > to {
            return Err(format!("instead: @{:?} {got}", at.since(self.start)));
        }
        self.last = at;
        Ok(())
    }

    fn event(&mut self, at: Instant, text: &str) -> Result<(), String> {
        self.pass(at)?;
        let event = match text.trim() {
            "started" => Event::Started,
            "deadline" => Event::Deadline,
            "applied" => Event::Applied,
            "refused policy" => Event::Refused(Refusal::Policy),
            "refused new-server" => Event::Refused(Refusal::NewServer),
            "refused kernel" => Event::Refused(Refusal::Kernel { errno: 22 }),
            "refused conflict" => {
                let addr = UnicastAddr::new(Ipv4Addr::new(192, 0, 2, 9)).ok_or("no address")?;
                Event::Refused(Refusal::Conflict { addr })
            }
            "carrier up" => Event::CarrierUp,
            "carrier down" => Event::CarrierDown,
            "renew" => Event::Command(Command::Renew),
            "release" => Event::Command(Command::Release),
            "end" => {
                self.ended = true;
                return Ok(());
            }
            other if other.contains(' ') => {
                let (what, addr) = other.split_once(' ').unwrap_or_default();
                let addr = addr.parse().ok().and_then(UnicastAddr::new).ok_or("which address?")?;
                match what {
                    "watch" => Event::Watch(addr),
                    "lost" => Event::Lost(addr),
                    _ => return Err(format!("unknown event {other}")),
                }
            }
            other => return Err(format!("unknown event {other}")),
        };
        let actions = self.client.handle(self.now, event);
        self.done.extend(actions.into_iter().map(|action| (at, action)));
        Ok(())
    }

    /// What another host says: `probe` and `claim` name the address, `by` is the end of its hardware address.
    fn arp(&mut self, at: Instant, text: &str) -> Result<(), String> {
        self.pass(at)?;
        let mut words = Words::new(text);
        let by: u8 = words.parse("by")?.unwrap_or(9);
        let (sender, target) = match (words.parse::<Ipv4Addr>("claim")?, words.parse("probe")?) {
            (Some(addr), None) => (addr, addr),
            (None, Some(addr)) => (Ipv4Addr::UNSPECIFIED, addr),
            _ => return Err("an ARP packet either claims an address or probes for one".to_owned()),
        };
        let packet = Claim { hardware: [2, 0, 0, 0, 0, by], sender, target, ..Claim::default() };
        words.done()?;
        let actions = self.client.hear(self.now, &packet.bytes(), PacketInfo::PLAIN);
        self.done.extend(actions.into_iter().map(|action| (at, action)));
        Ok(())
    }

    fn reply(&mut self, at: Instant, text: &str) -> Result<(), String> {
        self.pass(at)?;
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let kind = match kind {
            "offer" => OFFER,
            "ack" => ACK,
            "nak" => NAK,
            other => return Err(format!("unknown reply {other}")),
        };
        let packet = packet(kind, self.xid, &mut Words::new(rest))?;
        let actions = self.client.receive(self.now, &packet.bytes(), PacketInfo::PLAIN);
        self.done.extend(actions.into_iter().map(|action| (at, action)));
        Ok(())
    }
}

fn configure(conduct: &mut Conduct, words: &mut Words<'_>) -> Result<(), String> {
    conduct.rapid_commit = words.take("rapid-commit").is_some();
    conduct.broadcast = words.take("broadcast").is_some();
    if let Some(secs) = words.parse("fallback")? {
        conduct.fallback_lease_secs = secs;
    }
    Ok(())
}

/// A lease that an earlier process took `age` seconds ago.
fn memory(words: &mut Words<'_>, start: Instant) -> Result<Remembered, String> {
    let host = |addr: Option<Ipv4Addr>| addr.and_then(UnicastAddr::new).ok_or("a remembered lease needs addresses");
    let (addr, server) = (host(words.parse("addr")?)?, host(words.parse("server")?)?);
    let (lease, age): (u64, u64) = (words.parse("lease")?.ok_or("lease=?")?, words.parse("age")?.ok_or("age=?")?);
    let acquired = Instant::from_nanos(start.as_nanos() - age * 1_000_000_000);
    let after = |eighths| acquired.after(Duration::from_secs(lease) * eighths / 8);
    let term = Term::Finite { acquired, renew_at: after(4), rebind_at: after(7), expires_at: after(8) };
    let lease = Lease::bare(addr, PrefixLen::new(24).ok_or("24 bits")?, server, term);
    Ok(Remembered { lease, in_force: words.take("in-force").is_some() })
}

/// A reply to the latest message. What a line does not say is absent, but for a mask of 24 bits beside `yiaddr`.
fn packet(kind: u8, xid: u32, words: &mut Words<'_>) -> Result<Packet, String> {
    let mut packet = Packet::new(kind, xid);
    if let Some(yiaddr) = words.parse::<Ipv4Addr>("yiaddr")? {
        packet = Packet { yiaddr, ..packet }.option(1, &[255, 255, 255, 0]);
    }
    for (key, code) in [("server", 54), ("router", 3), ("dns", 6)] {
        if let Some(addr) = words.parse::<Ipv4Addr>(key)? {
            packet = packet.option(code, &addr.octets());
        }
    }
    for (key, code) in [("lease", 51), ("t1", 58), ("t2", 59)] {
        if let Some(secs) = words.parse::<u32>(key)? {
            packet = packet.option(code, &secs.to_be_bytes());
        }
    }
    if words.take("rapid").is_some() {
        packet = packet.option(80, &[]);
    }
    if let Some(source) = words.parse("source")? {
        packet.source = source;
    }
    match words.take("xid") {
        Some("wrong") => packet.xid = !xid,
        Some(other) => return Err(format!("xid={other}")),
        None => {}
    }
    match words.take("chaddr") {
        Some("wrong") => packet.chaddr[5] ^= 1,
        Some(other) => return Err(format!("chaddr={other}")),
        None => {}
    }
    core::mem::replace(words, Words::new("")).done()?;
    Ok(packet)
}
