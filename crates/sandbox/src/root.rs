//! An empty root directory.

use std::io;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::capability::Capability;
use crate::fatal::{Exit, Fatal};
use crate::privileges;

/// Where an empty directory is looked for. Every image has the first; the second is made, once, on a machine
/// that is no image of ours (a development machine, a test).
const CANDIDATES: [&str; 2] = ["/var/empty", "/run/orlop/empty"];

/// Enters an empty root that nobody can write to.
pub(crate) fn enter_empty() -> Result<(), Fatal> {
    let directory = match open(CANDIDATES[0]) {
        Ok(directory) => directory,
        Err(_) => make(CANDIDATES[1]).and_then(|()| open(CANDIDATES[1])).map_err(|cause| {
            Fatal::new(Exit::Permission, "there is no empty directory to use as the root of the worker")
                .cause(cause)
                .help("put into the image:  RUN mkdir -p -m 0555 /var/empty")
        })?,
    };
    rustix::process::fchdir(&directory).map_err(|errno| Fatal::os("cannot enter the empty directory", errno))?;
    rustix::process::chroot(".")
        .map_err(|errno| privileges::missing("enter an empty root", Capability::SysChroot, errno))?;
    rustix::process::chdir("/").map_err(|errno| Fatal::os("cannot enter the empty root", errno))
}

/// Opens `path` if it is what it should be: a directory of root's that only root could write to, with nothing in it.
fn open(path: &str) -> io::Result<rustix::fd::OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&directory)?;
    if stat.st_uid != 0 || Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return Err(io::Error::other(format!("{path} can be written to by others than root")));
    }
    let mut buffer = Vec::with_capacity(1024);
    let mut entries = rustix::fs::RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Err(io::Error::other(format!("{path} is not empty")));
        }
    }
    Ok(directory)
}

fn make(path: &str) -> io::Result<()> {
    let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
    for (path, mode) in [(parent, 0o755), (path, 0o555)] {
        match rustix::fs::mkdir(path, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
