//! One clock in many situations.

use core::time::Duration;

use orlop_ntp_contract::{
    Asked, Discard, Kind, Leap, Notice, Occasion, Offset, PeerState, Phase, Policy, PollRange, Refusal, SourceConduct,
    SourceId, StepReason, Utc,
};

use crate::place::{BEGIN, FLOOR, number};
use crate::scene::{Scene, Server, Twist};
use crate::world::World;

const HOUR: i64 = 3600;

fn secs(secs: i64) -> Offset {
    Offset::from_nanos(secs * 1_000_000_000)
}

fn three() -> Vec<Server> {
    vec![Server::wan(), Server::wan(), Server::wan()]
}

fn reasons(world: &World) -> Vec<StepReason> {
    world.steps.iter().map(|step| step.why).collect()
}

fn phase(world: &World) -> Phase {
    world.status.as_ref().unwrap().phase
}

fn opinions(world: &World) -> Vec<PeerState> {
    world.status.as_ref().unwrap().peers.iter().map(|peer| peer.state).collect()
}

const BOOT: StepReason = StepReason::Majority(Occasion::Boot);

#[test]
fn a_wrong_clock_is_right_after_one_round_trip_and_stays_right() {
    let years = |n: i64| secs(n * 365 * 24 * HOUR);
    for (what, truth, behind) in [
        ("1970", BEGIN, secs(i64::try_from(BEGIN).unwrap())),
        ("an hour behind", BEGIN, secs(HOUR)),
        ("an hour ahead", BEGIN, secs(-HOUR)),
        ("a minute behind", BEGIN, secs(60)),
        ("20 ms ahead", BEGIN, Offset::from_nanos(-20_000_000)),
        ("2036, and the clock is in the era before", 2_085_978_496 + 5, secs(10)),
        ("2036, and the clock is in the era after", 2_085_978_496 - 5, secs(-10)),
        ("2038, and the clock is before", 2_147_483_648 + 5, secs(10)),
        ("2038, and the clock is after", 2_147_483_648 - 5, secs(-10)),
        ("2099, and the clock is in 2026", 4_070_908_800, secs(4_070_908_800 - i64::try_from(BEGIN).unwrap())),
        ("2026, and the clock is in 2099", BEGIN, years(-73)),
        ("2^30 s behind", BEGIN, secs(1 << 30)),
        ("2^30 s ahead", BEGIN, secs(-(1 << 30))),
        ("2^31 s ahead", BEGIN, secs(-(1 << 31))),
        (
            "the floor itself, and the clock shows the end",
            FLOOR,
            secs(i64::try_from(FLOOR).unwrap() - i64::MAX / 1_000_000_000),
        ),
    ] {
        let scene = Scene { truth: Utc::from_secs(truth), ..Scene::new(three()) }.behind(behind);
        let world = scene.run(7200);
        assert_eq!(reasons(&world), [BOOT], "{what}");
        assert_eq!(world.refusals, [], "{what}");
        assert_eq!(phase(&world), Phase::Steady, "{what}");
        assert!(world.right_at.is_some_and(|at| at < 0.1), "{what}: {:?}", world.right_at);
        assert!(world.worst(10.0) < 0.010, "{what}: {} s", world.worst(10.0));
        assert!(world.worst(3600.0) < 0.002, "{what}: {} s", world.worst(3600.0));
        assert!(world.vouched.is_some_and(|(_, max)| max > Duration::from_millis(20)), "{what}: {:?}", world.vouched);
    }
}

#[test]
fn a_clock_that_is_almost_right_is_not_set() {
    for millis in [-9, 0, 9] {
        let world = Scene::new(three()).behind(Offset::from_nanos(millis * 1_000_000)).run(7200);
        assert_eq!(world.steps, [], "{millis} ms");
        assert!(world.worst(3600.0) < 0.003, "{millis} ms: {} s", world.worst(3600.0));
    }
}

