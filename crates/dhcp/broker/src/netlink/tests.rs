//! Against the kernel, each in a network namespace of its own.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use orlop_dhcp_contract::{PrefixLen, UnicastAddr};
use orlop_testbed::{Host, Monitor, Testbed, Wire};

use super::*;

/// Room for the kernel to announce what it did.
const SETTLE: Duration = Duration::from_millis(200);
const METRIC: u32 = 1002;

struct Scene {
    host: Host,
    peer: Host,
    link: IfIndex,
}

impl Scene {
    /// `eth0`, up, with somebody at the other end. `None` where it cannot be had.
    fn new() -> Result<Option<Self>> {
        if Testbed::with(&["ip"]).is_none() {
            return Ok(None);
        }
        let (host, peer) = (Host::new("client")?, Host::new("server")?);
        Wire::veth_up(&host, "eth0", &peer, "eth0")?;
        let link = IfIndex::new(host.link("eth0")?.ifindex).expect("an interface has an index");
        Ok(Some(Self { host, peer, link }))
    }

    fn netlink<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Netlink, IfIndex) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let link = self.link;
        self.host.inside(move || work(&mut Netlink::open()?, link))
    }

    fn apply(&self, old: Option<&Footprint>, new: &Footprint) -> Result<Applied> {
        let (old, new) = (old.cloned(), new.clone());
        self.netlink(move |netlink, link| Ok(netlink.apply(link, old.as_ref(), &new, now())?))
    }

    fn addresses(&self) -> Result<Vec<(Ipv4Addr, u8)>> {
        Ok(self.host.addresses("eth0")?.iter().map(|own| (own.address, own.prefix)).collect())
    }

    fn default_gateways(&self) -> Result<Vec<Option<Ipv4Addr>>> {
        Ok(self.host.default_routes()?.iter().map(|route| route.gateway).collect())
    }
}

fn now() -> Instant {
    Instant::from_nanos(1_000_000_000)
}

fn unicast(addr: [u8; 4]) -> UnicastAddr {
    UnicastAddr::new(addr.into()).unwrap()
}

fn route(destination: [u8; 4], bits: u8, gateway: Option<[u8; 4]>) -> KernelRoute {
    KernelRoute {
        destination: destination.into(),
        prefix: PrefixLen::new(bits).unwrap(),
        gateway: gateway.map(unicast),
    }
}

fn footprint(last: u8) -> Footprint {
    Footprint {
        addr: unicast([192, 0, 2, last]),
        prefix: PrefixLen::new(24).unwrap(),
        ours: true,
        broadcast: Some([192, 0, 2, 255].into()),
        expires_at: Some(now().after(Duration::from_secs(600))),
        metric: METRIC,
        routes: vec![route([0; 4], 0, Some([192, 0, 2, 1])), route([10, 0, 0, 0], 8, Some([192, 0, 2, 2]))],
        mtu: Some(1400),
    }
}

#[test]
fn a_lease_is_in_the_kernel_with_all_that_belongs_to_it() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let applied = scene.apply(None, &footprint(9))?;
    assert_eq!(applied.refused_routes, []);

    let [address] = &scene.host.addresses("eth0")?[..] else { panic!("one address expected") };
    assert_eq!((address.address, address.prefix), ([192, 0, 2, 9].into(), 24));
    assert_eq!(address.broadcast, Some([192, 0, 2, 255].into()));
    assert!(address.valid.is_some_and(|left| (590..=600).contains(&left)), "{address:?}");
    assert_eq!(address.valid, address.preferred);
    ensure!([0, request::ADDRESS_FROM_DHCP].contains(&address.protocol), "0 only before Linux 5.18: {address:?}");

    let routes = scene.host.routes()?;
    let ours: Vec<_> = routes.iter().filter(|route| route.protocol == 16).collect();
    assert_eq!(ours.len(), 2, "{routes:#?}");
    for route in ours {
        assert_eq!((route.metric, route.mtu, route.source), (METRIC, Some(1400), Some([192, 0, 2, 9].into())));
    }
    let network = routes.iter().find(|route| route.destination == ([192, 0, 2, 0].into(), 24) && route.table == 254);
    assert_eq!(network.map(|route| route.metric), Some(METRIC), "the network's own route has the metric too");
    Ok(())
}

