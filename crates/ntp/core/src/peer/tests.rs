use orlop_machine::Seed;
use orlop_ntp_contract::Leap;

use super::*;

fn at(secs: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(secs))
}

fn peer() -> Peer {
    let server = ServerAddr::new([192, 0, 2, 1].into(), 123).unwrap();
    Peer::new(at(0), SourceId::new(0).unwrap(), server, false, PollRange::USUAL)
}

fn chance() -> Chance {
    Chance::new(Seed::from_bytes([7; 32]))
}

fn sample(at: Instant) -> Sample {
    let zero = Duration::ZERO;
    Sample {
        at,
        offset: Offset::ZERO,
        delay: zero,
        stratum: 1,
        leap: Leap::None,
        root_delay: zero,
        root_dispersion: zero,
        precision: zero,
    }
}

/// Asks `times` times, each time when it is due; whole seconds between the questions.
fn pauses(peer: &mut Peer, times: usize, answers: bool) -> Vec<u64> {
    let (mut chance, mut last) = (chance(), None::<Instant>);
    let mut pauses = Vec::new();
    for _ in 0..times {
        let now = peer.due().unwrap();
        let _ = peer.ask(now, &mut chance);
        pauses.extend(last.map(|last| now.since(last).as_secs()));
        if answers {
            peer.answered(now, sample(now));
        }
        last = Some(now);
    }
    pauses
}

#[test]
fn a_burst_asks_every_two_seconds_and_then_as_the_filter_wants() {
    let mut peer = peer();
    peer.opened(at(1));
    let asked = pauses(&mut peer, 11, true);
    assert_eq!(asked[..7], [2; 7], "{asked:?}");
    assert!(asked[7..].iter().all(|secs| (64..=68).contains(secs)), "{asked:?}");
    peer.wants(Poll::new(8).unwrap());
    assert!((256..=272).contains(&pauses(&mut peer, 3, true)[1]));
    peer.wants(Poll::MIN);
    assert!((64..=68).contains(&pauses(&mut peer, 3, true)[1]), "the operator's limit");
}

#[test]
fn a_silent_server_is_asked_less_and_less() {
    let mut peer = peer();
    peer.opened(at(0));
    let asked = pauses(&mut peer, 12, false);
    assert_eq!(asked[..5], [2, 2, 2, 2, 4], "{asked:?}");
    assert!(asked[10..].iter().all(|secs| (64..=68).contains(secs)), "{asked:?}");
    assert!(peer.is_bad() && peer.reach() == 0);
}

#[test]
fn who_answers_after_a_long_silence_is_asked_as_if_he_were_new() {
    let mut peer = peer();
    peer.opened(at(0));
    pauses(&mut peer, 12, false);
    let now = peer.due().unwrap();
    let _ = peer.ask(now, &mut chance());
    peer.answered(now, sample(now));
    assert_eq!(peer.due(), Some(now.after(Duration::from_secs(2))));
    assert_eq!(peer.opinion, PeerState::Candidate);
}

#[test]
fn nobody_is_asked_twice_within_two_seconds_however_much_happens() {
    let (mut peer, mut chance) = (peer(), chance());
    peer.opened(at(10));
    let _ = peer.ask(at(10), &mut chance);
    let early = at(10).after(Duration::from_millis(500));
    for (what, happen) in [
        ("an occasion", (|peer, now| peer.hurry(now)) as fn(&mut Peer, Instant)),
        ("a new socket", |peer, now| {
            peer.reconnect(now);
            peer.socket = Socket::Ordered;
            peer.opened(now);
        }),
        ("both", |peer, now| {
            peer.reconnect(now);
            peer.hurry(now);
            peer.socket = Socket::Ordered;
            peer.opened(now);
        }),
    ] {
        happen(&mut peer, early);
        assert!(peer.due() >= Some(at(12)), "{what}: {:?}", peer.due());
    }
}

#[test]
fn rate_slows_down_and_deny_silences_for_an_hour() {
    let mut peer = peer();
    peer.opened(at(0));
    let _ = peer.ask(at(0), &mut chance());
    peer.kissed(at(1), Kiss::Rate);
    assert_eq!((peer.poll().interval(), peer.due()), (Duration::from_secs(128), Some(at(129))));
    for _ in 0..9 {
        peer.kissed(at(1), Kiss::Rate);
    }
    assert_eq!(peer.poll(), PollRange::USUAL.max(), "the operator's limit");
    assert!(!peer.is_bad());
    peer.kissed(at(2), Kiss::Deny);
    peer.hurry(at(3));
    assert_eq!((peer.due(), peer.is_bad()), (Some(at(3602)), true));
    peer.answered(at(3602), sample(at(3602)));
    assert_eq!(peer.opinion, PeerState::Candidate, "forgiven");
}

// RFC 5905 section 7.4: "the client MUST immediately reduce its polling interval to that server".
#[test]
fn whoever_asked_for_fewer_questions_gets_them_however_much_happens() {
    let only = |exponent| PollRange::new(Poll::new(exponent).unwrap(), Poll::new(exponent).unwrap()).unwrap();
    for (polls, least) in [(PollRange::USUAL, 128), (only(6), 128)] {
        for (what, happen) in [
            ("an occasion", (|peer, now| peer.hurry(now)) as fn(&mut Peer, Instant)),
            ("a new socket", |peer, now| {
                peer.reconnect(now);
                peer.socket = Socket::Ordered;
                peer.opened(now);
            }),
        ] {
            let mut peer = peer();
            peer.conduct(false, polls);
            peer.opened(at(0));
            let _ = peer.ask(at(0), &mut chance());
            peer.kissed(at(1), Kiss::Rate);
            happen(&mut peer, at(20));
            assert!(peer.due() >= Some(at(least)), "{what}: {:?}", peer.due());
            for answers in [true, false] {
                let asked = pauses(&mut peer, 7, answers);
                assert!(asked.iter().all(|secs| *secs >= least), "{what}, answers: {answers}: {asked:?}");
            }
        }
    }
}

