//! Random trees of configuration files: what systemd-sysctl makes of them, we make of them.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_sysctl::difference::Comparison;
use orlop_test_sysctl::{Place, Program, Snapshot, generate};

#[test]
fn probe() {
    let Some(place) = Place::with(&[Program::Systemd, Program::Procps]) else { return };
    place
        .host
        .enter(|| {
            let baseline = Snapshot::take()?;
            for tested in [Program::Systemd, Program::Procps] {
                let began = std::time::Instant::now();
                let (mut differ, mut codes) = (0, 0);
                for seed in 0..300 {
                    let case = Comparison::of(generate::tree(seed), Program::Systemd, tested, &baseline)?;
                    if !case.settings().is_empty() {
                        differ += 1;
                    }
                    if case.codes().0 != case.codes().1 {
                        codes += 1
                    }
                    if seed < 4 {
                        println!("{seed}: {case}");
                    }
                }
                println!("{tested:?}: {differ} differ, {codes} codes, {:?}", began.elapsed());
            }
            Ok(())
        })
        .unwrap();
}
