//! Extended errors (RFC 8914) that an answer carries: kept, and given out again, as the options that they came as.

/// The option's number (RFC 8914 section 2).
const NUMBER: u16 = 15;

/// Text of one that is kept: longer ones lose it.
const MAX_TEXT: usize = 128;

/// Bytes of all of one answer: with the longest question they fit into a datagram of 512 bytes, which every client takes.
const MAX_OPTIONS: usize = 224;

/// An option without text.
pub(crate) const fn option(code: u16) -> [u8; 6] {
    let ([n0, n1], [c0, c1]) = (NUMBER.to_be_bytes(), code.to_be_bytes());
    [n0, n1, 0, 2, c0, c1]
}

/// Those among options, each a number and its data, as far as there is room: a text that has none is left out, and its code stays.
pub(crate) fn kept<'o>(options: impl Iterator<Item = (u16, &'o [u8])>) -> Vec<u8> {
    let mut kept = Vec::new();
    for (_, data) in options.filter(|(number, _)| *number == NUMBER) {
        let Some((code, text)) = data.split_first_chunk::<2>() else { continue };
        let fits = |length: usize| kept.len().saturating_add(length) <= MAX_OPTIONS;
        let bare = option(u16::from_be_bytes(*code));
        // Clients show it, and can show no other.
        let is_text = text.len() <= MAX_TEXT && core::str::from_utf8(text).is_ok();
        if is_text && fits(bare.len().saturating_add(text.len())) {
            let [n0, n1] = NUMBER.to_be_bytes();
            let [l0, l1] = u16::try_from(data.len()).unwrap_or(0).to_be_bytes();
            kept.extend([n0, n1, l0, l1]);
            kept.extend_from_slice(data);
        } else if fits(bare.len()) {
            kept.extend(bare);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(errors: &[(u16, Vec<u8>)]) -> Vec<u8> {
        kept(errors.iter().map(|(number, data)| (*number, &data[..])))
    }

    #[test]
    fn every_error_is_kept_as_it_came_and_nothing_else() {
        let errors = [
            (15, b"\0\x09key".to_vec()),
            (10, b"cookie!!".to_vec()),
            (15, b"\0\x16".to_vec()),
            (15, b"\0".to_vec()),
            (15, b"\0\x17\xff".to_vec()),
            (15, [&b"\0\x18"[..], &[b'x'; 129]].concat()),
        ];
        let want = [
            &b"\0\x0f\0\x05\0\x09key"[..],
            &option(22),
            // What is no text, and what is too long, leave their codes.
            &option(23),
            &option(24),
        ];
        assert_eq!(all(&errors), want.concat());
    }

    #[test]
    fn they_fit_into_any_datagram() {
        let long = (15, [&b"\0\x09"[..], &[b'x'; 128]].concat());
        let kept = all(&vec![long; 40]);
        assert_eq!(kept[..4], [0, 15, 0, 130]);
        assert_eq!(kept[134..], option(9).repeat(15), "of the others the codes");
        assert!((MAX_OPTIONS - 6..=MAX_OPTIONS).contains(&kept.len()), "{}", kept.len());
        assert_eq!(all(&vec![(15, b"\0\x09".to_vec()); 40]), option(9).repeat(37));
    }
}
