//! Removing a folder with all that is in it, whoever put it there.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, Mode as Bits, OFlags, fchmod, openat2, unlinkat};
use rustix::io::Errno;

use super::{BENEATH, names};

/// Folders in folders, at most. Ours have fewer; where somebody else has made more, removing ends with an error.
const DEEPEST: usize = 64;

/// Removes what is called `name` in `folder`, if there is such. No link is followed. An error leaves what is not removed yet.
pub(super) fn all(folder: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let name = CString::new(name).map_err(io::Error::other)?;
    remove(folder, &name, DEEPEST)
}

fn remove(folder: BorrowedFd<'_>, name: &CString, deepest: usize) -> io::Result<()> {
    match unlinkat(folder, name.as_c_str(), AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(Errno::NOENT) => return Ok(()),
        result => return Ok(result?),
    }
    let deepest = deepest.checked_sub(1).ok_or_else(|| io::Error::other("folders in folders without end"))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let inner = openat2(folder, name.as_c_str(), flags, Bits::empty(), BENEATH)?;
    fchmod(&inner, Bits::RWXU)?;
    for name in names(inner.as_fd())? {
        remove(inner.as_fd(), &CString::new(name).map_err(io::Error::other)?, deepest)?;
    }
    Ok(unlinkat(folder, name.as_c_str(), AtFlags::REMOVEDIR)?)
}
