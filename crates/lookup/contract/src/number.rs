//! The numbers by which broker and worker call names and servers.

use core::fmt;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{MAX_NAMES, MAX_SERVERS};

macro_rules! numbers {
    ($($(#[doc = $doc:literal])+ $name:ident below $limit:expr,)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
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
            type Error = OutOfRange;

            fn try_from(number: u8) -> Result<Self, OutOfRange> {
                Self::new(number).ok_or(OutOfRange)
            }
        }

        impl From<$name> for u8 {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numbers! {
    /// A name that is looked up. The broker gives the numbers.
    NameId below MAX_NAMES,
    /// A name server, by its place in the list of the last [`Notice::Servers`](crate::Notice::Servers), from 0.
    ServerId below MAX_SERVERS,
    /// How many name servers there are.
    ServerCount below MAX_SERVERS.saturating_add(1),
}

impl ServerCount {
    /// No server: nobody can be asked.
    pub const NONE: Self = Self(0);

    /// Each server, in the order of preference.
    pub fn ids(self) -> impl Iterator<Item = ServerId> {
        ServerId::all().take(self.index())
    }

    /// Whether this server is among them.
    #[must_use]
    pub const fn has(self, server: ServerId) -> bool {
        server.0 < self.0
    }
}

/// There are never so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number out of range")]
pub struct OutOfRange;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_numbers_as_there_is_room_for() {
        assert_eq!(NameId::all().count(), MAX_NAMES);
        assert_eq!(ServerId::all().count(), MAX_SERVERS);
        assert_eq!(ServerCount::all().last().map(ServerCount::index), Some(MAX_SERVERS));
        assert_eq!(NameId::try_from(32), Err(OutOfRange));
    }

    #[test]
    fn a_count_has_the_servers_below_it() {
        for count in ServerCount::all() {
            let has: Vec<ServerId> = ServerId::all().filter(|server| count.has(*server)).collect();
            assert_eq!(has, count.ids().collect::<Vec<_>>(), "of {count}");
            assert_eq!(has.len(), count.index());
        }
    }
}
