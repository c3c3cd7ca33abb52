//! The one-shot run ends, and the service begins with what it has heard.

use core::time::Duration;

use orlop_machine::{Instant, Machine as _, Seed};
use orlop_ntp_contract::{
    Conduct, Cookie, ExchangeId, Frequency, Handover, Keys, Kind, Leap, Notice, Occasion, Offset, PeerState, Phase,
    PollRange, Request, SourceConduct, SourceId, Utc,
};
use orlop_ntp_core::client::{Action, Client, Event};

use crate::place::{BEGIN, FLOOR, address};
use crate::scene::{Scene, Server};
use crate::targets::KEY;
use crate::world::World;

/// The machine after a one-shot run that has set its clock, a moment later.
fn after_one_shot(servers: Vec<Server>, moment: u64) -> World {
    let scene = Scene { occasion: Occasion::OneShot, ..Scene::new(servers) };
    let mut world = scene.behind(Offset::from_nanos(3_600_000_000_000)).run(moment);
    assert_eq!((world.steps.len(), world.status.take().unwrap().phase), (1, Phase::Steady));
    world
}

#[test]
fn the_service_vouches_at_once_and_asks_nobody_sooner_than_is_polite() {
    let mut world = after_one_shot(vec![Server::wan(), Server::wan(), Server::wan().ahead(60)], 1);
    world.serve(true);
    let status = world.status();
    assert_eq!((status.phase, world.questions), (Phase::Steady, 3 + 1), "nobody but the liar has to be asked");
    assert!(world.vouched.is_some());
    let seen: Vec<_> = status.peers.iter().map(|peer| (peer.state, peer.reach, peer.stratum)).collect();
    let known = (PeerState::Selected, 1, 2);
    assert_eq!(seen, [known, known, (PeerState::Unreachable, 0, 0)], "the liar has to say it again");
    // The world itself holds that nobody is asked twice within two seconds.
    world.run(600);
    assert_eq!((world.steps.len(), world.status.as_ref().unwrap().phase), (1, Phase::Steady));
    assert!(world.worst(200.0) < 0.005, "{}", world.worst(200.0));
}

#[test]
fn the_crystal_is_corrected_sooner() {
    let corrected_after = |told: bool| {
        let mut world = after_one_shot(vec![Server::lan(), Server::lan(), Server::lan()], 3);
        world.serve(told);
        let mut secs = 0;
        while world.rate == Frequency::ZERO {
            world.run(1);
            secs += 1;
        }
        secs
    };
    let (told, untold) = (corrected_after(true), corrected_after(false));
    assert!(told < untold, "{told} s, and {untold} s when it was told nothing");
}

/// A service that is told of a good answer of the one server that it is to ask, and of these things before that.
fn begin(nts: bool, before: &[Notice]) -> Vec<Request> {
    let now = Instant::from_nanos(60_000_000_000);
    let mut client = Client::new(Seed::from_bytes([1; 32]));
    let span = Duration::from_millis(1);
    let sample = Handover {
        server: address(0),
        at: Instant::from_nanos(59_000_000_000),
        offset: Offset::from_nanos(1_000_000),
        delay: span,
        stratum: 2,
        leap: Leap::None,
        root_delay: span,
        root_dispersion: span,
    };
    let occasion = Occasion::Restart;
    let floor = Utc::from_secs(FLOOR);
    let conduct = Conduct { floor, occasion, lone_answer_after: None, drift: Frequency::ZERO };
    let source = SourceId::new(0).unwrap();
    let handed = Notice::Handover { at: now, shown: Utc::from_secs(BEGIN), samples: [sample].into_iter().collect() };
    let asked = SourceConduct { kind: Kind::Server, prefer: false, polls: PollRange::USUAL, nts };
    let mut notices = vec![Notice::Begin(conduct), handed];
    notices.extend_from_slice(before);
    notices.push(Notice::Source { source, conduct: asked });
    let number = ExchangeId::default().next();
    notices.push(if nts {
        Notice::Exchanged { source, number, server: address(0) }
    } else {
        Notice::Addresses { source, servers: [address(0)].into_iter().collect() }
    });
    let mut actions: Vec<Action> =
        notices.into_iter().flat_map(|notice| client.handle(now, Event::Notice(notice))).collect();
    if nts {
        let cookies = [Cookie::new(&[1; 100]).unwrap()].into_iter().collect();
        let keys = Keys { number, source, checked: Utc::from_secs(BEGIN), c2s: KEY, s2c: KEY, cookies };
        actions.extend(client.handle(now, Event::Keys(keys)));
    }
    assert!(actions.iter().any(|action| matches!(action, Action::Ask(Request::Connect { .. }))), "{actions:?}");
    actions
        .into_iter()
        .filter_map(|action| if let Action::Ask(request) = action { Some(request) } else { None })
        .collect()
}

#[test]
fn only_an_answer_that_still_says_something_counts() {
    for (what, nts, before, vouches) in [
        ("what was heard just before", false, vec![], true),
        ("nobody has proved who said it", true, vec![], false),
        ("the machine slept", false, vec![Notice::Occasion(Occasion::Suspend)], false),
        ("somebody has set the clock", false, vec![Notice::Stepped { by: Offset::from_nanos(1) }], false),
    ] {
        let requests = begin(nts, &before);
        let vouched = requests.iter().any(|request| matches!(request, Request::Synchronised { .. }));
        assert_eq!(vouched, vouches, "{what}: {requests:?}");
    }
}