#[test]
fn only_answers_of_the_last_eight_questions_count() {
    let (mut peer, mut chance) = (peer(), chance());
    peer.opened(at(0));
    let _ = peer.ask(at(0), &mut chance);
    peer.answered(at(1), sample(at(1)));
    assert!(peer.latest(at(1)).is_some() && peer.latest(at(2)).is_none());
    for _ in 0..7 {
        let _ = peer.ask(at(3), &mut chance);
    }
    assert!(peer.latest(at(0)).is_some());
    let _ = peer.ask(at(3), &mut chance);
    assert!(peer.latest(at(0)).is_none(), "the ninth");
}

#[test]
fn the_sockets_of_a_silent_server_are_replaced_now_and_then() {
    let (mut peer, mut chance) = (peer(), chance());
    let silent: Vec<bool> = (0..9)
        .map(|n| {
            let _ = peer.ask(at(n), &mut chance);
            peer.is_silent()
        })
        .collect();
    assert_eq!(silent, [false, false, false, true, false, false, false, true, false]);
}

#[test]
fn who_disagrees_for_long_makes_room() {
    let mut peer = peer();
    for _ in 0..7 {
        peer.judged(PeerState::Falseticker);
    }
    assert!(!peer.is_bad());
    peer.judged(PeerState::Falseticker);
    assert!(peer.is_bad());
    peer.judged(PeerState::Selected);
    assert!(!peer.is_bad(), "or agrees again");
}

#[test]
fn the_operator_may_change_his_mind_about_how_to_ask() {
    let range = |min, max| PollRange::new(Poll::new(min).unwrap(), Poll::new(max).unwrap()).unwrap();
    let mut peer = peer();
    peer.conduct(true, range(4, 5));
    assert_eq!((peer.prefer, peer.poll()), (true, Poll::new(5).unwrap()), "no longer than he wants");
    peer.wants(Poll::MIN);
    assert_eq!(peer.poll(), Poll::new(4).unwrap(), "and not more often");
    peer.kissed(at(0), Kiss::Rate);
    peer.conduct(false, range(4, 10));
    assert_eq!(
        (peer.prefer, peer.poll()),
        (false, Poll::new(5).unwrap()),
        "but what the server has asked for counts more"
    );
}

#[test]
fn a_socket_changes_what_is_thought_of_a_server_only_the_first_time() {
    let mut peer = peer();
    assert_eq!(peer.opinion, PeerState::Connecting);
    peer.opened(at(0));
    assert_eq!(peer.opinion, PeerState::Unreachable);
    peer.judged(PeerState::Selected);
    peer.reconnect(at(1));
    peer.opened(at(1));
    assert_eq!(peer.opinion, PeerState::Selected);
}

#[test]
fn who_does_not_answer_any_more_is_unreachable_and_who_has_said_no_stays_denied() {
    for (before, after) in [(PeerState::Selected, PeerState::Unreachable), (PeerState::Denied, PeerState::Denied)] {
        let mut peer = peer();
        peer.opened(at(0));
        peer.judged(before);
        let _ = peer.ask(at(1), &mut chance());
        assert_eq!(peer.opinion, after);
    }
}

#[test]
fn a_question_has_64_random_bits() {
    let (mut peer, mut chance) = (peer(), chance());
    let halves: Vec<[u8; 4]> = (0..4)
        .flat_map(|_| {
            let packet = peer.ask(at(1), &mut chance);
            [packet[40..44].try_into().unwrap(), packet[44..].try_into().unwrap()]
        })
        .collect();
    for (n, half) in halves.iter().enumerate() {
        assert!(*half != [0; 4] && !halves[..n].contains(half), "{halves:?}");
    }
}

#[test]
fn the_last_eight_samples_are_kept_until_they_say_nothing_any_more() {
    let mut peer = peer();
    for secs in 0..12 {
        let _ = peer.ask(at(secs), &mut chance());
        peer.answered(at(secs), sample(at(secs)));
    }
    let kept = |peer: &Peer| peer.samples().map(|sample| sample.at).collect::<Vec<_>>();
    assert_eq!(kept(&peer), (4..12).map(at).collect::<Vec<_>>());
    peer.forget_before(at(10));
    assert_eq!(kept(&peer), [at(10), at(11)]);
    peer.forget();
    assert_eq!(kept(&peer), []);
}

#[test]
fn four_questions_without_an_answer_are_not_yet_a_long_silence() {
    assert!(!peer().is_silent(), "nobody has been asked");
    // What is left of the first burst, and after a longer silence a new one.
    for (silent, burst) in [(3, 4), (4, 3), (5, 7)] {
        let mut peer = peer();
        peer.opened(at(0));
        let _ = pauses(&mut peer, silent, false);
        let asked = peer.asked_at.unwrap();
        peer.answered(asked, sample(asked));
        let asked = pauses(&mut peer, 12, true);
        assert_eq!(asked.iter().take_while(|secs| **secs == 2).count(), burst, "{silent}: {asked:?}");
    }
}

#[test]
fn a_server_is_lost_once_with_its_eighth_question_without_an_answer() {
    let (mut peer, mut chance) = (peer(), chance());
    peer.opened(at(0));
    let lost: Vec<bool> = (0..10)
        .map(|n| {
            let _ = peer.ask(at(n), &mut chance);
            peer.was_lost()
        })
        .collect();
    assert_eq!(lost, [false, false, false, false, false, false, false, true, false, false]);
}
