//! A link with somebody on it who means harm.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, testbed};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::{Edit, Reply};
use orlop_testbed::state::Item;
use orlop_testbed::{Capture, Flood, Kind, Lease, Phase, Rogue, Script, eventually, malformed};

#[test]
fn every_malformed_frame_is_dropped_and_a_good_lease_taken_after_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let (client_mac, server_mac) = (scene.client.mac("eth0").unwrap(), scene.server.mac("eth0").unwrap());
    let frames = malformed::frames(client_mac, server_mac);
    let count = frames.len();
    // The frames come as the answer to the first message; the second, a second later, is answered well.
    let bad = frames.into_iter().map(|malformed| Reply::Frame(malformed.frame)).collect();
    let rogue = scene.rogue(Script::silent().always(Phase::Discover, bad)).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let daemon = dhcp().start(&scene.client).unwrap();
    let before = scene.trio(&daemon, SOON).unwrap();
    rogue.wait_for(Phase::Discover, 1, SOON).unwrap();
    let arrived = || capture.frames().iter().filter(|frame| !frame.outgoing).count();
    eventually("every frame's arrival", SOON, || Ok((arrived() >= count).then_some(()))).unwrap();
    rogue.set(Script::serve(&lease_of(600)));
    let address = leased(&scene.client).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    assert_eq!(address.address, ADDRESS);
    assert_eq!(
        scene.trio(&daemon, SOON).unwrap(),
        before,
        "{count} bad frames restarted something:\n{}",
        daemon.text()
    );
}

#[test]
fn a_good_lease_is_taken_while_fifty_thousand_bad_frames_a_second_arrive() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let (client_mac, server_mac) = (scene.client.mac("eth0").unwrap(), scene.server.mac("eth0").unwrap());
    let frames = malformed::frames(client_mac, server_mac).into_iter().map(|malformed| malformed.frame).collect();
    let lease = lease_of(20).times(2, 15);
    let rogue = Rogue::start(&scene.server, "eth0", Script::serve(&lease)).unwrap();
    scene.client.link_up("eth0").unwrap();
    let flood = Flood::start(&scene.server, "eth0", frames, 65_000).unwrap();
    eventually("the flood", SOON, || Ok((flood.sent() > 5_000).then_some(()))).unwrap();
    let daemon = dhcp().start(&scene.client).unwrap();
    let before = scene.trio(&daemon, SOON).unwrap();
    let address = leased(&scene.client).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    assert_eq!(address.address, ADDRESS);
    // And it is kept: renewed twice.
    rogue.wait_for(Phase::Renewing, 2, SOON).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    let (sent, rate) = (flood.sent(), flood.rate());
    drop(flood);
    println!("{sent} bad frames, {rate:.0} a second");
    assert!(rate >= 50_000.0, "only {rate:.0} frames a second");
    assert_eq!(scene.trio(&daemon, SOON).unwrap(), before, "no process was restarted:\n{}", daemon.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    assert!(daemon.lines().len() < 200, "a flood of frames is not a flood of log lines: {}", daemon.lines().len());
}

#[test]
fn one_bad_option_does_not_lose_the_others() {
    let Some(_) = testbed(&[]) else { return };
    let odd: [(&str, u8, Vec<u8>); 7] = [
        ("a hostname that is not UTF-8", code::HOST_NAME, vec![0xff, 0xfe]),
        ("a hostname with a command", code::HOST_NAME, b"a;`reboot`".to_vec()),
        ("a name server of five bytes", code::DNS, vec![1, 2, 3, 4, 5]),
        ("an MTU of nothing", code::MTU, vec![]),
        ("a route that ends too early", code::CLASSLESS_ROUTES, vec![24, 10, 0]),
        ("a search list that points to itself", code::DOMAIN_SEARCH, vec![0xc0, 0]),
        ("relay information that lies", 82, vec![1, 200, 1]),
    ];
    for (what, number, value) in odd {
        let scene = Scene::new().unwrap();
        let mut lease = lease_of(600).with(code::DOMAIN_NAME, *b"example.org");
        lease.options.insert(0, (number, value));
        let _rogue = scene.rogue(Script::serve(&lease)).unwrap();
        let mut run = scene.oneshot(&dhcp()).unwrap();
        assert!(run.wait_exit(SOON).unwrap().success(), "{what}: {}", run.text());
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{what}");
        assert_eq!(scene.client.default_routes().unwrap()[0].gateway, Some(SERVER), "{what}");
        let netfacts = scene.client.read("/run/orlop/netfacts/dhcp.eth0").unwrap();
        assert!(netfacts.contains("example.org"), "{what}: {netfacts}");
        assert_eq!(scene.client.run("hostname", &[]).unwrap().trim(), "localhost", "{what}");
    }
}

