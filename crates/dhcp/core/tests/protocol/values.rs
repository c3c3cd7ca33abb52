//! Which values of sound options are taken, and which of them go together: addresses, ways out, names.

use core::net::Ipv4Addr;

use orlop_dhcp_contract::{Discard, Lease};
use orlop_dhcp_core::client::Action;

use crate::bench::{Bench, conduct};
use crate::malformed::lease_of;
use crate::packet::{ACK, OFFER, Packet};

#[test]
fn azures_wire_server_is_an_address_and_its_first_four_bytes_count() {
    for bytes in [&[168, 63, 129, 16][..], &[168, 63, 129, 16, 0]] {
        let (lease, dropped) = lease_of(|p| p.option(245, bytes));
        assert_eq!(lease.wire_server.map(|addr| addr.get()), Some([168, 63, 129, 16].into()));
        assert_eq!(dropped.len(), bytes.len() - 4);
    }
    assert_eq!(lease_of(|p| p).0.wire_server, None);
}

#[test]
fn class_e_is_leased_routed_and_asked_as_any_other() {
    let (lease, dropped) = lease_of(|p| {
        p.option(3, &[240, 0, 0, 1])
            .option(6, &[241, 1, 1, 1, 255, 255, 255, 255, 255, 255, 255, 254])
            .option(42, &[250, 0, 0, 3])
    });
    assert_eq!((lease.routers.len(), lease.dns.len(), lease.ntp.len()), (1, 2, 1));
    assert_eq!(dropped, [(Discard::BadOption, 1)], "255.255.255.255 is nobody");
    let (lease, dropped) = lease_of(|p| p.option(121, &[4, 240, 192, 0, 2, 1, 0, 250, 0, 0, 1]));
    assert_eq!((lease.routes.len(), dropped), (2, vec![]));
    for (what, yiaddr, mask, want) in [
        ("of a cloud", [240, 10, 0, 5], Some([255, 255, 240, 0]), Some(20)),
        ("without a mask", [240, 10, 0, 5], None, Some(32)),
        ("the last", [255, 255, 255, 254], None, Some(32)),
        ("everybody", [255, 255, 255, 255], None, None),
        (".0 inside a wider network", [10, 1, 2, 0], Some([255, 255, 0, 0]), Some(16)),
        (".255 inside a wider network", [10, 1, 2, 255], Some([255, 255, 0, 0]), Some(16)),
        (".0 of class C without a mask", [192, 168, 1, 0], None, Some(32)),
        (".255.255 of class B without a mask", [172, 16, 255, 255], None, Some(32)),
        (".0 of class A without a mask", [10, 1, 2, 0], None, Some(8)),
    ] {
        let mut bench = Bench::selecting(conduct());
        let edit = |p: Packet| {
            let p = Packet { yiaddr: yiaddr.into(), ..p.without(1) };
            if let Some(mask) = mask { p.option(1, &mask) } else { p }
        };
        let _ = bench.packet(&edit(Packet::lease(OFFER, bench.xid)));
        let actions = bench.packet(&edit(Packet::lease(ACK, bench.xid)));
        let got = actions.iter().find_map(|action| match action {
            Action::Configure(lease) => Some((lease.addr.get(), lease.prefix.bits())),
            Action::Send { .. } | Action::Deconfigure(_) | Action::Report(_) | Action::Arp(_) | Action::Probed(_) => {
                None
            }
        });
        assert_eq!(got, want.map(|bits| (Ipv4Addr::from(yiaddr), bits)), "{what}");
    }
}

/// The routes of a lease, as people write them, or its routers.
fn ways(edit: impl Fn(Packet) -> Packet) -> Vec<String> {
    let (lease, _) = lease_of(edit);
    assert!(lease.routers.is_empty() || lease.routes.is_empty(), "one kind or the other");
    let routers = lease.routers.iter().map(|router| format!("router {router}"));
    let routes = lease.routes.iter().map(|route| match route.gateway() {
        Some(gateway) => format!("{}/{} via {gateway}", route.destination(), route.prefix()),
        None => format!("{}/{}", route.destination(), route.prefix()),
    });
    routers.chain(routes).collect()
}

