//! Layers, one upon the other, as one file system: OCI image specification 1.1, "Image Layer Filesystem Changeset".
//!
//! The archives may come from anybody. Paths are followed inside the root only (see [`crate::filesystem`]); the number of
//! entries and of bytes is bounded; device nodes are left out of `/dev`, where every container and every machine gets a
//! file system of its own, and refused elsewhere. A hard link becomes a file (or link) of its own, as LinuxKit's init makes it one
//! when it copies the root file system. Extended attributes, file capabilities among them, are not kept: an initramfs has none.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use crate::filesystem::{BadPath, Entry, Filesystem, Kind, MAX_ENTRIES};

/// What is wrong with a layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadLayer {
    /// Not gzip, not tar, or cut.
    #[error("it is no archive: {0}")]
    Archive(#[from] io::Error),
    /// An entry cannot lie where it wants to.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// A name is not text.
    #[error("an entry's name is not UTF-8: {0}")]
    Name(String),
    /// A device node, a pipe or something unknown, outside `/dev`.
    #[error("{path} is of type {kind:?}; files, folders and links are what an image can have outside /dev")]
    Special {
        /// Where.
        path: String,
        /// As tar calls it.
        kind: EntryType,
    },
    /// A hard link to a folder, or to something that is not there.
    #[error("{path} is a hard link to {to}, which is no file of the image")]
    HardLink {
        /// The link.
        path: String,
        /// What it wants to be.
        to: String,
    },
    /// An owner's number that Linux does not have.
    #[error("{0} belongs to a user or group whose number Linux does not have")]
    Owner(String),
    /// More than [`Budget::entries`].
    #[error("it has more entries than any image needs ({MAX_ENTRIES})")]
    Entries,
    /// More than [`Budget::bytes`].
    #[error("it has more bytes than any image needs ({MAX_BYTES})")]
    Bytes,
}

/// What is left of an image's allowance while its layers are read.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Entries.
    pub entries: u64,
    /// Bytes of archives, before compression.
    pub bytes: u64,
}

/// Bytes of an image: a machine that keeps it in memory has to have that memory several times.
const MAX_BYTES: u64 = 2 << 30;
/// Bytes of a link's target: `PATH_MAX` of Linux.
const MAX_TARGET: usize = 4096;
/// What a whiteout's name begins with.
const WHITEOUT: &str = ".wh.";
/// The whiteout that hides everything which lower layers have in its folder.
const OPAQUE: &str = ".wh..wh..opq";
/// Other names with this beginning are notes of AUFS, and not files.
const AUFS: &str = ".wh..wh.";

impl Default for Budget {
    fn default() -> Self {
        Self { entries: MAX_ENTRIES as u64, bytes: MAX_BYTES }
    }
}

/// Whether a blob is compressed: gzip's two magic bytes (RFC 1952 section 2.3.1).
fn is_gzip(blob: &[u8]) -> bool {
    blob.starts_with(&[0x1f, 0x8b])
}

/// The archive of a layer, without compression.
///
/// # Errors
/// It is no gzip, or larger than what is left of the budget.
pub fn decompress(blob: &[u8], budget: &mut Budget) -> Result<Vec<u8>, BadLayer> {
    let mut archive = Vec::new();
    let limit = budget.bytes.saturating_add(1);
    if is_gzip(blob) {
        GzDecoder::new(blob).take(limit).read_to_end(&mut archive)?;
    } else {
        blob.take(limit).read_to_end(&mut archive)?;
    }
    budget.bytes = budget.bytes.checked_sub(archive.len() as u64).ok_or(BadLayer::Bytes)?;
    Ok(archive)
}

/// Puts a layer upon what `below` has: first its whiteouts, which are about lower layers only, then its entries.
///
/// # Errors
/// See [`BadLayer`].
pub fn apply(below: &mut Filesystem, archive: &[u8], budget: &mut Budget) -> Result<(), BadLayer> {
    let changes = read(archive, budget)?;
    for change in &changes {
        match change {
            Change::Remove(path) => below.remove(path)?,
            Change::Clear(path) => below.clear(path)?,
            Change::Put(..) | Change::HardLink { .. } => {}
        }
    }
    for change in changes {
        match change {
            Change::Put(path, entry) => put(below, &path, entry)?,
            Change::HardLink { path, to } => {
                let content = below.at(to.trim_start_matches("./")).cloned();
                match content {
                    Some(entry) if entry.kind != Kind::Directory => {
                        // A thousand links to a large file are a thousand large files.
                        budget.bytes = budget.bytes.checked_sub(entry.size()).ok_or(BadLayer::Bytes)?;
                        put(below, &path, entry)?;
                    }
                    Some(_) | None => return Err(BadLayer::HardLink { path, to }),
                }
            }
            Change::Remove(_) | Change::Clear(_) => {}
        }
    }
    Ok(())
}

