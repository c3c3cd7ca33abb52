use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_millis(millis))
}

fn server() -> Server {
    Server::new(ServerAddr::new([192, 0, 2, 1].into(), 53).unwrap(), at(0))
}

/// A server that took so many milliseconds for each of its answers.
fn taking(times: &[u64]) -> Server {
    let mut server = server();
    times.iter().for_each(|took| server.took(Duration::from_millis(*took)));
    server
}

fn sockets(range: core::ops::Range<u32>) -> Vec<SocketId> {
    range.map(SocketId).collect()
}

#[test]
fn the_time_to_an_answer_is_smoothed() {
    for (times, smoothed, varies) in
        [(&[100][..], 100_000, 50_000), (&[100, 180], 110_000, 57_500), (&[100, 20], 90_000, 57_500)]
    {
        let micros = taking(times).rtt.map(|(smoothed, varies)| (smoothed.as_micros(), varies.as_micros()));
        assert_eq!(micros, Some((smoothed, varies)), "{times:?}, RFC 6298 section 2");
    }
}

#[test]
fn a_little_longer_than_usual_is_waited() {
    for (what, times, want) in [
        ("nothing is known", &[][..], 200),
        ("it may be anything", &[10], 30),
        ("it is always the same: a fifth more", &[50; 40], 60),
        ("it is next door", &[1; 40], 20),
        ("it is slow", &[200], 250),
        ("it is far away, always", &[240; 40], 250),
    ] {
        assert_eq!(taking(times).patience().as_millis(), want, "{what}");
    }
    assert_eq!((server().repeat_after().as_millis(), taking(&[10]).repeat_after().as_millis()), (400, 250));
}

#[test]
fn who_answers_comes_first_and_then_who_is_fastest() {
    let failing = || {
        let mut failing = taking(&[1]);
        failing.is_silent(at(0));
        failing
    };
    let overdue = Server { overdue: 1, ..taking(&[2]) };
    let ranked = [server(), taking(&[5]), taking(&[50]), failing(), overdue];
    assert!(ranked.is_sorted_by(|one, other| one.rank() < other.rank()));
    let mut better = failing();
    better.answered();
    assert!(better.rank() < taking(&[5]).rank(), "one answer makes it good again");
}

#[test]
fn a_server_that_another_outdoes_three_times_in_a_row_is_failing() {
    let mut server = server();
    server.asked(at(0));
    for _ in 0..2 {
        server.was_outdone(at(0));
    }
    assert_eq!(server.status().state, UpstreamState::Good);
    server.answered();
    for _ in 0..2 {
        server.was_outdone(at(0));
    }
    assert_eq!(server.status().state, UpstreamState::Good, "an answer between");
    server.was_outdone(at(0));
    assert_eq!(server.status().state, UpstreamState::Failing);
}

#[test]
fn a_server_that_is_not_asked_is_tried_every_minute_and_a_failing_one_ever_less_often() {
    let mut server = server();
    assert!(server.is_to_be_tried(at(0)), "nothing is known of it");
    server.asked(at(0));
    assert!(!server.is_to_be_tried(at(59_999)));
    assert!(server.is_to_be_tried(at(60_000)));
    assert!(!Server { overdue: 1, ..self::server() }.is_to_be_tried(at(0)), "it is tried just now");

    server.is_silent(at(0));
    server.is_silent(at(999));
    assert!(!server.is_to_be_tried(at(999)), "what comes meanwhile makes it no longer");
    assert!(server.is_to_be_tried(at(1_000)));
    server.is_silent(at(1_000));
    assert!(!server.is_to_be_tried(at(2_999)));
    assert!(server.is_to_be_tried(at(3_000)));
    server.answered();
    server.is_silent(at(3_000));
    assert!(server.is_to_be_tried(at(4_000)), "after an answer it begins anew");
}

#[test]
fn a_server_that_knows_no_edns_is_asked_without_for_a_quarter_of_an_hour() {
    let mut server = server();
    assert!(server.takes_edns(at(0)));
    server.is_plain(at(0));
    assert!(!server.takes_edns(at(899_999)));
    assert!(server.takes_edns(at(900_000)));
}

