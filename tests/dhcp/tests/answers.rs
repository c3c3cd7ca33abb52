//! What of an answer counts, with a kernel that takes it: answers that other people's networks give.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, testbed};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::{Edit, Phase, Template};
use orlop_testbed::state::Item;
use orlop_testbed::{Lease, Monitor, Script};

const RESOLV_CONF: &str = "/run/resolvconf/resolv.conf";
/// Microsoft's number for classless routes, and the classful ones of RFC 2132.
const MICROSOFT_ROUTES: u8 = 249;
const STATIC_ROUTES: u8 = 33;

#[test]
fn options_that_are_sent_twice_or_too_long_make_the_lease_that_they_mean() {
    let Some(_) = testbed(&[]) else { return };
    let twice = lease_of(600)
        .with_part(code::SUBNET_MASK, [255, 255, 255, 0])
        .with_part(code::LEASE_TIME, 600_u32.to_be_bytes())
        .with_part(code::MESSAGE_TYPE, [])
        .with(code::DNS, [192, 0, 2, 53, 9])
        .with(code::DOMAIN_NAME, *b"a.example b.example")
        .with(125, [1, 2, 3]);
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&twice)).unwrap();
    let run = scene.oneshot(&dhcp()).unwrap();
    let address = leased(&scene.client).unwrap();
    assert_eq!((address.address, address.prefix), (ADDRESS, 24), "{}", run.text());
    assert!(address.valid.is_some_and(|valid| (500..=600).contains(&valid)), "{address:?}");
    let resolv_conf = scene.client.read(RESOLV_CONF).unwrap();
    for line in ["nameserver 192.0.2.53", "search a.example b.example"] {
        assert!(resolv_conf.lines().any(|have| have.trim_end() == line), "{line} is not in\n{resolv_conf}");
    }
}

#[test]
fn a_message_counts_up_to_its_flaw() {
    let Some(_) = testbed(&[]) else { return };
    let cut = |template: Template, kind: u8| {
        let sound =
            [&[53, 1, kind, 54, 4][..], &SERVER.octets(), &[51, 4, 0, 0, 2, 88, 1, 4, 255, 255, 255, 0]].concat();
        template.edit(Edit::RawOptions([&sound[..], &[0x7d, 0x28, 0x61, 0x62, 0x63]].concat()))
    };
    let scene = Scene::new().unwrap();
    let script = Script::silent()
        .on(Phase::Discover, [cut(lease_of(600).offer(), 2)])
        .on(Phase::Selecting, [cut(lease_of(600).ack(), 5)]);
    let _rogue = scene.rogue(script).unwrap();
    let run = scene.oneshot(&dhcp()).unwrap();
    let address = leased(&scene.client).unwrap();
    assert_eq!((address.address, address.prefix), (ADDRESS, 24), "{}", run.text());
}

#[test]
fn an_address_of_class_e_is_put_in_force_with_its_router() {
    let Some(_) = testbed(&[]) else { return };
    let (address, router) = (Ipv4Addr::new(240, 1, 2, 77), Ipv4Addr::new(240, 1, 2, 1));
    for (what, mask, prefix) in [("with a mask", Some([255, 255, 255, 0]), 24), ("without one", None, 32)] {
        let scene = Scene::new().unwrap();
        let lease = Lease::new(address, 600).without(code::SUBNET_MASK).with(code::ROUTER, router.octets());
        let lease = if let Some(mask) = mask { lease.with(code::SUBNET_MASK, mask) } else { lease };
        let _rogue = scene.rogue(Script::serve(&lease)).unwrap();
        let run = scene.oneshot(&dhcp()).unwrap();
        let got = leased(&scene.client).unwrap();
        assert_eq!((got.address, got.prefix), (address, prefix), "{what}: {}", run.text());
        let default = scene.client.default_routes().unwrap();
        assert_eq!(default.first().and_then(|route| route.gateway), Some(router), "{what}: {}", run.text());
    }
}

