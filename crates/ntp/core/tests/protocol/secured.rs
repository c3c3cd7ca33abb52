//! Sources that are asked with NTS, as the machine sees them: when keys are exchanged, what is asked under them, and that
//! nothing else sets the clock.

use core::time::Duration;

use orlop_machine::{Chance, Instant, Machine as _, Seed};
use orlop_ntp_contract::{
    Asked, Conduct, Cookie, Discard, ExchangeId, Frequency, KeyFailure, Keys, Kind, Notice, NtsState, Occasion, Offset,
    PeerId, PollRange, Refusal, Request, SourceConduct, SourceId, Utc,
};
use orlop_ntp_core::client::{Action, Client, Event};
use orlop_ntp_core::nts::field::{Unique, seal};

use crate::answer::Answer;
use crate::place::{BEGIN, FLOOR, address};
use crate::targets::KEY;

/// A client of sources with NTS, whose clock is [`OFF`] behind.
struct Secured {
    client: Client,
    now: Instant,
    wall: Utc,
    number: ExchangeId,
}

/// By how much the server's time is later than what the clock shows.
const OFF: Duration = Duration::from_secs(10 * 86_400);

fn source(n: usize) -> SourceId {
    SourceId::new(u8::try_from(n).unwrap()).unwrap()
}

impl Secured {
    fn new() -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let mut it = Self {
            client: Client::new(Seed::from_bytes([5; 32])),
            now,
            wall: Utc::from_secs(BEGIN),
            number: ExchangeId::default(),
        };
        let floor = Utc::from_secs(FLOOR);
        let conduct = Conduct { floor, occasion: Occasion::Boot, lone_answer_after: None, drift: Frequency::ZERO };
        let begun = it.tell(Notice::Begin(conduct));
        assert!(begun.iter().all(|request| matches!(request, Request::Report(_))), "{begun:?}");
        it
    }

    fn named(&mut self, n: usize) -> Vec<Request> {
        let conduct = SourceConduct { kind: Kind::Server, prefer: false, polls: PollRange::USUAL, nts: true };
        self.tell(Notice::Source { source: source(n), conduct })
    }

    fn tell(&mut self, notice: Notice) -> Vec<Request> {
        let actions = self.client.handle(self.now, Event::Notice(notice));
        self.requests(actions)
    }

    /// What is asked of the broker; questions are kept for [`Self::question`].
    fn requests(&mut self, actions: Vec<Action>) -> Vec<Request> {
        let mut requests = Vec::new();
        for action in actions {
            match action {
                Action::Ask(Request::Report(_)) | Action::Close { .. } => {}
                Action::Ask(request) => requests.push(request),
                Action::Send { .. } => panic!("a question, where none is due"),
            }
        }
        requests
    }

    /// An exchange is done, whose certificate was valid at this time.
    fn keys(&mut self, n: usize, checked: Utc) -> Vec<Request> {
        self.number = self.number.next();
        let (number, server) = (self.number, address(n));
        let cookies = (0..8).map(|_| Cookie::new(&[1; 100]).unwrap()).collect();
        let keys = Keys { number, source: source(n), checked, c2s: KEY, s2c: KEY, cookies };
        let actions = self.client.handle(self.now, Event::Keys(keys));
        let mut requests = self.requests(actions);
        requests.extend(self.tell(Notice::Exchanged { source: source(n), number, server }));
        requests
    }

    /// An exchange has yielded nothing.
    fn no_keys(&mut self, n: usize, why: KeyFailure) -> Vec<Request> {
        self.tell(Notice::Refused { what: Asked::Exchange(source(n)), why: Refusal::KeyExchange(why) })
    }

    /// What the servers show.
    fn right(&self) -> Utc {
        self.wall.saturating_shifted(Offset::from_span(OFF))
    }

    /// Whether keys are to be exchanged with this source, and its certificate checked at the time that the clock shows.
    fn exchanges_by_the_clock(&self, n: usize, asked: &[Request]) -> bool {
        let is_one = |request: &&Request| matches!(request, Request::Exchange { source: of, .. } if *of == source(n));
        let by_clock = |request: &Request| {
            let Request::Exchange { at: Some(at), .. } = request else { return false };
            at.since(self.wall).size() < Duration::from_secs(1)
        };
        let mut exchanges = asked.iter().filter(is_one);
        exchanges.next().is_some_and(by_clock) && exchanges.next().is_none()
    }

    /// The broker has set the clock.
    fn stepped(&mut self) -> Vec<Request> {
        self.wall = self.right();
        self.tell(Notice::Stepped { by: Offset::from_span(OFF) })
    }

    /// The socket that was asked for is there, and the question that follows.
    fn question(&mut self, asked: &[Request]) -> (PeerId, Vec<u8>) {
        let connect = asked.iter().find_map(|request| {
            let Request::Connect { peer, server, .. } = request else { return None };
            Some((*peer, *server))
        });
        let (peer, server) = connect.expect("a socket was asked for");
        let actions = self.client.handle(self.now, Event::Notice(Notice::Connected { peer, server }));
        self.sent(actions)
    }

    /// The question of a few seconds later.
    fn next_question(&mut self) -> (PeerId, Vec<u8>) {
        let later = Duration::from_secs(3);
        self.now = self.now.after(later);
        self.wall = self.wall.saturating_shifted(Offset::from_span(later));
        let actions = self.client.handle(self.now, Event::Deadline);
        self.sent(actions)
    }

    fn sent(&mut self, actions: Vec<Action>) -> (PeerId, Vec<u8>) {
        let question = actions.into_iter().find_map(|action| match action {
            Action::Send { peer, packet } => Some((peer, packet)),
            Action::Ask(_) | Action::Close { .. } => None,
        });
        let (peer, packet) = question.expect("a question");
        let _ = self.client.handle(self.now, Event::Sent { peer, at: self.wall });
        (peer, packet)
    }

    /// The server's answer 10 ms later, under its protection or without.
    fn answer(&mut self, peer: PeerId, question: &[u8], protected: bool) -> Vec<Request> {
        let (then, half) = (self.wall, Offset::from_nanos(5_000_000));
        self.now = self.now.after(Duration::from_millis(10));
        self.wall = then.saturating_shifted(half).saturating_shifted(half);
        let shows = then.saturating_shifted(half).saturating_shifted(Offset::from_span(OFF));
        let origin = u64::from_be_bytes(question[40..48].try_into().unwrap());
        let plain = Answer::new(origin, shows, shows).bytes();
        let unique = Unique::from_bytes(question[52..84].try_into().unwrap());
        let mut chance = Chance::new(Seed::from_bytes([8; 32]));
        let cookie = Cookie::new(&[2; 100]).unwrap();
        let sealed = seal(plain.first_chunk().unwrap(), &unique, &cookie, 0, &KEY, &mut chance);
        let answer = if protected { sealed } else { plain };
        let actions = self.client.receive(self.now, peer, &answer, self.wall);
        self.requests(actions)
    }
}

