//! The fuzz targets of this package: their committed seeds are replayed, and most of them are made here.

use core::time::Duration;

use orlop_harness::seeds::{self, Seed, Target};
use orlop_machine::{Chance, Instant};
use orlop_ntp_contract::{
    Asked, Conduct, Cookie, Counters, Discard, ExchangeId, Frequency, Handover, KeyFailure, Kind, LastStep, Leap,
    Notice, NtsState, NtsStatus, Occasion, Offset, PeerId, PeerState, PeerStatus, Phase, Poll, PollRange, Reading,
    Refusal, Request, ServerAddr, SourceConduct, SourceId, Status, Step, StepReason, Timestamp, Utc,
};
use orlop_ntp_core::exchange::{Answer as Taken, Kiss};
use orlop_ntp_core::nts::field;
use orlop_ntp_core::packet::{self, HEADER};
use orlop_wire::{MaxSize, encode, max_size};
use serde::Serialize;

use crate::answer::Answer;
use crate::place::{BEGIN, FLOOR, address};
use crate::script;
use crate::targets::{self, KEY, NONCE, UNIQUE};

/// The fuzz targets of this package, and what each does with a seed.
const TARGETS: [Target; 6] = [
    ("ntp_ke_records", targets::ke_records),
    ("ntp_nts_fields", targets::nts_fields),
    ("ntp_packet", targets::packet),
    ("ntp_machine", targets::machine),
    ("ntp_ipc_from_worker", targets::ipc_from_worker),
    ("ntp_ipc_from_broker", targets::ipc_from_broker),
];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    let mut all: Vec<Seed> =
        packets().into_iter().map(|(name, bytes, _)| Seed::new("ntp_packet", name, bytes)).collect();
    all.extend(responses().into_iter().map(|(name, bytes, _)| Seed::new("ntp_ke_records", name, bytes)));
    all.extend(fields().into_iter().map(|(name, bytes, _)| Seed::new("ntp_nts_fields", name, bytes)));
    all.extend(scripts().into_iter().map(|(name, bytes, _)| Seed::new("ntp_machine", name, bytes)));
    all.extend(requests().into_iter().map(|(name, request)| Seed::new("ntp_ipc_from_worker", name, encoded(&request))));
    all.extend(notices().into_iter().map(|(name, notice)| Seed::new("ntp_ipc_from_broker", name, encoded(&notice))));
    for target in ["ntp_ipc_from_worker", "ntp_ipc_from_broker"] {
        all.push(Seed::new(target, "unknown-tag", vec![99]));
        all.push(Seed::new(target, "a number that is too long", vec![1, 0x82, 0x00]));
        all.push(Seed::new(target, "a number without end", vec![0; 1].into_iter().chain([0xff; 12]).collect()));
        all.push(Seed::new(target, "trailing byte", vec![if target.ends_with("worker") { 3 } else { 12 }, 0]));
    }
    seeds::committed(&all);
}

#[test]
fn no_packet_is_taken_for_more_than_it_is() {
    for (name, bytes, want) in packets() {
        let taken = match targets::answer(&bytes) {
            Ok(Taken::Sample(_)) => Ok("sample"),
            Ok(Taken::Kiss(Kiss::Rate)) => Ok("rate"),
            Ok(Taken::Kiss(Kiss::Deny)) => Ok("deny"),
            Ok(Taken::Kiss(Kiss::Nak)) => panic!("{name}: only who asks with NTS takes it for one"),
            Ok(Taken::Kiss(Kiss::Other(_))) => Ok("kiss"),
            Err(no) => Err(no.why),
        };
        assert_eq!(taken, want, "{name}");
    }
}

#[test]
fn no_response_and_no_field_is_taken_for_more_than_it_is() {
    for (name, bytes, want) in responses() {
        assert_eq!(targets::response(&bytes).map(|response| response.map(|it| it.cookies.len())), want, "{name}");
    }
    for (name, bytes, want) in fields() {
        assert_eq!(targets::opened(&bytes).map(|cookies| cookies.len()), want, "{name}");
    }
}

