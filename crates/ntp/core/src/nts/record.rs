//! What passes through the TLS connection of a key exchange (RFC 8915 section 4): one request, one response, both a list of
//! records.

use core::net::IpAddr;
use core::str;

use orlop_ntp_contract::{Cookie, Host, KeyFailure, MAX_COOKIES};
use orlop_wire::{DomainName, HostAddr};

/// What both sides agree on before anything is said (ALPN, RFC 8915 section 4).
pub const ALPN: &[u8] = b"ntske/1";

/// The label under which keys are taken out of TLS (RFC 8915 section 5.1).
pub const EXPORTER: &[u8] = b"EXPORTER-network-time-security";

/// Longest response that is read: eight of the longest cookies and as much again.
pub const MAX_RESPONSE: usize = 4096;

/// Records of one response, at most.
const MAX_RECORDS: usize = 64;

/// NTPv4, the only Next Protocol there is (RFC 8915 section 7.7).
const NTPV4: u16 = 0;
/// `AEAD_AES_SIV_CMAC_256` (RFC 8915 section 5.1).
const AES_SIV_CMAC_256: u16 = 15;

/// Whoever does not know a record with this bit must not go on.
const CRITICAL: u16 = 0x8000;

/// Record types (RFC 8915 section 7.6).
mod kind {
    pub(super) const END: u16 = 0;
    pub(super) const NEXT_PROTOCOL: u16 = 1;
    pub(super) const ERROR: u16 = 2;
    pub(super) const WARNING: u16 = 3;
    pub(super) const ALGORITHM: u16 = 4;
    pub(super) const COOKIE: u16 = 5;
    pub(super) const SERVER: u16 = 6;
    pub(super) const PORT: u16 = 7;
}

/// What a key exchange has yielded, beside the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// At least one.
    pub cookies: Vec<Cookie>,
    /// Where the server of the time is, if not here.
    pub host: Option<Host>,
    /// And its port, if it is not the usual one.
    pub port: Option<u16>,
}

/// The bytes of our request.
#[must_use]
pub fn request() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, body) in [
        (CRITICAL | kind::NEXT_PROTOCOL, &NTPV4.to_be_bytes()[..]),
        (CRITICAL | kind::ALGORITHM, &AES_SIV_CMAC_256.to_be_bytes()),
        (CRITICAL | kind::END, &[]),
    ] {
        bytes.extend(kind.to_be_bytes());
        bytes.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(body);
    }
    bytes
}

/// What the exporter is told beside its label: protocol, algorithm, and whose key it is (RFC 8915 section 5.1).
#[must_use]
pub fn exporter_context(to_server: bool) -> [u8; 5] {
    let ([a, b], [c, d]) = (NTPV4.to_be_bytes(), AES_SIV_CMAC_256.to_be_bytes());
    [a, b, c, d, u8::from(!to_server)]
}

/// What was agreed so far.
#[derive(Debug, Default)]
struct Agreed {
    protocol: Option<u16>,
    algorithm: Option<u16>,
    response: Response,
}

impl Default for Response {
    fn default() -> Self {
        Self { cookies: Vec::new(), host: None, port: None }
    }
}

impl Response {
    /// Reads all that has come so far. `None` while the end has not.
    ///
    /// # Errors
    /// What is there is no response, whatever may follow, or one that there is nothing to do with.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, KeyFailure> {
        if bytes.len() > MAX_RESPONSE {
            return Err(KeyFailure::TooLong);
        }
        let (mut rest, mut agreed) = (bytes, Agreed::default());
        for _ in 0..MAX_RECORDS {
            let Some((kind, body, after)) = split(rest) else { return Ok(None) };
            rest = after;
            if kind & !CRITICAL == kind::END {
                // The last record by definition: what follows it is no part of the conversation.
                return if body.is_empty() && rest.is_empty() {
                    agreed.finish().map(Some)
                } else {
                    Err(KeyFailure::Records)
                };
            }
            agreed.take(kind, body)?;
        }
        Err(KeyFailure::TooLong)
    }
}

impl Agreed {
    fn take(&mut self, kind: u16, body: &[u8]) -> Result<(), KeyFailure> {
        let number = || body.try_into().map(u16::from_be_bytes).map_err(|_| KeyFailure::Records);
        match kind & !CRITICAL {
            // An empty list says that there is nothing in common.
            kind::NEXT_PROTOCOL | kind::ALGORITHM if body.is_empty() => Err(KeyFailure::Unsupported),
            kind::NEXT_PROTOCOL => once(&mut self.protocol, number()?),
            kind::ALGORITHM => once(&mut self.algorithm, number()?),
            kind::ERROR => Err(number().map_or(KeyFailure::Records, KeyFailure::Error)),
            // There are none to know so far, and who does not know one goes no further (RFC 8915 section 4.1.4).
            kind::WARNING => Err(KeyFailure::Records),
            kind::COOKIE => {
                let cookie = Cookie::new(body).ok_or(KeyFailure::Records)?;
                if self.response.cookies.len() < MAX_COOKIES {
                    self.response.cookies.push(cookie);
                }
                Ok(())
            }
            kind::SERVER => once(&mut self.response.host, host(body).ok_or(KeyFailure::Records)?),
            kind::PORT => once(&mut self.response.port, number()?),
            _ if kind & CRITICAL != 0 => Err(KeyFailure::Records),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Response, KeyFailure> {
        let Self { protocol, algorithm, response } = self;
        let (Some(protocol), Some(algorithm)) = (protocol, algorithm) else { return Err(KeyFailure::Records) };
        if protocol != NTPV4 || algorithm != AES_SIV_CMAC_256 {
            return Err(KeyFailure::Unsupported);
        }
        if response.cookies.is_empty() { Err(KeyFailure::Records) } else { Ok(response) }
    }
}

/// The first record, and what follows it; `None` when it is not whole.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([a, b, c, d], rest) = bytes.split_first_chunk()?;
    let (body, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
    Some((u16::from_be_bytes([*a, *b]), body, rest))
}

/// What must not come twice.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), KeyFailure> {
    if place.replace(value).is_none() { Ok(()) } else { Err(KeyFailure::Records) }
}

/// An address or a name, in ASCII (RFC 8915 section 4.1.7).
fn host(body: &[u8]) -> Option<Host> {
    let text = str::from_utf8(body).ok()?;
    match text.parse::<IpAddr>() {
        Ok(address) => HostAddr::new(address).map(Host::Address),
        Err(_) => DomainName::new(text).ok().map(Host::Name),
    }
}

#[cfg(test)]
mod tests;
