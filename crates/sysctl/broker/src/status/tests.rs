use orlop_sysctl_contract::Outcome;

use orlop_machine::Instant;
use orlop_sandbox::capability::CapabilitySet;
use orlop_sandbox::landlock::Enforced;
use orlop_sandbox::posture::{Posture, Status};
use orlop_testbed::table;

use super::*;
use crate::report::tests::sample;

fn postures() -> Postures {
    let none = CapabilitySet::EMPTY;
    let status = Status {
        uids: [0; 4],
        gids: [0; 4],
        groups: 0,
        inheritable: none,
        permitted: none,
        effective: none,
        bounding: none,
        ambient: none,
        no_new_privs: true,
        filtered: true,
        filters: 2,
        threads: 1,
    };
    let posture = Posture {
        status: status.clone(),
        allowed: 1,
        denied: 1,
        landlock: Enforced::Absent,
        empty_root: false,
        limited: true,
        open_files: 3,
    };
    let mut postures = Postures::default();
    for name in ["sysctl-worker", "sysctl-broker", "sysctl-root"] {
        postures.insert(name, posture.clone());
    }
    postures.insert_supervisor(Some(status));
    postures
}

#[test]
fn the_page_explains_every_field_and_no_other() {
    let now = Now { boottime: Instant::from_nanos(0), utc_ms: 0 };
    let follow = Follow { every: Duration::from_secs(60), enforce: true };
    let report = Report { follow: Some((follow, Followed::default())), ..sample() };
    let body = serde_json::to_string(&Body::new(&report, now)).unwrap();
    assert_eq!(table::fields(&body, &["results"]), table::rows(include_str!("../../../STATUS.md")));
}

#[test]
fn the_status_has_the_outcome_and_every_posture() {
    let now = Now { boottime: Instant::from_nanos(2_500_000_000), utc_ms: 1_795_769_328_123 };
    let document = document(&sample(), &postures(), now);
    let status: serde_json::Value = serde_json::from_str(&document.to_json()).unwrap();
    assert_eq!(status["mode"], "apply");
    assert_eq!(status["daemon"], "sysctl");
    assert_eq!(status["written"]["boottime_ms"], 2500);
    assert_eq!(status["started"]["in_ms"], -2500);
    assert_eq!(status["outcome"]["results"]["denied"], 1);
    assert_eq!(status["outcome"]["exit"], 2);
    assert_eq!(status["timings"]["apply_us"], 4250);
    for process in ["sysctl-worker", "sysctl-broker", "sysctl-root", "supervisor"] {
        assert!(status["posture"].get(process).is_some(), "{process}");
    }
}

#[test]
fn metrics_have_a_row_for_each_result_whether_it_occurred_or_not() {
    let text = metrics(&sample(), &Postures::default());
    for name in Outcome::NAMES {
        assert!(text.contains(&format!("orlop_sysctl_settings{{result=\"{name}\"}} ")), "{name} in {text}");
    }
    for line in [
        "orlop_sysctl_settings{result=\"mismatch\"} 1",
        "orlop_sysctl_settings{result=\"locked\"} 0",
        "orlop_sysctl_findings{kind=\"error\"} 1",
        "orlop_sysctl_exit_code 2",
        "orlop_sysctl_duration_seconds 0.00425",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} in {text}");
    }
    // Prometheus takes a file as a whole or not at all.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("orlop_sysctl_") && value.parse::<f64>().is_ok(), "{line}");
    }
}