#[test]
fn what_a_server_writes_cannot_forge_a_line_or_a_file() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let lease = lease_of(600)
        .with(code::DOMAIN_NAME, b"evil\nnameserver 6.6.6.6".to_vec())
        .with(code::HOST_NAME, b"x\x1b[2J\ny".to_vec())
        .with(code::MESSAGE, b"\x1b]0;owned\x07".to_vec())
        .with(code::DNS, [127, 0, 0, 1, 0, 0, 0, 0, 224, 0, 0, 1, 192, 0, 2, 53]);
    let _rogue = scene.rogue(Script::serve(&lease)).unwrap();
    let run = scene.oneshot(&dhcp()).unwrap();
    let resolv_conf = scene.client.read("/run/resolvconf/resolv.conf").unwrap();
    let servers: Vec<_> =
        resolv_conf.lines().filter_map(|line| line.strip_prefix("nameserver ")).map(str::trim).collect();
    assert_eq!(servers, ["192.0.2.53"], "{resolv_conf}");
    assert!(!resolv_conf.contains("evil") && !run.text().contains('\x1b'), "{resolv_conf}\n{}", run.text());
}

/// In BOUND no message is expected: neither an acknowledgement nor a refusal may change anything.
#[test]
fn unasked_messages_change_nothing_while_bound() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let routed = || Ok((!scene.client.default_routes()?.is_empty()).then_some(()));
    eventually("the whole lease being in force", SOON, routed).unwrap();
    let asked = rogue.asked();
    let request = asked.last().unwrap().message.clone();
    let monitor = orlop_testbed::Monitor::start(&scene.client).unwrap();
    let evil = Lease::new(Ipv4Addr::new(192, 0, 2, 66), 600);
    let mac = scene.server.mac("eth0").unwrap();
    let frames = vec![
        evil.ack().frame(&request, mac),
        evil.ack().edit(Edit::Unicast(ADDRESS)).frame(&request, mac),
        orlop_testbed::script::Template::nak(SERVER).frame(&request, mac),
        evil.ack().edit(Edit::RawOptions(vec![code::MESSAGE_TYPE, 1, 9, 255])).frame(&request, mac),
    ];
    let flood = Flood::start(&scene.server, "eth0", frames, 2_000).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(flood.sent() > 1_000);
    drop(flood);
    let changes = monitor.changes().unwrap().into_iter().map(|(_, change)| change);
    // The kernel speaks of the link by itself, seconds after the carrier came.
    let changes: Vec<_> = changes.filter(|change| !matches!(change.item, Item::Link(_))).collect();
    assert_eq!(changes, [], "{}", daemon.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    assert_eq!(rogue.asked().len(), asked.len(), "and nothing was sent: {:?}", rogue.asked());
}

#[test]
fn a_server_that_refuses_for_ever_does_not_make_the_client_a_nuisance() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let script = Script::default()
        .on(Phase::Discover, [lease_of(600).offer()])
        .on(Phase::Selecting, [orlop_testbed::script::Template::nak(SERVER)]);
    let _rogue = scene.rogue(script).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let _daemon = dhcp().start(&scene.client).unwrap();
    std::thread::sleep(Duration::from_secs(8));
    let sent = capture.messages().iter().filter(|seen| seen.outgoing).count();
    assert!((4..=12).contains(&sent), "{sent} messages in eight seconds:\n{}", capture.time_line());
    assert!(capture.of_kind(Kind::Nak).len() >= 2);
}
