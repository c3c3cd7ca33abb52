//! Why what the network sends is dropped, as an enum with a counter for each.

/// Makes `Discard`, whose variants say why something was dropped, and `Counters`, which has a number for each. The contract
/// of a daemon lists its own; every silent drop has a variant and a counter of the same name.
///
/// The calling crate needs `postcard` and `serde` among its dependencies.
#[macro_export]
macro_rules! discards {
    (#![doc = $about:literal] $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        #[doc = $about]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Discard { $($(#[doc = $doc])+ $variant,)+ }

        impl Discard {
            /// All of them, in the order of the counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in status, metrics and traces.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl ::core::fmt::Display for Discard {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.name())
            }
        }

        /// How often each [`Discard`] happened. Saturates.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ::serde::Serialize, ::serde::Deserialize, $crate::MaxSize)]
        #[serde(transparent)]
        pub struct Counters([u32; Discard::ALL.len()]);

        impl Counters {
            /// Counts one.
            pub fn count(&mut self, discard: Discard) {
                if let Some(counter) = self.0.get_mut(usize::from(discard as u8)) {
                    *counter = counter.saturating_add(1);
                }
            }

            /// How often `discard` happened.
            #[must_use]
            pub fn of(&self, discard: Discard) -> u32 {
                self.0.get(usize::from(discard as u8)).copied().unwrap_or(0)
            }

            /// All of them, together.
            #[must_use]
            pub fn total(&self) -> u32 {
                self.0.iter().fold(0, |sum: u32, n| sum.saturating_add(*n))
            }

            /// Each with its number, in order.
            pub fn iter(&self) -> impl Iterator<Item = (Discard, u32)> {
                Discard::ALL.iter().map(|discard| (*discard, self.of(*discard)))
            }
        }
    };
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro is for contracts, whose values everybody sees")]
mod tests {
    discards! {
        //! Why a letter was thrown away.
        /// Nobody wrote it.
        Blank = "blank",
        /// It is for somebody else.
        Misdirected = "misdirected",
    }

    #[test]
    fn each_discard_has_its_own_counter_and_name() {
        for (at, one) in Discard::ALL.iter().enumerate() {
            let mut counters = Counters::default();
            counters.count(*one);
            assert_eq!(counters.iter().filter(|(_, n)| *n == 1).map(|(d, _)| d).collect::<Vec<_>>(), [*one]);
            assert!(Discard::ALL.iter().skip(at + 1).all(|other| other.name() != one.name()), "{one}");
        }
    }

    #[test]
    fn a_counter_stops_at_its_end() {
        let mut counters = Counters([u32::MAX; Discard::ALL.len()]);
        counters.count(Discard::Blank);
        assert_eq!((counters.of(Discard::Blank), counters.total()), (u32::MAX, u32::MAX));
    }
}
