//! The words of the log and the status: whoever reads them by a program relies on them.

use orlop_ntp_contract::{NtsState, Occasion, PeerState, Phase, StepReason};

#[test]
fn everything_has_the_word_that_programs_know() {
    use Occasion::{Boot, OneShot, Operator, Restart, Restore, Suspend};
    let occasions = [
        (Boot, "boot"),
        (Restart, "restart"),
        (OneShot, "one-shot"),
        (Suspend, "suspend"),
        (Restore, "restore"),
        (Operator, "operator"),
    ];
    for (occasion, want) in occasions {
        assert_eq!((occasion.name(), StepReason::Majority(occasion).name()), (want, want));
        assert_eq!(StepReason::LoneAnswer(occasion).name(), "lone-answer", "{want}");
    }
    assert_eq!([StepReason::FellBehind, StepReason::BelowFloor].map(StepReason::name), ["fell-behind", "below-floor"]);
    for (phase, want) in [
        (Phase::Waiting, "waiting"),
        (Phase::Offline, "offline"),
        (Phase::Asking, "asking"),
        (Phase::Disagreeing, "disagreeing"),
        (Phase::Stepping, "stepping"),
        (Phase::Steady, "steady"),
        (Phase::Slewing, "slewing"),
        (Phase::Lost, "lost"),
    ] {
        assert_eq!((phase.name(), phase.to_string().as_str()), (want, want));
    }
    for (state, want) in [
        (PeerState::Connecting, "connecting"),
        (PeerState::Unreachable, "unreachable"),
        (PeerState::Candidate, "candidate"),
        (PeerState::Selected, "selected"),
        (PeerState::Spare, "spare"),
        (PeerState::Falseticker, "falseticker"),
        (PeerState::Denied, "denied"),
    ] {
        assert_eq!(state.name(), want);
    }
    for (state, want) in [
        (NtsState::NoKeys, "no-keys"),
        (NtsState::Exchanging, "exchanging"),
        (NtsState::Keyed, "keyed"),
        (NtsState::Protected, "protected"),
        (NtsState::Intercepted, "intercepted?"),
    ] {
        assert_eq!(state.name(), want);
    }
}
