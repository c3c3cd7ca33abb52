//! What the time is: ballots, steps, and whom the clock follows.

use orlop_machine::Instant;
use orlop_ntp_contract::{
    Conduct, Handover, LastStep, Leap, Occasion, Offset, PeerId, PeerState, Policy, Request, Step, StepReason, Utc,
};

use super::rate::Rate;
use super::stage::{Ballot, COMPANY, DOUBT, Following, Stage, Stepping};
use super::{Action, Client};
use crate::discipline::{Discipline, LARGEST};
use crate::peer::Peer;
use crate::sample::Sample;
use crate::selection::{Majority, Verdict, Vote, judge};

impl Client {
    /// The broker has said how to behave.
    pub(super) fn begin(&mut self, now: Instant, conduct: Conduct) {
        self.conduct = Some(conduct);
        self.rate = Rate::new(now, conduct.drift);
        self.discipline = Discipline::new(conduct.drift);
        for (id, peer) in &mut self.peers {
            if let Some(conduct) = self.sources.conduct(peer.source) {
                self.discipline.add(*id, conduct.polls);
            }
            peer.forget();
        }
        self.open_ballot(now, Some(conduct.occasion));
    }

    /// What an earlier process has heard counts as answers to the ballot that has just been opened: these servers were a majority,
    /// and the clock has not been set since. It is looked at, so that the filter can be told what it showed when they answered.
    pub(super) fn take_over(&mut self, at: Instant, shown: Utc, handed: Vec<Handover>) {
        let _first_look = self.wall.look(at, shown);
        if let Stage::Ballot(ballot) = &mut self.stage {
            ballot.opened = handed.iter().map(|handed| handed.at).fold(ballot.opened, Instant::min);
            self.handed = handed;
        }
    }

    /// Something has made the time uncertain.
    pub(super) fn arise(&mut self, now: Instant, occasion: Occasion, actions: &mut Vec<Action>) {
        if self.conduct.is_none() {
            return;
        }
        self.unvouch(actions);
        self.forget(now, actions);
        self.open_ballot(now, Some(occasion));
    }

    /// Asks everybody at once.
    fn open_ballot(&mut self, now: Instant, occasion: Option<Occasion>) {
        let lone = self.conduct.and_then(|conduct| conduct.lone_answer_after);
        let closes = if occasion.is_some() { lone } else { Some(DOUBT) }.map(|wait| now.after(wait));
        let before = match &self.stage {
            Stage::Following(following) => following.chosen.clone(),
            Stage::Idle | Stage::Ballot(_) | Stage::Stepping(_) => Vec::new(),
        };
        self.stage =
            Stage::Ballot(Ballot { occasion, opened: now, closes, overdue: false, anew: occasion.is_some(), before });
        self.hurry(now);
    }

    /// Somebody else has set the clock, or a leap second has: how far off it is now, nobody knows.
    pub(super) fn meddled(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.forget(now, actions);
        if matches!(self.stage, Stage::Following(_)) {
            self.open_ballot(now, None);
        }
        if let Stage::Ballot(ballot) = &mut self.stage {
            ballot.anew = true;
        }
    }

    /// What was measured, and what is on its way, says nothing any more.
    fn forget(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.end_questions();
        self.handed.clear();
        for peer in self.peers.values_mut() {
            peer.forget();
        }
        self.rebuild(now, actions);
    }

    /// The clock was set.
    pub(super) fn stepped(&mut self, now: Instant, by: Offset, actions: &mut Vec<Action>) {
        self.wall.shift(by);
        let Stage::Stepping(Stepping { step, majority }) = &self.stage else {
            return self.meddled(now, actions);
        };
        self.last_step = Some(LastStep { at: now, by, why: step.why });
        let majority = Majority { offset: majority.offset.minus(by), ..majority.clone() };
        self.end_questions();
        for peer in self.peers.values_mut() {
            peer.shift(by);
        }
        self.follow(now, &majority, true, actions);
    }

