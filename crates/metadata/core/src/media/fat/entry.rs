use crate::media::MediaError;
use crate::media::field::{Fields, utf16};

/// Bytes of an entry.
pub(super) const ENTRY: usize = 32;

/// Bits of the attributes of an entry.
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
/// All four of them: a piece of a long name.
const LONG: u8 = 0x0f;

/// An entry of a folder.
#[derive(Debug)]
pub(super) struct Entry {
    /// Eight bytes and three, filled up with blanks.
    pub(super) short: [u8; 11],
    long: Option<String>,
    attributes: u8,
    high: u16,
    low: u16,
    pub(super) size: u64,
}

impl Entry {
    fn read(raw: &[u8], long: Option<String>) -> Result<Self, MediaError> {
        let (short, attributes) = (raw.array(0)?, raw.byte(11)?);
        Ok(Self { short, long, attributes, high: raw.le16(20)?, low: raw.le16(26)?, size: raw.le32(28)?.into() })
    }

    /// Whether it is the label of the volume.
    pub(super) fn is_label(&self) -> bool {
        self.attributes & LABEL != 0
    }

    pub(super) fn is_folder(&self) -> bool {
        self.attributes & FOLDER != 0
    }

    /// Whether it is the file or folder `name`.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let is_long = || self.long.as_ref().is_some_and(|long| long.eq_ignore_ascii_case(name));
        !self.is_label() && (is_long() || self.short_name().is_some_and(|short| short.eq_ignore_ascii_case(name)))
    }

    fn short_name(&self) -> Option<String> {
        let (stem, end) = self.short.split_at(8);
        let (stem, end) = (str::from_utf8(stem).ok()?.trim_end(), str::from_utf8(end).ok()?.trim_end());
        Some(if end.is_empty() { stem.to_owned() } else { format!("{stem}.{end}") })
    }

    /// The number of its first cluster.
    pub(super) fn first(&self, is_32: bool) -> u32 {
        let high = if is_32 { u32::from(self.high) << 16 } else { 0 };
        high | u32::from(self.low)
    }
}

/// The pieces of a long name, which precede the entry that it belongs to, the last one first.
#[derive(Debug, Default)]
pub(super) struct Names {
    pieces: Vec<[u16; UNITS]>,
    /// How many pieces are still to come.
    to_come: u8,
    checksum: u8,
}

/// Characters of a piece.
const UNITS: usize = 13;

/// Pieces of a name, at most: 20 of them have the 255 characters that a name may have.
const MAX_PIECES: u8 = 20;

/// In the number of a piece: it is the last one of its name, and thus comes first.
const FIRST: u8 = 0x40;

impl Names {
    /// Takes the next entry of a folder in. `None` when it is a piece of a name, or was deleted.
    pub(super) fn next(&mut self, raw: &[u8; ENTRY]) -> Result<Option<Entry>, MediaError> {
        let (number, attributes) = (raw.byte(0)?, raw.byte(11)?);
        if number == DELETED {
            *self = Self::default();
            return Ok(None);
        }
        if attributes & LONG == LONG {
            self.piece(number, raw)?;
            return Ok(None);
        }
        let Self { pieces, to_come, checksum } = std::mem::take(self);
        let is_whole = !pieces.is_empty() && to_come == 0 && checksum == sum(&raw.array(0)?);
        let long = is_whole.then(|| utf16(pieces.into_iter().rev().flatten()));
        Entry::read(raw, long).map(Some)
    }

    fn piece(&mut self, number: u8, raw: &[u8; ENTRY]) -> Result<(), MediaError> {
        let checksum = raw.byte(13)?;
        if number & FIRST != 0 {
            *self = Self { pieces: Vec::new(), to_come: number & !FIRST, checksum };
        }
        // A piece of another name, or one too many: what was gathered belongs to nothing.
        if number & !FIRST != self.to_come || !(1..=MAX_PIECES).contains(&self.to_come) || checksum != self.checksum {
            *self = Self::default();
            return Ok(());
        }
        self.to_come = self.to_come.saturating_sub(1);
        let mut units = [0; UNITS];
        for (unit, at) in units.iter_mut().zip((1..11).chain(14..26).chain(28..32).step_by(2)) {
            *unit = raw.le16(at)?;
        }
        self.pieces.push(units);
        Ok(())
    }
}

/// The first byte of an entry that was deleted.
const DELETED: u8 = 0xe5;

/// The checksum of a short name, which each piece of its long name has.
fn sum(short: &[u8; 11]) -> u8 {
    short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}
