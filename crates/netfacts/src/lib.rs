//! What the network told this host, per interface: name servers, search domains, time servers, and who said so.
//!
//! The DHCP client writes one file per interface into `/run/orlop/netfacts`, named for its source and the interface
//! (`dhcp.eth0`), and replaces it whole. A name that does not end in the interface that the file itself names is a draft,
//! to be passed over. The resolver, the NTP client, the metadata fetcher and anybody's shell script read it. A file is
//! a line `netfacts 1` and then one fact per line, a key and a value with a space between; a key may come several
//! times where an order of preference makes sense. Lines with a key from the future are skipped and counted, so an
//! old reader understands a new writer. Everything is bounded: a reader never holds more than [`MAX_TEXT`] bytes.
//!
//! | key | value | times |
//! |---|---|---|
//! | `interface` | the interface that the facts came from | once, first |
//! | `metric` | its routes' metric: of two interfaces, believe the lower first | at most once |
//! | `dns` | address of a name server, most preferred first | up to [`MAX_SERVERS`] |
//! | `domain` | domain of the network | at most once |
//! | `search` | where to look for short names | up to [`MAX_SEARCH`] |
//! | `ntp` | address of a time server, most preferred first | up to [`MAX_SERVERS`] |
//! | `server` | address of the DHCP server | at most once |
//! | `wireserver` | address of Azure's wire server (DHCP option 245) | at most once |
//!
//! What several interfaces know together is a [`Union`]. Start at [`Facts::parse`]. Pure: no file is opened here. It promises that whatever [`Facts::parse`] accepts can be
//! put into resolv.conf or a log line without quoting, and that [`Facts::render`] and it are each other's inverse.
//!
//! ```
//! use orlop_netfacts::Facts;
//!
//! let text = "netfacts 1\ninterface eth0\ndns 192.0.2.1\ndns 2001:db8::1\ndomain example.com\nmood sunny\n";
//! let parsed = Facts::parse(text)?;
//! assert_eq!(parsed.facts.interface.as_str(), "eth0");
//! assert_eq!(parsed.facts.dns.len(), 2);
//! assert_eq!(parsed.unknown, 1, "a key from the future");
//! # Ok::<(), orlop_netfacts::ParseError>(())
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

mod facts;
mod name;
mod union;

pub use facts::{Facts, MAX_LINE, MAX_LINES, MAX_SEARCH, MAX_SERVERS, MAX_TEXT, ParseError, Parsed};
pub use name::Domain;
pub use union::{MAX_SEARCH_READ, Union};