/// Type, length and content, as records and fields have them, where `more` is what the length counts beside the content.
fn typed(kind: u16, more: usize, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + more).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// How many cookies are in a response, once it is whole.
type Cookies = Result<Option<usize>, KeyFailure>;

/// A name, what a server says in a key exchange, and how many cookies are in it.
fn responses() -> Vec<(&'static str, Vec<u8>, Cookies)> {
    let record = |kind, body: &[u8]| typed(kind, 0, body);
    let agreed = || [record(0x8001, &[0, 0]), record(0x8004, &[0, 15])].concat();
    let end = || record(0x8000, &[]);
    let with = |more: &[u8]| [&agreed()[..], more, &end()].concat();
    let cookies = |count: usize, length: usize| record(5, &vec![7; length]).repeat(count);
    let wrong = || Err(KeyFailure::Records);
    vec![
        ("chronyd's", with(&cookies(8, 100)), Ok(Some(8))),
        (
            "with a server and a port",
            with(&[record(6, b"ntp.example"), record(7, &[0, 123]), cookies(1, 100)].concat()),
            Ok(Some(1)),
        ),
        ("with an address", with(&[record(0x8006, b"2001:db8::1"), cookies(1, 100)].concat()), Ok(Some(1))),
        ("no cookie (ntpd-rs 1.5.0)", with(&[]), wrong()),
        ("an empty cookie (ntpd-rs 1.5.0)", with(&record(5, &[])), wrong()),
        ("a cookie of 1000 bytes (ntpd-rs 1.5.0)", with(&record(5, &[1; 1000])), wrong()),
        ("a cookie of 65535 bytes that does not come", [agreed(), vec![0, 5, 0xff, 0xff]].concat(), Ok(None)),
        ("a thousand cookies", with(&cookies(1000, 12)), Err(KeyFailure::TooLong)),
        ("an error", record(0x8002, &[0, 2]), Err(KeyFailure::Error(2))),
        ("a warning", record(0x8003, &[0, 2]), wrong()),
        ("unknown and critical", record(0xc000, &[]), wrong()),
        (
            "no algorithm in common",
            [record(0x8001, &[0, 0]), record(0x8004, &[])].concat(),
            Err(KeyFailure::Unsupported),
        ),
        ("half of it", agreed(), Ok(None)),
        ("something after the end", [with(&cookies(1, 100)), vec![0]].concat(), wrong()),
    ]
}

/// A name, what follows the header of an answer, and how many cookies are in it.
fn fields() -> Vec<(&'static str, Vec<u8>, Result<usize, Discard>)> {
    let field = |kind, body: &[u8]| typed(kind, 4, body);
    let unique = || field(0x0104, &[9; 32]);
    let cookie = Cookie::new(&[5; 100]).unwrap();
    let header = packet::question(Timestamp::from_bits(NONCE));
    let mut chance = Chance::new(orlop_machine::Seed::from_bytes([3; 32]));
    let sealed = field::seal(&header, &UNIQUE, &cookie, 1, &KEY, &mut chance)[HEADER..].to_vec();
    let spoilt = |at: usize| {
        let mut other = sealed.clone();
        other[at] ^= 1;
        other
    };
    let last = sealed.len() - 1;
    let forged = || Err(Discard::Forged);
    vec![
        ("protected", sealed.clone(), Ok(0)),
        ("nothing", Vec::new(), Err(Discard::Unprotected)),
        ("the identifier alone", unique(), Err(Discard::Unprotected)),
        ("another identifier", spoilt(4), forged()),
        ("another cookie", spoilt(40), forged()),
        ("another length of the nonce", spoilt(last - 34), forged()),
        ("another nonce", spoilt(last - 20), forged()),
        ("another tag", spoilt(last), forged()),
        ("an authenticator without an identifier", sealed[36..].to_vec(), forged()),
        ("lengths beyond the field", [unique(), field(0x0404, &[255; 40])].concat(), forged()),
        (
            "an authenticator without a nonce",
            [unique(), field(0x0404, &[&[0, 0, 0, 16][..], &[0; 24]].concat())].concat(),
            forged(),
        ),
        (
            "an authenticator without a text",
            [unique(), field(0x0404, &[&[0, 16, 0, 0][..], &[0; 24]].concat())].concat(),
            forged(),
        ),
        ("an identifier that is repeated", [unique(), sealed.clone()].concat(), forged()),
    ]
}

