use orlop_wire::{DomainName, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{NameId, Place, ServerCount};

/// Everything a broker tells a worker that looks up names. `Connected` comes with the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Notice {
    /// There are so many name servers now, most preferred first, instead of those of before: every name without addresses is
    /// asked for at once, and every socket is given up. Also said when the network has come back.
    Servers(ServerCount),
    /// Look this name up, now and whenever its addresses have lived their time. Said again, it has the name looked up at once,
    /// or another name instead.
    Lookup {
        /// By this number all messages call the name.
        id: NameId,
        /// The name; it is absolute.
        name: DomainName,
    },
    /// The name is no longer wanted.
    Forget {
        /// Which.
        id: NameId,
    },
    /// The socket that [`Request::Connect`](crate::Request::Connect) asked for arrives with this message: non-blocking, and
    /// connected to the server. One of TCP may still be about to be.
    Connected(Place),
    /// There is none: the server cannot be reached, or the policy denies it.
    Unconnected(Place),
}
