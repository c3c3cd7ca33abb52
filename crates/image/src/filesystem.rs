//! A whole file system in memory: what an image's layers come to, and what a machine is assembled in.
//!
//! Nothing is ever unpacked onto this machine's disk, so an archive from elsewhere cannot reach beyond its own root. Inside
//! the root a path is followed as a kernel would follow it there: links among its folders are resolved, `..` stops at the
//! root, and no entry ever comes to lie below a link. That last point matters to whoever unpacks the result: an initramfs
//! follows links in the names of its entries, so `a -> /etc` and `a/passwd` in one container would be the machine's
//! `/etc/passwd`.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A file. The content is shared: the same image may lie in several places.
    File(Arc<[u8]>),
    /// A symbolic link, and where it points to.
    Link(String),
}

/// An entry of a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, set-user-ID, set-group-ID and sticky bit.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// When it was changed, in seconds since 1970.
    pub mtime: u32,
    /// Which part of a machine it belongs to, as an index into a list that the assembler keeps.
    pub part: usize,
}

impl Entry {
    /// A folder that belongs to root.
    #[must_use]
    pub const fn directory(mode: u32, mtime: u32) -> Self {
        Self { kind: Kind::Directory, mode, uid: 0, gid: 0, mtime, part: 0 }
    }

    /// A file that belongs to root.
    #[must_use]
    pub fn file(content: impl Into<Arc<[u8]>>, mode: u32, mtime: u32) -> Self {
        Self { kind: Kind::File(content.into()), mode, uid: 0, gid: 0, mtime, part: 0 }
    }

    /// A link that belongs to root.
    #[must_use]
    pub fn link(to: impl Into<String>, mtime: u32) -> Self {
        // What Linux shows for a link.
        Self { kind: Kind::Link(to.into()), mode: 0o777, uid: 0, gid: 0, mtime, part: 0 }
    }

    /// The same, as a part of a machine.
    #[must_use]
    pub fn of(self, part: usize) -> Self {
        Self { part, ..self }
    }

    /// Bytes of a file; zero for all else.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => content.len() as u64,
            Kind::Directory | Kind::Link(_) => 0,
        }
    }
}

/// Why nothing can lie at a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPath {
    /// It climbs, names nothing, or is longer than Linux allows.
    #[error("{0:?} is no path below a root: it has .., a NUL, or a part that is too long")]
    Malformed(String),
    /// Links that lead to each other.
    #[error("{0} goes through more than {MAX_HOPS} links")]
    Loop(String),
    /// Something else than a folder is on the way.
    #[error("{path}: {blocker} is a file, not a folder")]
    NotAFolder {
        /// The path.
        path: String,
        /// What is on its way.
        blocker: String,
    },
    /// A folder with something in it is in the way of a file or a link.
    #[error("{0} is a folder that is not empty, and cannot also be a file or a link")]
    Occupied(String),
    /// More folders in folders than anybody needs.
    #[error("{0}… lies more than {MAX_DEPTH} folders deep")]
    Deep(String),
    /// More entries than anybody needs, those that are only on the way to others included.
    #[error("it has more than {MAX_ENTRIES} entries, with the folders that only lead to others")]
    Entries,
    /// Longer names than anybody needs.
    #[error("the paths of its entries have more than {MAX_PATHS} bytes together")]
    Paths,
}

/// Mode of folders that are only there because something is in them.
const FOLDER_MODE: u32 = 0o755;
/// `PATH_MAX` of Linux.
const MAX_PATH: usize = 4096;
/// `NAME_MAX` of Linux.
const MAX_NAME: usize = 255;
/// `MAXSYMLINKS` of Linux: what it calls a loop.
const MAX_HOPS: usize = 40;
/// Folders in folders. The path of each is kept, so that depth costs by its square; real images stay below forty.
const MAX_DEPTH: usize = 128;
/// Entries of one file system. Debian's whole desktop has about as many.
pub const MAX_ENTRIES: usize = 300_000;
/// Bytes of all paths together: a hundred for each entry.
const MAX_PATHS: usize = 30_000_000;

/// Entries by their paths below the root, without a leading slash. Iteration is sorted: a folder comes before what is in it.
///
/// What it may come to is bounded here, where every entry passes: what an archive has is less than what it unpacks to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filesystem {
    entries: BTreeMap<String, Entry>,
    /// Bytes of all paths together.
    paths: usize,
}

impl Filesystem {
    /// Puts an entry at a path, and folders above it where there are none. A file or a link replaces a file, a link or an
    /// empty folder; a folder only changes what a folder already is, and leaves a link to a folder alone.
    ///
    /// # Errors
    /// See [`BadPath`].
    pub fn put(&mut self, path: &str, entry: Entry) -> Result<(), BadPath> {
        let Some(place) = self.place(path, Some(&entry))? else {
            // The root itself: always a folder.
            return Ok(());
        };
        match (self.entries.get(&place).map(|old| &old.kind), &entry.kind) {
            (Some(Kind::Directory), Kind::File(_) | Kind::Link(_)) if self.below(&place).next().is_some() => {
                return Err(BadPath::Occupied(place));
            }
            (Some(Kind::Link(_)), Kind::Directory) if self.leads_to_folder(&place) => return Ok(()),
            _ => {}
        }
        self.insert(place, entry)
    }

