//! The edges of the policy: the last request that is permitted and the first that is not, of each rule.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use core::time::Duration;

use orlop_dhcp_contract::{
    Ask, Contest, Counters, Denied, IfIndex, Lease, Phase, Policy, PrefixLen, Progress, Request, Term, Transmission,
    UnicastAddr, Withdrawal,
};
use orlop_machine::Instant;

fn at(secs: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(secs))
}

fn unicast(last: u8) -> UnicastAddr {
    UnicastAddr::new([10, 0, 0, last].into()).unwrap()
}

fn eth0() -> IfIndex {
    IfIndex::new(2).unwrap()
}

fn lease(addr: UnicastAddr, bits: u8, acquired: Instant) -> Lease {
    Lease::bare(addr, PrefixLen::new(bits).unwrap(), unicast(1), Term::Infinite { acquired })
}

fn send(ask: Ask) -> Request {
    Request::Transmit(Transmission { link: eth0(), xid: 7, secs: 1, broadcast: false, want_mtu: true, ask })
}

fn ours() -> Policy {
    let mut policy = Policy::new();
    policy.adopt(at(0), eth0(), None).unwrap();
    policy
}

fn decided(policy: &mut Policy, now: Instant, request: Request) -> Result<(), Denied> {
    // What is permitted is sent.
    policy.permit(now, request).map(|permitted| {
        if let Request::Transmit(transmission) = permitted.into_request() {
            policy.sent(now, &transmission);
        }
    })
}

fn configured(policy: &mut Policy, now: Instant, lease: Lease) -> Result<(), Denied> {
    decided(policy, now, Request::Configure { link: eth0(), lease })
}

#[test]
fn a_lease_is_as_wide_and_as_old_as_allowed_and_no_more() {
    let age = Policy::MAX_AGE.as_secs();
    for (what, bits, acquired, want) in [
        ("the widest network there is", 8, 200, Ok(())),
        ("one bit wider", 7, 200, Err(Denied::BadPrefix)),
        ("as old as an answer can be", 24, 200 - age, Ok(())),
        ("a second older", 24, 199 - age, Err(Denied::BadTerm)),
        ("a second from now", 24, 201, Err(Denied::BadTerm)),
    ] {
        let mut policy = ours();
        decided(&mut policy, at(200), send(Ask::Reboot { requested: unicast(9) })).unwrap();
        assert_eq!(configured(&mut policy, at(200), lease(unicast(9), bits, at(acquired))), want, "{what}");
    }
}

#[test]
fn a_request_is_answered_within_the_age_of_a_lease_however_young_that_is_said_to_be() {
    let age = Policy::MAX_AGE.as_secs();
    for (what, answered, want) in
        [("as late as an answer can be", 200 + age, Ok(())), ("a second later", 201 + age, Err(Denied::NotAsked))]
    {
        let mut policy = ours();
        decided(&mut policy, at(200), send(Ask::Reboot { requested: unicast(9) })).unwrap();
        assert_eq!(configured(&mut policy, at(answered), lease(unicast(9), 24, at(answered))), want, "{what}");
    }
}

#[test]
fn what_is_permitted_again_and_again_is_slowed_down() {
    let progress = Progress {
        phase: Phase::Init,
        since: at(0),
        sent: 0,
        naks: 0,
        discards: Counters::default(),
        contest: Contest::default(),
    };
    let mut policy = ours();
    for n in 0..Policy::REPORT_BURST {
        assert_eq!(decided(&mut policy, at(0), Request::Report { link: eth0(), progress }), Ok(()), "{n}");
    }
    let report = || Request::Report { link: eth0(), progress };
    assert_eq!(decided(&mut policy, at(0), report()), Err(Denied::TooOften));
    assert_eq!(decided(&mut policy, at(0).after(Policy::REPORT_EVERY), report()), Ok(()), "an interval later");

    // A message is a lease's only way in, so that its own limit must not be the one that is met.
    let mut policy = ours();
    let ask = send(Ask::Reboot { requested: unicast(9) });
    for n in 0..Policy::CONFIGURE_BURST {
        assert_eq!(decided(&mut policy, at(0), ask.clone()), Ok(()), "{n}");
        assert_eq!(configured(&mut policy, at(0), lease(unicast(9), 24, at(0))), Ok(()), "{n}");
    }
    assert_eq!(decided(&mut policy, at(0), ask), Ok(()));
    assert_eq!(configured(&mut policy, at(0), lease(unicast(9), 24, at(0))), Err(Denied::TooOften));
    let later = at(0).after(Policy::CONFIGURE_EVERY);
    assert_eq!(
        configured(&mut policy, later, lease(unicast(9), 24, at(0))),
        Ok(()),
        "still awaited, an interval later"
    );
}

#[test]
fn denials_on_our_links_are_counted_apart_from_those_on_others() {
    let withdraw = |link| Request::Deconfigure { link, why: Withdrawal::Nak };
    let stranger = IfIndex::new(3).unwrap();
    let mut policy = ours();
    for n in 0..Policy::DENIAL_BURST {
        assert_eq!(decided(&mut policy, at(0), withdraw(eth0())), Err(Denied::NothingInForce), "{n}");
        assert_eq!(decided(&mut policy, at(0), withdraw(stranger)), Err(Denied::UnknownLink), "{n}");
    }
    assert_eq!(decided(&mut policy, at(0), withdraw(eth0())), Err(Denied::TooManyDenials));
    assert_eq!(decided(&mut policy, at(0), withdraw(stranger)), Err(Denied::UnknownLink), "there are more of these");
    let later = at(0).after(Policy::DENIAL_EVERY);
    assert_eq!(decided(&mut policy, later, withdraw(eth0())), Err(Denied::NothingInForce), "one more, later");
}

#[test]
fn release_and_renewal_change_what_may_be_configured() {
    let (nine, server) = (unicast(9), unicast(1));
    for (what, ask, want) in [
        ("renewed, perhaps with another address", Ask::Renew { ciaddr: nine, server }, Ok(())),
        ("rebound, perhaps with another address", Ask::Rebind { ciaddr: nine }, Ok(())),
        ("given back", Ask::Release { ciaddr: nine, server }, Err(Denied::NotAsked)),
    ] {
        let mut policy = ours();
        policy.applied(eth0(), &lease(nine, 24, at(0)));
        assert_eq!(decided(&mut policy, at(1), send(ask)), Ok(()), "{what}");
        assert_eq!(configured(&mut policy, at(1), lease(unicast(8), 24, at(1))), want, "{what}");
    }
}
