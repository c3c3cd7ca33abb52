//! The resolv.conf of this host: who may write it, and how.
//!
//! Other containers bind the file, not the folder, so it is written [in place](InPlace), and only when it changes.
//!
//! Its room is taken, and the file opened for writing, before anything else happens, and it stays open: nobody can take the
//! room away, or hold a lease (`F_SETLEASE`) on the file, with which any reader could keep others from opening it.
//!
//! One owner at a time: while a local resolver holds its [`Claim`], a lock on [`CLAIM`], the file is the resolver's. When the
//! claim ends, whichever way, the DHCP client puts the real servers back. The claim lies in a folder of its own where
//! no reader of resolv.conf comes ([`CLAIMS`]), because whoever can open a file can lock it.

use std::error::Error as _;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use orlop_wholefile::{Content, InPlace, InPlaceError};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, fchmod, flock, fstat, openat};
use rustix::io::Errno;
use tracing::warn;

use crate::folder::{self, Output};

/// The file in a folder of its own.
#[derive(Debug)]
pub struct ResolvConf {
    folder: Output,
    file: InPlace,
}

impl ResolvConf {
    /// The file in `folder`, which is made when it is missing, as the file is. To be done before the sandbox narrows. What fails is
    /// told by [`ResolvConf::tell`]; it costs name servers and nothing else.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let folder = Output::hold(folder, "name servers in resolv.conf");
        let file = InPlace::new(NAME, MODE);
        let mut resolv_conf = Self { folder, file };
        let room = match resolv_conf.folder.folder() {
            Some(folder) => resolv_conf.file.take_room(folder).map_err(ResolvConfError::from),
            None => Err(ResolvConfError::NoFolder),
        };
        resolv_conf.tell(room.as_ref().err());
        resolv_conf
    }

    /// Says why the file is not as it should be, if that is news.
    pub fn tell(&mut self, failed: Option<&ResolvConfError>) {
        if self.folder.folder().is_some() {
            let cause = failed.and_then(|error| Some(format!("{error}: {}", error.source()?)));
            self.folder.tell(cause.or_else(|| failed.map(ToString::to_string)).as_ref());
        }
    }

    /// What the file says, up to 64 kB, which is more than any resolv.conf that works has.
    ///
    /// # Errors
    /// It cannot be had, or is no plain file.
    pub fn content(&mut self) -> Result<Content, ResolvConfError> {
        let folder = self.folder.folder().ok_or(ResolvConfError::NoFolder)?;
        Ok(self.file.content(folder, MAX_OLD)?)
    }

    /// Puts `text` over `old`, which is what the file says, unless it says that already. Whether it did not.
    ///
    /// # Errors
    /// The kernel refuses, or has no room.
    pub fn put(&mut self, old: &Content, text: &[u8]) -> Result<bool, ResolvConfError> {
        let folder = self.folder.folder().ok_or(ResolvConfError::NoFolder)?;
        Ok(self.file.put(folder, old, text)?)
    }
}

/// The folder in which a resolver claims the file; without one nobody can.
#[derive(Debug)]
pub struct Claims(Option<OwnedFd>);

/// The file is ours, until this is dropped.
#[derive(Debug)]
#[must_use = "the claim ends when this is dropped"]
pub struct Claim(#[expect(dead_code, reason = "open as long as it is locked")] OwnedFd);

/// Nobody claims the file as long as this is held: a resolver that comes now waits.
#[derive(Debug)]
#[must_use = "a resolver may come when this is dropped"]
pub struct Unclaimed(#[expect(dead_code, reason = "open as long as it is locked")] Option<OwnedFd>);

impl Claims {
    /// The folder at `path`, which is made when it is missing and becomes its owner's alone. To be done before the sandbox narrows.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = folder::make_private(path)
            .and_then(|()| Ok(openat(CWD, path, flags, Mode::empty())?))
            .inspect_err(|cause| warn!(folder = %path.display(), %cause, "no resolver can claim resolv.conf"));
        Self(opened.ok())
    }

    /// Looks whether a resolver claims the file; `None` while one does.
    ///
    /// # Errors
    /// The claim cannot be looked at.
    pub fn look(&self) -> Result<Option<Unclaimed>, ResolvConfError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(claims) = &self.0 else { return Ok(Some(Unclaimed(None))) };
        let claim = match openat(claims, CLAIM, flags, Mode::empty()) {
            Ok(claim) => claim,
            Err(Errno::NOENT) => return Ok(Some(Unclaimed(None))),
            Err(errno) => return Err(ResolvConfError::Claim(errno)),
        };
        // Not through the C library, which makes another system call for it on each target.
        if fstat(&claim).map_err(ResolvConfError::Claim)?.st_mode & OF_OTHERS != 0 {
            return Ok(Some(Unclaimed(None)));
        }
        match flock(&claim, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Some(Unclaimed(Some(claim)))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(ResolvConfError::Claim(errno)),
        }
    }

    /// Claims the file; `None` where it is claimed, or where somebody looks in this moment, or where there is no folder for it.
    ///
    /// # Errors
    /// The claim cannot be made.
    pub fn take(&self) -> Result<Option<Claim>, ResolvConfError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(claims) = &self.0 else { return Ok(None) };
        let mode = Mode::RUSR | Mode::WUSR;
        let claim = openat(claims, CLAIM, flags, mode).map_err(ResolvConfError::Claim)?;
        // One that others can open is no claim.
        fchmod(&claim, mode).map_err(ResolvConfError::Claim)?;
        match flock(claim.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Claim(claim))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(ResolvConfError::Claim(errno)),
        }
    }
}

