//! The resolv.conf of this host: who may write it, and how.
//!
//! Other containers bind the file, not the folder, so it is written [in place](InPlace), and only when it changes.
//!
//! Its room is taken, and the file opened for writing, before anything else happens, and it stays open: nobody can take the
//! room away, or hold a lease (`F_SETLEASE`) on the file, with which any reader could keep others from opening it.
//!
//! One owner at a time: while a local resolver holds its claim, a lock on [`CLAIM`], the file is the resolver's. When the
//! claim ends, whichever way, [`ResolvConf::poll`] puts the real servers back. The claim lies in a folder of its own where
//! no reader of resolv.conf comes ([`CLAIMS`]), because whoever can open a file can lock it.

use std::error::Error as _;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use orlop_broker::folder::{self, Output};
use orlop_netfacts::Facts;
use orlop_wholefile::{InPlace, InPlaceError};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;
use tracing::warn;

mod render;

pub use render::{render, render_nothing};

/// The file in a folder of its own.
#[derive(Debug)]
pub struct ResolvConf {
    folder: Output,
    /// The folder of the claim; without one nobody can claim the file.
    claims: Option<OwnedFd>,
    file: InPlace,
    /// What it should say; `None` until we have something to say.
    wanted: Option<String>,
    /// What was there before we wrote for the first time, unless we wrote that too.
    before: Option<Vec<u8>>,
    /// The file must be looked at again: it was claimed, or writing it failed.
    is_due: bool,
}

/// What became of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It says something new.
    Written,
    /// It said that already.
    Unchanged,
    /// A resolver owns it; it will be written when the claim ends.
    Claimed,
    /// There is nothing to say, so it was left alone.
    Untouched,
}

impl ResolvConf {
    /// The file in `folder`, which is made when it is missing, as the file is; it may be claimed in the folder `claims`. To be
    /// done before the sandbox narrows. What fails is told by [`ResolvConf::tell`]; it costs name servers and nothing else.
    #[must_use]
    pub fn open(folder: &Path, claims: &Path) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let claims = folder::make_private(claims)
            .and_then(|()| Ok(openat(CWD, claims, flags, Mode::empty())?))
            .inspect_err(|cause| warn!(folder = %claims.display(), %cause, "no resolver can claim resolv.conf"))
            .ok();
        let folder = Output::hold(folder, "name servers in resolv.conf");
        let file = InPlace::new(NAME, MODE);
        let mut resolv_conf = Self { folder, claims, file, wanted: None, before: None, is_due: false };
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

    /// Makes the file say what all interfaces know together. When nobody knows a name server any more, what was there
    /// before us comes back.
    ///
    /// # Errors
    /// The file cannot be written, or is not a plain file. It is tried again by [`ResolvConf::poll`].
    pub fn update(&mut self, facts: &[Facts]) -> Result<Update, ResolvConfError> {
        match (render(facts), &self.wanted) {
            (Some(text), _) => self.wanted = Some(text),
            // Nothing of ours is in the file, as far as we know: a predecessor's text is better than none.
            (None, None) => return Ok(Update::Untouched),
            (None, Some(_)) => {
                let before = self.before.take().and_then(|bytes| String::from_utf8(bytes).ok());
                self.wanted = Some(before.unwrap_or_else(render_nothing));
            }
        }
        self.write_wanted()
    }

    /// Looks after the claim; to be called every [`POLL`].
    ///
    /// # Errors
    /// As [`ResolvConf::update`].
    pub fn poll(&mut self) -> Result<Update, ResolvConfError> {
        if self.wanted.is_none() {
            return Ok(Update::Untouched);
        }
        if self.is_due {
            return self.write_wanted();
        }
        match self.unclaimed()? {
            Some(_free) => Ok(Update::Unchanged),
            None => {
                self.is_due = true;
                Ok(Update::Claimed)
            }
        }
    }

    fn write_wanted(&mut self) -> Result<Update, ResolvConfError> {
        self.is_due = true;
        let Some(wanted) = self.wanted.clone() else { return Ok(Update::Untouched) };
        // Held while writing: a resolver that comes now waits until we are done.
        let Some(_free) = self.unclaimed()? else { return Ok(Update::Claimed) };
        let outcome = self.write(wanted.as_bytes())?;
        self.is_due = false;
        Ok(outcome)
    }

    /// The claim file, locked as one of those who only look (none if there is no such file); `None` while it is claimed.
    fn unclaimed(&self) -> Result<Option<Option<OwnedFd>>, ResolvConfError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(claims) = &self.claims else { return Ok(Some(None)) };
        let claim = match openat(claims, CLAIM, flags, Mode::empty()) {
            Ok(claim) => File::from(claim),
            Err(Errno::NOENT) => return Ok(Some(None)),
            Err(errno) => return Err(ResolvConfError::Claim(errno)),
        };
        if claim.metadata()?.permissions().mode() & OF_OTHERS != 0 {
            return Ok(Some(None));
        }
        match flock(&claim, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Some(Some(claim.into()))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(ResolvConfError::Claim(errno)),
        }
    }

    fn write(&mut self, text: &[u8]) -> Result<Update, ResolvConfError> {
        let folder = self.folder.folder().ok_or(ResolvConfError::NoFolder)?;
        let old = self.file.content(folder, MAX_OLD)?;
        let whole = old.length == old.bytes.len();
        if self.before.is_none() && whole && !old.bytes.is_empty() && !old.bytes.starts_with(render::MARK.as_bytes()) {
            self.before = Some(old.bytes.clone());
        }
        let written = self.file.put(folder, &old, text)?;
        Ok(if written { Update::Written } else { Update::Unchanged })
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

/// The file that a local resolver locks (`flock`, exclusive) for as long as resolv.conf is its own. A resolver should wait
/// for the lock rather than give up: we hold a shared one for the moment of a write.
///
/// Its mode is 0600. Whoever can open a file can lock it, so one that others than its owner can open is no claim: any
/// user of this host could keep resolv.conf as it is with it.
pub const CLAIM: &str = "resolv.conf";

/// The folder of the claim. Only the DHCP client and a resolver share it.
pub const CLAIMS: &str = "/run/orlop/claim";

/// How often to look whether a claim began or ended: as long as a restarted resolver may leave names unresolved.
pub const POLL: Duration = Duration::from_secs(2);

const NAME: &str = "resolv.conf";
/// Everybody may read it.
const MODE: u32 = 0o644;
/// What a claim grants to nobody but its owner.
const OF_OTHERS: u32 = 0o077;
/// Of what was there before, in bytes: more than any resolv.conf that works.
const MAX_OLD: usize = 64 * 1024;

#[cfg(test)]
mod tests;
