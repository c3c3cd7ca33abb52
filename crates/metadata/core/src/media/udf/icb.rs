use super::{Place, Udf, identifier, tag};
use crate::media::field::Fields;
use crate::media::{MAX_FOLDER, MediaError, Source};

/// What an information control block says of a file: a file entry (ECMA-167 4/14.9), or an extended one (4/14.17).
#[derive(Debug)]
pub(super) struct Icb {
    /// File type (4/14.6.6).
    kind: u8,
    /// How its content is described: the lowest three bits of the flags (4/14.6.8).
    described: u16,
    /// Bytes of its content.
    pub(super) len: u64,
    /// What describes its content.
    description: Vec<u8>,
    /// The partition that its own addresses are in.
    partition: u16,
}

/// File types.
const FOLDER: u8 = 4;
const FILE: u8 = 5;

/// Extents of a file, at most. A block of the largest size has room for no more.
const MAX_EXTENTS: usize = 512;

impl Icb {
    pub(super) fn read(udf: &Udf, source: &mut Source<'_>, place: Place) -> Result<Self, MediaError> {
        let block = udf.read_block(source, place)?;
        let lengths = match identifier(&block) {
            Some(tag::FILE_ENTRY) => 168,
            Some(tag::EXTENDED_FILE_ENTRY) => 208,
            _ => return Err(MediaError::Broken("UDF: there is no file entry where one should be")),
        };
        if block.le32(12)? != place.number {
            return Err(MediaError::Broken("UDF: a file entry belongs elsewhere"));
        }
        if block.le16(20)? != 4 {
            return Err(MediaError::Unsupported("UDF with another strategy than 4"));
        }
        let length = |at| block.le32(at).map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let (attributes, described) = (length(lengths)?, length(lengths.saturating_add(4))?);
        let from = lengths.saturating_add(8).saturating_add(attributes);
        Ok(Self {
            kind: block.byte(27)?,
            described: block.le16(34)? & 7,
            len: block.array(56).map(u64::from_le_bytes)?,
            description: block.bytes(from, described)?.to_vec(),
            partition: place.partition,
        })
    }

    pub(super) const fn is_folder(&self) -> bool {
        self.kind == FOLDER
    }

    pub(super) const fn is_file(&self) -> bool {
        self.kind == FILE
    }

    /// Its content, which is no longer than what is read of a folder or a file.
    pub(super) fn content(&self, udf: &Udf, source: &mut Source<'_>) -> Result<Vec<u8>, MediaError> {
        let len = usize::try_from(self.len.min(MAX_FOLDER)).unwrap_or_default();
        let extents: Vec<(u32, Place)> = match self.described {
            // Short addresses (4/14.14.1): the partition is that of the file entry.
            0 => self.extents::<8>(|raw| Ok(Place { number: raw.le32(4)?, partition: self.partition }))?,
            // Long ones (4/14.14.2).
            1 => self.extents::<16>(|raw| Place::read(raw, 4))?,
            // The content itself.
            3 => return self.description.bytes(0, len).map(<[u8]>::to_vec),
            _ => return Err(MediaError::Unsupported("UDF with extended addresses")),
        };
        let mut content = Vec::new();
        for (said, place) in extents {
            let left = len.saturating_sub(content.len());
            // Of the length, two bits say whether the extent is recorded (4/14.14.1.1).
            let piece = usize::try_from(said & 0x3fff_ffff).unwrap_or(left).min(left);
            match said >> 30 {
                _ if piece == 0 => break,
                0 => {
                    let at = udf.offset(place, u64::try_from(piece).unwrap_or(u64::MAX))?;
                    content.extend(source.read(at, piece)?);
                }
                1 | 2 => content.resize(content.len().saturating_add(piece), 0),
                _ => return Err(MediaError::Unsupported("UDF with a list of extents that continues elsewhere")),
            }
        }
        if content.len() < len {
            return Err(MediaError::Broken("UDF: a file has fewer extents than bytes"));
        }
        Ok(content)
    }

    fn extents<const N: usize>(
        &self,
        place: impl Fn(&[u8]) -> Result<Place, MediaError>,
    ) -> Result<Vec<(u32, Place)>, MediaError> {
        let raw = self.description.as_chunks::<N>().0.iter().take(MAX_EXTENTS);
        raw.map(|raw| Ok((raw.le32(0)?, place(raw)?))).collect()
    }
}