fn is_step(requests: &[Request]) -> bool {
    requests.iter().any(|request| matches!(request, Request::Step(_)))
}

#[test]
fn nobody_is_asked_for_the_time_before_there_are_keys() {
    let mut it = Secured::new();
    assert_eq!(it.named(0), [Request::Exchange { source: source(0), at: None }], "and no time is told to check by");
    let servers = [address(1)].into_iter().collect();
    assert_eq!(it.tell(Notice::Addresses { source: source(0), servers }), [], "addresses mean nothing without keys");
    it.now = it.now.after(Duration::from_secs(600));
    let late = it.client.handle(it.now, Event::Deadline);
    assert_eq!(it.requests(late), [], "one exchange at a time");
    let asked = it.keys(0, it.wall);
    assert!(matches!(asked[..], [Request::Connect { .. }]), "{asked:?}");
    assert_eq!(it.question(&asked).1.len(), 228);
}

#[test]
fn only_a_protected_answer_sets_the_clock() {
    let mut it = Secured::new();
    let _ = it.named(0);
    let asked = it.keys(0, it.right());
    let (peer, question) = it.question(&asked);
    assert!(!is_step(&it.answer(peer, &question, false)));
    let status = it.client.status(it.now);
    assert_eq!((status.discards.of(Discard::Unprotected), status.nts[0].state), (1, NtsState::Intercepted));
    let asked = it.answer(peer, &question, true);
    assert!(is_step(&asked), "{asked:?}");
    let asked = it.answer(peer, &question, true);
    assert!(!is_step(&asked), "the same answer again: {asked:?}");
}

#[test]
fn a_clock_is_set_only_once_the_certificate_was_checked_at_the_time_that_it_is_set_to() {
    for (what, confirmed) in [("it is valid then", true), ("it is not", false)] {
        let mut it = Secured::new();
        let _ = it.named(0);
        let asked = it.keys(0, it.wall);
        let (peer, question) = it.question(&asked);
        let asked = it.answer(peer, &question, true);
        let [Request::Exchange { at: Some(at), .. }] = asked[..] else { panic!("{what}: {asked:?}") };
        assert!(at.since(it.right()).size() < Duration::from_secs(1), "{what}: at {at}");
        let asked = if confirmed { it.keys(0, at) } else { it.no_keys(0, KeyFailure::Expired) };
        assert_eq!(is_step(&asked), confirmed, "{what}: {asked:?}");
        if !confirmed {
            assert_eq!(it.client.status(it.now).nts[0].state, NtsState::NoKeys);
            it.now = it.now.after(Duration::from_secs(9));
            let later = it.client.handle(it.now, Event::Deadline);
            assert_eq!(it.requests(later), [], "not again so soon");
        }
    }
}