#[test]
fn the_scripts_get_as_far_as_their_names_say() {
    for (name, script, steps) in scripts() {
        assert_eq!(script::play(&script), steps, "{name}");
    }
}

/// A name, a datagram, and what it is taken for.
fn packets() -> Vec<(&'static str, Vec<u8>, Result<&'static str, Discard>)> {
    let half = Offset::from_nanos(25_000_000);
    let now = Utc::from_secs(BEGIN).saturating_shifted(half);
    let with = |change: &dyn Fn(&mut Answer)| {
        let mut answer = Answer::new(NONCE, now, now);
        change(&mut answer);
        answer.bytes()
    };
    let mode = |mode: u8| with(&|answer| answer.flags = 0x20 | mode);
    let kiss = |code: &[u8; 4], origin: u64| {
        with(&|answer| (answer.flags, answer.stratum, answer.reference_id, answer.origin) = (0xe4, 0, *code, origin))
    };
    let rest = |bytes: &[u8]| with(&|answer| answer.rest = bytes.to_vec());
    let at = |secs: i64| {
        let shows = now.saturating_shifted(Offset::from_nanos(secs * 1_000_000_000));
        Answer::new(NONCE, shows, shows).bytes()
    };
    let field = |kind: u16, length: u16, bytes: usize| {
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), &vec![7; bytes - 4]].concat()
    };
    let unsolicited =
        [field(0x0104, 36, 36), field(0x0204, 104, 104), field(0x0304, 104, 104), field(0x0404, 40, 40)].concat();
    let second = 1 << 16;
    vec![
        ("a plain answer", with(&|_| ()), Ok("sample")),
        ("origin zero (CVE-2015-8138)", with(&|answer| answer.origin = 0), Err(Discard::WrongOrigin)),
        (
            "origin of an older question (CVE-2015-8138)",
            with(&|answer| answer.origin = NONCE - 1),
            Err(Discard::WrongOrigin),
        ),
        ("kiss RATE with origin zero (CVE-2015-7704)", kiss(b"RATE", 0), Err(Discard::WrongOrigin)),
        ("kiss DENY with origin zero (CVE-2015-7704)", kiss(b"DENY", 0), Err(Discard::WrongOrigin)),
        ("kiss RSTR of an older question (CVE-2015-7705)", kiss(b"RSTR", NONCE - 1), Err(Discard::WrongOrigin)),
        ("kiss RATE", kiss(b"RATE", NONCE), Ok("rate")),
        ("kiss DENY", kiss(b"DENY", NONCE), Ok("deny")),
        ("kiss RSTR", kiss(b"RSTR", NONCE), Ok("deny")),
        ("kiss NTSN", kiss(b"NTSN", NONCE), Ok("kiss")),
        ("kiss XXXX", kiss(b"XXXX", NONCE), Ok("kiss")),
        ("crypto-NAK (CVE-2016-4953)", rest(&[0; 4]), Err(Discard::Mac)),
        ("MAC of an unknown key (CVE-2016-4955)", rest(&[9; 20]), Err(Discard::Mac)),
        ("longer MAC of an unknown key (CVE-2016-1567)", rest(&[9; 24]), Err(Discard::Mac)),
        (
            "kiss with a crypto-NAK (CVE-2016-4953)",
            with(&|answer| {
                (answer.stratum, answer.reference_id, answer.rest) = (0, *b"DENY", vec![0; 4]);
            }),
            Err(Discard::Mac),
        ),
        (
            "leap 3 (CVE-2016-4954)",
            with(&|answer| (answer.flags, answer.stratum) = (0xe4, 1)),
            Err(Discard::Unsynchronised),
        ),
        ("leap 1", with(&|answer| answer.flags = 0x64), Ok("sample")),
        ("mode 0", mode(0), Err(Discard::WrongMode)),
        ("mode 1 (CVE-2015-1853)", mode(1), Err(Discard::WrongMode)),
        ("mode 2", mode(2), Err(Discard::WrongMode)),
        ("mode 3", mode(3), Err(Discard::WrongMode)),
        ("mode 5 broadcast (CVE-2015-7979)", mode(5), Err(Discard::WrongMode)),
        ("mode 6 control (CVE-2019-6443)", mode(6), Err(Discard::WrongMode)),
        ("mode 7 private", mode(7), Err(Discard::WrongMode)),
        ("version 3", with(&|answer| answer.flags = 0x1c), Err(Discard::WrongVersion)),
        ("version 5", with(&|answer| answer.flags = 0x2c), Err(Discard::WrongVersion)),
        (
            "interleaved: origin is the server's receive time (CVE-2016-1548)",
            with(&|answer| answer.origin = answer.receive),
            Err(Discard::WrongOrigin),
        ),
        ("transmit 0 (CVE-2015-5219)", with(&|answer| answer.transmit = 0), Err(Discard::BadTimestamp)),
        ("receive 0", with(&|answer| answer.receive = 0), Err(Discard::BadTimestamp)),
        (
            "sent before received (CVE-2015-5219)",
            with(&|answer| answer.transmit -= 1 << 10),
            Err(Discard::BadTimestamp),
        ),
        ("precision -128 (CVE-2015-5219)", with(&|answer| answer.precision = -128), Ok("sample")),
        ("precision 127 (CVE-2015-5219)", with(&|answer| answer.precision = 127), Ok("sample")),
        ("root delay of 18 hours (CVE-2015-5219)", with(&|answer| answer.root_delay = u32::MAX), Err(Discard::Distant)),
        ("root dispersion above a second", with(&|answer| answer.root_dispersion = second + 1), Err(Discard::Distant)),
        ("unsolicited NTS fields (CVE-2023-4012)", rest(&unsolicited), Ok("sample")),
        ("field of length 0", rest(&field(1, 0, 28)), Err(Discard::Malformed)),
        ("field of length 1", rest(&field(1, 1, 28)), Err(Discard::Malformed)),
        ("field of length 3", rest(&field(1, 3, 28)), Err(Discard::Malformed)),
        ("field of length 65535", rest(&field(1, 65_535, 28)), Err(Discard::Malformed)),
        ("many fields (CVE-2026-26076)", rest(&field(1, 28, 28).repeat(17)), Err(Discard::Malformed)),
        ("stratum 15", with(&|answer| answer.stratum = 15), Ok("sample")),
        ("stratum 16", with(&|answer| answer.stratum = 16), Err(Discard::Unsynchronised)),
        ("stratum 17", with(&|answer| answer.stratum = 17), Err(Discard::Unsynchronised)),
        ("2 to the 30 s ahead", at(1 << 30), Ok("sample")),
        ("2 to the 30 s and one ahead", at((1 << 30) + 1), Ok("sample")),
        ("2 to the 31 s ahead", at(1 << 31), Ok("sample")),
        ("2 to the 31 s and one ahead", at((1 << 31) + 1), Ok("sample")),
        (
            "the day before the build",
            at(i64::try_from(FLOOR).unwrap() - i64::try_from(BEGIN).unwrap() - 86_400),
            Err(Discard::BeforeFloor),
        ),
        ("1970", at(-i64::try_from(BEGIN).unwrap()), Err(Discard::BeforeFloor)),
        ("the next era", at(2_085_978_500 - i64::try_from(BEGIN).unwrap()), Ok("sample")),
        ("longer there than away", with(&|answer| answer.transmit += 1 << 29), Err(Discard::BadDelay)),
        ("nothing", Vec::new(), Err(Discard::Malformed)),
        ("47 bytes", with(&|_| ()).split_off(1), Err(Discard::Malformed)),
        ("1025 bytes", rest(&[0; 977]), Err(Discard::Malformed)),
    ]
}

