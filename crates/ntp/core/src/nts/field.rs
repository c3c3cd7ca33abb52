//! The extension fields that protect a question and its answer (RFC 8915 sections 5.3 to 5.7).

use aes_siv::siv::Aes128Siv;
use aes_siv::{KeyInit as _, Tag};
use orlop_machine::Chance;
use orlop_ntp_contract::{Cookie, Discard, MAX_COOKIE, MAX_COOKIES, Secret};

use crate::packet::{Extension, Extensions, HEADER, MAX_PACKET};

/// Field types (RFC 8915 section 7.5).
mod kind {
    pub(super) const UNIQUE_IDENTIFIER: u16 = 0x0104;
    pub(super) const COOKIE: u16 = 0x0204;
    pub(super) const PLACEHOLDER: u16 = 0x0304;
    pub(super) const AUTHENTICATOR: u16 = 0x0404;
}

/// Bytes of a unique identifier (RFC 8915 section 5.3 wants 32 at least).
const UNIQUE: usize = 32;
/// Bytes of our nonce.
const NONCE: usize = 16;
/// Bytes by which a protected text is longer than the text itself: the synthetic IV (RFC 5297).
const TAG: usize = 16;
/// Bytes before the value of a field: type and length.
const FIELD: usize = 4;

/// 256 random bits that stand in a question and have to come back, so that an answer to one question is none to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique([u8; UNIQUE]);

impl Unique {
    /// Random ones.
    #[must_use]
    pub fn new(chance: &mut Chance) -> Self {
        Self(random(chance))
    }

    /// These, for tests.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The question `plain`, protected: with the identifier, the cookie, `more` place holders that ask for as many new cookies, and
/// the authenticator over all of it. It never is longer than [`MAX_PACKET`], and no answer may be longer than the question.
#[must_use]
pub fn seal(
    plain: &[u8; HEADER],
    unique: &Unique,
    cookie: &Cookie,
    more: usize,
    key: &Secret,
    chance: &mut Chance,
) -> Vec<u8> {
    let mut packet = plain.to_vec();
    put(&mut packet, kind::UNIQUE_IDENTIFIER, &[&unique.0]);
    put(&mut packet, kind::COOKIE, &[cookie.bytes()]);
    let one = cookie.bytes().len().saturating_add(FIELD);
    let room = MAX_PACKET.saturating_sub(packet.len()).saturating_sub(AUTHENTICATOR);
    for _ in 0..more.min(MAX_COOKIES).min(room.checked_div(one).unwrap_or(0)) {
        put(&mut packet, kind::PLACEHOLDER, &[[0; MAX_COOKIE].get(..cookie.bytes().len()).unwrap_or_default()]);
    }
    let nonce: [u8; NONCE] = random(chance);
    let tag = protect(key, &packet, &nonce, &mut []);
    put(&mut packet, kind::AUTHENTICATOR, &[&LENGTHS, &nonce, &tag]);
    packet
}

/// [`NONCE`] and [`TAG`] as the authenticator of a question says them, in two bytes each (RFC 8915 section 5.6).
const LENGTHS: [u8; 4] = [0, 16, 0, 16];
/// Bytes of the authenticator of a question: two lengths, the nonce, and a protected text that is empty.
const AUTHENTICATOR: usize = FIELD + LENGTHS.len() + NONCE + TAG;

/// Whether the datagram's fields show the identifier of the question. Nobody vouches for that: it only says that whoever sent it
/// has seen the question.
#[must_use]
pub fn repeats(extensions: Extensions<'_>, unique: &Unique) -> bool {
    let mut found = extensions.filter(|field| field.field_type == kind::UNIQUE_IDENTIFIER);
    found.next().is_some_and(|field| field.value == unique.0)
}

/// Checks an answer, and gives the new cookies that are in it. `extensions` are the fields of `datagram`.
///
/// # Errors
/// [`Discard::Unprotected`]: there is nothing of NTS in it. [`Discard::Forged`]: there is, and it is not good.
pub fn open(
    datagram: &[u8],
    extensions: Extensions<'_>,
    unique: &Unique,
    key: &Secret,
) -> Result<Vec<Cookie>, Discard> {
    let is_protected = { extensions }.any(|field| field.field_type == kind::AUTHENTICATOR);
    if !is_protected {
        return Err(Discard::Unprotected);
    }
    let mut before = HEADER;
    let mut is_ours = false;
    for Extension { field_type, value } in extensions {
        match field_type {
            kind::AUTHENTICATOR if is_ours => {
                let covered = datagram.get(..before).ok_or(Discard::Forged)?;
                return unprotect(covered, value, key).ok_or(Discard::Forged);
            }
            // What is covered has to say which question it answers.
            kind::AUTHENTICATOR => return Err(Discard::Forged),
            kind::UNIQUE_IDENTIFIER if is_ours || value != unique.0 => return Err(Discard::Forged),
            kind::UNIQUE_IDENTIFIER => is_ours = true,
            _ => {}
        }
        before = before.saturating_add(FIELD).saturating_add(value.len());
    }
    Err(Discard::Forged)
}

/// The cookies in an authenticator's protected text, if it is the server's over `covered`.
fn unprotect(covered: &[u8], value: &[u8], key: &Secret) -> Option<Vec<Cookie>> {
    let ([a, b, c, d], rest) = value.split_first_chunk()?;
    let (nonce, protected) = (usize::from(u16::from_be_bytes([*a, *b])), usize::from(u16::from_be_bytes([*c, *d])));
    let (nonce, rest) = padded(rest, nonce)?;
    let (protected, _additional_padding) = padded(rest, protected)?;
    let (tag, text) = protected.split_first_chunk::<TAG>()?;
    // Without a nonce two answers with the same content would look the same; every server has one (RFC 8915 section 5.6).
    if nonce.is_empty() {
        return None;
    }
    let mut text = text.to_vec();
    let mut cipher = Aes128Siv::new(key.bytes().into());
    cipher.decrypt_in_place_detached([covered, nonce], &mut text, Tag::from_slice(tag)).ok()?;
    let cookies = Extensions::protected(&text).ok()?.filter(|field| field.field_type == kind::COOKIE);
    Some(cookies.filter_map(|field| Cookie::new(field.value)).take(MAX_COOKIES).collect())
}

/// `length` bytes, after which there is padding to whole words, and what follows.
fn padded(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (whole, rest) = bytes.split_at_checked(length.next_multiple_of(4))?;
    Some((whole.get(..length)?, rest))
}

fn protect(key: &Secret, covered: &[u8], nonce: &[u8], text: &mut [u8]) -> [u8; TAG] {
    let mut cipher = Aes128Siv::new(key.bytes().into());
    // It fails for texts of more than 2^36 bytes, and for more than 126 headers.
    cipher.encrypt_in_place_detached([covered, nonce], text).map(Into::into).unwrap_or_default()
}

/// Adds a field, whose parts fill whole words.
fn put(packet: &mut Vec<u8>, field_type: u16, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).fold(FIELD, usize::saturating_add);
    packet.extend(field_type.to_be_bytes());
    packet.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    parts.iter().for_each(|part| packet.extend(*part));
}

fn random<const N: usize>(chance: &mut Chance) -> [u8; N] {
    let mut bytes = [0; N];
    for part in bytes.chunks_mut(4) {
        for (byte, random) in part.iter_mut().zip(chance.number().to_be_bytes()) {
            *byte = random;
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
