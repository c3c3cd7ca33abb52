//! The fuzz targets of this package: their committed seeds are replayed, and most of them are made here.

use orlop_harness::seeds::{self, Seed, Target};
use orlop_lookup_contract::{Counters, Failure, Lifetime, NameId, Place, Request, ServerId, Transport};
use orlop_wire::{HostAddr, encode, max_size};

use crate::answers::{bad, good};
use crate::script::{self, Tally};
use crate::targets;

/// The fuzz targets of this package, and what each does with a seed.
const TARGETS: [Target; 3] =
    [("lookup_answer", targets::answer), ("lookup_machine", targets::machine), ("lookup_request", targets::request)];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    seeds::committed(&made());
}

#[test]
fn the_scripts_get_as_far_as_their_names_say() {
    for (name, script, tally) in scripts() {
        assert_eq!(script::play(&script), tally, "{name}");
    }
}

fn made() -> Vec<Seed> {
    let good = good().into_iter().map(|(what, message, _)| (what, message));
    let bad = bad().into_iter().map(|(what, message, _)| (what, message));
    let answers =
        good.chain(bad).map(|(what, message)| Seed::new("lookup_answer", what, [&[0][..], &message.bytes()].concat()));
    let scripts = scripts().into_iter().map(|(name, script, _)| Seed::new("lookup_machine", name, script));
    let requests = requests().into_iter().map(|(name, request)| {
        let mut frame = vec![0; max_size::<Request>()];
        Seed::new("lookup_request", name, encode(&request, &mut frame).unwrap().to_vec())
    });
    let broken = [
        ("unknown tag", vec![9]),
        ("a name out of range", vec![0, 32, 0, 0]),
        ("a life of a second", vec![1, 0, 0, 1]),
        ("a host that is none", vec![1, 0, 1, 0, 0, 0, 0, 0, 60]),
        ("more addresses than there are", vec![1, 0, 17]),
        ("a long number", vec![2, 0x80, 0, 0]),
        ("a byte more", vec![2, 0, 0, 0]),
    ];
    let broken = broken.into_iter().map(|(name, bytes)| Seed::new("lookup_request", name, bytes));
    answers.chain(scripts).chain(requests).chain(broken).collect()
}

fn requests() -> Vec<(&'static str, Request)> {
    let id = NameId::new(3).unwrap();
    let addresses = (1..=16).map(|last| HostAddr::new([192, 0, 2, last].into()).unwrap()).collect();
    let v6 = [HostAddr::new("2001:db8::1".parse().unwrap()).unwrap()].into_iter().collect();
    let place = Place { id, server: ServerId::new(2).unwrap(), transport: Transport::Tcp };
    vec![
        ("connect", Request::Connect(place)),
        ("found sixteen", Request::Found { id, addresses, lifetime: Lifetime::MAX }),
        ("found one", Request::Found { id, addresses: v6, lifetime: Lifetime::MIN }),
        ("failed", Request::Failed { id, why: Failure::NoAddress }),
        ("discards", Request::Discards(Counters::default())),
    ]
}

/// (name, script, how far it gets)
fn scripts() -> Vec<(&'static str, Vec<u8>, Tally)> {
    let start = [0, 1, 1, 0, 3, 0];
    let then = |more: &[u8]| [&start, more].concat();
    vec![
        ("a name is asked for", start.to_vec(), Tally { asked: 2, ..Tally::default() }),
        ("found", then(&[6, 0, 6, 1]), Tally { asked: 2, found: 1, failed: 0 }),
        ("found again", then(&[6, 0, 6, 1, 9, 255, 3, 0, 6, 0, 6, 1]), Tally { asked: 4, found: 2, failed: 0 }),
        ("no such name", then(&[6, 96, 6, 97]), Tally { asked: 2, found: 0, failed: 1 }),
        ("truncated then by TCP", then(&[6, 160, 3, 0, 6, 0, 6, 1]), Tally { asked: 4, found: 1, failed: 0 }),
        (
            "refused for long",
            then(&[8, 128, 9, 16, 8, 128, 9, 16, 8, 128, 9, 16]),
            Tally { asked: 8, found: 0, failed: 0 },
        ),
        ("no servers", vec![1, 0, 1, 1, 0, 0], Tally { asked: 0, found: 0, failed: 4 }),
        ("forgotten while asked", then(&[2, 0, 6, 0, 10, 0]), Tally { asked: 2, found: 0, failed: 0 }),
        ("servers change while asked", then(&[0, 3, 3, 0, 3, 1, 6, 0]), Tally { asked: 4, found: 0, failed: 0 }),
    ]
}
