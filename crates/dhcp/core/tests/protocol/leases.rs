//! From options to a lease: what clouds really send, splitting, times.

use core::time::Duration;

use orlop_dhcp_contract::{Discard, Lease, Term};
use orlop_dhcp_core::client::Action;

use crate::bench::{Bench, conduct};
use crate::malformed::lease_of;
use crate::packet::{ACK, OFFER, Packet};

/// A lease as one line, so that a cloud's is readable and compared whole.
fn line(lease: &Lease) -> String {
    let Lease {
        addr,
        prefix,
        server,
        term,
        broadcast,
        routers,
        routes,
        mtu,
        dns,
        ntp,
        hostname,
        domain,
        search,
        wire_server,
    } = lease;
    // Only Azure's has one; what its value is, is looked at where options are.
    let wire = wire_server.map_or_else(String::new, |addr| format!(" wire server {addr}"));
    let routes: Vec<String> = routes
        .iter()
        .map(|route| match route.gateway() {
            Some(gateway) => format!("{}/{} via {gateway}", route.destination(), route.prefix()),
            None => format!("{}/{}", route.destination(), route.prefix()),
        })
        .collect();
    let lasts = match term {
        Term::Infinite { .. } => "for ever".to_owned(),
        Term::Finite { acquired, renew_at, rebind_at, expires_at } => {
            format!("{:?}", [renew_at, rebind_at, expires_at].map(|at| at.since(*acquired).as_secs()))
        }
    };
    let (hostname, domain) = (hostname.as_ref().map(|n| n.as_str()), domain.as_ref().map(|n| n.as_str()));
    format!(
        "{addr}/{prefix} server {server} {lasts} routers {routers:?} routes {routes:?} mtu {:?} dns {dns:?} ntp {ntp:?} \
         broadcast {:?} host {hostname:?} domain {domain:?} search {search:?}{wire}",
        mtu.map(orlop_dhcp_contract::Mtu::get),
        broadcast.map(|broadcast| broadcast.0),
    )
}

