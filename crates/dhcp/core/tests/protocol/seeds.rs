//! The fuzz targets of this package: their committed seeds are replayed, and most of them are made here.

use core::time::Duration;

use orlop_dhcp_contract::{
    Arp, Ask, Command, Contest, Counters, DomainName, Finding, HardwareAddr, IfIndex, Ipv4Broadcast, Lease, Mtu,
    Notice, Phase, PrefixLen, Progress, Refusal, Remembered, Request, Route, Term, Transmission, UnicastAddr,
    Withdrawal,
};
use orlop_harness::seeds::{self, Seed, Target};
use orlop_machine::Instant;
use orlop_wire::{MaxSize, encode, max_size};
use serde::Serialize;

use crate::bench::conduct;
use crate::malformed::{broken, unusual, wrong};
use crate::packet::{ACK, Claim, NAK, OFFER, OURS, Packet};
use crate::whole::{FIXED, flawed, partly};
use crate::{script, targets};

/// The fuzz targets of this package, and what each does with a seed.
const TARGETS: [Target; 7] = [
    ("dhcp_arp", targets::arp),
    ("dhcp_options", targets::options),
    ("dhcp_frame", targets::frame),
    ("dhcp_message_to_lease", targets::message_to_lease),
    ("dhcp_machine", targets::machine),
    ("dhcp_ipc_from_worker", targets::ipc_from_worker),
    ("dhcp_ipc_from_broker", targets::ipc_from_broker),
];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    seeds::committed(&made());
}

#[test]
fn the_scripts_get_as_far_as_their_names_say() {
    for (name, script, applied) in scripts() {
        assert_eq!(script::play(&script), applied, "{name}");
    }
}

