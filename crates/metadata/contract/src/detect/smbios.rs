//! The strings of SMBIOS type 11, which whoever started a virtual machine may have put there (`-smbios type=11,value=…`).

/// The type of the structure "OEM Strings" (SMBIOS 3.7, section 7.12).
const OEM_STRINGS: u8 = 11;

/// Bytes of the header of every structure: type, length, handle.
const HEADER: usize = 4;

/// Strings that are looked at, at most.
const MAX_STRINGS: usize = 256;

/// Those strings of type 11 in a table of structures, `/sys/firmware/dmi/tables/DMI`, that are text. A table that ends in the
/// middle of a structure has those before it.
#[must_use]
pub fn oem_strings(table: &[u8]) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = table;
    while let Some((kind, texts, next)) = structure(rest) {
        if kind == OEM_STRINGS {
            let texts = texts.split(|byte| *byte == 0).filter(|text| !text.is_empty());
            strings.extend(texts.filter_map(|text| core::str::from_utf8(text).ok()).map(str::to_owned));
            if strings.len() >= MAX_STRINGS {
                strings.truncate(MAX_STRINGS);
                break;
            }
        }
        rest = next;
    }
    strings
}

/// The first structure: its type, its strings, and what comes after it. The strings end with two NULs, of which the first is
/// that of the last string, if there is one.
fn structure(table: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, length], _) = table.split_first_chunk::<2>()?;
    let formatted = usize::from(length).max(HEADER);
    let texts = table.get(formatted..)?;
    let end = texts.windows(2).position(|pair| pair == [0, 0])?;
    Some((kind, texts.get(..end)?, texts.get(end.checked_add(2)?..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(structures: &[(u8, &[&str])]) -> Vec<u8> {
        let mut table = Vec::new();
        for (kind, strings) in structures {
            table.extend([*kind, 5, 0, 0, 1]);
            strings.iter().for_each(|text| table.extend(text.bytes().chain([0])));
            table.extend(if strings.is_empty() { &[0, 0][..] } else { &[0] });
        }
        table
    }

    #[test]
    fn strings_of_type_11_are_found_among_others() {
        let whole = table(&[(1, &["QEMU"]), (2, &[]), (11, &["ds=nocloud", "a=b"]), (11, &["c"]), (127, &[])]);
        assert_eq!(oem_strings(&whole), ["ds=nocloud", "a=b", "c"]);
        let cut: Vec<usize> = (0..whole.len()).map(|end| oem_strings(&whole[..end]).len()).collect();
        assert!(cut.iter().all(|n| *n <= 3) && cut.first() == Some(&0));
        assert!(oem_strings(&table(&[(11, &["x"; 300])])).len() <= MAX_STRINGS);
    }

    #[test]
    fn a_length_that_cannot_be_ends_nothing_and_loops_nowhere() {
        for length in [0, 1, 3, 255] {
            let bytes = [11, length, 0, 0, 0, 0, 0];
            assert!(oem_strings(&bytes).is_empty(), "{length}");
        }
    }
}
