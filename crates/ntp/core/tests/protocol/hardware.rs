//! A machine whose hardware shows the time, as its host gives it to a virtual one.

use orlop_ntp_contract::{Occasion, Offset, PeerState, Phase, ServerAddr, StepReason};

use crate::place::BEGIN;
use crate::scene::{Scene, Server, Twist};
use crate::world::World;

fn secs(secs: i64) -> Offset {
    Offset::from_nanos(secs * 1_000_000_000)
}

fn with_clock(servers: Vec<Server>, clock: Offset) -> Scene {
    Scene { clock: Some(clock), ..Scene::new(servers) }
}

fn reasons(world: &World) -> Vec<StepReason> {
    world.steps.iter().map(|step| step.why).collect()
}

const BOOT: StepReason = StepReason::Majority(Occasion::Boot);

#[test]
fn it_alone_sets_a_clock_of_1970_at_once_and_keeps_it_right() {
    let world = with_clock(Vec::new(), Offset::ZERO).behind(secs(i64::try_from(BEGIN).unwrap())).run(20_000);
    assert_eq!(reasons(&world), [BOOT]);
    assert!(world.right_at.is_some_and(|at| at < 0.1), "{:?}", world.right_at);
    assert!(world.rms(2000.0) < 0.000_02, "{} s", world.rms(2000.0));
    assert!((20_000 / 128..20_000 / 16).contains(&world.readings), "read {} times", world.readings);
    let status = world.status.unwrap();
    assert_eq!((status.phase, status.stratum), (Phase::Steady, 1));
    assert_eq!((world.questions, world.refusals), (0, Vec::new()));
}

#[test]
fn a_machine_that_was_stopped_is_right_at_once_or_after_a_minute_when_nobody_says_so() {
    let restored = StepReason::Majority(Occasion::Restore);
    // The longest poll is 64 s, and a sixteenth more.
    for (what, twists, within, want) in [
        ("told", vec![Twist::Paused(3600), Twist::Occasion(Occasion::Restore)], 1, restored),
        ("not told", vec![Twist::Paused(3600)], 70, StepReason::FellBehind),
    ] {
        let script: Vec<_> = twists.into_iter().map(|twist| (5000, twist)).collect();
        let mut world = World::new(Scene { script, ..with_clock(Vec::new(), Offset::ZERO) });
        // The pause is no time in which the machine runs.
        world.run(5000 + 3600 + within);
        assert!(world.error().abs() < 0.010, "{what}: {} s", world.error());
        assert_eq!(reasons(&world), [want], "{what}");
        assert_eq!(world.refusals, [], "{what}");
    }
}

#[test]
fn one_that_is_wrong_is_outvoted() {
    let three = vec![Server::lan(), Server::lan(), Server::lan()];
    let world = with_clock(three, secs(60)).behind(secs(3600)).run(2000);
    assert_eq!(reasons(&world), [BOOT]);
    assert!(world.error().abs() < 0.001, "{} s", world.error());
    let status = world.status.unwrap();
    for peer in &status.peers {
        let wrong = peer.server == ServerAddr::CLOCK;
        assert_eq!(peer.state == PeerState::Falseticker, wrong, "{peer:?}");
    }
}