#[test]
fn routes_come_from_options_249_and_33_where_there_is_no_121() {
    let Some(_) = testbed(&[]) else { return };
    let to = |route: &orlop_testbed::state::Route| (route.destination, route.gateway);
    for (what, lease, want) in [
        (
            "Microsoft's",
            lease_of(600).with(MICROSOFT_ROUTES, [8, 10, 192, 0, 2, 2]),
            ((Ipv4Addr::new(10, 0, 0, 0), 8), Some(Ipv4Addr::new(192, 0, 2, 2))),
        ),
        (
            "classful",
            lease_of(600).with(STATIC_ROUTES, [172, 16, 9, 9, 192, 0, 2, 2]),
            ((Ipv4Addr::new(172, 16, 0, 0), 16), Some(Ipv4Addr::new(192, 0, 2, 2))),
        ),
    ] {
        let scene = Scene::new().unwrap();
        let rogue = scene.rogue(Script::serve(&lease)).unwrap();
        let run = scene.oneshot(&dhcp()).unwrap();
        let routes: Vec<_> = scene.client.routes().unwrap().iter().map(to).collect();
        assert!(routes.contains(&want), "{what}: {routes:?}: {}", run.text());
        let asked = rogue.asked()[0].message.option(code::PARAMETERS).unwrap().to_vec();
        assert_eq!(asked.first(), Some(&code::CLASSLESS_ROUTES), "RFC 3442: before 33 and 3");
        assert!(asked.contains(&MICROSOFT_ROUTES) && asked.contains(&STATIC_ROUTES), "{asked:?}");
    }
}

#[test]
fn a_renewal_that_carries_nothing_takes_nothing_away() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let full = lease_of(20).times(2, 15).with(code::DNS, [192, 0, 2, 53]);
    let bare = full.clone().without(code::ROUTER).without(code::SUBNET_MASK).without(code::DNS);
    let script = Script::serve(&full).without(Phase::Renewing).on(Phase::Renewing, [bare.ack()]);
    let rogue = scene.rogue(script).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    rogue.wait_for(Phase::Renewing, 2, SOON).unwrap();
    let extended = |change: &orlop_testbed::state::Change| matches!(&change.item, Item::Address(address) if address.valid > Some(17));
    monitor.wait_for("the lifetime starting anew", SOON, extended).unwrap();
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}: {}", monitor.deletions(), daemon.text());
    let address = leased(&scene.client).unwrap();
    assert_eq!((address.address, address.prefix), (ADDRESS, 24));
    assert_eq!(scene.client.default_routes().unwrap().len(), 1);
    assert!(scene.client.read(RESOLV_CONF).unwrap().contains("nameserver 192.0.2.53"));
}

#[test]
fn what_only_the_offer_said_is_in_force() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let full = lease_of(600).with(code::DNS, [192, 0, 2, 53]);
    let bare = full.clone().without(code::ROUTER).without(code::SUBNET_MASK).without(code::DNS);
    let script = Script::silent().on(Phase::Discover, [full.offer()]).on(Phase::Selecting, [bare.ack()]);
    let _rogue = scene.rogue(script).unwrap();
    let run = scene.oneshot(&dhcp()).unwrap();
    assert_eq!(leased(&scene.client).unwrap().prefix, 24, "{}", run.text());
    assert_eq!(scene.client.default_routes().unwrap().len(), 1, "{}", run.text());
    assert!(scene.client.read(RESOLV_CONF).unwrap().contains("nameserver 192.0.2.53"));
}

#[test]
fn a_server_without_a_name_is_the_sender_and_in_the_last_try_nobody() {
    let Some(_) = testbed(&[]) else { return };
    let tftp = Ipv4Addr::new(192, 0, 2, 99);
    let nameless = lease_of(600).without(code::SERVER_ID);
    let (offer, ack) = (nameless.offer().edit(Edit::Siaddr(tftp)), nameless.ack().edit(Edit::Siaddr(tftp)));
    for (what, answered) in [("the sender answers", Phase::Selecting), ("a relay does not", Phase::Rebooting)] {
        let scene = Scene::new().unwrap();
        let script = Script::silent().on(Phase::Discover, [offer.clone()]).on(answered, [ack.clone()]);
        let rogue = scene.rogue(script).unwrap();
        let run = scene.oneshot(&dhcp()).unwrap();
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{what}: {}", run.text());
        for request in rogue.asked() {
            let named = request.message.option(code::SERVER_ID);
            assert!(named.as_ref().is_none_or(|named| *named == SERVER.octets()), "{what}: {named:?}");
        }
    }
}

