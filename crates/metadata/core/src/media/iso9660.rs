//! ISO 9660 (ECMA-119), with the names of Rock Ridge or Joliet where the disk has them.
//!
//! One tree is read, the one that Linux would take: Rock Ridge names before Joliet before plain ones. Left out: files in several
//! extents, interleaved files, sessions after the first one.

use super::field::{Fields, label, utf16_be};
use super::rock_ridge::{self, Extra};
use super::{FileSystem, Found, MAX_FOLDER, MediaError, Source, file_len};

/// A volume: where its tree begins, and how names are spelt in it.
#[derive(Debug)]
pub(super) struct Iso {
    /// Bytes of a logical block, the unit of addresses.
    block: u64,
    root: Node,
    spelling: Spelling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// POSIX names; `skip` bytes before the fields of each record are not its own (SUSP §5.3).
    RockRidge { skip: usize },
    /// Names of 16-bit characters.
    Joliet,
    /// Capitals, digits and underscores, and a version after them.
    Plain,
}

/// A file or folder: consecutive bytes of the disk, and why they are not read, if so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    at: u64,
    len: u64,
    unsupported: Option<&'static str>,
}

/// Bytes of a sector: volume descriptors fill one each, and no directory record crosses from one to the next (ECMA-119 §6.1, §6.8.1.1).
const SECTOR: usize = 2_048;
const SECTOR_BYTES: u64 = 2_048;

/// The first volume descriptor is in this sector; the sixteen before belong to whatever boots.
const FIRST_DESCRIPTOR: u64 = 16;

/// Volume descriptors that are looked at. Disks have two to four.
const MAX_DESCRIPTORS: u64 = 16;

/// Offset of the root's directory record in a volume descriptor (§8.4.18), and its length.
const ROOT: usize = 156;
const ROOT_LEN: usize = 34;

impl Iso {
    /// The volume on a disk, and its labels.
    pub(super) fn open(source: &mut Source<'_>) -> Result<Option<(Self, Vec<String>)>, MediaError> {
        let Some(primary) = descriptor(source, 0)? else {
            return Ok(None);
        };
        let (mut plain, mut joliet, mut labels) = (None, None, Vec::new());
        let mut next = Some(primary);
        for number in 1..=MAX_DESCRIPTORS {
            let Some(sector) = next else { break };
            match sector.byte(0)? {
                1 if plain.is_none() => {
                    plain = Some(Self::of(&sector, Spelling::Plain)?);
                    labels.push(label(sector.bytes(40, 32)?));
                }
                2 if joliet.is_none() && is_joliet(&sector)? => {
                    joliet = Some(Self::of(&sector, Spelling::Joliet)?);
                    labels.push(utf16_be(sector.bytes(40, 32)?).trim_end().to_owned());
                }
                255 => break,
                _ => {}
            }
            next = descriptor(source, number)?;
        }
        let mut plain = plain.ok_or(MediaError::Broken("ISO 9660: there is no primary volume descriptor"))?;
        if let Some(skip) = plain.rock_ridge(source)? {
            plain.spelling = Spelling::RockRidge { skip };
            return Ok(Some((plain, labels)));
        }
        Ok(Some((joliet.unwrap_or(plain), labels)))
    }

    fn of(descriptor: &[u8], spelling: Spelling) -> Result<Self, MediaError> {
        let block = match descriptor.le16(128)? {
            size @ (512 | 1_024 | 2_048) => u64::from(size),
            _ => return Err(MediaError::Broken("ISO 9660: the logical blocks are of no size that there is")),
        };
        let root = Record::read(descriptor.bytes(ROOT, ROOT_LEN)?)?;
        if !root.is_directory() {
            return Err(MediaError::Broken("ISO 9660: the root is no directory"));
        }
        Ok(Self { block, root: root.node(block), spelling })
    }

    /// How many bytes precede the fields of Rock Ridge, when the disk has them: the first record of the root says so.
    fn rock_ridge(&self, source: &mut Source<'_>) -> Result<Option<usize>, MediaError> {
        let sector = source.read(self.root.at, SECTOR)?;
        let record = Record::first_of(&sector)?.ok_or(MediaError::Broken("ISO 9660: the root is empty"))?;
        Ok(rock_ridge::announced(record.system_use()))
    }

    /// What `record` describes, when it is called `name`.
    fn is(&self, source: &mut Source<'_>, record: &Record<'_>, name: &str) -> Result<Option<Found<Node>>, MediaError> {
        let said = record.name()?;
        // The folder itself, the one above it, and what belongs to another file (§9.1.6).
        if matches!(said, [0] | [1]) || record.flags()? & ASSOCIATED != 0 {
            return Ok(None);
        }
        let mut extra = Extra::default();
        let is_it = match self.spelling {
            Spelling::Joliet => without_version(&utf16_be(said)) == name,
            Spelling::Plain => is_plain(said, name),
            Spelling::RockRidge { skip } => {
                extra = Extra::read(source, record.system_use().get(skip..).unwrap_or_default(), self.block)?;
                extra.name.as_ref().map_or_else(|| is_plain(said, name), |long| long == name.as_bytes())
            }
        };
        if !is_it {
            return Ok(None);
        }
        let mut node = record.node(self.block);
        node.unsupported = extra.unsupported.or(node.unsupported);
        Ok(Some(if record.is_directory() { Found::Folder(node) } else { Found::File(node) }))
    }
}