    /// The broker does not set the clock. It is slewed instead, and asked again after a while.
    pub(super) fn step_refused(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.no_step_before = now.after(Policy::STEP_EVERY);
        if let Stage::Stepping(Stepping { majority, .. }) = &self.stage {
            let majority = majority.clone();
            self.follow(now, &majority, true, actions);
        }
    }

    /// A server has answered.
    pub(super) fn measured(&mut self, now: Instant, id: PeerId, sample: Sample, actions: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let believed = matches!(peer.opinion, PeerState::Selected | PeerState::Spare);
        peer.answered(now, sample.shifted(Offset::ZERO.minus(self.rate.slewed(now))));
        if let Stage::Following(following) = &self.stage {
            // One who was right until now says that the clock is far off: either he is wrong from now on, or the clock is.
            let known = following.slewing_until.is_some() && sample.offset.is_backwards();
            if believed && sample.offset.size() > LARGEST && !known && now >= self.no_step_before {
                self.open_ballot(now, None);
            }
        }
        self.decide(now, actions);
        if matches!(&self.stage, Stage::Following(following) if following.slewing_until.is_none()) {
            self.feed(now, id, &sample, actions);
        }
    }

    /// Decides whatever can be decided with the answers that there are.
    pub(super) fn decide(&mut self, now: Instant, actions: &mut Vec<Action>) {
        match &self.stage {
            Stage::Idle | Stage::Stepping(_) => {}
            Stage::Ballot(ballot) => {
                let ballot = ballot.clone();
                let votes = self.votes(now, ballot.opened);
                match judge(&votes, self.sources.configured()) {
                    Verdict::Majority(majority) => self.resolve(now, &ballot, majority, false, actions),
                    Verdict::TooFew if ballot.overdue && votes.len() == 1 => {
                        let closes = Some(now.after(COMPANY));
                        self.stage = Stage::Ballot(Ballot { closes, overdue: false, ..ballot });
                    }
                    Verdict::TooFew | Verdict::Split => {}
                }
            }
            Stage::Following(_) => self.reconsider(now, actions),
        }
    }

    /// Decides what is due because nobody else has answered in time.
    pub(super) fn decide_in_time(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.stage.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &mut self.stage {
            Stage::Idle | Stage::Stepping(_) => {}
            Stage::Following(following) => {
                following.slewing_until = None;
                self.rebuild(now, actions);
                self.reconsider(now, actions);
            }
            Stage::Ballot(ballot) => {
                ballot.closes = None;
                let ballot = ballot.clone();
                let votes = self.votes(now, ballot.opened);
                match (ballot.occasion, &*votes) {
                    // A clock that nobody sets helps nobody: the only one who has answered is believed.
                    (Some(_), [only]) => {
                        let agreed = vec![only.peer];
                        let majority = Majority { offset: only.offset, agreed: agreed.clone(), chosen: agreed };
                        self.resolve(now, &ballot, majority, true, actions);
                    }
                    (Some(_), _) => self.stage = Stage::Ballot(Ballot { overdue: true, ..ballot }),
                    // The doubt is not confirmed.
                    (None, _) => {
                        self.no_step_before = now.after(DOUBT);
                        self.stage = Stage::Following(Following { chosen: ballot.before, ..Following::default() });
                        self.reconsider(now, actions);
                    }
                }
            }
        }
    }

    /// A ballot has a result: the clock is set, or followed as it is.
    fn resolve(&mut self, now: Instant, ballot: &Ballot, majority: Majority, lone: bool, actions: &mut Vec<Action>) {
        let offset = majority.offset;
        if ballot.occasion.is_some() && !self.is_confirmed(now, &majority) {
            // The next answer after the key exchange decides. A lone one has waited long enough.
            self.stage = Stage::Ballot(Ballot { overdue: ballot.overdue || lone, ..ballot.clone() });
            return;
        }
        let (why, smallest, backwards) = match ballot.occasion {
            Some(occasion) => {
                let why = if lone { StepReason::LoneAnswer(occasion) } else { StepReason::Majority(occasion) };
                (why, Policy::SMALLEST_STEP, occasion.allows_backwards())
            }
            None => (StepReason::FellBehind, Policy::SMALLEST_CATCH_UP, false),
        };
        let allowed = backwards || !offset.is_backwards();
        if offset.size() <= smallest || !allowed || now < self.no_step_before {
            return self.follow(now, &majority, ballot.anew, actions);
        }
        for peer in self.peers.values_mut() {
            peer.forget_before(ballot.opened);
        }
        let step = Step { offset, why, agreed: majority.agreed.iter().copied().collect() };
        actions.push(Action::Ask(Request::Step(step.clone())));
        self.stage = Stage::Stepping(Stepping { step, majority });
    }

