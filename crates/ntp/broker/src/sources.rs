//! Whom to ask: what the operator named, or else what the network names, or else the fallback.

use std::collections::BTreeMap;

use orlop_ntp_contract::{ServerAddr, SourceConduct, SourceId};

use crate::config::{Place, Source};

/// Who named a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The operator.
    Configuration,
    /// The network, by DHCP.
    Network,
    /// Nobody: they are asked for want of others.
    Fallback,
}

/// A source that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who named it.
    pub origin: Origin,
    /// Its name or its address.
    pub place: Place,
    /// How it is asked.
    pub conduct: SourceConduct,
}

impl Asked {
    /// Whether it is the same source, asked in the same way or not. A server does not become a pool, and with NTS it is another.
    fn is_same_source(&self, other: &Self) -> bool {
        let Self { origin, place, conduct } = self;
        (*origin, place, conduct.kind, conduct.nts)
            == (other.origin, &other.place, other.conduct.kind, other.conduct.nts)
    }
}

/// What changed about the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is to be asked.
    Added(SourceId),
    /// It is to be asked in another way.
    Conducted(SourceId),
    /// It is not any more.
    Removed(SourceId),
}

/// The sources, each under the number that it has as long as it is asked.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<SourceId, Asked>);

/// Whose word counts: what the operator named replaces all others.
#[must_use]
pub fn chosen(configured: &[Source], network: &[ServerAddr], fallback: &[Source]) -> Vec<Asked> {
    let of = |origin: Origin, sources: &[Source]| {
        let asked =
            sources.iter().map(|Source { place, conduct }| Asked { origin, place: place.clone(), conduct: *conduct });
        asked.collect::<Vec<_>>()
    };
    if !configured.is_empty() {
        of(Origin::Configuration, configured)
    } else if !network.is_empty() {
        let servers: Vec<Source> = network.iter().map(|server| Source::server(Place::Address(*server))).collect();
        of(Origin::Network, &servers)
    } else {
        of(Origin::Fallback, fallback)
    }
}

impl Sources {
    /// Asks exactly `wanted` from now on, and says what is new. Whoever is among them already keeps its number, and what is
    /// known of it. More than there are numbers are left out.
    pub fn become_these(&mut self, mut wanted: Vec<Asked>) -> Vec<Change> {
        let mut changes = Vec::new();
        self.0.retain(|id, asked| match wanted.iter().position(|other| other.is_same_source(asked)) {
            Some(at) => {
                let Asked { conduct, .. } = wanted.remove(at);
                if asked.conduct != conduct {
                    asked.conduct = conduct;
                    changes.push(Change::Conducted(*id));
                }
                true
            }
            None => {
                changes.push(Change::Removed(*id));
                false
            }
        });
        for asked in wanted {
            let Some(id) = SourceId::all().find(|id| !self.0.contains_key(id)) else { break };
            self.0.insert(id, asked);
            changes.push(Change::Added(id));
        }
        changes
    }

    /// The source of this number.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Asked> {
        self.0.get(&id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Asked)> {
        self.0.iter().map(|(id, asked)| (*id, asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> ServerAddr {
        ServerAddr::new([192, 0, 2, last].into(), 123).unwrap()
    }

    fn source(last: u8) -> Source {
        Source::server(Place::Address(address(last)))
    }

    #[test]
    fn the_operator_counts_more_than_the_network_and_the_network_more_than_nobody() {
        let (ours, fallback) = ([source(1)], [source(3)]);
        for (what, chosen, want) in [
            ("all", chosen(&ours, &[address(2)], &fallback), (Origin::Configuration, 1)),
            ("no operator", chosen(&[], &[address(2)], &fallback), (Origin::Network, 2)),
            ("nobody", chosen(&[], &[], &fallback), (Origin::Fallback, 3)),
        ] {
            let (origin, last) = want;
            assert_eq!(chosen, [Asked { origin, ..asked(last) }], "{what}");
        }
    }

    fn asked(last: u8) -> Asked {
        let Source { place, conduct } = source(last);
        Asked { origin: Origin::Network, place, conduct }
    }

    #[test]
    fn who_stays_keeps_its_number() {
        let id = |number| SourceId::new(number).unwrap();
        let mut sources = Sources::default();
        let added = sources.become_these(vec![asked(1), asked(2), asked(3)]);
        assert_eq!(added, [Change::Added(id(0)), Change::Added(id(1)), Change::Added(id(2))]);
        assert_eq!(
            sources.become_these(vec![asked(4), asked(3), asked(2)]),
            [Change::Removed(id(0)), Change::Added(id(0))]
        );
        assert_eq!(sources.get(id(2)), Some(&asked(3)));
        assert_eq!(sources.become_these(vec![asked(2), asked(3), asked(4)]), [], "only in another order");
        let mut preferred = asked(3);
        preferred.conduct.prefer = true;
        assert_eq!(sources.become_these(vec![asked(2), preferred.clone(), asked(4)]), [Change::Conducted(id(2))]);
        assert_eq!(sources.get(id(2)), Some(&preferred));
        let many = (0..=255).map(asked).collect();
        sources.become_these(many);
        assert_eq!(sources.iter().count(), orlop_ntp_contract::MAX_SOURCES);
    }
}