impl FileSystem for Iso {
    type Node = Node;

    fn root(&self) -> Node {
        self.root
    }

    fn find(&self, source: &mut Source<'_>, folder: &Node, name: &str) -> Result<Option<Found<Node>>, MediaError> {
        if folder.len > MAX_FOLDER {
            return Err(MediaError::Long("a folder"));
        }
        for number in 0..folder.len.div_ceil(SECTOR_BYTES) {
            let sector = source.read(folder.at.saturating_add(number.saturating_mul(SECTOR_BYTES)), SECTOR)?;
            let mut rest = sector.as_slice();
            while let Some(record) = Record::first_of(rest)? {
                if let Some(found) = self.is(source, &record, name)? {
                    return Ok(Some(found));
                }
                rest = rest.get(record.0.len()..).unwrap_or_default();
            }
        }
        Ok(None)
    }

    fn read(&self, source: &mut Source<'_>, file: &Node) -> Result<Vec<u8>, MediaError> {
        match file.unsupported {
            Some(what) => Err(MediaError::Unsupported(what)),
            None => source.read(file.at, file_len(file.len)?),
        }
    }
}

/// The volume descriptor of this number, when there is one.
fn descriptor(source: &mut Source<'_>, number: u64) -> Result<Option<Vec<u8>>, MediaError> {
    let at = FIRST_DESCRIPTOR.saturating_add(number).saturating_mul(SECTOR_BYTES);
    let sector = source.probe(at, SECTOR)?;
    // The version that follows is 1, and 2 in a descriptor of ISO 9660:1999, which may come before that of Joliet (§8.1).
    Ok(sector.filter(|sector| sector.get(1..6) == Some(b"CD001")))
}

/// Whether a supplementary volume descriptor is one of Joliet: its escape sequences choose UCS-2 (Joliet specification, "SVD").
fn is_joliet(descriptor: &[u8]) -> Result<bool, MediaError> {
    Ok(matches!(&descriptor.array::<3>(88)?, b"%/@" | b"%/C" | b"%/E"))
}

/// Whether a name of capitals and underscores is what became of `name`: as it is, with its other characters as underscores, or cut to
/// eight and three besides (interchange level 1, §10.1).
fn is_plain(said: &[u8], name: &str) -> bool {
    let Ok(said) = str::from_utf8(said) else {
        return false;
    };
    let said = without_version(said);
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_uppercase() } else { '_' })
        .collect();
    let (stem, end) = plain.rsplit_once('.').unwrap_or((&plain, ""));
    let short = [stem.get(..8).unwrap_or(stem), end.get(..3).unwrap_or(end)].join(".");
    said.eq_ignore_ascii_case(name)
        || said.eq_ignore_ascii_case(&plain)
        || said.eq_ignore_ascii_case(short.trim_end_matches('.'))
}

/// A name without `;1`, and without the dot of an empty extension.
fn without_version(name: &str) -> &str {
    let name = name.rsplit_once(';').map_or(name, |(name, _)| name);
    name.strip_suffix('.').unwrap_or(name)
}

/// A directory record (§9.1), whole.
struct Record<'a>(&'a [u8]);

/// Bits of the file flags (§9.1.6).
const DIRECTORY: u8 = 1 << 1;
const ASSOCIATED: u8 = 1 << 2;
const MULTI_EXTENT: u8 = 1 << 7;

impl<'a> Record<'a> {
    /// The record that `bytes` are.
    fn read(bytes: &'a [u8]) -> Result<Self, MediaError> {
        let record = Self(bytes);
        record.name().map(|_| record)
    }

    /// The first record of what is left of a sector. The sector is at its end where there is none of any length.
    fn first_of(rest: &'a [u8]) -> Result<Option<Self>, MediaError> {
        match rest.first() {
            None | Some(0) => Ok(None),
            Some(len) => Self::read(rest.bytes(0, usize::from(*len))?).map(Some),
        }
    }

    fn name(&self) -> Result<&'a [u8], MediaError> {
        self.0.bytes(33, usize::from(self.0.byte(32)?))
    }

    fn flags(&self) -> Result<u8, MediaError> {
        self.0.byte(25)
    }

    fn is_directory(&self) -> bool {
        self.flags().is_ok_and(|flags| flags & DIRECTORY != 0)
    }

    /// Where the content is: behind the extended attributes, which are of so many blocks as the second byte says.
    fn node(&self, block: u64) -> Node {
        let attributes = u64::from(self.0.byte(1).unwrap_or_default());
        let first = u64::from(self.0.le32(2).unwrap_or_default()).saturating_add(attributes);
        let unsupported = if self.flags().is_ok_and(|flags| flags & MULTI_EXTENT != 0) {
            Some("a file in several extents")
        } else {
            (self.0.array(26) != Ok([0, 0])).then_some("an interleaved file")
        };
        Node { at: first.saturating_mul(block), len: self.0.le32(10).unwrap_or_default().into(), unsupported }
    }

    /// What stands behind the name, which is padded to an even offset (§9.1.12).
    fn system_use(&self) -> &'a [u8] {
        let name_len = self.name().map_or(0, <[u8]>::len);
        let from = 33_usize.saturating_add(name_len).next_multiple_of(2);
        self.0.get(from..).unwrap_or_default()
    }
}
