//! What a user can tell the daemon while it runs.

use orlop_broker::control::{Reply, path, send};
use orlop_broker::print::print;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::profiles::DAEMON;

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Order {
    /// Begin anew.
    Reset,
}

/// Gives the running daemon an order.
///
/// # Errors
/// No daemon is running, or it refuses.
pub fn give(order: Order) -> Result<Exit, Fatal> {
    match send(&path(&DAEMON), &order).map_err(|error| error.fatal(&DAEMON))? {
        Reply::Done(()) => print("done\n").map(|()| Exit::Done),
        Reply::Refused(why) => Err(Fatal::new(Exit::Refused, "the daemon refuses").cause(why)),
    }
}
