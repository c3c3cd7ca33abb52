//! A broker that takes its time over sockets, or has none for a while.

use std::time::Duration;

use orlop_machine::{Instant, Machine as _, Seed};
use orlop_resolver_contract::{Conduct, ServerAddr, UpstreamId, Upstreams};
use orlop_resolver_core::resolver::{Action, Asker, ClientId, Event, Heard, Resolver, SocketId};

use crate::message::{A, Message};

/// A machine that knows so many servers, whose broker does what the test says.
struct Broker {
    resolver: Resolver,
    now: Instant,
}

impl Broker {
    fn new(servers: u8) -> Self {
        let mut broker = Self {
            resolver: Resolver::new(Seed::from_bytes([7; 32]), Conduct::default()),
            now: Instant::from_nanos(0).after(Duration::from_secs(100)),
        };
        let servers = (1..=servers).map(|last| ServerAddr::new([198, 51, 100, last].into(), 53).unwrap());
        broker.happens(Event::Upstreams(Upstreams::choose(servers, |_| false)));
        broker
    }

    fn happens(&mut self, event: Event) -> Vec<Action> {
        self.resolver.handle(self.now, event)
    }

    /// A client asks for this.
    fn ask(&mut self, text: &str) -> Vec<Action> {
        let asker = Asker { client: ClientId(1), port: 4000, udp_limit: Some(1232) };
        let query = Message::query(text, A).bytes();
        let heard = self.resolver.query(self.now, asker, &query, &mut Vec::new());
        let Heard::Open(actions) = heard else { panic!("{heard:?}") };
        actions
    }

    /// So many milliseconds go by.
    fn run(&mut self, millis: u64) -> Vec<Action> {
        let end = self.now.after(Duration::from_millis(millis));
        let mut actions = Vec::new();
        while let Some(due) = self.resolver.deadline().filter(|due| *due <= end) {
            self.now = due;
            actions.extend(self.happens(Event::Deadline));
        }
        self.now = end;
        actions
    }

    fn grant(&mut self, upstream: u8, sockets: std::ops::Range<u32>) -> Vec<Action> {
        self.happens(Event::Pool { upstream: number(upstream), sockets: sockets.map(SocketId).collect() })
    }
}

fn number(upstream: u8) -> UpstreamId {
    UpstreamId::new(upstream).unwrap()
}

/// The sockets that something is sent through.
fn sent(actions: &[Action]) -> Vec<u32> {
    let socket = |action: &Action| if let Action::Send { socket, .. } = action { Some(socket.0) } else { None };
    actions.iter().filter_map(socket).collect()
}

fn refilled(actions: &[Action]) -> Vec<(UpstreamId, usize)> {
    let refill = |action: &Action| {
        if let Action::Refill { upstream, count } = action { Some((*upstream, *count)) } else { None }
    };
    actions.iter().filter_map(refill).collect()
}

#[test]
fn a_question_that_waits_for_a_socket_is_sent_once_when_it_comes() {
    let mut broker = Broker::new(1);
    assert_eq!(sent(&broker.ask("a.example")), []);
    assert_eq!(sent(&broker.run(4_000)), []);
    assert_eq!(sent(&broker.grant(0, 0..64)).len(), 1);
}

#[test]
fn while_sockets_of_one_server_are_awaited_another_one_that_had_none_is_asked_again() {
    let mut broker = Broker::new(2);
    broker.ask("a.example");
    broker.happens(Event::NoPool { upstream: number(1) });
    let later = broker.run(2_300);
    assert_eq!(refilled(&later).first().map(|(upstream, _)| *upstream), Some(number(1)));
    assert_eq!(sent(&broker.grant(1, 0..64)).len(), 1);
}

#[test]
fn a_question_that_waits_for_sockets_fails_when_none_can_be_had() {
    let mut broker = Broker::new(1);
    broker.ask("a.example");
    let actions = broker.happens(Event::NoPool { upstream: number(0) });
    assert!(matches!(actions[..], [Action::Answer { client: ClientId(1), .. }]), "{actions:?}");
}

#[test]
fn when_one_server_has_no_sockets_those_of_the_other_are_still_awaited() {
    let mut broker = Broker::new(2);
    broker.ask("a.example");
    broker.happens(Event::NoPool { upstream: number(1) });
    assert_eq!(sent(&broker.grant(0, 0..64)).len(), 1);
}

#[test]
fn a_question_is_put_again_when_its_server_s_sockets_are_back() {
    let mut broker = Broker::new(1);
    broker.grant(0, 0..1);
    assert_eq!(sent(&broker.ask("a.example")), [0]);
    broker.happens(Event::NoPool { upstream: number(0) });
    assert_eq!(sent(&broker.run(500)), [], "there is none");
    broker.run(2_000);
    assert_eq!(sent(&broker.grant(0, 1..64)).len(), 1);
}
