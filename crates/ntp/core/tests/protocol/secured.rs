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

/// A client of one source with NTS, whose clock is [`OFF`] behind.
struct Secured {
    client: Client,
    now: Instant,
    wall: Utc,
    number: ExchangeId,
}

/// By how much the server's time is later than what the clock shows.
const OFF: Duration = Duration::from_secs(10 * 86_400);

fn source() -> SourceId {
    SourceId::new(0).unwrap()
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

    fn named(&mut self) -> Vec<Request> {
        let conduct = SourceConduct { kind: Kind::Server, prefer: false, polls: PollRange::USUAL, nts: true };
        self.tell(Notice::Source { source: source(), conduct })
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
    fn keys(&mut self, checked: Utc) -> Vec<Request> {
        self.number = self.number.next();
        let (number, server) = (self.number, address(1));
        let cookies = (0..8).map(|_| Cookie::new(&[1; 100]).unwrap()).collect();
        let keys = Keys { number, source: source(), checked, c2s: KEY, s2c: KEY, cookies };
        let actions = self.client.handle(self.now, Event::Keys(keys));
        let mut requests = self.requests(actions);
        requests.extend(self.tell(Notice::Exchanged { source: source(), number, server }));
        requests
    }

    /// The socket is there, and the question that follows.
    fn question(&mut self) -> (PeerId, Vec<u8>) {
        let peer = PeerId::new(0).unwrap();
        let actions = self.client.handle(self.now, Event::Notice(Notice::Connected { peer, server: address(1) }));
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
    assert_eq!(it.named(), [Request::Exchange { source: source(), at: None }], "and no time is told to check by");
    let servers = [address(1)].into_iter().collect();
    assert_eq!(it.tell(Notice::Addresses { source: source(), servers }), [], "addresses mean nothing without keys");
    it.now = it.now.after(Duration::from_secs(600));
    let late = it.client.handle(it.now, Event::Deadline);
    assert_eq!(it.requests(late), [], "one exchange at a time");
    let asked = it.keys(it.wall);
    assert!(matches!(asked[..], [Request::Connect { .. }]), "{asked:?}");
    assert_eq!(it.question().1.len(), 228);
}

#[test]
fn only_a_protected_answer_sets_the_clock() {
    let mut it = Secured::new();
    let _ = it.named();
    let right = it.wall.saturating_shifted(Offset::from_span(OFF));
    let _ = it.keys(right);
    let (peer, question) = it.question();
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
    let right = |it: &Secured| it.wall.saturating_shifted(Offset::from_span(OFF));
    for (what, confirmed) in [("it is valid then", true), ("it is not", false)] {
        let mut it = Secured::new();
        let _ = it.named();
        let _ = it.keys(it.wall);
        let (peer, question) = it.question();
        let asked = it.answer(peer, &question, true);
        let [Request::Exchange { at: Some(at), .. }] = asked[..] else { panic!("{what}: {asked:?}") };
        assert!(at.since(right(&it)).size() < Duration::from_secs(1), "{what}: at {at}");
        let asked = if confirmed {
            it.keys(at)
        } else {
            let why = Refusal::KeyExchange(KeyFailure::Expired);
            it.tell(Notice::Refused { what: Asked::Exchange(source()), why })
        };
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
    let _ = it.named();
    let right = it.wall.saturating_shifted(Offset::from_span(OFF));
    let _ = it.keys(right);
    let (peer, question) = it.question();
    assert!(is_step(&it.answer(peer, &question, true)));
    it.wall = it.wall.saturating_shifted(Offset::from_span(OFF));
    let asked = it.tell(Notice::Stepped { by: Offset::from_span(OFF) });
    assert!(asked.iter().any(|request| matches!(request, Request::Synchronised { .. })), "{asked:?}");
    // Another source comes.
    let conduct = SourceConduct { kind: Kind::Server, prefer: false, polls: PollRange::USUAL, nts: true };
    let asked = it.tell(Notice::Source { source: SourceId::new(1).unwrap(), conduct });
    let exchange = asked.iter().find_map(|request| if let Request::Exchange { at, .. } = request { *at } else { None });
    assert!(exchange.is_some_and(|at| at.since(it.wall).size() < Duration::from_secs(1)), "{asked:?}");
}
