//! Through which interface servers are asked, and what becomes of the sockets when that changes.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::IpAddr;

use orlop_test_resolver::{Scene, Server, address, end, resolver, testbed};
use orlop_testbed::{Host, Wire};

/// A second network at `eth1`, whose host is 198.51.100.1, where ours is 198.51.100.10; and the route there leads into the first.
fn crossed(scene: &Scene, first: &Host) -> Host {
    let second = Host::new("second").unwrap();
    Wire::veth(&scene.host, "eth1", &second, "eth0").unwrap();
    for (host, interface, address) in [(&scene.host, "eth1", "198.51.100.10/24"), (&second, "eth0", "198.51.100.1/24")]
    {
        host.disable_ipv6(interface).unwrap();
        host.add_address(interface, address).unwrap();
        host.link_up(interface).unwrap();
    }
    second.wait_operational("eth0").unwrap();
    scene.host.wait_operational("eth1").unwrap();
    first.add_address("eth0", "198.51.100.1/32").unwrap();
    scene.host.ip_batch("route add 198.51.100.1/32 via 192.0.2.1 dev eth0\n").unwrap();
    second
}

#[test]
fn a_server_is_asked_through_the_interface_whose_network_names_it() {
    let Some(_) = testbed(&["ip"]) else { return };
    let scene = Scene::new().unwrap();
    let first = scene.wired().unwrap();
    let second = crossed(&scene, &first);
    let poser = Server::start(&first, "198.51.100.1", |asked| {
        vec![if asked.tcp { asked.address(60, [203, 0, 113, 66]) } else { asked.truncated() }]
    })
    .unwrap();
    let server = Server::start(&second, "198.51.100.1", |asked| {
        vec![if asked.tcp { asked.address(60, [192, 0, 2, 7]) } else { asked.truncated() }]
    })
    .unwrap();
    scene.network_of("eth1", "dns 198.51.100.1\n").unwrap();
    let daemon = scene.start(&resolver()).unwrap();
    let status = scene.until(&daemon, "its interface", |status| status["servers"][0]["interface"] == "eth1").unwrap();
    assert_eq!(address(&scene.host, "www.example").unwrap(), "192.0.2.7", "{}\n{status:#}", daemon.text());
    let ways: Vec<bool> = server.asked().iter().map(|asked| asked.tcp).collect();
    assert_eq!((ways, poser.asked().len()), (vec![false, true], 0), "by datagrams and by a stream");

    // Both networks name it: it is asked wherever the way leads.
    scene.network_of("eth0", "dns 198.51.100.1\n").unwrap();
    scene.until(&daemon, "no interface", |status| status["servers"][0]["interface"].is_null()).unwrap();
    assert_eq!(address(&scene.host, "other.example").unwrap(), "203.0.113.66", "{}", daemon.text());
    // An interface that is not there leads nowhere, and nowhere else either.
    scene.host.shell("rm /run/orlop/netfacts/dhcp.eth0 /run/orlop/netfacts/dhcp.eth1").unwrap();
    scene.network_of("eth7", "dns 198.51.100.1\n").unwrap();
    scene.until(&daemon, "the other interface", |status| status["servers"][0]["interface"] == "eth7").unwrap();
    assert!(address(&scene.host, "third.example").is_err());
    assert_eq!((server.times("third.example"), poser.times("third.example")), (0, 0));
    end(daemon).unwrap();
}

#[test]
fn other_sockets_are_used_when_an_address_or_a_route_changes() {
    let Some(_) = testbed(&["ip"]) else { return };
    let scene = Scene::new().unwrap();
    let first = scene.wired().unwrap();
    let second = crossed(&scene, &first);
    let here = Server::start(&first, "198.51.100.1", |asked| vec![asked.address(60, [192, 0, 2, 1])]).unwrap();
    let there = Server::start(&second, "198.51.100.1", |asked| vec![asked.address(60, [192, 0, 2, 2])]).unwrap();
    let daemon = scene.start(&resolver().args(["198.51.100.1"])).unwrap();
    assert_eq!(address(&scene.host, "one.example").unwrap(), "192.0.2.1", "{}", daemon.text());
    let from = |server: &Server| server.asked().last().map(|asked| asked.from.ip().to_string());
    assert_eq!(from(&here).as_deref(), Some("192.0.2.10"));

    // The pool has sockets that have the old address, and lead the old way.
    scene
        .host
        .ip_batch(
            "address del 192.0.2.10/24 dev eth0\naddress add 192.0.2.11/24 dev eth0\n\
             route replace 198.51.100.1/32 via 192.0.2.1 dev eth0\n",
        )
        .unwrap();
    let asked = |n: &mut u32| {
        *n += 1;
        address(&scene.host, &format!("more{n}.example"))
    };
    let mut n = 0;
    orlop_testbed::eventually("the new address", orlop_test_resolver::SOON, || {
        asked(&mut n)?;
        let from: Option<IpAddr> = here.asked().last().map(|asked| asked.from.ip());
        Ok((from == "192.0.2.11".parse().ok()).then_some(()))
    })
    .unwrap();
    assert_eq!(there.asked().len(), 0);
    scene.host.ip_batch("route del 198.51.100.1/32\n").unwrap();
    orlop_testbed::eventually("the new way", orlop_test_resolver::SOON, || {
        Ok((asked(&mut n)? == "192.0.2.2").then_some(()))
    })
    .unwrap();
    assert_eq!(from(&there).as_deref(), Some("198.51.100.10"));
    end(daemon).unwrap();
}
