//! Which files there are, and which of two with the same name counts.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat};
use rustix::io::Errno;

use super::{Unread, Unreadable, display};

/// Where paths begin.
#[derive(Debug)]
pub(super) enum Place {
    /// In this program's own root.
    Own,
    /// In this folder, as if it were the root: nothing leads out of it.
    Below(OwnedFd, PathBuf),
}

/// What became of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This file.
    File(PathBuf),
    /// A link to `/dev/null` stands where it counts: it is switched off.
    Masked,
}

/// The files of some folders.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In the order in which they are read.
    pub(super) files: Vec<PathBuf>,
    /// Folders that cannot be listed.
    pub(super) unlisted: Vec<(PathBuf, Errno)>,
}

impl Place {
    /// The own root, or what is below `root`.
    pub(super) fn open(root: Option<&Path>) -> Result<Self, Unread> {
        let Some(root) = root else { return Ok(Self::Own) };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(root, flags, Mode::empty()) {
            Ok(folder) => Ok(Self::Below(folder, root.to_owned())),
            Err(errno) => Err(Unread { name: display(root), why: io::Error::from(errno).into(), tolerated: false }),
        }
    }

    /// Opens `path`, which may be a link that stays here.
    pub(super) fn open_at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        match self {
            Self::Own => rustix::fs::open(path, flags, Mode::empty()),
            Self::Below(root, _) => {
                let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
                openat2(root, path, flags, Mode::empty(), resolve)
            }
        }
    }

    /// What `path` is called seen from outside.
    pub(super) fn display(&self, path: &Path) -> String {
        match self {
            Self::Own => display(path),
            Self::Below(_, root) => display(&root.join(path.strip_prefix("/").unwrap_or(path))),
        }
    }

    /// Whether `path` is a link to `/dev/null`, be there such a device in this root or not; or is that device.
    fn is_null(&self, path: &Path) -> bool {
        let link = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW);
        let Ok(link) = link else { return false };
        match readlinkat(&link, "", Vec::new()) {
            Ok(target) if target.as_bytes() == b"/dev/null" => true,
            // Perhaps a link to such a link.
            Ok(_) => self.open_at(path, OFlags::PATH).is_ok_and(|file| is_null_device(&file)),
            Err(_) => is_null_device(&link),
        }
    }
}

fn is_null_device(file: &OwnedFd) -> bool {
    fstat(file).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == NULL
    })
}

/// Number of the device `/dev/null`.
const NULL: (u32, u32) = (1, 3);

/// The files in `folders` whose names end in `.conf`, in the order of their names. Of two with the same name the one in the
/// first folder counts. `may_lack`: a folder need not be there.
pub(super) fn settings(place: &Place, folders: &[PathBuf], may_lack: bool) -> Listing {
    let mut listing = Listing::default();
    let mut files = BTreeMap::new();
    for folder in folders {
        match names(place, folder) {
            Ok(names) => {
                for name in names {
                    if Path::new(&name).extension() == Some(OsStr::new("conf")) && !is_hidden(&name) {
                        files.entry(name).or_insert_with_key(|name| folder.join(name));
                    }
                }
            }
            Err(Errno::NOENT) if may_lack => {}
            Err(errno) => listing.unlisted.push((folder.clone(), errno)),
        }
    }
    listing.files = files.into_values().filter(|file| !place.is_null(file)).collect();
    listing
}

/// The file called `name` in the first of `folders` that has one.
pub(super) fn named(place: &Place, folders: &[PathBuf], name: &OsStr) -> Option<Found> {
    let here = |path: &PathBuf| place.open_at(path, OFlags::PATH | OFlags::NOFOLLOW).is_ok();
    let path = folders.iter().map(|folder| folder.join(name)).find(here)?;
    Some(if place.is_null(&path) { Found::Masked } else { Found::File(path) })
}

/// Every file in `folder` but those that are `/dev/null`, in which nothing is, in the order of their names.
pub(super) fn everything(place: &Place, folder: &Path) -> Result<impl Iterator<Item = PathBuf>, Unread> {
    let failed =
        |errno: Errno| Unread { name: place.display(folder), why: why(place, folder, errno), tolerated: false };
    let mut files = BTreeMap::new();
    for name in names(place, folder).map_err(failed)? {
        let path = folder.join(&name);
        if !place.is_null(&path) {
            files.insert(name, path);
        }
    }
    Ok(files.into_values())
}

/// Why `path` cannot be opened, which the kernel says with `errno`.
pub(super) fn why(place: &Place, path: &Path, errno: Errno) -> Unreadable {
    if errno != Errno::ACCESS {
        return io::Error::from(errno).into();
    }
    // The outermost folder that is closed, or the file itself.
    let is_closed = |folder: &&Path| place.open_at(&folder.join("."), OFlags::PATH).err() == Some(Errno::ACCESS);
    let closed = path.ancestors().skip(1).filter(is_closed).last().unwrap_or(path);
    let owner = place.open_at(closed, OFlags::PATH).and_then(|file| fstat(&file)).map_or(0, |stat| stat.st_uid);
    // To make it root's opens it to nobody else: there may be secrets in it.
    let command = if owner == 0 { "chmod u+rX" } else { "chown 0" };
    Unreadable::Closed(format!("{command} {}", quoted(&place.display(closed))))
}

/// A word of a shell.
fn quoted(word: &str) -> String {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn names(place: &Place, folder: &Path) -> Result<Vec<OsString>, Errno> {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = place.open_at(folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let entries =
        Dir::new(folder)?.map(|entry| entry.map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned()));
    entries.filter(|name| name.as_ref().map_or(true, |name| name != "." && name != "..")).collect()
}

/// Files that editors and package managers leave begin with a dot, as in sysctl.d(5).
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}