#[test]
fn a_failover_partner_may_acknowledge_what_was_offered() {
    let Some(_) = testbed(&[]) else { return };
    let partner = lease_of(600).server(Ipv4Addr::new(192, 0, 2, 2));
    let scene = Scene::new().unwrap();
    let script = Script::silent().on(Phase::Discover, [lease_of(600).offer()]).on(Phase::Selecting, [partner.ack()]);
    let _rogue = scene.rogue(script).unwrap();
    let run = scene.oneshot(&dhcp()).unwrap();
    assert!(run.text().contains("from 192.0.2.2"), "{}", run.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn a_server_that_never_acknowledges_is_left_for_another() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let second = Lease { address: Ipv4Addr::new(192, 0, 2, 88), ..lease_of(600).server(Ipv4Addr::new(192, 0, 2, 2)) };
    // The script does not see which server a request names, so only the fourth is answered: the first to the second server.
    let script = Script::silent()
        .on(Phase::Discover, [lease_of(600).offer(), second.offer().after(std::time::Duration::from_millis(50))])
        .on(Phase::Selecting, [second.ack()])
        .first(3, Phase::Selecting, []);
    let _rogue = scene.rogue(script).unwrap();
    let run = scene.oneshot(&dhcp().args(["--deadline", "18"])).unwrap();
    assert_eq!(leased(&scene.client).unwrap().address, second.address, "{}", run.text());
}

#[test]
fn one_question_in_a_while_does_without_the_mtu() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::silent()).unwrap();
    let _daemon = dhcp().start(&scene.client).unwrap();
    rogue.wait_for(Phase::Discover, 4, SOON).unwrap();
    let asks = |message: &orlop_testbed::dhcp::Message| message.option(code::PARAMETERS).unwrap().contains(&code::MTU);
    let asked: Vec<bool> = rogue.asked().iter().take(4).map(|asked| asks(&asked.message)).collect();
    assert_eq!(asked, [true, true, false, true]);
}

#[test]
fn a_server_that_the_configuration_refuses_leases_nothing() {
    let Some(_) = testbed(&[]) else { return };
    let rogue_server = Ipv4Addr::new(192, 0, 2, 66);
    let bad = Lease { address: Ipv4Addr::new(192, 0, 2, 99), ..lease_of(600).server(rogue_server) };
    for (what, theirs, text) in [
        ("ours", false, "deny-servers = [\"192.0.2.66\"]\n"),
        ("only the right one", false, "allow-servers = [\"192.0.2.1\"]\n"),
        ("dhcpcd's", true, "blacklist 192.0.2.66\n"),
        ("dhcpcd's other", true, "whitelist 192.0.2.1\n"),
    ] {
        let scene = Scene::new().unwrap();
        scene.client.write("/run/conf", text).unwrap();
        let daemon = if theirs {
            dhcp().called("/sbin/dhcpcd").args(["-f", "/run/conf"])
        } else {
            dhcp().args(["--config", "/run/conf"])
        };
        let good = lease_of(600);
        let script = Script::serve(&good).always(
            Phase::Discover,
            [bad.offer(), good.offer().after(std::time::Duration::from_millis(50))]
                .map(orlop_testbed::script::Reply::Message)
                .into(),
        );
        let _rogue = scene.rogue(script).unwrap();
        let run = scene.oneshot(&daemon).unwrap();
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{what}: {}", run.text());
    }
    // Alone it is no server at all, and that is said.
    let scene = Scene::new().unwrap();
    scene.client.write("/run/dhcp.toml", "deny-servers = [\"192.0.2.0/24\"]\n").unwrap();
    let _rogue = scene.rogue(Script::serve(&bad)).unwrap();
    let mut run = scene.oneshot(&dhcp().args(["--deadline", "2", "--config", "/run/dhcp.toml"])).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(76), "{}", run.text());
    assert!(run.text().contains("for denied-server"), "{}", run.text());
}
