//! What `orlop-ntp step` and `reload` ask of the running daemon (see [`orlop_broker::control`]).

use std::fmt;

use orlop_broker::control;
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

/// Takes orders, and answers that they are under way; `status` shows how they go.
pub type Server = control::Server<Order>;

/// What an operator can ask a running daemon for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Order {
    /// Set the clock by what the next majority says, also backwards.
    Step,
    /// Read the configuration file again.
    Reload,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step => f.write_str("step"),
            Self::Reload => f.write_str("reload"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_called_what_the_command_is_called() {
        assert_eq!([Order::Step, Order::Reload].map(|order| order.to_string()), ["step", "reload"]);
    }
}
