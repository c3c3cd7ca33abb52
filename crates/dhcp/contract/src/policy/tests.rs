use proptest::prelude::*;

use super::*;
use crate::{Counters, Phase, PrefixLen, Progress, Withdrawal};

fn at(secs: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(secs))
}

fn unicast(last: u8) -> UnicastAddr {
    UnicastAddr::new([192, 0, 2, last].into()).unwrap()
}

fn eth0() -> IfIndex {
    IfIndex::new(2).unwrap()
}

fn lease(addr: UnicastAddr, from: Instant) -> Lease {
    let after = |secs| from.after(Duration::from_secs(secs));
    Lease::bare(
        addr,
        PrefixLen::new(24).unwrap(),
        unicast(1),
        Term::Finite { acquired: from, renew_at: after(30), rebind_at: after(50), expires_at: after(60) },
    )
}

fn send(ask: Ask) -> Request {
    Request::Transmit(Transmission { link: eth0(), xid: 7, secs: 1, broadcast: false, ask })
}

fn configure(lease: &Lease) -> Request {
    Request::Configure { link: eth0(), lease: lease.clone() }
}

fn ours(in_force: Option<&Lease>) -> Policy {
    let mut policy = Policy::new();
    policy.adopt(at(0), eth0(), in_force).unwrap();
    policy
}

fn verdict(policy: &mut Policy, now: Instant, request: Request) -> Result<(), Denied> {
    policy.permit(now, request.clone()).map(|permitted| assert_eq!(permitted.into_request(), request))
}

#[test]
fn a_lease_needs_a_request_that_it_can_answer() {
    let nine = unicast(9);
    let discover = |rapid_commit| Ask::Discover { requested: None, rapid_commit };
    let select = Ask::Select { requested: nine, server: unicast(1) };
    for (what, asks, leased, want) in [
        ("nothing asked", vec![], nine, Err(Denied::NotAsked)),
        ("only discovered", vec![discover(false)], nine, Err(Denied::NotAsked)),
        ("discovered with rapid commit", vec![discover(true)], nine, Ok(())),
        ("requested", vec![discover(false), select], nine, Ok(())),
        ("requested another", vec![discover(false), select], unicast(8), Err(Denied::NotAsked)),
        ("rebooted, server chose another", vec![Ask::Reboot { requested: nine }], unicast(8), Ok(())),
        (
            "declined since",
            vec![select, Ask::Decline { requested: nine, server: unicast(1) }],
            nine,
            Err(Denied::NotAsked),
        ),
    ] {
        let mut policy = ours(None);
        for ask in asks {
            assert_eq!(verdict(&mut policy, at(1), send(ask)), Ok(()), "{what}: {ask:?}");
        }
        assert_eq!(verdict(&mut policy, at(2), configure(&lease(leased, at(1)))), want, "{what}");
    }
}

#[test]
fn one_request_is_answered_by_one_lease() {
    let mut policy = ours(None);
    let select = Ask::Select { requested: unicast(9), server: unicast(1) };
    assert_eq!(verdict(&mut policy, at(1), send(select)), Ok(()));
    assert_eq!(verdict(&mut policy, at(1), configure(&lease(unicast(9), at(1)))), Ok(()));
    assert_eq!(verdict(&mut policy, at(1), configure(&lease(unicast(9), at(1)))), Err(Denied::NotAsked));
}

#[test]
fn only_the_address_in_force_is_renewed_and_only_with_its_server() {
    let (nine, server, other) = (unicast(9), unicast(1), unicast(66));
    for (what, ask, want) in [
        ("renew", Ask::Renew { ciaddr: nine, server }, Ok(())),
        ("rebind", Ask::Rebind { ciaddr: nine }, Ok(())),
        ("release", Ask::Release { ciaddr: nine, server }, Ok(())),
        ("renew of another address", Ask::Renew { ciaddr: other, server }, Err(Denied::NotOurLease)),
        ("renew sent to a third host", Ask::Renew { ciaddr: nine, server: other }, Err(Denied::NotOurLease)),
        ("rebind of another address", Ask::Rebind { ciaddr: other }, Err(Denied::NotOurLease)),
        ("release sent to a third host", Ask::Release { ciaddr: nine, server: other }, Err(Denied::NotOurLease)),
    ] {
        let held = lease(nine, at(0));
        assert_eq!(verdict(&mut ours(Some(&held)), at(1), send(ask)), want, "{what}");
        assert_eq!(verdict(&mut ours(None), at(1), send(ask)), Err(Denied::NotOurLease), "{what}, nothing in force");
    }
}

#[test]
fn a_lease_that_makes_no_sense_is_refused() {
    let good = lease(unicast(9), at(10));
    let with = |change: fn(&mut Lease)| {
        let mut lease = good.clone();
        change(&mut lease);
        lease
    };
    for (what, lease, want) in [
        ("good", good.clone(), Ok(())),
        ("half the Internet on the link", with(|l| l.prefix = PrefixLen::new(7).unwrap()), Err(Denied::BadPrefix)),
        ("broadcast address as host", with(|l| l.addr = unicast(255)), Err(Denied::BadPrefix)),
        ("single host", with(|l| l.prefix = PrefixLen::HOST), Ok(())),
        ("from the future", lease(unicast(9), at(11)), Err(Denied::BadTerm)),
        (
            "expired",
            with(|l| l.term = Term::Finite { acquired: at(9), renew_at: at(9), rebind_at: at(9), expires_at: at(10) }),
            Err(Denied::BadTerm),
        ),
        (
            "out of order",
            with(|l| {
                l.term = Term::Finite { acquired: at(10), renew_at: at(40), rebind_at: at(30), expires_at: at(50) }
            }),
            Err(Denied::BadTerm),
        ),
        ("for ever", with(|l| l.term = Term::Infinite { acquired: at(10) }), Ok(())),
    ] {
        let mut policy = ours(None);
        verdict(&mut policy, at(10), send(Ask::Reboot { requested: unicast(9) })).unwrap();
        assert_eq!(verdict(&mut policy, at(10), configure(&lease)), want, "{what}");
    }
}

