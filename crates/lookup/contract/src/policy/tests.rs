use orlop_wire::{Bounded, HostAddr};

use super::*;
use crate::{Counters, Failure, Lifetime, MAX_NAMES, Place, ServerId, Transport};

fn at(millis: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_millis(millis))
}

fn name(number: u8) -> NameId {
    NameId::new(number).unwrap()
}

fn connect(id: u8, server: u8) -> Request {
    Request::Connect(Place { id: name(id), server: ServerId::new(server).unwrap(), transport: Transport::Udp })
}

fn found(id: u8, addresses: &[&str]) -> Request {
    let addresses = addresses.iter().map(|addr| HostAddr::new(addr.parse().unwrap()).unwrap()).collect();
    Request::Found { id: name(id), addresses, lifetime: Lifetime::MIN }
}

/// Of two servers and of the names 0 and 1.
fn policy() -> Policy {
    let mut policy = Policy::new(at(0));
    policy.servers(ServerCount::new(2).unwrap());
    policy.ask(name(0));
    policy.ask(name(1));
    policy
}

#[test]
fn only_what_was_asked_is_answered_and_only_known_servers_are_spoken_to() {
    let failed = |id| Request::Failed { id: name(id), why: Failure::Unanswered };
    for (what, request, want) in [
        ("a socket", connect(0, 0), Ok(())),
        ("to the last server", connect(1, 1), Ok(())),
        ("to one more", connect(0, 2), Err(Denied::UnknownServer)),
        ("for a name nobody wants", connect(2, 0), Err(Denied::NotAsked)),
        ("addresses", found(0, &["192.0.2.1"]), Ok(())),
        ("none", found(0, &[]), Err(Denied::NothingFound)),
        ("of a name nobody wants", found(2, &["192.0.2.1"]), Err(Denied::NotAsked)),
        ("no answer", failed(1), Ok(())),
        ("none for a name nobody wants", failed(2), Err(Denied::NotAsked)),
    ] {
        let permitted = policy().permit(at(0), request.clone()).map(Permitted::into_request);
        assert_eq!(permitted, want.map(|()| request), "{what}");
    }
}

#[test]
fn a_new_policy_permits_nothing() {
    assert_eq!(Policy::new(at(0)).permit(at(0), connect(0, 0)), Err(Denied::UnknownServer));
    let mut no_names = Policy::new(at(0));
    no_names.servers(ServerCount::new(3).unwrap());
    assert_eq!(no_names.permit(at(0), connect(0, 0)), Err(Denied::NotAsked));
}

#[test]
fn what_is_forgotten_and_servers_that_are_gone_count_no_more() {
    let mut policy = policy();
    policy.forget(name(1));
    assert_eq!(policy.permit(at(0), found(1, &["192.0.2.1"])), Err(Denied::NotAsked));
    policy.servers(ServerCount::new(1).unwrap());
    assert_eq!(policy.permit(at(0), connect(0, 1)), Err(Denied::UnknownServer));
}

#[test]
fn each_kind_of_request_has_its_rate() {
    for (what, request, burst, every) in [
        ("sockets", connect(0, 0), Policy::CONNECT_BURST, Policy::CONNECT_EVERY),
        ("addresses", found(0, &["192.0.2.1"]), Policy::RESULT_BURST, Policy::RESULT_EVERY),
        (
            "failures",
            Request::Failed { id: name(0), why: Failure::NoSuchName },
            Policy::RESULT_BURST,
            Policy::RESULT_EVERY,
        ),
        ("discards", Request::Discards(Counters::default()), Policy::RESULT_BURST, Policy::RESULT_EVERY),
    ] {
        let mut policy = policy();
        for _ in 0..burst {
            assert!(policy.permit(at(0), request.clone()).is_ok(), "{what}");
        }
        assert_eq!(policy.permit(at(0), request.clone()), Err(Denied::TooOften), "{what}");
        assert!(policy.permit(at(0).after(every), request.clone()).is_ok(), "{what}, later");
    }
}

#[test]
fn other_servers_can_be_asked_at_once() {
    let mut policy = policy();
    let sockets = |policy: &mut Policy| (0..400).filter(|_| policy.permit(at(0), connect(0, 0)).is_ok()).count();
    assert_eq!([sockets(&mut policy), sockets(&mut policy)], [320, 0]);
    policy.servers(ServerCount::new(2).unwrap());
    assert_eq!([sockets(&mut policy), sockets(&mut policy)], [320, 0]);
}

#[test]
fn a_worker_that_is_denied_too_much_is_not_ours() {
    let mut policy = policy();
    for _ in 0..Policy::DENIAL_BURST {
        assert_eq!(policy.permit(at(0), connect(0, 2)), Err(Denied::UnknownServer));
    }
    assert_eq!(policy.permit(at(0), connect(0, 2)), Err(Denied::TooManyDenials));
    assert_eq!(policy.permit(at(1_000), connect(0, 2)), Err(Denied::UnknownServer), "one comes back with time");
}

#[test]
fn all_names_can_ask_all_servers_at_once() {
    let mut policy = Policy::new(at(0));
    policy.servers(ServerCount::new(3).unwrap());
    NameId::all().for_each(|id| policy.ask(id));
    for transport in [Transport::Udp, Transport::Tcp] {
        for (id, server) in NameId::all().flat_map(|id| ServerId::all().map(move |server| (id, server))) {
            assert!(policy.permit(at(0), Request::Connect(Place { id, server, transport })).is_ok());
        }
    }
    let addresses: Bounded<HostAddr, 16> = found_addresses();
    for id in NameId::all() {
        let found = Request::Found { id, addresses: addresses.clone(), lifetime: Lifetime::MAX };
        assert!(policy.permit(at(0), found).is_ok(), "{id} of {MAX_NAMES}");
    }
}

fn found_addresses() -> Bounded<HostAddr, 16> {
    (1..=16).map(|last| HostAddr::new([192, 0, 2, last].into()).unwrap()).collect()
}
