//! The numbers by which broker and worker call names and servers.

use crate::{MAX_NAMES, MAX_SERVERS};

orlop_wire::numbers! {
    /// A name that is looked up. The broker gives the numbers.
    NameId below MAX_NAMES,
    /// A name server, by its place in the list of the last [`Notice::Servers`](crate::Notice::Servers), from 0.
    ServerId below MAX_SERVERS,
    /// How many name servers there are.
    ServerCount below MAX_SERVERS.saturating_add(1),
}

impl ServerCount {
    /// No server: nobody can be asked.
    pub const NONE: Self = Self(0);

    /// Each server, in the order of preference.
    pub fn ids(self) -> impl Iterator<Item = ServerId> {
        ServerId::all().take(self.index())
    }

    /// Whether this server is among them.
    #[must_use]
    pub const fn has(self, server: ServerId) -> bool {
        server.0 < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_the_servers_below_it() {
        for count in ServerCount::all() {
            let has: Vec<ServerId> = ServerId::all().filter(|server| count.has(*server)).collect();
            assert_eq!(has, count.ids().collect::<Vec<_>>(), "of {count}");
            assert_eq!(has.len(), count.index());
        }
    }
}