#[test]
fn the_ends_of_the_first_era_and_of_31_bits_are_seconds_like_others() {
    for truth in [2_085_978_496, 2_147_483_648] {
        let world =
            Scene { truth: Utc::from_secs(truth - 4000), shown: Utc::from_secs(truth - 4000), ..Scene::new(three()) }
                .run(8000);
        assert_eq!(world.steps, []);
        assert!(world.worst(2000.0) < 0.002, "{} s", world.worst(2000.0));
    }
}

#[test]
fn liars_are_not_believed_as_long_as_they_are_few() {
    let liar = || Server::wan().ahead(5);
    for (what, servers, want) in [
        ("one of three", vec![liar(), Server::wan(), Server::wan()], 1),
        ("one of four", vec![Server::wan(), Server::wan(), liar(), Server::wan()], 1),
        ("two of five", vec![liar(), Server::wan().ahead(-5), Server::wan(), Server::wan(), Server::wan()], 2),
        ("two of five who agree", vec![liar(), liar(), Server::wan(), Server::wan(), Server::wan()], 2),
        (
            "one who says 1970",
            vec![Server::wan().ahead(-i64::try_from(BEGIN).unwrap()), Server::wan(), Server::wan()],
            0,
        ),
    ] {
        let world = Scene::new(servers).behind(secs(HOUR)).run(7200);
        assert_eq!(reasons(&world), [BOOT], "{what}");
        assert!(world.worst(3600.0) < 0.003, "{what}: {} s", world.worst(3600.0));
        let liars = opinions(&world).into_iter().filter(|state| *state == PeerState::Falseticker).count();
        assert_eq!(liars, want, "{what}");
    }
}

#[test]
fn two_that_disagree_move_nothing() {
    let world = Scene::new(vec![Server::wan(), Server::wan().ahead(5)]).behind(secs(HOUR)).run(3600);
    assert_eq!((world.steps.len(), phase(&world), world.vouched), (0, Phase::Disagreeing, None));
}

#[test]
fn a_single_answer_of_several_counts_in_the_end_unless_only_a_majority_does() {
    let silent = || Server { silent: true, ..Server::wan() };
    let scene = || Scene::new(vec![silent(), Server::wan(), silent()]).behind(secs(HOUR));
    let world = scene().run(3600);
    assert_eq!(reasons(&world), [StepReason::LoneAnswer(Occasion::Boot)]);
    assert!(world.right_at.is_some_and(|at| (19.9..20.1).contains(&at)), "{:?}", world.right_at);
    assert!(world.worst(1800.0) < 0.005, "and is followed: {} s", world.worst(1800.0));
    let strict = Scene { lone_answer_after: None, ..scene() }.run(3600);
    assert_eq!((strict.steps.len(), phase(&strict)), (0, Phase::Asking));
    assert_eq!(
        reasons(&Scene::new(vec![Server::wan()]).behind(secs(HOUR)).run(10)),
        [BOOT],
        "the only one that there is"
    );
}

#[test]
fn when_the_network_comes_late_a_majority_is_given_its_chance() {
    let silent = || Server { silent: true, ..Server::wan() };
    let comes = |n| (100, Twist::Server(n, Box::new(Server::wan())));
    let script = vec![comes(0), comes(1), comes(2)];
    let world = Scene { script, ..Scene::new(vec![silent(), silent(), silent()]) }.behind(secs(HOUR)).run(400);
    assert_eq!(reasons(&world), [BOOT]);
    let alone = Scene { script: vec![comes(1)], ..Scene::new(vec![silent(), silent(), silent()]) };
    let world = alone.behind(secs(HOUR)).run(400);
    assert_eq!(reasons(&world), [StepReason::LoneAnswer(Occasion::Boot)], "and then the only one who answers counts");
}