#[test]
fn a_thousand_unchanged_renewals_delete_nothing() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let lease = footprint(9);
    scene.apply(None, &lease)?;
    let monitor = Monitor::start(&scene.host)?;
    scene.netlink(move |netlink, link| {
        for renewal in 1..=1000 {
            let later = now().after(Duration::from_secs(renewal));
            let renewed = Footprint { expires_at: Some(later.after(Duration::from_secs(600))), ..lease.clone() };
            netlink.apply(link, Some(&lease), &renewed, later)?;
        }
        Ok(())
    })?;
    std::thread::sleep(SETTLE);
    assert_eq!(monitor.deletions()?, []);
    assert!(monitor.address_updates()? >= 1, "the monitor sees the new lifetimes");
    assert_eq!(scene.addresses()?, [([192, 0, 2, 9].into(), 24)]);
    Ok(())
}

#[test]
fn another_address_in_the_same_network_survives_the_old_one() -> Result<()> {
    for promote in ["0", "1"] {
        let Some(scene) = Scene::new()? else { return Ok(()) };
        // The sandbox of a machine may keep /proc/sys read-only; then its own setting is all there is to test.
        let path = "/proc/sys/net/ipv4/conf/eth0/promote_secondaries";
        let _ = scene.host.shell(&format!("echo {promote} >{path}"));
        let (old, new) = (footprint(9), footprint(10));
        scene.apply(None, &old)?;
        let applied = scene.apply(Some(&old), &new)?;
        assert_eq!(applied.refused_routes, []);
        assert_eq!(scene.addresses()?, [([192, 0, 2, 10].into(), 24)], "promote_secondaries {promote}");
        assert_eq!(scene.default_gateways()?, [Some([192, 0, 2, 1].into())], "promote_secondaries {promote}");
    }
    Ok(())
}

#[test]
fn an_operators_address_in_the_same_network_outlives_ours() -> Result<()> {
    for kept in [true, false] {
        let Some(scene) = Scene::new()? else { return Ok(()) };
        let lease = footprint(9);
        if kept {
            scene.netlink(|netlink, link| Ok(netlink.promote_secondaries(link)?))?;
        }
        scene.apply(None, &lease)?;
        scene.host.add_address("eth0", "192.0.2.200/24")?;
        scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &lease)?))?;
        let want: &[_] = if kept { &[([192, 0, 2, 200].into(), 24)] } else { &[] };
        assert_eq!(scene.addresses()?, want, "promoted: {kept}");
    }
    Ok(())
}

#[test]
fn the_address_of_another_network_comes_before_the_old_one_goes() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let old = footprint(9);
    let new = Footprint {
        addr: unicast([198, 51, 100, 7]),
        broadcast: Some([198, 51, 100, 255].into()),
        routes: vec![route([0; 4], 0, Some([198, 51, 100, 1]))],
        ..old.clone()
    };
    scene.apply(None, &old)?;
    let monitor = Monitor::start(&scene.host)?;
    scene.apply(Some(&old), &new)?;
    std::thread::sleep(SETTLE);
    assert_eq!(scene.addresses()?, [([198, 51, 100, 7].into(), 24)]);
    assert_eq!(scene.default_gateways()?, [Some([198, 51, 100, 1].into())]);
    let order: Vec<bool> = monitor
        .changes()?
        .into_iter()
        .filter(|(_, change)| matches!(change.item, orlop_testbed::state::Item::Address(_)))
        .map(|(_, change)| change.deleted)
        .collect();
    assert_eq!(order, [false, true], "added, then deleted");
    Ok(())
}

#[test]
fn withdrawing_leaves_nothing_and_may_be_repeated() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let lease = footprint(9);
    scene.apply(None, &lease)?;
    scene.netlink(move |netlink, link| {
        netlink.withdraw(link, &lease)?;
        netlink.withdraw(link, &lease)?;
        Ok(())
    })?;
    assert_eq!(scene.addresses()?, []);
    assert!(scene.host.routes()?.iter().all(|route| route.protocol != 16));
    Ok(())
}

