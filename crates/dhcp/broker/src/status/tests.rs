use std::os::fd::AsFd;

use orlop_dhcp_contract::{
    Contest, Counters, Discard, DomainName, Mtu, Phase, PrefixLen, Route, Stage, Term, UnicastAddr,
};
use orlop_sandbox::fatal::Exit;
use orlop_testbed::{Folder, table};
use serde_json::{Value, json};

use orlop_broker::control;
use orlop_broker::status::{self, Life};

use super::*;
use crate::verdict::{Fate, Kind, LinkFate, Network};

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// The same moment by both clocks.
fn now(ms: u64) -> Now {
    Now { boottime: at(ms), utc_ms: 1_795_769_328_123 }
}

/// Everything.
fn all() -> View {
    View { verbose: true, ..View::default() }
}

/// Leaves a status in the daemon's folder, as if written some seconds after its start.
fn write(own: &Folder, status: &Status) {
    status::write(own.open().as_fd(), &status.to_json(now(95_000))).unwrap();
}

fn addr(last: u8) -> UnicastAddr {
    UnicastAddr::new([192, 0, 2, last].into()).unwrap()
}

fn lease() -> Lease {
    let name = |text| DomainName::new(text).unwrap();
    let term = Term::Finite {
        acquired: at(100_000),
        renew_at: at(1_900_000),
        rebind_at: at(3_250_000),
        expires_at: at(3_700_500),
    };
    Lease {
        routers: [addr(1)].into_iter().collect(),
        routes: Route::new([10, 0, 0, 0].into(), PrefixLen::new(8).unwrap(), Some(addr(2))).into_iter().collect(),
        mtu: Mtu::new(1400),
        dns: [addr(53), addr(54)].into_iter().collect(),
        domain: Some(name("example.com")),
        ..Lease::bare(addr(9), PrefixLen::new(24).unwrap(), addr(1), term)
    }
}

fn link(name: &str, index: u32, progress: Option<Progress>, lease: Option<Lease>) -> LinkStatus {
    LinkStatus {
        name: InterfaceName::new(name).unwrap(),
        index: IfIndex::new(index).unwrap(),
        hardware: HardwareAddr([2, 0, 0, 0, 0, 7]),
        carrier: true,
        metric: 1000 + index,
        progress,
        lease,
        refused: None,
        conflict_detection: ConflictDetection::Background,
    }
}

/// A service with a leased interface, one that asks in vain, and one without a carrier.
fn busy() -> Status {
    let mut discards = Counters::default();
    for discard in [Discard::BadUdp, Discard::WrongXid, Discard::WrongXid] {
        discards.count(discard);
    }
    let progress = |phase, since, sent, naks, discards| {
        Some(Progress { phase, since: at(since), sent, naks, discards, contest: Contest::default() })
    };
    let none = Counters::default();
    let bound = link("eth0", 2, progress(Phase::Bound, 100_010, 1, 0, discards), Some(lease()));
    let asking = link("eth1", 3, progress(Phase::Selecting, 90_000, 4, 2, none), None);
    let asking = LinkStatus { refused: Some(Refusal::Kernel { errno: 17 }), ..asking };
    let dark = link("eth2", 4, progress(Phase::NoCarrier, 90_000, 0, 0, none), None);
    Status {
        mode: Mode::Service,
        started: at(90_000),
        restarts: 1,
        links: vec![bound, asking, LinkStatus { carrier: false, ..dark }],
        outcome: None,
        postures: Postures::default(),
    }
}

fn over() -> Status {
    let fate =
        Fate::Configured { address: Network { addr: addr(9), prefix: PrefixLen::new(24).unwrap() }, server: addr(1) };
    let links = vec![LinkFate { interface: "eth0".to_owned(), fate }];
    Status {
        mode: Mode::OneShot,
        restarts: 0,
        links: Vec::new(),
        outcome: Some(Achievement { outcome: Kind::Done, after_ms: 12, links }),
        ..busy()
    }
}