#[test]
fn a_machine_that_was_stopped_catches_up() {
    for (what, twists, within, want) in [
        ("and nobody says so", vec![Twist::Paused(3600)], 300.0, StepReason::FellBehind),
        (
            "and the kernel says so",
            vec![Twist::Paused(3600), Twist::Occasion(Occasion::Restore)],
            4.0,
            StepReason::Majority(Occasion::Restore),
        ),
        (
            "a suspend",
            vec![Twist::Paused(30), Twist::Occasion(Occasion::Suspend)],
            4.0,
            StepReason::Majority(Occasion::Suspend),
        ),
    ] {
        let script: Vec<_> = twists.into_iter().map(|twist| (5000, twist)).collect();
        let stopped = if want == StepReason::Majority(Occasion::Suspend) { 30.0 } else { 3600.0 };
        let world = Scene { script, ..Scene::new(three()) }.run(20_000);
        assert_eq!(reasons(&world), [want], "{what}");
        let since = 5000.0 + stopped + within + 8.0;
        assert!(world.worst(since) < 0.010, "{what}: {} s", world.worst(since));
        assert!(world.worst(since + 3600.0) < 0.003, "{what}: {} s", world.worst(since + 3600.0));
        assert_eq!(world.refusals, [], "{what}");
    }
}

#[test]
fn a_snapshot_of_before_is_left_by_a_step_backwards() {
    // The host's clock was wrong when the machine was restored.
    let script = vec![(5000, Twist::Meddled(secs(HOUR))), (5000, Twist::Occasion(Occasion::Restore))];
    let world = Scene { script, ..Scene::new(three()) }.run(9000);
    assert_eq!(reasons(&world), [StepReason::Majority(Occasion::Restore)]);
    assert!(world.worst(5010.0) < 0.010);
}

#[test]
fn who_sets_the_clock_ahead_without_an_occasion_has_it_slewed_back() {
    let world = Scene { script: vec![(5000, Twist::Meddled(secs(3)))], ..Scene::new(three()) }.run(40_000);
    assert_eq!(world.steps, []);
    assert!(world.worst(25_000.0) < 0.005, "{} s", world.worst(25_000.0));
    let before = Scene { script: vec![(5000, Twist::Meddled(secs(3)))], ..Scene::new(three()) }.run(5600);
    assert_eq!((phase(&before), before.rate.scaled()), (Phase::Slewing, -(500 << 16)));
    let asked = vec![(5000, Twist::Meddled(secs(3))), (5010, Twist::Occasion(Occasion::Operator))];
    let asked = Scene { script: asked, ..Scene::new(three()) }.run(9000);
    assert_eq!(reasons(&asked), [StepReason::Majority(Occasion::Operator)], "the operator has it set");
    assert!(asked.worst(5020.0) < 0.010, "{} s", asked.worst(5020.0));
}

#[test]
fn who_sets_the_clock_back_is_corrected_at_once() {
    let world = Scene { script: vec![(5000, Twist::Meddled(secs(-HOUR)))], ..Scene::new(three()) }.run(9000);
    assert_eq!(reasons(&world), [StepReason::FellBehind]);
    assert!(world.worst(5300.0) < 0.010);
}

#[test]
fn a_daemon_that_is_started_again_sets_the_clock_forwards_only() {
    let scene = |offset| Scene { occasion: Occasion::Restart, ..Scene::new(three()) }.behind(offset);
    assert_eq!(reasons(&scene(secs(HOUR)).run(60)), [StepReason::Majority(Occasion::Restart)]);
    let back = scene(secs(-HOUR)).run(600);
    assert_eq!((back.steps.len(), back.refusals.len(), phase(&back)), (0, 0, Phase::Slewing));
}

#[test]
fn a_refused_step_leaves_a_clock_that_is_slewed_and_nobody_who_asks_all_the_time() {
    let week = 6 * 24 * HOUR;
    let world = Scene { occasion: Occasion::Restart, ..Scene::new(three()) }.behind(secs(week)).run(3000);
    assert_eq!((world.steps.len(), phase(&world)), (0, Phase::Slewing));
    let refused = world.refusals.iter().filter(|refusal| **refusal == (Asked::Step, Refusal::Budget)).count();
    assert!((1..=5).contains(&refused), "{refused} times in 50 minutes");
    assert_eq!(world.rate.scaled(), 500 << 16);
}