/// A name, a script (`script.rs` says what the bytes mean), and how often it has the clock set.
fn scripts() -> Vec<(&'static str, Vec<u8>, u32)> {
    let round = |error: u8| (0..3).flat_map(|peer| [4, peer | error << 4]).collect::<Vec<u8>>();
    let turn = |error: u8| [&[0, 0][..], &round(error)].concat();
    vec![
        ("right from the start", [&[0][..], &turn(0).repeat(20)].concat(), 0),
        ("from 1970", [&[1][..], &round(0), &turn(0).repeat(20)].concat(), 1),
        ("from 2099", [&[5][..], &round(0), &turn(0).repeat(20)].concat(), 1),
        ("the kernel refuses to set it", [&[1, 15, 0][..], &round(0), &turn(0).repeat(20)].concat(), 0),
        ("all different", [&[1][..], &[4, 0, 4, 0x41, 4, 0x52], &[0, 0, 4, 0, 4, 0x41, 4, 0x52].repeat(9)].concat(), 0),
        ("everybody jumps", [&[0][..], &turn(0).repeat(12), &turn(5).repeat(4)].concat(), 1),
        ("everybody jumps back", [&[0][..], &turn(0).repeat(12), &turn(6).repeat(12)].concat(), 0),
        ("set ahead by somebody else", [&[0][..], &turn(0).repeat(12), &[13, 200], &turn(0).repeat(9)].concat(), 0),
        ("set back by somebody else", [&[0][..], &turn(0).repeat(12), &[13, 50], &turn(0).repeat(9)].concat(), 1),
        ("a suspend", [&[0][..], &turn(0).repeat(9), &[13, 40, 11, 0, 2, 250], &turn(0).repeat(9)].concat(), 1),
        ("silence", [&[1][..], &[0, 0].repeat(120)].concat(), 0),
        ("a pool in which everybody is silent", [&[17][..], &[0, 0].repeat(120)].concat(), 0),
        ("offline and online", [&[0][..], &turn(0).repeat(3), &[12, 0, 3, 12, 12, 1], &turn(0).repeat(9)].concat(), 0),
        ("sources come and go", [&[1][..], &[10, 0x80, 10, 0x41, 10, 2, 10, 0xf3, 0, 0].repeat(20)].concat(), 0),
        ("nothing can be sent", [&[1][..], &[14, 0, 14, 1, 14, 2, 0, 0].repeat(20)].concat(), 0),
    ]
}

