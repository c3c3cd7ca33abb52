//! Clocks and networks that are worse than usual. Which of the situations that chrony is simulated in are tried here and elsewhere,
//! and which are not: `tests/ntp/README.md`.

use orlop_ntp_contract::{MAX_PEERS, Notice, Offset, PeerState, Phase};

use crate::scene::{Scene, Server, Twist};
use crate::world::World;

fn servers(server: &Server) -> Vec<Server> {
    vec![server.clone(), server.clone(), server.clone()]
}

/// The largest error from a time on, in milliseconds, of a clock that nobody had to set.
fn worst_ms(world: &World, from: f64) -> f64 {
    assert_eq!((world.steps.len(), world.status.as_ref().unwrap().phase), (0, Phase::Steady));
    world.worst(from) * 1000.0
}

#[test]
fn a_crystal_that_is_far_off_is_corrected() {
    for ppm in [-280.0, -150.0, 150.0, 280.0] {
        let world = Scene { ppm, ..Scene::new(servers(&Server::wan())) }.run(40_000);
        let (worst, drift) = (worst_ms(&world, 14_400.0), f64::from(world.status.unwrap().drift.scaled()) / 65_536.0);
        assert!(worst < 2.0, "{ppm} ppm: {worst} ms");
        assert!((drift + ppm).abs() < 1.0, "{ppm} ppm: a drift of {drift} ppm");
    }
}

#[test]
fn a_crystal_that_wanders_much_is_followed() {
    // 0.1 and 1 ppm in a hundred seconds, where a usual one has a hundredth of the first.
    for (wander, bound) in [(1e-8, 2.0), (1e-7, 20.0)] {
        let worst = worst_ms(&Scene { wander, ..Scene::new(servers(&Server::wan())) }.run(40_000), 7200.0);
        assert!(worst < bound, "{wander}: {worst} ms");
    }
}

#[test]
fn traffic_on_one_way_alone_costs_less_than_it_delays() {
    let busy = Server { jitter: 0.010, jitter_back: 0.01, ..Server::wan() };
    let worst = worst_ms(&Scene::new(servers(&busy)).run(40_000), 7200.0);
    assert!(worst < 8.0, "{worst} ms");
}

#[test]
fn a_network_that_is_there_for_ten_minutes_of_every_two_hours_suffices() {
    let hours = (1..12).flat_map(|n| [(n * 7200 - 6600, Notice::Offline), (n * 7200, Notice::Online)]);
    let script = hours.map(|(at, notice)| (at, Twist::Told(notice))).collect();
    let scene = Scene { script, ..Scene::new(servers(&Server::wan())) }.behind(Offset::from_nanos(5_000_000_000));
    let world = scene.run(11 * 7200 + 600);
    assert_eq!((world.steps.len(), world.status.as_ref().unwrap().phase), (1, Phase::Steady));
    let worst = world.worst(14_400.0) * 1000.0;
    assert!(worst < 20.0, "{worst} ms");
}

#[test]
fn as_many_servers_as_can_be_asked_are_one_majority() {
    let many: Vec<Server> =
        (0..MAX_PEERS).map(|n| if n % 5 == 0 { Server::wan().ahead(7) } else { Server::wan() }).collect();
    let world = Scene::new(many).run(7200);
    assert!(worst_ms(&world, 3600.0) < 2.0);
    let liars = world.status.unwrap().peers.iter().filter(|peer| peer.state == PeerState::Falseticker).count();
    assert_eq!(liars, MAX_PEERS.div_ceil(5));
}