#[test]
fn a_leap_second_needs_a_majority_and_the_right_day() {
    let with = |leap| Server { leap, ..Server::wan() };
    let (none, insert) = (|| with(Leap::None), || with(Leap::Insert));
    // The last day of 2026.
    let day = 1_798_761_600 - 80_000;
    for (what, servers, truth, want) in [
        ("all", vec![insert(), insert(), insert()], day, Leap::Insert),
        ("two of three", vec![insert(), none(), insert()], day, Leap::Insert),
        ("one of three (CVE-2016-4954)", vec![insert(), none(), none()], day, Leap::None),
        ("one of two", vec![insert(), none()], day, Leap::None),
        ("one of each kind", vec![insert(), none(), with(Leap::Delete)], day, Leap::None),
        ("all, a day early", vec![insert(), insert(), insert()], day - 86_400, Leap::None),
    ] {
        let world =
            Scene { truth: Utc::from_secs(truth), shown: Utc::from_secs(truth), ..Scene::new(servers) }.run(3000);
        assert_eq!(world.vouched.map(|(leap, _)| leap), Some(want), "{what}");
        assert_eq!(world.refusals, [], "{what}");
    }
    let scene = Scene::new(vec![insert(), insert(), insert()]);
    let over = Scene { truth: Utc::from_secs(day), shown: Utc::from_secs(day), ..scene }.run(90_000);
    assert_eq!(over.vouched.map(|(leap, _)| leap), Some(Leap::None), "the day after");
}

#[test]
fn kisses_are_obeyed() {
    let kissing = |code: &[u8; 4]| Server { kiss: Some(*code), ..Server::wan() };
    let rate = Scene::new(vec![kissing(b"RATE")]).run(24 * 3600);
    // 64 s at first, and 17 minutes in the end.
    assert!((80..100).contains(&rate.questions), "{}", rate.questions);
    let discards = rate.status.unwrap().discards;
    assert!(discards.of(Discard::Kiss) >= 80 && discards.total() == discards.of(Discard::Kiss), "{discards:?}");
    let deny = Scene::new(vec![kissing(b"DENY")]).run(24 * 3600);
    assert!((20..30).contains(&deny.questions), "{}", deny.questions);
    assert_eq!(opinions(&deny), [PeerState::Denied]);
}

#[test]
fn servers_that_fall_silent_are_missed_and_welcomed_back() {
    let all = |secs, server: &Server| {
        (0..3).map(move |n| (secs, Twist::Server(n, Box::new(server.clone())))).collect::<Vec<_>>()
    };
    let gone = all(5000, &Server { silent: true, ..Server::wan() });
    let script = [gone.clone(), all(30_000, &Server::wan())].concat();
    let lost = Scene { script: gone, ..Scene::new(three()) }.run(30_000);
    assert_eq!((phase(&lost), lost.vouched), (Phase::Lost, None));
    let back = Scene { script, ..Scene::new(three()) }.run(40_000);
    assert_eq!((phase(&back), back.steps.len()), (Phase::Steady, 0));
    assert!(back.worst(33_600.0) < 0.005, "{} s", back.worst(33_600.0));
}

#[test]
fn one_that_is_left_is_followed() {
    let silent = |n| (5000, Twist::Server(n, Box::new(Server { silent: true, ..Server::wan() })));
    let world = Scene { script: vec![silent(0), silent(2)], ..Scene::new(three()) }.run(40_000);
    assert_eq!(phase(&world), Phase::Steady);
    assert!(world.worst(20_000.0) < 0.005, "{} s", world.worst(20_000.0));
    assert_eq!(world.status.unwrap().stratum, 3, "one more than that of the one that is left");
}

