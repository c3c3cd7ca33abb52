//! A tree, told to the broker.

use orlop_metadata_contract::{Chunk, Counters, Entry, Kind, Notice, Request};
use orlop_metadata_core::tree::Tree;
use orlop_sandbox::channel::{ChannelError, WorkerChannel};
use tracing::warn;

/// What a worker speaks through.
pub(crate) type Channel = WorkerChannel<Request, Notice>;

/// Tells of everything that was found, without the end. What was left out is logged, by its keys, and counted.
pub(crate) async fn tell(channel: &Channel, tree: Tree) -> Result<Counters, ChannelError> {
    let Tree { entries, hostname, left_out, discards } = tree;
    for left_out in left_out {
        warn!(key = left_out.key(), "{}", left_out.why());
    }
    for Entry { path, mode, kind } in entries {
        match kind {
            Kind::Folder => channel.send(&Request::Folder { path, mode }).await?,
            Kind::File(content) => {
                let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
                channel.send(&Request::File { path, mode, length }).await?;
                for piece in content.chunks(Chunk::MAX) {
                    channel.send(&Request::Content(piece.iter().copied().collect())).await?;
                }
            }
        }
    }
    if let Some(name) = hostname {
        channel.send(&Request::Hostname(name)).await?;
    }
    Ok(discards)
}