#[test]
fn sound_classless_routes_silence_option_3_and_damaged_ones_only_with_a_default_route() {
    let router = |p: Packet| p.option(3, &[192, 0, 2, 1]);
    let cut = [24, 10, 1, 1, 192, 0, 2, 2, 24, 10];
    type Edit<'e> = &'e dyn Fn(Packet) -> Packet;
    let rows: [(&str, Edit<'_>, &[&str]); 12] = [
        ("none", &|p| p, &["router 192.0.2.1"]),
        ("one", &|p| p.option(121, &[8, 10, 192, 0, 2, 2]), &["10.0.0.0/8 via 192.0.2.2"]),
        ("one that cannot be used", &|p| p.option(121, &[8, 127, 192, 0, 2, 2]), &[]),
        ("one through nobody", &|p| p.option(121, &[8, 10, 127, 0, 0, 1]), &[]),
        ("cut, without a default", &|p| p.option(121, &cut), &["10.1.1.0/24 via 192.0.2.2", "0.0.0.0/0 via 192.0.2.1"]),
        ("cut, with a default", &|p| p.option(121, &[0, 192, 0, 2, 3, 24, 10]), &["0.0.0.0/0 via 192.0.2.3"]),
        ("cut, with a default through nobody", &|p| p.option(121, &[0, 127, 0, 0, 1, 24, 10]), &[]),
        ("nothing whole", &|p| p.option(121, &[24, 10]), &["router 192.0.2.1"]),
        ("empty", &|p| p.option(121, &[]), &["router 192.0.2.1"]),
        ("Microsoft's", &|p| p.option(249, &[8, 10, 192, 0, 2, 2]), &["10.0.0.0/8 via 192.0.2.2"]),
        (
            "both: the standard's counts",
            &|p| p.option(249, &[8, 10, 192, 0, 2, 2]).option(121, &[8, 11, 192, 0, 2, 2]),
            &["11.0.0.0/8 via 192.0.2.2"],
        ),
        (
            "both, and nothing of the standard's is whole",
            &|p| p.option(249, &[8, 10, 192, 0, 2, 2]).option(121, &[24, 11]),
            &["10.0.0.0/8 via 192.0.2.2"],
        ),
    ];
    for (what, edit, want) in rows {
        assert_eq!(ways(|p| edit(router(p))), want, "{what}");
    }
}

#[test]
fn classful_routes_go_with_the_router_and_classless_ones_silence_them() {
    let router = |p: Packet| p.option(3, &[192, 0, 2, 1]);
    type Edit<'e> = &'e dyn Fn(Packet) -> Packet;
    let rows: [(&str, Edit<'_>, &[&str]); 6] = [
        (
            "each class",
            &|p| p.option(33, &[10, 1, 2, 3, 192, 0, 2, 2, 172, 16, 1, 1, 192, 0, 2, 2, 198, 51, 100, 9, 192, 0, 2, 2]),
            &[
                "10.0.0.0/8 via 192.0.2.2",
                "172.16.0.0/16 via 192.0.2.2",
                "198.51.100.0/24 via 192.0.2.2",
                "0.0.0.0/0 via 192.0.2.1",
            ],
        ),
        (
            "a destination that is its own router: it is on the link",
            &|p| p.option(33, &[198, 51, 100, 9, 198, 51, 100, 9]),
            &["198.51.100.9/32", "0.0.0.0/0 via 192.0.2.1"],
        ),
        ("a default route, which is forbidden", &|p| p.option(33, &[0, 0, 0, 0, 192, 0, 2, 2]), &["router 192.0.2.1"]),
        ("through nobody", &|p| p.option(33, &[10, 0, 0, 0, 127, 0, 0, 1]), &["router 192.0.2.1"]),
        (
            "beside classless ones",
            &|p| p.option(33, &[10, 1, 2, 3, 192, 0, 2, 2]).option(121, &[8, 11, 192, 0, 2, 2]),
            &["11.0.0.0/8 via 192.0.2.2"],
        ),
        (
            "beside Microsoft's",
            &|p| p.option(33, &[10, 1, 2, 3, 192, 0, 2, 2]).option(249, &[8, 11, 192, 0, 2, 2]),
            &["11.0.0.0/8 via 192.0.2.2"],
        ),
    ];
    for (what, edit, want) in rows {
        assert_eq!(ways(|p| edit(router(p))), want, "{what}");
    }
    let many: Vec<u8> = (0..70).flat_map(|n| [11 + n, 0, 0, 0, 192, 0, 2, 2]).collect();
    let all = ways(|p| router(p).option(33, &many));
    assert_eq!(all.len(), Lease::MAX_ROUTES);
    assert_eq!(all.last().map(String::as_str), Some("0.0.0.0/0 via 192.0.2.1"), "the way out is worth more");
}

#[test]
fn several_domains_in_option_15_are_a_search_list_and_nothing_else_gets_through() {
    let many = (0..20).map(|n| format!("a{n}.example")).collect::<Vec<_>>().join(" ");
    let long = "a".repeat(300);
    for (what, text, want) in [
        ("one", "a.example", (Some("a.example"), 0)),
        ("one, with a zero", "a.example\0", (Some("a.example"), 0)),
        ("blanks", "a.example b.example c.example", (Some("a.example"), 3)),
        ("commas", "a.example,b.example", (Some("a.example"), 2)),
        ("both, and a tab", "a.example, b.example\tc.example", (Some("a.example"), 3)),
        ("blanks around one", " a.example ", (Some("a.example"), 0)),
        ("the same twice", "a.example a.example", (Some("a.example"), 1)),
        ("more than are kept", &many, (Some("a0.example"), Lease::MAX_SEARCH)),
        ("nothing", " ", (None, 0)),
        ("only commas", ",,", (None, 0)),
        ("a command behind one", "a.example; id", (None, 0)),
        ("a substitution between", "a.example $(id) b.example", (None, 0)),
        ("a second line", "a.example\nnameserver 192.0.2.66", (None, 0)),
        ("an option to a program", "a.example -rf", (None, 0)),
        ("a quote", "\"a.example b.example\"", (None, 0)),
        ("no name at the end", "a.example b..example", (None, 0)),
        ("too long to be a name", &long, (None, 0)),
    ] {
        let (lease, _) = lease_of(|p| p.option(15, text.as_bytes()));
        let domain = lease.domain.as_ref().map(|domain| domain.as_str());
        assert_eq!((domain, lease.search.len()), want, "{what}");
    }
    let (lease, _) = lease_of(|p| p.option(15, b"a.example b.example").option(119, b"\x01c\0"));
    assert_eq!(lease.search.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["c"], "option 119 counts more");
    let (lease, _) = lease_of(|p| p.option(15, b"a.example b.example").option(119, b"\x05$(id)\0"));
    assert_eq!(lease.search.len(), 2, "one of which nothing counts is none");
}

#[test]
fn a_host_name_that_no_host_can_have_is_left_out() {
    for (text, want) in [
        (&b"node-7"[..], true),
        (b"node-7.example\0", true),
        (b"my_host", false),
        (b"192.0.2.9", false),
        (b"10", false),
        (b"a b", false),
    ] {
        let (lease, dropped) = lease_of(|p| p.option(12, text));
        assert_eq!((lease.hostname.is_some(), dropped.is_empty()), (want, want), "{}", String::from_utf8_lossy(text));
    }
}
