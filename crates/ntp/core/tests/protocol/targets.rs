//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and proptest run it
//! on stable.

use orlop_machine::{Chance, Instant, Seed};
use orlop_ntp_contract::{Cookie, Discard, KeyFailure, MAX_COOKIES, Notice, Policy, Request, Secret, Timestamp, Utc};
use orlop_ntp_core::exchange::{self, Answer, MAX_DELAY, Question};
use orlop_ntp_core::nts::field::{self, Unique};
use orlop_ntp_core::nts::record::{MAX_RESPONSE, Response};
use orlop_ntp_core::packet::{self, HEADER, MAX_EXTENSIONS, MAX_PACKET, Packet};
use orlop_wire::{MaxSize, decode, encode, max_size};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::place::{BEGIN, FLOOR};

/// The random bits of the question that a packet may answer.
pub(crate) const NONCE: u64 = 0x0102_0304_0506_0708;

/// A datagram from a server that was asked [`NONCE`] when the clock showed 2026-12-01, 50 ms ago.
pub(crate) fn packet(data: &[u8]) {
    let _ = answer(data);
}

/// What a datagram is taken for.
pub(crate) fn answer(data: &[u8]) -> Result<Answer, exchange::NoAnswer> {
    if let Ok(packet) = Packet::parse(data) {
        let fields: usize = packet.extensions.map(|field| field.value.len() + 4).sum();
        assert!(fields + HEADER <= data.len() && packet.extensions.count() <= MAX_EXTENSIONS);
    }
    let floor = Utc::from_secs(FLOOR);
    let mut question = Question::new(NONCE);
    question.sent(Utc::from_secs(BEGIN));
    let received = Utc::from_parts(i64::try_from(BEGIN).unwrap(), 50_000_000);
    let answer = question.answer(Instant::from_nanos(1), data, received, floor);
    if let Ok(Answer::Sample(sample)) = &answer {
        let shown = Utc::from_secs(BEGIN).shifted(sample.offset).unwrap();
        // Half of the way there and back is all that the time between may be in doubt.
        assert!(shown < Policy::HORIZON && shown.secs() + 1 >= FLOOR, "{shown}");
        assert!((1..=15).contains(&sample.stratum) && sample.delay <= MAX_DELAY);
        assert!(sample.root_dispersion <= exchange::MAX_DISPERSION && sample.root_delay / 2 <= exchange::MAX_DISTANCE);
    }
    answer
}

/// What a server says in a key exchange, however it is cut.
pub(crate) fn ke_records(data: &[u8]) {
    let whole = response(data);
    for end in [data.len() / 2, data.len().saturating_sub(1)] {
        let part = Response::read(data.get(..end).unwrap_or_default());
        match &whole {
            // What has an end has it at its end and nowhere before.
            Ok(Some(_)) => assert_eq!(part, Ok(None)),
            // What goes on has gone on until then.
            Ok(None) => assert_eq!(part, Ok(None)),
            Err(_) => {}
        }
    }
}

/// What such bytes are taken for.
pub(crate) fn response(data: &[u8]) -> Result<Option<Response>, KeyFailure> {
    let response = Response::read(data);
    if let Ok(Some(response)) = &response {
        assert!((1..=MAX_COOKIES).contains(&response.cookies.len()) && data.len() <= MAX_RESPONSE);
    }
    response
}

/// The key of all questions and answers here.
pub(crate) const KEY: Secret = Secret::new([1; 32]);
/// The identifier of the question.
pub(crate) const UNIQUE: Unique = Unique::from_bytes([9; 32]);

/// What follows the header of an answer to a protected question, once as it is, which nobody has protected, and once behind
/// fields that somebody has.
pub(crate) fn nts_fields(data: &[u8]) {
    let _ = opened(data);
    let header = packet::question(Timestamp::from_bits(NONCE));
    let cookie = Cookie::new(&[5; 12]).unwrap();
    let mut chance = Chance::new(Seed::from_bytes([3; 32]));
    let sealed = field::seal(&header, &UNIQUE, &cookie, data.len() % 16, &KEY, &mut chance);
    assert!(sealed.len() <= MAX_PACKET);
    let datagram = [&sealed[..], data].concat();
    if let Ok(packet) = Packet::parse(&datagram) {
        assert_eq!(
            field::open(&datagram, packet.extensions, &UNIQUE, &KEY),
            Ok(Vec::new()),
            "what is behind counts for nothing"
        );
    }
}

/// What such fields behind a header are taken for: they may begin with the question's own identifier.
pub(crate) fn opened(data: &[u8]) -> Result<Vec<Cookie>, Discard> {
    let datagram = [&packet::question(Timestamp::from_bits(NONCE))[..], data].concat();
    let packet = Packet::parse(&datagram)?;
    let opened = field::open(&datagram, packet.extensions, &UNIQUE, &KEY);
    assert!(opened.as_ref().is_ok_and(|cookies| cookies.len() <= MAX_COOKIES) || opened.is_err());
    opened
}

/// The machine under a script.
pub(crate) fn machine(data: &[u8]) {
    let _ = crate::script::play(data);
}

/// What the broker decodes.
pub(crate) fn ipc_from_worker(data: &[u8]) {
    one_spelling::<Request>(data);
}

/// What the worker decodes.
pub(crate) fn ipc_from_broker(data: &[u8]) {
    one_spelling::<Notice>(data);
}

/// What decodes at all encodes to the same bytes.
fn one_spelling<T: Serialize + DeserializeOwned + MaxSize>(data: &[u8]) {
    if let Ok(value) = decode::<T>(data) {
        let mut buffer = vec![0; max_size::<T>()];
        assert_eq!(encode(&value, &mut buffer).unwrap(), data);
    }
}
