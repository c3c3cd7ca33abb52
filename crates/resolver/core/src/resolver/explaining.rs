//! What would become of a question, for an operator who wonders.

use orlop_machine::Instant;
use orlop_resolver_contract::{Candidate, QueryType, UpstreamId, UpstreamStatus, Way, Why};
use orlop_wire::DomainName;

use super::Resolver;
use crate::local::Local;
use crate::query::{Key, wire};
use crate::scope::Scope;

impl Resolver {
    /// What would become of this question if a program asked it now, without a wish for signatures. Changes nothing.
    #[must_use]
    pub fn explain(&self, now: Instant, name: &DomainName, kind: QueryType) -> Why {
        let key = Key::new(&wire(name), kind.0, false, false);
        let kept = self.cache.look(now, &key);
        match self.names.look(&key, &key.question(), &self.servers) {
            Local::Answer(_) => Why { kept, way: Way::Machine, servers: [].into_iter().collect() },
            Local::Ask(scope) => {
                let servers = self.best_first(now, &scope).into_iter().filter_map(|id| self.candidate(id));
                Why { kept, servers: servers.collect(), way: way(&scope) }
            }
        }
    }

    fn candidate(&self, upstream: UpstreamId) -> Option<Candidate> {
        let UpstreamStatus { state, srtt, .. } = self.servers.get(upstream.index())?.status();
        Some(Candidate { upstream, state, srtt })
    }
}

fn way(scope: &Scope) -> Way {
    match scope {
        Scope::General => Way::General,
        Scope::Private => Way::Private,
        // Every route has come as a name in text.
        Scope::Routed(domain) => DomainName::new(&text(domain)).map_or(Way::General, Way::Routed),
    }
}

/// A name on the wire as it is written.
fn text(mut name: &[u8]) -> String {
    let mut labels = Vec::new();
    while let Some((label, rest)) = name
        .split_first()
        .filter(|(length, _)| **length != 0)
        .and_then(|(length, rest)| rest.split_at_checked((*length).into()))
    {
        labels.push(String::from_utf8_lossy(label));
        name = rest;
    }
    labels.join(".")
}
