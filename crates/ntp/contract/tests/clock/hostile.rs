//! Whatever a worker asks for, in any order.

use core::time::Duration;

use orlop_ntp_contract::{Frequency, Leap, Occasion, Offset, PeerId, Request, ServerAddr, SourceId, Step, StepReason};
use proptest::prelude::*;

use crate::driven::{BEGINNINGS, Driven, OCCASIONS, server};
use crate::targets;

fn peer(number: u8) -> PeerId {
    PeerId::new(number).unwrap()
}

fn request() -> impl Strategy<Value = Request> {
    let power = (30_u32..32, any::<bool>(), -1_i64..=1);
    let offset = prop_oneof![
        any::<i64>(),
        prop::sample::select(vec![i64::MIN, i64::MAX, 0, 10_000_001, -10_000_001, 1_000_000_001, -1_000_000_001]),
        -400_000_000_000_000_i64..400_000_000_000_000,
        power.prop_map(|(bits, ahead, more)| ((1 << bits) + more) * if ahead { -1_000_000_000 } else { 1_000_000_000 }),
    ];
    let occasions = [
        Occasion::Boot,
        Occasion::Restart,
        Occasion::OneShot,
        Occasion::Suspend,
        Occasion::Restore,
        Occasion::Operator,
    ];
    let reasons = occasions.iter().flat_map(|o| [StepReason::Majority(*o), StepReason::LoneAnswer(*o)]);
    let reasons: Vec<StepReason> = reasons.chain([StepReason::FellBehind, StepReason::BelowFloor]).collect();
    let rate = || (-32_768_000..=32_768_000).prop_map(|scaled| Frequency::new(scaled).unwrap());
    let leaps = prop::sample::select(vec![Leap::None, Leap::Insert, Leap::Delete]);
    prop_oneof![
        4 => (offset, prop::sample::select(reasons), prop::collection::vec(0_u8..3, 0..4)).prop_map(|(nanos, why, agreed)| {
            Request::Step(Step { offset: Offset::from_nanos(nanos), why, agreed: agreed.into_iter().map(peer).collect() })
        }),
        1 => (rate(), rate()).prop_map(|(drift, slew)| Request::Frequency { drift, slew }),
        1 => (0_u64..20_000_000, 0_u64..20_000_000, leaps).prop_map(|(est, max, leap)| Request::Synchronised {
            est_error: Duration::from_micros(est),
            max_error: Duration::from_micros(max),
            leap,
        }),
        1 => (0_u8..3, 0_u8..4).prop_map(|(number, last)| Request::Connect {
            peer: peer(number),
            source: SourceId::new(0).unwrap(),
            server: if last == 3 { ServerAddr::CLOCK } else { server(last + 1) },
        }),
        1 => (0_u8..3).prop_map(|number| Request::Read { peer: peer(number) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_worker_asks_the_clock_stays_within_the_policy(
        begins in prop::sample::select(BEGINNINGS.to_vec()),
        one_shot: bool,
        steps in prop::collection::vec((request(), 0_u64..2_000, 0_u8..24), 1..200),
    ) {
        let mut driven = Driven::new(begins, one_shot);
        for (request, wait, dice) in steps {
            driven.wait(Duration::from_secs(wait));
            match dice {
                0 => driven.restart(),
                1..=4 => driven.arise(OCCASIONS[usize::from(dice - 1)]),
                _ => {
                    driven.ask(request);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_conversation_or_a_state_file_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
        targets::clock_request(&data);
        targets::state(&data);
    }
}