    /// From now on the clock follows these. `anew` says that the filter has to begin again, with what is known.
    fn follow(&mut self, now: Instant, majority: &Majority, anew: bool, actions: &mut Vec<Action>) {
        if self.stage.occasion().is_some() {
            self.decided(now, majority.offset);
        }
        self.stage = Stage::Following(Following { chosen: majority.chosen.clone(), ..Following::default() });
        self.judge_peers(majority);
        if anew {
            self.rebuild(now, actions);
        }
        self.catch_up(now, majority.offset, actions);
        self.vouch(now, actions);
    }

    /// The clock follows somebody: does he still agree with the others?
    fn reconsider(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let opened = Instant::from_nanos(0);
        let votes = self.votes(now, opened);
        match judge(&votes, self.sources.configured()) {
            Verdict::Majority(majority) => {
                self.judge_peers(&majority);
                if let Stage::Following(following) = &mut self.stage {
                    (following.chosen, following.split) = (majority.chosen.clone(), false);
                }
                self.catch_up(now, majority.offset, actions);
                self.vouch(now, actions);
            }
            Verdict::Split => {
                if let Stage::Following(following) = &mut self.stage {
                    following.split = true;
                }
                for id in self.peers.keys() {
                    self.discipline.usable(*id, false);
                }
            }
            // Some have fallen silent. Those who were right until now still are.
            Verdict::TooFew => {
                let left = |id: &PeerId| votes.iter().any(|vote| vote.peer == *id);
                let Stage::Following(following) = &mut self.stage else { return };
                following.chosen.retain(left);
                following.split = false;
                if following.chosen.is_empty() {
                    self.unvouch(actions);
                } else {
                    self.vouch(now, actions);
                }
            }
        }
    }

    /// What everybody says who has answered since then.
    pub(super) fn votes(&self, now: Instant, since: Instant) -> Vec<Vote> {
        let vote = |(id, peer): (&PeerId, &Peer)| {
            let sample = peer.latest(since)?;
            let offset = self.offset(now, sample.offset);
            Some(Vote { peer: *id, offset, distance: sample.distance(now), prefer: peer.prefer })
        };
        self.peers.iter().filter_map(vote).collect()
    }

    fn judge_peers(&mut self, majority: &Majority) {
        for (id, peer) in &mut self.peers {
            let chosen = majority.chosen.contains(id);
            self.discipline.usable(*id, chosen);
            let has_voted = peer.latest(Instant::from_nanos(0)).is_some() && peer.opinion != PeerState::Denied;
            if chosen {
                peer.judged(PeerState::Selected);
            } else if majority.agreed.contains(id) {
                peer.judged(PeerState::Spare);
            } else if has_voted {
                peer.judged(PeerState::Falseticker);
            }
        }
    }

    /// What a majority of the chosen says of the end of this day.
    pub(super) fn leap(&self, now: Instant) -> Leap {
        let chosen: Vec<Leap> = match &self.stage {
            Stage::Following(following) => following.chosen.iter(),
            Stage::Idle | Stage::Ballot(_) | Stage::Stepping(_) => [].iter(),
        }
        .filter_map(|id| self.peers.get(id)?.latest(Instant::from_nanos(0)))
        .map(|sample| sample.leap)
        .collect();
        let most = |leap| chosen.iter().filter(|other| **other == leap).count().saturating_mul(2) > chosen.len();
        let may_be = self.wall.at(now).is_some_and(Utc::is_leap_day);
        [Leap::Insert, Leap::Delete].into_iter().find(|leap| may_be && most(*leap)).unwrap_or(Leap::None)
    }
}
