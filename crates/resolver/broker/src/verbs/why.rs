//! What would become of a question, for a person.

use std::fmt::Write as _;

use orlop_resolver_contract::{Candidate, Kept, QueryType, ServerAddr, Way, Why};
use orlop_wire::DomainName;

use crate::servers::Origin;
use crate::status::took;

pub(super) fn shown(name: &DomainName, kind: QueryType, why: &Why, servers: &[ServerAddr], by: Origin) -> String {
    let Why { kept, way, servers: candidates } = why;
    let by = by.name();
    let rule = match way {
        Way::Machine => "nobody is asked: it is a name of this machine, or of special use".to_owned(),
        Way::General => format!("no route is for it: the servers for all names, by the word of {by}"),
        Way::Private => format!("a private name: only servers in private networks, by the word of {by}"),
        Way::Routed(domain) => format!("the route for {domain}, by the word of {by}"),
    };
    let cache = match kept {
        Kept::Nothing => "nothing is kept".to_owned(),
        Kept::Fresh(left) => format!("the answer is kept for {left} s more: nobody is asked until then"),
        Kept::Stale(since) => format!("an answer that is too old since {since} s: given only while no server answers"),
    };
    let mut text = format!("{name} {kind}\n  cache  {cache}\n  rule   {rule}\n");
    // Writing to a string cannot fail.
    for (server, Candidate { upstream: _, state, srtt }) in servers.iter().zip(candidates) {
        let took = srtt.map_or_else(|| "-".to_owned(), took);
        let _ = writeln!(text, "  asks   {:<24} {:<8} {took:>9}", server.to_string(), state.name());
    }
    if candidates.is_empty() && *way != Way::Machine {
        let _ = writeln!(text, "  asks   nobody: no server can be reached now");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orlop_resolver_contract::{UpstreamId, UpstreamState};

    use super::*;

    #[test]
    fn a_person_sees_the_rule_the_cache_and_who_is_asked() {
        let name = DomainName::new("www.corp.example").unwrap();
        let candidate = Candidate {
            upstream: UpstreamId::new(0).unwrap(),
            state: UpstreamState::Good,
            srtt: Some(Duration::from_micros(12_300)),
        };
        let untried = Candidate { state: UpstreamState::Untried, srtt: None, ..candidate };
        let server = |last| ServerAddr::new([192, 0, 2, last].into(), 53).unwrap();
        let both = [server(1), server(2)];
        for (why, servers, want) in [
            (
                Why {
                    kept: Kept::Stale(12),
                    way: Way::Routed(DomainName::new("corp.example").unwrap()),
                    servers: [candidate, untried].into_iter().collect(),
                },
                &both[..],
                "  cache  an answer that is too old since 12 s: given only while no server answers\n  \
                 rule   the route for corp.example, by the word of the configuration\n  \
                 asks   192.0.2.1                good         12 ms\n  \
                 asks   192.0.2.2                untried          -\n",
            ),
            (
                Why { kept: Kept::Fresh(53), way: Way::General, servers: [].into_iter().collect() },
                &[],
                "  cache  the answer is kept for 53 s more: nobody is asked until then\n  \
                 rule   no route is for it: the servers for all names, by the word of the configuration\n  \
                 asks   nobody: no server can be reached now\n",
            ),
            (
                Why { kept: Kept::Nothing, way: Way::Machine, servers: [].into_iter().collect() },
                &[],
                "  cache  nothing is kept\n  rule   nobody is asked: it is a name of this machine, or of special use\n",
            ),
        ] {
            let text = shown(&name, QueryType(1), &why, servers, Origin::Configuration);
            assert_eq!(text, format!("www.corp.example A\n{want}"));
        }
    }
}
