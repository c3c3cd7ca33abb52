//! Messages out of a TCP stream (RFC 1035 section 4.2.2).

/// The longest message: its length has two bytes.
pub const MAX_MESSAGE: usize = u16::MAX as usize;

/// What has come and is not a whole message yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream(Vec<u8>);

impl Stream {
    /// Takes the next bytes, and gives every message that is whole now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.0.extend(bytes);
        let (mut messages, mut left) = (Vec::new(), &*self.0);
        while let Some((length, rest)) = left.split_first_chunk() {
            let Some((message, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
            messages.push(message.to_vec());
            left = rest;
        }
        self.0 = left.to_vec();
        messages
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_wherever_the_stream_is_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            piece in 1_usize..30,
            rest in prop::collection::vec(any::<u8>(), 0..2),
        ) {
            let framed = |message: &Vec<u8>| [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat();
            let whole = [messages.iter().map(framed).collect::<Vec<_>>().concat(), rest.clone()].concat();
            let mut stream = Stream::default();
            let out: Vec<Vec<u8>> = whole.chunks(piece).flat_map(|piece| stream.push(piece)).collect();
            prop_assert_eq!(out, messages);
            prop_assert_eq!(stream.held(), rest.len());
        }
    }

    #[test]
    fn no_more_is_held_than_one_message_and_what_came_last() {
        let mut stream = Stream::default();
        let most = (0..200).map(|_| {
            stream.push(&[0xff; 1024]);
            stream.held()
        });
        assert!(most.max().unwrap() < MAX_MESSAGE + 2 + 1024);
    }
}