#[test]
fn withdrawing_from_a_link_that_is_gone_is_no_error() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let lease = footprint(9);
    scene.apply(None, &lease)?;
    scene.host.link_delete("eth0")?;
    scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &lease)?))
}

#[test]
fn two_links_in_one_network_each_keep_their_routes() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    Wire::veth_up(&scene.host, "eth1", &scene.peer, "eth1")?;
    let second = IfIndex::new(scene.host.link("eth1")?.ifindex).expect("an interface has an index");
    scene.netlink(move |netlink, first| {
        netlink.apply(first, None, &footprint(9), now())?;
        netlink.apply(second, None, &Footprint { metric: METRIC + 1, ..footprint(10) }, now())?;
        Ok(())
    })?;
    let networks: Vec<(u32, u32)> = scene
        .host
        .routes()?
        .iter()
        .filter(|route| route.destination == ([192, 0, 2, 0].into(), 24) && route.table == 254)
        .map(|route| (route.ifindex, route.metric))
        .collect();
    assert_eq!(networks, [(scene.link.get(), METRIC), (second.get(), METRIC + 1)]);
    assert_eq!(scene.host.default_routes()?.len(), 2);
    scene
        .netlink(move |netlink, _| Ok(netlink.withdraw(second, &Footprint { metric: METRIC + 1, ..footprint(10) })?))?;
    assert_eq!(scene.addresses()?, [([192, 0, 2, 9].into(), 24)]);
    assert_eq!(scene.host.default_routes()?.iter().map(|route| route.metric).collect::<Vec<_>>(), [METRIC]);
    Ok(())
}

#[test]
fn others_routes_of_the_same_metric_stay_and_ours_change_beside_them() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    scene
        .host
        .shell(&format!("ip address add 10.9.9.9/24 dev eth0; ip route add default via 10.9.9.1 metric {METRIC}"))?;
    let theirs = Some([10, 9, 9, 1].into());
    let old = footprint(9);
    scene.apply(None, &old)?;
    assert_eq!(scene.default_gateways()?, [theirs, Some([192, 0, 2, 1].into())]);
    // Another router, another MTU, another address: each leaves one route of ours.
    let router = Footprint { routes: vec![route([0; 4], 0, Some([192, 0, 2, 3]))], ..old.clone() };
    let mtu = Footprint { mtu: Some(1300), ..router.clone() };
    let address = Footprint { addr: unicast([192, 0, 2, 10]), ..mtu.clone() };
    for (what, before, after) in [("router", &old, &router), ("MTU", &router, &mtu), ("address", &mtu, &address)] {
        let applied = scene.apply(Some(before), after)?;
        assert_eq!(applied.refused_routes, [], "{what}");
        assert_eq!(scene.default_gateways()?, [theirs, Some([192, 0, 2, 3].into())], "{what}");
        let ours: Vec<_> = scene.host.routes()?.into_iter().filter(|route| route.protocol == 16).collect();
        let marks: Vec<_> = ours.iter().map(|route| (route.source, route.mtu)).collect();
        assert_eq!(marks, [(Some(after.addr.get()), after.mtu.map(u32::from))], "{what}");
    }
    scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &address)?))?;
    assert_eq!(scene.default_gateways()?, [theirs]);
    Ok(())
}

#[test]
fn a_route_that_the_kernel_refuses_does_not_cost_the_lease() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    // The broadcast address as a gateway: invalid on any kernel.
    let bad = route([172, 16, 0, 0], 12, Some([192, 0, 2, 255]));
    let mut lease = footprint(9);
    lease.routes.insert(0, bad);
    let applied = scene.apply(None, &lease)?;
    assert_eq!(applied.refused_routes.iter().map(|(route, _)| *route).collect::<Vec<_>>(), [bad]);
    assert_eq!(scene.default_gateways()?, [Some([192, 0, 2, 1].into())]);
    Ok(())
}

