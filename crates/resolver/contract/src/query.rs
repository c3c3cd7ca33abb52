//! A question of the operator, which goes the way of every other one.

use core::fmt;
use core::time::Duration;

use orlop_wire::{Bounded, MaxSize, Str};
use serde::{Deserialize, Serialize};

use crate::UpstreamId;

orlop_wire::numbers! {
    /// An order that waits for its answer. The broker gives the numbers.
    OrderId below 8,
}

/// Records of an answer that are shown, at most: those of the largest answer that anybody reads.
pub const MAX_RECORDS: usize = 32;

/// What is asked for: the number of a type of records (RFC 1035 section 3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
pub struct QueryType(pub u16);

/// Types by the names that people call them.
const NAMED: [(u16, &str); 14] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (43, "DS"),
    (48, "DNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (257, "CAA"),
];

impl QueryType {
    /// The type of this name, in whatever case, or with this number as RFC 3597 section 5 writes it (`TYPE65280`).
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let named = NAMED.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
        named.or_else(|| text.strip_prefix("TYPE")?.parse().ok()).map(Self)
    }
}

impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

/// The answer to the operator's question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Queried {
    /// The response code (RFC 6895 section 2.3), 0 where all is well.
    pub rcode: u8,
    /// What the answer says about itself (RFC 8914), by its number.
    pub extended_error: Option<u16>,
    /// Where it is from: the server that was asked; `None` where nobody had to be.
    pub asked: Option<UpstreamId>,
    /// How long it took.
    pub took: Duration,
    /// The records of the answer section, in their order.
    pub records: Bounded<Record, MAX_RECORDS>,
    /// Whether there are more records than these.
    pub is_cut: bool,
}

/// One record, as text. What of a name or of data does not fit is cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Record {
    /// Whose it is.
    pub name: Str<255>,
    /// Its type.
    pub kind: QueryType,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it says, in the form of zone files (RFC 1035 section 5.1).
    pub data: Str<256>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_its_name_or_its_number() {
        for (text, number, shown) in [
            ("A", Some(1), "A"),
            ("aaaa", Some(28), "AAAA"),
            ("https", Some(65), "HTTPS"),
            ("TYPE65280", Some(65_280), "TYPE65280"),
            ("type1", Some(1), "A"),
            ("TYPE65536", None, ""),
            ("TYPE", None, ""),
            ("B", None, ""),
        ] {
            let kind = QueryType::named(text);
            assert_eq!(kind.map(|kind| kind.0), number, "{text}");
            assert_eq!(kind.map(|kind| kind.to_string()).unwrap_or_default(), shown, "{text}");
        }
    }
}
