use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

use orlop_dhcp_contract::{DomainName, Ipv4Broadcast, Mtu, PrefixLen, Route, UnicastAddr};
use proptest::prelude::*;

use super::*;
use orlop_testbed::Folder;

const BOOT: &str = "4d3c0a2e-96f1-4c5b-8f0e-2b7a90c1d2e3";
const OTHER_BOOT: &str = "00000000-0000-4000-8000-000000000000";
const MAC: HardwareAddr = HardwareAddr([2, 0, 0, 0, 0, 7]);

/// A lease file as a person may find it.
const WRITTEN: &str = r#"version = 1
boot-id = "4d3c0a2e-96f1-4c5b-8f0e-2b7a90c1d2e3"
interface = "eth0"
hardware = "02:00:00:00:00:07"
address = "192.0.2.9/24"
server = "192.0.2.1"
acquired-ns = 1000
renew-ns = 2000
rebind-ns = 3000
expires-ns = 4000
mtu = 1400
hostname = "node-7"
routers = ["192.0.2.1"]
routes = ["10.0.0.0/8 via 192.0.2.2", "198.51.100.0/24"]
dns = ["192.0.2.53"]
search = ["example.com"]
"#;

fn eth0() -> InterfaceName {
    InterfaceName::new("eth0").unwrap()
}

