//! When the machine connects, waits, asks again and gives up.

use std::time::Duration;

use orlop_machine::{Instant, Machine as _, Seed};
use orlop_metadata_contract::{Errand, Failure as Told, Place, Policy, Provider, Request};
use orlop_metadata_core::fetch::{ANSWER_TIMEOUT, Action, CONNECT_TIMEOUT, Event, Fetch, Report};
use orlop_metadata_core::http::{HttpError, Response};
use orlop_metadata_core::left_out::LeftOut;
use orlop_metadata_core::provider::{Answers, Ask, Failure, Options, Source};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// A run under test, which began at 1 s and gives up 30 s later.
struct Run {
    fetch: Fetch,
    now: Instant,
}

impl Run {
    fn new(provider: Provider) -> Self {
        Self::with_seed(provider, 7)
    }

    fn with_seed(provider: Provider, seed: u8) -> Self {
        Self::with(provider, seed, Options { reports: true, ..Options::default() })
    }

    fn with(provider: Provider, seed: u8, options: Options) -> Self {
        let source = Source::of(provider).unwrap();
        let now = Instant::from_nanos(0).after(SECOND);
        let fetch = Fetch::new(source, options, now.after(30 * SECOND), Seed::from_bytes([seed; 32]));
        Self { fetch, now }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.fetch.handle(self.now, event)
    }

    /// Lets time pass until the next deadline; how long that was, and what is done then.
    fn pass(&mut self) -> (Duration, Vec<Action>) {
        let due = self.fetch.deadline().expect("a deadline");
        let waited = due.since(self.now);
        self.now = due;
        (waited, self.on(Event::Deadline))
    }

    /// Has a connection, and the bytes of the first request.
    fn connected(&mut self) -> Vec<u8> {
        assert_eq!(self.on(Event::Start), [Action::Connect(Place(0))]);
        assert!(self.on(Event::Granted).is_empty());
        sent(&self.on(Event::Connected))
    }

    fn receives(&mut self, text: &str) -> Vec<Action> {
        self.on(Event::Received(text.as_bytes().to_vec()))
    }

    fn is_over(&self) -> bool {
        self.fetch.deadline().is_none()
    }
}

