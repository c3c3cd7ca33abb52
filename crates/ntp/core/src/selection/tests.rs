use proptest::prelude::*;

use super::*;

/// A vote of `offset` and `distance` milliseconds.
fn vote(number: u8, offset: i64, distance: u64) -> Vote {
    Vote {
        peer: PeerId::new(number).unwrap(),
        offset: Offset::from_nanos(offset * 1_000_000),
        distance: Duration::from_millis(distance),
        prefer: false,
    }
}

fn numbers(peers: &[PeerId]) -> Vec<u8> {
    peers.iter().map(|peer| u8::from(*peer)).collect()
}

/// What [`judge`] says: offset in milliseconds, who agreed.
fn verdict(votes: &[(i64, u64)], configured: usize) -> Result<(i64, Vec<u8>), Verdict> {
    let votes: Vec<Vote> = (0_u8..).zip(votes).map(|(n, (offset, distance))| vote(n, *offset, *distance)).collect();
    match judge(&votes, configured) {
        Verdict::Majority(majority) => Ok((majority.offset.nanos() / 1_000_000, numbers(&majority.agreed))),
        none @ (Verdict::TooFew | Verdict::Split) => Err(none),
    }
}

#[test]
fn a_majority_is_more_than_half_and_two_where_there_are_several() {
    const YEARS: i64 = 56 * 365 * 86_400_000;
    let (few, split) = (Err(Verdict::TooFew), Err(Verdict::Split));
    for (what, votes, configured, want) in [
        ("nobody", &[][..], 1, few.clone()),
        ("the only one", &[(70, 10)], 1, Ok((70, vec![0]))),
        ("one of two", &[(70, 10)], 2, few.clone()),
        ("one of three", &[(70, 10)], 3, few),
        ("two of two", &[(70, 10), (75, 10)], 2, Ok((70, vec![0, 1]))),
        ("two that disagree", &[(70, 10), (95, 10)], 2, split.clone()),
        ("two of three, the third is silent", &[(70, 10), (75, 9)], 3, Ok((75, vec![0, 1]))),
        ("two of three, the third lies", &[(70, 10), (5000, 10), (75, 10)], 3, Ok((70, vec![0, 2]))),
        ("two of four", &[(0, 10), (1, 10), (5000, 10), (9000, 10)], 4, split.clone()),
        ("two against two", &[(0, 10), (1, 10), (5000, 10), (5001, 10)], 4, split.clone()),
        ("three of five", &[(0, 10), (5000, 10), (1, 10), (-5000, 10), (2, 10)], 5, Ok((0, vec![0, 2, 4]))),
        ("all different", &[(0, 1), (10, 1), (20, 1)], 3, split),
        ("56 years", &[(YEARS, 10), (YEARS + 2, 10)], 2, Ok((YEARS, vec![0, 1]))),
        ("they touch", &[(0, 10), (20, 10)], 2, Ok((0, vec![0, 1]))),
        ("the narrowest gives the offset", &[(0, 50), (20, 30), (15, 3)], 3, Ok((15, vec![0, 1, 2]))),
        (
            "a wide one agrees with either side, the more certain side wins",
            &[(0, 5), (100, 4), (50, 60)],
            3,
            Ok((100, vec![1, 2])),
        ),
    ] {
        assert_eq!(verdict(votes, configured), want, "{what}");
    }
}

#[test]
fn a_preferred_server_is_followed_while_it_agrees() {
    let prefer = |vote: Vote| Vote { prefer: true, ..vote };
    let followed = |votes: &[Vote]| match judge(votes, 3) {
        Verdict::Majority(majority) => (majority.offset.nanos() / 1_000_000, numbers(&majority.chosen)),
        Verdict::TooFew | Verdict::Split => panic!("no majority"),
    };
    assert_eq!(followed(&[vote(0, 3, 9), vote(1, 0, 2), prefer(vote(2, 5, 9))]), (5, vec![2]));
    assert_eq!(followed(&[vote(0, 3, 9), vote(1, 0, 2), prefer(vote(2, 500, 9))]), (0, vec![0, 1]), "a liar is not");
}

proptest! {
    #[test]
    fn whoever_votes_what_a_majority_agrees_on_a_common_point(
        votes in prop::collection::vec((any::<i64>(), any::<u64>()), 0..16),
        configured in 0_usize..20,
    ) {
        let votes: Vec<Vote> = (0_u8..).zip(&votes).map(|(n, (offset, distance))| Vote {
            offset: Offset::from_nanos(*offset),
            distance: Duration::from_nanos(*distance),
            ..vote(n, 0, 0)
        }).collect();
        if let Verdict::Majority(majority) = judge(&votes, configured) {
            prop_assert!(majority.agreed.len() * 2 > votes.len());
            prop_assert!(majority.agreed.len() >= quorum(configured));
            let agreed = || votes.iter().filter(|vote| majority.agreed.contains(&vote.peer)).map(Vote::interval);
            prop_assert!(agreed().map(|(from, _)| from).max() <= agreed().map(|(_, to)| to).min());
        }
    }
}