/// Why resolv.conf is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolvConfError {
    /// There is no folder for it.
    #[error("there is no such folder")]
    NoFolder,
    /// The claim of the resolver cannot be looked at.
    #[error("cannot look at {CLAIMS}/{CLAIM}")]
    Claim(#[source] Errno),
    /// The file cannot be opened or made.
    #[error("cannot open {NAME}")]
    Open(#[source] Errno),
    /// The name is a symbolic link: its target is somebody else's file.
    #[error("{NAME} is a symbolic link")]
    Link,
    /// The name is a folder, a device or a pipe.
    #[error("{NAME} is not a plain file")]
    NotAFile,
    /// Only a part could be written.
    #[error("cannot write all of {NAME}: no room?")]
    Short,
    /// It cannot be read or written.
    #[error("cannot write {NAME}")]
    Io(#[from] io::Error),
}

impl From<InPlaceError> for ResolvConfError {
    fn from(error: InPlaceError) -> Self {
        match error {
            InPlaceError::Open(errno) => Self::Open(errno),
            InPlaceError::Link => Self::Link,
            InPlaceError::NotAFile => Self::NotAFile,
            InPlaceError::Short => Self::Short,
            InPlaceError::Io(error) => Self::Io(error),
        }
    }
}

/// The file that a local resolver locks (`flock`, exclusive) for as long as resolv.conf is its own. A resolver should try
/// again rather than give up: others hold a shared lock for the moment of a write.
///
/// Its mode is 0600. Whoever can open a file can lock it, so one that others than its owner can open is no claim: any
/// user of this host could keep resolv.conf as it is with it.
pub const CLAIM: &str = "resolv.conf";

/// The folder of the claim. Only the DHCP client and a resolver share it.
pub const CLAIMS: &str = "/run/orlop/claim";

/// The name of the file in its folder.
pub const NAME: &str = "resolv.conf";

/// Everybody may read it.
const MODE: u32 = 0o644;
/// What a claim grants to nobody but its owner.
const OF_OTHERS: u32 = 0o077;
/// Of what was there before, in bytes.
const MAX_OLD: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn a_claim_is_one_process_at_a_time_and_seen_by_who_looks() {
        let folder = Folder::new("claims");
        let (ours, theirs) = (Claims::open(&folder.0.join("claim")), Claims::open(&folder.0.join("claim")));
        assert!(theirs.look().unwrap().is_some(), "there is no file yet");
        let claim = ours.take().unwrap().expect("it is free");
        assert!(theirs.take().unwrap().is_none());
        assert!(theirs.look().unwrap().is_none());
        drop(claim);
        let looking = theirs.look().unwrap().expect("the claim has ended");
        assert!(ours.take().unwrap().is_none(), "who looks writes, perhaps");
        drop(looking);
        assert!(ours.take().unwrap().is_some());
    }

    #[test]
    fn a_claim_that_others_could_open_becomes_its_owners() {
        let folder = Folder::new("open-claim");
        let claims = Claims::open(&folder.0.join("claim"));
        let path = folder.0.join("claim").join(CLAIM);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let _claim = claims.take().unwrap().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(claims.look().unwrap().is_none());
    }

    #[test]
    fn without_a_folder_nobody_claims_anything() {
        let folder = Folder::new("no-claims");
        std::fs::write(folder.0.join("file"), "").unwrap();
        let claims = Claims::open(&folder.0.join("file/claim"));
        assert!(claims.take().unwrap().is_none());
        assert!(claims.look().unwrap().is_some());
    }
}
