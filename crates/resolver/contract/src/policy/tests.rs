use core::net::IpAddr;

use orlop_wire::Bounded;

use super::*;
use crate::{Kept, Queried, ServerAddr, SocketCount, Status, StreamId, UpstreamId, Way, Why};

fn at(millis: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_millis(millis))
}

/// A policy that knows one server.
fn policy() -> Policy {
    let mut policy = Policy::new(at(0));
    let server = ServerAddr::new(IpAddr::from([192, 0, 2, 1]), 53);
    policy.upstreams(&Upstreams::choose(server, |_| false));
    policy
}

fn refill(upstream: u8, count: u8) -> Request {
    Request::Refill { upstream: UpstreamId::new(upstream).unwrap(), count: SocketCount::new(count).unwrap() }
}

fn connect(upstream: u8) -> Request {
    Request::Connect { upstream: UpstreamId::new(upstream).unwrap(), stream: StreamId(7) }
}

fn queried(order: u8) -> Request {
    let answer = Queried {
        rcode: 0,
        extended_error: None,
        asked: None,
        took: Duration::ZERO,
        records: Bounded::new(),
        is_cut: false,
    };
    Request::Queried { order: OrderId::new(order).unwrap(), answer }
}

#[test]
fn only_servers_that_are_known_are_spoken_to() {
    let mut policy = policy();
    for (what, request, want) in [
        ("sockets to the server", refill(0, 64), Ok(())),
        ("a stream to the server", connect(0), Ok(())),
        ("sockets to another", refill(1, 1), Err(Denied::UnknownUpstream)),
        ("a stream to another", connect(1), Err(Denied::UnknownUpstream)),
    ] {
        let permitted = policy.permit(at(0), request.clone());
        assert_eq!(permitted.map(|permitted| assert_eq!(permitted.into_request(), request)), want, "{what}");
    }
    policy.upstreams(&Upstreams::none());
    assert_eq!(policy.permit(at(1), refill(0, 1)), Err(Denied::UnknownUpstream), "it is gone");
}

#[test]
fn sockets_come_by_the_pool_and_then_as_fast_as_a_processor_asks() {
    let mut policy = policy();
    for _ in 0..Policy::SOCKET_BURST / 64 {
        assert!(policy.permit(at(0), refill(0, 64)).is_ok());
    }
    assert_eq!(policy.permit(at(0), refill(0, 1)), Err(Denied::TooOften));
    assert!(policy.permit(at(1), refill(0, 40)).is_ok(), "forty each millisecond");
    assert_eq!(policy.permit(at(1), refill(0, 1)), Err(Denied::TooOften));
}

#[test]
fn streams_come_by_the_burst_and_then_one_each_millisecond() {
    let mut policy = policy();
    for _ in 0..Policy::STREAM_BURST {
        assert!(policy.permit(at(0), connect(0)).is_ok());
    }
    let later: Vec<bool> = [0, 1, 1].map(|t| policy.permit(at(t), connect(0)).is_ok()).to_vec();
    assert_eq!(later, [false, true, false]);
}

#[test]
fn only_what_was_asked_is_answered_and_once() {
    let mut policy = policy();
    let report = || Request::Report(Status::default());
    assert_eq!(policy.permit(at(0), report()), Err(Denied::NotAsked));
    assert_eq!(policy.permit(at(0), queried(1)), Err(Denied::NotAsked));
    policy.ask_report();
    policy.ask(OrderId::new(1).unwrap());
    assert_eq!(policy.permit(at(0), queried(2)), Err(Denied::NotAsked), "another order");
    assert!(policy.permit(at(0), report()).is_ok());
    assert!(policy.permit(at(0), queried(1)).is_ok());
    assert_eq!(policy.permit(at(0), report()), Err(Denied::NotAsked), "once more");
    assert_eq!(policy.permit(at(0), queried(1)), Err(Denied::NotAsked), "once more");
}

#[test]
fn what_the_operator_wonders_about_is_explained_once() {
    let mut policy = policy();
    let explained = || {
        let why = Why { kept: Kept::Nothing, way: Way::General, servers: Bounded::new() };
        Request::Explained { order: OrderId::new(3).unwrap(), why }
    };
    assert_eq!(policy.permit(at(0), explained()), Err(Denied::NotAsked));
    policy.ask(OrderId::new(3).unwrap());
    assert!(policy.permit(at(0), explained()).is_ok());
    assert_eq!(policy.permit(at(0), explained()), Err(Denied::NotAsked), "once more");
}

#[test]
fn who_is_denied_too_often_is_not_ours() {
    let mut policy = policy();
    for _ in 0..Policy::DENIAL_BURST {
        assert_eq!(policy.permit(at(0), connect(1)), Err(Denied::UnknownUpstream));
    }
    assert_eq!(policy.permit(at(0), connect(1)), Err(Denied::TooManyDenials));
    assert_eq!(policy.permit(at(1000), connect(1)), Err(Denied::UnknownUpstream), "one more each second");
}
