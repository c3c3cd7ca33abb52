//! The loop of the worker that reads disks.

use core::convert::Infallible;
use std::collections::BTreeMap;

use orlop_metadata_contract::{DiskId, Failure, Notice, Request, Seed};
use orlop_metadata_core::seed;
use orlop_metadata_core::tree::Tree;
use orlop_sandbox::channel::{ChannelError, Received};
use orlop_sandbox::worker::Context;
use tracing::{info, warn};

use crate::disks::Granted;
use crate::ended::Ended;
use crate::tell::{Channel, tell};

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn serve(context: Context<Request, Notice, ()>) -> Result<Infallible, Ended> {
    let channel = context.channel;
    let mut disks: BTreeMap<DiskId, Granted> = BTreeMap::new();
    loop {
        match channel.recv().await? {
            Received { message: Notice::Disk { id, size, is_cdrom }, fd: Some(file), .. } => {
                let mut disk = Granted { file: file.into(), size };
                let found = look(&mut disk, is_cdrom);
                if found.is_some() {
                    disks.insert(id, disk);
                }
                channel.send(&Request::Disk(id, found)).await?;
            }
            Received { message: Notice::Read(id, seed), .. } => read(&channel, disks.get_mut(&id), seed).await?,
            // The broker says nothing else to this worker.
            Received { .. } => return Err(Ended::Nonsense),
        }
    }
}

/// What is on the disk.
fn look(disk: &mut Granted, is_cdrom: bool) -> Option<Seed> {
    seed::on(disk, is_cdrom).unwrap_or_else(|why| {
        // Most disks are none of ours, and broken or empty for us.
        info!(%why, "a disk cannot be read");
        None
    })
}

async fn read(channel: &Channel, disk: Option<&mut Granted>, wanted: Seed) -> Result<(), ChannelError> {
    let facts = disk.and_then(|disk| seed::read(disk, wanted).map_err(|why| warn!(%why, "a disk cannot be read")).ok());
    let Some(facts) = facts else { return channel.send(&Request::Failed(Failure::Unreadable)).await };
    if facts.is_empty() {
        let tree = Tree::of(facts);
        let why = if tree.left_out.is_empty() { Failure::NotFound } else { Failure::Unreadable };
        tell(channel, tree).await?;
        return channel.send(&Request::Failed(why)).await;
    }
    let left_out = tell(channel, Tree::of(facts)).await?;
    channel.send(&Request::Done(left_out)).await
}
