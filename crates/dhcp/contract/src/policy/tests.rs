use proptest::prelude::*;

use super::*;
use crate::{
    Arp, Ask, Contest, Counters, HardwareAddr, Phase, PrefixLen, Progress, ServerRule, Term, UnicastAddr, Withdrawal,
};

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
    Request::Transmit(Transmission { link: eth0(), xid: 7, secs: 1, broadcast: false, want_mtu: true, ask })
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
    policy.permit(now, request.clone()).map(|permitted| {
        assert_eq!(permitted.into_request(), request);
        if let Request::Transmit(transmission) = &request {
            policy.sent(now, transmission);
        }
    })
}

fn select(last: u8, server: u8) -> Request {
    send(Ask::Select { requested: unicast(last), server: unicast(server) })
}

fn decline(last: u8, server: u8) -> Request {
    send(Ask::Decline { requested: unicast(last), server: unicast(server) })
}

fn lease_from(server: u8, addr: u8, from: Instant) -> Lease {
    Lease { server: unicast(server), ..lease(unicast(addr), from) }
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
        ("discovered anew since", vec![select, discover(false)], nine, Err(Denied::NotAsked)),
    ] {
        let mut policy = ours(None);
        for ask in asks {
            assert_eq!(verdict(&mut policy, at(1), send(ask)), Ok(()), "{what}: {ask:?}");
        }
        assert_eq!(verdict(&mut policy, at(2), configure(&lease(leased, at(1)))), want, "{what}");
    }
}

#[test]
fn a_lease_of_a_server_that_the_operator_refuses_is_denied_whatever_the_worker_says() {
    let rule = |allow: &str, deny: &str| ServerRule {
        allow: allow.parse().into_iter().collect(),
        deny: deny.parse().into_iter().collect(),
    };
    for (what, rule, server, want) in [
        ("no rule", rule("", ""), 66, Ok(())),
        ("denied", rule("", "192.0.2.66"), 66, Err(Denied::DeniedServer)),
        ("another is denied", rule("", "192.0.2.66"), 1, Ok(())),
        ("not allowed", rule("192.0.2.1", ""), 66, Err(Denied::DeniedServer)),
        ("allowed", rule("192.0.2.1", ""), 1, Ok(())),
    ] {
        let mut policy = ours(None);
        policy.restrict(eth0(), rule);
        assert_eq!(verdict(&mut policy, at(1), select(9, server)), Ok(()), "{what}");
        assert_eq!(verdict(&mut policy, at(2), configure(&lease_from(server, 9, at(1)))), want, "{what}");
    }
    // A rule for a link that is not ours is for nobody.
    let mut policy = ours(None);
    policy.restrict(IfIndex::new(9).unwrap(), rule("", "192.0.2.1"));
    assert_eq!(verdict(&mut policy, at(1), select(9, 1)), Ok(()));
    assert_eq!(verdict(&mut policy, at(2), configure(&lease_from(1, 9, at(1)))), Ok(()));
}

#[test]
fn a_lease_answers_only_what_has_left_this_host_and_only_soon() {
    for (what, sent, secs, want) in [
        ("sent", true, 2, Ok(())),
        ("sent long ago", true, 132, Err(Denied::NotAsked)),
        ("permitted and not sent", false, 2, Err(Denied::NotAsked)),
    ] {
        for (ask, name) in [
            (Ask::Select { requested: unicast(9), server: unicast(1) }, "select"),
            (Ask::Reboot { requested: unicast(9) }, "reboot"),
            (Ask::Discover { requested: None, rapid_commit: true }, "rapid commit"),
            (Ask::Rebind { ciaddr: unicast(9) }, "rebind"),
        ] {
            let mut policy = ours(Some(&lease(unicast(9), at(0))));
            let Request::Transmit(transmission) = send(ask) else { panic!("a message") };
            let _permitted = policy.permit(at(1), Request::Transmit(transmission)).unwrap();
            if sent {
                policy.sent(at(1), &transmission);
            }
            let answer = configure(&lease(unicast(9), at(secs - 1)));
            assert_eq!(verdict(&mut policy, at(secs), answer), want, "{name}, {what}");
        }
    }
}

