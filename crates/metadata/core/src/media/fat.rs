//! FAT12, FAT16 and FAT32, with long names (Microsoft's "FAT: General Overview of On-Disk Format", 1.03, and its long names).
//!
//! Names are compared as FAT does, without regard to capitals.

use std::collections::BTreeSet;

use super::field::{Fields, label};
use super::{FileSystem, Found, MAX_FOLDER, MediaError, Source, file_len};
use entry::{ENTRY, Entry, Names};

mod entry;

/// A volume: where what is on it.
#[derive(Debug)]
pub(super) struct Fat {
    width: Width,
    /// Offset of the first table, in bytes.
    table: u64,
    root: Folder,
    /// Offset of the first cluster, whose number is 2, in bytes.
    data: u64,
    /// Bytes of a cluster.
    cluster: u64,
    /// The first number that no cluster has.
    end: u32,
}

/// Bits of an entry of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Twelve,
    Sixteen,
    ThirtyTwo,
}

/// Where the entries of a folder are.
#[derive(Debug, Clone, Copy)]
enum Folder {
    /// The root of FAT12 and FAT16 has a place of its own.
    Fixed { at: u64, len: u64 },
    /// Clusters, from this one on.
    Clusters(u32),
}

/// What an entry is about: where its clusters begin, and how long it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    place: Folder,
    size: u64,
}

/// Bytes of the boot sector that are looked at.
const BOOT: usize = 512;

impl Fat {
    /// The volume on a disk, and its labels: that of the boot sector, and that of the root.
    pub(super) fn open(source: &mut Source<'_>) -> Result<Option<(Self, Vec<String>)>, MediaError> {
        let boot = source.probe(0, BOOT)?;
        let Some((fat, boot_label)) = boot.map(|boot| Self::of(&boot)).transpose()?.flatten() else {
            return Ok(None);
        };
        let of_root = fat.entries(source, fat.root, |entry| entry.is_label().then(|| label(&entry.short)))?;
        Ok(Some((fat, boot_label.into_iter().chain(of_root).collect())))
    }

    /// The volume that a boot sector describes, with its label. `None` when it is that of something else: no field may say what
    /// Linux would refuse (`fat_read_bpb`).
    fn of(boot: &[u8]) -> Result<Option<(Self, Option<String>)>, MediaError> {
        let (sector, reserved, tables) = (boot.le16(11)?, boot.le16(14)?, boot.byte(16)?);
        let (per_cluster, medium) = (boot.byte(13)?, boot.byte(21)?);
        let is_one = boot.array(510)? == [0x55, 0xaa]
            && matches!(sector, 512 | 1_024 | 2_048 | 4_096)
            && per_cluster.is_power_of_two()
            && reserved != 0
            && tables != 0
            && matches!(medium, 0xf0 | 0xf8..=0xff);
        if !is_one {
            return Ok(None);
        }
        let small = |at| boot.le16(at).map(u64::from);
        let large = |at| boot.le32(at).map(u64::from);
        let or_large = |small: u64, at| if small == 0 { large(at) } else { Ok(small) };
        let (sector, table_sectors) = (u64::from(sector), or_large(small(22)?, 36)?);
        let total = or_large(small(19)?, 32)?;
        let table = u64::from(reserved).saturating_mul(sector);
        let tables = u64::from(tables).saturating_mul(table_sectors).saturating_mul(sector);
        let root_at = table.saturating_add(tables);
        let root_len = small(17)?.saturating_mul(ENTRY_BYTES).next_multiple_of(sector);
        let data = root_at.saturating_add(root_len);
        let cluster = sector.saturating_mul(per_cluster.into());
        let clusters = total.saturating_mul(sector).saturating_sub(data).checked_div(cluster).unwrap_or_default();
        let is_32 = boot.le16(22)? == 0;
        let width = match clusters {
            _ if is_32 => Width::ThirtyTwo,
            0..=4_084 => Width::Twelve,
            4_085..=65_524 => Width::Sixteen,
            _ => return Err(MediaError::Broken("FAT: there are more clusters than the table has numbers for")),
        };
        if table_sectors == 0 || clusters == 0 {
            return Ok(None);
        }
        let end = u32::try_from(clusters.saturating_add(2)).ok().filter(|end| *end <= MAX_CLUSTER);
        let end = end.ok_or(MediaError::Broken("FAT: there are more clusters than the table has numbers for"))?;
        let root = if is_32 { Folder::Clusters(boot.le32(44)?) } else { Folder::Fixed { at: root_at, len: root_len } };
        // The label is there when this byte says so.
        let said = if is_32 { 66 } else { 38 };
        let boot_label = (boot.byte(said)? == 0x29).then(|| boot.bytes(if is_32 { 71 } else { 43 }, 11).map(label));
        Ok(Some((Self { width, table, root, data, cluster, end }, boot_label.transpose()?)))
    }

