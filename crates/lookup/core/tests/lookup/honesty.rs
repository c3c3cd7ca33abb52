//! An honest worker and its broker's policy: it is never denied anything, however bad the network is.

use std::collections::VecDeque;
use std::time::Duration;

use orlop_lookup_contract::{NameId, Place, Policy, Request, ServerCount, Transport};
use orlop_lookup_core::{Action, Event, Lookups};
use orlop_machine::{Instant, Machine as _, Seed};
use orlop_wire::DomainName;

use crate::message::{Message, name};
use crate::script::questions;

/// What becomes of everything that is asked for.
#[derive(Debug, Clone, Copy)]
enum Network {
    /// No socket can be had.
    Unreachable,
    /// Nobody answers.
    Silent,
    /// Nobody listens.
    Refusing,
    /// Servers answer with this flag and code, by UDP alone.
    Answering(u16),
}

#[test]
fn an_honest_worker_is_never_denied() {
    for network in [
        Network::Unreachable,
        Network::Silent,
        Network::Refusing,
        Network::Answering(0x8182),
        Network::Answering(0x8183),
        Network::Answering(0x8180),
        Network::Answering(0x8380),
    ] {
        let (sockets, results) = ten_minutes(network);
        assert!(sockets >= 32 && results >= 32, "{network:?}: {sockets} sockets, {results} results");
    }
}

/// As many names at as many servers as there can be. Says how many sockets and results there were.
fn ten_minutes(network: Network) -> (usize, usize) {
    let start = Instant::from_nanos(1);
    let end = start.after(Duration::from_secs(600));
    let (mut lookups, mut policy) = (Lookups::new(Seed::from_bytes([7; 32])), Policy::new(start));
    let servers = ServerCount::all().last().unwrap();
    policy.servers(servers);
    let mut events = VecDeque::from([Event::Servers(servers)]);
    for id in NameId::all() {
        policy.ask(id);
        events.push_back(Event::Wanted(id, DomainName::new("a.example").unwrap()));
    }
    let (mut now, mut sockets, mut results) = (start, 0, 0);
    while now < end {
        let actions = match events.pop_front() {
            Some(event) => lookups.handle(now, event),
            None => {
                now = lookups.deadline().unwrap().max(now);
                lookups.handle(now, Event::Deadline)
            }
        };
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Ask(request) => {
                    let permitted = policy.permit(now, request).map(orlop_lookup_contract::Permitted::into_request);
                    match permitted.unwrap_or_else(|denied| panic!("{network:?} at {now:?}: {denied}")) {
                        Request::Connect(place) => {
                            sockets += 1;
                            events.extend(connected(network, place));
                        }
                        Request::Found { .. } | Request::Failed { .. } => results += 1,
                        Request::Discards(_) => {}
                    }
                }
                Action::Send(place, bytes) => match network {
                    Network::Refusing => events.push_back(Event::Broken { place, refused: true }),
                    Network::Answering(flags) => {
                        for (id, kind) in questions(place.transport, &bytes) {
                            let answer = Message { flags, ..Message::new(id, kind.number()) };
                            let answer = answer
                                .question([&name("a.example")[..], &kind.number().to_be_bytes(), &[0, 1]].concat());
                            actions.extend(lookups.receive(now, place, &answer.bytes()));
                        }
                    }
                    Network::Silent | Network::Unreachable => {}
                },
                Action::Close(_) => {}
            }
        }
    }
    (sockets, results)
}

fn connected(network: Network, place: Place) -> Vec<Event> {
    match (network, place.transport) {
        (Network::Unreachable, _) => vec![Event::Unconnected(place)],
        (_, Transport::Udp) => vec![Event::Connected(place)],
        (_, Transport::Tcp) => vec![Event::Connected(place), Event::Broken { place, refused: true }],
    }
}
