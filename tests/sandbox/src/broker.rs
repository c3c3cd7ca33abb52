//! How a broker takes what an attacker said: as a careless one would (the control), and as ours does.

use orlop_dhcp_contract::Request;

/// Whether a broker without a decoder got something it should not have: any bytes at all behind the greeting, or a descriptor.
pub(crate) fn careless(said: &[Vec<u8>], descriptors: usize) -> bool {
    descriptors > 0 || said.iter().any(|message| !message.is_empty())
}

/// Whether our decoder accepted a message. It stops at the first one that it refuses, and an empty one is the end;
/// descriptors it never sees, because it receives without room for them.
pub(crate) fn careful(said: &[Vec<u8>]) -> bool {
    let accepted = said.iter().map_while(|message| orlop_wire::decode::<Request>(message).ok()).count();
    accepted > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::REQUEST;

    #[test]
    fn a_good_request_is_accepted_so_that_a_refusal_means_something() {
        assert!(careful(&[REQUEST.to_vec()]), "the attacks' own request must be one");
        assert!(careless(&[REQUEST.to_vec()], 0));
    }

    #[test]
    fn nothing_is_accepted_behind_a_refused_message() {
        assert!(!careful(&[vec![0xff], REQUEST.to_vec()]));
        assert!(!careful(&[vec![], REQUEST.to_vec()]));
        assert!(!careful(&[]));
    }
}
