//! Which client identifier (option 61) a link sends.

use core::fmt;

use orlop_dhcp_contract::{Conduct, HardwareAddr};
use orlop_wire::Bounded;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// `htype` of Ethernet (RFC 1700), the first byte of an identifier that is a hardware address.
const HARDWARE_ETHERNET: u8 = 1;
/// First byte of an identifier that is not a hardware address (RFC 2132 section 9.14).
const NOT_HARDWARE: u8 = 0;
/// Shortest identifier: a type and one byte (RFC 2132 section 9.14).
const MIN_LEN: usize = 2;

/// The client identifier that an operator chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClientId {
    /// `"mac"`: type 1 and the hardware address. What every LinuxKit machine sent so far.
    #[default]
    Mac,
    /// `"none"`: no option 61; the server goes by `chaddr`.
    Unsent,
    /// These bytes, type byte included.
    Bytes(Bounded<u8, { Conduct::MAX_CLIENT_ID }>),
}

impl ClientId {
    /// Reads `"mac"`, `"none"`, bytes as pairs of hexadecimal digits with colons between (`01:52:54:00:12:34:56`), or
    /// any other text, which is sent after a type byte of 0.
    ///
    /// # Errors
    /// The text is empty or longer than 63 bytes, or the hexadecimal form has fewer than 2 bytes, more than 64, or a digit too many
    /// or a wrong one.
    pub fn new(text: &str) -> Result<Self, ClientIdError> {
        match text {
            "mac" => return Ok(Self::Mac),
            "none" => return Ok(Self::Unsent),
            "" => return Err(ClientIdError::Empty),
            _ => {}
        }
        let bytes = match from_hex(text) {
            Some(bytes) if bytes.len() < MIN_LEN => return Err(ClientIdError::Short),
            Some(bytes) => bytes,
            None if is_nearly_hex(text) => return Err(ClientIdError::NotHex),
            None => [&[NOT_HARDWARE], text.as_bytes()].concat(),
        };
        if bytes.len() > Conduct::MAX_CLIENT_ID {
            return Err(ClientIdError::Long { len: bytes.len() });
        }
        Ok(Self::Bytes(bytes.into_iter().collect()))
    }

    /// What goes into option 61 on a link with this hardware address; empty when the option is not sent.
    #[must_use]
    pub fn bytes(&self, hardware: HardwareAddr) -> Bounded<u8, { Conduct::MAX_CLIENT_ID }> {
        match self {
            Self::Mac => [HARDWARE_ETHERNET].into_iter().chain(hardware.0).collect(),
            Self::Unsent => Bounded::new(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// The bytes of `aa:bb:…`; `None` when `text` is not of that form, and so is text.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.contains(':') {
        return None;
    }
    text.split(':')
        .map(|pair| {
            let digits = matches!(pair.len(), 1 | 2) && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        })
        .collect()
}

/// Whether a text that is no bytes was meant to be: hexadecimal digits and colons only, or pairs between colons.
fn is_nearly_hex(text: &str) -> bool {
    let all = |of: fn(&u8) -> bool| text.bytes().all(|byte| byte == b':' || of(&byte));
    let pairs = || all(u8::is_ascii_alphanumeric) && text.split(':').all(|pair| pair.len() <= 2);
    text.contains(':') && text.len() > 1 && (all(u8::is_ascii_hexdigit) || pairs())
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = ClientId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"mac\", \"none\", bytes like \"01:52:54:00:12:34:56\", or text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ClientId, E> {
                ClientId::new(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Written)
    }
}

/// Why a text is not a client identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientIdError {
    /// Nothing at all.
    #[error("an empty client identifier; write \"mac\" or \"none\"")]
    Empty,
    /// Only a type byte.
    #[error("a client identifier has a type byte and at least one more")]
    Short,
    /// Bytes with something between their colons that is none.
    #[error("bytes are pairs of hexadecimal digits with colons between, such as 01:52:54:00:12:34:56")]
    NotHex,
    /// More than a server or a message can take.
    #[error("a client identifier of {len} bytes, at most 64 are sent")]
    Long {
        /// Bytes it would have, with its type.
        len: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: HardwareAddr = HardwareAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

    #[test]
    fn an_identifier_is_what_its_text_says() {
        let longest = "x".repeat(63);
        let too_long = "x".repeat(64);
        let sent = [&[0][..], longest.as_bytes()].concat();
        for (what, text, want) in [
            ("hardware address", "mac", Ok(&[1, 0x52, 0x54, 0, 0x12, 0x34, 0x56][..])),
            ("not sent", "none", Ok(&[])),
            ("bytes", "01:aa:0B", Ok(&[1, 0xaa, 0x0b])),
            ("short pairs, as dhcpcd takes them", "1:2:f", Ok(&[1, 2, 15])),
            ("text gets type 0", "node-7", Ok(b"\0node-7")),
            ("digits without colons are text", "0102", Ok(b"\x000102")),
            ("colons without digits are text", "rack:7g", Ok(b"\0rack:7g")),
            ("signs are no digits", "+1:-2", Ok(b"\0+1:-2")),
            ("a name and a port are text", "host.example:67", Ok(b"\0host.example:67")),
            ("letters that are no digits", "01:zz:00", Err(ClientIdError::NotHex)),
            ("a pair too long", "01:5254:00", Err(ClientIdError::NotHex)),
            ("a pair too few", "01::00", Err(ClientIdError::NotHex)),
            ("a colon at the end", "01:52:", Err(ClientIdError::NotHex)),
            ("the letter O", "0O:11:22:33:44:55", Err(ClientIdError::NotHex)),
            ("longest", &longest, Ok(&sent)),
            ("one longer", &too_long, Err(ClientIdError::Long { len: 65 })),
            ("empty", "", Err(ClientIdError::Empty)),
            ("a lone colon is text", ":", Ok(b"\0:")),
        ] {
            assert_eq!(ClientId::new(text).map(|id| id.bytes(MAC).into_vec()), want.map(<[u8]>::to_vec), "{what}");
        }
    }
}
