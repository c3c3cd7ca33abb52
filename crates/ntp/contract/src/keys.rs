//! Key exchanges (RFC 8915 section 4): what the worker that makes them is told and says, and what it hands to the worker that
//! uses the keys, past the broker.

use core::fmt;

use orlop_wire::{Bounded, DomainName, HostAddr, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{SourceId, Utc};

/// Cookies of one server that are kept, and asked for in one exchange (RFC 8915 section 5.7 suggests eight).
pub const MAX_COOKIES: usize = 8;

/// Longest cookie that is kept. chronyd's have 100 bytes, others up to 200; a question with a longer one would have no room for
/// a place holder.
pub const MAX_COOKIE: usize = 256;

/// Shortest cookie: what an extension field has room for at least (RFC 7822 section 7.5).
const SHORTEST_COOKIE: usize = 12;

/// Everything a broker tells the worker that exchanges keys. It makes one exchange in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum KeyNotice {
    /// What joins it to the worker that uses the keys. The file descriptor arrives with this message.
    Joined,
    /// Whom it trusts: a file of certificates as text (PEM), open for reading, arrives with this message.
    Roots,
    /// Exchange keys. The socket, which is being connected to the server, arrives with this message.
    Exchange {
        /// Which exchange it is, for whoever gets the keys.
        number: ExchangeId,
        /// For which source.
        source: SourceId,
        /// Whose certificate it has to be.
        host: Host,
        /// When the certificate has to be valid.
        dates: Dates,
    },
}

/// Everything that worker says to its broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum KeyRequest {
    /// The keys are where they belong.
    Done {
        /// Where the server wants to be asked for the time, if not where it exchanges keys.
        host: Option<Host>,
        /// At which port, if not at the usual one.
        port: Option<u16>,
    },
    /// There are none.
    Failed(KeyFailure),
}

/// Counts exchanges, so that keys and the place of their server find each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, MaxSize)]
pub struct ExchangeId(u32);

impl ExchangeId {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A host as a certificate names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Host {
    /// By its name.
    Name(DomainName),
    /// By its address.
    Address(HostAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// At which moment a certificate has to be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Dates {
    /// At this one and no other.
    At(Utc),
    /// Nobody has vouched for the clock: when it shows a moment at which the certificate is not valid, then at any that is not
    /// before the floor. Whoever gets the keys is told which one it was.
    Unsure {
        /// What the clock shows.
        clock: Utc,
        /// No time before this one is true.
        floor: Utc,
    },
}

/// What a key exchange yields, from worker to worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Keys {
    /// Which exchange it was.
    pub number: ExchangeId,
    /// For which source.
    pub source: SourceId,
    /// The moment at which the certificate was valid, as far as anybody knows.
    pub checked: Utc,
    /// Protects questions: client to server.
    pub c2s: Secret,
    /// Protects answers: server to client.
    pub s2c: Secret,
    /// Each is good for one question.
    pub cookies: Bounded<Cookie, MAX_COOKIES>,
}

/// A key of `AEAD_AES_SIV_CMAC_256` (RFC 5297, number 15), which never shows itself in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Secret([u8; 32]);

impl Secret {
    /// These bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a server wants to be shown, and nobody else can read: it is different with every question, so that nobody on the way
/// sees that two of them come from the same client.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "Bounded<u8, MAX_COOKIE>", into = "Bounded<u8, MAX_COOKIE>")]
pub struct Cookie(Bounded<u8, MAX_COOKIE>);

impl Cookie {
    /// These bytes, unless there are none, or too many, or they do not fill whole words (RFC 7822 section 7.5), which only
    /// padding could, and a server gets its cookies back without any.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let is_one = (SHORTEST_COOKIE..=MAX_COOKIE).contains(&bytes.len()) && bytes.len().is_multiple_of(4);
        is_one.then(|| Self(bytes.iter().copied().collect()))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Bounded<u8, MAX_COOKIE>> for Cookie {
    type Error = NoCookie;

    fn try_from(bytes: Bounded<u8, MAX_COOKIE>) -> Result<Self, NoCookie> {
        Self::new(&bytes).ok_or(NoCookie)
    }
}

impl From<Cookie> for Bounded<u8, MAX_COOKIE> {
    fn from(cookie: Cookie) -> Self {
        cookie.0
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({} bytes)", self.0.len())
    }
}

/// These bytes are no cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no cookie")]
pub struct NoCookie;

/// Why a key exchange has yielded nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFailure {
    /// The file of trusted certificates cannot be read, or has none.
    #[error("no trusted certificate: look at nts-ca")]
    NoRoots,
    /// The name has no address that can be reached, or nobody listens there.
    #[error("the server cannot be reached")]
    Unreachable,
    /// Not whole within the time that an exchange has.
    #[error("the server does not answer in time")]
    Slow,
    /// The server has ended the conversation too early.
    #[error("the server hangs up")]
    HungUp,
    /// It does not speak TLS 1.3, or breaks its rules.
    #[error("no TLS 1.3")]
    Tls,
    /// It speaks TLS, but of something else than key exchange (ALPN).
    #[error("the server exchanges no keys (ALPN)")]
    Alpn,
    /// The certificate comes from nobody who is trusted.
    #[error("the certificate is of an issuer who is not trusted")]
    Issuer,
    /// The certificate is somebody else's.
    #[error("the certificate is for another name")]
    Name,
    /// The certificate is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The certificate is not valid any more.
    #[error("the certificate has expired")]
    Expired,
    /// Anything else is wrong with the certificate.
    #[error("the certificate is not good")]
    Certificate,
    /// More bytes than an exchange has.
    #[error("the server says too much")]
    TooLong,
    /// Not in the form of records, or not those that it takes.
    #[error("the server's records make no sense")]
    Records,
    /// It has none of our protocols and algorithms.
    #[error("the server has no NTPv4 with AES-SIV-CMAC-256")]
    Unsupported,
    /// It says that it failed, by this number (RFC 8915 section 4.1.3).
    #[error("the server reports error {0}")]
    Error(u16),
    /// It names a server that it may not send us to.
    #[error("the server names a time server that is not asked")]
    Place,
    /// The worker has ended in the middle of it.
    #[error("the worker that exchanges keys has failed")]
    Worker,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_fills_whole_words_and_is_not_too_long() {
        for (what, length, want) in [
            ("nothing", 0, false),
            ("too short for a field", 8, false),
            ("chronyd's", 100, true),
            ("uneven", 99, false),
            ("the longest", 256, true),
            ("longer", 260, false),
        ] {
            assert_eq!(Cookie::new(&vec![1; length]).is_some(), want, "{what}");
        }
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let shown = format!("{:?} {:?}", Secret::new([0xab; 32]), Cookie::new(&[0xab; 100]));
        assert!(!shown.contains("171") && !shown.contains("ab, "), "{shown}");
    }
}
