//! What Rock Ridge (IEEE P1282, on top of SUSP, IEEE P1281) adds to a directory record: its POSIX name, and what kind of file it is.

use super::field::Fields;
use super::{MediaError, Source};

/// How many bytes precede the fields of every other record, when the first record of the root announces such fields: `SP` (SUSP §5.3).
pub(super) fn announced(system_use: &[u8]) -> Option<usize> {
    match system_use.first_chunk() {
        Some([b'S', b'P', 7, 1, 0xbe, 0xef, skip]) => Some(usize::from(*skip)),
        _ => None,
    }
}

/// What the fields of one record say.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// The name, when it has one.
    pub(super) name: Option<Vec<u8>>,
    /// Why its content is not read.
    pub(super) unsupported: Option<&'static str>,
}

/// Areas of one record that continue it elsewhere, at most. Two are enough for a name and a link of the longest kind.
const MAX_CONTINUATIONS: usize = 8;

/// Bytes of such an area, at most: it lies in one block.
const MAX_AREA: usize = 2_048;

/// Bytes of a name: `NAME_MAX`.
const MAX_NAME: usize = 255;

/// `S_IFMT` and `S_IFREG`, `S_IFDIR` of POSIX, as `PX` has them (RRIP §4.1.1).
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

impl Extra {
    /// Reads the fields in `area`, and those it continues in, of a disk with blocks of `block` bytes.
    pub(super) fn read(source: &mut Source<'_>, area: &[u8], block: u64) -> Result<Self, MediaError> {
        let mut extra = Self::default();
        let mut next = extra.take_in(area)?;
        let mut areas_left = MAX_CONTINUATIONS;
        while let Some(Continuation { number, offset, len }) = next {
            areas_left =
                areas_left.checked_sub(1).ok_or(MediaError::Broken("Rock Ridge: a record continues without end"))?;
            let len = usize::try_from(len).ok().filter(|len| *len <= MAX_AREA);
            let len = len.ok_or(MediaError::Broken("Rock Ridge: a continuation is longer than a block"))?;
            let at = u64::from(number).saturating_mul(block).saturating_add(offset.into());
            let area = source.read(at, len)?;
            next = extra.take_in(&area)?;
        }
        Ok(extra)
    }

    /// Takes in the fields of one area; where it continues, if it does.
    fn take_in(&mut self, mut area: &[u8]) -> Result<Option<Continuation>, MediaError> {
        let mut next = None;
        // What is too short for a field fills the area up (SUSP §4).
        while let Some([a, b, len, _version]) = area.first_chunk() {
            // A NUL instead of a signature: padding, which not everybody leaves shorter than a field.
            if *a == 0 {
                break;
            }
            let len = usize::from(*len);
            if len < 4 {
                return Err(MediaError::Broken("Rock Ridge: a field is shorter than its head"));
            }
            let field = area.bytes(0, len)?;
            match &[*a, *b] {
                b"CE" => next = Some(Continuation::of(field)?),
                b"NM" => self.name_goes_on(field)?,
                b"PX" if !matches!(field.le32(4)? & KIND, REGULAR | FOLDER) => {
                    self.unsupported = Some("a link or special file");
                }
                b"SL" => self.unsupported = Some("a link or special file"),
                b"ZF" => self.unsupported = Some("a compressed file"),
                b"CL" | b"RE" => self.unsupported = Some("a folder that was moved"),
                b"ST" => break,
                _ => {}
            }
            area = area.get(len..).unwrap_or_default();
        }
        Ok(next)
    }

    /// `NM` (RRIP §4.1.4): a piece of the name. Flags other than "goes on" stand for `.` and `..`.
    fn name_goes_on(&mut self, field: &[u8]) -> Result<(), MediaError> {
        if field.byte(4)? & !1 == 0 {
            let name = self.name.get_or_insert_default();
            name.extend_from_slice(field.get(5..).unwrap_or_default());
            if name.len() > MAX_NAME {
                return Err(MediaError::Broken("Rock Ridge: a name is longer than 255 bytes"));
            }
        }
        Ok(())
    }
}