#[test]
fn the_document_has_what_a_program_needs() {
    let document = busy().document(now(220_000));
    let value: Value = serde_json::from_str(&document.to_json()).unwrap();
    for (what, pointer, want) in [
        ("schema", "/schema", json!(1)),
        ("daemon", "/daemon", json!("dhcp")),
        ("version", "/version", json!(env!("CARGO_PKG_VERSION"))),
        ("mode", "/mode", json!("service")),
        ("when written", "/written", json!({"boottime_ms": 220_000, "in_ms": 0, "utc": "2026-11-27T08:48:48.123Z"})),
        (
            "start, before that",
            "/started",
            json!({"boottime_ms": 90_000, "in_ms": -130_000, "utc": "2026-11-27T08:46:38.123Z"}),
        ),
        ("restarts", "/restarts", json!(1)),
        ("name", "/interfaces/0/name", json!("eth0")),
        ("hardware address", "/interfaces/0/hardware", json!("02:00:00:00:00:07")),
        ("phase", "/interfaces/0/phase", json!("bound")),
        ("since", "/interfaces/0/since/boottime_ms", json!(100_010)),
        ("discards that happened", "/interfaces/0/discards", json!({"bad-udp": 1, "wrong-xid": 2})),
        ("address", "/interfaces/0/lease/address", json!("192.0.2.9/24")),
        ("renewal ahead", "/interfaces/0/lease/renew/boottime_ms", json!(1_900_000)),
        ("and how far", "/interfaces/0/lease/renew/in_ms", json!(1_680_000)),
        ("end", "/interfaces/0/lease/expires/boottime_ms", json!(3_700_500)),
        ("and how far", "/interfaces/0/lease/expires/in_ms", json!(3_480_500)),
        ("routes", "/interfaces/0/lease/routes", json!(["10.0.0.0/8 via 192.0.2.2"])),
        ("MTU", "/interfaces/0/lease/mtu", json!(1400)),
        ("domain", "/interfaces/0/lease/domain", json!("example.com")),
        ("no lease", "/interfaces/1/lease", json!(null)),
        ("why not", "/interfaces/1/refused", json!("the kernel refused the lease (os error 17)")),
        ("no carrier", "/interfaces/2/carrier", json!(false)),
    ] {
        assert_eq!(value.pointer(pointer), Some(&want), "{what}");
    }
    assert_eq!(serde_json::from_str::<Document<Body>>(&document.to_json()).unwrap(), document);
}

