//! cpio archives in the "newc" form, which is what a kernel unpacks as its initramfs
//! (`Documentation/driver-api/early-userspace/buffer-format.rst` of Linux).
//!
//! A writer of our own: the crates for this format write what they are given in one go with their own idea of alignment and
//! inodes, and all of it is a header of thirteen numbers. Entries are numbered in their order, no two share an inode, and
//! there are no devices.

use std::io::{self, Write};

use crate::filesystem::{Entry, Kind};

/// What every header begins with.
const MAGIC: &str = "070701";
/// The name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";
/// `S_IFDIR`, `S_IFREG`, `S_IFLNK`.
const TYPES: [u32; 3] = [0o040_000, 0o100_000, 0o120_000];
/// The kernel reads headers and files at multiples of this.
const ALIGNMENT: u64 = 4;
/// A whole archive is padded to a block, as cpio(1) does.
const BLOCK: u64 = 512;
/// As many zeros as padding ever takes.
const ZEROS: [u8; 512] = [0; 512];

/// Writes an archive, entry by entry.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    written: u64,
    inode: u32,
}

impl<W: Write> Writer<W> {
    /// An archive without an entry yet.
    pub const fn new(to: W) -> Self {
        Self { to, written: 0, inode: 0 }
    }

    /// What it is written to: to flush it between entries.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.to
    }

    /// Appends an entry; folders before what is in them.
    ///
    /// # Errors
    /// It cannot be written, or is larger than the format's 4 GiB.
    pub fn append(&mut self, path: &str, entry: &Entry) -> io::Result<()> {
        if path == TRAILER {
            return Err(io::Error::other(format!("{TRAILER} is how an archive ends and cannot be a file's name")));
        }
        let [directory, file, link] = TYPES;
        let (kind, links, content): (_, _, &[u8]) = match &entry.kind {
            // A folder has its own "." as a second name.
            Kind::Directory => (directory, 2, &[]),
            Kind::File(content) => (file, 1, content),
            Kind::Link(to) => (link, 1, to.as_bytes()),
        };
        self.inode = self.inode.saturating_add(1);
        let header = Header {
            inode: self.inode,
            mode: kind | entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            links,
            mtime: entry.mtime,
        };
        self.raw(&header, path, content)
    }

    /// Ends the archive and gives back what it was written to.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.raw(&Header { links: 1, ..Header::default() }, TRAILER, &[])?;
        self.pad(BLOCK)?;
        Ok(self.to)
    }

    fn raw(&mut self, header: &Header, path: &str, content: &[u8]) -> io::Result<()> {
        let too_large = |_| io::Error::other(format!("{path} is larger than cpio's 4 GiB"));
        let size = u32::try_from(content.len()).map_err(too_large)?;
        let name = u32::try_from(path.len()).map_err(too_large)?.saturating_add(1);
        let Header { inode, mode, uid, gid, links, mtime } = *header;
        let mut text = MAGIC.to_owned();
        // Device numbers of the file system and of the entry: none. The last one is a checksum that newc does not use.
        for number in [inode, mode, uid, gid, links, mtime, size, 0, 0, 0, 0, name, 0] {
            text += &format!("{number:08x}");
        }
        text += path;
        text.push('\0');
        self.bytes(text.as_bytes())?;
        self.pad(ALIGNMENT)?;
        self.bytes(content)?;
        self.pad(ALIGNMENT)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    fn pad(&mut self, to: u64) -> io::Result<()> {
        let missing = self.written.next_multiple_of(to) - self.written;
        let missing = usize::try_from(missing).unwrap_or_default();
        self.bytes(&ZEROS[..missing])
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Header {
    inode: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_these_bytes() {
        let mut writer = Writer::new(Vec::new());
        writer.append("a", &Entry::directory(0o755, 7)).unwrap();
        writer.append("a/b", &Entry { uid: 1, gid: 2, ..Entry::file(b"hello".as_slice(), 0o644, 7) }).unwrap();
        writer.append("a/l", &Entry::link("b", 7)).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        let header = |numbers: &str| format!("070701{}", numbers.replace(' ', ""));
        let want = [
            header(
                "00000001 000041ed 00000000 00000000 00000002 00000007 00000000 00000000 00000000 00000000 00000000 00000002 00000000",
            ),
            "a\0".to_owned(),
            header(
                "00000002 000081a4 00000001 00000002 00000001 00000007 00000005 00000000 00000000 00000000 00000000 00000004 00000000",
            ),
            "a/b\0\0\0hello\0\0\0".to_owned(),
            header(
                "00000003 0000a1ff 00000000 00000000 00000001 00000007 00000001 00000000 00000000 00000000 00000000 00000004 00000000",
            ),
            "a/l\0\0\0b\0\0\0".to_owned(),
            header(
                "00000000 00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 0000000b 00000000",
            ),
            "TRAILER!!!\0".to_owned(),
        ];
        assert_eq!(text.trim_end_matches('\0'), want.concat().trim_end_matches('\0'));
        assert_eq!(text.len() % 512, 0);
    }

    #[test]
    fn a_file_that_would_end_the_archive_is_refused() {
        let mut writer = Writer::new(Vec::new());
        assert!(writer.append("TRAILER!!!", &Entry::file(b"".as_slice(), 0o644, 7)).is_err());
        assert!(writer.append("a/TRAILER!!!", &Entry::file(b"".as_slice(), 0o644, 7)).is_ok());
    }
}
