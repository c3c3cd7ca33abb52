//! What the daemon sends, as seen on the wire.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_ntp::{Chrony, Clock, SOON, Scene, ntp, testbed};
use orlop_testbed::frame::Udp;
use orlop_testbed::{Capture, eventually};

/// The shortest time between two questions to one server, less what a busy machine adds to the first of them.
const APART: Duration = Duration::from_millis(1950);
const ARP: [u8; 2] = [0x08, 0x06];

#[test]
fn nothing_leaves_but_questions_to_the_servers_that_are_named_and_seldom() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let server = scene.wired().unwrap();
    let capture = Capture::start(&scene.host).unwrap();
    let [first, second, silent] = Scene::WIRED;
    let _servers = [first, second].map(|address| Chrony::at(address, 123).start(&server).unwrap());
    let named = Scene::WIRED.map(|address| address.to_string());
    let daemon = scene.service(&ntp().args(named.iter().map(String::as_str))).unwrap();
    let questions = |to: Ipv4Addr| {
        let seen = capture.frames().into_iter().filter(|seen| seen.outgoing && seen.interface == "eth0");
        let udp = seen.filter_map(|seen| Some((seen.at, Udp::decode(&seen.frame)?)));
        udp.filter(move |(_, udp)| udp.destination == to).collect::<Vec<_>>()
    };
    let more = |to: Ipv4Addr, than: usize| {
        eventually("more questions", SOON, || Ok((questions(to).len() > than).then_some(())))
            .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    };
    // Whatever makes the time uncertain, or the network new, makes everybody be asked at once: not before his time all the same.
    more(first, 1);
    scene.command(&["step"]).unwrap();
    more(first, 2);
    scene.host.add_address("eth0", "192.0.2.11/24").unwrap();
    more(first, 3);
    scene.host.run("ip", &["address", "delete", "192.0.2.11/24", "dev", "eth0"]).unwrap();
    more(second, 4);
    drop(daemon);

    let mut seen = 0;
    for frame in capture.frames().iter().filter(|frame| frame.outgoing && frame.interface == "eth0") {
        let Some(udp) = Udp::decode(&frame.frame) else {
            assert_eq!(frame.frame.get(12..14), Some(&ARP[..]), "neither UDP nor ARP: {:x?}", frame.frame);
            continue;
        };
        seen += 1;
        assert!(Scene::WIRED.contains(&udp.destination) && udp.destination_port == 123, "{udp:x?}");
        assert_eq!(udp.payload.len(), 48, "{udp:x?}");
        assert_eq!((udp.payload[0], udp.payload[1..40].iter().all(|byte| *byte == 0)), (0x23, true), "{udp:x?}");
        assert!(udp.payload[40..] != [0; 8], "a question that can be guessed: {udp:x?}");
    }
    assert!(seen >= 12, "only {seen} questions");
    for server in Scene::WIRED {
        let asked = questions(server);
        let mut randoms: Vec<_> = asked.iter().map(|(_, udp)| udp.payload[40..].to_vec()).collect();
        for pair in asked.windows(2) {
            let apart = pair[1].0.saturating_sub(pair[0].0);
            assert!(apart >= APART, "{server}: two questions {apart:?} apart");
        }
        randoms.sort();
        randoms.dedup();
        assert_eq!(randoms.len(), asked.len(), "{server}: the same question twice");
    }
    assert!(!questions(silent).is_empty());
}
