//! As much of UDF (ECMA-167, OSTA UDF 1.02 to 2.01) as disks with a few files have: those that Azure makes, and those that `mkudffs` does.
//!
//! The way leads from the anchor over the volume descriptors to the file set, its root, and one file. Left out: virtual, sparable
//! and metadata partitions, strategy 4096, and lists of extents that continue elsewhere. Checksums of tags are checked; the checksums
//! of whole descriptors are not, as they protect from a scratched disk and not from whoever wrote it.

use super::field::{Fields, utf16_be};
use super::{FileSystem, Found, MAX_FOLDER, MediaError, Source, file_len};
use icb::Icb;

mod icb;

/// A volume: where its partitions are, and its root.
#[derive(Debug)]
pub(super) struct Udf {
    /// Bytes of a logical block, the unit of addresses.
    block: u64,
    /// The partitions by their reference; `None` for those that are not plain.
    partitions: Vec<Option<Partition>>,
    root: Place,
}

/// Consecutive blocks of the disk.
#[derive(Debug, Clone, Copy)]
struct Partition {
    first: u32,
    blocks: u32,
}

/// A block in a partition: `lb_addr` (ECMA-167 4/7.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    number: u32,
    partition: u16,
}

/// Tag identifiers (3/7.2.1, 4/7.2.1).
mod tag {
    pub(super) const PRIMARY_VOLUME: u16 = 1;
    pub(super) const ANCHOR: u16 = 2;
    pub(super) const PARTITION: u16 = 5;
    pub(super) const LOGICAL_VOLUME: u16 = 6;
    pub(super) const TERMINATING: u16 = 8;
    pub(super) const FILE_SET: u16 = 256;
    pub(super) const FILE_IDENTIFIER: u16 = 257;
    pub(super) const FILE_ENTRY: u16 = 261;
    pub(super) const EXTENDED_FILE_ENTRY: u16 = 266;
}

/// Bytes of a block, in the order in which they are tried: compact discs first.
const BLOCKS: [u64; 4] = [2_048, 512, 1_024, 4_096];

/// The block of the anchor (3/8.4.2.1). Of the others, at the end of a disk, none is without this one.
const ANCHOR: u32 = 256;

/// Bytes of the head of a volume descriptor that are looked at: all of one without partition maps.
const DESCRIPTOR: usize = 512;

/// Volume descriptors that are looked at. Disks have five or six.
const MAX_DESCRIPTORS: u32 = 32;

/// Partition maps that are looked at. Disks have one or two.
const MAX_MAPS: u32 = 8;

impl Udf {
    /// The volume on a disk, and its labels.
    pub(super) fn open(source: &mut Source<'_>) -> Result<Option<(Self, Vec<String>)>, MediaError> {
        for block in BLOCKS {
            let at = u64::from(ANCHOR).saturating_mul(block);
            let Some(anchor) = source.probe(at, DESCRIPTOR)? else { continue };
            if identifier(&anchor) == Some(tag::ANCHOR) && anchor.le32(12)? == ANCHOR {
                return Self::anchored(source, block, &anchor).map(Some);
            }
        }
        Ok(None)
    }

    /// The volume that an anchor points to.
    fn anchored(source: &mut Source<'_>, block: u64, anchor: &[u8]) -> Result<(Self, Vec<String>), MediaError> {
        let (mut labels, mut partitions, mut volume) = (Vec::new(), Vec::new(), None);
        let first = anchor.le32(20)?;
        let last = first.saturating_add(MAX_DESCRIPTORS);
        for number in first..last {
            let descriptor = source.read(u64::from(number).saturating_mul(block), DESCRIPTOR)?;
            match identifier(&descriptor) {
                Some(tag::PRIMARY_VOLUME) => labels.push(dstring(descriptor.bytes(24, 32)?)),
                Some(tag::PARTITION) => {
                    let partition = Partition { first: descriptor.le32(188)?, blocks: descriptor.le32(192)? };
                    partitions.push((descriptor.le16(22)?, partition));
                }
                Some(tag::LOGICAL_VOLUME) if volume.is_none() => {
                    labels.push(dstring(descriptor.bytes(84, 128)?));
                    volume = Some(descriptor);
                }
                Some(tag::TERMINATING) | None => break,
                Some(_) => {}
            }
        }
        let volume = volume.ok_or(MediaError::Broken("UDF: there is no logical volume descriptor"))?;
        if u64::from(volume.le32(212)?) != block {
            return Err(MediaError::Broken("UDF: the logical blocks have another size than the volume's"));
        }
        let partitions = maps(&volume, &partitions)?;
        let mut udf = Self { block, partitions, root: Place::read(&volume, 252)? };
        let file_set = udf.read_block(source, udf.root)?;
        if identifier(&file_set) != Some(tag::FILE_SET) {
            return Err(MediaError::Broken("UDF: there is no file set where the volume says"));
        }
        udf.root = Place::read(&file_set, 404)?;
        Ok((udf, labels))
    }