#[test]
fn a_server_that_was_not_asked_by_its_name_is_new_once_in_ten_minutes() {
    let any = [
        ("rapid commit", Ask::Discover { requested: None, rapid_commit: true }),
        ("reboot", Ask::Reboot { requested: unicast(9) }),
        ("renewal", Ask::Renew { ciaddr: unicast(9), server: unicast(1) }),
        ("rebinding", Ask::Rebind { ciaddr: unicast(9) }),
        ("select of another", Ask::Select { requested: unicast(9), server: unicast(1) }),
    ];
    for (what, ask) in any {
        let mut policy = ours(Some(&lease(unicast(9), at(0))));
        let mut leased = |secs, server| {
            verdict(&mut policy, at(secs), send(ask)).unwrap();
            verdict(&mut policy, at(secs), configure(&lease_from(server, 9, at(secs))))
        };
        assert_eq!(leased(2, 1), Ok(()), "{what}: the one of the lease in force");
        assert_eq!(leased(4, 2), Ok(()), "{what}: a first");
        assert_eq!(leased(6, 3), Err(Denied::NewServer), "{what}: a second");
        assert_eq!(leased(8, 2), Ok(()), "{what}: not new any more");
        assert_eq!(leased(600, 3), Err(Denied::NewServer), "{what}: too soon");
        assert_eq!(leased(604, 3), Ok(()), "{what}: ten minutes later");
    }
}

#[test]
fn a_server_that_was_asked_by_its_name_is_its_own_witness_and_not_for_long() {
    let mut policy = ours(None);
    let mut leased = |secs, server| {
        verdict(&mut policy, at(secs), select(9, server)).unwrap();
        verdict(&mut policy, at(secs), configure(&lease_from(server, 9, at(secs))))
    };
    let burst = u8::try_from(Policy::NEW_SERVER_BURST).unwrap();
    let all: Vec<_> = (1..=burst + 2).map(|server| leased(2 * u64::from(server), server).is_ok()).collect();
    assert_eq!(all.iter().filter(|ok| **ok).count(), usize::from(burst));
    for known in 0..u8::try_from(Policy::KNOWN_SERVERS).unwrap() {
        assert_eq!(leased(30, burst - known), Ok(()), "one of the latest");
    }
    assert_eq!(leased(40, 1), Err(Denied::NewServer), "one that is forgotten is new again");
    assert_eq!(leased(100, 200), Ok(()), "a minute later");
    // Where it is refused, the request that any server may answer is no way around it.
    verdict(&mut policy, at(101), send(Ask::Reboot { requested: unicast(9) })).unwrap();
    assert_eq!(
        verdict(&mut policy, at(101), configure(&lease_from(201, 9, at(101)))),
        Ok(()),
        "the one in ten minutes"
    );
}

/// What happened before.
type Before<'b> = &'b dyn Fn(&mut Policy);

