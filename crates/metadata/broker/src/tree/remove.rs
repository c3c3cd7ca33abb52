//! Removing a folder with all that is in it, whoever put it there: however deep it is, and however much.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode as Bits, OFlags, RenameFlags, fchmod, openat2, renameat_with, unlinkat};
use rustix::io::Errno;

use super::{BENEATH, names};

/// Files and folders, at most. Ours are far fewer; where somebody else makes more and more of them, removing ends with an error.
const MOST: usize = 1 << 20;

/// Names that are listed at a time.
const AT_A_TIME: usize = 1_024;

/// Removes what is called `name` in `folder`, if there is such. No link is followed. An error leaves what is not removed yet.
pub(super) fn all(folder: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    at_most(MOST, folder, name)
}

/// As [`all`], unless that is more files and folders than so many.
pub(super) fn at_most(mut left: usize, folder: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let name = CString::new(name).map_err(io::Error::other)?;
    let Some(top) = unless_a_folder(folder, &name)? else { return Ok(()) };
    loop {
        let names = names(top.as_fd(), AT_A_TIME)?;
        if names.is_empty() {
            return Ok(unlinkat(folder, name.as_c_str(), AtFlags::REMOVEDIR)?);
        }
        for name in names {
            one_less(&mut left)?;
            let name = CString::new(name).map_err(io::Error::other)?;
            if let Some(inner) = unless_a_folder(top.as_fd(), &name)? {
                raise(inner.as_fd(), top.as_fd(), &mut left)?;
                unlinkat(&top, name.as_c_str(), AtFlags::REMOVEDIR)?;
            }
        }
    }
}

fn one_less(left: &mut usize) -> io::Result<()> {
    *left = left.checked_sub(1).ok_or_else(|| io::Error::other("files and folders without end"))?;
    Ok(())
}

/// Removes it, unless it is a folder: that is opened, and can be emptied.
fn unless_a_folder(folder: BorrowedFd<'_>, name: &CString) -> io::Result<Option<OwnedFd>> {
    match unlinkat(folder, name.as_c_str(), AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(Errno::NOENT) => return Ok(None),
        result => return Ok(result.map(|()| None)?),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let inner = openat2(folder, name.as_c_str(), flags, Bits::empty(), BENEATH)?;
    fchmod(&inner, Bits::RWXU)?;
    Ok(Some(inner))
}

/// Empties `inner`: its folders come to lie in `top`, so that one that is deeper than any stack comes up a step at a time.
fn raise(inner: BorrowedFd<'_>, top: BorrowedFd<'_>, left: &mut usize) -> io::Result<()> {
    loop {
        let names = names(inner, AT_A_TIME)?;
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            one_less(left)?;
            let name = CString::new(name).map_err(io::Error::other)?;
            if unless_a_folder(inner, &name)?.is_some() {
                match renameat_with(inner, name.as_c_str(), top, format!("{left}"), RenameFlags::NOREPLACE) {
                    // Somebody has taken this very name. It is the turn of the next one.
                    Err(Errno::EXIST) => {}
                    result => result?,
                }
            }
        }
    }
}
