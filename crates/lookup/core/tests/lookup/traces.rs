//! Runs the traces in `tests/traces`: conversations that a protocol person can read, compared whole.
//!
//! A line is `@WHEN SIGN WORDS`. WHEN is seconds since the start, `+SECONDS` after the line before, or a range `FROM..TO` for
//! what has jitter. Signs: `*` an event, `<` what the broker or a server says, `>` what is sent or asked for, `=` a result. A socket is `NAME@SERVER/udp` or
//! `/tcp`. Every action must have its line, in order; `@T * end` says that nothing more happens until T.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use orlop_harness::traces;
use orlop_lookup_contract::{NameId, Place, Request, ServerCount, ServerId, Transport};
use orlop_lookup_core::question::Kind;
use orlop_lookup_core::{Action, Event, Lookups};
use orlop_machine::{Instant, Machine as _, Seed};
use orlop_wire::DomainName;

use crate::message::{AAAA, Message, NAME, name};
use crate::script::questions;

#[test]
fn every_trace_plays_as_written() {
    traces::every_trace_plays(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces"), 15, play);
}

#[test]
fn a_trace_that_is_wrong_in_any_word_fails() {
    let good = "@0 * servers 2\n@0 * wanted 0\n@0 > connect 0@0/udp\n@0 < connected 0@0/udp\n@0 > ask 0@0/udp A edns\n\
                @0 > ask 0@0/udp AAAA edns\n@0.5 > connect 0@1/udp\n@0.6 < answer 0@0/udp A 192.0.2.1\n\
                @0.7 < answer 0@0/udp AAAA none\n@0.7 > close 0@0/udp\n@0.7 = found 0 192.0.2.1 for 300\n@300 * end\n";
    let changes = [
        ("unknown event", "wanted 0", "sought 0"),
        ("unknown sign", "@0 > connect", "@0 ~ connect"),
        ("another socket", "> connect 0@0/udp", "> connect 0@0/tcp"),
        ("another server", "> connect 0@0/udp", "> connect 0@1/udp"),
        ("another name", "> connect 0@0/udp", "> connect 1@0/udp"),
        ("another kind", "> ask 0@0/udp A edns", "> ask 0@0/udp AAAA edns"),
        ("without EDNS", "> ask 0@0/udp A edns", "> ask 0@0/udp A"),
        ("another time", "@0.5 > connect", "@0.6 > connect"),
        ("an unlisted action", "@0.7 > close 0@0/udp\n", ""),
        ("an action that does not happen", "@300 * end", "@299 > connect 0@0/udp"),
        ("another address", "found 0 192.0.2.1", "found 0 192.0.2.2"),
        ("another life", "for 300", "for 299"),
        ("an answer to what was not asked", "< answer 0@0/udp A 192", "< answer 0@1/udp A 192"),
        ("an unknown answer", "AAAA none", "AAAA nonsense"),
        ("an unfinished trace", "@300 * end\n", ""),
        ("time going back", "@300 * end\n", "@300 * end\n@299 * end\n"),
    ];
    traces::every_change_is_noticed(good, &changes, play);
}

/// Plays one trace.
fn play(text: &str) -> Result<(), String> {
    let mut stage = Stage::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        stage.line(line).map_err(|why| format!("line {number}: {line}\n  {why}"))?;
    }
    stage.finish()
}

struct Stage {
    lookups: Lookups,
    now: Duration,
    /// What the machine did, and when, of which no line has spoken yet.
    done: VecDeque<(Duration, String)>,
    /// The numbers of the last questions.
    asked: BTreeMap<(Place, Kind), u16>,
    ended: bool,
}

impl Stage {
    fn new() -> Self {
        let lookups = Lookups::new(Seed::from_bytes([7; 32]));
        Self { lookups, now: Duration::ZERO, done: VecDeque::new(), asked: BTreeMap::new(), ended: false }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let when = words.next().and_then(|word| word.strip_prefix('@')).ok_or("no time")?;
        let (from, to) = when.split_once("..").unwrap_or((when, when));
        let (from, to) = (self.when(from)?, self.when(to)?);
        if to < self.now {
            return Err(format!("time goes back from {:?}", self.now));
        }
        let sign = words.next().ok_or("no sign")?;
        let words: Vec<&str> = words.collect();
        self.ended = words == ["end"];
        match sign {
            ">" | "=" => {
                self.pass(to, true);
                let (at, did) = self.done.pop_front().ok_or("nothing happens")?;
                let said = format!("{sign} {}", words.join(" "));
                if did != said {
                    return Err(format!("it does at {at:?}: {did}"));
                }
                if !(from..=to).contains(&at) {
                    return Err(format!("it does that at {at:?}"));
                }
                Ok(())
            }
            "*" | "<" => {
                self.pass(to, false);
                if let Some((at, did)) = self.done.front() {
                    return Err(format!("before that, at {at:?}: {did}"));
                }
                self.now = to;
                if sign == "*" { self.event(&words) } else { self.heard(&words) }
            }
            other => Err(format!("unknown sign {other}")),
        }
    }

    fn finish(self) -> Result<(), String> {
        if self.ended { Ok(()) } else { Err("the trace does not say that it ends".to_owned()) }
    }

    fn instant(&self) -> Instant {
        Instant::from_nanos(0).after(self.now)
    }

    fn when(&self, text: &str) -> Result<Duration, String> {
        let (base, text) = text.strip_prefix('+').map_or((Duration::ZERO, text), |rest| (self.now, rest));
        let seconds = text.parse().map_err(|_| "no time")?;
        Ok(base + Duration::try_from_secs_f64(seconds).map_err(|why| why.to_string())?)
    }

