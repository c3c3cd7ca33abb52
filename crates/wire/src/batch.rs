use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use postcard::experimental::max_size::MaxSize;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded::varint_size;
use crate::encoded_size;

/// Values of `T` that take at most `BYTES` bytes together in their encoding: as many as one frame has room for. Where the
/// largest value is much larger than the usual one, this holds more of them than a [`Bounded`](crate::Bounded) of the
/// same size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T, const BYTES: usize>(Vec<T>);

impl<T: Serialize + MaxSize, const BYTES: usize> Batch<T, BYTES> {
    /// All values, in order, in few batches, of which none is empty, and none of several values has more than `usual` bytes.
    pub fn pack(values: impl IntoIterator<Item = T>, usual: usize) -> Vec<Self> {
        const {
            assert!(T::POSTCARD_MAX_SIZE <= BYTES, "a batch that may have no room for a single value");
        }
        let (mut batches, mut room) = (Vec::<Self>::new(), 0_usize);
        for value in values {
            let size = encoded_size(&value);
            match (batches.last_mut(), room.checked_sub(size)) {
                (Some(last), Some(left)) => {
                    last.0.push(value);
                    room = left;
                }
                (Some(_) | None, _) => {
                    batches.push(Self(vec![value]));
                    room = usual.min(BYTES).saturating_sub(size);
                }
            }
        }
        batches
    }
}

impl<T, const BYTES: usize> Batch<T, BYTES> {
    /// The values.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

/// No value.
impl<T, const BYTES: usize> Default for Batch<T, BYTES> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const BYTES: usize> Deref for Batch<T, BYTES> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: MaxSize, const BYTES: usize> MaxSize for Batch<T, BYTES> {
    // Values of no size would make a frame of a few bytes stand for any number of them.
    const POSTCARD_MAX_SIZE: usize = {
        assert!(T::POSTCARD_MAX_SIZE > 0, "a batch of zero-sized values");
        BYTES + varint_size(BYTES)
    };
}

impl<T: Serialize, const BYTES: usize> Serialize for Batch<T, BYTES> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const BYTES: usize> Deserialize<'de> for Batch<T, BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AsManyAsThereAre(PhantomData))
    }
}

struct AsManyAsThereAre<T, const BYTES: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const BYTES: usize> Visitor<'de> for AsManyAsThereAre<T, BYTES> {
    type Value = Batch<T, BYTES>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "values of at most {BYTES} bytes")
    }

    /// Makes no room for what is only announced: each value has one byte at least, of a frame that is no longer than
    /// `BYTES` and the number.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let announced = seq.size_hint().unwrap_or(0);
        if announced > BYTES {
            return Err(A::Error::invalid_length(announced, &self));
        }
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Batch(values))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{DecodeError, Str, decode, encode, max_size};

    type Words = Batch<Str<6>, 16>;

    fn words(list: &[&str]) -> Vec<Str<6>> {
        list.iter().map(|word| Str::new(word).unwrap()).collect()
    }

    #[test]
    fn a_batch_ends_where_the_next_value_has_no_room() {
        for (what, list, want) in [
            ("nothing", &[][..], &[][..]),
            ("one", &["a"], &[1]),
            ("as many as there is room for", &["aaaaaa", "bbbbbb", "c"], &[3]),
            ("one byte more", &["aaaaaa", "bbbbbb", "cc"], &[2, 1]),
            ("a small one after a large one does not go back", &["aaaaaa", "bbbbbb", "cccccc", "d"], &[2, 2]),
        ] {
            let batches = Words::pack(words(list), usize::MAX);
            assert_eq!(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(), want, "{what}");
            assert_eq!(batches.into_iter().flat_map(Batch::into_vec).collect::<Vec<_>>(), words(list), "{what}");
        }
    }

    #[test]
    fn a_value_of_more_than_the_usual_bytes_is_alone() {
        let batches = Words::pack(words(&["a", "bbbbbb", "c", "d", "e"]), 4);
        assert_eq!(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(), [1, 1, 2, 1]);
    }

    #[test]
    fn a_number_of_values_that_cannot_be_is_refused() {
        for (what, frame, want) in [
            ("one, which is empty", &[1, 0][..], Ok(Batch(words(&[""])))),
            ("more than there are", &[2, 0], Err(DecodeError::Malformed)),
            ("more than bytes", &[17, 0], Err(DecodeError::Malformed)),
            ("fewer than there are", &[1, 0, 0], Err(DecodeError::Trailing { extra: 1 })),
            ("as many as bytes, all empty", &[&[16][..], &[0; 16]].concat(), Ok(Batch(words(&[""; 16])))),
            ("more bytes than room", &[16; 18], Err(DecodeError::TooLong { len: 18, max: 17 })),
        ] {
            assert_eq!(decode::<Words>(frame), want, "{what}");
        }
    }

    #[test]
    fn a_batch_takes_its_bytes_and_the_number_of_its_values() {
        assert_eq!((max_size::<Words>(), max_size::<Batch<u8, 200>>()), (17, 202));
        assert_eq!(Batch::<u8, 4>::pack([1, 2], 4), [Batch(vec![1, 2])]);
        assert_eq!(Batch::<u8, 4>(vec![1, 2]).into_vec(), [1, 2]);
    }

    #[test]
    fn a_number_that_cannot_be_is_named_with_the_room_there_is() {
        use serde::de::value::{Error, SeqDeserializer};
        let seventeen = SeqDeserializer::<_, Error>::new([0_u8; 17].into_iter());
        let error = Batch::<u8, 16>::deserialize(seventeen).unwrap_err();
        assert_eq!(error.to_string(), "invalid length 17, expected values of at most 16 bytes");
    }

    proptest! {
        #[test]
        fn every_batch_fits_into_its_frame_and_arrives(list in prop::collection::vec("[a-z]{0,6}", 0..40)) {
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            for batch in Words::pack(words(&list), usize::MAX) {
                let mut buffer = [0; max_size::<Words>()];
                let frame = encode(&batch, &mut buffer).unwrap();
                prop_assert_eq!(decode::<Words>(frame), Ok(batch));
            }
        }
    }
}
