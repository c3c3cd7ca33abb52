//! One client, and all that it is told and does, word by word: what is right between two events, and does not show in how well a
//! clock is kept.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use orlop_machine::{Chance, Instant, Machine as _, Seed};
use orlop_ntp_contract::{
    Asked, Conduct, Cookie, Discard, ExchangeId, Frequency, KeyFailure, Keys, Kind, Notice, Occasion, Offset, PeerId,
    PeerState, Phase, Policy, Poll, PollRange, Reading, Refusal, Request, ServerAddr, SourceConduct, SourceId, Status,
    Utc,
};
use orlop_ntp_core::client::{Action, Client, Event, REPORT_INTERVAL};
use orlop_ntp_core::nts::field::{Unique, seal};

use crate::answer::{Answer, nonce};
use crate::place::{BEGIN, FLOOR, address};
use crate::targets::KEY;

/// A client whose broker gives it every socket that it asks for, and does nothing else that it is asked for.
struct Dialogue {
    client: Client,
    now: Instant,
    wall: Utc,
    /// The last question to each.
    questions: BTreeMap<PeerId, Vec<u8>>,
    /// The last key exchange that was done.
    exchange: ExchangeId,
    /// When the broker was told how things stand, and the phase.
    reports: Vec<(Instant, Phase)>,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn peer(number: u8) -> PeerId {
    PeerId::new(number).unwrap()
}

fn source(number: u8) -> SourceId {
    SourceId::new(number).unwrap()
}

impl Dialogue {
    /// A client that has been told to begin, and believes a majority alone.
    fn begun() -> Self {
        Self::believing(None)
    }

    /// One that believes a single answer after this time.
    fn believing(lone_answer_after: Option<Duration>) -> Self {
        let mut it = Self {
            client: Client::new(Seed::from_bytes([3; 32])),
            now: Instant::from_nanos(1_000_000_000),
            wall: Utc::from_secs(BEGIN),
            questions: BTreeMap::new(),
            exchange: ExchangeId::default(),
            reports: Vec::new(),
        };
        let (floor, occasion) = (Utc::from_secs(FLOOR), Occasion::Boot);
        assert_eq!(
            it.tell(Notice::Begin(Conduct { floor, occasion, lone_answer_after, drift: Frequency::ZERO })),
            [""; 0]
        );
        it
    }

    /// One that asks servers 0, 1 and so on, each a source of its own.
    fn asking(servers: u8) -> Self {
        let mut it = Self::begun();
        for number in 0..servers {
            let said = it.source(number, Kind::Server, &[address(usize::from(number))]);
            assert_eq!(said, [format!("connect {number}"), format!("ask {number}")]);
        }
        it
    }

    /// One that follows these servers, whose time is that of the clock.
    fn following(servers: u8) -> Self {
        let mut it = Self::asking(servers);
        for number in 0..servers {
            let _ = it.answer(number, Offset::ZERO);
        }
        assert_eq!(it.status().phase, Phase::Steady);
        it
    }

    fn source(&mut self, number: u8, kind: Kind, servers: &[ServerAddr]) -> Vec<String> {
        let conduct = SourceConduct { kind, prefer: false, polls: PollRange::USUAL, nts: false };
        assert_eq!(self.tell(Notice::Source { source: source(number), conduct }), [""; 0]);
        self.tell(Notice::Addresses { source: source(number), servers: servers.iter().copied().collect() })
    }

    fn status(&self) -> Status {
        self.client.status(self.now)
    }

    fn wait(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        self.wall = self.wall.saturating_shifted(Offset::from_span(wait));
    }

    /// What is done at the next deadline.
    fn next(&mut self) -> Vec<String> {
        let deadline = self.client.deadline().expect("there is something to wait for");
        self.wait(deadline.since(self.now));
        self.event(Event::Deadline)
    }

    /// What is done at all deadlines of this time.
    fn during(&mut self, time: Duration) -> Vec<String> {
        let (end, mut said) = (self.now.after(time), Vec::new());
        while self.client.deadline().is_some_and(|deadline| deadline <= end) {
            said.extend(self.next());
        }
        self.wait(end.since(self.now));
        said
    }

    fn tell(&mut self, notice: Notice) -> Vec<String> {
        self.event(Event::Notice(notice))
    }