#[test]
fn a_person_sees_each_interface_with_its_lease_and_its_trouble() {
    let document = busy().document(now(220_000));
    let want = format!(
        "orlop-dhcp {}, service: running for 3 min 10 s, started anew once

eth0: bound for 2 min 59 s (02:00:00:00:00:07, index 2, metric 1002)
  address    192.0.2.9/24 from 192.0.2.1
  lease      acquired 3 min 0 s ago, renews in 27 min 0 s, rebinds in 49 min 30 s, expires in 57 min 0 s
  routers    192.0.2.1
  routes     10.0.0.0/8 via 192.0.2.2
  dns        192.0.2.53, 192.0.2.54
  domain     example.com
  mtu        1400
  dropped    2 wrong-xid, 1 bad-udp

eth1: selecting for 3 min 10 s (02:00:00:00:00:07, index 3, metric 1003)
  sent       4 without an answer
  refused    2 times by a server
  not used   the kernel refused the lease (os error 17)

eth2: no-carrier for 3 min 10 s, no carrier (02:00:00:00:00:07, index 4, metric 1004)
",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(text::render(&document, &all(), Life::Running, at(280_000)), want);
}

#[test]
fn a_lease_for_ever_never_expires() {
    let mut status = busy();
    let term = Term::Infinite { acquired: at(100_000) };
    status.links = vec![link("eth0", 2, None, Some(Lease { term, ..lease() }))];
    let text = text::render(&status.document(now(220_000)), &all(), Life::Running, at(220_000));
    assert!(text.contains("lease      acquired 2 min 0 s ago, never expires\n"), "{text}");
}

#[test]
fn metrics_are_what_node_exporter_reads() {
    let text = busy().to_metrics();
    for line in [
        "# TYPE orlop_dhcp_restarts_total counter",
        "orlop_dhcp_restarts_total 1",
        "orlop_dhcp_leased{interface=\"eth0\"} 1",
        "orlop_dhcp_leased{interface=\"eth1\"} 0",
        "orlop_dhcp_carrier{interface=\"eth2\"} 0",
        "orlop_dhcp_phase{interface=\"eth1\",phase=\"selecting\"} 1",
        "orlop_dhcp_lease_expires_boottime_seconds{interface=\"eth0\"} 3700.5",
        "orlop_dhcp_naks_total{interface=\"eth1\"} 2",
        "orlop_dhcp_discards_total{interface=\"eth0\",reason=\"wrong-xid\"} 2",
        "orlop_dhcp_discards_total{interface=\"eth0\",reason=\"oversize\"} 0",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is missing:\n{text}");
    }
    assert!(!text.contains("exit_code"), "there is no outcome yet");
    assert!(over().to_metrics().contains("orlop_dhcp_oneshot_exit_code 0\n"));
}

#[test]
fn every_family_of_metrics_has_its_help_and_type_once_and_before_its_values() {
    let text = busy().to_metrics();
    let mut current = "";
    let mut seen = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            current = rest.split(' ').next().unwrap();
            assert!(!seen.contains(&current), "{line}");
            seen.push(current);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest.split(' ').next(), Some(current), "{line}");
        } else {
            let name = line.split(['{', ' ']).next();
            assert_eq!(name, Some(current), "{line}");
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(seen.len() > 6, "{text}");
}

#[test]
fn what_only_counts_is_no_news_and_an_outcome_is_the_last() {
    let mut counted = busy();
    let progress = counted.links.iter_mut().find_map(|link| link.progress.as_mut()).unwrap();
    progress.discards.count(Discard::WrongXid);
    progress.sent += 1;
    assert!(counted != busy() && counted.uncounted() == busy().uncounted());
    assert!(Status { restarts: 9, ..busy() }.uncounted() != busy().uncounted());
    assert!(over().is_last() && !busy().is_last());
}

#[test]
fn the_page_explains_every_field_and_no_other() {
    let mut full = busy();
    let name = |text| DomainName::new(text).unwrap();
    full.links.truncate(1);
    let lease = full.links[0].lease.as_mut().unwrap();
    lease.search = [name("example.com")].into_iter().collect();
    let network = Network { addr: addr(9), prefix: PrefixLen::new(24).unwrap() };
    let fates = [Fate::Configured { address: network, server: addr(1) }, Fate::Refused { why: "no".to_owned() }];
    let links = fates.map(|fate| LinkFate { interface: "eth0".to_owned(), fate }).into();
    full.outcome = Some(Achievement { outcome: Kind::Partly, after_ms: 12, links });
    let body = serde_json::to_string(&full.document(now(220_000)).body).unwrap();
    let fields = table::fields(&body, &["discards"]);
    assert_eq!(fields, table::rows(include_str!("../../../STATUS.md")));
}

