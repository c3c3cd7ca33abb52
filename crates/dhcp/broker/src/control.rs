//! What `orlop-dhcp renew`, `release` and `reload` ask of the running daemon (see [`orlop_broker::control`]).

use std::fmt;

use orlop_broker::control;
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use orlop_wire::InterfaceName;

/// Takes orders, and answers that they are under way; `status` shows how they go.
pub type Server = control::Server<Order>;

/// What an operator can ask a running daemon for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Order {
    /// Extend leases now; ask for one where there is none.
    Renew(Target),
    /// Give leases back, and stay without.
    Release(Target),
    /// Read the configuration file again.
    Reload,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renew(target) => write!(f, "renew {target}"),
            Self::Release(target) => write!(f, "release {target}"),
            Self::Reload => f.write_str("reload"),
        }
    }
}

/// Which interfaces an order is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Target {
    /// Every one that the daemon looks after.
    All,
    /// This one.
    One(InterfaceName),
}

impl Target {
    /// Whether the order is about the interface called `name`.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one.as_str() == name,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all interfaces"),
            Self::One(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use orlop_wire::{decode, encode, max_size};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_includes_what_it_names() {
        let eth1 = || Target::One(InterfaceName::new("eth1").unwrap());
        assert_eq!(Order::Renew(Target::All).to_string(), "renew all interfaces");
        assert_eq!(Order::Release(eth1()).to_string(), "release eth1");
        assert_eq!(Order::Reload.to_string(), "reload");
        for (what, target, name, want) in [
            ("all", Target::All, "eth7", true),
            ("this one", eth1(), "eth1", true),
            ("another", eth1(), "eth10", false),
        ] {
            assert_eq!(target.includes(name), want, "{what}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_order_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(order) = decode::<Order>(&bytes) {
                let mut frame = [0; max_size::<Order>()];
                prop_assert_eq!(encode(&order, &mut frame).unwrap(), &bytes[..]);
            }
        }
    }
}