#[test]
fn only_the_address_of_a_lease_that_is_not_in_force_is_declined_once() {
    let not = Err(Denied::NotConfigured);
    let asked = |policy: &mut Policy| verdict(policy, at(1), select(9, 1)).unwrap();
    let configured = |policy: &mut Policy| {
        asked(policy);
        verdict(policy, at(1), configure(&lease(unicast(9), at(1)))).unwrap();
    };
    let declined = |policy: &mut Policy| {
        configured(policy);
        verdict(policy, at(1), decline(9, 1)).unwrap();
    };
    let in_force = |policy: &mut Policy| {
        configured(policy);
        policy.applied(eth0(), &lease(unicast(9), at(1)));
    };
    let refused = |policy: &mut Policy| {
        asked(policy);
        let bad = Lease { prefix: PrefixLen::new(7).unwrap(), ..lease(unicast(9), at(1)) };
        verdict(policy, at(1), configure(&bad)).unwrap_err();
    };
    let cases: [(&str, Before<'_>, Request, Result<(), Denied>); 8] = [
        ("nothing was ever leased", &|_| {}, decline(9, 1), not),
        ("only asked for", &asked, decline(9, 1), not),
        ("a lease that the policy denied", &refused, decline(9, 1), not),
        ("a lease that could not be put in force", &configured, decline(9, 1), Ok(())),
        ("another address", &configured, decline(8, 1), not),
        ("another server", &configured, decline(9, 2), not),
        ("twice", &declined, decline(9, 1), not),
        ("an address in force", &in_force, decline(9, 1), not),
    ];
    for (what, before, request, want) in cases {
        let mut policy = ours(None);
        before(&mut policy);
        assert_eq!(verdict(&mut policy, at(2), request), want, "{what}");
    }
}

#[test]
fn conflicts_without_end_are_declined_ten_times_and_then_once_a_minute() {
    let mut policy = ours(None);
    let mut said = 0;
    for secs in (10..3_610).step_by(10) {
        verdict(&mut policy, at(secs), select(9, 1)).unwrap();
        verdict(&mut policy, at(secs), configure(&lease(unicast(9), at(secs)))).unwrap();
        said += u32::from(verdict(&mut policy, at(secs), decline(9, 1)).is_ok());
    }
    assert!((65..=70).contains(&said), "{said} in an hour");
}

#[test]
fn what_was_given_back_is_not_renewed_and_not_given_back_again() {
    let (nine, server) = (unicast(9), unicast(1));
    let held = lease(nine, at(0));
    for (what, ask) in [
        ("renewed", Ask::Renew { ciaddr: nine, server }),
        ("rebound", Ask::Rebind { ciaddr: nine }),
        ("released", Ask::Release { ciaddr: nine, server }),
    ] {
        let mut policy = ours(Some(&held));
        assert_eq!(verdict(&mut policy, at(1), send(Ask::Release { ciaddr: nine, server })), Ok(()), "{what}");
        assert_eq!(verdict(&mut policy, at(2), send(ask)), Err(Denied::NotOurLease), "{what}");
        policy.applied(eth0(), &held);
        assert_eq!(verdict(&mut policy, at(3), send(ask)), Ok(()), "{what}, after another lease");
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
    let progress = Progress {
        phase: Phase::Init,
        since: at(0),
        sent: 0,
        naks: 0,
        discards: Counters::default(),
        contest: Contest::default(),
    };
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
    let zero = Request::Transmit(Transmission { link: eth0(), xid: 7, secs: 0, broadcast: false, want_mtu: true, ask });
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

/// A step of a worker that an attacker owns: after how many milliseconds it asks for what, and whether the broker can do it.
type Step = (u64, u8, u8, u8, bool);

/// Plays a hostile worker against the policy and keeps its own books of what was really done.
fn hostile(steps: &[Step]) {
    let mut policy = ours(None);
    let (mut now, mut in_force): (Instant, Option<(UnicastAddr, UnicastAddr)>) = (at(0), None);
    let (mut hosts, mut declines): (Vec<UnicastAddr>, u128) = (Vec::new(), 0);
    let (mut named, mut refused) = (None, None);
    let (mut watched, mut arps) = (None, 0_u128);
    let defence = Arp::Defend { against: HardwareAddr([6; 6]) };
    for (wait, what, addr, server, works) in steps.iter().copied() {
        now = now.after(Duration::from_millis(wait));
        let (addr, server) = (unicast(9 + addr % 3), unicast(100 + server % 24));
        let request = match what % 12 {
            0 => send(Ask::Discover { requested: None, rapid_commit: addr == unicast(9) }),
            1 => send(Ask::Select { requested: addr, server }),
            2 => send(Ask::Reboot { requested: addr }),
            3 => send(Ask::Renew { ciaddr: addr, server }),
            4 => send(Ask::Rebind { ciaddr: addr }),
            5 => send(Ask::Release { ciaddr: addr, server }),
            6 => send(Ask::Decline { requested: addr, server }),
            7 => Request::Deconfigure { link: eth0(), why: Withdrawal::Nak },
            9 => {
                Request::Arp { link: eth0(), packet: [Arp::Probe, Arp::Announce, defence][usize::from(what / 12 % 3)] }
            }
            10 => Request::Probed { link: eth0(), finding: Finding::Taken { by: HardwareAddr([6; 6]) } },
            11 => Request::Probed { link: eth0(), finding: Finding::Free },
            _ => configure(&Lease { server, ..lease(addr, now) }),
        };
        let Ok(permitted) = policy.permit(now, request) else { continue };
        match permitted.into_request() {
            Request::Transmit(message) => {
                match message.ask {
                    Ask::Renew { ciaddr, server } | Ask::Release { ciaddr, server } => {
                        assert_eq!(in_force, Some((ciaddr, server)), "a packet to a host that leased nothing");
                        if works && !hosts.contains(&server) {
                            hosts.push(server);
                        }
                    }
                    Ask::Decline { requested, server } => {
                        assert_eq!(refused, Some((requested, server)), "declined what was never to be put in force");
                        declines += u128::from(works);
                    }
                    Ask::Rebind { ciaddr } => assert_eq!(in_force.map(|(addr, _)| addr), Some(ciaddr)),
                    Ask::Discover { .. } | Ask::Select { .. } | Ask::Reboot { .. } => {}
                }
                if works {
                    policy.sent(now, &message);
                    named = if let Ask::Select { requested, server } = message.ask {
                        Some((requested, server))
                    } else {
                        None
                    };
                    if matches!(message.ask, Ask::Decline { .. }) {
                        refused = None;
                    }
                }
            }
            Request::Configure { link, lease } => {
                assert!(named.is_none_or(|(addr, _)| addr == lease.addr), "an address that was not asked for");
                let held = (lease.addr, lease.server);
                refused = (!works).then_some(held);
                if works {
                    policy.applied(link, &lease);
                    in_force = Some(held);
                }
                // The broker has the worker listen to ARP for most of what it puts in force or holds back.
                if wait % 4 != 0 {
                    policy.watched(now, link, &lease);
                    watched = Some((held, now));
                }
            }
            Request::Deconfigure { link, .. } => {
                policy.withdrawn(link);
                in_force = None;
            }
            Request::Report { .. } => {}
            Request::Arp { packet, link: _ } => {
                let about = watched.map(|(held, _)| held);
                let claimed = in_force.is_some_and(|held| about.is_some_and(|(addr, _)| addr == held.0));
                assert!(claimed || (packet == Arp::Probe && refused == about), "ARP about an address that is not ours");
                arps += 1;
            }
            Request::Probed { finding: Finding::Free, link: _ } => {
                assert!(watched.is_some(), "found something that nobody looked for");
            }
            Request::Probed { finding: Finding::Taken { .. }, link: _ } => {
                let (held, since) = watched.take().unwrap();
                let late = now.since(since) > Policy::PROBE_WINDOW;
                assert!(!late || in_force.is_none_or(|(addr, _)| addr != held.0), "unplugged long after the probes");
                refused = Some(in_force.filter(|(addr, _)| *addr == held.0).unwrap_or(held));
            }
        }
    }
    let time = now.since(at(0));
    let earned = |burst: u32, every: Duration| u128::from(burst) + time.as_millis() / every.as_millis();
    let new = earned(Policy::NEW_SERVER_BURST, Policy::NEW_SERVER_EVERY)
        + earned(Policy::UNASKED_SERVER_BURST, Policy::UNASKED_SERVER_EVERY);
    assert!(hosts.len() as u128 <= new, "packets to {} hosts in {time:?}", hosts.len());
    let arp = earned(Policy::PROBE_BURST, timing::PROBE_MIN)
        + earned(Policy::ANNOUNCE_BURST, timing::ANNOUNCE_INTERVAL)
        + earned(Policy::DEFEND_BURST, timing::DEFEND_INTERVAL);
    assert!(arps <= arp, "{arps} ARP packets in {time:?}");
    assert!(declines <= earned(Policy::DECLINE_BURST, Policy::DECLINE_EVERY), "{declines} declines in {time:?}");
}

#[test]
fn a_hostile_worker_that_knows_the_rules_reaches_as_many_hosts_as_they_say() {
    // Its best: name a server, have it bound, and renew there; and so on, as fast as messages may be sent.
    let round = |server| [(1_500, 1, 0, server, true), (0, 8, 0, server, true), (1_500, 3, 0, server, true)];
    hostile(&(0..24).flat_map(round).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn no_hostile_worker_beats_the_rules(
        steps in prop::collection::vec((0_u64..6_000, any::<u8>(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.8)), 1..400),
    ) {
        hostile(&steps);
    }

    #[test]
    fn no_hostile_worker_beats_the_rules_with_requests_that_fit_together(
        rounds in prop::collection::vec((0_u64..3_000, 0_u8..3, 0_u8..24, any::<bool>(), prop::sample::select(vec![3_u8, 5, 6])), 1..80),
    ) {
        let round = |(wait, addr, server, works, then)| {
            [(wait, 1, addr, server, true), (0, 8, addr, server, works), (wait, then, addr, server, true)]
        };
        hostile(&rounds.into_iter().flat_map(round).collect::<Vec<_>>());
    }

    #[test]
    fn no_order_of_requests_beats_the_message_limit(steps in prop::collection::vec((0_u64..3_000, any::<bool>()), 1..300)) {
        let mut policy = ours(None);
        let (mut now, mut sent) = (at(0), 0_u32);
        for (wait, reboot) in steps {
            now = now.after(Duration::from_millis(wait));
            let ask = if reboot { Ask::Reboot { requested: unicast(9) } } else { Ask::Discover { requested: None, rapid_commit: true } };
            sent += u32::from(verdict(&mut policy, now, send(ask)).is_ok());
        }
        let earned = now.since(at(0)).as_millis() / Policy::MESSAGE_EVERY.as_millis();
        prop_assert!(u128::from(sent) <= u128::from(Policy::MESSAGE_BURST) + earned);
    }
}
