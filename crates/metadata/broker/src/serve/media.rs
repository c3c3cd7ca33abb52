//! Disks that are read: the worker reads what the broker has opened.

use std::os::fd::AsFd as _;
use std::path::PathBuf;

use orlop_metadata_contract::{Counters, DiskId, Errand, Notice, Seed};
use orlop_metadata_profiles::{MAX_DISKS, MEDIA_WORKER};
use orlop_sandbox::fatal::Fatal;
use tracing::{debug, info};

use super::haul::{Haul, Step};
use super::{Found, Search};
use crate::disks::Disk;

impl<'t> Search<'t> {
    /// Reads the most preferred seed of all disks. Where one is promised and there is nobody to ask, it is waited for.
    pub(super) async fn on_disks(&mut self) -> Result<Option<Found<'t>>, Fatal> {
        if self.plan.seeds.is_empty() {
            return Ok(None);
        }
        // Where each disk is that the worker has, by its number.
        let mut handed: Vec<PathBuf> = Vec::new();
        let mut is_waiting = false;
        loop {
            let named = self.named.take();
            let is_named = named.is_some();
            let mut fresh = if is_named { named.into_iter().collect() } else { self.disks.fresh() };
            fresh.truncate(usize::from(MAX_DISKS).saturating_sub(handed.len()));
            if !fresh.is_empty() {
                if !self.crew.start(MEDIA_WORKER).await? {
                    self.failed("disks", "the process that reads them could not be started");
                    return Ok(None);
                }
                if let Some(found) = self.look(fresh, &mut handed).await? {
                    return Ok(Some(found));
                }
            }
            if is_named || !self.plan.waits_for_disks {
                return Ok(None);
            }
            if is_waiting {
                debug!("waiting for another disk");
            } else {
                info!("waiting for a disk: there is to be one, and none yet");
                is_waiting = true;
            }
            self.devices.recv(&mut [0; 1]).await.map_err(|cause| Fatal::os("cannot hear of disks", cause))?;
        }
    }

    /// Has the worker say what is on `fresh` disks, and read the best of it.
    async fn look(&mut self, fresh: Vec<Disk>, handed: &mut Vec<PathBuf>) -> Result<Option<Found<'t>>, Fatal> {
        let first = handed.len();
        for disk in fresh {
            let Ok(id) = u8::try_from(handed.len()) else { break };
            let Disk { path, size, is_cdrom, file } = disk;
            debug!(disk = %path.display(), size, "looking");
            let notice = Notice::Disk { id: DiskId(id), size, is_cdrom };
            let told = self.crew.channel(MEDIA_WORKER).map(|media| media.send_with(&notice, file.as_fd()));
            if !matches!(told, Some(Ok(()))) {
                self.failed(path.display().to_string(), "the process that reads disks is gone");
                return Ok(None);
            }
            handed.push(path);
        }
        let count = u8::try_from(handed.len()).unwrap_or(u8::MAX);
        let mut haul = Haul::new(None, Errand::Look { disks: count })?;
        let mut seeds: Vec<(Seed, DiskId)> = Vec::new();
        let mut left = handed.len().saturating_sub(first);
        while left > 0 {
            match self.heard(&mut haul, "disks").await? {
                Some(Step::Disk(id, seed)) => {
                    left = left.saturating_sub(1);
                    seeds.extend(seed.filter(|seed| self.plan.seeds.contains(seed)).map(|seed| (seed, id)));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
        seeds.sort_unstable();
        for (seed, id) in seeds {
            let path = handed.get(usize::from(id.0)).cloned().unwrap_or_default();
            if let Some(found) = self.read(seed, id, path.display().to_string()).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Has the worker read a seed.
    async fn read(&mut self, seed: Seed, id: DiskId, path: String) -> Result<Option<Found<'t>>, Fatal> {
        info!(disk = %path, provider = seed.provider().name(), "reading");
        let mut haul = Haul::new(self.tree, Errand::Read)?;
        let told = self.crew.channel(MEDIA_WORKER).map(|media| media.try_send(&Notice::Read(id, seed)));
        if !matches!(told, Some(Ok(()))) {
            self.failed(path, "the process that reads disks is gone");
            return Ok(None);
        }
        let left_out: Counters = loop {
            match self.heard(&mut haul, &path).await? {
                Some(Step::Done(left_out)) => break left_out,
                Some(_) => {}
                None => return Ok(None),
            }
        };
        // LinuxKit has the device behind it.
        let provider = match seed {
            Seed::NoCloud | Seed::Unlabelled => format!("{} {path}", seed.provider().said()),
            Seed::ConfigDrive | Seed::OvfEnv => seed.provider().said().to_owned(),
        };
        Ok(Some(Found { provider, haul, left_out }))
    }

    /// The next step of the worker's. `None` when there will be none: it has failed, is gone, or takes too long while there is
    /// somebody else to ask.
    async fn heard(&mut self, haul: &mut Haul<'t>, source: &str) -> Result<Option<Step>, Fatal> {
        let has_others = !self.plan.providers.is_empty();
        let heard = tokio::select! {
            heard = self.crew.hear(MEDIA_WORKER) => heard?,
            expired = self.pause.expired(), if has_others => {
                expired.map_err(|cause| Fatal::os("the timer failed", cause))?;
                self.failed(source, "it takes too long to be read");
                return Ok(None);
            }
        };
        let Some(message) = heard else {
            self.failed(source, "the process that reads disks has ended");
            return Ok(None);
        };
        match haul.take(message)? {
            Step::Failed(failure) => {
                self.failed(source, failure);
                Ok(None)
            }
            step @ (Step::More | Step::Connect(_) | Step::Disk(..) | Step::Done(_)) => Ok(Some(step)),
        }
    }
}
