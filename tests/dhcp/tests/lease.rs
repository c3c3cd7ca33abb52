//! What a lease becomes on the host: address, routes, names, files.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, leased_on, testbed, unleased};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::{classless_routes, overloaded};
use orlop_testbed::state::{PROTOCOL_DHCP, Route, SCOPE_LINK, TABLE_MAIN};
use orlop_testbed::{Capture, Dnsmasq, Kind, Lease, Phase, Script, Udhcpd, Wire, eventually};

const RESOLV_CONF: &str = "/run/resolvconf/resolv.conf";

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

#[test]
fn a_oneshot_run_configures_everything_a_lease_has_and_ends() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene
        .dnsmasq_like(|dnsmasq| {
            dnsmasq
                .option("15,example.org")
                .option("119,a.example.org,b.example.org")
                .option("42,192.0.2.123")
                .option("26,1400")
        })
        .unwrap();
    let mut run = scene.oneshot(&dhcp()).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(0), "{}", run.text());

    let [address] = <[_; 1]>::try_from(scene.client.addresses("eth0").unwrap()).unwrap();
    assert_eq!((address.address, address.prefix), (ADDRESS, 24));
    assert_eq!(address.broadcast, Some(ip("192.0.2.255")));
    assert_eq!(address.protocol, PROTOCOL_DHCP);
    let (valid, preferred) = (address.valid.unwrap(), address.preferred.unwrap());
    assert!((3580..=3600).contains(&valid) && preferred <= valid, "an hour, not {valid} and {preferred} seconds");

    let ifindex = scene.client.link("eth0").unwrap().ifindex;
    let [default] = <[_; 1]>::try_from(scene.client.default_routes().unwrap()).unwrap();
    let want = Route {
        destination: (Ipv4Addr::UNSPECIFIED, 0),
        gateway: Some(SERVER),
        ifindex,
        metric: 1000 + ifindex,
        table: TABLE_MAIN,
        protocol: PROTOCOL_DHCP,
        scope: 0,
        source: Some(ADDRESS),
        onlink: default.onlink,
        mtu: Some(1400),
    };
    assert_eq!(default, want);
    assert_eq!(scene.client.link("eth0").unwrap().mtu, 1500, "the MTU goes to the routes, not to the link");

    let resolv_conf = scene.client.read(RESOLV_CONF).unwrap();
    for line in ["nameserver 192.0.2.53", "domain example.org", "search a.example.org b.example.org"] {
        assert!(resolv_conf.lines().any(|have| have.trim_end() == line), "{line} is not in\n{resolv_conf}");
    }
    let netfacts = scene.client.read("/run/orlop/netfacts/dhcp.eth0").unwrap();
    for fact in ["192.0.2.53", "192.0.2.123", "example.org"] {
        assert!(netfacts.contains(fact), "{fact} is not in\n{netfacts}");
    }
    let status = scene.status().unwrap().to_string();
    assert!(status.contains("192.0.2.77") && status.contains("eth0"), "{status}");
    let metrics = scene.client.read("/run/orlop/metrics/dhcp.prom").unwrap();
    assert!(metrics.contains("# TYPE ") && metrics.contains("eth0"), "{metrics}");
    let lease = std::fs::metadata(scene.client.path("/run/orlop/dhcp/lease.eth0")).unwrap();
    assert_eq!(lease.permissions().mode() & 0o777, 0o600);

    let said = run.stderr();
    let summary = said.lines().last().unwrap_or_default();
    assert!(summary.contains("eth0") && summary.contains("192.0.2.77"), "one clear line at the end of\n{said}");
    assert!(scene.client.processes().unwrap().is_empty(), "nothing is left running");
}

#[test]
fn udhcpds_lease_is_taken_too() {
    let Some(_) = testbed(&["udhcpd"]) else { return };
    let scene = Scene::new().unwrap();
    let udhcpd = Udhcpd::on("eth0", "192.0.2.77", "192.0.2.77", 600);
    let _udhcpd =
        udhcpd.option("router 192.0.2.1").option("dns 192.0.2.53").option("domain lan").start(&scene.server).unwrap();
    let mut run = scene.oneshot(&dhcp()).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    assert_eq!(scene.client.default_routes().unwrap()[0].gateway, Some(SERVER));
}