fn boot(id: &str) -> BootId {
    BootId::new(id).unwrap()
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

#[test]
fn a_written_lease_means_what_it_says() {
    let Handover { boot: id, interface, hardware, lease } = Handover::parse(WRITTEN).unwrap();
    assert_eq!((id, interface, hardware), (boot(BOOT), eth0(), MAC));
    let addr = |last| UnicastAddr::new([192, 0, 2, last].into()).unwrap();
    assert_eq!((lease.addr, lease.prefix.bits(), lease.server), (addr(9), 24, addr(1)));
    let term = Term::Finite { acquired: at(1000), renew_at: at(2000), rebind_at: at(3000), expires_at: at(4000) };
    assert_eq!(lease.term, term);
    let routes = [
        Route::new([10, 0, 0, 0].into(), PrefixLen::new(8).unwrap(), Some(addr(2))).unwrap(),
        Route::new([198, 51, 100, 0].into(), PrefixLen::new(24).unwrap(), None).unwrap(),
    ];
    assert_eq!(&*lease.routes, routes);
    assert_eq!((lease.mtu, lease.ntp.len(), lease.domain), (Mtu::new(1400), 0, None));
}

#[test]
fn a_file_that_is_not_quite_a_lease_is_none() {
    let with = |from: &str, to: &str| {
        assert!(WRITTEN.contains(from), "{from}");
        WRITTEN.replace(from, to)
    };
    let syntax = |text: &str| LeaseFileError::Syntax(Str::new(text).unwrap());
    let many = format!("dns = [{}]", ["\"192.0.2.53\""; 9].join(", "));
    for (what, text, want) in [
        ("empty", String::new(), syntax("missing field `version`")),
        ("another version", with("version = 1", "version = 2"), LeaseFileError::Version(2)),
        (
            "a key too many",
            with("mtu = 1400", "mtv = 1400"),
            syntax(
                "unknown field `mtv`, expected one of `version`, `boot-id`, `interface`, `hardware`, `address`, `server`, `acquired-ns`, `renew-ns`, `rebind-ns`, `expires-ns`, `broadcast`, `mtu`, `hostname`, `domain`,",
            ),
        ),
        ("no boot", with(BOOT, "yesterday"), LeaseFileError::Value("boot-id")),
        (
            "a path for an interface",
            with("eth0", "../eth0"),
            syntax("not the name of an interface (1 to 15 plain characters)"),
        ),
        ("half a hardware address", with(":00:07", ""), LeaseFileError::Value("hardware")),
        ("a sign in a hardware address", with(":00:07", ":00:+7"), LeaseFileError::Value("hardware")),
        ("a pair of one digit", with(":00:07", ":00:7"), LeaseFileError::Value("hardware")),
        ("hardware address too long", with(":00:07", ":00:07:08"), LeaseFileError::Value("hardware")),
        ("loopback address", with("192.0.2.9/24", "127.0.0.1/8"), LeaseFileError::Value("address")),
        ("address of the network", with("192.0.2.9/24", "192.0.2.0/24"), LeaseFileError::Value("address")),
        ("no prefix", with("192.0.2.9/24", "192.0.2.9"), LeaseFileError::Value("address")),
        ("prefix too long", with("192.0.2.9/24", "192.0.2.9/33"), LeaseFileError::Value("address")),
        (
            "server that is no host",
            with("server = \"192.0.2.1\"", "server = \"224.0.0.1\""),
            syntax("not the address of one host (in 0/8, 127/8 or 224/4, or 255.255.255.255)"),
        ),
        (
            "times out of order",
            with("rebind-ns = 3000", "rebind-ns = 1500"),
            LeaseFileError::Value("renew-ns, rebind-ns and expires-ns"),
        ),
        (
            "one time missing",
            with("rebind-ns = 3000\n", ""),
            LeaseFileError::Value("renew-ns, rebind-ns and expires-ns"),
        ),
        (
            "negative time",
            with("acquired-ns = 1000", "acquired-ns = -1"),
            syntax("invalid value: integer `-1`, expected u64"),
        ),
        ("choking MTU", with("mtu = 1400", "mtu = 68"), syntax("MTU below 576")),
        (
            "second line in a name",
            with("node-7", "a\\nnameserver 192.0.2.66"),
            LeaseFileError::Name { key: "hostname", why: NameError::Character },
        ),
        ("empty search domain", with("example.com", ""), LeaseFileError::Name { key: "search", why: NameError::Empty }),
        ("route to loopback", with("10.0.0.0/8", "127.0.0.0/8"), LeaseFileError::Value("routes")),
        ("route with host bits", with("10.0.0.0/8", "10.0.0.1/8"), LeaseFileError::Value("routes")),
        ("too many servers", with("dns = [\"192.0.2.53\"]", &many), LeaseFileError::TooMany("dns")),
        ("longer than any lease", " ".repeat(MAX_FILE + 1), LeaseFileError::Large),
    ] {
        assert_eq!(Handover::parse(&text), Err(want), "{what}");
    }
}

#[test]
fn a_lease_is_believed_as_far_as_it_can_be() {
    let lease = Handover::parse(WRITTEN).unwrap().lease;
    let over = |now| Term::Finite { acquired: now, renew_at: now, rebind_at: now, expires_at: now };
    let remembered = |term, in_force| Ok(Remembered { lease: Lease { term, ..lease.clone() }, in_force });
    let other_mac = HardwareAddr([2, 0, 0, 0, 0, 8]);
    for (what, name, hardware, id, now, on_link, want) in [
        ("same boot, on the link", "eth0", MAC, BOOT, 1500, true, remembered(lease.term, true)),
        ("same boot, not on the link", "eth0", MAC, BOOT, 1500, false, remembered(lease.term, false)),
        ("same boot, expired", "eth0", MAC, BOOT, 9000, true, remembered(lease.term, true)),
        ("another boot: a wish", "eth0", MAC, OTHER_BOOT, 1500, true, remembered(over(at(1500)), false)),
        ("from the future: a wish", "eth0", MAC, BOOT, 500, true, remembered(over(at(500)), false)),
        ("another interface", "eth1", MAC, BOOT, 1500, true, Err(LeaseFileError::OtherLink)),
        ("another card", "eth0", other_mac, BOOT, 1500, true, Err(LeaseFileError::OtherLink)),
    ] {
        let handover = Handover::parse(WRITTEN).unwrap();
        let name = InterfaceName::new(name).unwrap();
        assert_eq!(handover.remember(&name, hardware, &boot(id), at(now), on_link), want, "{what}");
    }
}

#[test]
fn a_wish_is_never_a_valid_lease() {
    let now = at(1500);
    let wish = Handover::parse(WRITTEN).unwrap().remember(&eth0(), MAC, &boot(OTHER_BOOT), now, true).unwrap();
    assert!(!wish.is_valid_at(now));
}

#[test]
fn what_one_process_stores_the_next_one_loads() {
    let folder = Folder::new("lease");
    let dir = folder.open();
    let handover = Handover::parse(WRITTEN).unwrap();
    assert_eq!(load(dir.as_fd(), &eth0()), Ok(None));
    let mut file = LeaseFile::of(&eth0());
    file.take_room(dir.as_fd()).unwrap();
    assert_eq!(load(dir.as_fd(), &eth0()), Ok(None), "only its room is taken");
    file.store(dir.as_fd(), &handover).unwrap();
    assert_eq!(load(dir.as_fd(), &eth0()), Ok(Some(handover.clone())));
    file.clear(dir.as_fd()).unwrap();
    assert_eq!(load(dir.as_fd(), &eth0()), Ok(None), "over");
    file.store(dir.as_fd(), &handover).unwrap();
    LeaseFile::of(&eth0()).take_room(dir.as_fd()).unwrap();
    assert_eq!(load(dir.as_fd(), &eth0()), Ok(Some(handover)), "the next process takes no lease away");
    assert_eq!(folder.names(), ["lease.eth0"]);
    let mode = std::fs::metadata(folder.0.join("lease.eth0")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    forget(dir.as_fd(), &eth0()).unwrap();
    assert_eq!(load(dir.as_fd(), &eth0()), Ok(None));
}

#[test]
fn a_corrupt_file_is_an_error_and_not_a_lease() {
    let folder = Folder::new("corrupt");
    let dir = folder.open();
    let endless = "x".repeat(MAX_FILE + 1);
    for (what, content, want) in [
        (
            "half a file",
            WRITTEN.as_bytes().get(..200).unwrap(),
            LeaseFileError::Syntax(Str::new("key with no value, expected `=`").unwrap()),
        ),
        ("binary", &[0xff, 0xfe, 0][..], LeaseFileError::NotText),
        ("endless", endless.as_bytes(), LeaseFileError::Large),
    ] {
        std::fs::write(folder.0.join("lease.eth0"), content).unwrap();
        assert_eq!(load(dir.as_fd(), &eth0()), Err(want), "{what}");
    }
    std::fs::remove_file(folder.0.join("lease.eth0")).unwrap();
    std::fs::create_dir(folder.0.join("lease.eth0")).unwrap();
    assert!(matches!(load(dir.as_fd(), &eth0()), Err(LeaseFileError::Io(_))), "a folder");
}

#[test]
fn this_boot_has_an_id() {
    assert_eq!(BootId::current().unwrap(), BootId::current().unwrap());
    for (what, text, ok) in [
        ("with its newline", "4d3c0a2e-96f1-4c5b-8f0e-2b7a90c1d2e3\n", true),
        ("capitals", "4D3C0A2E-96F1-4C5B-8F0E-2B7A90C1D2E3", false),
        ("too short", "4d3c0a2e-96f1-4c5b-8f0e-2b7a90c1d2e", false),
        ("hyphens elsewhere", "4d3c0a2e9-6f1-4c5b-8f0e-2b7a90c1d2e3", false),
    ] {
        assert_eq!(BootId::new(text).is_some(), ok, "{what}");
    }
}

#[test]
fn the_largest_lease_fits() {
    let longest = DomainName::new(&format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(61))).unwrap();
    let far = UnicastAddr::new([198, 151, 100, 200].into()).unwrap();
    let route = |n: u8| Route::new([200, 200, n, 0].into(), PrefixLen::new(24).unwrap(), Some(far));
    let end = at(u64::MAX);
    let lease = Lease {
        addr: far,
        prefix: PrefixLen::new(24).unwrap(),
        server: far,
        term: Term::Finite { acquired: at(0), renew_at: end, rebind_at: end, expires_at: end },
        broadcast: Some(Ipv4Broadcast(far.get())),
        routers: std::iter::repeat_n(far, 99).collect(),
        routes: (0..99).filter_map(route).collect(),
        mtu: Mtu::new(u16::MAX),
        dns: std::iter::repeat_n(far, 99).collect(),
        ntp: std::iter::repeat_n(far, 99).collect(),
        hostname: Some(longest.clone()),
        domain: Some(longest.clone()),
        search: std::iter::repeat_n(longest, 99).collect(),
        wire_server: Some(far),
    };
    let interface = InterfaceName::new("abcdefghijklmno").unwrap();
    let text = Handover { boot: boot(BOOT), interface, hardware: MAC, lease }.render();
    assert!(text.len() < 9_000, "{} bytes", text.len());
    assert!(Handover::parse(&text).is_ok());
}

fn unicast() -> impl Strategy<Value = UnicastAddr> {
    any::<u32>().prop_filter_map("not a host", |bits| UnicastAddr::new(bits.into()))
}

fn domain() -> impl Strategy<Value = DomainName> {
    "[a-z0-9_]{1,20}(\\.[a-z0-9]{1,20}){0,3}".prop_map(|text| DomainName::new(&text).unwrap())
}

fn any_route() -> impl Strategy<Value = Route> {
    (any::<u32>(), 0_u8..=32, proptest::option::of(unicast()))
        .prop_filter_map("leads nowhere", |(bits, len, gateway)| Route::new(bits.into(), PrefixLen::new(len)?, gateway))
}

fn any_term() -> impl Strategy<Value = Term> {
    // Beyond 2^63 TOML has no integers, and nobody an uptime.
    (any::<bool>(), prop::array::uniform4(0..u64::MAX / 2)).prop_map(|(finite, mut times)| {
        times.sort_unstable();
        let [acquired, renew_at, rebind_at, expires_at] = times.map(Instant::from_nanos);
        if finite { Term::Finite { acquired, renew_at, rebind_at, expires_at } } else { Term::Infinite { acquired } }
    })
}

fn any_lease() -> impl Strategy<Value = Lease> {
    use proptest::collection::vec;
    use proptest::option::of;
    let host = (unicast(), 0_u8..=32)
        .prop_filter("no host", |(addr, bits)| PrefixLen::new(*bits).is_some_and(|prefix| prefix.has_host(addr.get())));
    let ends = (host, unicast(), any_term());
    let lists = (vec(unicast(), 0..=4), vec(any_route(), 0..=64), vec(unicast(), 0..=8), vec(unicast(), 0..=8));
    let rest = (of(any::<u32>()), of(576_u16..), of(domain()), of(domain()), vec(domain(), 0..=16), of(unicast()));
    (ends, lists, rest).prop_map(
        |(
            ((addr, bits), server, term),
            (routers, routes, dns, ntp),
            (broadcast, mtu, hostname, domain, search, wire_server),
        )| {
            Lease {
                addr,
                prefix: PrefixLen::new(bits).unwrap(),
                server,
                term,
                broadcast: broadcast.map(|bits| Ipv4Broadcast(bits.into())),
                routers: routers.into_iter().collect(),
                routes: routes.into_iter().collect(),
                mtu: mtu.and_then(Mtu::new),
                dns: dns.into_iter().collect(),
                ntp: ntp.into_iter().collect(),
                hostname,
                domain,
                search: search.into_iter().collect(),
                wire_server,
            }
        },
    )
}

proptest! {
    #[test]
    fn every_lease_survives_the_file(lease in any_lease(), mac: [u8; 6]) {
        let handover = Handover { boot: boot(BOOT), interface: eth0(), hardware: HardwareAddr(mac), lease };
        prop_assert_eq!(Handover::parse(&handover.render()), Ok(handover));
    }

    #[test]
    fn any_text_is_a_lease_file_or_an_error(text in "\\PC{0,200}") {
        let _ = Handover::parse(&text);
    }

    #[test]
    fn any_damage_gives_an_error_or_a_lease_that_keeps_the_rules(at in 0..WRITTEN.len(), with in "\\PC{0,4}") {
        let mut text = WRITTEN.to_owned();
        text.replace_range(at..=at, &with);
        if let Ok(handover) = Handover::parse(&text) {
            prop_assert!(handover.lease.term.is_ordered());
            prop_assert_eq!(Handover::parse(&handover.render()), Ok(handover.clone()));
        }
    }
}
