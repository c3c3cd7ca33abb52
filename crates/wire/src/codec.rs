use postcard::experimental::max_size::MaxSize;
use postcard::experimental::serialized_size;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest frame a `T` can need, in bytes: the size of every buffer that holds one.
#[must_use]
pub const fn max_size<T: MaxSize>() -> usize {
    T::POSTCARD_MAX_SIZE
}

/// Bytes that `value` takes.
#[must_use]
pub fn encoded_size<T: Serialize + MaxSize>(value: &T) -> usize {
    // Encoding to nowhere cannot fail; the largest size is never too little.
    serialized_size(value).unwrap_or(T::POSTCARD_MAX_SIZE)
}

/// Writes `value` into `buffer` and returns the part it used.
///
/// # Errors
/// [`EncodeError`] when `buffer` is smaller than [`max_size`] of the type says it may need to be.
pub fn encode<'b, T: Serialize + MaxSize>(value: &T, buffer: &'b mut [u8]) -> Result<&'b [u8], EncodeError> {
    postcard::to_slice(value, buffer).map(|used| &*used).map_err(|_| EncodeError)
}

/// Reads one value that fills `frame` exactly, in its only valid encoding.
///
/// # Errors
/// What is wrong with the frame. The sender is broken or hostile either way; end the conversation.
pub fn decode<T: Serialize + DeserializeOwned + MaxSize>(frame: &[u8]) -> Result<T, DecodeError> {
    if frame.len() > max_size::<T>() {
        return Err(DecodeError::TooLong { len: frame.len(), max: max_size::<T>() });
    }
    let (value, rest) = postcard::take_from_bytes::<T>(frame).map_err(|_| DecodeError::Malformed)?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing { extra: rest.len() });
    }
    // postcard accepts a number spelled with more bytes than it needs (0x80 0x00 for 0). Encoding again and
    // comparing leaves one spelling, so that two frames are equal exactly when their meanings are.
    match postcard::serialize_with_flavor::<T, Comparing<'_>, ()>(&value, Comparing(frame)) {
        Ok(()) => Ok(value),
        Err(_) => Err(DecodeError::NotCanonical),
    }
}

/// Compares what postcard writes with what arrived, so that the check needs no second buffer.
struct Comparing<'f>(&'f [u8]);

impl postcard::ser_flavors::Flavor for Comparing<'_> {
    type Output = ();

    /// Which error does not matter: any means that the bytes differ.
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        let (first, rest) = self.0.split_first().ok_or(postcard::Error::SerializeBufferFull)?;
        self.0 = rest;
        if *first == byte { Ok(()) } else { Err(postcard::Error::SerializeBufferFull) }
    }

    fn finalize(self) -> postcard::Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(postcard::Error::SerializeBufferFull) }
    }
}

/// The buffer is smaller than the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frame buffer is smaller than the message")]
pub struct EncodeError;

/// A frame that no correct peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than any value of the type.
    #[error("frame of {len} bytes, the longest message has {max}")]
    TooLong {
        /// Bytes that arrived.
        len: usize,
        /// Bytes of the largest message.
        max: usize,
    },
    /// Not a value of the type: unknown tag, truncated, or out of its range.
    #[error("frame is not a message of this channel")]
    Malformed,
    /// A value, and then more.
    #[error("{extra} bytes after the message")]
    Trailing {
        /// Bytes left over.
        extra: usize,
    },
    /// The right value, spelled in a way that no encoder writes.
    #[error("message is not in its canonical encoding")]
    NotCanonical,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::{Bounded, Str};

    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize, MaxSize)]
    enum Sample {
        Empty,
        Number(u32),
        Named { name: Str<8>, flags: Bounded<bool, 3> },
    }

    #[test]
    fn only_one_spelling_of_a_frame_is_accepted() {
        let cases: [(&str, &[u8], Result<Sample, DecodeError>); 9] = [
            ("unit", &[0], Ok(Sample::Empty)),
            ("number", &[1, 5], Ok(Sample::Number(5))),
            ("no bytes", &[], Err(DecodeError::Malformed)),
            ("unknown tag", &[9], Err(DecodeError::Malformed)),
            ("truncated", &[1], Err(DecodeError::Malformed)),
            ("trailing byte", &[1, 5, 0], Err(DecodeError::Trailing { extra: 1 })),
            ("long zero", &[1, 0x80, 0x00], Err(DecodeError::NotCanonical)),
            ("long tag", &[0x81, 0x00, 5], Err(DecodeError::NotCanonical)),
            ("too many flags", &[2, 0, 4, 0, 0, 0, 0], Err(DecodeError::Malformed)),
        ];
        for (what, frame, want) in cases {
            assert_eq!(decode::<Sample>(frame), want, "{what}");
        }
    }

    #[test]
    fn a_frame_longer_than_any_message_is_not_even_looked_at() {
        let max = max_size::<Sample>();
        let frame = vec![0; max + 1];
        assert_eq!(decode::<Sample>(&frame), Err(DecodeError::TooLong { len: max + 1, max }));
    }

    #[test]
    fn a_short_buffer_is_an_error() {
        assert_eq!(encode(&Sample::Number(u32::MAX), &mut [0; 2]), Err(EncodeError));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(frame in prop::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(value) = decode::<Sample>(&frame) {
                let mut buffer = [0; max_size::<Sample>()];
                prop_assert_eq!(encode(&value, &mut buffer).unwrap(), &frame[..]);
            }
        }

        #[test]
        fn every_value_survives_the_journey(name in "[a-z]{0,8}", flags in prop::collection::vec(any::<bool>(), 0..=3), n: u32) {
            let named = Sample::Named { name: Str::new(&name).unwrap(), flags: flags.into_iter().collect() };
            for value in [named, Sample::Number(n), Sample::Empty] {
                let mut buffer = [0; max_size::<Sample>()];
                let frame = encode(&value, &mut buffer).unwrap();
                prop_assert_eq!(decode::<Sample>(frame).unwrap(), value);
            }
        }
    }
}
