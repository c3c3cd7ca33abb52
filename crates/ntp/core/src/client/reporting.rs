//! How things stand, for those who want to know.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{Leap, Offset, PeerId, PeerState, PeerStatus, Phase, Request, Status};

use super::stage::Stage;
use super::{Action, Client, REPORT_INTERVAL};
use crate::nts::session::Session;
use crate::peer::{Peer, Socket};
use crate::sample;
use crate::selection::quorum;

impl Client {
    /// How things stand.
    #[must_use]
    pub fn status(&self, now: Instant) -> Status {
        let chosen: Vec<&PeerId> = self.chosen().iter().filter(|id| self.peers.contains_key(id)).collect();
        let sample = |id: &&PeerId| self.peers.get(id)?.latest(Instant::from_nanos(0)).copied();
        let best =
            chosen.iter().copied().filter_map(|id| Some((id, sample(&id)?))).min_by_key(|(_, s)| s.distance(now));
        let jitter = |id: &&PeerId| self.peers.get(id).map(|peer| sample::jitter(peer.samples()));
        let offset = |(id, sample): (&PeerId, sample::Sample)| {
            self.discipline.offset(*id).unwrap_or_else(|| self.offset(now, sample.offset))
        };
        let zero = Duration::ZERO;
        Status {
            phase: self.phase(now),
            since: self.since,
            stratum: chosen.iter().filter_map(sample).map(|s| s.stratum.saturating_add(1)).min().unwrap_or(0),
            leap: self.leap(now),
            offset: best.map(offset).or_else(|| self.ahead_of_step()).unwrap_or(Offset::ZERO),
            jitter: chosen.iter().filter_map(jitter).min().unwrap_or(zero),
            drift: self.rate.drift,
            slew: self.rate.slew,
            root_delay: best.map_or(zero, |(_, s)| s.root_delay.saturating_add(s.delay)),
            root_dispersion: best.map_or(zero, |(_, s)| s.root_dispersion.saturating_add(s.precision)),
            last_step: self.last_step,
            discards: self.discards,
            nts: self.sessions.values().map(Session::status).collect(),
            peers: self.peers.iter().map(|(id, peer)| self.peer_status(now, *id, peer)).collect(),
        }
    }

    /// What the step that was asked for would add.
    const fn ahead_of_step(&self) -> Option<Offset> {
        match &self.stage {
            Stage::Stepping(stepping) => Some(stepping.step.offset),
            Stage::Idle | Stage::Ballot(_) | Stage::Following(_) => None,
        }
    }

    fn chosen(&self) -> &[PeerId] {
        match &self.stage {
            Stage::Following(following) => &following.chosen,
            Stage::Idle | Stage::Ballot(_) | Stage::Stepping(_) => &[],
        }
    }

    fn peer_status(&self, now: Instant, id: PeerId, peer: &Peer) -> PeerStatus {
        let last = peer.samples().next_back();
        PeerStatus {
            peer: id,
            source: peer.source,
            server: peer.server,
            state: if peer.socket == Socket::Open || peer.reach() != 0 { peer.opinion } else { PeerState::Connecting },
            reach: peer.reach(),
            poll: peer.poll(),
            stratum: last.map_or(0, |sample| sample.stratum),
            leap: last.map_or(Leap::None, |sample| sample.leap),
            answered: last.map(|sample| sample.at),
            offset: last.map_or(Offset::ZERO, |sample| self.offset(now, sample.offset)),
            delay: last.map_or(Duration::ZERO, |sample| sample.delay),
            jitter: sample::jitter(peer.samples()),
            root_delay: last.map_or(Duration::ZERO, |sample| sample.root_delay),
            root_dispersion: last.map_or(Duration::ZERO, |sample| sample.root_dispersion),
        }
    }

    fn phase(&self, now: Instant) -> Phase {
        if !self.online {
            return Phase::Offline;
        }
        match &self.stage {
            Stage::Stepping(_) => Phase::Stepping,
            Stage::Idle => Phase::Waiting,
            Stage::Ballot(_) if self.peers.values().all(|peer| peer.socket != Socket::Open) => Phase::Waiting,
            Stage::Ballot(ballot) => {
                // A ballot that is open has no majority.
                let enough = self.votes(now, ballot.opened).len() >= quorum(self.sources.configured());
                if enough { Phase::Disagreeing } else { Phase::Asking }
            }
            Stage::Following(following) if following.split => Phase::Disagreeing,
            Stage::Following(following) if following.chosen.is_empty() => Phase::Lost,
            Stage::Following(following) if following.slewing_until.is_some() => Phase::Slewing,
            Stage::Following(_) => Phase::Steady,
        }
    }

    /// Reports when the phase has changed, and now and then when something else has.
    pub(super) fn report(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let phase = self.phase(now);
        let changed = self.reported.as_ref().is_none_or(|last| last.phase != phase);
        if !changed && self.report_due().is_none_or(|due| now < due) {
            return;
        }
        if changed {
            self.since = now;
        }
        let status = self.status(now);
        (self.reported_at, self.news) = (now, false);
        if self.reported.as_ref() != Some(&status) {
            actions.push(Action::Ask(Request::Report(status.clone())));
            self.reported = Some(status);
        }
    }

    /// When what is new is to be told.
    pub(super) fn report_due(&self) -> Option<Instant> {
        self.news.then(|| self.reported_at.after(REPORT_INTERVAL))
    }
}