#[test]
fn the_command_shows_what_is_there_and_says_when_nobody_is() {
    let own = Folder::new("show-own");
    let socket = own.0.join("control");
    let write = |status: &Status| write(&own, status);
    let shown = || show(&own.0, &socket, &View::default(), at(100_000)).unwrap();

    let missing = show(&own.0, &socket, &View::default(), at(1)).unwrap_err();
    assert_eq!((missing.exit, missing.problem.as_str()), (Exit::Unconfigured, "no DHCP daemon has been running here"));
    assert_eq!(show(&own.0.join("none"), &socket, &View::default(), at(1)).unwrap_err().exit, Exit::Unconfigured);

    write(&over());
    let Shown { text, end } = shown();
    assert_eq!(end, Ok(Exit::Done));
    assert!(text.contains("one-shot: over for 5 s"), "{text}");
    assert!(text.contains("\ndone in 0.012 s: eth0 has 192.0.2.9/24 from 192.0.2.1\n"), "{text}");

    write(&busy());
    drop(control::Bound::open(&socket).unwrap());
    let Shown { text, end } = shown();
    assert_eq!(end.map_err(|fatal| fatal.exit), Err(Exit::Unconfigured), "nobody listens");
    assert!(text.contains("service: ended, after this was written 5 s ago"), "{text}");

    let elsewhere = show(&own.0, &own.0.join("not bound/control"), &View::default(), at(100_000)).unwrap();
    assert_eq!(elsewhere.end, Ok(Exit::Done), "the folder of the socket is not bound: nobody can tell");
    assert!(elsewhere.text.contains("service: under way 5 s ago"), "{}", elsewhere.text);

    let _listening = control::Bound::open(&socket).unwrap();
    let Shown { text, end } = shown();
    assert_eq!(end, Ok(Exit::Done));
    assert!(text.contains("service: running for 10 s"), "{text}");
    let raw = std::fs::read_to_string(own.0.join(status::FILE)).unwrap();
    assert_eq!(
        show(&own.0, &socket, &View { json: true, ..View::default() }, at(100_000)).unwrap().text,
        raw,
        "JSON is shown as it is"
    );

    std::fs::write(own.0.join(status::FILE), "half a docu").unwrap();
    assert!(
        show(&own.0, &socket, &View::default(), at(1))
            .unwrap_err()
            .problem
            .ends_with("is not a status of this version")
    );
}

#[test]
fn a_run_that_failed_is_shown_with_its_exit_code() {
    let own = Folder::new("failed-own");
    let socket = own.0.join("control");
    let outcome = Achievement { outcome: Kind::NoInterface, after_ms: 5000, links: Vec::new() };
    let status = Status { outcome: Some(outcome), ..over() };
    write(&own, &status);
    let fatal = show(&own.0, &socket, &View::default(), at(100_000)).unwrap().end.unwrap_err();
    assert_eq!((fatal.exit, fatal.problem.as_str()), (Exit::Unconfigured, "no interface to configure after 5.000 s"));
}

#[test]
fn the_largest_status_is_smaller_than_what_is_read() {
    let longest = DomainName::new(&format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(61))).unwrap();
    let far = UnicastAddr::new([198, 151, 100, 200].into()).unwrap();
    let route = |n: u8| Route::new([200, 200, n, 0].into(), PrefixLen::new(24).unwrap(), Some(far));
    let big = Lease {
        routes: (0..99).filter_map(route).collect(),
        search: std::iter::repeat_n(longest, 99).collect(),
        dns: std::iter::repeat_n(far, 99).collect(),
        ntp: std::iter::repeat_n(far, 99).collect(),
        ..lease()
    };
    let links = (1..=128).map(|n| link(&format!("abcdefghijkl{n:03}"), n, None, Some(big.clone()))).collect();
    let text = Status { links, ..busy() }.to_json(now(1 << 40));
    assert!(text.len() < 2 * 1024 * 1024, "{} bytes", text.len());
}

#[test]
fn unanswered_messages_are_counted_only_while_something_is_asked() {
    let discards = Counters::default();
    for (phase, asks) in [
        (Phase::NoCarrier, false),
        (Phase::Init, true),
        (Phase::Selecting, true),
        (Phase::Requesting, true),
        (Phase::Rebooting, true),
        (Phase::Bound, false),
        (Phase::Renewing, true),
        (Phase::Rebinding, true),
        (Phase::Released, false),
    ] {
        let progress = Progress { phase, since: at(90_000), sent: 3, naks: 0, discards, contest: Contest::default() };
        let status = Status { links: vec![link("eth0", 2, Some(progress), None)], ..busy() };
        let text = text::render(&status.document(now(95_000)), &all(), Life::Running, at(95_000));
        assert_eq!(text.contains("sent       3 without an answer\n"), asks, "{phase}");
    }
    let progress =
        Progress { phase: Phase::Init, since: at(90_000), sent: 0, naks: 0, discards, contest: Contest::default() };
    let status = Status { links: vec![link("eth0", 2, Some(progress), None)], ..busy() };
    let text = text::render(&status.document(now(95_000)), &all(), Life::Running, at(95_000));
    assert!(!text.contains("without an answer"), "nothing has been sent yet: {text}");
}

