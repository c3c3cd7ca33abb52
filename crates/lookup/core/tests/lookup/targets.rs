//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and proptest run it on
//! stable.

use std::collections::BTreeSet;

use orlop_lookup_contract::{Counters, Lifetime, NameId, Place, Request, ServerCount, ServerId, Transport};
use orlop_lookup_core::answer::{Header, Reply};
use orlop_lookup_core::question::Kind;
use orlop_lookup_core::stream::{MAX_MESSAGE, Stream};
use orlop_lookup_core::{Action, Event, Lookups};
use orlop_machine::{Instant, Machine as _, Seed};
use orlop_wire::{DomainName, decode, encode, max_size};

use crate::message::NAME;

/// The first byte says how an answer came and to which question, the rest is the answer: alone, to a machine that has asked,
/// and as a stream.
pub(crate) fn answer(data: &[u8]) {
    let Some((flags, message)) = data.split_first() else { return };
    let kind = if flags & 1 == 0 { Kind::A } else { Kind::Aaaa };
    let transport = if flags & 2 == 0 { Transport::Udp } else { Transport::Tcp };
    if let Ok(header) = Header::parse(message, transport) {
        let (name, mut counters) = (DomainName::new(NAME).unwrap(), Counters::default());
        if let Ok(Reply::Addresses(addresses, lifetime)) = Reply::parse(message, &header, &name, kind, &mut counters) {
            assert!(!addresses.is_empty() && (Lifetime::MIN..=Lifetime::MAX).contains(&lifetime));
            assert!(addresses.iter().all(|addr| addr.get().is_ipv4() == (kind == Kind::A)), "{addresses:?}");
            assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), addresses.len(), "{addresses:?}");
        }
    }
    to_a_machine(message, kind);
    let mut stream = Stream::default();
    for piece in message.chunks(usize::from(*flags).max(1)) {
        let whole: usize = stream.push(piece).iter().map(|message| message.len() + 2).sum();
        assert!(whole + stream.held() <= MAX_MESSAGE + 2 + message.len());
    }
}

/// Whatever the answer to one of its questions is, the machine is alive afterwards, and hands over nothing but addresses.
fn to_a_machine(message: &[u8], kind: Kind) {
    let (id, server, now) = (NameId::new(0).unwrap(), ServerId::new(0).unwrap(), Instant::from_nanos(1));
    let place = Place { id, server, transport: Transport::Udp };
    let mut lookups = Lookups::new(Seed::from_bytes([7; 32]));
    let _ = lookups.handle(now, Event::Servers(ServerCount::new(1).unwrap()));
    let _ = lookups.handle(now, Event::Wanted(id, DomainName::new(NAME).unwrap()));
    let sent = lookups.handle(now, Event::Connected(place));
    let Some(Action::Send(_, question)) = sent.get(usize::from(kind == Kind::Aaaa)) else { panic!("{sent:?}") };
    // With the number of the question, which a fuzzer cannot guess.
    let numbered: Vec<u8> = question.iter().take(2).chain(message.iter().skip(2)).copied().collect();
    for action in lookups.receive(now, place, &numbered) {
        let Action::Ask(request) = action else { continue };
        let mut frame = vec![0; max_size::<Request>()];
        let frame = encode(&request, &mut frame).unwrap();
        assert_eq!(decode::<Request>(frame).as_ref(), Ok(&request));
    }
    assert!(lookups.deadline().is_some_and(|due| due > now), "nothing is waited for");
}

/// The machine under a script.
pub(crate) fn machine(data: &[u8]) {
    let _ = crate::script::play(data);
}

/// What a broker decodes: what decodes at all encodes to the same bytes.
pub(crate) fn request(data: &[u8]) {
    if let Ok(request) = decode::<Request>(data) {
        let mut frame = vec![0; max_size::<Request>()];
        assert_eq!(encode(&request, &mut frame).unwrap(), data);
    }
}