    /// Offset in bytes of a block, of which `len` bytes are to be read.
    fn offset(&self, place: Place, len: u64) -> Result<u64, MediaError> {
        let partition = self.partitions.get(usize::from(place.partition)).copied().flatten();
        let partition = partition.ok_or(MediaError::Unsupported("UDF with other than plain partitions"))?;
        let blocks = u64::from(partition.blocks).saturating_sub(place.number.into());
        if len > blocks.saturating_mul(self.block) {
            return Err(MediaError::Broken("UDF: an extent leaves its partition"));
        }
        Ok(u64::from(partition.first).saturating_add(place.number.into()).saturating_mul(self.block))
    }

    fn read_block(&self, source: &mut Source<'_>, place: Place) -> Result<Vec<u8>, MediaError> {
        let len = usize::try_from(self.block).map_err(|_| MediaError::Broken("UDF: a block is too large"))?;
        source.read(self.offset(place, self.block)?, len)
    }
}

impl FileSystem for Udf {
    type Node = Place;

    fn root(&self) -> Place {
        self.root
    }

    fn find(&self, source: &mut Source<'_>, folder: &Place, name: &str) -> Result<Option<Found<Place>>, MediaError> {
        let icb = Icb::read(self, source, *folder)?;
        if !icb.is_folder() {
            return Err(MediaError::Broken("UDF: a folder is no folder"));
        }
        if icb.len > MAX_FOLDER {
            return Err(MediaError::Long("a folder"));
        }
        let content = icb.content(self, source)?;
        let mut rest = content.as_slice();
        // A file identifier descriptor (4/14.4), as long as its name and what an implementation adds.
        while rest.len() >= 38 {
            if identifier(rest) != Some(tag::FILE_IDENTIFIER) {
                return Err(MediaError::Broken("UDF: an entry of a folder is none"));
            }
            let added = usize::from(rest.le16(36)?);
            let (from, len) = (38_usize.saturating_add(added), usize::from(rest.byte(19)?));
            let said = rest.bytes(from, len)?;
            let characteristics = rest.byte(18)?;
            if characteristics & (DELETED | PARENT) == 0 && compressed(said) == name {
                let place = Place::read(rest, 24)?;
                let is_folder = characteristics & FOLDER != 0;
                return Ok(Some(if is_folder { Found::Folder(place) } else { Found::File(place) }));
            }
            rest = rest.get(from.saturating_add(len).next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(None)
    }

    fn read(&self, source: &mut Source<'_>, file: &Place) -> Result<Vec<u8>, MediaError> {
        let icb = Icb::read(self, source, *file)?;
        if !icb.is_file() {
            return Err(MediaError::Unsupported("a link or special file"));
        }
        let _len = file_len(icb.len)?;
        icb.content(self, source)
    }
}

/// File characteristics (4/14.4.3).
const FOLDER: u8 = 1 << 1;
const DELETED: u8 = 1 << 2;
const PARENT: u8 = 1 << 3;

impl Place {
    /// The `lb_addr` at `at`.
    fn read(bytes: &[u8], at: usize) -> Result<Self, MediaError> {
        let number = bytes.le32(at)?;
        Ok(Self { number, partition: bytes.le16(at.saturating_add(4))? })
    }
}

/// The partitions that the maps of a logical volume refer to (3/10.7).
fn maps(volume: &[u8], partitions: &[(u16, Partition)]) -> Result<Vec<Option<Partition>>, MediaError> {
    let mut maps = Vec::new();
    let mut rest = volume.get(440..).unwrap_or_default();
    for _ in 0..volume.le32(268)?.min(MAX_MAPS) {
        let (kind, len) = (rest.byte(0)?, usize::from(rest.byte(1)?));
        let number = rest.le16(4)?;
        let partition = partitions.iter().find(|(its, _)| *its == number).map(|(_, partition)| *partition);
        maps.push(partition.filter(|_| kind == 1));
        rest = rest.get(len.max(2)..).unwrap_or_default();
    }
    Ok(maps)
}

/// The identifier of the descriptor that `bytes` begin with. `None` when its tag (3/7.2) is none.
fn identifier(bytes: &[u8]) -> Option<u16> {
    let [a, b, c, d, sum, rest @ ..] = bytes.first_chunk::<16>()?;
    let is_one = [a, b, c, d].into_iter().chain(rest).fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == *sum;
    let identifier = u16::from_le_bytes([*a, *b]);
    (is_one && identifier != 0).then_some(identifier)
}

/// A field of fixed length with text in it, whose length is its last byte (OSTA UDF §2.1.3).
fn dstring(field: &[u8]) -> String {
    let (len, text) = field.split_last().unwrap_or((&0, &[]));
    compressed(text.get(..usize::from(*len)).unwrap_or(text))
}

/// Text in OSTA Compressed Unicode (OSTA UDF §2.1.1): characters of 8 or of 16 bits, as the first byte says.
fn compressed(text: &[u8]) -> String {
    match text.split_first() {
        Some((8, latin)) => latin.iter().map(|byte| char::from(*byte)).collect(),
        Some((16, wide)) => utf16_be(wide),
        _ => String::new(),
    }
}
