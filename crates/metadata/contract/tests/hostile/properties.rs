//! Any bytes at all, in small numbers: what fuzzing does for hours.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::targets;

proptest! {
    #[test]
    fn no_bytes_make_the_policy_break_a_promise(which in 0_u8..3, frames in vec(vec(any::<u8>(), 1..40), 0..40)) {
        let length = |frame: &[u8]| u16::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
        let conversation = frames.iter().flat_map(|frame| [length(frame), frame.clone()].concat());
        targets::errand(&[which].into_iter().chain(conversation).collect::<Vec<u8>>());
    }

    #[test]
    fn what_decodes_has_one_spelling(data in vec(any::<u8>(), 0..64)) {
        targets::ipc_from_worker(&data);
        targets::ipc_from_broker(&data);
        targets::smbios(&data);
    }
}
