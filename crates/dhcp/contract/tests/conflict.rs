//! What the policy lets a worker do about other hosts that may have our address (RFC 5227).
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use core::time::Duration;

use orlop_dhcp_contract::{
    Arp, Ask, Contest, Denied, Finding, HardwareAddr, IfIndex, Lease, Policy, PrefixLen, Request, Stage, Term,
    Transmission, UnicastAddr, Withdrawal, timing,
};
use orlop_machine::Instant;

const OTHER: HardwareAddr = HardwareAddr([2, 0, 0, 0, 0, 9]);
const DEFEND: Arp = Arp::Defend { against: OTHER };
const TAKEN: Finding = Finding::Taken { by: OTHER };

fn at(secs: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(secs))
}

fn unicast(last: u8) -> UnicastAddr {
    UnicastAddr::new([192, 0, 2, last].into()).unwrap()
}

fn eth0() -> IfIndex {
    IfIndex::new(2).unwrap()
}

fn lease(last: u8) -> Lease {
    Lease::bare(unicast(last), PrefixLen::new(24).unwrap(), unicast(1), Term::Infinite { acquired: at(0) })
}

fn decided(policy: &mut Policy, now: Instant, request: Request) -> Result<(), Denied> {
    policy.permit(now, request).map(|permitted| {
        if let Request::Transmit(transmission) = permitted.into_request() {
            policy.sent(now, &transmission);
        }
    })
}

fn sent(policy: &mut Policy, now: Instant, packet: Arp) -> Result<(), Denied> {
    decided(policy, now, Request::Arp { link: eth0(), packet })
}

fn probed(policy: &mut Policy, now: Instant, finding: Finding) -> Result<(), Denied> {
    decided(policy, now, Request::Probed { link: eth0(), finding })
}

fn declined(policy: &mut Policy, now: Instant, last: u8, server: u8) -> Result<(), Denied> {
    let ask = Ask::Decline { requested: unicast(last), server: unicast(server) };
    let message = Transmission { link: eth0(), xid: 7, secs: 1, broadcast: false, want_mtu: false, ask };
    decided(policy, now, Request::Transmit(message))
}

/// A lease of .9 that was asked for and permitted.
fn permitted() -> Policy {
    let mut policy = Policy::new();
    policy.adopt(at(0), eth0(), None).unwrap();
    let ask = Ask::Select { requested: unicast(9), server: unicast(1) };
    let message = Transmission { link: eth0(), xid: 7, secs: 1, broadcast: false, want_mtu: false, ask };
    decided(&mut policy, at(0), Request::Transmit(message)).unwrap();
    decided(&mut policy, at(0), Request::Configure { link: eth0(), lease: lease(9) }).unwrap();
    policy
}

/// One that waits for its probes.
fn waiting() -> Policy {
    let mut policy = permitted();
    policy.watched(at(0), eth0(), &lease(9));
    policy
}

/// One that is in force, and watched.
fn in_force() -> Policy {
    let mut policy = permitted();
    policy.applied(eth0(), &lease(9));
    policy.watched(at(0), eth0(), &lease(9));
    policy
}

#[test]
fn an_address_is_spoken_of_only_while_it_is_watched_and_claimed_only_while_it_is_in_force() {
    let none = Err(Denied::NotWatched);
    let unwatched = || {
        let mut policy = permitted();
        policy.applied(eth0(), &lease(9));
        policy
    };
    let withdrawn = || {
        let mut policy = in_force();
        policy.withdrawn(eth0());
        policy
    };
    let replaced = || {
        let mut policy = in_force();
        policy.applied(eth0(), &lease(8));
        policy
    };
    for (what, policy, want) in [
        ("not watched", unwatched as fn() -> Policy, [none, none, none]),
        ("waiting", waiting, [Ok(()), none, none]),
        ("in force", in_force, [Ok(()), Ok(()), Ok(())]),
        ("found free", || probed_free(in_force()), [none, Ok(()), Ok(())]),
        ("withdrawn", withdrawn, [none, none, none]),
        ("another in force", replaced, [none, none, none]),
    ] {
        let got = [Arp::Probe, Arp::Announce, DEFEND].map(|packet| sent(&mut policy(), at(6), packet));
        assert_eq!(got, want, "{what}");
    }
    let mut policy = probed_free(waiting());
    assert_eq!(sent(&mut policy, at(6), Arp::Announce), none, "free, and not in force yet");
    policy.applied(eth0(), &lease(9));
    assert_eq!(sent(&mut policy, at(6), Arp::Announce), Ok(()), "and then in force");
    let stranger = IfIndex::new(3).unwrap();
    policy.watched(at(6), stranger, &lease(9));
    let asked = decided(&mut policy, at(6), Request::Arp { link: stranger, packet: Arp::Probe });
    assert_eq!(asked, Err(Denied::UnknownLink));
}

fn probed_free(mut policy: Policy) -> Policy {
    probed(&mut policy, at(5), Finding::Free).unwrap();
    policy
}

