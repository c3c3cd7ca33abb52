//! Small numbers by which two processes call what they both know.

/// Makes types of numbers that begin with 0 and are below a limit. The contract of a daemon lists its own.
///
/// The calling crate needs `postcard` and `serde` among its dependencies.
#[macro_export]
macro_rules! numbers {
    ($($(#[doc = $doc:literal])+ $name:ident below $limit:expr,)+) => {$(
        $(#[doc = $doc])+
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize, $crate::MaxSize,
        )]
        #[serde(try_from = "u8", into = "u8")]
        pub struct $name(u8);

        impl $name {
            /// The number, or `None` when there are never so many.
            #[must_use]
            pub const fn new(number: u8) -> Option<Self> {
                if (number as usize) < $limit { Some(Self(number)) } else { None }
            }

            /// All of them, in order.
            pub fn all() -> impl Iterator<Item = Self> {
                (0..u8::MAX).map_while(Self::new)
            }

            /// The number, to count with.
            #[must_use]
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        }

        impl TryFrom<u8> for $name {
            type Error = $crate::OutOfRange;

            fn try_from(number: u8) -> Result<Self, $crate::OutOfRange> {
                Self::new(number).ok_or($crate::OutOfRange)
            }
        }

        impl From<$name> for u8 {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

/// There are never so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number out of range")]
pub struct OutOfRange;

#[cfg(test)]
mod tests {
    use super::OutOfRange;

    numbers! {
        /// One of three.
        Third below 3,
        /// One of as many as there can be.
        Any below 255,
    }

    #[test]
    fn there_are_as_many_numbers_as_there_is_room_for() {
        assert_eq!(Third::all().map(u8::from).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(Any::all().last().map(Any::index), Some(254));
        assert_eq!(
            (Third::try_from(2).map(|n| n.to_string()), Third::try_from(3)),
            (Ok("2".to_owned()), Err(OutOfRange))
        );
    }

    #[test]
    fn a_number_that_is_too_large_is_no_message() {
        for (bytes, good) in [([2_u8], true), ([3], false)] {
            assert_eq!(crate::decode::<Third>(&bytes).is_ok(), good, "{bytes:?}");
        }
    }
}
