//! What somebody else removes of a lease in force.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, testbed};
use orlop_testbed::script::Phase;
use orlop_testbed::{Running, Script, eventually};

/// Address, the route to its network and the default route, as a lease of [`ADDRESS`] puts them into the kernel.
fn is_whole(scene: &Scene) -> bool {
    let addresses = scene.client.addresses("eth0").unwrap();
    let routes = scene.client.routes().unwrap();
    let network =
        routes.iter().any(|route| route.destination == ([192, 0, 2, 0].into(), 24) && route.source == Some(ADDRESS));
    let default = routes.iter().any(|route| route.destination.1 == 0 && route.gateway == Some(SERVER));
    let leased =
        addresses.iter().any(|address| (address.address, address.prefix) == (ADDRESS, 24) && address.valid.is_some());
    leased && network && default
}

fn wait_until_whole(scene: &Scene, what: &str, daemon: &Running) {
    let whole = || Ok(is_whole(scene).then_some(()));
    eventually(what, SOON, whole).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
}

fn daemon(scene: &Scene, config: &str) -> Running {
    scene.client.write("/run/dhcp.toml", config).unwrap();
    let daemon = scene.service(&dhcp().args(["--config", "/run/dhcp.toml"])).unwrap();
    wait_until_whole(scene, "the lease in force", &daemon);
    daemon
}

const PUT_BACK: &str = "somebody has removed what belongs to the lease; put back";

#[test]
fn what_somebody_removes_is_put_back_soon() {
    let Some(_) = testbed(&[]) else { return };
    for (what, removal) in [
        ("the address", "ip address del 192.0.2.77/24 dev eth0"),
        ("all addresses", "ip address flush dev eth0"),
        ("the default route", "ip route del default"),
        ("the route to the network", "ip route del 192.0.2.0/24"),
        ("all routes", "ip route flush table main"),
        (
            "a route of an address that another link has as well",
            "ip address add 192.0.2.77/32 dev lo; ip route del default",
        ),
    ] {
        let scene = Scene::new().unwrap();
        let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
        let daemon = daemon(&scene, "");
        let mark = daemon.mark();
        scene.client.shell(removal).unwrap();
        daemon.wait_for_after(mark, PUT_BACK, SOON).unwrap();
        wait_until_whole(&scene, what, &daemon);
        assert_eq!(rogue.count(Phase::Discover), 1, "{what}: the lease is the same");
        assert_eq!(daemon.text().matches(PUT_BACK).count(), 1, "{what}: our own changes are none: {}", daemon.text());
    }
}

#[test]
fn whoever_removes_it_again_and_again_means_it_until_the_operator_says_otherwise() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = daemon(&scene, "");
    for time in ["first", "second"] {
        let mark = daemon.mark();
        scene.client.shell("ip address del 192.0.2.77/24 dev eth0").unwrap();
        daemon.wait_for_after(mark, PUT_BACK, SOON).unwrap();
        wait_until_whole(&scene, time, &daemon);
    }
    let mark = daemon.mark();
    scene.client.shell("ip address del 192.0.2.77/24 dev eth0").unwrap();
    daemon.wait_for_after(mark, "left as it is until `renew`", SOON).unwrap();
    assert!(!is_whole(&scene), "{}", daemon.text());
    scene.client.shell(&format!("{} renew", dhcp().binary().display())).unwrap();
    wait_until_whole(&scene, "after renew", &daemon);
    daemon.wait_for_after(mark, "lease extended", SOON).unwrap();
}

#[test]
fn what_is_moved_on_purpose_stays_where_it_is() {
    let Some(_) = testbed(&[]) else { return };
    let moved = "ip link add other type veth peer name another && ip link set other up
                 ip address del 192.0.2.77/24 dev eth0; ip address add 192.0.2.77/24 dev other";
    let enslaved = "ip link add br0 type bridge && ip link set br0 up
                    ip link set eth0 master br0; ip address del 192.0.2.77/24 dev eth0";
    let removed = "ip address del 192.0.2.77/24 dev eth0";
    for (what, config, command, said) in [
        ("to another link", "", moved, Some("another interface has the leased address now; left there")),
        ("of a link with a master", "", enslaved, Some("no longer looking after the interface")),
        ("switched off", "restore = false\n", removed, None),
    ] {
        let scene = Scene::new().unwrap();
        let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
        let daemon = daemon(&scene, config);
        let mark = daemon.mark();
        scene.client.shell(command).unwrap();
        if let Some(said) = said {
            daemon.wait_for_after(mark, said, SOON).unwrap();
        }
        // Far longer than the daemon would take, were it to do anything.
        std::thread::sleep(Duration::from_secs(2));
        assert!(!daemon.text().contains(PUT_BACK), "{what}: {}", daemon.text());
        assert!(scene.client.addresses("eth0").unwrap().is_empty(), "{what}: {}", daemon.text());
        assert_eq!(rogue.count(Phase::Discover), 1, "{what}");
    }
}

#[test]
fn a_link_that_is_down_is_put_in_order_when_it_is_up_again() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = daemon(&scene, "");
    scene.client.shell("ip link set eth0 down; ip address flush dev eth0").unwrap();
    daemon.wait_for("carrier interface=eth0 up=false", SOON).unwrap();
    assert!(!is_whole(&scene));
    scene.client.shell("ip link set eth0 up").unwrap();
    wait_until_whole(&scene, "up again", &daemon);
    assert!(!daemon.text().contains(PUT_BACK), "{}", daemon.text());
}