#[test]
fn each_packet_is_sent_as_often_as_the_standard_wants_and_no_more() {
    for (packet, burst, every) in [
        (Arp::Probe, Policy::PROBE_BURST, timing::PROBE_MIN),
        (Arp::Announce, Policy::ANNOUNCE_BURST, timing::ANNOUNCE_INTERVAL),
        (DEFEND, Policy::DEFEND_BURST, timing::DEFEND_INTERVAL),
    ] {
        let mut policy = in_force();
        for n in 0..burst {
            assert_eq!(sent(&mut policy, at(0), packet), Ok(()), "{packet:?} {n}");
        }
        assert_eq!(sent(&mut policy, at(0), packet), Err(Denied::TooOften), "{packet:?}");
        // Watched anew, as after another lease.
        policy.watched(at(0), eth0(), &lease(9));
        assert_eq!(sent(&mut policy, at(0), packet), Err(Denied::TooOften), "{packet:?}");
        assert_eq!(sent(&mut policy, at(0).after(every), packet), Ok(()), "{packet:?}, later");
    }
}

#[test]
fn the_lease_in_force_is_declined_once_and_only_when_its_address_was_found_taken_in_time() {
    let window = Policy::PROBE_WINDOW.as_secs();
    for (what, since, want) in
        [("at once", 0, true), ("at the last moment", window, true), ("too late", window + 1, false)]
    {
        let mut policy = in_force();
        let answer = if want { Ok(()) } else { Err(Denied::NotWatched) };
        assert_eq!(declined(&mut policy, at(0), 9, 1), Err(Denied::NotConfigured), "{what}: not found taken");
        assert_eq!(probed(&mut policy, at(since), TAKEN), answer, "{what}");
        assert_eq!(declined(&mut policy, at(since), 9, 2), Err(Denied::NotConfigured), "{what}: another server");
        assert_eq!(declined(&mut policy, at(since), 8, 1), Err(Denied::NotConfigured), "{what}: another address");
        assert_eq!(declined(&mut policy, at(since), 9, 1).is_ok(), want, "{what}");
        assert_eq!(declined(&mut policy, at(since), 9, 1), Err(Denied::NotConfigured), "{what}: again");
        assert_eq!(probed(&mut policy, at(since), TAKEN), Err(Denied::NotWatched), "{what}: found again");
    }
    let mut policy = probed_free(in_force());
    assert_eq!(probed(&mut policy, at(6), TAKEN), Err(Denied::NotWatched), "found free before");
    assert_eq!(probed(&mut policy, at(6), Finding::Free), Err(Denied::NotWatched), "found twice");
    assert_eq!(declined(&mut policy, at(6), 9, 1), Err(Denied::NotConfigured));
}

/// Its server may give the address to others from then on.
#[test]
fn a_lease_that_is_declined_is_held_no_longer() {
    let renewed = |policy: &mut Policy| {
        let ask = Ask::Renew { ciaddr: unicast(9), server: unicast(1) };
        let message = Transmission { link: eth0(), xid: 7, secs: 1, broadcast: false, want_mtu: false, ask };
        decided(policy, at(2), Request::Transmit(message))
    };
    let mut policy = in_force();
    assert_eq!(renewed(&mut policy), Ok(()));
    probed(&mut policy, at(1), TAKEN).unwrap();
    assert_eq!(renewed(&mut policy), Ok(()), "found taken, and not declined yet");
    declined(&mut policy, at(1), 9, 1).unwrap();
    assert!(renewed(&mut policy).is_err());
}

#[test]
fn a_lease_that_waits_may_be_found_taken_at_any_time_and_withdrawn() {
    let mut policy = waiting();
    assert_eq!(probed(&mut policy, at(1000), TAKEN), Ok(()), "the machine slept");
    assert_eq!(declined(&mut policy, at(1000), 9, 1), Ok(()));
    let withdraw = || Request::Deconfigure { link: eth0(), why: Withdrawal::Released };
    assert_eq!(decided(&mut policy, at(1000), withdraw()), Err(Denied::NothingInForce), "declined");
    assert_eq!(decided(&mut waiting(), at(1), withdraw()), Ok(()), "it waits");
    assert_eq!(decided(&mut permitted(), at(1), withdraw()), Err(Denied::NothingInForce), "it was not put in force");
}

#[test]
fn the_name_of_another_host_alone_is_no_news() {
    let before = Contest { stage: Stage::Watching, conflicts: 1, defences: 2, other: None };
    for (what, now, news) in [
        ("the same", before, false),
        ("another host", Contest { other: Some(OTHER), ..before }, false),
        ("another stage", Contest { stage: Stage::Probing, ..before }, true),
        ("a conflict", Contest { conflicts: 2, ..before }, true),
        ("a defence", Contest { defences: 3, ..before }, true),
    ] {
        assert_eq!(now.is_news_after(&before), news, "{what}");
    }
    assert_eq!([Stage::Off, Stage::Probing, Stage::Watching].map(Stage::name), ["off", "probing", "watching"]);
}