#[test]
fn a_refused_address_leaves_the_old_lease_in_force() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let old = footprint(9);
    scene.apply(None, &old)?;
    let error = scene.netlink({
        let old = old.clone();
        move |netlink, _| {
            let nowhere = IfIndex::new(0x7fff_0000).expect("not zero");
            let error = netlink.apply(nowhere, Some(&old), &footprint(10), now()).expect_err("there is no such link");
            Ok(error)
        }
    })?;
    assert_eq!(error.errno, Errno::NODEV, "{error}");
    assert_eq!(scene.addresses()?, [([192, 0, 2, 9].into(), 24)]);
    assert_eq!(scene.default_gateways()?, [Some([192, 0, 2, 1].into())]);
    Ok(())
}

#[test]
fn what_an_earlier_process_left_is_found_and_can_be_withdrawn() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    scene.host.add_address("eth0", "203.0.113.5/24")?;
    let cloud = Footprint {
        addr: unicast([10, 156, 0, 5]),
        prefix: PrefixLen::HOST,
        broadcast: None,
        expires_at: None,
        routes: vec![route([10, 156, 0, 1], 32, None), route([0; 4], 0, Some([10, 156, 0, 1]))],
        ..footprint(9)
    };
    let applied = scene.apply(None, &cloud)?;
    assert_eq!(applied.refused_routes, []);
    let want = cloud.clone();
    scene.netlink(move |netlink, link| {
        let observed = netlink.current(link)?;
        assert!(observed.has(want.addr, want.prefix));
        assert!(observed.has(unicast([203, 0, 113, 5]), PrefixLen::new(24).unwrap()), "an operator's address is seen");
        assert!(!observed.has(unicast([203, 0, 113, 6]), PrefixLen::new(24).unwrap()));
        assert_eq!(observed.footprints(), [want], "but only ours is ours");
        for footprint in observed.footprints() {
            netlink.withdraw(link, &footprint)?;
        }
        Ok(())
    })?;
    assert_eq!(scene.addresses()?, [([203, 0, 113, 5].into(), 24)]);
    assert_eq!(scene.default_gateways()?, []);
    Ok(())
}

#[test]
fn the_largest_possible_lease_is_applied_whole() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let mut lease = footprint(9);
    lease.routes = (0..64_u8).map(|n| route([100, 64, n, 1], 32, None)).collect();
    lease.routes.extend((0..64_u8).map(|n| route([10, n, 0, 0], 16, Some([100, 64, n, 1]))));
    let applied = scene.apply(None, &lease)?;
    assert_eq!(applied.refused_routes, []);
    assert_eq!(scene.host.routes()?.iter().filter(|route| route.protocol == 16).count(), 128);
    Ok(())
}

#[test]
fn a_link_is_set_up_and_given_an_mtu() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    scene.host.link_down("eth0")?;
    scene.netlink(|netlink, link| {
        netlink.set_up(link)?;
        netlink.set_up(link)?;
        netlink.set_mtu(link, 1400)?;
        let refused = netlink.set_mtu(link, 40).expect_err("below what Ethernet takes");
        assert_eq!(refused.errno, Errno::INVAL);
        Ok(())
    })?;
    let link = scene.host.link("eth0")?;
    assert_eq!((link.up, link.mtu), (true, 1400));
    Ok(())
}

/// What each test below wants: the address is there for good, as the operator left it.
fn untouched(scene: &Scene, what: &str) -> Result<()> {
    let all = scene.host.addresses("eth0")?;
    let [address] = &all[..] else { panic!("{what}: one address expected, {all:?}") };
    assert_eq!((address.address, address.prefix), ([192, 0, 2, 9].into(), 24), "{what}");
    assert_eq!((address.valid, address.preferred, address.protocol), (None, None, 0), "{what}");
    Ok(())
}

