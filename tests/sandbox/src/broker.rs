//! How a broker takes what an attacker said: as a careless one would (the control), and as ours does.

use orlop_fleet::dialect::Dialect;

/// Whether a broker without a decoder got something it should not have: any bytes at all behind the greeting, or a descriptor.
pub(crate) fn careless(said: &[Vec<u8>], descriptors: usize) -> bool {
    descriptors > 0 || said.iter().any(|message| !message.is_empty())
}

/// Whether our decoder accepted a message. It stops at the first one that it refuses, and an empty one is the end;
/// descriptors it never sees, because it receives without room for them.
pub(crate) fn careful(dialect: &Dialect, said: &[Vec<u8>]) -> bool {
    said.first().is_some_and(|message| (dialect.accepts)(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_accepted_behind_a_refused_message() {
        for dialect in orlop_fleet::dialect::ALL {
            let (good, name) = (dialect.good.to_vec(), dialect.processes);
            let alone = std::slice::from_ref(&good);
            assert!(careful(dialect, alone) && careless(alone, 0), "{name:?}");
            assert!(!careful(dialect, &[vec![0xff], good.clone()]), "{name:?}");
            assert!(!careful(dialect, &[vec![], good]), "{name:?}");
            assert!(!careful(dialect, &[]), "{name:?}");
        }
    }
}