fn requests() -> Vec<(&'static str, Request)> {
    let (peer, source) = (PeerId::new(3).unwrap(), SourceId::new(2).unwrap());
    let ppm = |ppm: i32| Frequency::new(ppm << 16).unwrap();
    let step = |why| {
        Request::Step(Step {
            offset: Offset::from_nanos(1_795_305_601_090_000_000),
            why,
            agreed: [peer].into_iter().collect(),
        })
    };
    vec![
        ("step by a majority", step(StepReason::Majority(Occasion::Boot))),
        ("step by a single answer", step(StepReason::LoneAnswer(Occasion::OneShot))),
        ("step because it fell behind", step(StepReason::FellBehind)),
        ("frequency", Request::Frequency { drift: ppm(-20), slew: ppm(400) }),
        (
            "synchronised",
            Request::Synchronised {
                est_error: Duration::from_micros(100),
                max_error: Duration::from_millis(20),
                leap: Leap::Insert,
            },
        ),
        ("unsynchronised", Request::Unsynchronised),
        ("connect", Request::Connect { peer, source, server: address(7) }),
        ("exchange by the clock", Request::Exchange { source, at: None }),
        ("exchange by a majority", Request::Exchange { source, at: Some(Utc::from_secs(BEGIN)) }),
        ("report", Request::Report(status())),
        ("connect to a clock", Request::Connect { peer, source, server: ServerAddr::CLOCK }),
        ("read", Request::Read { peer }),
    ]
}