#[test]
fn an_address_that_is_not_ours_outlives_every_lease_of_it_untouched() -> Result<()> {
    for (what, theirs) in [
        ("an operator's", "ip address add 192.0.2.9/24 dev eth0"),
        ("one with a broadcast address and a label", "ip address add 192.0.2.9/24 brd + label eth0:1 dev eth0"),
        ("with a route of theirs", "ip address add 192.0.2.9/24 dev eth0; ip route add default via 192.0.2.1 dev eth0"),
        (
            "with a route that is just like ours",
            "ip address add 192.0.2.9/24 dev eth0
             ip route add default via 192.0.2.1 dev eth0 proto dhcp src 192.0.2.9 metric 1002 mtu 1400",
        ),
    ] {
        let Some(scene) = Scene::new()? else { return Ok(()) };
        scene.host.shell(theirs)?;
        let monitor = Monitor::start(&scene.host)?;
        let before = scene.host.routes()?;
        let applied = scene.apply(None, &footprint(9))?;
        untouched(&scene, what)?;
        assert!(!applied.footprint.ours, "{what}");
        assert!(scene.default_gateways()?.contains(&Some([192, 0, 2, 1].into())), "{what}: the lease is in force");
        let renewed = scene.apply(Some(&applied.footprint), &footprint(9))?;
        untouched(&scene, what)?;
        assert_eq!(renewed.footprint, applied.footprint, "{what}");
        // Another process takes up what this one left.
        let left = scene.netlink(|netlink, link| Ok(netlink.current(link)?))?;
        assert_eq!(left.footprints(), [], "{what}");
        let own = left.footprint_of(unicast([192, 0, 2, 9]), PrefixLen::new(24).unwrap()).expect("it is there");
        assert!(!own.ours, "{what}");
        scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &renewed.footprint)?))?;
        untouched(&scene, what)?;
        assert_eq!(scene.host.routes()?, before, "{what}: our routes are gone, theirs are there");
        std::thread::sleep(SETTLE);
        assert_eq!(monitor.address_updates()?, 0, "{what}");
    }
    Ok(())
}

#[test]
fn an_address_that_becomes_somebody_elses_during_the_lease_is_given_up_untouched() -> Result<()> {
    let theirs = "ip address del 192.0.2.9/24 dev eth0; ip address add 192.0.2.9/24 dev eth0";
    for (what, script) in [("put there anew", theirs), ("made to last", "ip address replace 192.0.2.9/24 dev eth0")] {
        for (then, next) in [("renewed", Some(9)), ("another leased", Some(10)), ("over", None)] {
            let what = format!("{what}, {then}");
            let Some(scene) = Scene::new()? else { return Ok(()) };
            let old = scene.apply(None, &footprint(9))?.footprint;
            scene.host.shell(script)?;
            let other = next.map(|last| scene.apply(Some(&old), &footprint(last))).transpose()?;
            if let Some(other) = other.filter(|other| other.footprint.addr != old.addr) {
                assert!(other.footprint.ours, "{what}");
                scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &other.footprint)?))?;
            }
            scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &old)?))?;
            untouched(&scene, &what)?;
        }
    }
    Ok(())
}

#[test]
fn the_same_address_with_another_prefix_is_not_ours() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    scene.host.add_address("eth0", "192.0.2.9/16")?;
    let applied = scene.apply(None, &footprint(9))?;
    assert!(applied.footprint.ours);
    scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &applied.footprint)?))?;
    let [address] = &scene.host.addresses("eth0")?[..] else { panic!("one address expected") };
    assert_eq!((address.prefix, address.valid), (16, None));
    Ok(())
}

#[test]
fn an_address_that_another_dhcp_client_left_lives_on_with_our_lease() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    // As dhclient's script does it.
    scene.host.shell("ip address add 192.0.2.9/24 dev eth0 valid_lft 60 preferred_lft 60")?;
    let applied = scene.apply(None, &footprint(9))?;
    let [address] = &scene.host.addresses("eth0")?[..] else { panic!("one address expected") };
    assert!(address.valid.is_some_and(|left| left > 500), "{address:?}");
    scene.netlink(move |netlink, link| Ok(netlink.withdraw(link, &applied.footprint)?))?;
    assert_eq!(scene.addresses()?, []);
    Ok(())
}
