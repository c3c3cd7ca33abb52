use orlop_dhcp_contract::{PrefixLen, Term, UnicastAddr};
use orlop_sandbox::fatal::Exit;

use super::*;

const LIMITS: Limits = Limits {
    started: Instant::from_nanos(1_000_000_000),
    deadline: Duration::from_secs(10),
    carrier_wait: Duration::from_secs(5),
};

fn lease() -> Lease {
    let addr = |last| UnicastAddr::new([192, 0, 2, last].into()).unwrap();
    Lease::bare(addr(9), PrefixLen::new(24).unwrap(), addr(1), Term::Infinite { acquired: LIMITS.started })
}

/// Milliseconds after the start.
fn at(ms: u64) -> Instant {
    LIMITS.started.after(Duration::from_millis(ms))
}

/// A link in words, set up at the start unless the words are followed by `@MILLISECONDS`.
fn link<'a>(name: &'a str, words: &str, lease: &'a Lease) -> Standing<'a> {
    let (words, since) = words.split_once('@').map_or((words, 0), |(words, ms)| (words, ms.parse().unwrap()));
    let plain = Standing {
        name,
        since: at(since),
        carrier: true,
        lease: None,
        confirmed: false,
        refused: None,
        naks: 0,
        unusable: None,
        absent: false,
    };
    match words {
        "absent" => Standing::absent(name, at(0)),
        "dark" => Standing { carrier: false, ..plain },
        "asking" => plain,
        "leased" => Standing { lease: Some(lease), confirmed: true, ..plain },
        "leased, then dark" => Standing { lease: Some(lease), confirmed: true, carrier: false, ..plain },
        "kept" => Standing { lease: Some(lease), ..plain },
        "offered but not applied" => Standing { confirmed: true, ..plain },
        "denied" => Standing { refused: Some(Refusal::Policy), ..plain },
        "unusable" => Standing { unusable: Some((orlop_dhcp_contract::Discard::BadLeaseTime, 4)), ..plain },
        "naked" => Standing { naks: 3, ..plain },
        other => panic!("{other}"),
    }
}

#[test]
fn a_run_ends_when_nothing_more_can_be_expected() {
    let wait = Err;
    for (what, links, now, want) in [
        ("no interface yet", &[][..], 0, wait(5000)),
        ("no interface for long", &[], 5000, Ok(Kind::NoInterface)),
        ("one asking", &["asking"], 9999, wait(10_000)),
        ("nobody answered", &["asking"], 10_000, Ok(Kind::NoServer)),
        ("one leased", &["leased"], 12, Ok(Kind::Done)),
        ("lost its carrier after that", &["leased, then dark"], 12, Ok(Kind::Done)),
        ("granted, but not yet in force", &["offered but not applied"], 12, wait(10_000)),
        ("one leased, one settling", &["leased", "dark"], 12, wait(500)),
        ("one leased, one settled dark", &["leased", "dark"], 500, Ok(Kind::Done)),
        ("one leased, one appeared just now", &["leased", "dark@400"], 600, wait(900)),
        ("one leased, one asking", &["leased", "asking"], 600, wait(10_000)),
        ("one leased, one never answered", &["leased", "asking"], 10_000, Ok(Kind::Partly)),
        ("all dark", &["dark", "dark"], 4999, wait(5000)),
        ("all dark for long", &["dark", "dark"], 5000, Ok(Kind::NoCarrier)),
        ("a late dark one", &["dark", "dark@3000"], 5000, wait(8000)),
        ("a very late dark one is cut by the deadline", &["dark@9000"], 9500, wait(10_000)),
        ("dark until the deadline", &["dark@9000"], 10_000, Ok(Kind::NoCarrier)),
        ("one dark, one unanswered", &["dark", "asking"], 10_000, Ok(Kind::NoServer)),
        ("an old lease, unconfirmed so far", &["kept"], 9999, wait(10_000)),
        ("an old lease that nobody confirmed", &["kept"], 10_000, Ok(Kind::Partly)),
        ("a denied lease may be followed by a better one", &["denied"], 9999, wait(10_000)),
        ("only denied leases", &["denied"], 10_000, Ok(Kind::Refused)),
        ("only refusals", &["naked"], 10_000, Ok(Kind::Refused)),
        ("one refused, one unanswered", &["naked", "asking"], 10_000, Ok(Kind::Refused)),
        ("unusable answers may be followed by a better one", &["unusable"], 9999, wait(10_000)),
        ("only unusable answers", &["unusable"], 10_000, Ok(Kind::Refused)),
        ("one leased, one refused", &["leased", "naked"], 10_000, Ok(Kind::Partly)),
        ("one leased, one not there yet", &["leased", "absent"], 12, wait(500)),
        ("one leased, one not there", &["leased", "absent"], 500, Ok(Kind::Partly)),
        ("the only one is not there yet", &["absent"], 4999, wait(5000)),
        ("the only one is not there", &["absent"], 5000, Ok(Kind::NoInterface)),
        ("one is not there, one dark", &["absent", "dark"], 5000, Ok(Kind::NoCarrier)),
        ("one is not there, one unanswered", &["absent", "asking"], 10_000, Ok(Kind::NoServer)),
        ("one is not there, one refused", &["absent", "naked"], 10_000, Ok(Kind::Refused)),
    ] {
        let lease = lease();
        let links: Vec<Standing<'_>> = links.iter().map(|words| link("eth0", words, &lease)).collect();
        let got = match judge(&links, LIMITS, at(now)) {
            Verdict::Wait(until) => Err(u64::try_from(until.since(LIMITS.started).as_millis()).unwrap()),
            Verdict::Ended(outcome) => Ok(outcome.outcome),
        };
        assert_eq!(got, want, "{what}");
    }
}

