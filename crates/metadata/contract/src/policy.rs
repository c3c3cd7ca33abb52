use core::time::Duration;
use std::collections::BTreeMap;

use orlop_machine::{Bucket, Instant};

use crate::{DiskId, EntryPath, MAX_ENTRIES, MAX_FILE, MAX_TOTAL, Place, Request};

/// Decides what a metadata worker may have in one errand. The broker believes nobody: a worker that a service, a disk or a
/// user's data has taken over can still write any well-typed request.
///
/// What it can then still do: say what the service could have said. What it cannot: write anywhere but below `/run/config`,
/// replace `provider`, write more than there is room for, or make its broker connect to anybody but the provider, or often.
#[derive(Debug)]
pub struct Policy {
    errand: Errand,
    connects: Bucket,
    /// What was asked for so far, and whether it is a folder.
    entries: BTreeMap<EntryPath, bool>,
    /// Bytes of all files that were begun.
    total: usize,
    /// Bytes that the file that was begun last still lacks.
    missing: usize,
    has_hostname: bool,
    over: bool,
}

/// What the worker was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// To ask a provider that has so many endpoints.
    Fetch {
        /// How many.
        endpoints: u8,
    },
    /// To look at disks, of which so many were handed over.
    Look {
        /// How many.
        disks: u8,
    },
    /// To read a disk, or a document that the broker has.
    Read,
}

/// A request that the policy allows. Nothing else makes one, and only one of these is ever applied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "permission is asked for in order to use it"]
pub struct Permitted(Request);

impl Permitted {
    /// What is permitted.
    #[must_use]
    pub fn into_request(self) -> Request {
        self.0
    }
}

/// Names at the top of `/run/config` that are the broker's own: what it writes last, and where it makes the rest ready.
pub const PROVIDER: &str = "provider";
/// See [`PROVIDER`].
pub const STAGING: &str = ".orlop-metadata";

impl Policy {
    /// Connections at once, and then one each [`Policy::CONNECT_EVERY`]: an honest worker has one for a whole errand, or one for
    /// each question where the service ends it after each answer, and waits longer than that after each that fails. A test of
    /// `orlop-metadata-core` lets it try.
    pub const CONNECT_BURST: u32 = 96;
    /// See [`Policy::CONNECT_BURST`].
    pub const CONNECT_EVERY: Duration = Duration::from_millis(100);

    /// For an errand that begins now.
    #[must_use]
    pub const fn new(now: Instant, errand: Errand) -> Self {
        Self {
            errand,
            connects: Bucket::new(now, Self::CONNECT_BURST, Self::CONNECT_EVERY),
            entries: BTreeMap::new(),
            total: 0,
            missing: 0,
            has_hostname: false,
            over: false,
        }
    }

    /// Decides one request.
    ///
    /// # Errors
    /// Why not. No worker of ours ever asks for it: nothing that it has said counts any more.
    pub fn permit(&mut self, now: Instant, request: Request) -> Result<Permitted, Denied> {
        if self.over {
            return Err(Denied::Over);
        }
        if self.missing > 0 && !matches!(request, Request::Content(_) | Request::Failed(_)) {
            return Err(Denied::Unfinished);
        }
        match &request {
            Request::Connect(Place(place)) => match self.errand {
                Errand::Fetch { endpoints } if *place < endpoints => {
                    if !self.connects.take(now) {
                        return Err(Denied::TooOften);
                    }
                }
                Errand::Fetch { .. } | Errand::Look { .. } | Errand::Read => return Err(Denied::NoSuchPlace),
            },
            Request::Disk(DiskId(id), _) => match self.errand {
                Errand::Look { disks } if *id < disks => {}
                Errand::Fetch { .. } | Errand::Look { .. } | Errand::Read => return Err(Denied::NoSuchPlace),
            },
            Request::Folder { path, mode: _ } => self.entry(path, true)?,
            Request::File { path, mode: _, length } => {
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                self.total = self.total.saturating_add(length);
                if length > MAX_FILE || self.total > MAX_TOTAL {
                    return Err(Denied::TooLarge);
                }
                self.entry(path, false)?;
                self.missing = length;
            }
            Request::Content(chunk) => {
                let left = self.missing.checked_sub(chunk.len()).filter(|_| !chunk.is_empty());
                self.missing = left.ok_or(Denied::Unasked)?;
            }
            Request::Hostname(_) => {
                if core::mem::replace(&mut self.has_hostname, true) || !self.errand.brings_entries() {
                    return Err(Denied::Unasked);
                }
            }
            Request::Done(_) if !self.errand.brings_entries() => return Err(Denied::Unasked),
            Request::Done(_) | Request::Failed(_) => self.over = true,
        }
        Ok(Permitted(request))
    }

    fn entry(&mut self, path: &EntryPath, is_folder: bool) -> Result<(), Denied> {
        if !self.errand.brings_entries() {
            return Err(Denied::Unasked);
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err(Denied::TooMany);
        }
        match path.parent() {
            Some(parent) if self.entries.get(&parent) != Some(&true) => return Err(Denied::NoFolder),
            None if [PROVIDER, STAGING].contains(&path.as_str()) => return Err(Denied::Reserved),
            Some(_) | None => {}
        }
        match self.entries.insert(path.clone(), is_folder) {
            None => Ok(()),
            Some(_) => Err(Denied::Twice),
        }
    }
}

impl Errand {
    const fn brings_entries(self) -> bool {
        match self {
            Self::Fetch { .. } | Self::Read => true,
            Self::Look { .. } => false,
        }
    }
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Its errand is over.
    #[error("nobody has sent it for anything")]
    Over,
    /// The file before it has not all of its content yet.
    #[error("the file before it is not finished")]
    Unfinished,
    /// No such endpoint of the provider, or no such disk, in this errand.
    #[error("no such endpoint or disk")]
    NoSuchPlace,
    /// Connections too often.
    #[error("too often")]
    TooOften,
    /// A file, or all of them together.
    #[error("more bytes than there is room for")]
    TooLarge,
    /// Entries.
    #[error("more than {MAX_ENTRIES} entries")]
    TooMany,
    /// The folder that it lies in was not asked for before.
    #[error("it lies in no folder")]
    NoFolder,
    /// The same path a second time.
    #[error("the same path twice")]
    Twice,
    /// A name that is the broker's own.
    #[error("the name is the broker's own")]
    Reserved,
    /// Nothing that this errand brings, or content without a file.
    #[error("nobody has asked for it")]
    Unasked,
}

#[cfg(test)]
mod tests;
