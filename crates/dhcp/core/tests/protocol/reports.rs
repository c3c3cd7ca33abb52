//! What the client says of itself, and of when.

use core::time::Duration;

use orlop_dhcp_contract::{Phase, Policy, Progress};
use orlop_dhcp_core::client::{Action, Event};
use orlop_machine::Instant;

use crate::bench::Bench;
use crate::packet::{ACK, OFFER, Packet};

fn reported(actions: &[Action]) -> Option<Progress> {
    actions.iter().find_map(|action| match action {
        Action::Report(progress) => Some(*progress),
        Action::Send { .. } | Action::Configure(_) | Action::Deconfigure(_) | Action::Arp(_) | Action::Probed(_) => {
            None
        }
    })
}

#[test]
fn a_phase_lasts_since_it_began_however_often_it_is_reported() {
    let mut bench = Bench::bound();
    let in_phase = |actions: &[Action]| reported(actions).map(|progress| (progress.phase, progress.since));
    let renewal = bench.pass(Duration::from_secs(1800));
    let began: Instant = bench.now;
    assert_eq!(in_phase(&renewal), Some((Phase::Renewing, began)));
    bench.now = began.after(Duration::from_secs(10));
    let counted = bench.packet(&Packet { xid: 7, ..Packet::lease(OFFER, 7) });
    assert_eq!(in_phase(&counted), Some((Phase::Renewing, began)), "only a number is another one");
    bench.now = began.after(Duration::from_secs(20));
    let _ = bench.packet(&Packet::lease(ACK, bench.xid));
    let bound = bench.event(Event::Applied);
    assert_eq!(in_phase(&bound), Some((Phase::Bound, bench.now)));
}

#[test]
fn an_answer_is_configured_as_late_as_the_broker_permits_and_no_later() {
    let moment = Duration::from_nanos(1);
    for (what, late, want) in
        [("at the last moment", Policy::MAX_AGE, true), ("a moment later", Policy::MAX_AGE + moment, false)]
    {
        let mut bench = Bench::requesting();
        bench.now = bench.now.after(late);
        let actions = bench.packet(&Packet::lease(ACK, bench.xid));
        assert_eq!(actions.iter().any(|action| matches!(action, Action::Configure(_))), want, "{what}: {actions:?}");
    }
}
