//! Which upstreams are asked for a name.

use crate::upstream::Server;

/// Which upstreams are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that are for all names.
    General,
    /// Those of them that are in private networks: the name is one that only these can know.
    Private,
    /// Those that the longest route leads to, which is for this domain: on the wire, in lower case.
    Routed(Box<[u8]>),
}

impl Scope {
    /// The longest route for a name, which is on the wire and in lower case.
    pub(crate) fn routed(name: &[u8], servers: &[Server]) -> Option<Self> {
        let mut domain = name;
        loop {
            if servers.iter().any(|server| server.has_route(domain)) {
                return Some(Self::Routed(domain.into()));
            }
            let (length, rest) = domain.split_first().filter(|(length, _)| **length != 0)?;
            domain = rest.get(usize::from(*length)..)?;
        }
    }

    /// Whether an upstream is one of those.
    pub(crate) fn has(&self, server: &Server) -> bool {
        match self {
            Self::General => server.is_general,
            Self::Private => server.is_general && server.is_private,
            Self::Routed(domain) => server.has_route(domain),
        }
    }
}