    /// A server answers its last question after 10 ms. Its clock is ahead of ours by this.
    fn answer(&mut self, from: u8, ahead: Offset) -> Vec<String> {
        let shows = self.wall.saturating_shifted(Offset::from_nanos(5_000_000)).saturating_shifted(ahead);
        let answer = Answer::new(self.nonce(from), shows, shows).bytes();
        self.reply(from, answer)
    }

    /// Instead of that it sends a kiss.
    fn kiss(&mut self, from: u8, code: [u8; 4]) -> Vec<String> {
        let kiss = Answer { stratum: 0, reference_id: code, ..Answer::new(self.nonce(from), self.wall, self.wall) };
        self.reply(from, kiss.bytes())
    }

    /// Somebody says that the server cannot read the cookie of a question with these random bits of NTS.
    fn nak(&mut self, from: u8, unique: &[u8; 32]) -> Vec<String> {
        let rest = [&[1, 4, 0, 36][..], unique].concat();
        let nak =
            Answer { stratum: 0, reference_id: *b"NTSN", rest, ..Answer::new(self.nonce(from), self.wall, self.wall) };
        self.receive(from, &nak.bytes())
    }

    /// As it comes from the server: protected, if the question was.
    fn reply(&mut self, from: u8, plain: Vec<u8>) -> Vec<String> {
        let reply = if self.questions[&peer(from)].len() > plain.len() {
            let (unique, cookie) = (Unique::from_bytes(self.unique(from)), Cookie::new(&[2; 100]).unwrap());
            let mut chance = Chance::new(Seed::from_bytes([8; 32]));
            seal(plain.first_chunk().unwrap(), &unique, &cookie, 0, &KEY, &mut chance)
        } else {
            plain
        };
        self.receive(from, &reply)
    }

    fn receive(&mut self, from: u8, datagram: &[u8]) -> Vec<String> {
        self.wait(Duration::from_millis(10));
        let actions = self.client.receive(self.now, peer(from), datagram, self.wall);
        self.done(actions)
    }

    fn nonce(&self, of: u8) -> u64 {
        nonce(self.questions[&peer(of)].first_chunk().unwrap())
    }

    /// The random bits of NTS of the last question.
    fn unique(&self, of: u8) -> [u8; 32] {
        self.questions[&peer(of)][52..84].try_into().unwrap()
    }

    /// A source that is asked with NTS.
    fn with_nts(&mut self, number: u8) -> Vec<String> {
        let conduct = SourceConduct { kind: Kind::Server, prefer: false, polls: PollRange::USUAL, nts: true };
        self.tell(Notice::Source { source: source(number), conduct })
    }

    /// The key exchange with the source of this number is done, with a certificate that was valid at this time. Its server has the
    /// same number.
    fn keys(&mut self, of: u8, checked: Utc) -> Vec<String> {
        self.exchange = self.exchange.next();
        let (number, source) = (self.exchange, source(of));
        let cookies = (0..8).map(|_| Cookie::new(&[1; 100]).unwrap()).collect();
        let said = self.event(Event::Keys(Keys { number, source, checked, c2s: KEY, s2c: KEY, cookies }));
        assert_eq!(said, [""; 0], "where the server is has not been said yet");
        self.tell(Notice::Exchanged { source, number, server: address(usize::from(of)) })
    }

    fn event(&mut self, event: Event) -> Vec<String> {
        let actions = self.client.handle(self.now, event);
        self.done(actions)
    }

