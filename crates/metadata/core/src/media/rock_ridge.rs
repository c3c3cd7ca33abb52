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