#[test]
fn an_old_answer_is_no_answer() {
    let mut policy = ours(None);
    verdict(&mut policy, at(1), send(Ask::Reboot { requested: unicast(9) })).unwrap();
    let mut old = lease(unicast(9), at(1));
    old.term = Term::Infinite { acquired: at(1) };
    assert_eq!(verdict(&mut policy, at(1000), configure(&old)), Err(Denied::BadTerm));
}

#[test]
fn nothing_is_permitted_on_a_link_that_is_not_ours() {
    let progress = Progress { phase: Phase::Init, since: at(0), sent: 0, naks: 0, discards: Counters::default() };
    let held = lease(unicast(9), at(0));
    for request in [
        send(Ask::Discover { requested: None, rapid_commit: true }),
        configure(&held),
        Request::Deconfigure { link: eth0(), why: Withdrawal::Nak },
        Request::Report { link: eth0(), progress },
    ] {
        assert_eq!(verdict(&mut Policy::new(), at(1), request.clone()), Err(Denied::UnknownLink), "never ours");
        let mut policy = ours(Some(&held));
        policy.forget(eth0());
        assert_eq!(verdict(&mut policy, at(1), request), Err(Denied::UnknownLink), "gone");
    }
}

#[test]
fn withdrawing_needs_something_in_force() {
    let withdraw = || Request::Deconfigure { link: eth0(), why: Withdrawal::Released };
    let mut policy = ours(None);
    assert_eq!(verdict(&mut policy, at(1), withdraw()), Err(Denied::NothingInForce));
    policy.applied(eth0(), &lease(unicast(9), at(0)));
    assert_eq!(verdict(&mut policy, at(1), withdraw()), Ok(()));
    policy.withdrawn(eth0());
    assert_eq!(verdict(&mut policy, at(1), withdraw()), Err(Denied::NothingInForce));
}

#[test]
fn a_message_without_secs_is_refused() {
    let ask = Ask::Discover { requested: None, rapid_commit: false };
    let zero = Request::Transmit(Transmission { link: eth0(), xid: 7, secs: 0, broadcast: false, ask });
    assert_eq!(verdict(&mut ours(None), at(1), zero), Err(Denied::ZeroSecs));
}

#[test]
fn a_talkative_worker_is_slowed_and_then_no_longer_trusted() {
    let mut policy = ours(None);
    let outcomes: Vec<_> = (0..Policy::MESSAGE_BURST + Policy::DENIAL_BURST + 1)
        .map(|_| verdict(&mut policy, at(0), send(Ask::Reboot { requested: unicast(9) })))
        .collect();
    let (burst, rest) = outcomes.split_at(Policy::MESSAGE_BURST as usize);
    assert!(burst.iter().all(Result::is_ok));
    let (last, slowed) = rest.split_last().unwrap();
    assert!(slowed.iter().all(|outcome| *outcome == Err(Denied::TooOften)));
    assert_eq!(*last, Err(Denied::TooManyDenials));
}

#[test]
fn a_link_may_go_while_requests_are_on_their_way_but_nobody_asks_for_strange_ones_for_ever() {
    let stray = || Request::Deconfigure { link: eth0(), why: Withdrawal::Nak };
    let mut policy = Policy::new();
    for _ in 0..Policy::STRAY_BURST {
        assert_eq!(verdict(&mut policy, at(1), stray()), Err(Denied::UnknownLink));
    }
    assert_eq!(verdict(&mut policy, at(1), stray()), Err(Denied::TooManyDenials));
    assert_eq!(verdict(&mut policy, at(2), stray()), Err(Denied::UnknownLink), "a second later");
}

#[test]
fn one_more_link_than_the_limit_is_not_adopted() {
    let mut policy = Policy::new();
    for index in 1..=u32::try_from(MAX_LINKS).unwrap() {
        assert_eq!(policy.adopt(at(0), IfIndex::new(index).unwrap(), None), Ok(()));
    }
    assert_eq!(policy.adopt(at(0), IfIndex::new(9999).unwrap(), None), Err(Denied::TooManyLinks));
    assert_eq!(policy.adopt(at(0), IfIndex::new(1).unwrap(), None), Ok(()), "one we have already");
}

proptest! {
    #[test]
    fn no_order_of_requests_beats_the_message_limit(steps in prop::collection::vec((0_u64..3_000, any::<bool>()), 1..300)) {
        let mut policy = ours(None);
        let (mut now, mut sent) = (at(0), 0_u32);
        for (wait, reboot) in steps {
            now = now.after(Duration::from_millis(wait));
            let ask = if reboot { Ask::Reboot { requested: unicast(9) } } else { Ask::Discover { requested: None, rapid_commit: true } };
            sent += u32::from(policy.permit(now, send(ask)).is_ok());
        }
        let earned = now.since(at(0)).as_millis() / Policy::MESSAGE_EVERY.as_millis();
        prop_assert!(u128::from(sent) <= u128::from(Policy::MESSAGE_BURST) + earned);
    }
}