// RFC 4039: DISCOVER with option 80, answered by an ACK.
#[test]
fn two_messages_are_enough_when_the_server_commits_rapidly() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq_like(|dnsmasq| dnsmasq.arg("--dhcp-rapid-commit")).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let mut run = scene.oneshot(&dhcp()).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    let kinds: Vec<_> = capture.messages().iter().filter_map(|seen| seen.message.kind()).collect();
    assert_eq!(kinds, [Kind::Discover, Kind::Ack], "{}", capture.time_line());
}

#[test]
fn what_is_sent_is_what_the_rfcs_ask_for() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.client.run("hostname", &["walnut"]).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    scene.oneshot(&dhcp()).unwrap();
    let mac = scene.client.mac("eth0").unwrap();
    let sent: Vec<_> = capture.messages().into_iter().filter(|seen| seen.outgoing).collect();
    let [discover, request] = <[_; 2]>::try_from(sent).unwrap();
    for seen in [&discover, &request] {
        let message = &seen.message;
        assert_eq!((seen.source, seen.destination), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST), "{message}");
        assert_eq!((message.op, message.htype, message.hlen, message.mac()), (1, 1, 6, mac), "{message}");
        assert_eq!(seen.source_mac, mac);
        assert!(message.secs >= 1, "some servers refuse 0");
        assert_eq!(message.options[0].0, code::MESSAGE_TYPE, "the type comes first");
        assert_eq!(message.option(code::CLIENT_ID).unwrap(), [&[1][..], &mac].concat());
        assert_eq!(message.option(code::HOST_NAME).unwrap(), b"walnut");
        let asked = message.option(code::PARAMETERS).unwrap();
        for wanted in [1, 3, 6, 15, 26, 28, 42, 119, 121] {
            assert!(asked.contains(&wanted), "option {wanted} is not asked for in {asked:?}");
        }
    }
    assert_eq!(request.message.xid, discover.message.xid);
    assert_eq!(request.message.address_option(code::REQUESTED_ADDRESS), Some(ADDRESS));
    assert_eq!(request.message.address_option(code::SERVER_ID), Some(SERVER));
    let frames = capture.frames();
    let sizes: Vec<_> = frames
        .iter()
        .filter(|frame| frame.outgoing && frame.frame.get(23) == Some(&17))
        .map(|frame| frame.frame.len())
        .collect();
    assert!(sizes.iter().all(|size| *size >= 14 + 28 + 300), "no message is shorter than BOOTP's 300 bytes: {sizes:?}");
}

#[test]
fn resolv_conf_is_rewritten_in_place_and_only_when_it_changes() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let path = scene.client.path(RESOLV_CONF);
    let before = std::fs::metadata(&path).unwrap();
    let long = lease_of(600)
        .with(code::DOMAIN_NAME, *b"a-rather-long-domain.example.org")
        .with(code::DNS, [192, 0, 2, 53, 192, 0, 2, 54]);
    let rogue = scene.rogue(Script::serve(&long)).unwrap();
    scene.oneshot(&dhcp()).unwrap();
    let first = std::fs::metadata(&path).unwrap();
    assert_eq!(first.ino(), before.ino(), "other containers have this inode bound");
    assert_eq!(first.permissions().mode() & 0o777, 0o644);

    scene.oneshot(&dhcp()).unwrap();
    let second = std::fs::metadata(&path).unwrap();
    assert_eq!(
        (second.ino(), second.mtime(), second.mtime_nsec()),
        (first.ino(), first.mtime(), first.mtime_nsec()),
        "unchanged"
    );

    rogue.set(Script::serve(&lease_of(600).with(code::DNS, [192, 0, 2, 99])));
    scene.oneshot(&dhcp()).unwrap();
    let third = std::fs::metadata(&path).unwrap();
    let content = scene.client.read(RESOLV_CONF).unwrap();
    assert_eq!(third.ino(), first.ino());
    assert!(
        content.contains("nameserver 192.0.2.99")
            && !content.contains("192.0.2.53")
            && !content.contains("example.org"),
        "{content}"
    );
    assert!(!content.contains('\0'), "no hole is left");
}