#[test]
fn a_status_fits_a_screen_and_can_be_of_one_interface() {
    let links: Vec<LinkStatus> =
        ["eth0", "eth1"].iter().zip(2..).map(|(name, n)| link(name, n, None, Some(lease()))).collect();
    let document = Status { links, ..busy() }.document(now(95_000));
    let shown = |view: &View| text::render(&document, view, Life::Running, at(95_000));
    let one = |name| View { interface: InterfaceName::new(name), ..View::default() };
    for (what, view, wanted) in [
        ("all interfaces", View::default(), [true, true, false]),
        ("the first", one("eth0"), [true, false, false]),
        ("the second", one("eth1"), [false, true, false]),
    ] {
        let text = shown(&view);
        let found = ["\neth0: ", "\neth1: ", "\nsandbox\n"].map(|part| text.contains(part));
        assert_eq!(found, wanted, "{what}: {text}");
    }
    let text = shown(&one("eth0"));
    assert!(text.lines().count() <= 24, "{text}");

    let own = Folder::new("one-interface");
    write(&own, &busy());
    let missing = show(&own.0, &own.0.join("control"), &one("eth7"), at(100_000)).unwrap_err();
    assert_eq!(
        (missing.exit, missing.problem.as_str()),
        (Exit::Unconfigured, "the DHCP daemon does not look after eth7")
    );
}

#[test]
fn what_other_hosts_claim_is_told_to_people_and_counted() {
    let other = Some(HardwareAddr([2, 0, 0, 0, 0, 9]));
    let quiet = Contest { stage: Stage::Watching, ..Contest::default() };
    for (what, contest, lease, lines) in [
        ("nothing", quiet, Some(lease()), vec![]),
        ("asking in the background", Contest { stage: Stage::Probing, ..quiet }, Some(lease()), vec![]),
        (
            "asking before",
            Contest { stage: Stage::Probing, ..quiet },
            None,
            vec!["  conflict   asking whether another host has the address"],
        ),
        (
            "a conflict and defences",
            Contest { conflicts: 1, defences: 3, other, ..quiet },
            Some(lease()),
            vec![
                "  conflict   1 times another host had the address, last seen: 02:00:00:00:00:09",
                "  defended   3 times against another host, last seen: 02:00:00:00:00:09",
            ],
        ),
    ] {
        let progress = Progress {
            phase: Phase::Bound,
            since: at(90_000),
            sent: 2,
            naks: 0,
            discards: Counters::default(),
            contest,
        };
        let status = Status { links: vec![link("eth0", 2, Some(progress), lease.clone())], ..busy() };
        let text = text::render(&status.document(now(95_000)), &all(), Life::Running, at(95_000));
        let told = text.lines().filter(|line| line.starts_with("  conflict") || line.starts_with("  defended"));
        assert_eq!(told.collect::<Vec<_>>(), lines, "{what}");
        let metrics = status.to_metrics();
        for (name, count) in [("conflicts", contest.conflicts), ("defences", contest.defences)] {
            let line = format!("orlop_dhcp_address_{name}_total{{interface=\"eth0\"}} {count}\n");
            assert!(metrics.contains(&line), "{what}: {line}{metrics}");
        }
        let defended = Contest { defences: 9, other, ..contest };
        let later =
            Status { links: vec![link("eth0", 2, Some(Progress { contest: defended, ..progress }), lease)], ..busy() };
        assert!(later.uncounted() == status.uncounted(), "{what}: a neighbour's packets write no status at once");
    }
}
