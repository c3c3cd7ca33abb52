//! Sources: names with addresses, and who of them is being asked.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use orlop_machine::Instant;
use orlop_ntp_contract::{MAX_ADDRESSES, ServerAddr, SourceConduct, SourceId};

use crate::peer::DENIED;

/// One source: a server, or a pool of them.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) conduct: SourceConduct,
    addresses: Vec<ServerAddr>,
    /// Addresses that were tried and found bad, the latest last.
    bad: VecDeque<Bad>,
}

/// An address that was tried.
#[derive(Debug, Clone, Copy)]
struct Bad {
    server: ServerAddr,
    /// From then on it is as good as any other: servers are repaired.
    until: Instant,
    /// It does not want to be asked, so it is not even taken when there is nothing else.
    denied: bool,
}

/// How long an address is passed over that does not answer, or disagrees.
const BAD_FOR: Duration = Duration::from_secs(600);

/// All sources.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<SourceId, Source>);

impl Sources {
    pub(crate) fn set(&mut self, source: SourceId, conduct: SourceConduct) {
        let fresh = || Source { conduct, addresses: Vec::new(), bad: VecDeque::new() };
        self.0.entry(source).or_insert_with(fresh).conduct = conduct;
    }

    pub(crate) fn remove(&mut self, source: SourceId) {
        self.0.remove(&source);
    }

    /// All addresses of a source; without one, for example while its name cannot be resolved, the old ones are kept.
    pub(crate) fn resolve(&mut self, source: SourceId, addresses: &[ServerAddr]) {
        if let Some(source) = self.0.get_mut(&source).filter(|_| !addresses.is_empty()) {
            source.addresses = addresses.to_vec();
        }
    }

    pub(crate) fn conduct(&self, source: SourceId) -> Option<SourceConduct> {
        self.0.get(&source).map(|source| source.conduct)
    }

    /// Whether a server still belongs to its source.
    pub(crate) fn lists(&self, source: SourceId, server: ServerAddr) -> bool {
        self.0.get(&source).is_some_and(|source| source.addresses.contains(&server))
    }

    /// How many servers are to be asked, all together: what a majority is counted against. A pool is as large as it says,
    /// until its addresses show that it is smaller.
    pub(crate) fn configured(&self) -> usize {
        let one = |source: &Source| {
            let want = source.conduct.kind.want();
            if source.addresses.is_empty() { want } else { want.min(source.addresses.len()) }
        };
        self.0.values().map(one).fold(0, usize::saturating_add)
    }

    /// Servers that should be asked and are not, each with its source; `used` are all that are being asked. One server has one
    /// vote, whoever names it.
    pub(crate) fn missing(&self, now: Instant, used: &[(SourceId, ServerAddr)]) -> Vec<(SourceId, ServerAddr)> {
        let mut taken = used.to_vec();
        for (id, source) in &self.0 {
            let has = taken.iter().filter(|(of, _)| of == id).count();
            let more = source.conduct.kind.want().saturating_sub(has);
            let is_free = |server: &&ServerAddr| !taken.iter().any(|(_, other)| other == *server);
            let free: Vec<ServerAddr> = source.candidates(now).filter(is_free).take(more).copied().collect();
            taken.extend(free.into_iter().map(|server| (*id, server)));
        }
        taken.split_off(used.len())
    }

    /// Whether somebody could take the place of this server.
    pub(crate) fn has_another(&self, now: Instant, source: SourceId, used: &[(SourceId, ServerAddr)]) -> bool {
        self.0
            .get(&source)
            .is_some_and(|source| source.good(now).any(|server| !used.iter().any(|(_, other)| other == server)))
    }

    /// It was tried, and is bad, or does not want to be asked.
    pub(crate) fn reject(&mut self, now: Instant, source: SourceId, server: ServerAddr, denied: bool) {
        let Some(source) = self.0.get_mut(&source) else { return };
        source.bad.retain(|bad| bad.server != server);
        source.bad.push_back(Bad { server, until: now.after(if denied { DENIED } else { BAD_FOR }), denied });
        if source.bad.len() > MAX_ADDRESSES {
            source.bad.pop_front();
        }
    }
}

impl Source {
    fn good(&self, now: Instant) -> impl Iterator<Item = &ServerAddr> {
        let is_bad = move |server: &ServerAddr| self.bad.iter().any(|bad| bad.server == *server && now < bad.until);
        self.addresses.iter().filter(move |server| !is_bad(server))
    }

    /// The good ones, and then the bad ones, the longest ago first.
    fn candidates(&self, now: Instant) -> impl Iterator<Item = &ServerAddr> {
        let is_listed = move |bad: &&Bad| self.addresses.contains(&bad.server) && !bad.denied && now < bad.until;
        self.good(now).chain(self.bad.iter().filter(is_listed).map(|bad| &bad.server))
    }
}

#[cfg(test)]
mod tests {
    use orlop_ntp_contract::{Kind, PollRange};

    use super::*;

    const NOW: Instant = Instant::from_nanos(7);

    fn server(last: u8) -> ServerAddr {
        ServerAddr::new([192, 0, 2, last].into(), 123).unwrap()
    }

    fn id(number: u8) -> SourceId {
        SourceId::new(number).unwrap()
    }

