use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use postcard::experimental::max_size::MaxSize;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// At most `N` values of `T`, in order. The bound holds from the first byte read: element `N + 1` is refused
/// before it is stored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bounded<T, const N: usize>(Vec<T>);

impl<T, const N: usize> Bounded<T, N> {
    /// The bound.
    pub const MAX: usize = N;

    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds `value` at the end, or gives it back when there are `N` already.
    ///
    /// # Errors
    /// The value itself, when there is no room for it.
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.0.len() >= N {
            return Err(value);
        }
        self.0.push(value);
        Ok(())
    }

    /// The values, without their bound.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const N: usize> Default for Bounded<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps the first `N` and drops the rest: the meaning of "at most `N`" for lists that the network sends.
impl<T, const N: usize> FromIterator<T> for Bounded<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(values.into_iter().take(N).collect())
    }
}

impl<T, const N: usize> Deref for Bounded<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a Bounded<T, N> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Bounded<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: MaxSize, const N: usize> MaxSize for Bounded<T, N> {
    // Elements of no size would make a frame of a few bytes stand for any number of them.
    const POSTCARD_MAX_SIZE: usize = {
        assert!(T::POSTCARD_MAX_SIZE > 0, "a bounded list of zero-sized values");
        T::POSTCARD_MAX_SIZE * N + varint_size(N)
    };
}

/// Bytes of `n` as a varint: 7 bits a byte.
pub(crate) const fn varint_size(mut n: usize) -> usize {
    let mut bytes: usize = 1;
    while n > 0x7f {
        n >>= 7_u32;
        bytes = bytes.saturating_add(1);
    }
    bytes
}

impl<T: Serialize, const N: usize> Serialize for Bounded<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Bounded<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AtMost(PhantomData))
    }
}

struct AtMost<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for AtMost<T, N> {
    type Value = Bounded<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {N} values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let announced = seq.size_hint().unwrap_or(0);
        if announced > N {
            return Err(A::Error::invalid_length(announced, &self));
        }
        let mut values = Bounded::new();
        while let Some(value) = seq.next_element()? {
            values.push(value).map_err(|_| A::Error::invalid_length(N.saturating_add(1), &"fewer values"))?;
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_after_the_last_is_given_back() {
        let mut two = Bounded::<u8, 2>::new();
        assert_eq!(two.push(1), Ok(()));
        assert_eq!(two.push(2), Ok(()));
        assert_eq!(two.push(3), Err(3));
        assert_eq!(&*two, &[1, 2]);
    }

    #[test]
    fn collecting_keeps_the_first() {
        let two: Bounded<u8, 2> = (1..=9).collect();
        assert_eq!(&*two, &[1, 2]);
    }

    #[test]
    fn a_bounded_list_is_used_as_the_list_that_it_is() {
        let two: Bounded<u8, 2> = [1, 2].into_iter().collect();
        assert_eq!(format!("{two:?}"), "[1, 2]");
        assert_eq!((&two).into_iter().copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((two.len(), Bounded::<u8, 2>::MAX), (2, 2));
        assert_eq!(two.into_vec(), [1, 2]);
        assert_eq!(Bounded::<u8, 2>::default(), Bounded::new());
    }

    #[test]
    fn a_list_takes_its_values_and_their_number() {
        use crate::max_size;
        let sizes = [max_size::<Bounded<u8, 3>>(), max_size::<Bounded<u16, 3>>(), max_size::<Bounded<u8, 200>>()];
        assert_eq!(sizes, [4, 10, 202]);
    }

    #[test]
    fn a_longer_list_is_refused_whether_its_length_is_announced_or_not() {
        use serde::de::value::{Error, SeqDeserializer};
        let read = |values: &[u8]| {
            let announced = Bounded::<u8, 2>::deserialize(SeqDeserializer::<_, Error>::new(values.iter().copied()));
            let counted = values.iter().copied().filter(|_| true);
            let unannounced = Bounded::<u8, 2>::deserialize(SeqDeserializer::<_, Error>::new(counted));
            [announced, unannounced].map(|read| read.map(Bounded::into_vec).map_err(|error| error.to_string()))
        };
        assert_eq!(read(&[1, 2]), [Ok(vec![1, 2]), Ok(vec![1, 2])]);
        let [announced, unannounced] = read(&[1, 2, 3]);
        assert_eq!(announced, Err("invalid length 3, expected at most 2 values".to_owned()));
        assert_eq!(unannounced, Err("invalid length 3, expected fewer values".to_owned()));
    }

    #[test]
    fn the_size_of_the_length_follows_the_varint_rule() {
        for (what, n, want) in
            [("one", 1, 1), ("last of one byte", 127, 1), ("first of two", 128, 2), ("three", 16_384, 3)]
        {
            assert_eq!(varint_size(n), want, "{what}");
        }
    }
}
