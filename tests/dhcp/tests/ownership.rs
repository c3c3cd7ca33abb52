//! An address of somebody else, which a server leases us all the same: the operator's, the kernel's for `ip=dhcp`, an initramfs's.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, testbed};
use orlop_testbed::script::Phase;
use orlop_testbed::{Monitor, Script, eventually};

/// The address is there for good, as its owner left it; `said` is what the daemon told.
fn untouched(scene: &Scene, what: &str, said: &str) {
    let all = scene.client.addresses("eth0").unwrap();
    let [address] = &all[..] else { panic!("{what}: one address expected, {all:?}: {said}") };
    assert_eq!((address.address, address.prefix), (ADDRESS, 24), "{what}: {said}");
    assert_eq!((address.valid, address.preferred, address.protocol), (None, None, 0), "{what}: {said}");
}

/// Whether there is a default route as only we make one.
fn has_our_route(scene: &Scene) -> bool {
    scene.client.default_routes().unwrap().iter().any(|route| (route.protocol, route.source) == (16, Some(ADDRESS)))
}

fn wait_for_our_route(scene: &Scene, there: bool) {
    let look = || Ok((has_our_route(scene) == there).then_some(()));
    eventually("our route", SOON, look).unwrap();
}

#[test]
fn a_lease_of_an_address_that_is_there_already_leaves_it_as_it_is() {
    let Some(_) = testbed(&[]) else { return };
    let operator = "ip address add 192.0.2.77/24 dev eth0";
    // ip=dhcp: address, broadcast address, and a default route without a source.
    let kernel = "ip address add 192.0.2.77/24 brd + dev eth0; ip route add default via 192.0.2.1 dev eth0 proto boot";
    let initramfs = "ip address add 192.0.2.77/24 dev eth0; ip route add default via 192.0.2.1 dev eth0 proto dhcp";
    for (what, theirs, order) in [
        ("an operator's, and the lease expires", operator, None),
        ("an operator's, and the lease is given back", operator, Some("release")),
        ("an operator's, and the lease outlives its daemon", operator, Some("kill")),
        ("the kernel's", kernel, Some("release")),
        ("an initramfs's", initramfs, Some("kill")),
    ] {
        let scene = Scene::new().unwrap();
        scene.client.shell(theirs).unwrap();
        let routes = scene.client.routes().unwrap();
        let monitor = Monitor::start(&scene.client).unwrap();
        let rogue = scene.rogue(Script::serve(&lease_of(6).times(2, 4))).unwrap();
        let mut daemon = dhcp().start(&scene.client).unwrap();
        daemon.wait_for("leased interface=eth0", SOON).unwrap();
        rogue.wait_for(Phase::Renewing, 1, SOON).unwrap();
        wait_for_our_route(&scene, true);
        untouched(&scene, what, &daemon.text());
        assert_eq!(daemon.text().matches("it stays as it is").count(), 1, "{what}: {}", daemon.text());
        let orlop = |verb: &str| scene.client.shell(&format!("{} {verb}", dhcp().binary().display())).unwrap();
        match order {
            None => rogue.set(Script::silent()),
            Some("release") => drop(orlop("release")),
            Some(_) => {
                daemon.signal(nix::sys::signal::Signal::SIGKILL).unwrap();
                daemon.wait_exit(SOON).unwrap();
                daemon = dhcp().start(&scene.client).unwrap();
                daemon.wait_for("lease extended", SOON).unwrap();
                drop(orlop("release"));
            }
        }
        wait_for_our_route(&scene, false);
        untouched(&scene, what, &daemon.text());
        assert_eq!(monitor.address_updates().unwrap(), 0, "{what}: {}", daemon.text());
        let left = scene.client.routes().unwrap();
        assert_eq!(left, routes, "{what}: {}", daemon.text());
    }
}

#[test]
fn what_an_operator_makes_his_own_during_a_lease_stays_when_the_lease_ends() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(6).times(2, 4))).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    scene.client.shell("ip address replace 192.0.2.77/24 dev eth0").unwrap();
    let renewals = rogue.count(Phase::Renewing);
    rogue.wait_for(Phase::Renewing, renewals + 1, SOON).unwrap();
    rogue.set(Script::silent());
    daemon.wait_for("lease expired", SOON).unwrap();
    wait_for_our_route(&scene, false);
    untouched(&scene, "made to last", &daemon.text());
    assert!(scene.client.default_routes().unwrap().iter().all(|route| route.gateway != Some(SERVER)));
}