fn made() -> Vec<Seed> {
    let mut all = Vec::new();
    for (what, packet, info, _) in wrong() {
        let bytes = packet(Packet::lease(OFFER, 1));
        // The fuzzer has its own way to very long inputs.
        if bytes.len() <= 1_500 {
            let flags = u8::from(info.vlan.is_some()) << 1 | u8::from(!info.whole) << 2;
            all.push(Seed::new("dhcp_frame", what, [vec![flags], bytes].concat()));
        }
    }
    for (what, packet, info) in unusual() {
        let flags = u8::from(!info.checksum_ready) | u8::from(info.vlan.is_some()) << 1;
        all.push(Seed::new("dhcp_frame", what, [vec![flags], packet(Packet::lease(OFFER, 1))].concat()));
    }
    for (what, packet) in flawed() {
        all.push(Seed::new("dhcp_frame", what, [vec![0], packet(Packet::lease(OFFER, 1))].concat()));
    }
    let partly = partly().into_iter().map(|(what, code, data, _)| (what, code, data));
    for (what, code, data) in broken().into_iter().chain(partly) {
        let packet = Packet::lease(ACK, 1).without(code).option(code, data).option(6, &[192, 0, 2, 53]);
        all.push(Seed::new("dhcp_message_to_lease", what, packet.message()));
        all.push(Seed::new("dhcp_options", what, [&[0; 192], &*packet.options].concat()));
    }
    for (what, packet) in messages() {
        all.push(Seed::new("dhcp_message_to_lease", what, packet.message()));
        all.push(Seed::new("dhcp_options", what, [&packet.file, &packet.sname[..], &packet.options].concat()));
    }
    all.extend(scripts().into_iter().map(|(name, script, _)| Seed::new("dhcp_machine", name, script)));
    all.extend(
        requests().into_iter().map(|(name, request)| Seed::new("dhcp_ipc_from_worker", name, encoded(&request))),
    );
    all.extend(notices().into_iter().map(|(name, notice)| Seed::new("dhcp_ipc_from_broker", name, encoded(&notice))));
    all.extend(claims().into_iter().map(|(name, bytes)| Seed::new("dhcp_arp", name, bytes)));
    for target in ["dhcp_ipc_from_worker", "dhcp_ipc_from_broker"] {
        all.push(Seed::new(target, "unknown-tag", vec![9]));
        all.push(Seed::new(target, "link-zero", vec![2, 0, 0]));
        all.push(Seed::new(target, "long-number", vec![1, 0x82, 0x00]));
        all.push(Seed::new(target, "number-without-end", vec![1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
        all.push(Seed::new(target, "trailing-byte", vec![1, 2, 0, 0, 0, 0]));
    }
    all
}

fn messages() -> Vec<(&'static str, Packet)> {
    let lease = || Packet::lease(ACK, 1);
    let routes = [24, 10, 1, 1, 192, 0, 2, 1, 0, 192, 0, 2, 1];
    vec![
        ("plain lease", lease()),
        ("nak", Packet::new(NAK, 1).option(54, &[192, 0, 2, 1]).option(56, b"no")),
        (
            "every option in use",
            lease()
                .option(3, &[192, 0, 2, 1])
                .option(6, &[192, 0, 2, 53, 192, 0, 2, 54])
                .option(12, b"host")
                .option(15, b"example.com\0")
                .option(26, &1460_u16.to_be_bytes())
                .option(28, &[192, 0, 2, 255])
                .option(42, &[192, 0, 2, 123])
                .option(58, &[0, 0, 0, 60])
                .option(59, &[0, 0, 0, 90])
                .option(61, &[1, 2, 0, 0, 0, 0, 1])
                .option(80, &[])
                .option(119, b"\x07example\x03com\0\x04corp\xc0\x00")
                .option(121, &routes),
        ),
        ("infinite", lease().without(51).option(51, &[255; 4])),
        ("lease time of one second", lease().without(51).option(51, &[0, 0, 0, 1])),
        ("T1 after T2 after the end", lease().option(58, &[0, 1, 0, 0]).option(59, &[0, 0, 255, 0])),
        ("no server identifier", lease().without(54)),
        ("no lease time", lease().without(51)),
        ("overload in file", lease().option(52, &[1]).in_file(&[6, 4, 192, 0, 2, 53, 255])),
        ("overload in sname", lease().option(52, &[2]).in_sname(&[6, 4, 192, 0, 2, 53, 255])),
        (
            "overload in both",
            lease().option(52, &[3]).in_file(&[121, 5, 24, 10, 1, 1, 192]).in_sname(&[121, 3, 0, 2, 1]),
        ),
        ("overload of overload (CVE-2014-6060)", lease().option(52, &[3]).in_file(&[52, 1, 3]).in_sname(&[52, 1, 3])),
        ("overload of nothing (CVE-2019-11579)", lease().option(52, &[])),
        ("split options apart", lease().option(121, &routes[..5]).option(101, b"UTC").option(121, &routes[5..])),
        ("300 routes", lease().option(121, &routes[..8].repeat(37))),
        ("search list of roots", lease().option(119, &[0; 255])),
        ("search list of pointers", lease().option(119, &[&b"\x01a\0"[..], &[0xc0, 0].repeat(100)].concat())),
        ("relay option first", {
            let rest = lease().options;
            Packet { options: [&[82, 4, 1, 9, 9, 9], &*rest].concat(), ..lease() }
        }),
        ("padding of 1500 bytes", lease().raw(&[0; 1_500])),
        ("every fixed size option twice", {
            let twice = |p: Packet, (code, value, _): &(u8, &[u8], &[u8])| p.option(*code, value).option(*code, value);
            FIXED.iter().fold(Packet { yiaddr: lease().yiaddr, ..Packet::bare(1) }, twice)
        }),
        ("every fixed size option too long", {
            let longer =
                |p: Packet, (code, value, _): &(u8, &[u8], &[u8])| p.option(*code, &[value, &[0; 4][..]].concat());
            FIXED.iter().fold(Packet { yiaddr: lease().yiaddr, ..Packet::bare(1) }, longer)
        }),
        ("several domains in option 15", lease().option(15, b"a.example, b.example c.example")),
        ("a host name that is an address", lease().option(12, b"192.0.2.9")),
        ("class E without a mask", Packet { yiaddr: [240, 10, 0, 5].into(), ..lease().without(1) }),
        ("class C network without a mask", Packet { yiaddr: [192, 168, 1, 0].into(), ..lease().without(1) }),
        ("Microsoft and classful routes", lease().option(249, &routes).option(33, &[10, 0, 0, 0, 192, 0, 2, 1])),
        ("option of 200 bytes that has one", lease().raw(&[6, 200, 1])),
    ]
}

/// A name, a script (`script.rs` says what the bytes mean), and the leases it brings into force.
fn scripts() -> Vec<(&'static str, Vec<u8>, u32)> {
    let (offer, ack, nak) = (&[6, 0, 4][..], &[4, 0, 4][..], &[5, 0, 0][..]);
    let (applied, policy, conflict) = (&[7, 0][..], &[7, 2][..], &[7, 3][..]);
    let (deadline, up, down) = (&[0, 0][..], &[8, 0][..], &[9, 0][..]);
    let (renew, release, claim) = (&[10, 0][..], &[10, 1][..], &[11, 17][..]);
    let dora = [&[0], offer, ack, applied].concat();
    let then = |more: &[&[u8]]| [&*dora, &more.concat()].concat();
    let short = [&[0_u8], &[6, 0, 2][..], &[4, 0, 2], applied].concat();
    vec![
        ("dora", dora.clone(), 1),
        ("rapid commit", [&[1], &[4, 32, 4][..], applied].concat(), 1),
        ("renewal", then(&[deadline, ack, applied]), 2),
        ("renewal under another address", then(&[deadline, &[4, 2, 4], applied]), 2),
        ("nak in renewal", then(&[deadline, nak, offer, ack, applied, applied]), 2),
        ("a short lease runs out", [&*short, &deadline.repeat(12)].concat(), 1),
        ("init-reboot", [&[8 | 32], ack, applied].concat(), 1),
        ("init-reboot refused", [&[8 | 32], nak, offer, ack, applied, applied].concat(), 1),
        ("init-reboot in silence", [&[8 | 32], &deadline.repeat(9)[..]].concat(), 0),
        ("remembered but over", [&[8 | 16 | 32], offer, ack, applied, applied].concat(), 1),
        (
            "the broker refuses",
            [&[0], offer, ack, policy, deadline, deadline, offer, deadline, deadline, ack, applied].concat(),
            1,
        ),
        ("another server after one that refuses", [&[0], offer, nak, &[6, 18, 4], &[4, 18, 4], applied].concat(), 1),
        ("a failover partner acknowledges", [&[0], offer, &[4, 16, 4], applied].concat(), 1),
        ("no server identifier", [&[0], &[6, 8, 4][..], deadline, deadline, &[4, 8, 4], applied].concat(), 1),
        ("conflict", [&[0], offer, ack, conflict, deadline, deadline, offer, ack, applied].concat(), 1),
        ("probed for in the background", [&[0], offer, ack, &[7, 1], &deadline.repeat(6)[..]].concat(), 1),
        ("taken in the background", [&[0], offer, ack, &[7, 1], claim, &[7, 0], &[7, 0]].concat(), 1),
        ("claimed after the probes", [&[0], offer, ack, &[7, 1], &deadline.repeat(7), claim, claim].concat(), 1),
        ("probed for before", [&[0], offer, ack, &[7, 5], &deadline.repeat(5), applied].concat(), 1),
        ("taken before", [&[0], offer, ack, &[7, 5], claim, &[7, 0], deadline, offer, ack, applied].concat(), 1),
        ("released before it was free", [&[0], offer, ack, &[7, 5], release, claim, &[7, 0], &[7, 0]].concat(), 0),
        ("over before it was free", [&[0], &[6, 0, 1][..], &[4, 0, 1], &[7, 5], &[3, 4], deadline].concat(), 0),
        ("naks without end", [&[0][..], &[offer, nak, deadline].concat().repeat(9)].concat(), 0),
        ("carrier comes late", [&[64], up, offer, ack, applied].concat(), 1),
        ("carrier goes for long", then(&[down, &[3, 4], up, ack, applied]), 2),
        ("carrier flaps", then(&[down, up, down, up]), 1),
        ("release and renew", then(&[release, &[7, 0], renew, offer, ack, applied]), 2),
        ("release while applying", [&[0], offer, ack, release, applied, applied, renew].concat(), 1),
        ("renew without end", then(&[&renew.repeat(80)]), 1),
        ("infinite", [&[0], &[6, 0, 6][..], &[4, 0, 6], applied, &[3, 32], renew, deadline, deadline].concat(), 1),
    ]
}

/// What the kernel said, how many fiftieths of a second are between two packets, and the packets.
fn claims() -> Vec<(&'static str, Vec<u8>)> {
    let ours = [192, 0, 2, 9].into();
    let claim = Claim { sender: ours, target: ours, ..Claim::default() };
    let probe = Claim { target: ours, ..Claim::default() };
    let heard = |step: u8, packets: &[Vec<u8>]| [vec![0, step], packets.concat()].concat();
    let changed = |at: usize| {
        let mut bytes = claim.bytes();
        bytes[at] ^= 0x40;
        heard(50, &[bytes])
    };
    let silence = vec![0; 28];
    vec![
        ("a claim", heard(50, &[claim.bytes()])),
        ("an answer", heard(50, &[Claim { operation: 2, ..claim.clone() }.bytes()])),
        ("a probe", heard(50, &[probe.bytes()])),
        ("silence and then claims", heard(200, &[vec![silence; 8], vec![claim.bytes(); 40]].concat())),
        ("our own", heard(50, &[Claim { hardware: OURS, ..claim.clone() }.bytes()])),
        ("another address", heard(50, &[Claim { sender: [192, 0, 2, 8].into(), ..claim.clone() }.bytes()])),
        ("a question to us", heard(50, &[Claim { sender: [192, 0, 2, 8].into(), ..probe.clone() }.bytes()])),
        ("a reverse request", heard(50, &[Claim { operation: 3, ..claim.clone() }.bytes()])),
        ("for a VLAN", [vec![2, 50], claim.bytes()].concat()),
        ("longer than the buffer", [vec![4, 50], claim.bytes()].concat()),
        ("one byte short", heard(50, &[claim.bytes()[..27].to_vec()])),
        ("not Ethernet", changed(1)),
        ("not IPv4", changed(2)),
        ("a hardware address of another length", changed(4)),
        ("an address of another length", changed(5)),
    ]
}

fn requests() -> Vec<(&'static str, Request)> {
    let link = IfIndex::new(2).unwrap();
    let transmit =
        |ask| Request::Transmit(Transmission { link, xid: 0x0102_0304, secs: 1, broadcast: true, want_mtu: true, ask });
    let (addr, server) = (host(9), host(1));
    let since = Instant::from_nanos(1);
    let progress = Progress {
        phase: Phase::Selecting,
        since,
        sent: 3,
        naks: 1,
        discards: Counters::default(),
        contest: Contest::default(),
    };
    vec![
        ("discover", transmit(Ask::Discover { requested: Some(addr), rapid_commit: true })),
        ("select", transmit(Ask::Select { requested: addr, server })),
        ("reboot", transmit(Ask::Reboot { requested: addr })),
        ("renew", transmit(Ask::Renew { ciaddr: addr, server })),
        ("rebind", transmit(Ask::Rebind { ciaddr: addr })),
        ("decline", transmit(Ask::Decline { requested: addr, server })),
        ("release", transmit(Ask::Release { ciaddr: addr, server })),
        ("configure", Request::Configure { link, lease: lease() }),
        ("deconfigure", Request::Deconfigure { link, why: Withdrawal::Expired(Instant::from_nanos(7)) }),
        ("report", Request::Report { link, progress }),
        ("arp probe", Request::Arp { link, packet: Arp::Probe }),
        ("arp announce", Request::Arp { link, packet: Arp::Announce }),
        ("arp defend", Request::Arp { link, packet: Arp::Defend { against: HardwareAddr([2, 0, 0, 0, 0, 9]) } }),
        ("address found free", Request::Probed { link, finding: Finding::Free }),
        (
            "address found taken",
            Request::Probed { link, finding: Finding::Taken { by: HardwareAddr([2, 0, 0, 0, 0, 9]) } },
        ),
    ]
}

fn notices() -> Vec<(&'static str, Notice)> {
    let link = IfIndex::new(2).unwrap();
    let added = |remembered| Notice::LinkAdded {
        link,
        hardware: HardwareAddr([2, 0, 0, 0, 0, 1]),
        carrier: true,
        conduct: conduct(),
        remembered,
    };
    vec![
        ("link added", added(None)),
        ("link added with a lease", added(Some(Remembered { lease: lease(), in_force: true }))),
        ("link removed", Notice::LinkRemoved { link }),
        ("carrier", Notice::Carrier { link, up: false }),
        ("applied", Notice::Applied { link }),
        ("refused by the kernel", Notice::Refused { link, why: Refusal::Kernel { errno: 22 } }),
        ("refused as a new server", Notice::Refused { link, why: Refusal::NewServer }),
        ("refused for a conflict", Notice::Refused { link, why: Refusal::Conflict { addr: host(9) } }),
        ("command", Notice::Command { link, command: Command::Release }),
        ("watch", Notice::Watch { link, addr: host(9) }),
        ("lost", Notice::Lost { link, addr: host(9) }),
    ]
}

/// A lease with everything in it.
fn lease() -> Lease {
    let at = |secs| Instant::from_nanos(1).after(Duration::from_secs(secs));
    let prefix = PrefixLen::new(24).unwrap();
    Lease {
        addr: host(9),
        prefix,
        server: host(1),
        term: Term::Finite { acquired: at(0), renew_at: at(1_800), rebind_at: at(3_150), expires_at: at(3_600) },
        broadcast: Some(Ipv4Broadcast([192, 0, 2, 255].into())),
        routers: [host(1)].into_iter().collect(),
        routes: Route::new([10, 0, 0, 0].into(), prefix, Some(host(1))).into_iter().collect(),
        mtu: Mtu::new(1460),
        dns: [host(53)].into_iter().collect(),
        ntp: [host(123)].into_iter().collect(),
        hostname: DomainName::new("host").ok(),
        domain: DomainName::new("example.com").ok(),
        search: DomainName::new("corp.example.com").into_iter().collect(),
        wire_server: Some(host(16)),
    }
}

fn host(last: u8) -> UnicastAddr {
    UnicastAddr::new([192, 0, 2, last].into()).unwrap()
}

fn encoded<T: Serialize + MaxSize>(value: &T) -> Vec<u8> {
    encode(value, &mut vec![0; max_size::<T>()]).unwrap().to_vec()
}