    /// Does what can be done, and says what was to be done; reports are left out.
    fn done(&mut self, actions: Vec<Action>) -> Vec<String> {
        let (mut actions, mut said) = (VecDeque::from(actions), Vec::new());
        while let Some(action) = actions.pop_front() {
            let (word, next) = match action {
                Action::Close { peer } => (format!("close {peer}"), None),
                Action::Send { peer, packet } => {
                    self.questions.insert(peer, packet);
                    (format!("ask {peer}"), Some(Event::Sent { peer, at: self.wall }))
                }
                Action::Ask(Request::Connect { peer, source: _, server }) => {
                    (format!("connect {peer}"), Some(Event::Notice(Notice::Connected { peer, server })))
                }
                Action::Ask(Request::Read { peer }) => (format!("read {peer}"), None),
                Action::Ask(Request::Step(_)) => ("step".to_owned(), None),
                Action::Ask(Request::Frequency { drift: _, slew }) => {
                    (if slew == Frequency::ZERO { "slew no more" } else { "slew" }.to_owned(), None)
                }
                Action::Ask(Request::Synchronised { .. }) => ("vouch".to_owned(), None),
                Action::Ask(Request::Unsynchronised) => ("vouch no more".to_owned(), None),
                Action::Ask(Request::Exchange { source, at: None }) => (format!("exchange keys {source}"), None),
                Action::Ask(Request::Exchange { source, at: Some(_) }) => {
                    (format!("exchange keys {source}, valid at a time"), None)
                }
                Action::Ask(Request::Report(status)) => {
                    self.reports.push((self.now, status.phase));
                    continue;
                }
            };
            said.push(word);
            actions.extend(next.map(|event| self.client.handle(self.now, event)).unwrap_or_default());
        }
        said
    }
}

#[test]
fn a_socket_that_nobody_waits_for_is_closed() {
    for (what, number, server) in [
        ("a second one", 0, address(0)),
        ("one to another server", 0, address(1)),
        ("one of a peer that is not there", 5, address(0)),
    ] {
        let said = Dialogue::asking(1).tell(Notice::Connected { peer: peer(number), server });
        assert_eq!(said, [format!("close {number}")], "{what}");
    }
}

#[test]
fn a_server_that_is_silent_is_asked_through_a_new_socket_every_fourth_time() {
    let said = Dialogue::asking(1).during(Duration::from_secs(120));
    let first = ["ask 0", "ask 0", "ask 0"];
    let later = ["close 0", "connect 0", "ask 0", "ask 0", "ask 0", "ask 0"];
    assert_eq!(said[..9], [&first[..], &later[..]].concat());
    assert_eq!(said[9..11], ["close 0", "connect 0"]);
}

#[test]
fn a_socket_through_which_nothing_can_be_sent_is_replaced_in_a_while() {
    let mut it = Dialogue::asking(1);
    assert_eq!(it.event(Event::NotSent { peer: peer(0) }), ["close 0"]);
    let before = it.now;
    assert_eq!(it.next(), ["connect 0", "ask 0"]);
    assert!(it.now.since(before) >= Poll::MIN.interval());
}

#[test]
fn under_other_addresses_of_ours_every_socket_is_replaced() {
    let mut it = Dialogue::following(2);
    it.wait(Duration::from_secs(10));
    assert_eq!(it.tell(Notice::Online), ["close 0", "close 1", "connect 0", "connect 1", "ask 0", "ask 1"]);
}

#[test]
fn a_server_that_comes_back_under_another_name_is_asked_no_sooner_than_is_polite() {
    let mut it = Dialogue::asking(1);
    let asked = it.now;
    it.wait(SECOND);
    assert_eq!(it.source(1, Kind::Server, &[address(1)]), ["connect 1", "ask 1"]);
    it.wait(SECOND / 2);
    for number in [0, 1] {
        assert_eq!(it.tell(Notice::SourceGone { source: source(number) }), [format!("close {number}")]);
    }
    assert_eq!(it.source(2, Kind::Server, &[address(0)]), ["connect 0"]);
    assert_eq!(it.next(), ["ask 0"]);
    assert_eq!(it.now.since(asked), Poll::MIN.interval());
}

#[test]
fn of_two_servers_that_are_silent_one_is_replaced_and_a_minute_later_the_other() {
    let mut it = Dialogue::begun();
    let all: Vec<ServerAddr> = (0..6).map(address).collect();
    let _ = it.source(0, Kind::Pool { want: 2 }, &all);
    let servers = |it: &Dialogue| it.status().peers.iter().map(|peer| peer.server).collect::<Vec<_>>();
    while servers(&it) == all[..2] {
        let _ = it.next();
    }
    let once = servers(&it);
    let _ = it.during(Duration::from_secs(60) - Duration::from_nanos(1));
    assert_eq!(servers(&it), once, "not yet");
    it.wait(Duration::from_nanos(1));
    let _ = it.event(Event::Deadline);
    assert_ne!(servers(&it), once);
}

/// What the hardware clock shows more than the other.
fn reading(it: &Dialogue, offset: Offset) -> Reading {
    Reading { at: it.now, shown: it.wall, offset, delay: Duration::from_micros(2) }
}

#[test]
fn what_a_clock_shows_is_taken_from_a_clock_alone() {
    let mut it = Dialogue::asking(1);
    let reading = reading(&it, Offset::from_span(HOUR));
    assert_eq!(it.tell(Notice::Reading { peer: peer(0), reading }), [""; 0]);
    assert_eq!((it.status().phase, it.status().peers[0].answered), (Phase::Asking, None));
}

#[test]
fn a_hardware_clock_that_cannot_be_read_any_more_is_vouched_for_no_more() {
    let mut it = Dialogue::begun();
    assert_eq!(it.source(0, Kind::Server, &[ServerAddr::CLOCK]), ["connect 0", "read 0"]);
    let right = reading(&it, Offset::ZERO);
    assert_eq!(it.tell(Notice::Reading { peer: peer(0), reading: right }), ["vouch"]);
    let said = it.during(2 * HOUR);
    assert_eq!(said.iter().filter(|word| *word == "vouch no more").count(), 1, "{said:?}");
    assert_eq!(it.status().phase, Phase::Lost);
}

#[test]
fn an_answer_to_a_question_of_before_the_occasion_is_none() {
    let mut it = Dialogue::following(1);
    assert_eq!(it.next(), ["ask 0"]);
    let said = it.tell(Notice::Occasion(Occasion::Operator));
    assert_eq!(said, ["vouch no more"]);
    assert_eq!(it.answer(0, Offset::from_span(HOUR)), [""; 0]);
    let discards = it.status().discards;
    assert_eq!((discards.of(Discard::Stepped), discards.of(Discard::Unasked)), (1, 1));
    assert_eq!(it.next(), ["ask 0"]);
    assert_eq!(it.answer(0, Offset::from_span(HOUR)), ["step"]);
}

#[test]
fn a_clock_that_somebody_else_has_set_is_looked_at_by_everybody_anew() {
    let mut it = Dialogue::following(2);
    let (asked, _) = (it.next(), it.next());
    assert_eq!(asked, ["ask 0"]);
    it.wall = it.wall.saturating_shifted(Offset::from_span(HOUR));
    while it.status().phase == Phase::Steady {
        let said = it.next();
        assert!(said.iter().any(|word| word.starts_with("ask")), "{said:?}");
    }
    assert_eq!(it.status().phase, Phase::Asking);
}

/// Waits until this server is asked.
fn until_asked(it: &mut Dialogue, server: u8) {
    until(it, &format!("ask {server}"));
}

/// Waits until this is done.
fn until(it: &mut Dialogue, word: &str) {
    for _ in 0..1000 {
        if it.next().iter().any(|said| said == word) {
            return;
        }
    }
    panic!("nobody says `{word}`");
}

#[test]
fn one_who_says_that_a_clock_is_far_off_makes_it_uncertain_in_either_direction() {
    for (millis, want) in [(-3000, Phase::Asking), (3000, Phase::Asking), (-900, Phase::Steady), (900, Phase::Steady)] {
        let mut it = Dialogue::following(3);
        until_asked(&mut it, 0);
        let _ = it.answer(0, Offset::from_nanos(millis * 1_000_000));
        assert_eq!(it.status().phase, want, "{millis} ms");
    }
}

#[test]
fn a_second_is_not_far_off_and_a_nanosecond_more_is() {
    for (more, want) in [(0, Phase::Steady), (1, Phase::Asking)] {
        let mut it = Dialogue::following(2);
        assert_eq!(it.source(2, Kind::Server, &[ServerAddr::CLOCK]), ["connect 2", "read 2"]);
        let right = reading(&it, Offset::ZERO);
        let _ = it.tell(Notice::Reading { peer: peer(2), reading: right });
        assert_eq!(it.status().phase, Phase::Steady);
        it.wait(SECOND);
        let off = reading(&it, Offset::from_nanos(1_000_000_000 + more));
        let _ = it.tell(Notice::Reading { peer: peer(2), reading: off });
        assert_eq!(it.status().phase, want, "{more} ns more than a second");
    }
}

#[test]
fn a_step_that_was_refused_is_asked_for_again_after_ten_minutes_and_not_before() {
    for (what, then, want) in [
        ("soon", Duration::from_secs(100), false),
        ("a moment before", Policy::STEP_EVERY - Duration::from_nanos(1), false),
        ("then", Policy::STEP_EVERY, true),
    ] {
        let mut it = Dialogue::asking(1);
        assert_eq!(it.answer(0, Offset::from_span(HOUR)), ["step"], "{what}");
        let refused = it.now;
        let _ = it.tell(Notice::Refused { what: Asked::Step, why: Refusal::TooOften });
        assert_eq!(it.status().phase, Phase::Slewing, "{what}");
        let _ = it.during(then - Duration::from_secs(3));
        let _ = it.tell(Notice::Occasion(Occasion::Operator));
        until_asked(&mut it, 0);
        it.wait(then - it.now.since(refused) - Duration::from_millis(10));
        let said = it.answer(0, Offset::from_span(HOUR));
        assert_eq!(it.now.since(refused), then, "{what}");
        assert_eq!(said.contains(&"step".to_owned()), want, "{what}: {said:?}");
    }
}

#[test]
fn who_has_not_answered_is_no_falseticker() {
    let mut it = Dialogue::asking(3);
    let _ = it.answer(0, Offset::ZERO);
    let _ = it.answer(1, Offset::ZERO);
    let states: Vec<PeerState> = it.status().peers.iter().map(|peer| peer.state).collect();
    assert_eq!(states, [PeerState::Selected, PeerState::Selected, PeerState::Unreachable]);
}

#[test]
fn who_has_answered_is_not_connecting_when_its_socket_is_lost() {
    for (what, mut it, want) in [
        ("it has answered", Dialogue::following(1), PeerState::Selected),
        ("it has not", Dialogue::asking(1), PeerState::Connecting),
    ] {
        let _ = it.event(Event::NotSent { peer: peer(0) });
        assert_eq!(it.status().peers[0].state, want, "{what}");
    }
}

#[test]
fn a_client_without_a_socket_waits() {
    assert_eq!(Dialogue::begun().status().phase, Phase::Waiting);
    let mut it = Dialogue::asking(1);
    assert_eq!(it.status().phase, Phase::Asking);
    let _ = it.event(Event::NotSent { peer: peer(0) });
    assert_eq!(it.status().phase, Phase::Waiting);
}

#[test]
fn two_who_agreed_and_do_not_any_more_disagree() {
    let mut it = Dialogue::following(2);
    until_asked(&mut it, 0);
    assert_eq!(it.answer(0, Offset::from_nanos(500_000_000)), [""; 0], "nobody vouches for the clock");
    assert_eq!(it.status().phase, Phase::Disagreeing);
}

#[test]
fn another_phase_is_reported_at_once_and_all_else_every_five_seconds() {
    let mut it = Dialogue::following(1);
    let first: Vec<Phase> = it.reports.iter().map(|(_, phase)| *phase).collect();
    assert_eq!(first, [Phase::Waiting, Phase::Asking, Phase::Steady]);
    for _ in 0..20 {
        until_asked(&mut it, 0);
        let _ = it.answer(0, Offset::ZERO);
    }
    let steady: Vec<Instant> = it.reports[2..].iter().map(|(at, _)| *at).collect();
    assert!(steady.len() > 8, "{steady:?}");
    assert!(steady.windows(2).all(|two| two[1].since(two[0]) >= REPORT_INTERVAL), "{steady:?}");
    let _ = it.tell(Notice::Offline);
    assert_eq!(it.reports.last(), Some(&(it.now, Phase::Offline)));
}

#[test]
fn a_source_that_is_asked_with_nts_from_now_on_is_another_one() {
    let mut it = Dialogue::following(2);
    let said = it.with_nts(0);
    assert_eq!(said[0], "close 0");
    assert!(said.contains(&"exchange keys 0, valid at a time".to_owned()), "{said:?}");
    assert!(!said.contains(&"close 1".to_owned()), "{said:?}");
    assert_eq!(it.with_nts(0), [""; 0], "as it was");
}

#[test]
fn what_the_clock_shows_is_no_reason_to_refuse_a_certificate_before_somebody_vouches_for_it() {
    let doubting = || {
        let mut it = Dialogue::following(3);
        until_asked(&mut it, 0);
        let _ = it.answer(0, Offset::from_nanos(3_000_000_000));
        it
    };
    for (what, mut it, want) in [
        ("nobody has answered", Dialogue::asking(2), "exchange keys 7"),
        ("a majority has", Dialogue::following(2), "exchange keys 7, valid at a time"),
        ("one of them doubts it", doubting(), "exchange keys 7, valid at a time"),
    ] {
        assert_eq!(it.with_nts(7), [want], "{what}");
    }
}

/// A client of one server that it asks with NTS, and of this many others.
fn keyed(others: u8) -> Dialogue {
    let mut it = Dialogue::begun();
    assert_eq!(it.with_nts(0), ["exchange keys 0"]);
    for number in 1..=others {
        let _ = it.source(number, Kind::Server, &[address(usize::from(number))]);
    }
    let now = it.wall;
    let said = it.keys(0, now);
    assert_eq!(said, [format!("connect {others}"), format!("ask {others}")]);
    it
}

#[test]
fn with_new_keys_a_server_is_asked_at_once() {
    let mut it = keyed(0);
    // The burst is over then, and so are the cookies.
    for _ in 1..8 {
        let _ = it.answer(0, Offset::ZERO);
        until_asked(&mut it, 0);
    }
    let _ = it.answer(0, Offset::ZERO);
    it.wait(Duration::from_secs(10));
    let now = it.wall;
    assert_eq!(it.keys(0, now), ["vouch", "ask 0"]);
}

#[test]
fn what_was_said_under_keys_that_are_good_no_longer_was_said_by_nobody() {
    let mut it = keyed(1);
    let days = Offset::from_span(10 * 24 * HOUR);
    let (plain, secured) = (0, 1);
    assert_eq!(it.answer(plain, days), [""; 0]);
    assert_eq!(it.answer(secured, days), ["exchange keys 0, valid at a time"]);
    let answered = |it: &Dialogue| it.status().peers.iter().map(|peer| peer.answered.is_some()).collect::<Vec<_>>();
    assert_eq!(answered(&it), [true, true]);
    let why = Refusal::KeyExchange(KeyFailure::Expired);
    let _ = it.tell(Notice::Refused { what: Asked::Exchange(source(0)), why });
    assert_eq!(answered(&it), [true, false]);
}

#[test]
fn a_lone_answer_that_has_waited_long_enough_counts_once_its_certificate_is_confirmed() {
    let mut it = Dialogue::believing(Some(Duration::from_secs(5)));
    assert_eq!(it.with_nts(0), ["exchange keys 0"]);
    assert_eq!(it.source(1, Kind::Server, &[]), [""; 0]);
    let now = it.wall;
    assert_eq!(it.keys(0, now), ["connect 0", "ask 0"]);
    let days = 10 * 24 * HOUR;
    assert_eq!(it.answer(0, Offset::from_span(days)), [""; 0], "it is not alone");
    let said = it.during(Duration::from_secs(6));
    assert!(said.contains(&"exchange keys 0, valid at a time".to_owned()), "{said:?}");
    let then = it.wall.saturating_shifted(Offset::from_span(days));
    let mut said = it.keys(0, then);
    said.extend(it.during(Duration::from_secs(4)));
    assert!(said.contains(&"step".to_owned()), "{said:?}");
}

#[test]
fn who_answers_first_after_a_long_silence_waits_three_seconds_for_others_and_no_longer_when_he_answers_again() {
    let mut it = Dialogue::believing(Some(Duration::from_secs(20)));
    for number in [0, 1] {
        let _ = it.source(number, Kind::Server, &[address(usize::from(number))]);
    }
    let _ = it.during(Duration::from_secs(60));
    until_asked(&mut it, 0);
    assert_eq!(it.answer(0, Offset::from_span(HOUR)), [""; 0]);
    let first = it.now;
    until_asked(&mut it, 0);
    assert_eq!(it.answer(0, Offset::from_span(HOUR)), [""; 0]);
    let _ = it.during((Duration::from_secs(3) - Duration::from_nanos(1)).saturating_sub(it.now.since(first)));
    assert_eq!(it.status().phase, Phase::Asking);
    assert_eq!(it.during(Duration::from_nanos(1)), ["step"]);
}

#[test]
fn who_says_again_that_the_server_cannot_read_our_cookie_has_keys_exchanged() {
    let count = |it: &Dialogue| {
        let discards = it.status().discards;
        [Discard::Nak, Discard::Kiss, Discard::Unprotected].map(|why| discards.of(why))
    };
    for (what, say, want, exchanges) in [
        (
            "he has seen the question",
            (|it, unique| it.nak(0, unique)) as fn(&mut Dialogue, &[u8; 32]) -> _,
            [2, 0, 0],
            true,
        ),
        ("he has not", |it, _| it.nak(0, &[7; 32]), [0, 0, 2], false),
        ("he asks for fewer questions, under the server's protection", |it, _| it.kiss(0, *b"RATE"), [0, 2, 0], false),
    ] {
        let mut it = keyed(0);
        for _ in 0..2 {
            let unique = it.unique(0);
            let _: Vec<String> = say(&mut it, &unique);
            until_asked(&mut it, 0);
        }
        assert_eq!(count(&it), want, "{what}");
        let said = it.during(Duration::from_secs(12));
        assert_eq!(said.iter().any(|word| word.starts_with("exchange keys")), exchanges, "{what}: {said:?}");
    }
}

#[test]
fn a_slew_that_the_broker_does_not_begin_is_none_and_one_that_it_does_not_end_is_ended_ten_seconds_later() {
    let slewing = || {
        let mut it = Dialogue::asking(1);
        assert_eq!(it.answer(0, Offset::from_span(2 * SECOND)), ["step"]);
        let said = it.tell(Notice::Refused { what: Asked::Step, why: Refusal::Budget });
        assert_eq!(said, ["slew"], "and nobody vouches for the clock");
        it
    };
    let refused = Notice::Refused { what: Asked::Frequency, why: Refusal::Kernel { errno: 1 } };
    let mut it = slewing();
    assert_ne!(it.status().slew, Frequency::ZERO);
    assert_eq!(it.tell(refused.clone()), [""; 0]);
    assert_eq!(it.status().slew, Frequency::ZERO);

    let mut it = slewing();
    until(&mut it, "slew no more");
    let before = it.now;
    assert!(!it.tell(refused).contains(&"slew no more".to_owned()), "not at once");
    assert_ne!(it.status().slew, Frequency::ZERO);
    until(&mut it, "slew no more");
    assert_eq!(it.now.since(before), Duration::from_secs(10));
}

#[test]
fn a_clock_is_vouched_for_every_two_seconds() {
    let mut it = Dialogue::begun();
    let _ = it.source(0, Kind::Server, &[ServerAddr::CLOCK]);
    for (after, want) in [(0, true), (1_999_999_999, false), (1, true), (1_000_000_000, false), (1_000_000_000, true)] {
        it.wait(Duration::from_nanos(after));
        let right = reading(&it, Offset::ZERO);
        let said = it.tell(Notice::Reading { peer: peer(0), reading: right });
        assert_eq!(said.contains(&"vouch".to_owned()), want, "{after} ns later: {said:?}");
    }
}

#[test]
fn what_a_step_would_add_is_told_while_it_is_asked_for() {
    let mut it = Dialogue::asking(1);
    assert_eq!(it.answer(0, Offset::from_span(HOUR)), ["step"]);
    assert!(it.status().offset.minus(Offset::from_span(HOUR)).size() < SECOND);
}

#[test]
fn a_doubt_that_is_not_confirmed_leaves_those_who_were_followed() {
    let mut it = Dialogue::following(2);
    until_asked(&mut it, 0);
    let _ = it.answer(0, Offset::from_span(3 * SECOND));
    assert_eq!((it.status().phase, it.status().stratum), (Phase::Asking, 0));
    let _ = it.during(Duration::from_secs(11));
    assert_eq!((it.status().phase, it.status().stratum), (Phase::Disagreeing, 3));
}

#[test]
fn what_was_measured_during_a_slew_is_known_at_its_end_as_it_looks_then() {
    let mut it = Dialogue::asking(1);
    let back = |span| Offset::ZERO.minus(Offset::from_span(span));
    assert_eq!(it.answer(0, back(2 * SECOND)), ["step"]);
    let began = it.now;
    assert_eq!(it.tell(Notice::Refused { what: Asked::Step, why: Refusal::Budget }), ["slew"]);
    // A slew takes 500 ppm, of which this clock knows nothing.
    let left = |it: &Dialogue| back(2 * SECOND - it.now.since(began) / 2000);
    for _ in 0..1000 {
        let mut said = it.next();
        if said.contains(&"ask 0".to_owned()) {
            let ahead = left(&it);
            said.extend(it.answer(0, ahead));
        }
        if said.contains(&"slew no more".to_owned()) {
            break;
        }
    }
    assert_eq!(it.status().slew, Frequency::ZERO);
    until_asked(&mut it, 0);
    let said = it.answer(0, back(SECOND / 2));
    assert!(said.contains(&"slew".to_owned()), "the filter goes on with all that it knows: {said:?}");
}