    /// Lets time pass, until something happens if that is waited for.
    fn pass(&mut self, to: Duration, waiting: bool) {
        while !waiting || self.done.is_empty() {
            let due = self.lookups.deadline().map(|due| due.since(Instant::from_nanos(0)));
            let Some(due) = due.filter(|due| *due <= to) else { break };
            self.now = due.max(self.now);
            self.handle(Event::Deadline);
        }
    }

    fn event(&mut self, words: &[&str]) -> Result<(), String> {
        let event = match words {
            ["servers", count] => Event::Servers(number(count, ServerCount::new)?),
            ["wanted", id] => Event::Wanted(number(id, NameId::new)?, DomainName::new(NAME).unwrap()),
            ["wanted", id, name] => {
                Event::Wanted(number(id, NameId::new)?, DomainName::new(name).map_err(|why| why.to_string())?)
            }
            ["forgotten", id] => Event::Forgotten(number(id, NameId::new)?),
            ["end"] => return Ok(()),
            other => return Err(format!("unknown event {other:?}")),
        };
        self.handle(event);
        Ok(())
    }

    fn heard(&mut self, words: &[&str]) -> Result<(), String> {
        let [what, place, rest @ ..] = words else { return Err("too few words".to_owned()) };
        let place = place_of(place)?;
        match (*what, rest) {
            ("connected", []) => self.handle(Event::Connected(place)),
            ("unconnected", []) => self.handle(Event::Unconnected(place)),
            ("refused", []) => self.handle(Event::Broken { place, refused: true }),
            ("broken", []) => self.handle(Event::Broken { place, refused: false }),
            ("answer", [kind, words @ ..]) => {
                let kind = Kind::ALL.into_iter().find(|one| written(*one) == *kind).ok_or("unknown kind")?;
                let id = *self.asked.get(&(place, kind)).ok_or("that was not asked")?;
                let message = answer(id, kind, words)?;
                let framed = match place.transport {
                    Transport::Udp => message,
                    Transport::Tcp => [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat(),
                };
                let actions = self.lookups.receive(self.instant(), place, &framed);
                self.did(actions);
            }
            _ => return Err(format!("unknown words {words:?}")),
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        let actions = self.lookups.handle(self.instant(), event);
        self.did(actions);
    }

    fn did(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Ask(Request::Connect(place)) => self.done(format!("> connect {}", named(place))),
                Action::Ask(Request::Found { id, addresses, lifetime }) => {
                    let words: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    self.done(format!("= found {id} {} for {}", words.join(" "), u32::from(lifetime)));
                }
                Action::Ask(Request::Failed { id, why }) => self.done(format!("= failed {id} {why}")),
                Action::Ask(Request::Discards(discards)) => {
                    let words = discards.iter().filter(|(_, n)| *n > 0).map(|(why, n)| format!(" {why} {n}"));
                    self.done(format!("= dropped{}", words.collect::<String>()));
                }
                Action::Close(place) => self.done(format!("> close {}", named(place))),
                Action::Send(place, bytes) => self.sent(place, &bytes),
            }
        }
    }

    /// Notes each question of what is sent.
    fn sent(&mut self, place: Place, bytes: &[u8]) {
        // ARCOUNT: the OPT record is the only one that there may be.
        let edns = match place.transport {
            Transport::Udp => bytes.get(11),
            Transport::Tcp => bytes.get(13),
        };
        let edns = if edns == Some(&1) { " edns" } else { "" };
        for (id, kind) in questions(place.transport, bytes) {
            assert!(self.asked.insert((place, kind), id) != Some(id), "a number was used twice");
            self.done(format!("> ask {} {}{edns}", named(place), written(kind)));
        }
    }

    fn done(&mut self, what: String) {
        self.done.push_back((self.now, what));
    }
}

fn answer(id: u16, kind: Kind, words: &[&str]) -> Result<Vec<u8>, String> {
    let message = Message::new(id, kind.number());
    let message = match words {
        ["none"] => message,
        ["nxdomain"] => message.code(3),
        ["servfail"] => message.code(2),
        ["refused"] => message.code(5),
        ["truncated"] => message.truncated(),
        ["garbage"] => message.raw(&[0xff; 9]),
        ["other-number"] => Message { id: id.wrapping_add(1), ..message.a(NAME, 66) },
        ["other-name"] => message.question([&name("b.example")[..], &[0, 1, 0, 1]].concat()).a("b.example", 66),
        addresses => {
            let mut message = message;
            for address in addresses {
                message = match address.parse().map_err(|_| format!("no address: {address}"))? {
                    std::net::IpAddr::V4(v4) => message.record(NAME, 1, 300, &v4.octets()),
                    std::net::IpAddr::V6(v6) => message.record(NAME, AAAA, 300, &v6.octets()),
                };
            }
            message
        }
    };
    Ok(message.bytes())
}

fn number<T>(text: &str, make: impl Fn(u8) -> Option<T>) -> Result<T, String> {
    text.parse().ok().and_then(make).ok_or(format!("no such number: {text}"))
}

fn place_of(text: &str) -> Result<Place, String> {
    let (id, rest) = text.split_once('@').ok_or("no socket")?;
    let (server, transport) = rest.split_once('/').ok_or("no socket")?;
    let transport = match transport {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        other => return Err(format!("unknown transport {other}")),
    };
    Ok(Place { id: number(id, NameId::new)?, server: number(server, ServerId::new)?, transport })
}

fn named(place: Place) -> String {
    let transport = match place.transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    };
    format!("{}@{}/{transport}", place.id, place.server)
}

fn written(kind: Kind) -> &'static str {
    match kind {
        Kind::A => "A",
        Kind::Aaaa => "AAAA",
    }
}