/// `CE` (SUSP §5.1): where a record goes on.
struct Continuation {
    number: u32,
    offset: u32,
    len: u32,
}

impl Continuation {
    fn of(field: &[u8]) -> Result<Self, MediaError> {
        Ok(Self { number: field.le32(4)?, offset: field.le32(12)?, len: field.le32(20)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with this content.
    fn field(signature: &[u8; 2], content: &[u8]) -> Vec<u8> {
        let len = u8::try_from(4 + content.len()).unwrap();
        [signature, &[len, 1][..], content].concat()
    }

    fn extra(area: &[u8]) -> Result<(Option<&'static str>, Option<String>), MediaError> {
        let mut extra = Extra::default();
        let _ = extra.take_in(area)?;
        Ok((extra.unsupported, extra.name.map(|name| String::from_utf8(name).unwrap())))
    }

    #[test]
    fn what_a_file_is_that_cannot_be_read_is_known() {
        let kind = |kind: u32| field(b"PX", &kind.to_le_bytes());
        for (what, area, want) in [
            ("nothing", vec![], None),
            ("a file", kind(REGULAR | 0o644), None),
            ("a folder", kind(FOLDER | 0o755), None),
            ("a link", kind(0o120_777), Some("a link or special file")),
            ("a device", kind(0o060_600), Some("a link or special file")),
            ("where a link leads", field(b"SL", &[0]), Some("a link or special file")),
            ("a compressed file", field(b"ZF", &[0; 12]), Some("a compressed file")),
            ("a folder that is elsewhere", field(b"CL", &[0; 8]), Some("a folder that was moved")),
            ("one that came from elsewhere, a field of four bytes", field(b"RE", &[]), Some("a folder that was moved")),
            ("something unknown", field(b"XY", &[1, 2]), None),
            ("behind the end", [field(b"ST", &[]), field(b"SL", &[0])].concat(), None),
            ("behind padding", [vec![0, 0, 4, 1], field(b"SL", &[0])].concat(), None),
        ] {
            assert_eq!(extra(&area), Ok((want, None)), "{what}");
        }
    }

    #[test]
    fn a_field_has_a_head() {
        for len in 0..4 {
            let short = Err(MediaError::Broken("Rock Ridge: a field is shorter than its head"));
            assert_eq!(extra(&[b'X', b'Y', len, 1]), short, "{len} bytes");
        }
    }

    #[test]
    fn a_name_has_255_bytes_at_most() {
        let piece = |flags: u8, len: usize| field(b"NM", &[&[flags][..], &vec![b'n'; len]].concat());
        for (what, area, want) in [
            ("a name", piece(0, 7), Ok(Some("n".repeat(7)))),
            ("this folder", piece(2, 0), Ok(None)),
            ("the longest", [piece(1, 200), piece(0, 55)].concat(), Ok(Some("n".repeat(255)))),
            ("a byte more", [piece(1, 200), piece(0, 56)].concat(), Err(())),
            ("much more", [piece(1, 200), piece(1, 200), piece(0, 200)].concat(), Err(())),
        ] {
            assert_eq!(extra(&area).map(|(_, name)| name).map_err(|_| ()), want, "{what}");
        }
    }

    #[test]
    fn rock_ridge_is_there_when_the_first_record_says_so() {
        for (what, area, want) in [
            ("nothing", &[][..], None),
            ("it is", b"SP\x07\x01\xbe\xef\x00", Some(0)),
            ("after two bytes of something else", b"SP\x07\x01\xbe\xef\x02", Some(2)),
            ("other check bytes", b"SP\x07\x01\xbe\xee\x00", None),
            ("another field", b"XA\x07\x01\xbe\xef\x00", None),
        ] {
            assert_eq!(announced(area), want, "{what}");
        }
    }
}