#[test]
fn only_a_default_hostname_is_replaced() {
    let Some(_) = testbed(&[]) else { return };
    for (before, config, want) in [
        ("localhost", "", "walnut"),
        ("chosen", "", "chosen"),
        ("chosen", "set-hostname = \"always\"\n", "walnut"),
        ("localhost", "set-hostname = \"never\"\n", "localhost"),
    ] {
        let scene = Scene::new().unwrap();
        scene.client.run("hostname", &[before]).unwrap();
        let _rogue = scene.rogue(Script::serve(&lease_of(600).with(code::HOST_NAME, *b"walnut"))).unwrap();
        let run = scene.oneshot(&dhcp().config(config)).unwrap();
        let now = scene.client.run("hostname", &[]).unwrap();
        assert_eq!(now.trim(), want, "{before} with {config:?}: {}", run.text());
    }
}

#[test]
fn the_mtu_goes_where_the_configuration_says_and_a_silly_one_nowhere() {
    let Some(_) = testbed(&[]) else { return };
    for (what, config, mtu, route, link) in [
        ("by default to the routes", "", 1400_u16, Some(1400), 1500),
        ("to the link when told so", "use-mtu = \"link\"\n", 1400, None, 1400),
        ("nowhere when told so", "use-mtu = \"no\"\n", 1400, None, 1500),
        ("a tiny one is nonsense", "", 68, None, 1500),
    ] {
        let scene = Scene::new().unwrap();
        let _rogue = scene.rogue(Script::serve(&lease_of(600).with(code::MTU, mtu.to_be_bytes()))).unwrap();
        let run = scene.oneshot(&dhcp().config(config)).unwrap();
        let default = scene.client.default_routes().unwrap();
        assert_eq!(default.len(), 1, "{what}: {}", run.text());
        let have = (default[0].mtu, scene.client.link("eth0").unwrap().mtu);
        assert_eq!(have, (route, link), "{what}: MTU of the route and of the link");
    }
}

// Linux believes a route's MTU: beyond the link's it makes packets that no link carries.
#[test]
fn an_mtu_beyond_the_link_is_not_given_to_the_routes() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600).with(code::MTU, 9000_u16.to_be_bytes()))).unwrap();
    scene.oneshot(&dhcp()).unwrap();
    let mtu = scene.client.default_routes().unwrap()[0].mtu;
    assert!(mtu.is_none_or(|mtu| mtu <= 1500), "a route of {mtu:?} over a link of 1500");
    assert_eq!(scene.client.link("eth0").unwrap().mtu, 1500);
}

/// The lease of a Google cloud machine: a /32, its router beside it, both routes in option 121 (`facts/dhcp.md` section 4).
fn google() -> Lease {
    let router = ip("10.156.0.1");
    let routes = classless_routes(&[(router, 32, Ipv4Addr::UNSPECIFIED), (Ipv4Addr::UNSPECIFIED, 0, router)]);
    Lease::new(ip("10.156.0.5"), 86400)
        .server(ip("169.254.169.254"))
        .with(code::SUBNET_MASK, [255; 4])
        .with(code::ROUTER, router.octets())
        .with(code::DNS, [169, 254, 169, 254])
        .with(code::MTU, 1460_u16.to_be_bytes())
        .with(code::CLASSLESS_ROUTES, routes)
}