#[test]
fn sockets_are_asked_for_by_the_half_message_and_once_until_they_come() {
    let mut server = server();
    assert_eq!(server.refill(at(0)), Some(64));
    assert_eq!(server.refill(at(0)), None, "they have not come yet");
    assert_eq!(server.granted(sockets(0..64)), []);
    for _ in 0..31 {
        server.take_socket();
    }
    assert_eq!(server.refill(at(0)), None, "each message has its price");
    server.take_socket();
    assert_eq!(server.refill(at(0)), Some(32));
}

#[test]
fn who_runs_out_of_sockets_gets_twice_as_many_up_to_a_bound() {
    let mut server = server();
    let mut targets = Vec::new();
    for _ in 0..3 {
        assert_eq!(server.take_socket(), None);
        let mut held = 0;
        while let Some(count) = server.refill(at(0)) {
            let first = held;
            held += u32::try_from(count).unwrap();
            assert_eq!(server.granted(sockets(first..held)), []);
        }
        targets.push(held);
        server.idle.clear();
    }
    assert_eq!(targets, [128, 256, 256]);
}

#[test]
fn sockets_that_there_is_no_room_for_are_given_back() {
    let mut server = server();
    assert_eq!(server.granted(sockets(0..250)), []);
    assert_eq!(server.granted(sockets(250..260)), sockets(256..260));
    assert_eq!(server.status().pool, 256);
    server.forget(SocketId(7));
    assert_eq!(server.status().pool, 255);
}

#[test]
fn a_broker_that_has_no_sockets_is_left_alone_for_a_second() {
    let mut server = server();
    server.refill(at(0));
    server.has_no_pool(at(0));
    assert!(!server.has_sockets() && !server.can_have_sockets(at(999)) && server.can_have_sockets(at(1_000)));
    assert_eq!(server.refill(at(999)), None);
    assert_eq!(server.refill(at(1_000)), Some(64));
    server.granted(sockets(0..1));
    server.has_no_pool(at(1_000));
    assert!(server.has_sockets() && server.can_have_sockets(at(1_000)), "one is there");
}

#[test]
fn what_is_known_of_a_server_stays_when_its_sockets_go() {
    let mut known = taking(&[10]);
    known.asked(at(0));
    known.answered();
    known.refill(at(0));
    known.granted(sockets(0..64));
    known.has_no_pool(at(0));
    // Sockets are on their way, and an answer is.
    (known.is_refilled, known.overdue) = (true, 1);
    let mut again = known.without_sockets(at(1));
    assert_eq!(again.status(), UpstreamStatus { pool: 0, ..known_status() });
    assert!(again.is_to_be_tried(at(1)));
    assert_eq!(again.refill(at(1)), Some(64));
}

fn known_status() -> UpstreamStatus {
    UpstreamStatus {
        state: UpstreamState::Good,
        srtt: Some(Duration::from_millis(10)),
        queries: 1,
        answers: 1,
        failures: 0,
        pool: 64,
    }
}

#[test]
fn questions_answers_and_failures_are_counted() {
    let mut server = server();
    assert_eq!(server.status().state, UpstreamState::Untried);
    for _ in 0..4 {
        server.asked(at(0));
    }
    server.answered();
    server.failed();
    server.is_silent(at(0));
    let status = server.status();
    assert_eq!((status.queries, status.answers, status.failures), (4, 1, 2));
}

#[test]
fn an_address_that_is_somebody_else_s_elsewhere_is_private() {
    for (text, want) in [
        ("10.0.0.1", true),
        ("172.16.0.1", true),
        ("192.168.0.1", true),
        ("169.254.0.1", true),
        ("127.0.0.1", true),
        ("100.64.0.1", true),
        ("100.127.255.254", true),
        ("100.128.0.1", false),
        ("100.63.0.1", false),
        ("101.64.0.1", false),
        ("198.51.100.1", false),
        ("fd00::1", true),
        ("fe80::1", true),
        ("::1", true),
        ("::ffff:10.0.0.1", true),
        ("::ffff:198.51.100.1", false),
        ("2001:db8::1", false),
    ] {
        assert_eq!(is_private(text.parse().unwrap()), want, "{text}");
    }
}
