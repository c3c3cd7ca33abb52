//! A tree as the layer of an image: a tar archive, compressed, the same bytes on every machine.
//!
//! Nothing of the machine gets in: entries are sorted, belong to uid and gid 0 without names, and carry one fixed time;
//! the gzip header has no time, no name and no operating system. gzip and not plain tar or zstd, because LinuxKit's tool
//! accepts nothing else.

use std::io::{self, Read as _, Write as _};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, EntryType, Header};

use crate::digest::Digest;
use crate::tree::{Node, Tree};

/// A compressed layer and how both its forms are named.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The archive, compressed.
    pub compressed: Vec<u8>,
    /// The digest of the archive before compression, which an image's configuration lists.
    pub diff_id: Digest,
    /// Bytes of the archive before compression.
    pub uncompressed_size: u64,
}

impl Layer {
    /// Packs `tree`; every entry is dated `epoch`, in seconds since 1970.
    ///
    /// # Errors
    /// A path is longer than a ustar header can hold (255 bytes).
    pub fn pack(tree: &Tree, epoch: u64) -> io::Result<Self> {
        let mut archive = Vec::new();
        let mut builder = tar::Builder::new(&mut archive);
        for (path, node) in tree.iter() {
            append(&mut builder, path.trim_start_matches('/'), node, epoch)?;
        }
        builder.finish()?;
        drop(builder);
        Ok(Self { compressed: gzip(&archive)?, diff_id: Digest::of(&archive), uncompressed_size: archive.len() as u64 })
    }
}

/// Appends one entry whose header says nothing but what it is.
pub(crate) fn append<W: io::Write>(
    builder: &mut tar::Builder<W>,
    path: &str,
    node: &Node,
    epoch: u64,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    let (kind, mode, content): (_, _, &[u8]) = match node {
        Node::Directory { mode } => (EntryType::Directory, *mode, &[]),
        Node::File { mode, content } => (EntryType::Regular, *mode, content),
        Node::Link { to } => {
            header.set_link_name(to)?;
            // What Linux shows for a link.
            (EntryType::Symlink, 0o777, &[])
        }
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(epoch);
    header.set_size(content.len() as u64);
    header.set_path(if kind == EntryType::Directory { format!("{path}/") } else { path.to_owned() })?;
    header.set_cksum();
    builder.append(&header, content)
}

/// `bytes` compressed as far as it goes.
///
/// # Errors
/// Never in practice: it writes to memory.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    /// "Unknown" (RFC 1952 section 2.3.1): the default is the machine's own.
    const NO_SYSTEM: u8 = 255;
    let mut encoder = GzBuilder::new().mtime(0).operating_system(NO_SYSTEM).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The most that a layer may hold: a gzip bomb is not unpacked to its end.
const MAX_UNPACKED: u64 = 1 << 30;

/// The tree of a compressed layer.
///
/// # Errors
/// It is no gzip, no tar, larger than 1 GiB, or has an entry that Orlop's images do not have (devices, hard links).
pub fn unpack(compressed: &[u8]) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let mut archive = Archive::new(GzDecoder::new(compressed).take(MAX_UNPACKED));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = format!("/{}", entry.path()?.display()).trim_end_matches('/').to_owned();
        let mode = entry.header().mode()?;
        let kind = entry.header().entry_type();
        let node = if kind.is_dir() {
            Node::Directory { mode }
        } else if kind.is_symlink() {
            Node::Link { to: entry.link_name()?.unwrap_or_default().to_string_lossy().into_owned() }
        } else if kind.is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            Node::File { mode, content }
        } else {
            return Err(io::Error::other(format!("{path} is neither file, folder nor link but {kind:?}")));
        };
        tree.put(&path, node);
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.put("/sbin/daemon", Node::File { mode: 0o755, content: b"program".repeat(99) });
        tree.put("/sbin/alias", Node::Link { to: "daemon".into() });
        tree.put("/var/empty", Node::Directory { mode: 0o555 });
        tree
    }

    #[test]
    fn a_layer_unpacks_to_what_was_packed() {
        let layer = Layer::pack(&tree(), 5).unwrap();
        assert_eq!(unpack(&layer.compressed).unwrap(), tree());
    }

    #[test]
    fn entries_are_sorted_and_say_nothing_of_the_machine() {
        let layer = Layer::pack(&tree(), 1_000_000).unwrap();
        let mut archive = Archive::new(GzDecoder::new(&layer.compressed[..]));
        let mut paths = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let (path, header) = (entry.path().unwrap().display().to_string(), entry.header());
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0), "{path}");
            assert_eq!(header.mtime().unwrap(), 1_000_000, "{path}");
            assert_eq!(header.username_bytes(), Some(&[][..]), "{path}");
            assert!(header.as_ustar().is_some(), "{path}: no extension");
            paths.push(path);
        }
        assert_eq!(paths, ["sbin/", "sbin/alias", "sbin/daemon", "var/", "var/empty/"]);
    }

    #[test]
    fn the_gzip_header_has_neither_time_nor_name_nor_system() {
        let header = &Layer::pack(&tree(), 7).unwrap().compressed[..10];
        assert_eq!(header, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    }

    #[test]
    fn a_path_too_long_for_a_header_is_an_error_and_not_cut() {
        let mut tree = Tree::default();
        tree.put(&format!("/{}", "x".repeat(300)), Node::Directory { mode: 0o755 });
        assert!(Layer::pack(&tree, 0).is_err());
    }

    #[test]
    fn what_is_no_layer_is_refused() {
        for (what, bytes) in [("nothing", &b""[..]), ("plain text", b"hello"), ("half a layer", &[0x1f, 0x8b, 8, 0])] {
            assert!(unpack(bytes).is_err(), "{what}");
        }
    }
}
