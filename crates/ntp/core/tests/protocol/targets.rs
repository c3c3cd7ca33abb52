//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and proptest run it
//! on stable.

use orlop_machine::Instant;
use orlop_ntp_contract::{Notice, Policy, Request, Utc};
use orlop_ntp_core::exchange::{self, Answer, MAX_DELAY, Question};
use orlop_ntp_core::packet::{HEADER, MAX_EXTENSIONS, Packet};
use orlop_wire::{MaxSize, decode, encode, max_size};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::world::{BEGIN, FLOOR};

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