    /// The first thing that `look` makes of an entry of `folder`.
    fn entries<T>(
        &self,
        source: &mut Source<'_>,
        folder: Folder,
        look: impl Fn(&Entry) -> Option<T>,
    ) -> Result<Option<T>, MediaError> {
        let pieces = match folder {
            Folder::Fixed { at, len } if len <= MAX_FOLDER => vec![(at, len)],
            Folder::Fixed { .. } => return Err(MediaError::Long("a folder")),
            Folder::Clusters(first) => self.chain(source, first, None)?,
        };
        let mut names = Names::default();
        for (at, len) in pieces {
            let piece = source.read(at, usize::try_from(len).map_err(|_| MediaError::Long("a folder"))?)?;
            for raw in piece.as_chunks::<ENTRY>().0 {
                if raw.starts_with(&[0]) {
                    return Ok(None);
                }
                if let Some(found) = names.next(raw)?.and_then(|entry| look(&entry)) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Where the clusters from `first` on are, and their length: as many as `len` bytes take, or all of them when it is a folder, whose
    /// length is said nowhere.
    fn chain(&self, source: &mut Source<'_>, first: u32, len: Option<u64>) -> Result<Vec<(u64, u64)>, MediaError> {
        let longest = len.unwrap_or(MAX_FOLDER).div_ceil(self.cluster);
        let (mut clusters, mut seen, mut next) = (Vec::new(), BTreeSet::new(), Some(first));
        for _ in 0..longest {
            let Some(number) = next else { break };
            if !seen.insert(number) {
                return Err(MediaError::Broken("FAT: the clusters of a file go round in a circle"));
            }
            let index = number.checked_sub(2).filter(|_| number < self.end);
            let index = index.ok_or(MediaError::Broken("FAT: a file has a cluster that does not exist"))?;
            clusters.push((u64::from(index).saturating_mul(self.cluster).saturating_add(self.data), self.cluster));
            next = self.after(source, number)?;
        }
        match (len, next) {
            (None, Some(_)) => Err(MediaError::Long("a folder")),
            (Some(_), None) if u64::try_from(clusters.len()).is_ok_and(|count| count < longest) => {
                Err(MediaError::Broken("FAT: a file has fewer clusters than bytes"))
            }
            _ => Ok(clusters),
        }
    }

    /// The cluster that follows this one, as the table says. `None` when it is the last.
    fn after(&self, source: &mut Source<'_>, number: u32) -> Result<Option<u32>, MediaError> {
        let n = u64::from(number);
        let (offset, len) = match self.width {
            Width::Twelve => (n.saturating_add(n >> 1), 2),
            Width::Sixteen => (n << 1, 2),
            Width::ThirtyTwo => (n << 2, 4),
        };
        let raw = source.read(self.table.saturating_add(offset), len)?;
        let (next, last) = match self.width {
            Width::Twelve if number & 1 == 1 => (u32::from(raw.le16(0)? >> 4), 0xff8),
            Width::Twelve => (u32::from(raw.le16(0)? & 0xfff), 0xff8),
            Width::Sixteen => (u32::from(raw.le16(0)?), 0xfff8),
            Width::ThirtyTwo => (raw.le32(0)? & 0x0fff_ffff, 0x0fff_fff8),
        };
        Ok((next < last).then_some(next))
    }
}

impl FileSystem for Fat {
    type Node = Node;

    fn root(&self) -> Node {
        Node { place: self.root, size: 0 }
    }

    fn find(&self, source: &mut Source<'_>, folder: &Node, name: &str) -> Result<Option<Found<Node>>, MediaError> {
        self.entries(source, folder.place, |entry| {
            let node = Node { place: Folder::Clusters(entry.first(self.width == Width::ThirtyTwo)), size: entry.size };
            entry.is_called(name).then_some(if entry.is_folder() { Found::Folder(node) } else { Found::File(node) })
        })
    }

    fn read(&self, source: &mut Source<'_>, file: &Node) -> Result<Vec<u8>, MediaError> {
        let len = file_len(file.size)?;
        let mut content = Vec::new();
        if let (Folder::Clusters(first), 1..) = (file.place, len) {
            for (at, cluster) in self.chain(source, first, Some(file.size))? {
                let left = len.saturating_sub(content.len());
                content.extend(source.read(at, usize::try_from(cluster).unwrap_or(left).min(left))?);
            }
        }
        Ok(content)
    }
}

/// Bytes of an entry.
const ENTRY_BYTES: u64 = 32;

/// The highest number that a cluster has, and one more: what follows says that a chain ends, or a cluster is bad.
const MAX_CLUSTER: u32 = 0x0fff_fff7;