/// Runs a whole exchange whose OFFER and ACK are made by `edit`.
fn exchange(edit: impl Fn(Packet) -> Packet) -> String {
    let mut bench = Bench::selecting(conduct());
    let _ = bench.packet(&edit(Packet::new(OFFER, bench.xid)));
    let actions = bench.packet(&edit(Packet::new(ACK, bench.xid)));
    assert_eq!(bench.dropped(), []);
    match actions.first() {
        Some(orlop_dhcp_core::client::Action::Configure(lease)) => line(lease),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_google_lease_of_32_bits_has_its_router_on_the_link() {
    let got = exchange(|p| {
        Packet { yiaddr: [10, 156, 0, 42].into(), source: [169, 254, 169, 254].into(), ..p }
            .option(54, &[169, 254, 169, 254])
            .option(51, &3_600_u32.to_be_bytes())
            .option(1, &[255, 255, 255, 255])
            .option(3, &[10, 156, 0, 1])
            .option(6, &[169, 254, 169, 254])
            .option(12, b"node-1.c.project.internal")
            .option(15, b"c.project.internal")
            .option(26, &1460_u16.to_be_bytes())
            .option(42, &[169, 254, 169, 254])
            .option(119, b"\x01c\x07project\x08internal\0\x06google\xc0\x0a")
            .option(121, &[32, 10, 156, 0, 1, 0, 0, 0, 0, 0, 10, 156, 0, 1])
    });
    assert_eq!(
        got,
        "10.156.0.42/32 server 169.254.169.254 [1800, 3150, 3600] routers [] \
         routes [\"10.156.0.1/32\", \"0.0.0.0/0 via 10.156.0.1\"] mtu Some(1460) dns [169.254.169.254] \
         ntp [169.254.169.254] broadcast None host Some(\"node-1.c.project.internal\") \
         domain Some(\"c.project.internal\") search [\"c.project.internal\", \"google.internal\"]"
    );
}

#[test]
fn an_amazon_lease_of_a_subnet_without_ipv4_has_link_local_routes() {
    let got = exchange(|p| {
        Packet { yiaddr: [169, 254, 12, 34].into(), ..p }
            .option(54, &[169, 254, 0, 1])
            .option(51, &3_600_u32.to_be_bytes())
            .option(1, &[255, 255, 255, 255])
            .option(121, &[32, 169, 254, 0, 1, 0, 0, 0, 0, 32, 169, 254, 169, 254, 169, 254, 0, 1])
    });
    assert_eq!(
        got,
        "169.254.12.34/32 server 169.254.0.1 [1800, 3150, 3600] routers [] \
         routes [\"169.254.0.1/32\", \"169.254.169.254/32 via 169.254.0.1\"] mtu None dns [] ntp [] broadcast None \
         host None domain None search []"
    );
}

#[test]
fn an_azure_lease_lasts_for_ever_and_ignores_what_it_does_not_know() {
    let got = exchange(|p| {
        Packet { yiaddr: [10, 0, 0, 4].into(), source: [168, 63, 129, 16].into(), ..p }
            .option(54, &[168, 63, 129, 16])
            .option(51, &u32::MAX.to_be_bytes())
            .option(58, &u32::MAX.to_be_bytes())
            .option(59, &u32::MAX.to_be_bytes())
            .option(1, &[255, 255, 255, 0])
            .option(3, &[10, 0, 0, 1])
            .option(6, &[168, 63, 129, 16])
            .option(15, b"reddog.microsoft.com\0")
            .option(245, &[168, 63, 129, 16])
            .option(121, &[0, 10, 0, 0, 1, 32, 168, 63, 129, 16, 10, 0, 0, 1, 32, 169, 254, 169, 254, 10, 0, 0, 1])
    });
    assert_eq!(
        got,
        "10.0.0.4/24 server 168.63.129.16 for ever routers [] \
         routes [\"0.0.0.0/0 via 10.0.0.1\", \"168.63.129.16/32 via 10.0.0.1\", \"169.254.169.254/32 via 10.0.0.1\"] \
         mtu None dns [168.63.129.16] ntp [] broadcast None host None domain Some(\"reddog.microsoft.com\") search [] \
         wire server 168.63.129.16"
    );
}

#[test]
fn a_hetzner_lease_has_a_router_outside_its_network() {
    let got = exchange(|p| {
        Packet { yiaddr: [95, 216, 10, 20].into(), source: [172, 31, 1, 1].into(), ..p }
            .option(54, &[172, 31, 1, 1])
            .option(51, &86_400_u32.to_be_bytes())
            .option(1, &[255, 255, 255, 255])
            .option(3, &[172, 31, 1, 1])
            .option(6, &[185, 12, 64, 1, 185, 12, 64, 2])
            .option(121, &[32, 172, 31, 1, 1, 0, 0, 0, 0, 0, 172, 31, 1, 1])
    });
    assert_eq!(
        got,
        "95.216.10.20/32 server 172.31.1.1 [43200, 75600, 86400] routers [] \
         routes [\"172.31.1.1/32\", \"0.0.0.0/0 via 172.31.1.1\"] mtu None dns [185.12.64.1, 185.12.64.2] ntp [] \
         broadcast None host None domain None search []"
    );
}

#[test]
fn an_ovh_lease_has_an_off_link_router_in_option_3() {
    let got = exchange(|p| {
        Packet { yiaddr: [51, 68, 10, 20].into(), ..p }
            .option(54, &[51, 68, 8, 1])
            .option(51, &86_400_u32.to_be_bytes())
            .option(1, &[255, 255, 255, 255])
            .option(28, &[51, 68, 10, 20])
            .option(3, &[51, 68, 8, 1])
            .option(6, &[213, 186, 33, 99])
    });
    assert_eq!(
        got,
        "51.68.10.20/32 server 51.68.8.1 [43200, 75600, 86400] routers [51.68.8.1] routes [] mtu None \
         dns [213.186.33.99] ntp [] broadcast None host None domain None search []"
    );
}

#[test]
fn an_oracle_lease_names_no_server() {
    let got = exchange(|p| {
        Packet { yiaddr: [10, 0, 0, 7].into(), source: [169, 254, 169, 254].into(), ..p }
            .option(51, &86_400_u32.to_be_bytes())
            .option(1, &[255, 255, 255, 0])
            .option(3, &[10, 0, 0, 1])
            .option(26, &9000_u16.to_be_bytes())
            .option(6, &[169, 254, 169, 254])
    });
    assert_eq!(
        got,
        "10.0.0.7/24 server 169.254.169.254 [43200, 75600, 86400] routers [10.0.0.1] routes [] mtu Some(9000) \
         dns [169.254.169.254] ntp [] broadcast None host None domain None search []"
    );
}

#[test]
fn the_pieces_of_an_option_are_joined_wherever_they_stand() {
    let routes = [24, 10, 1, 1, 192, 0, 2, 1, 24, 10, 1, 2, 192, 0, 2, 1];
    let (whole, _) = lease_of(|p| p.option(121, &routes));
    assert_eq!(whole.routes.len(), 2);
    let (head, tail) = routes.split_at(5);
    let piece = |data: &[u8]| [&[121, u8::try_from(data.len()).unwrap()][..], data].concat();
    for (what, edit) in [
        ("next to each other", (&|p: Packet| p.option(121, head).option(121, tail)) as &dyn Fn(Packet) -> Packet),
        ("apart", &|p| p.option(121, head).option(6, &[192, 0, 2, 2]).option(121, tail).without(6)),
        ("with another between", &|p| p.option(121, head).option(101, b"UTC").option(121, tail)),
        ("options, then file", &|p| p.option(52, &[1]).option(121, head).in_file(&piece(tail))),
        ("file, then sname, whatever the order in the packet", &|p| {
            p.option(52, &[3]).in_file(&piece(head)).in_sname(&piece(tail))
        }),
        ("overload first", &|p| {
            let rest = p.options.clone();
            Packet { options: vec![52, 1, 2], ..p }.raw(&rest).option(121, head).in_sname(&piece(tail))
        }),
        ("three of them, one empty", &|p| p.option(121, head).option(121, &[]).option(121, tail)),
    ] {
        assert_eq!(lease_of(edit), (whole.clone(), vec![]), "{what}");
    }
}

#[test]
fn option_121_silences_option_3_and_addresses_that_no_server_has_are_left_out() {
    let (lease, dropped) = lease_of(|p| {
        p.option(3, &[192, 0, 2, 1])
            .option(121, &[8, 10, 192, 0, 2, 1])
            .option(6, &[0, 0, 0, 0, 192, 0, 2, 2, 127, 0, 0, 1, 224, 0, 0, 1, 192, 0, 2, 2])
    });
    assert_eq!((lease.routers.len(), lease.routes.len()), (0, 1));
    assert_eq!(lease.dns.iter().map(|addr| addr.get()).collect::<Vec<_>>(), [core::net::Ipv4Addr::new(192, 0, 2, 2)]);
    assert_eq!(dropped, [(Discard::BadOption, 3)]);
}

#[test]
fn an_address_without_a_mask_has_the_network_of_its_class() {
    for (what, yiaddr, want) in [
        ("class A", [10, 1, 2, 3], 8),
        ("class B", [172, 16, 2, 3], 16),
        ("class C", [192, 168, 2, 3], 24),
        ("a mask of its own", [192, 168, 2, 3], 25),
    ] {
        let got = exchange(|p| {
            let p = Packet { yiaddr: yiaddr.into(), ..p }.option(54, &[192, 0, 2, 1]);
            if want == 25 { p.option(1, &[255, 255, 255, 128]) } else { p }
        });
        assert!(got.contains(&format!("/{want} ")), "{what}: {got}");
    }
}

#[test]
fn the_times_of_a_lease_stand_in_order_whatever_the_server_wrote() {
    let forever = u32::MAX;
    for (what, lease, t1, t2, want) in [
        ("only a lease time", Some(3600), None, None, Some([1800, 3150, 3600])),
        ("no time at all: the fallback", None, None, None, Some([1800, 3150, 3600])),
        ("T1 and T2 of the server", Some(3600), Some(100), Some(200), Some([100, 200, 3600])),
        ("only T1", Some(3600), Some(100), None, Some([100, 3150, 3600])),
        ("only T2", Some(3600), None, Some(3000), Some([1800, 3000, 3600])),
        ("T1 after T2", Some(3600), Some(300), Some(200), Some([1800, 3150, 3600])),
        ("T1 with T2", Some(3600), Some(200), Some(200), Some([1800, 3150, 3600])),
        ("T2 at the end", Some(3600), Some(100), Some(3600), Some([1800, 3150, 3600])),
        ("T1 after T2 after the end", Some(3600), Some(9000), Some(8000), Some([1800, 3150, 3600])),
        ("zeros mean absent", Some(3600), Some(0), Some(0), Some([1800, 3150, 3600])),
        ("a T1 of zero alone is absent", Some(3600), Some(0), None, Some([1800, 3150, 3600])),
        ("T1 in a loop", Some(3600), Some(1), Some(3000), Some([2, 3000, 3600])),
        ("T1 and T2 in a loop", Some(3600), Some(1), Some(2), Some([2, 2, 3600])),
        ("one second", Some(1), None, None, Some([2, 4, 5])),
        ("eight seconds", Some(8), None, None, Some([4, 7, 8])),
        ("almost for ever", Some(forever - 1), None, None, Some([2_147_483_647, 3_758_096_382, 4_294_967_294])),
        ("for ever", Some(forever), Some(10), Some(20), None),
    ] {
        let (lease, _) = lease_of(|p| {
            let time = |p: Packet, code, value: Option<u32>| match value {
                Some(secs) => p.option(code, &secs.to_be_bytes()),
                None => p,
            };
            time(time(time(p.without(51), 51, lease), 58, t1), 59, t2)
        });
        assert!(lease.term.is_ordered(), "{what}");
        let got = match lease.term {
            Term::Infinite { .. } => None,
            Term::Finite { acquired, renew_at, rebind_at, expires_at } => {
                Some([renew_at, rebind_at, expires_at].map(|at| at.since(acquired).as_secs()))
            }
        };
        assert_eq!(got, want, "{what}");
    }
}

#[test]
fn a_lease_counts_from_its_request() {
    let mut bench = Bench::requesting();
    let asked = bench.now;
    bench.now = bench.now.after(Duration::from_millis(700));
    let actions = bench.packet(&Packet::lease(ACK, bench.xid));
    let Some(orlop_dhcp_core::client::Action::Configure(lease)) = actions.first() else { panic!("{actions:?}") };
    assert_eq!(lease.term.acquired(), asked);
    assert_eq!(lease.term.expires_at(), Some(asked.after(Duration::from_secs(3600))));
}

#[test]
fn an_answer_after_the_end_of_its_own_lease_is_none() {
    for (what, millis, want) in [("in time", 5900, vec![]), ("at its end", 6000, vec![(Discard::BadLeaseTime, 1)])] {
        let mut bench = Bench::requesting();
        bench.now = bench.now.after(Duration::from_millis(millis));
        let ack = Packet::lease(ACK, bench.xid).without(51).option(51, &6_u32.to_be_bytes());
        let actions = bench.packet(&ack);
        assert_eq!(bench.dropped(), want, "{what}");
        let is_taken = actions.iter().any(|action| matches!(action, Action::Configure(_)));
        assert_eq!(is_taken, want.is_empty(), "{what}: {actions:?}");
    }
}