#[test]
fn nobody_is_asked_while_the_network_is_gone() {
    let script = vec![(5000, Twist::Told(Notice::Offline)), (20_000, Twist::Told(Notice::Online))];
    let scene = Scene { script, ..Scene::new(three()) };
    let before = scene.clone().run(5001).questions;
    let mut world = World::new(scene);
    world.run(19_999);
    assert_eq!((world.questions, phase(&world)), (before, Phase::Offline));
    world.run(5000);
    assert_eq!(phase(&world), Phase::Steady);
    assert!(world.questions >= before + 24, "a burst: {}", world.questions - before);
}

#[test]
fn a_preferred_server_is_followed_and_its_error_with_it() {
    let ms = |server: Server| Server { error: Offset::from_nanos(4_000_000), ..server };
    let prefer = ms(Server { prefer: true, ..Server::wan() });
    let world = Scene::new(vec![Server::wan(), prefer, Server::wan()]).run(20_000);
    let mean = world
        .errors
        .iter()
        .filter(|(at, _)| *at > 10_000.0)
        .map(|(_, error)| error + 0.004)
        .fold(0.0, |a: f64, b| a.max(b.abs()));
    assert!(mean < 0.002, "{mean} s from the preferred server's time");
    assert_eq!(opinions(&world), [PeerState::Spare, PeerState::Selected, PeerState::Spare]);
}

#[test]
fn a_server_that_the_operator_prefers_from_now_on_is_followed_from_now_on() {
    let source = SourceId::new(1).unwrap();
    let conduct = SourceConduct { kind: Kind::Server, prefer: true, polls: PollRange::USUAL, nts: false };
    let script = vec![(5000, Twist::Told(Notice::Source { source, conduct }))];
    let world = Scene { script, ..Scene::new(three()) }.run(8000);
    assert_eq!(opinions(&world), [PeerState::Spare, PeerState::Selected, PeerState::Spare]);
}

#[test]
fn a_source_that_is_taken_away_is_asked_no_more_and_the_others_are() {
    let script = vec![(5000, Twist::Told(Notice::SourceGone { source: SourceId::new(1).unwrap() }))];
    let world = Scene { script, ..Scene::new(three()) }.run(8000);
    assert_eq!((asked(&world), phase(&world)), (vec![0, 2], Phase::Steady));
}

#[test]
fn a_one_sided_way_costs_half_of_its_side_and_no_more() {
    let one_sided = || Server { ways: (0.050, 0.010), ..Server::wan() };
    let world = Scene::new(vec![one_sided(), one_sided(), one_sided()]).run(20_000);
    assert!((0.018..0.023).contains(&world.worst(10_000.0)), "{} s", world.worst(10_000.0));
    assert!(
        world.vouched.is_some_and(|(_, max)| max.as_secs_f64() >= world.worst(10_000.0)),
        "and it is said: {:?}",
        world.vouched
    );
}

#[test]
fn a_step_is_asked_for_with_those_who_agreed() {
    let world = Scene::new(vec![Server::wan(), Server::wan().ahead(60), Server::wan()]).behind(secs(HOUR)).run(10);
    let agreed: Vec<u8> = world.steps[0].agreed.iter().map(|peer| u8::from(*peer)).collect();
    assert_eq!(agreed, [0, 2]);
    assert!(world.steps[0].offset.size() > Policy::SMALLEST_CATCH_UP);
}

#[test]
fn a_leap_second_passes_without_a_step_of_ours() {
    let insert = || Server { leap: Leap::Insert, ..Server::wan() };
    let begin = Utc::from_secs(1_798_761_600 - 10_000);
    let scene = Scene { truth: begin, shown: begin, ..Scene::new(vec![insert(), insert(), insert()]) };
    let world = Scene { script: vec![(10_001, Twist::LeapSecond)], ..scene }.run(20_000);
    assert_eq!(world.steps, []);
    assert!(world.worst(3600.0) < 0.003, "{} s", world.worst(3600.0));
    assert_eq!((phase(&world), world.vouched.map(|(leap, _)| leap)), (Phase::Steady, Some(Leap::None)));
}