    fn sources(list: &[(Kind, &[u8])]) -> Sources {
        let mut sources = Sources::default();
        for (n, (kind, addresses)) in (0_u8..).zip(list) {
            sources.set(id(n), SourceConduct { kind: *kind, prefer: false, polls: PollRange::USUAL, nts: false });
            let addresses: Vec<ServerAddr> = addresses.iter().map(|last| server(*last)).collect();
            sources.resolve(id(n), &addresses);
        }
        sources
    }

    fn missing(sources: &Sources, used: &[(u8, u8)]) -> Vec<(u8, u8)> {
        let used: Vec<_> = used.iter().map(|(source, last)| (id(*source), server(*last))).collect();
        let last = |server: ServerAddr| match server.socket_addr() {
            Some(std::net::SocketAddr::V4(v4)) => v4.ip().octets()[3],
            Some(std::net::SocketAddr::V6(_)) | None => 0,
        };
        sources.missing(NOW, &used).into_iter().map(|(source, server)| (source.into(), last(server))).collect()
    }

    #[test]
    fn a_server_is_asked_at_one_address_and_a_pool_at_several() {
        let pool = |want| Kind::Pool { want };
        for (what, list, used, want) in [
            ("a server", &[(Kind::Server, &[1, 2][..])][..], &[][..], vec![(0, 1)]),
            ("which is being asked", &[(Kind::Server, &[1, 2])], &[(0, 1)], vec![]),
            ("a pool", &[(pool(3), &[1, 2, 3, 4])], &[], vec![(0, 1), (0, 2), (0, 3)]),
            ("half of it", &[(pool(3), &[1, 2, 3, 4])], &[(0, 2)], vec![(0, 1), (0, 3)]),
            ("a small pool", &[(pool(4), &[1])], &[], vec![(0, 1)]),
            ("one server of two names", &[(Kind::Server, &[1]), (pool(2), &[1, 2])], &[], vec![(0, 1), (1, 2)]),
            ("no address yet", &[(Kind::Server, &[])], &[], vec![]),
        ] {
            assert_eq!(missing(&sources(list), used), want, "{what}");
        }
    }

    #[test]
    fn a_majority_is_counted_against_what_could_be_asked() {
        let pool = |want| Kind::Pool { want };
        for (what, list, want) in [
            ("nothing", &[][..], 0),
            ("two servers", &[(Kind::Server, &[1][..]), (Kind::Server, &[2])], 2),
            ("a server with two addresses", &[(Kind::Server, &[1, 2])], 1),
            ("a pool without addresses", &[(pool(4), &[])], 4),
            ("a pool of one", &[(pool(4), &[1])], 1),
        ] {
            assert_eq!(sources(list).configured(), want, "{what}");
        }
    }

    #[test]
    fn bad_addresses_come_last_and_are_not_lost() {
        let mut sources = sources(&[(Kind::Server, &[1, 2, 3])]);
        sources.reject(NOW, id(0), server(1), false);
        assert_eq!(missing(&sources, &[]), [(0, 2)]);
        assert!(sources.has_another(NOW, id(0), &[]));
        sources.reject(NOW, id(0), server(2), false);
        sources.reject(NOW, id(0), server(3), false);
        assert_eq!(missing(&sources, &[]), [(0, 1)], "the longest ago");
        assert!(!sources.has_another(NOW, id(0), &[]), "but nothing is better than it");
        assert!(sources.has_another(NOW.after(BAD_FOR), id(0), &[]), "until somebody may have repaired it");
    }

    #[test]
    fn an_address_that_is_as_good_as_any_other_again_is_taken_once() {
        let mut sources = sources(&[(Kind::Pool { want: 2 }, &[1])]);
        sources.reject(NOW, id(0), server(1), false);
        assert_eq!(sources.missing(NOW.after(BAD_FOR), &[]), [(id(0), server(1))]);
    }

    #[test]
    fn as_many_bad_addresses_are_remembered_as_a_source_can_have() {
        let mut sources = sources(&[(Kind::Server, &[1])]);
        for (last, want) in (1..20).zip((1..=MAX_ADDRESSES).chain([MAX_ADDRESSES; 3])) {
            sources.reject(NOW, id(0), server(last), false);
            sources.reject(NOW, id(0), server(last), false);
            assert_eq!(sources.0[&id(0)].bad.len(), want, "{last} of them");
        }
    }

    #[test]
    fn who_does_not_want_to_be_asked_is_left_alone() {
        let mut sources = sources(&[(Kind::Server, &[1])]);
        sources.reject(NOW, id(0), server(1), true);
        assert_eq!(missing(&sources, &[]), []);
        assert_eq!(sources.missing(NOW.after(DENIED), &[]), [(id(0), server(1))]);
    }

    #[test]
    fn an_empty_answer_does_not_take_the_addresses_away() {
        let mut sources = sources(&[(Kind::Server, &[1])]);
        sources.resolve(id(0), &[]);
        assert!(sources.lists(id(0), server(1)));
        assert!(!sources.lists(id(0), server(2)) && !sources.lists(id(1), server(1)));
        sources.remove(id(0));
        assert!(!sources.lists(id(0), server(1)), "with its source it is gone");
    }
}
