//! Files as the kernel unpacks them: a cpio archive in the "newc" form (Documentation/driver-api/early-userspace).

use std::collections::BTreeMap;

/// The root file system of a machine. Everything belongs to root and is as old as Unix.
#[derive(Debug, Clone, Default)]
pub struct Files(BTreeMap<String, Entry>);

#[derive(Debug, Clone)]
struct Entry {
    mode: u32,
    content: Vec<u8>,
    /// Major and minor number.
    device: (u32, u32),
}

/// Parts of a mode that say what it is the mode of (`inode(7)`).
mod kind {
    pub(super) const FOLDER: u32 = 0o040_000;
    pub(super) const FILE: u32 = 0o100_000;
    pub(super) const LINK: u32 = 0o120_000;
    pub(super) const CHARACTERS: u32 = 0o020_000;
}

/// Header and data end on multiples of this.
const ALIGNMENT: usize = 4;
/// The name that ends an archive.
const TRAILER: &str = "TRAILER!!!";

impl Files {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder. Folders above whatever is added are made, with mode 0755.
    #[must_use]
    pub fn folder(self, path: &str, mode: u32) -> Self {
        self.put(path, kind::FOLDER | mode, Vec::new(), (0, 0))
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.put(path, kind::FILE | mode, content.into(), (0, 0))
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, to: &str) -> Self {
        self.put(path, kind::LINK | 0o777, to.into(), (0, 0))
    }

    /// Adds a device that is read and written by characters.
    #[must_use]
    pub fn device(self, path: &str, major: u32, minor: u32) -> Self {
        self.put(path, kind::CHARACTERS | 0o600, Vec::new(), (major, minor))
    }

    fn put(mut self, path: &str, mode: u32, content: Vec<u8>, device: (u32, u32)) -> Self {
        let path = path.trim_start_matches('/');
        for (at, _) in path.match_indices('/') {
            let folder = Entry { mode: kind::FOLDER | 0o755, content: Vec::new(), device: (0, 0) };
            self.0.entry(path[..at].to_owned()).or_insert(folder);
        }
        self.0.insert(path.to_owned(), Entry { mode, content, device });
        self
    }

    /// The archive. A folder comes before what is in it.
    #[must_use]
    pub fn to_cpio(&self) -> Vec<u8> {
        let end = Entry { mode: 0, content: Vec::new(), device: (0, 0) };
        let mut archive = Vec::new();
        for (inode, (path, entry)) in
            (1..).zip(self.0.iter().map(|(path, entry)| (path.as_str(), entry)).chain([(TRAILER, &end)]))
        {
            append(&mut archive, inode, path, entry);
        }
        archive
    }
}

fn append(archive: &mut Vec<u8>, inode: u32, path: &str, entry: &Entry) {
    let Entry { mode, content, device: (major, minor) } = entry;
    let size = |bytes: usize| u32::try_from(bytes).expect("a file of a test is no larger than 4 GB");
    let fields = [
        inode,
        *mode,
        0, // user
        0, // group
        1, // names
        0, // time
        size(content.len()),
        0, // the device it lies on: two numbers
        0,
        *major,
        *minor,
        size(path.len() + 1),
        0, // a sum, in another form only
    ];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(path.as_bytes());
    archive.push(0);
    align(archive);
    archive.extend_from_slice(content);
    align(archive);
}

fn align(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(ALIGNMENT), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_what_was_added_and_folders_first() {
        let files = Files::new().file("/a/b", 0o644, "x").link("/c", "a/b").device("/dev/null", 1, 3);
        let archive = files.to_cpio();
        let text = String::from_utf8_lossy(&archive);
        let places: Vec<_> =
            ["a\0", "a/b\0", "c\0", "dev\0", "dev/null\0", TRAILER].iter().map(|name| text.find(name)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
        assert_eq!(text.matches("070701").count(), 6);
        assert_eq!(archive.len() % ALIGNMENT, 0);
        assert!(text.contains("000081a4"), "the mode of a/b");
        assert!(text.contains("000000010000000300000009"), "numbers of the device, and the length of its name");
    }

    #[test]
    fn every_header_is_aligned_whatever_lengths_names_and_contents_have() {
        for length in 0..8 {
            let archive = Files::new().file(&"n".repeat(length + 1), 0o600, vec![b'.'; length]).to_cpio();
            let starts: Vec<_> = archive.windows(6).enumerate().filter(|(_, six)| six == b"070701").collect();
            assert_eq!(starts.len(), 2, "{length}");
            assert!(starts.iter().all(|(at, _)| at % ALIGNMENT == 0), "{length}");
        }
    }
}