#[test]
fn an_answer_counts_once() {
    let world = Scene::new(vec![Server { twice: true, ..Server::wan() }]).run(600);
    let discards = world.status.unwrap().discards;
    assert_eq!(discards.total(), discards.of(Discard::Unasked));
    assert!(discards.of(Discard::Unasked) + 1 >= world.questions, "{discards:?}, {} questions", world.questions);
}

#[test]
fn what_was_measured_before_a_stop_does_not_spoil_the_jitter() {
    let world = Scene { script: vec![(5000, Twist::Paused(3600))], ..Scene::new(three()) }.run(10_000);
    assert_eq!(reasons(&world), [StepReason::FellBehind]);
    let jitter = world.status.unwrap().jitter;
    assert!(jitter < Duration::from_millis(10), "{jitter:?}");
}

#[test]
fn a_step_in_the_middle_of_a_slew_ends_it() {
    // 9 ms are slewed for 22 s, and at 20 s the machine is restored from a snapshot of an hour ago.
    let script = vec![(20, Twist::Meddled(secs(-HOUR))), (20, Twist::Occasion(Occasion::Restore))];
    let world = Scene { script, ..Scene::new(three()) }.behind(Offset::from_nanos(9_000_000)).run(7200);
    assert_eq!(reasons(&world), [StepReason::Majority(Occasion::Restore)]);
    assert!(world.worst(40.0) < 0.010, "{} s", world.worst(40.0));
    assert!(world.worst(3600.0) < 0.003, "{} s", world.worst(3600.0));
}

/// The numbers of the servers that are asked at the end.
fn asked(world: &World) -> Vec<usize> {
    let mut asked: Vec<usize> = world.status.as_ref().unwrap().peers.iter().map(|peer| number(peer.server)).collect();
    asked.sort_unstable();
    asked
}

#[test]
fn bad_members_of_a_pool_make_room_for_others() {
    let silent = || Server { silent: true, ..Server::wan() };
    let deny = || Server { kiss: Some(*b"DENY"), ..Server::wan() };
    let liar = || Server::wan().ahead(5);
    let good = Server::wan;
    for (what, servers, want) in [
        ("all are good", vec![good(), good(), good(), good(), good(), good()], vec![0, 1, 2, 3]),
        ("one is silent", vec![good(), silent(), good(), good(), good(), good()], vec![0, 2, 3, 4]),
        ("one wants to be left alone", vec![good(), good(), deny(), good(), good(), good()], vec![0, 1, 3, 4]),
        ("one lies", vec![liar(), good(), good(), good(), good(), good()], vec![1, 2, 3, 4]),
        ("one of each kind", vec![liar(), silent(), good(), good(), deny(), good(), good()], vec![2, 3, 5, 6]),
    ] {
        let world = Scene { pool: Some(4), ..Scene::new(servers) }.behind(secs(HOUR)).run(8000);
        assert_eq!(asked(&world), want, "{what}");
        assert_eq!((reasons(&world), phase(&world)), (vec![BOOT], Phase::Steady), "{what}");
        assert!(world.worst(5000.0) < 0.005, "{what}: {} s", world.worst(5000.0));
    }
}

#[test]
fn a_pool_in_which_all_are_bad_is_gone_through_again_and_again() {
    // Long after all were tried, two of them are repaired.
    let silent = || Server { silent: true, ..Server::wan() };
    for repaired in [[0, 1], [4, 5]] {
        let script = repaired.map(|n| (5000, Twist::Server(n, Box::new(Server::wan())))).to_vec();
        let scene = Scene { script, ..Scene::new((0..6).map(|_| silent()).collect()) };
        let world = Scene { pool: Some(2), ..scene }.behind(secs(HOUR)).run(9000);
        assert_eq!((asked(&world), phase(&world)), (repaired.to_vec(), Phase::Steady));
        assert!(world.right_at.is_some_and(|at| at < 7000.0), "{:?}", world.right_at);
    }
}
