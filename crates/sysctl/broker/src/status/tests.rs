use orlop_sysctl_contract::Outcome;

use super::*;
use crate::report::tests::sample;

#[test]
fn the_status_has_the_outcome_and_every_posture() {
    let postures = Postures::default();
    let document = Document::new(&sample(), &postures, Instant::from_nanos(2_500_000_000));
    let status: serde_json::Value = serde_json::from_str(&document.to_json()).unwrap();
    assert_eq!(status["mode"], "apply");
    assert_eq!(status["written"], 2);
    assert_eq!(status["started"]["in"], -2);
    assert_eq!(status["outcome"]["results"]["denied"], 1);
    assert_eq!(status["outcome"]["exit"], 2);
    assert_eq!(status["timings"]["apply_us"], 4250);
    for process in ["worker", "broker", "appliers", "supervisor"] {
        assert!(status["posture"].get(process).is_some(), "{process}");
    }
}

#[test]
fn metrics_have_a_row_for_each_result_whether_it_occurred_or_not() {
    let text = metrics(&sample());
    for name in Outcome::NAMES {
        assert!(text.contains(&format!("orlop_sysctl_settings{{result=\"{name}\"}} ")), "{name} in {text}");
    }
    for line in [
        "orlop_sysctl_settings{result=\"mismatch\"} 1",
        "orlop_sysctl_settings{result=\"locked\"} 0",
        "orlop_sysctl_findings{kind=\"error\"} 1",
        "orlop_sysctl_exit_code 2",
        "orlop_sysctl_duration_seconds 0.004250",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} in {text}");
    }
    // Prometheus takes a file as a whole or not at all.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("orlop_sysctl_") && value.parse::<f64>().is_ok(), "{line}");
    }
}