#[test]
fn once_somebody_has_vouched_for_the_clock_certificates_are_checked_by_it() {
    let mut it = Secured::new();
    let _ = it.named(0);
    let asked = it.keys(0, it.right());
    let (peer, question) = it.question(&asked);
    assert!(is_step(&it.answer(peer, &question, true)));
    let asked = it.stepped();
    assert!(asked.iter().any(|request| matches!(request, Request::Synchronised { .. })), "{asked:?}");
    // Another source comes.
    let asked = it.named(1);
    assert!(it.exchanges_by_the_clock(1, &asked), "{asked:?}");
}

/// Three sources, of which the first two agree on the time and set the clock. What the third does meanwhile is `third`.
fn decided_by_two(third: impl FnOnce(&mut Secured)) -> (Secured, Vec<Request>) {
    let mut it = Secured::new();
    for n in 0..3 {
        let _ = it.named(n);
    }
    let asked = [0, 1].map(|n| it.keys(n, it.right()));
    third(&mut it);
    let questions = asked.map(|asked| it.question(&asked));
    let asked = questions.map(|(peer, question)| it.answer(peer, &question, true));
    assert_eq!(asked.map(|asked| is_step(&asked)), [false, true], "two of three are a majority");
    let asked = it.stepped();
    (it, asked)
}

#[test]
fn who_was_not_of_the_majority_is_not_asked_before_its_certificate_was_checked_at_the_time_that_it_found() {
    for (what, why) in
        [("it is valid then", None), ("it is not", Some(KeyFailure::Expired)), ("nobody knows", Some(KeyFailure::Slow))]
    {
        let mut provisional = Vec::new();
        let (mut it, asked) = decided_by_two(|it| provisional = it.keys(2, it.wall));
        assert!(it.exchanges_by_the_clock(2, &asked), "{what}: {asked:?}");
        assert_eq!(it.client.status(it.now).nts[2].cookies, 0, "{what}: none of the keys of before is left");
        // Nothing is asked under them: this panics where a question is sent.
        let [Request::Connect { peer, server, .. }] = provisional[..] else { panic!("{what}: {provisional:?}") };
        assert_eq!(it.tell(Notice::Connected { peer, server }), [], "{what}");
        let asked = match why {
            None => it.keys(2, it.wall),
            Some(why) => it.no_keys(2, why),
        };
        assert_eq!(asked, [], "{what}: not again so soon");
        let state = it.client.status(it.now).nts[2].state;
        assert_eq!(state, if why.is_none() { NtsState::Keyed } else { NtsState::NoKeys }, "{what}");
    }
}

#[test]
fn keys_that_were_ordered_before_the_clock_was_set_and_come_afterwards_are_exchanged_again() {
    let (mut it, asked) = decided_by_two(|_| {});
    assert!(!asked.iter().any(|request| matches!(request, Request::Exchange { .. })), "it is on its way: {asked:?}");
    let before = it.wall.saturating_shifted(Offset::ZERO.minus(Offset::from_span(OFF)));
    let asked = it.keys(2, before);
    assert!(it.exchanges_by_the_clock(2, &asked), "{asked:?}");
    assert!(!asked.iter().any(|request| matches!(request, Request::Connect { .. })), "{asked:?}");
    let asked = it.keys(2, it.wall);
    assert!(matches!(asked[..], [Request::Connect { .. }]), "{asked:?}");
    assert_eq!(it.question(&asked).1.len(), 228);
}

#[test]
fn a_clock_that_fell_behind_makes_no_certificate_doubtful() {
    let mut it = Secured::new();
    let _ = it.named(0);
    let asked = it.keys(0, it.right());
    let (peer, question) = it.question(&asked);
    assert!(is_step(&it.answer(peer, &question, true)));
    let _ = it.stepped();
    // The machine stood still for days, and nobody has said so.
    let (peer, question) = it.next_question();
    assert!(is_step(&it.answer(peer, &question, true)));
    let asked = it.stepped();
    assert!(!asked.iter().any(|request| matches!(request, Request::Exchange { .. })), "{asked:?}");
    assert_eq!(it.client.status(it.now).nts[0].state, NtsState::Protected);
}
