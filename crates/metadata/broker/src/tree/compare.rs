//! Whether what is in place already is what was found.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use orlop_metadata_contract::MAX_ENTRIES;
use rustix::fs::{FileType, OFlags, Stat, fstat};

use super::{names, open};

/// Whether `new` and `old` have the same under `name`: the same files and folders, of the same content and permissions, and all
/// of root's. What cannot be read in `old` is not the same.
pub(super) fn same(new: BorrowedFd<'_>, old: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    let (ours, ours_is) = look(new, name)?;
    let Ok((theirs, theirs_is)) = look(old, name) else { return Ok(false) };
    let shape = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid);
    if shape(&ours_is) != shape(&theirs_is) {
        return Ok(false);
    }
    if FileType::from_raw_mode(ours_is.st_mode) != FileType::Directory {
        return Ok(ours_is.st_size == theirs_is.st_size && equal(ours, theirs)?);
    }
    let listed = names(ours.as_fd(), MAX_ENTRIES)?;
    if names(theirs.as_fd(), listed.len() + 1).ok().as_ref() != Some(&listed) {
        return Ok(false);
    }
    for name in listed {
        let name = String::from_utf8(name).map_err(io::Error::other)?;
        if !same(ours.as_fd(), theirs.as_fd(), &name)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens a file or a folder, once it is known to be one.
fn look(folder: BorrowedFd<'_>, name: &str) -> io::Result<(OwnedFd, Stat)> {
    let known = fstat(open(folder, name, OFlags::PATH | OFlags::NOFOLLOW)?)?;
    let kind = FileType::from_raw_mode(known.st_mode);
    if kind != FileType::Directory && kind != FileType::RegularFile {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let opened = open(folder, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)?;
    let stat = fstat(&opened)?;
    Ok((opened, stat))
}

fn equal(one: OwnedFd, other: OwnedFd) -> io::Result<bool> {
    let (mut one, mut other) = (File::from(one), File::from(other));
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let len = one.read(&mut left)?;
        let (Some(ours), Some(room)) = (left.get(..len), right.get_mut(..len)) else { return Ok(false) };
        if other.read_exact(room).is_err() || ours != room {
            return Ok(false);
        }
        if len == 0 {
            return Ok(other.read(&mut [0])? == 0);
        }
    }
}

/// Bytes that are compared at a time.
const BLOCK: usize = 16 << 10;
