//! What is whole counts, and what is broken costs itself: every fixed-size option, every list, every flaw in the structure.

use orlop_dhcp_contract::{Conduct, Discard, Lease, Phase, Term};
use orlop_dhcp_core::client::Action;
use orlop_dhcp_core::frame::PacketInfo;

use crate::bench::{Bench, conduct};
use crate::malformed::lease_of;
use crate::packet::{ACK, OFFER, Packet};

/// Each fixed-size option with a value that shows in the lease, and another of the same size.
pub(crate) const FIXED: &[(u8, &[u8], &[u8])] = &[
    (1, &[255, 255, 0, 0], &[255, 0, 0, 0]),
    (26, &[5, 180], &[5, 220]),
    (28, &[192, 0, 2, 0], &[192, 0, 2, 127]),
    (51, &[0, 0, 0, 60], &[0, 0, 0, 90]),
    (53, &[ACK], &[OFFER]),
    (54, &[192, 0, 2, 1], &[192, 0, 2, 66]),
    (58, &[0, 0, 0, 77], &[0, 0, 0, 99]),
    (59, &[0, 0, 9, 0], &[0, 0, 8, 0]),
    (80, &[], &[]),
];

#[test]
fn a_fixed_size_option_counts_by_its_first_bytes() {
    for (code, value, other) in FIXED {
        let (want, dropped) = lease_of(|p| p.without(*code).option(*code, value));
        assert_eq!(dropped, [], "{code}");
        let longer = [value, other, &[9_u8][..]].concat();
        let (head, tail) = value.split_at(value.len() / 2);
        type Edit<'e> = &'e dyn Fn(Packet) -> Packet;
        let edits: [(&str, Edit<'_>, bool); 7] = [
            ("the same again", &|p| p.option(*code, value).option(*code, value), !value.is_empty()),
            ("another after it", &|p| p.option(*code, value).option(*code, other), !value.is_empty()),
            (
                "again, far from it",
                &|p| p.option(*code, value).option(101, b"UTC").option(*code, value),
                !value.is_empty(),
            ),
            (
                "again, in file",
                &|p| {
                    let again = [&[*code, u8::try_from(value.len()).unwrap()][..], value].concat();
                    p.option(*code, value).option(52, &[1]).in_file(&again)
                },
                !value.is_empty(),
            ),
            ("longer than it is", &|p| p.option(*code, &longer), true),
            ("in two pieces (RFC 3396)", &|p| p.option(*code, head).option(*code, tail), false),
            ("after an empty one", &|p| p.option(*code, &[]).option(*code, value), false),
        ];
        for (what, edit, surplus) in edits {
            let (lease, dropped) = lease_of(|p| edit(p.without(*code)));
            assert_eq!(lease, want, "option {code}, {what}");
            assert_eq!(dropped, if surplus { vec![(Discard::BadOption, 1)] } else { vec![] }, "option {code}, {what}");
        }
    }
}

#[test]
fn overload_is_a_fixed_size_option_too() {
    let servers = [6, 4, 192, 0, 2, 53];
    for (what, first, second, want) in [
        ("twice the same", &[1_u8][..], &[1_u8][..], 1),
        ("twice, and different", &[1], &[2], 1),
        ("nothing first: it is the first that counts", &[], &[1], 0),
        ("two bytes", &[1, 1], &[1], 1),
        ("sname first, which has nothing", &[2], &[1], 0),
    ] {
        let (lease, _) = lease_of(|p| p.option(52, first).option(52, second).in_file(&servers));
        assert_eq!(lease.dns.len(), want, "{what}");
    }
}

/// Lists, and how many members of them count.
pub(crate) fn partly() -> Vec<(&'static str, u8, &'static [u8], usize)> {
    vec![
        ("routers of five bytes", 3, &[192, 0, 2, 1, 9], 1),
        ("DNS of five bytes", 6, &[192, 0, 2, 1, 9], 1),
        ("DNS of nine bytes", 6, &[192, 0, 2, 1, 192, 0, 2, 2, 9], 2),
        ("DNS of eleven bytes", 6, &[192, 0, 2, 1, 192, 0, 2, 2, 192, 0, 2], 2),
        ("time servers of seven bytes", 42, &[192, 0, 2, 1, 192, 0, 2], 1),
        ("one time server of three that cannot be", 42, &[192, 0, 2, 1, 127, 0, 0, 1, 192, 0, 2, 3], 2),
        ("classful routes of nine bytes", 33, &[10, 0, 0, 0, 192, 0, 2, 1, 9], 1),
        ("classful default route beside another", 33, &[0, 0, 0, 0, 192, 0, 2, 1, 10, 0, 0, 0, 192, 0, 2, 1], 1),
        ("a cut route after a whole one", 121, &[24, 10, 1, 1, 192, 0, 2, 1, 24, 10, 1, 2, 192, 0], 1),
        (
            "a route of 33 bits after a whole one",
            121,
            &[24, 10, 1, 1, 192, 0, 2, 1, 33, 10, 1, 2, 3, 4, 192, 0, 2, 1],
            1,
        ),
        ("a route without a router at the end", 121, &[24, 10, 1, 1, 192, 0, 2, 1, 24, 10, 1, 2], 1),
        ("a width alone at the end", 121, &[24, 10, 1, 1, 192, 0, 2, 1, 24], 1),
        ("a route to loopback between two", 121, &[8, 10, 192, 0, 2, 1, 8, 127, 192, 0, 2, 1, 8, 11, 192, 0, 2, 1], 2),
        ("Microsoft's routes, cut", 249, &[24, 10, 1, 1, 192, 0, 2, 1, 24, 10, 1, 2, 192, 0], 1),
        ("search list with half a name at its end", 119, &[2, b'e', b'x', 0, 7, b'e', b'x'], 1),
        ("a domain cut after a whole one", 119, b"\x01a\0\x03exa", 1),
        ("a domain without its zero after two", 119, b"\x01a\0\x01b\0\x03exa", 2),
        ("a reserved label after a whole domain", 119, &[1, b'a', 0, 0x40, 0], 1),
        ("a pointer forward after a whole domain", 119, &[1, b'a', 0, 0xc0, 9, 1, b'b', 0], 1),
        ("a domain in shell after a whole one", 119, b"\x01a\0\x04$(x)\0", 1),
    ]
}

#[test]
fn a_list_counts_by_its_whole_members() {
    for (what, code, data, want) in partly() {
        let (lease, dropped) = lease_of(|p| p.option(code, data));
        let got = match code {
            3 => lease.routers.len(),
            6 => lease.dns.len(),
            42 => lease.ntp.len(),
            119 => lease.search.len(),
            _ => lease.routes.len(),
        };
        assert_eq!((got, dropped), (want, vec![(Discard::BadOption, 1)]), "{what}");
    }
}

#[test]
fn names_whose_pointers_lead_nowhere_end_the_search_list() {
    // CVE-2020-7461: the first name is no text, the second points to itself.
    let (lease, dropped) = lease_of(|p| p.option(119, &[2, 0xc0, 1, 0, 1, 0x41, 0xc0, 1]));
    assert_eq!((lease.search.len(), dropped), (0, vec![(Discard::BadOption, 2)]));
}

#[test]
fn a_list_that_is_sent_twice_is_that_list_and_one_in_pieces_is_whole() {
    for (code, data) in [
        (3_u8, &[192, 0, 2, 1, 192, 0, 2, 2][..]),
        (6, &[192, 0, 2, 1, 192, 0, 2, 2]),
        (33, &[10, 0, 0, 0, 192, 0, 2, 1]),
        (42, &[192, 0, 2, 1, 192, 0, 2, 2]),
        (119, b"\x01a\0\x01b\0"),
        (121, &[24, 10, 1, 1, 192, 0, 2, 1, 0, 192, 0, 2, 1]),
        (249, &[24, 10, 1, 1, 192, 0, 2, 1, 0, 192, 0, 2, 1]),
    ] {
        let want = lease_of(|p| p.option(code, data));
        assert_eq!(want.1, [], "{code}");
        assert_ne!(want.0, lease_of(|p| p).0, "{code} shows in the lease");
        assert_eq!(lease_of(|p| p.option(code, data).option(code, data)), want, "{code} twice");
        for cut in 1..data.len() {
            let (head, tail) = data.split_at(cut);
            assert_eq!(lease_of(|p| p.option(code, head).option(code, tail)), want, "{code} cut at {cut}");
        }
    }
}

#[test]
fn text_is_joined_where_it_was_cut_and_else_counts_once() {
    let hostname = |lease: &Lease| lease.hostname.as_ref().map(ToString::to_string);
    let long = "a23456789.".repeat(25) + "bcd";
    assert_eq!(long.len(), 253);
    let padded = [long.as_bytes(), b"\0\0"].concat();
    let of = |text: &str| Some(text.to_owned());
    type Edit<'e> = &'e dyn Fn(Packet) -> Packet;
    let rows: [(&str, Edit<'_>, Option<String>); 7] = [
        ("once", &|p| p.option(12, b"node"), of("node")),
        ("twice", &|p| p.option(12, b"node").option(12, b"node"), of("node")),
        ("twice, and different", &|p| p.option(12, b"node").option(12, b"other"), of("node")),
        ("three times", &|p| p.option(12, b"node").option(12, b"node").option(12, b"node"), of("node")),
        ("after an empty one", &|p| p.option(12, b"").option(12, b"node"), of("node")),
        ("across fields", &|p| p.option(52, &[1]).option(12, b"no").in_file(&[12, 2, b'd', b'e']), of("node")),
        ("after 255 bytes", &|p| p.option(12, &padded).option(12, b""), of(&long)),
    ];
    for (what, edit, want) in rows {
        assert_eq!(hostname(&lease_of(edit).0), want, "{what}");
    }
    let (lease, dropped) = lease_of(|p| p.option(15, b"a.example").option(15, b"a.example"));
    assert_eq!((lease.domain.map(|name| name.to_string()), lease.search.len()), (of("a.example"), 0));
    assert_eq!(dropped, [(Discard::BadOption, 1)]);
}

#[test]
fn a_client_identifier_that_is_sent_twice_is_ours() {
    let ours = [1, 2, 0, 0, 0, 0, 1];
    for again in [&ours[..], &[1, 9, 9, 9, 9, 9, 9]] {
        let mut bench = Bench::selecting(Conduct { client_id: ours.into_iter().collect(), ..conduct() });
        let _ = bench.packet(&Packet::lease(OFFER, bench.xid).option(61, &ours).option(61, again));
        assert_eq!(bench.phase(), Phase::Requesting);
    }
}

/// A packet around a sound one that has a flaw.
pub(crate) type Flawed = (&'static str, fn(Packet) -> Vec<u8>);

/// Flaws in the structure of a message around a sound offer: what comes before them counts.
pub(crate) fn flawed() -> Vec<Flawed> {
    vec![
        ("option beyond the end", |p| p.around(&p.clone().raw(&[6, 200, 1]).open_message())),
        ("vendor option beyond the end (wicked 671)", |p| {
            p.around(&p.clone().raw(&[0x7d, 0x28, 0x61, 0x62, 0x63]).open_message())
        }),
        ("option code alone at the end", |p| p.around(&p.clone().raw(&[6]).open_message())),
        ("code of an unused option alone at the end", |p| p.around(&p.clone().raw(&[0x2b]).open_message())),
        ("one byte too few", |p| p.around(&p.clone().raw(&[6, 4, 192, 0, 2]).open_message())),
        ("overloaded file with an option beyond it", |p| {
            p.option(52, &[1]).in_file(&[0; 126]).in_file_end(&[6, 4]).bytes()
        }),
        ("overloaded fields with plain text", |p| {
            p.option(52, &[3])
                .in_file(b"pxelinux.0")
                .in_sname(b"tftp.example.com and some more words to fill it\xfe\xfe")
                .bytes()
        }),
        ("overloaded file of nothing but text", |p| p.option(52, &[1]).in_file(&[b'z'; 128]).bytes()),
        ("overloaded sname of nothing but text", |p| p.option(52, &[2]).in_sname(&[b'z'; 64]).bytes()),
        ("flaw in file, and sound options in sname", |p| {
            p.option(52, &[3]).in_file(&[b'z'; 128]).in_sname(&[6, 4, 192, 0, 2, 53, 255]).bytes()
        }),
    ]
}

#[test]
fn what_stands_before_a_flaw_counts() {
    for (what, packet) in flawed() {
        let mut bench = Bench::selecting(conduct());
        let _ = bench.client.receive(bench.now, &packet(Packet::lease(OFFER, bench.xid)), PacketInfo::PLAIN);
        assert_eq!(bench.phase(), Phase::Requesting, "{what}: {:?}", bench.dropped());
        let actions = bench.client.receive(bench.now, &packet(Packet::lease(ACK, bench.xid)), PacketInfo::PLAIN);
        let Some(Action::Configure(lease)) = actions.into_iter().next() else {
            panic!("{what}: {:?}", bench.dropped())
        };
        let sound = if what.contains("sound options") { 1 } else { 0 };
        assert_eq!((lease.prefix.bits(), lease.dns.len(), lease.mtu), (24, sound, None), "{what}");
        assert!(matches!(lease.term, Term::Finite { .. }), "{what}");
        assert_eq!(bench.dropped(), [(Discard::BadOptions, 2)], "{what}");
    }
}
