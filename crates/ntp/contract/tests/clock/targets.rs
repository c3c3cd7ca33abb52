//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and proptest run it
//! on stable.

use core::time::Duration;

use orlop_ntp_contract::{Request, State};
use orlop_wire::decode;

use crate::driven::{BEGINNINGS, Driven, OCCASIONS};

/// A hostile worker's conversation. The first byte says how the machine begins; then come a byte that says what happens, and
/// what belongs to it: a frame has its length in front of it.
pub(crate) fn clock_request(data: &[u8]) {
    let _ = play(data);
}

/// Plays a conversation; panics when the policy breaks a promise. Returns how often the clock was set.
pub(crate) fn play(data: &[u8]) -> u32 {
    let Some((start, mut rest)) = data.split_first() else { return 0 };
    let mut driven = Driven::new(BEGINNINGS[usize::from(start % 7)], start & 0x80 != 0);
    while let Some(([what, with], after)) = rest.split_first_chunk() {
        rest = after;
        match what % 8 {
            0 => driven.wait(Duration::from_secs(u64::from(*with) * 10)),
            1 => driven.restart(),
            2 => driven.arise(OCCASIONS[usize::from(with % 4)]),
            _ => {
                let (frame, after) = rest.split_at(usize::from(*with).min(rest.len()));
                rest = after;
                if let Ok(request) = decode::<Request>(frame) {
                    driven.ask(request);
                }
            }
        }
    }
    driven.made()
}

/// A state file: what is read is written and read again.
pub(crate) fn state(data: &[u8]) {
    if let Ok(state) = core::str::from_utf8(data).map_err(drop).and_then(|text| State::parse(text).map_err(drop)) {
        assert_eq!(State::parse(&state.render()), Ok(state));
    }
}