fn sent(actions: &[Action]) -> Vec<u8> {
    match actions {
        [Action::Send(bytes)] => bytes.clone(),
        other => panic!("not one request: {other:?}"),
    }
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

const DROPLET: &str = r#"{"droplet_id": 7, "hostname": "web-1"}"#;

#[test]
fn an_answer_in_pieces_is_an_answer() {
    let mut run = Run::new(Provider::DigitalOcean);
    assert!(run.connected().starts_with(b"GET /metadata/v1.json HTTP/1.1\r\nHost: 169.254.169.254\r\n"));
    let whole = answer(200, "", DROPLET);
    let (last, before) = whole.as_bytes().split_last().unwrap();
    for byte in before {
        assert!(run.on(Event::Received(vec![*byte])).is_empty());
    }
    let [Action::Found(tree)] = &run.on(Event::Received(vec![*last]))[..] else { panic!("nothing is found") };
    assert_eq!(tree.hostname.as_ref().map(|name| name.as_str()), Some("web-1"));
    assert!(run.is_over(), "while the broker is told, nothing is waited for");
    assert_eq!(run.on(Event::Told), [Action::Close, Action::Done(Report::Unwanted)]);
    assert!(run.on(Event::Told).is_empty() && run.on(Event::Start).is_empty() && run.on(Event::Deadline).is_empty());
}

#[test]
fn a_connection_is_waited_for_a_second_and_then_the_other_way_is_tried() {
    let mut run = Run::new(Provider::Aws);
    assert_eq!(run.on(Event::Start), [Action::Connect(Place(0))]);
    assert_eq!(
        run.fetch.deadline(),
        Some(run.now.after(30 * SECOND)),
        "the broker waits for a route as long as there is time"
    );
    assert!(run.on(Event::Granted).is_empty());
    assert_eq!(run.pass(), (CONNECT_TIMEOUT, vec![Action::Close]));
    let (waited, actions) = run.pass();
    assert!((Duration::from_millis(100)..=Duration::from_millis(200)).contains(&waited), "{waited:?}");
    assert_eq!(actions, [Action::Connect(Place(1))], "the IPv6 address");
    assert!(run.on(Event::Unconnected).is_empty());
    assert_eq!(run.pass().1, [Action::Connect(Place(0))], "and the first one again");
    assert!(run.on(Event::Granted).is_empty());
    assert_eq!(run.on(Event::Broken), [Action::Close], "refused");
    assert_eq!(run.pass().1, [Action::Connect(Place(1))]);
    run.on(Event::Granted);
    let request = sent(&run.on(Event::Connected));
    assert!(String::from_utf8(request).unwrap().contains("\r\nHost: [fd00:ec2::254]\r\n"));
}

#[test]
fn one_connection_serves_a_whole_run_and_another_service_has_its_own() {
    let mut run = Run::new(Provider::Azure);
    run.connected();
    let [Action::Found(_)] = &run.receives(&answer(200, "", r#"{"compute": {"name": "a"}}"#))[..] else {
        panic!("nothing is found")
    };
    assert_eq!(run.on(Event::Told), [Action::Close, Action::Connect(Place(1))], "the wire server");
    run.on(Event::Granted);
    let request = String::from_utf8(sent(&run.on(Event::Connected))).unwrap();
    assert!(request.starts_with("GET /machine/?comp=goalstate HTTP/1.1\r\nHost: 168.63.129.16\r\n"), "{request}");
}

#[test]
fn nobody_is_told_that_the_machine_is_ready_by_a_run_without_reports() {
    let document = answer(200, "", r#"{"compute": {"name": "a"}, "id": "1"}"#);
    for (provider, answers) in [(Provider::Azure, 1), (Provider::Scaleway, 3)] {
        let mut run = Run::with(provider, 7, Options::default());
        run.connected();
        let actions = (0..answers).map(|_| run.receives(&document)).last().unwrap();
        assert!(matches!(actions[..], [Action::Found(_)]), "{}: {actions:?}", provider.name());
        assert_eq!(run.on(Event::Told), [Action::Close, Action::Done(Report::Unwanted)], "{}", provider.name());
        assert!(run.is_over(), "{}", provider.name());
    }
}

#[test]
fn a_service_that_does_not_take_a_report_has_not_taken_it() {
    let mut run = Run::new(Provider::Scaleway);
    run.connected();
    let document = answer(200, "", r#"{"compute": {"name": "a"}, "id": "1"}"#);
    let actions = (0..3).map(|_| run.receives(&document)).last().unwrap();
    assert!(matches!(actions[..], [Action::Found(_)]), "{actions:?}");
    assert!(String::from_utf8(sent(&run.on(Event::Told))).unwrap().starts_with("PATCH /state "));
    let refused = run.receives(&answer(403, "", ""));
    assert_eq!(refused, [Action::Close, Action::Done(Report::Failed(Failure::Refused(403)))]);
}

#[test]
fn what_the_wire_server_says_goes_into_no_other_document_unless_it_is_an_identifier() {
    let long = "x".repeat(129);
    for (container, is_one) in [("c-1", true), ("a b", false), ("&amp;", false), ("", false), (long.as_str(), false)] {
        let mut run = Run::new(Provider::Azure);
        run.connected();
        run.receives(&answer(200, "", r#"{"compute": {"name": "a"}}"#));
        run.on(Event::Told);
        run.on(Event::Granted);
        run.on(Event::Connected);
        let goal =
            format!("<Incarnation>1</Incarnation><ContainerId>{container}</ContainerId><InstanceId>i</InstanceId>");
        let actions = run.receives(&answer(200, "", &goal));
        let failed = [Action::Close, Action::Done(Report::Failed(Failure::Document("goal state")))];
        assert_eq!(actions != failed, is_one, "{container}: {actions:?}");
    }
}

#[test]
fn a_deadline_that_is_not_due_does_nothing_and_one_that_is_over_ends_the_run() {
    let mut run = Run::new(Provider::DigitalOcean);
    assert_eq!(run.on(Event::Start), [Action::Connect(Place(0))]);
    assert_eq!(run.on(Event::Deadline), [], "a connection is waited for");
    assert!(run.on(Event::Granted).is_empty());
    assert_eq!(run.on(Event::Deadline), [], "still");
    sent(&run.on(Event::Connected));
    assert_eq!(run.on(Event::Deadline), [], "an answer is waited for");
    assert_eq!(run.receives(&answer(503, "", "")), []);
    assert_eq!(run.on(Event::Deadline), [], "it is not asked again yet");
    run.now = run.now.after(40 * SECOND);
    assert_eq!(run.on(Event::Deadline), [Action::Close, Action::Failed(Failure::NotReady(503))], "after a suspend");
    assert!(run.is_over());
}

#[test]
fn a_service_that_ends_each_connection_gets_another_one() {
    for (what, first) in [
        ("it says so", answer(200, "Connection: close\r\n", "token")),
        ("the old version", answer(200, "", "token").replace("HTTP/1.1", "HTTP/1.0")),
        ("more than was asked for", answer(200, "", "token") + "HTTP/1.1 200 x\r\n"),
    ] {
        let mut run = Run::new(Provider::Aws);
        run.connected();
        assert_eq!(run.receives(&first), [Action::Close, Action::Connect(Place(0))], "{what}");
    }
    let mut run = Run::new(Provider::Aws);
    run.connected();
    sent(&run.receives(&answer(200, "", "token")));
    assert_eq!(run.on(Event::Ended), [Action::Close, Action::Connect(Place(0))], "it was only about to say so");
    run.on(Event::Granted);
    sent(&run.on(Event::Connected));
    assert_eq!(run.on(Event::Ended), [Action::Close], "a new connection that ends at once is a failure");
    assert_eq!(run.pass().1, [Action::Connect(Place(0))]);
    let mut run = Run::new(Provider::Aws);
    run.connected();
    sent(&run.receives(&answer(200, "", "token")));
    run.receives("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(run.on(Event::Ended), [Action::Close], "in the middle of an answer: asked again after a wait");
}

#[test]
fn what_a_machine_is_of_use_without_is_given_up_only_by_a_service_that_is_there() {
    let mut run = Run::new(Provider::Aws);
    run.connected();
    for body in ["token", "web-1"] {
        sent(&run.receives(&answer(200, "", body)));
    }
    let closing = answer(200, "Connection: close\r\n", "i-1");
    assert_eq!(run.receives(&closing), [Action::Close, Action::Connect(Place(0))]);
    for attempt in 0..6 {
        assert!(run.on(Event::Unconnected).is_empty(), "attempt {attempt}");
        assert!(matches!(run.pass().1[..], [Action::Connect(_)]), "attempt {attempt}");
    }
    run.on(Event::Granted);
    let request = String::from_utf8(sent(&run.on(Event::Connected))).unwrap();
    assert!(request.starts_with("GET /latest/meta-data/public-ipv4 "), "it still asks the same: {request}");
}

#[test]
fn what_a_machine_is_of_use_without_costs_only_itself() {
    for (what, instead) in [
        ("no HTTP", "SSH-2.0-x\r\n\r\n".to_owned()),
        ("10 GB", "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".to_owned()),
        ("a wait beyond the end", answer(503, "Retry-After: 31\r\n", "")),
        ("a refusal", answer(403, "", "")),
    ] {
        let mut run = Run::new(Provider::Aws);
        run.connected();
        for body in ["token", "web-1", "i-1"] {
            sent(&run.receives(&answer(200, "", body)));
        }
        let mut actions = run.receives(&instead);
        if actions == [Action::Close, Action::Connect(Place(0))] {
            run.on(Event::Granted);
            actions = run.on(Event::Connected);
        }
        assert!(sent(&actions).starts_with(b"GET /latest/meta-data/local-ipv4 "), "{what}");
        while let [Action::Send(_)] = actions[..] {
            actions = run.receives(&answer(404, "", ""));
        }
        let [Action::Found(tree)] = &actions[..] else { panic!("{what}: {actions:?}") };
        let left_out: Vec<&str> = tree.left_out.iter().map(LeftOut::key).collect();
        assert_eq!(left_out, ["/latest/meta-data/public-ipv4"], "{what}");
        assert_eq!(tree.hostname.as_ref().map(|name| name.as_str()), Some("web-1"), "{what}");
    }
}

#[test]
fn some_statuses_mean_later_and_others_do_for_some() {
    let (plain, azures) = (Ask::get("/"), Ask::get("/").later(&[404, 410]));
    for (status, always, sometimes) in [
        (200, false, false),
        (401, false, false),
        (404, false, true),
        (408, true, true),
        (410, false, true),
        (429, true, true),
        (499, false, false),
        (500, true, true),
        (599, true, true),
    ] {
        assert_eq!((plain.may_be_repeated(status), azures.may_be_repeated(status)), (always, sometimes), "{status}");
    }
}

#[test]
fn so_many_answers_are_kept_and_so_many_bytes() {
    let with = |length: usize| {
        let mut response = Response::absent();
        response.body = vec![0; length];
        response
    };
    let mut answers = Answers::default();
    for n in 0..Answers::MAX {
        assert_eq!(answers.keep(&Ask::get(format!("/{n}")), with(1)), Ok(()), "{n}");
    }
    assert_eq!(answers.keep(&Ask::get("/more"), with(1)), Err(Failure::TooMuch));
    let mut answers = Answers::default();
    assert_eq!(answers.keep(&Ask::get("/a"), with(Answers::MAX_BYTES)), Ok(()));
    assert_eq!(answers.keep(&Ask::get("/b"), with(1)), Err(Failure::TooMuch));
}

#[test]
fn a_body_may_end_with_the_connection() {
    let mut run = Run::new(Provider::DigitalOcean);
    run.connected();
    assert!(run.receives(&format!("HTTP/1.1 200 OK\r\n\r\n{DROPLET}")).is_empty());
    assert!(matches!(run.on(Event::Ended)[..], [Action::Close, Action::Found(_)]));
    let mut run = Run::new(Provider::DigitalOcean);
    run.connected();
    run.receives("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
    assert_eq!(run.on(Event::Ended), [Action::Close], "cut off: asked again");
    assert_eq!(run.pass().1, [Action::Connect(Place(0))]);
}

#[test]
fn silence_is_waited_for_three_seconds_and_dripping_is_silence() {
    let mut run = Run::new(Provider::DigitalOcean);
    run.connected();
    let began = run.now;
    for _ in 0..2 {
        run.now = run.now.after(SECOND);
        assert!(run.receives("H").is_empty());
    }
    let (_, actions) = run.pass();
    assert_eq!((run.now.since(began), actions), (ANSWER_TIMEOUT, vec![Action::Close]));
}

#[test]
fn waits_grow_to_two_seconds_with_jitter_and_the_run_ends_by_its_deadline() {
    let mut run = Run::new(Provider::DigitalOcean);
    let end = run.now.after(30 * SECOND);
    run.on(Event::Start);
    let mut waits = Vec::new();
    loop {
        let actions = run.on(Event::Unconnected);
        if !actions.is_empty() {
            assert_eq!(actions, [Action::Failed(Failure::Unreachable)]);
            break;
        }
        let (waited, actions) = run.pass();
        assert_eq!(actions, [Action::Connect(Place(0))]);
        waits.push(waited);
    }
    assert!(run.now < end && run.is_over());
    for (wait, attempt) in waits.iter().zip(1_u32..) {
        let limit = Duration::from_millis(100 << attempt.min(8)).min(2 * SECOND);
        assert!((Duration::from_millis(100)..=limit).contains(wait), "attempt {attempt}: {wait:?}");
    }
    assert!(waits.iter().any(|wait| *wait > SECOND), "{waits:?}");
    let mut other = Run::with_seed(Provider::DigitalOcean, 8);
    other.on(Event::Start);
    other.on(Event::Unconnected);
    assert_ne!(other.pass().0, waits[0], "another machine waits differently");
}

#[test]
fn what_is_under_way_at_the_deadline_ends_there() {
    for (what, events, why) in [
        ("no route", &[][..], Failure::Unreachable),
        ("not connected", &[Event::Granted], Failure::Unreachable),
        ("not answered", &[Event::Granted, Event::Connected], Failure::Silent),
    ] {
        let mut run = Run::new(Provider::DigitalOcean);
        run.on(Event::Start);
        let end = run.now.after(30 * SECOND);
        run.now = run.now.after(29 * SECOND).after(Duration::from_millis(500));
        for event in events {
            run.on(event.clone());
        }
        assert_eq!(run.fetch.deadline(), Some(end), "{what}");
        let (_, actions) = run.pass();
        assert_eq!(actions.last(), Some(&Action::Failed(why)), "{what}");
        assert_eq!(actions.contains(&Action::Close), !events.is_empty(), "{what}");
        assert!(run.is_over(), "{what}");
    }
}

#[test]
fn a_service_that_asks_for_more_patience_than_there_is_gets_none() {
    for (wait, actions) in [("29", vec![]), ("31", vec![Action::Close, Action::Failed(Failure::NotReady(503))])] {
        let mut run = Run::new(Provider::DigitalOcean);
        run.connected();
        assert_eq!(run.receives(&answer(503, &format!("Retry-After: {wait}\r\n"), "")), actions, "{wait}");
    }
    let mut run = Run::new(Provider::DigitalOcean);
    run.connected();
    run.receives(&answer(429, "Retry-After: 5\r\n", ""));
    let (waited, actions) = run.pass();
    assert_eq!(waited, 5 * SECOND);
    sent(&actions);
}

#[test]
fn what_is_no_answer_ends_the_run_at_once() {
    for (what, text, why) in [
        ("no HTTP", "SSH-2.0-x\r\n\r\n", HttpError::Malformed),
        ("10 GB", "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", HttpError::BodyTooLarge),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", HttpError::Length),
    ] {
        let mut run = Run::new(Provider::DigitalOcean);
        run.connected();
        assert_eq!(run.receives(text), [Action::Close, Action::Failed(Failure::Http(why))], "{what}");
        assert!(run.is_over(), "{what}");
    }
}

#[test]
fn what_comes_unasked_closes_the_connection_and_nothing_else() {
    let mut run = Run::new(Provider::DigitalOcean);
    run.connected();
    assert!(run.receives(&answer(503, "", "")).is_empty());
    assert_eq!(run.receives("HTTP/1.1 200 OK\r\n"), [Action::Close], "while it rests");
    assert!(run.on(Event::Ended).is_empty());
    assert_eq!(run.on(Event::Granted), [Action::Close], "a socket that nobody asked for");
    assert!(run.on(Event::Unconnected).is_empty() && run.on(Event::Connected).is_empty());
    assert_eq!(run.pass().1, [Action::Connect(Place(0))], "it goes on as it would have");
}

#[test]
fn a_list_of_keys_without_end_is_too_much() {
    let mut run = Run::new(Provider::Aws);
    run.connected();
    let list: String = (0..40).map(|n| format!("{n}=k\n")).collect();
    let mut actions = run.receives(&answer(200, "", "token"));
    for _ in 0..60 {
        let [Action::Send(bytes)] = &actions[..] else { break };
        let request = String::from_utf8(bytes.clone()).unwrap();
        let body = if request.contains("public-keys/ ") { &list } else { "x" };
        actions = run.receives(&answer(200, "", body));
    }
    assert_eq!(actions, [Action::Close, Action::Failed(Failure::TooMuch)]);
}

#[test]
fn a_broker_is_told_of_each_failure_in_its_own_words() {
    for (failure, told) in [
        (Failure::Refused(403), Told::Status(403)),
        (Failure::NotReady(503), Told::Status(503)),
        (Failure::Document("x"), Told::Malformed),
        (Failure::Missing("x"), Told::NotFound),
        (Failure::Impostor("x"), Told::Malformed),
        (Failure::NoImdsV2, Told::NoToken),
        (Failure::Http(HttpError::BodyTooLarge), Told::TooLarge),
        (Failure::Http(HttpError::HeadTooLarge), Told::TooLarge),
        (Failure::Http(HttpError::FramingTooLarge), Told::TooLarge),
        (Failure::Http(HttpError::Chunk), Told::Malformed),
        (Failure::Http(HttpError::Truncated), Told::Malformed),
        (Failure::Unreachable, Told::Unreachable),
        (Failure::Silent, Told::Silent),
        (Failure::TooMuch, Told::TooLarge),
    ] {
        assert_eq!(Told::from(failure), told, "{failure}");
    }
}

/// Something that happens: a number that chooses it.
fn happens(number: u8, body: &str) -> Event {
    match number % 12 {
        0 | 1 => Event::Granted,
        2 | 3 => Event::Connected,
        4 => Event::Unconnected,
        5 => Event::Received(answer(200, "", body).into_bytes()),
        6 => Event::Received(answer(200, "Connection: close\r\n", body).into_bytes()),
        7 => Event::Received(answer(500, "", body).into_bytes()),
        8 => Event::Received(body.as_bytes().to_vec()),
        9 => Event::Ended,
        10 => Event::Broken,
        _ => Event::Told,
    }
}

proptest! {
    /// Whatever happens: it asks for one connection at a time, sends only on one that it has, stays within what the broker
    /// permits, and is over by its deadline.
    #[test]
    fn any_order_of_events_keeps_the_rules(which in 0_usize..16, script in prop::collection::vec((any::<u8>(), 0_u64..400), 0..300)) {
        let source = orlop_metadata_core::provider::SOURCES[which];
        let mut run = Run::new(source.provider);
        let end = run.now.after(30 * SECOND);
        let mut policy = Policy::new(run.now, Errand::Fetch { endpoints: 4 });
        let (mut is_awaited, mut is_open, mut is_over) = (false, false, false);
        let mut actions = run.on(Event::Start);
        let mut script = script.into_iter();
        loop {
            for action in actions {
                // A socket that comes late is given back.
                prop_assert!(!is_over || action == Action::Close, "{action:?} after the end");
                match action {
                    Action::Connect(place) => {
                        prop_assert!(!is_awaited && !is_open);
                        is_awaited = true;
                        let permitted = policy.permit(run.now, Request::Connect(place));
                        prop_assert!(permitted.is_ok(), "{:?}", permitted);
                    }
                    Action::Send(_) => prop_assert!(is_open),
                    Action::Close => is_open = false,
                    Action::Found(tree) => crate::targets::check(&tree, source.provider),
                    Action::Done(_) | Action::Failed(_) => is_over = true,
                }
            }
            let Some((number, wait)) = script.next() else { break };
            run.now = run.now.after(Duration::from_millis(wait));
            let event = match run.fetch.deadline() {
                Some(due) if due <= run.now => Event::Deadline,
                _ => happens(number, DROPLET),
            };
            // What no broker and no kernel does.
            let is_wrong = match &event {
                Event::Granted | Event::Unconnected => !is_awaited,
                Event::Connected | Event::Received(_) | Event::Ended | Event::Broken => !is_open,
                Event::Start | Event::Told | Event::Deadline => false,
            };
            let event = if is_wrong { Event::Deadline } else { event };
            if matches!(event, Event::Granted | Event::Unconnected) {
                is_awaited = false;
                is_open = event == Event::Granted;
            }
            actions = run.on(event);
        }
        while let Some(due) = run.fetch.deadline() {
            prop_assert!(due <= end, "it waits beyond its end");
            run.now = due.max(run.now);
            let _ = run.on(Event::Deadline);
            if run.fetch.deadline().is_some_and(|again| again <= run.now) {
                prop_assert!(false, "the deadline stays in the past");
            }
        }
    }
}
