//! Messages by a decoder that is not ours.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;

/// What a message is.
pub(crate) fn decode(bytes: &[u8]) -> Message {
    Message::from_vec(bytes).unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()))
}

/// The number of its extended error.
pub(crate) fn ede(bytes: &[u8]) -> Option<u16> {
    let edns = decode(bytes).edns?;
    edns.options().as_ref().iter().find_map(|(_, option)| {
        let EdnsOption::Unknown(15, data) = option else { return None };
        Some(u16::from_be_bytes([data[0], data[1]]))
    })
}