#[test]
fn a_router_outside_the_leased_network_is_reached() {
    let Some(_) = testbed(&[]) else { return };
    let hetzner =
        Lease::new(ip("203.0.113.9"), 86400).with(code::SUBNET_MASK, [255; 4]).with(code::ROUTER, [172, 31, 1, 1]);
    for (what, lease, router) in [("Google", google(), ip("10.156.0.1")), ("Hetzner", hetzner, ip("172.31.1.1"))] {
        let scene = Scene::new().unwrap();
        let _rogue = scene.rogue(Script::serve(&lease)).unwrap();
        let mut run = scene.oneshot(&dhcp()).unwrap();
        assert!(run.wait_exit(SOON).unwrap().success(), "{what}: {}", run.text());
        let address = leased(&scene.client).unwrap();
        assert_eq!((address.address, address.prefix), (lease.address, 32), "{what}");
        let routes = scene.client.routes().unwrap();
        let to_router = routes.iter().find(|route| route.destination == (router, 32));
        assert!(
            to_router.is_some_and(|route| route.gateway.is_none() && route.scope == SCOPE_LINK),
            "{what}: {routes:#?}"
        );
        let default = routes.iter().find(|route| route.destination.1 == 0);
        assert!(default.is_some_and(|route| route.gateway == Some(router)), "{what}: {routes:#?}");
    }
}

// RFC 3442: "If the DHCP server returns both a Classless Static Routes option and a Router option, the DHCP client MUST
// ignore the Router option."
#[test]
fn classless_routes_replace_the_router() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let (near, far) = (ip("192.0.2.2"), ip("192.0.2.3"));
    let routes = classless_routes(&[(Ipv4Addr::UNSPECIFIED, 0, near), (ip("10.20.0.0"), 16, far)]);
    let _rogue = scene.rogue(Script::serve(&lease_of(600).with(code::CLASSLESS_ROUTES, routes))).unwrap();
    scene.oneshot(&dhcp()).unwrap();
    let routes = scene.client.routes().unwrap();
    let gateways: Vec<_> = routes.iter().filter_map(|route| Some((route.destination, route.gateway?))).collect();
    assert_eq!(gateways.len(), 2, "{routes:#?}");
    assert!(
        gateways.contains(&((Ipv4Addr::UNSPECIFIED, 0), near)) && gateways.contains(&((ip("10.20.0.0"), 16), far)),
        "{routes:#?}"
    );
}

#[test]
fn options_in_other_fields_and_in_parts_are_found() {
    let Some(_) = testbed(&[]) else { return };
    let routes =
        classless_routes(&[(ip("10.20.0.0"), 16, ip("192.0.2.3")), (Ipv4Addr::UNSPECIFIED, 0, ip("192.0.2.2"))]);
    let (head, tail) = routes.split_at(5);
    // RFC 3396: the parts need not stand next to each other.
    let parted = lease_of(600)
        .with(code::CLASSLESS_ROUTES, head)
        .with(code::DNS, [192, 0, 2, 53])
        .with_part(code::CLASSLESS_ROUTES, tail);
    let whole = Script::serve(&parted);
    let moved = Script::default()
        .on(Phase::Discover, [overloaded(parted.offer())])
        .on(Phase::Selecting, [overloaded(parted.ack())]);
    for (what, script) in [("in parts", whole), ("in parts, and in file and sname", moved)] {
        let scene = Scene::new().unwrap();
        let _rogue = scene.rogue(script).unwrap();
        let run = scene.oneshot(&dhcp()).unwrap();
        let address = leased(&scene.client).unwrap_or_else(|error| panic!("{what}: {error:#}\n{}", run.text()));
        assert!((580..=600).contains(&address.valid.unwrap()), "{what}: {address:?}");
        let gateways: Vec<_> = scene.client.routes().unwrap().iter().filter_map(|route| route.gateway).collect();
        assert!(gateways.contains(&ip("192.0.2.3")) && gateways.contains(&ip("192.0.2.2")), "{what}: {gateways:?}");
    }
}

#[test]
fn a_server_that_leaves_out_its_name_or_the_lease_time_is_served_with_what_is_left() {
    let Some(_) = testbed(&[]) else { return };
    for (what, lease, valid) in [
        ("no server identifier (Oracle's cloud)", lease_of(600).without(code::SERVER_ID), 580..=600),
        ("no lease time: an hour", lease_of(600).without(code::LEASE_TIME), 3580..=3600),
    ] {
        let scene = Scene::new().unwrap();
        let _rogue = scene.rogue(Script::serve(&lease)).unwrap();
        let run = scene.oneshot(&dhcp()).unwrap();
        let address = leased(&scene.client).unwrap_or_else(|error| panic!("{what}: {error:#}\n{}", run.text()));
        assert!(valid.contains(&address.valid.unwrap()), "{what}: {address:?}");
    }
}

