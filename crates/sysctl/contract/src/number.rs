//! Numbers as the kernel reads them: `proc_dointvec` and its kin in kernel/sysctl.c.

/// White space as the kernel has it, `isspace` in lib/ctype.c: a vertical tab is, which Rust's and HTML's ASCII white space
/// leaves out.
const WHITE: [char; 6] = [' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];

/// What stands between white space in `text`.
pub(crate) fn fields(text: &str) -> impl Iterator<Item = &str> {
    text.split(WHITE).filter(|field| !field.is_empty())
}

/// The numbers in `text`, separated by white space; nothing when one of the fields is no number to the kernel.
///
/// A field is an optional `-`, then digits in base 16 after `0x`, in base 8 after `0`, in base 10 otherwise. There is no
/// `+`. What does not fit in 64 bits is no number.
#[must_use]
pub fn numbers(text: &str) -> Option<Vec<i128>> {
    let numbers: Option<Vec<_>> = fields(text).map(number).collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

/// The first number in `text`: a setting that is one number takes this one, and ignores what follows it.
#[must_use]
pub fn first_number(text: &str) -> Option<i128> {
    fields(text).next().and_then(number)
}

/// Whether `field` is spelled as the kernel spells a number: base 10, no leading zero.
pub(crate) fn is_as_the_kernel_says(field: &str) -> bool {
    number(field).is_some_and(|number| number.to_string() == field)
}

/// The set of numbers in a list such as `80,443-445`, as ascending ranges with gaps between them; nothing when `text` is
/// no such list. `net.ipv4.ip_local_reserved_ports` is written in any order and read back as this.
pub(crate) fn ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    let mut ranges = text.trim().split(',').map(range).collect::<Option<Vec<_>>>()?;
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (low, high) in ranges {
        match merged.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            Some(_) | None => merged.push((low, high)),
        }
    }
    Some(merged)
}

fn range(item: &str) -> Option<(u32, u32)> {
    let (low, high) = item.split_once('-').unwrap_or((item, item));
    let bound = |text: &str| number(text).and_then(|number| u32::try_from(number).ok());
    let (low, high) = (bound(low)?, bound(high)?);
    (low <= high).then_some((low, high))
}

fn number(field: &str) -> Option<i128> {
    let (negative, digits) = field.strip_prefix('-').map_or((false, field), |digits| (true, digits));
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, digits.get(2..)?),
        [b'0', _, ..] => (8, digits),
        _ => (10, digits),
    };
    // from_str_radix would take a sign.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    Some(if negative { magnitude.saturating_neg() } else { magnitude })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_read_as_the_kernel_reads_it() {
        for (what, text, want) in [
            ("one", "60", Some(vec![60])),
            ("hexadecimal", "0x20", Some(vec![32])),
            ("hexadecimal in capitals", "0XfF", Some(vec![255])),
            ("octal", "010", Some(vec![8])),
            ("zero", "0", Some(vec![0])),
            ("many zeros", "000", Some(vec![0])),
            ("negative", "-1", Some(vec![-1])),
            ("negative hexadecimal", "-0x10", Some(vec![-16])),
            ("a vector", "4096\t87380 6291456", Some(vec![4096, 87380, 6_291_456])),
            ("all that is white to the kernel", "\u{b}1\u{c}\r2", Some(vec![1, 2])),
            ("the largest", "18446744073709551615", Some(vec![i128::from(u64::MAX)])),
            ("one more than that", "18446744073709551616", None),
            ("no octal digit", "08", None),
            ("nothing after 0x", "0x", None),
            ("a plus", "+1", None),
            ("two signs", "--1", None),
            ("a plus after 0x", "0x+1", None),
            ("a sign alone", "-", None),
            ("a word", "yes", None),
            ("a number and a word", "1 yes", None),
            ("nothing", "", None),
            ("white space", " \t", None),
        ] {
            assert_eq!(numbers(text), want, "{what}");
        }
        assert_eq!(first_number("1 yes"), Some(1), "what follows the first is ignored");
        assert_eq!(first_number("yes 1"), None);
    }

    #[test]
    fn a_list_of_ranges_is_a_set() {
        for (what, text, want) in [
            ("neighbours", "8081,8080", Some(vec![(8080, 8081)])),
            ("overlapping", "1-5,3-9,20", Some(vec![(1, 9), (20, 20)])),
            ("the end of the world", "4294967295,4294967294", Some(vec![(4_294_967_294, 4_294_967_295)])),
            ("octal and hexadecimal", "010,0x20-0x21", Some(vec![(8, 8), (32, 33)])),
            ("no octal digit", "08", None),
            ("backwards", "9-1", None),
            ("a hole", "1,,2", None),
            ("a word", "a", None),
            ("negative", "-1", None),
        ] {
            assert_eq!(ranges(text), want, "{what}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_kernel_says_is_read_as_what_it_is(number in i128::from(i64::MIN)..=i128::from(u64::MAX)) {
            let text = number.to_string();
            prop_assert_eq!(numbers(&text), Some(vec![number]));
            prop_assert!(is_as_the_kernel_says(&text));
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            let _ = (numbers(&text), first_number(&text), ranges(&text));
        }
    }
}