    /// Removes what lies at a path, and everything below it.
    ///
    /// # Errors
    /// It is no path; that nothing lies there is none.
    pub fn remove(&mut self, path: &str) -> Result<(), BadPath> {
        let Some(place) = self.place(path, None)? else { return Ok(()) };
        self.clear_below(&place);
        self.take(&place);
        Ok(())
    }

    /// Removes what lies below a path, and not the path itself.
    ///
    /// # Errors
    /// It is no path.
    pub fn clear(&mut self, path: &str) -> Result<(), BadPath> {
        match self.place(path, None)? {
            Some(place) => self.clear_below(&place),
            None => *self = Self::default(),
        }
        Ok(())
    }

    /// What lies at a path, which is taken as it is written.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path.trim_matches('/'))
    }

    /// Whether something lies at a path, when the links among its folders are followed.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.place_existing(path).is_some()
    }

    /// Every path and its entry, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Copies everything of `other` to below `prefix`, as a part of a machine.
    ///
    /// # Errors
    /// Something cannot lie where it would.
    pub fn graft(&mut self, prefix: &str, other: &Self, part: usize) -> Result<(), BadPath> {
        for (path, entry) in other.iter() {
            self.put(&format!("{prefix}/{path}"), entry.clone().of(part))?;
        }
        Ok(())
    }

    fn below(&self, place: &str) -> impl Iterator<Item = &String> {
        let prefix = format!("{place}/");
        self.entries.range(prefix.clone()..).map(|(path, _)| path).take_while(move |path| path.starts_with(&prefix))
    }

    fn clear_below(&mut self, place: &str) {
        let doomed: Vec<String> = self.below(place).cloned().collect();
        for path in doomed {
            self.take(&path);
        }
    }

    fn insert(&mut self, place: String, entry: Entry) -> Result<(), BadPath> {
        if let Some(there) = self.entries.get_mut(&place) {
            *there = entry;
            return Ok(());
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err(BadPath::Entries);
        }
        let paths = self.paths + place.len();
        if paths > MAX_PATHS {
            return Err(BadPath::Paths);
        }
        self.paths = paths;
        self.entries.insert(place, entry);
        Ok(())
    }

    fn take(&mut self, place: &str) {
        if self.entries.remove(place).is_some() {
            self.paths -= place.len();
        }
    }

    fn leads_to_folder(&self, place: &str) -> bool {
        // The dot makes the link itself a part that is followed.
        let through = self.walk(place, true, None).ok().flatten();
        through.is_some_and(|end| matches!(self.entries.get(&end).map(|entry| &entry.kind), Some(Kind::Directory)))
    }

    fn place_existing(&self, path: &str) -> Option<String> {
        let place = self.walk(path, false, None).ok()??;
        self.entries.contains_key(&place).then_some(place)
    }

    /// Where a path really is; folders on the way are made like `maker` when there is one. `None` is the root.
    fn place(&mut self, path: &str, maker: Option<&Entry>) -> Result<Option<String>, BadPath> {
        let mut missing = Vec::new();
        let place = self.walk(path, false, Some(&mut missing))?;
        if let Some(entry) = maker {
            for folder in missing {
                self.insert(folder, Entry::directory(FOLDER_MODE, entry.mtime).of(entry.part))?;
            }
        }
        Ok(place)
    }

    /// Follows the links among the folders of a path, and with `last` its last part, too.
    fn walk(&self, path: &str, last: bool, mut missing: Option<&mut Vec<String>>) -> Result<Option<String>, BadPath> {
        let mut ahead: Vec<String> = parts(path)?.into_iter().rev().map(str::to_owned).collect();
        let mut here: Vec<String> = Vec::new();
        let mut hops = 0;
        while let Some(part) = ahead.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    here.pop();
                    continue;
                }
                _ => here.push(part),
            }
            if here.len() > MAX_DEPTH {
                return Err(BadPath::Deep(path.chars().take(MAX_NAME).collect()));
            }
            if ahead.is_empty() && !last {
                break;
            }
            let place = here.join("/");
            match self.entries.get(&place).map(|entry| &entry.kind) {
                Some(Kind::Directory) => {}
                Some(Kind::File(_)) if ahead.is_empty() => {}
                Some(Kind::File(_)) => return Err(BadPath::NotAFolder { path: path.to_owned(), blocker: place }),
                Some(Kind::Link(to)) => {
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Err(BadPath::Loop(path.to_owned()));
                    }
                    here.pop();
                    if to.starts_with('/') {
                        here.clear();
                    }
                    ahead.extend(to.split('/').rev().map(str::to_owned));
                }
                None => {
                    if let Some(missing) = missing.as_deref_mut() {
                        missing.push(place);
                    }
                }
            }
        }
        Ok((!here.is_empty()).then(|| here.join("/")))
    }
}

/// The parts of a path as an archive writes it: `a/b`, `/a/b`, `./a/b/`.
fn parts(path: &str) -> Result<Vec<&str>, BadPath> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let bad = |part: &&str| *part == ".." || part.len() > MAX_NAME || part.contains('\0');
    if path.len() > MAX_PATH || parts.iter().any(bad) {
        return Err(BadPath::Malformed(path.chars().take(MAX_NAME).collect()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;