#[test]
fn a_lease_for_ever_has_no_end() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(u32::MAX))).unwrap();
    scene.oneshot(&dhcp()).unwrap();
    let address = leased(&scene.client).unwrap();
    assert_eq!((address.valid, address.preferred), (None, None));
}

#[test]
fn two_interfaces_have_metrics_of_their_own_and_one_resolv_conf() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    Wire::veth(&scene.client, "eth1", &scene.server, "eth1").unwrap();
    scene.server.link_up("eth1").unwrap();
    scene.server.add_address("eth1", "198.51.100.1/24").unwrap();
    let _dnsmasq = Dnsmasq::on_all(&["eth0", "eth1"])
        .range("192.0.2.77", "192.0.2.77")
        .range("198.51.100.77", "198.51.100.77")
        .option("6,0.0.0.0") // the server itself, on each network
        .start(&scene.server)
        .unwrap();
    let config = "[interface.eth1]\nmetric = 50\n";
    let mut run = scene.oneshot(&dhcp().config(config)).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    let ifindex = scene.client.link("eth0").unwrap().ifindex;
    let mut metrics: Vec<_> =
        scene.client.default_routes().unwrap().iter().map(|route| (route.metric, route.gateway.unwrap())).collect();
    metrics.sort_unstable();
    assert_eq!(metrics, [(50, ip("198.51.100.1")), (1000 + ifindex, SERVER)]);
    let resolv_conf = scene.client.read(RESOLV_CONF).unwrap();
    let servers: Vec<_> =
        resolv_conf.lines().filter_map(|line| line.strip_prefix("nameserver ")).map(str::trim).collect();
    assert_eq!(servers, ["198.51.100.1", "192.0.2.1"], "the preferred interface first in\n{resolv_conf}");
}

#[test]
fn an_expired_lease_takes_everything_with_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let script =
        Script::serve(&lease_of(4).with(code::DNS, [192, 0, 2, 53])).without(Phase::Renewing).without(Phase::Rebinding);
    let rogue = scene.rogue(script).unwrap();
    let daemon = dhcp().start(&scene.client).unwrap();
    leased(&scene.client).unwrap();
    rogue.set(Script::silent());
    unleased(&scene.client).unwrap();
    rogue.wait_for(Phase::Discover, 2, SOON).unwrap();
    let left = || {
        let routes = scene.client.routes()?;
        let files = scene.client.path("/run/orlop/netfacts/dhcp.eth0").exists();
        Ok((routes.is_empty() && !files).then_some(()))
    };
    eventually("nothing left of the lease", SOON, left).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    assert!(!scene.client.read(RESOLV_CONF).unwrap().contains("nameserver"));
    // And a new one is taken when the server is back.
    rogue.set(Script::serve(&lease_of(600)));
    assert_eq!(leased_on(&scene.client, "eth0").unwrap().address, ADDRESS);
}

/// The log tells a person how a lease came about, and that nobody answers.
#[test]
fn the_log_tells_the_story_of_a_lease() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let daemon = dhcp().start(&scene.client).unwrap();
    daemon.wait_for("no lease yet", SOON).unwrap_or_else(|error| panic!("{error:#}: {}", daemon.text()));
    let _dnsmasq = scene.dnsmasq().unwrap();
    daemon.wait_for("leased interface=eth0", SOON * 2).unwrap_or_else(|error| panic!("{error:#}: {}", daemon.text()));
    let said = daemon.text();
    for line in [
        "soliciting a lease interface=eth0",
        "no lease yet",
        "offered interface=eth0 address=192.0.2.77 server=192.0.2.1",
        "leased interface=eth0 address=192.0.2.77/24 server=192.0.2.1",
    ] {
        assert_eq!(said.matches(line).count(), 1, "{line}: {said}");
    }
    let at = |line: &str| said.find(line).unwrap_or_else(|| panic!("{line}: {said}"));
    assert!(at("soliciting") < at("no lease yet") && at("no lease yet") < at("leased interface"), "{said}");
}
