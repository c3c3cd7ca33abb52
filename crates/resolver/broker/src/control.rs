//! What the operator asks of the running daemon (see [`orlop_broker::control`]).

use std::fmt;

use orlop_broker::control;
use orlop_resolver_contract::{MAX_UPSTREAMS, Queried, QueryType, ServerAddr, Why};
use orlop_wire::{Bounded, DomainName, MaxSize};
use serde::{Deserialize, Serialize};

use crate::servers::Origin;

/// Takes orders, and answers when they are carried out.
pub type Server = control::Server<Order, Answer>;

/// What is answered.
pub type Reply = control::Reply<Answer>;

/// What an operator can ask a running daemon for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Order {
    /// Bring the status up to date.
    Status,
    /// Ask for a name, as a program would.
    Query {
        /// The name.
        name: DomainName,
        /// What of it.
        kind: QueryType,
    },
    /// Say what would become of a question, without asking anybody.
    Explain {
        /// The name.
        name: DomainName,
        /// What of it.
        kind: QueryType,
    },
    /// Forget what is cached of a name, or everything.
    Flush(Option<DomainName>),
    /// Read the configuration file and the hosts again.
    Reload,
}

/// What comes of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Answer {
    /// It is done.
    Done,
    /// The answer to a question.
    Queried {
        /// What it says.
        answer: Queried,
        /// Who was asked for it, if anybody had to be.
        server: Option<ServerAddr>,
    },
    /// What would become of a question.
    Explained {
        /// What the worker says.
        why: Why,
        /// The servers of it, in their order.
        servers: Bounded<ServerAddr, MAX_UPSTREAMS>,
        /// Who named them.
        by: Origin,
    },
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Query { name, kind } => write!(f, "query {name} {kind}"),
            Self::Explain { name, kind } => write!(f, "why {name} {kind}"),
            Self::Flush(None) => f.write_str("flush"),
            Self::Flush(Some(name)) => write!(f, "flush {name}"),
            Self::Reload => f.write_str("reload"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_logged_as_it_was_typed() {
        let name = || DomainName::new("a.example").unwrap();
        let orders = [
            Order::Status,
            Order::Query { name: name(), kind: QueryType(28) },
            Order::Flush(None),
            Order::Flush(Some(name())),
            Order::Reload,
        ];
        let shown = orders.map(|order| order.to_string());
        assert_eq!(shown, ["status", "query a.example AAAA", "flush", "flush a.example", "reload"]);
    }
}