#[test]
fn a_run_never_waits_for_a_moment_that_has_passed() {
    let lease = lease();
    let words = ["absent", "dark", "asking", "leased", "kept", "denied", "naked", "dark@7000", "leased@7000"];
    for first in words {
        for second in words {
            for ms in (0..12_000).step_by(250) {
                let links = [link("eth0", first, &lease), link("eth1", second, &lease)];
                if let Verdict::Wait(until) = judge(&links, LIMITS, at(ms)) {
                    assert!(at(ms) < until && until <= at(10_000), "{first}, {second} at {ms}");
                }
            }
        }
    }
}

#[test]
fn each_outcome_is_one_line_a_code_and_a_help() {
    for (links, after, exit, line) in [
        (
            &[("eth0", "leased"), ("eth1", "dark")][..],
            512,
            Exit::Done,
            "done in 0.512 s: eth0 has 192.0.2.9/24 from 192.0.2.1; eth1 has no carrier",
        ),
        (
            &[("eth0", "leased"), ("eth1", "asking")],
            10_000,
            Exit::Partly,
            "only partly done after 10.000 s: eth0 has 192.0.2.9/24 from 192.0.2.1; nobody answered on eth1",
        ),
        (
            &[("eth0", "leased"), ("eth7", "absent")],
            512,
            Exit::Partly,
            "only partly done after 0.512 s: eth0 has 192.0.2.9/24 from 192.0.2.1; there is no eth7",
        ),
        (
            &[("eth7", "absent"), ("eth8", "absent")],
            5000,
            Exit::Unconfigured,
            "no interface to configure after 5.000 s: there is no eth7; there is no eth8",
        ),
        (
            &[("eth0", "kept")],
            10_000,
            Exit::Partly,
            "only partly done after 10.000 s: eth0 keeps 192.0.2.9/24, which no server confirmed",
        ),
        (&[], 5000, Exit::Unconfigured, "no interface to configure after 5.000 s"),
        (&[("eth0", "dark")], 5000, Exit::Unconfigured, "no carrier after 5.000 s: eth0 has no carrier"),
        (&[("eth0", "asking")], 10_000, Exit::Unconfigured, "no DHCP server after 10.000 s: nobody answered on eth0"),
        (
            &[("eth0", "naked")],
            10_000,
            Exit::Refused,
            "no usable lease after 10.000 s: eth0: servers refused the address 3 times",
        ),
        (
            &[("eth0", "unusable")],
            10_000,
            Exit::Refused,
            "no usable lease after 10.000 s: eth0: answers could not be used, 4 of them for bad-lease-time; --log debug shows them",
        ),
        (
            &[("eth0", "denied")],
            10_000,
            Exit::Refused,
            "no usable lease after 10.000 s: eth0: the lease is not one that may be applied",
        ),
    ] {
        let lease = lease();
        let links: Vec<Standing<'_>> = links.iter().map(|(name, words)| link(name, words, &lease)).collect();
        let Verdict::Ended(outcome) = judge(&links, LIMITS, at(after)) else { panic!("{line}") };
        assert_eq!((outcome.to_string().as_str(), outcome.exit()), (line, exit));
        match outcome.into_result() {
            Ok(_) => assert_eq!(exit, Exit::Done, "{line}"),
            Err(fatal) => assert!(fatal.exit == exit && fatal.problem == line && fatal.help.is_some(), "{line}"),
        }
    }
}

#[test]
fn an_outcome_of_many_links_still_fits_a_log_line() {
    let lease = lease();
    let names: Vec<String> = (0..128).map(|n| format!("abcdefghijkl{n:03}")).collect();
    let links: Vec<Standing<'_>> = names.iter().map(|name| link(name, "leased", &lease)).collect();
    let line = achieved(&links, Duration::from_secs(3)).to_string();
    assert!(line.len() < 900 && line.ends_with("; and 116 more"), "{line}");
}

#[test]
fn an_outcome_can_be_read_by_a_program() {
    let lease = lease();
    let links = [link("eth0", "leased", &lease), link("eth1", "naked", &lease), link("eth2", "dark", &lease)];
    let outcome = achieved(&links, Duration::from_millis(12));
    let json = "{\"outcome\":\"partly\",\"after_ms\":12,\"links\":[\
        {\"interface\":\"eth0\",\"state\":\"configured\",\"address\":\"192.0.2.9/24\",\"server\":\"192.0.2.1\"},\
        {\"interface\":\"eth1\",\"state\":\"refused\",\"why\":\"servers refused the address 3 times\"},\
        {\"interface\":\"eth2\",\"state\":\"no-carrier\"}]}";
    assert_eq!(outcome.to_json(), json);
    assert_eq!(serde_json::from_str::<Achievement>(json).unwrap(), outcome);
}
