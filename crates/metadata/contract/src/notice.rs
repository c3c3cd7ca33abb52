use orlop_machine::Instant;
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{Chunk, DiskId, Location, Place, Provider, Seed};

/// Everything that a broker tells a metadata worker. Of errands (`Fetch`, `Read`, `Document`) one is open at a time, and ends
/// with the worker's `Done` or `Failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Notice {
    /// Ask this provider.
    Fetch {
        /// Who.
        provider: Provider,
        /// Where it is, as far as that has to be location.
        location: Option<Location>,
        /// Whether AWS may be asked without a token, where it has none to give.
        allow_imdsv1: bool,
        /// Whether the provider is location that the machine is ready, where it wants to be location.
        reports: bool,
        /// When to give up.
        until: Instant,
    },
    /// The connection comes with this message: non-blocking, and perhaps still about to be made.
    Connected(Place),
    /// There is none, and will not be soon.
    Unconnected(Place),
    /// User data that the broker found on this machine: so many bytes, which follow in pieces.
    Document {
        /// How many.
        length: u32,
        /// Whether they are base64.
        is_base64: bool,
    },
    /// The next bytes of the document; as many as fit, but for its last ones.
    Piece(Chunk),
    /// A disk comes with this message, open for reading. What is on it?
    Disk {
        /// By this number it is spoken of.
        id: DiskId,
        /// How many bytes it has.
        size: u64,
        /// Whether it is in a drive for compact discs, where the label does not matter.
        is_cdrom: bool,
    },
    /// Read this from the disk.
    Read(DiskId, Seed),
}