fn notices() -> Vec<(&'static str, Notice)> {
    let (peer, source) = (PeerId::new(3).unwrap(), SourceId::new(2).unwrap());
    let conduct = Conduct {
        floor: Utc::from_secs(FLOOR),
        occasion: Occasion::Boot,
        lone_answer_after: Some(Duration::from_secs(20)),
        drift: Frequency::ZERO,
    };
    let how = SourceConduct { kind: Kind::Pool { want: 4 }, prefer: true, polls: PollRange::USUAL, nts: false };
    vec![
        ("begin", Notice::Begin(conduct)),
        ("source", Notice::Source { source, conduct: how }),
        ("source gone", Notice::SourceGone { source }),
        ("addresses", Notice::Addresses { source, servers: [address(0), address(1)].into_iter().collect() }),
        ("connected", Notice::Connected { peer, server: address(7) }),
        ("stepped", Notice::Stepped { by: Offset::from_nanos(-3_600_000_000_000) }),
        ("refused by the policy", Notice::Refused { what: Asked::Step, why: Refusal::Backwards }),
        ("refused by the kernel", Notice::Refused { what: Asked::Connect(peer), why: Refusal::Kernel { errno: 101 } }),
        ("joined", Notice::Joined),
        ("exchanged", Notice::Exchanged { source, number: ExchangeId::default().next(), server: address(7) }),
        (
            "refused by a server with NTS",
            Notice::Refused { what: Asked::Exchange(source), why: Refusal::KeyExchange(KeyFailure::Error(1)) },
        ),
        ("occasion", Notice::Occasion(Occasion::Restore)),
        ("online", Notice::Online),
        ("offline", Notice::Offline),
        (
            "handover",
            Notice::Handover {
                at: Instant::from_nanos(7_000_000_000),
                shown: Utc::from_secs(FLOOR),
                samples: Handover::of(&believed()).into_iter().collect(),
            },
        ),
        (
            "reading",
            Notice::Reading {
                peer,
                reading: Reading {
                    at: Instant::from_nanos(7_000_000_000),
                    shown: Utc::from_secs(FLOOR),
                    offset: Offset::from_nanos(-60_000),
                    delay: Duration::from_micros(2),
                },
            },
        ),
    ]
}

/// A server that is believed.
fn believed() -> PeerStatus {
    let (millis, at) = (Duration::from_millis, Instant::from_nanos(7_000_000_000));
    PeerStatus {
        peer: PeerId::new(3).unwrap(),
        source: SourceId::new(2).unwrap(),
        server: address(7),
        state: PeerState::Selected,
        reach: 0o377,
        poll: Poll::MIN,
        stratum: 2,
        leap: Leap::None,
        answered: Some(at),
        offset: Offset::from_nanos(-120_000),
        delay: millis(20),
        jitter: millis(1),
        root_delay: millis(10),
        root_dispersion: millis(5),
    }
}

fn status() -> Status {
    let (millis, at) = (Duration::from_millis, Instant::from_nanos(7_000_000_000));
    Status {
        phase: Phase::Steady,
        since: at,
        stratum: 3,
        leap: Leap::None,
        offset: Offset::from_nanos(-60_000),
        jitter: millis(1),
        drift: Frequency::ZERO,
        slew: Frequency::MAX,
        root_delay: millis(30),
        root_dispersion: millis(5),
        last_step: Some(LastStep { at, by: Offset::from_nanos(1), why: StepReason::FellBehind }),
        discards: Counters::default(),
        peers: [believed()].into_iter().collect(),
        nts: [NtsStatus {
            source: SourceId::new(2).unwrap(),
            state: NtsState::Protected,
            cookies: 8,
            exchanged: Some(at),
            exchanges: 1,
            failures: 1,
            failure: Some(KeyFailure::Slow),
        }]
        .into_iter()
        .collect(),
    }
}

fn encoded<T: Serialize + MaxSize>(value: &T) -> Vec<u8> {
    encode(value, &mut vec![0; max_size::<T>()]).unwrap().to_vec()
}
