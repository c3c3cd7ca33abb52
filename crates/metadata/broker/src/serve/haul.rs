//! What a worker brings home from one errand: each request decided by the policy, each entry made ready beside its place.

use orlop_metadata_contract::{
    Counters, DiskId, EntryPath, Errand, Failure, Hostname, Mode, Place, Policy, Request, Seed,
};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use serde_json::{Value, json};

use crate::tree::{Staging, Tree, Written};

/// One errand.
pub(super) struct Haul<'t> {
    policy: Policy,
    /// Nothing in a run that writes nothing.
    staging: Option<Staging<'t>>,
    /// What a run that writes nothing would have written: a folder has no length.
    listing: Vec<(EntryPath, Mode, Option<u32>)>,
    /// The name that the machine is to have.
    pub(super) hostname: Option<Hostname>,
}

/// What a request means for the errand.
pub(super) enum Step {
    /// It goes on.
    More,
    /// It asks for a connection.
    Connect(Place),
    /// It tells of a disk.
    Disk(DiskId, Option<Seed>),
    /// That was all.
    Done(Counters),
    /// It was in vain.
    Failed(Failure),
}

impl<'t> Haul<'t> {
    /// Of an errand that begins now.
    pub(super) fn new(tree: Option<&'t Tree>, errand: Errand) -> Result<Self, Fatal> {
        let staging = match (tree, errand) {
            (Some(tree), Errand::Fetch { .. } | Errand::Read) => Some(tree.stage().map_err(unwritten)?),
            (Some(_), Errand::Look { .. }) | (None, _) => None,
        };
        Ok(Self { policy: Policy::new(clock::now(), errand), staging, listing: Vec::new(), hostname: None })
    }

    /// Does what is asked for, if it is permitted.
    pub(super) fn take(&mut self, request: Request) -> Result<Step, Fatal> {
        let permitted = self.policy.permit(clock::now(), request).map_err(|denied| {
            Fatal::new(Exit::Refused, "a worker asks for what it may not have: nothing that it says is used")
                .cause(denied)
        })?;
        match permitted.into_request() {
            Request::Connect(place) => return Ok(Step::Connect(place)),
            Request::Disk(id, seed) => return Ok(Step::Disk(id, seed)),
            Request::Done(counters) => return Ok(Step::Done(counters)),
            Request::Failed(failure) => return Ok(Step::Failed(failure)),
            Request::Hostname(name) => self.hostname = Some(name),
            Request::Folder { path, mode } => match &mut self.staging {
                Some(staging) => staging.folder(&path, mode).map_err(unwritten)?,
                None => self.listing.push((path, mode, None)),
            },
            Request::File { path, mode, length } => match &mut self.staging {
                Some(staging) => staging.file(&path, mode).map_err(unwritten)?,
                None => self.listing.push((path, mode, Some(length))),
            },
            Request::Content(chunk) => {
                if let Some(staging) = &mut self.staging {
                    staging.write(&chunk).map_err(unwritten)?;
                }
            }
        }
        Ok(Step::More)
    }

    /// Puts it into place. `None` in a run that writes nothing.
    pub(super) fn commit(self, provider: &str) -> Result<Option<Written>, Fatal> {
        self.staging.map(|staging| staging.commit(provider)).transpose().map_err(unwritten)
    }

    /// The same as [`Self::listed`], for a program. The length of a folder is null.
    pub(super) fn described(&self) -> Value {
        let entry = |(path, mode, length): &(EntryPath, Mode, Option<u32>)| json!({ "path": path.as_str(), "mode": format!("{:04o}", mode.bits()), "length": length });
        self.listing.iter().map(entry).collect()
    }

    /// What a run that writes nothing would have written, a line each.
    pub(super) fn listed(&self) -> String {
        let line = |(path, mode, length): &(EntryPath, Mode, Option<u32>)| match length {
            Some(length) => format!("{:04o} {length:>8} {path}\n", mode.bits()),
            None => format!("{:04o} {:>8} {path}/\n", mode.bits(), ""),
        };
        self.listing.iter().map(line).collect()
    }
}

fn unwritten(cause: std::io::Error) -> Fatal {
    Fatal::os("cannot write below /run/config", cause)
}
