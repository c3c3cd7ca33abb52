//! Who of those that answered agrees (after Marzullo; RFC 5905 section 11.2.1).

use core::time::Duration;

use orlop_ntp_contract::{Offset, PeerId};

/// What one server says of our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Whose vote it is.
    pub peer: PeerId,
    /// What our clock lacks.
    pub offset: Offset,
    /// How wrong that can be: the truth lies within this of the offset, if the server is right.
    pub distance: Duration,
    /// Whether the operator prefers this server.
    pub prefer: bool,
}

/// What a vote comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Too few have answered.
    TooFew,
    /// As many as would do have answered, and no majority of them agrees.
    Split,
    /// More than half of those that answered agree.
    Majority(Majority),
}

/// Who agrees, and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Majority {
    /// What our clock lacks, according to the best of them.
    pub offset: Offset,
    /// All who agree, in the order of their numbers.
    pub agreed: Vec<PeerId>,
    /// Those of them whom the clock shall follow: the preferred ones, if there are any.
    pub chosen: Vec<PeerId>,
}

/// How many have to agree when so many are configured: two, or all of fewer.
#[must_use]
pub fn quorum(configured: usize) -> usize {
    configured.clamp(1, 2)
}

/// Decides. A majority is more than half of those that answered, and [`quorum`] of `configured` at least.
#[must_use]
pub fn judge(votes: &[Vote], configured: usize) -> Verdict {
    let needed = quorum(configured);
    if votes.len() < needed {
        return Verdict::TooFew;
    }
    // The largest crowd is found at the beginning of somebody's interval. Of several as large, the most certain one counts.
    let crowd = votes
        .iter()
        .map(|vote| vote.interval().0)
        .map(|point| Crowd::around(votes, point))
        .max_by_key(|crowd| (crowd.0.len(), core::cmp::Reverse(crowd.0.iter().map(|vote| vote.distance).min())));
    let crowd = crowd.map(|Crowd(crowd)| crowd).unwrap_or_default();
    if crowd.len() < needed || crowd.len().saturating_mul(2) <= votes.len() {
        return Verdict::Split;
    }
    let preferred = crowd.iter().any(|vote| vote.prefer);
    let chosen: Vec<&Vote> = crowd.iter().copied().filter(|vote| vote.prefer || !preferred).collect();
    let Some(best) = chosen.iter().min_by_key(|vote| vote.distance) else { return Verdict::Split };
    let peers = |votes: &[&Vote]| {
        let mut peers: Vec<PeerId> = votes.iter().map(|vote| vote.peer).collect();
        peers.sort();
        peers
    };
    Verdict::Majority(Majority { offset: best.offset, agreed: peers(&crowd), chosen: peers(&chosen) })
}

impl Vote {
    /// Where the truth is, if it is right: from, to. In 128 bits, as neither end need fit into an offset.
    fn interval(&self) -> (i128, i128) {
        let offset = i128::from(self.offset.nanos());
        let distance = i128::try_from(self.distance.as_nanos()).unwrap_or(i128::MAX);
        (offset.saturating_sub(distance), offset.saturating_add(distance))
    }
}

/// Those whose intervals have one point in common.
struct Crowd<'v>(Vec<&'v Vote>);

impl<'v> Crowd<'v> {
    fn around(votes: &'v [Vote], point: i128) -> Self {
        let holds = |vote: &&Vote| {
            let (from, to) = vote.interval();
            from <= point && point <= to
        };
        Self(votes.iter().filter(holds).collect())
    }
}

#[cfg(test)]
mod tests;