/// An upper layer's entry replaces what a lower one has there, a whole folder by a file, too.
fn put(below: &mut Filesystem, path: &str, entry: Entry) -> Result<(), BadPath> {
    let is_folder = |entry: &Entry| matches!(entry.kind, Kind::Directory);
    let stays = is_folder(&entry) && below.at(path.trim_start_matches("./")).is_none_or(is_folder);
    if !stays {
        below.remove(path)?;
    }
    below.put(path, entry)
}

/// One entry of a layer, understood.
enum Change {
    Put(String, Entry),
    HardLink { path: String, to: String },
    Remove(String),
    Clear(String),
}

fn read(archive: &[u8], budget: &mut Budget) -> Result<Vec<Change>, BadLayer> {
    let mut changes = Vec::new();
    for entry in Archive::new(archive).entries()? {
        budget.entries = budget.entries.checked_sub(1).ok_or(BadLayer::Entries)?;
        if let Some(change) = understood(entry?, budget)? {
            changes.push(change);
        }
    }
    Ok(changes)
}

fn understood(mut entry: tar::Entry<'_, &[u8]>, budget: &mut Budget) -> Result<Option<Change>, BadLayer> {
    let path = text(&entry.path_bytes())?;
    let path = path.trim_end_matches('/').to_owned();
    let kind = entry.header().entry_type();
    if matches!(kind, EntryType::XGlobalHeader) {
        return Ok(None);
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if name == OPAQUE {
        return Ok(Some(Change::Clear(folder.to_owned())));
    }
    if name.starts_with(AUFS) {
        return Ok(None);
    }
    if let Some(hidden) = name.strip_prefix(WHITEOUT) {
        if matches!(hidden, "" | "." | "..") {
            return Err(BadPath::Malformed(path).into());
        }
        return Ok(Some(Change::Remove(format!("{folder}/{hidden}"))));
    }
    let header = entry.header();
    let number = |id: u64| u32::try_from(id).map_err(|_| BadLayer::Owner(path.clone()));
    let (uid, gid) = (number(header.uid()?)?, number(header.gid()?)?);
    let mode = header.mode()? & 0o7777;
    // A time after 2106 is a time all the same.
    let mtime = u32::try_from(header.mtime()?).unwrap_or(u32::MAX);
    let is_sparse = kind == EntryType::GNUSparse;
    let kind = if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Link(target(&entry)?)
    } else if kind.is_hard_link() {
        return Ok(Some(Change::HardLink { to: target(&entry)?, path }));
    } else if kind.is_file() || kind.is_contiguous() || is_sparse {
        let mut content = Vec::new();
        if is_sparse {
            // It can be larger than its archive, which is all that has been counted.
            entry.by_ref().take(budget.bytes.saturating_add(1)).read_to_end(&mut content)?;
            budget.bytes = budget.bytes.checked_sub(content.len() as u64).ok_or(BadLayer::Bytes)?;
        } else {
            entry.read_to_end(&mut content)?;
        }
        Kind::File(content.into())
    } else if is_below_dev(&path) {
        return Ok(None);
    } else {
        return Err(BadLayer::Special { path, kind });
    };
    Ok(Some(Change::Put(path, Entry { kind, mode, uid, gid, mtime, part: 0 })))
}

fn is_below_dev(path: &str) -> bool {
    path.trim_start_matches("./").trim_start_matches('/').starts_with("dev/")
}

fn target(entry: &tar::Entry<'_, &[u8]>) -> Result<String, BadLayer> {
    let target = entry.link_name_bytes().unwrap_or_default();
    let target = text(&target)?;
    if target.is_empty() || target.len() > MAX_TARGET || target.contains('\0') {
        return Err(BadPath::Malformed(target).into());
    }
    Ok(target)
}

fn text(bytes: &[u8]) -> Result<String, BadLayer> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| BadLayer::Name(bytes.escape_ascii().to_string()))
}

#[cfg(test)]
mod tests;
