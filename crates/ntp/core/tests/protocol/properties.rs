//! What holds for any bytes and any order of events.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::answer::Answer;
use crate::targets::{self, NONCE};
use crate::world::BEGIN;
use orlop_ntp_contract::{Offset, Utc};

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed_without_a_panic(data in vec(any::<u8>(), 0..200)) {
        targets::packet(&data);
        targets::ipc_from_worker(&data);
        targets::ipc_from_broker(&data);
    }

    #[test]
    fn any_answer_to_our_question_is_judged_without_a_panic(
        flags in prop::sample::select(vec![0x24_u8, 0x64, 0xa4, 0xe4]),
        head: [u8; 15],
        receive: u64,
        apart in -1_000_000_i64..1_000_000,
        rest in vec(any::<u8>(), 0..80),
    ) {
        let mut bytes = vec![flags];
        bytes.extend(head);
        bytes.extend([0; 8]);
        bytes.extend(NONCE.to_be_bytes());
        bytes.extend(receive.to_be_bytes());
        bytes.extend(receive.wrapping_add_signed(apart).to_be_bytes());
        targets::packet(&bytes);
        bytes.extend(rest);
        targets::packet(&bytes);
    }

    #[test]
    fn nobody_answers_who_does_not_know_the_question(nonce: u64) {
        prop_assume!(nonce != NONCE);
        let now = Utc::from_secs(BEGIN).saturating_shifted(Offset::from_nanos(25_000_000));
        prop_assert!(targets::answer(&Answer::new(nonce, now, now).bytes()).is_err());
        prop_assert!(targets::answer(&Answer::new(NONCE, now, now).bytes()).is_ok());
    }

    #[test]
    fn any_order_of_events_keeps_the_promises(script in vec(any::<u8>(), 0..700)) {
        targets::machine(&script);
    }
}
