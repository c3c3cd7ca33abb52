//! Hostile bytes to values. Pure.

/// Longest datagram that is a number, in bytes.
pub const MAX_DATAGRAM: usize = 16;

/// The number in a datagram: ASCII digits, and perhaps the end of a line. `None` where there is anything else.
#[must_use]
pub fn number(datagram: &[u8]) -> Option<u32> {
    let text = core::str::from_utf8(datagram).ok().filter(|text| text.len() <= MAX_DATAGRAM)?;
    let digits = text.strip_suffix('\n').unwrap_or(text);
    // The standard library takes a sign, too.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Whether a number is prime.
#[must_use]
pub fn is_prime(number: u64) -> bool {
    number >= 2 && (2..).take_while(|part| part <= &(number / part)).all(|part| !number.is_multiple_of(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prime_has_no_parts() {
        for (number, want) in
            [(0, false), (1, false), (2, true), (4, false), (25, false), (4999, true), (9_999_991 * 2, false)]
        {
            assert_eq!(is_prime(number), want, "{number}");
        }
    }

    #[test]
    fn only_digits_are_a_number() {
        for (what, datagram, want) in [
            ("digits", &b"42"[..], Some(42)),
            ("a line", b"42\n", Some(42)),
            ("nothing", b"", None),
            ("a sign", b"+42", None),
            ("two lines", b"4\n2\n", None),
            ("more than 32 bits", b"4294967296", None),
            ("more than any number", b"00000000000000042", None),
            ("no UTF-8", b"\xff", None),
        ] {
            assert_eq!(number(datagram), want, "{what}");
        }
    }
}
