//! What can be written once: only when asked for, last of all, and never twice.

use orlop_sandbox::capability::Capability;

use crate::applier::{Bench, NO_FILES};

/// In the order in which they must be closed. Yama's is not in the profile.
const LOCKS: [&str; 3] = ["kernel.kexec_load_disabled", "kernel.unprivileged_bpf_disabled", "kernel.modules_disabled"];

#[test]
fn without_the_option_locks_stay_open_and_are_named() {
    let Some(mut bench) = Bench::new() else { return };
    bench.with_all(&[&["--profile", "kspp"], &NO_FILES[..]].concat());
    bench.read_all(LOCKS);
    let mut outcome = bench.boot();
    let run = outcome.run();
    assert_eq!(run.code, 1, "{}", run.said);
    for key in LOCKS {
        assert_eq!(run.result(key), "skipped", "{}", run.said);
        assert!(run.said.contains(key) && run.said.contains("--lock"), "{key}: {}", run.said);
        assert_ne!(outcome.value().as_deref(), Some("1"), "{key} is open");
    }
    let others = run.others_than(&["ok", "unchanged", "kept", "missing"]);
    assert_eq!(others.len(), LOCKS.len(), "and all else is in force: {others:?}");
}

#[test]
fn with_the_option_they_are_closed_last_and_a_second_run_finds_nothing_to_do() {
    let Some(mut bench) = Bench::new() else { return };
    let again = [&["--profile", "kspp", "--lock"], &NO_FILES[..]].concat();
    bench.with_all(&again).with_all(&again);
    // Each with another value than the one that it is locked with.
    let conflict = |setting| ["--lock", setting];
    bench.with_all(&conflict("kernel.kexec_load_disabled=0"));
    bench.with_all(&conflict("kernel.unprivileged_bpf_disabled=2"));
    bench.with_all(&conflict("kernel.modules_disabled=0"));
    bench.with_all(&conflict("kernel.yama.ptrace_scope=3")).with_all(&conflict("kernel.yama.ptrace_scope=1"));
    let mut outcome = bench.boot();
    let (first, second) = (outcome.run(), outcome.run());
    assert_eq!(first.code, 0, "{}", first.said);
    let order: Vec<_> = first.audit.iter().filter_map(|record| record["key"].as_str()).collect();
    assert_eq!(order[order.len() - LOCKS.len()..], LOCKS, "{order:?}");
    assert!(LOCKS.iter().all(|key| first.result(key) == "ok"), "{}", first.said);
    assert_eq!(second.code, 0, "{}", second.said);
    assert_eq!(second.others_than(&["unchanged", "kept", "missing"]), [""; 0], "{}", second.said);
    for key in LOCKS {
        let run = outcome.run();
        assert_eq!((run.code, run.result(key)), (1, "locked"), "{key}: {}", run.said);
    }
    let (closed, conflict) = (outcome.run(), outcome.run());
    let yama = "kernel.yama.ptrace_scope";
    assert_eq!((closed.code, closed.result(yama)), (0, "ok"), "{}", closed.said);
    assert_eq!((conflict.code, conflict.result(yama)), (1, "locked"), "{}", conflict.said);
}

/// A setting that is missing now may come with a module: whoever forbids modules first never gets it.
#[test]
fn modules_are_not_forbidden_while_a_setting_is_missing() {
    let Some(mut bench) = Bench::new() else { return };
    let modules = "kernel.modules_disabled";
    bench.with_label(&["--lock", "kernel.modules_disabled=1", "net.netfilter.nf_conntrack_max=65536"]).read(modules);
    // Nobody minds that this one is missing.
    bench.with_label(&["--lock", "kernel.modules_disabled=1", "--", "-net.netfilter.nf_conntrack_max=65536"]);
    bench.read(modules);
    let mut outcome = bench.boot();
    let run = outcome.run();
    assert_eq!((run.code, run.result(modules)), (1, "skipped"), "{}", run.said);
    assert_eq!(run.result("net.netfilter.nf_conntrack_max"), "missing");
    assert_eq!(outcome.value().as_deref(), Some("0"));
    let run = outcome.run();
    assert_eq!((run.code, run.result(modules)), (0, "ok"), "{}", run.said);
    assert_eq!(outcome.value().as_deref(), Some("1"));
}

/// Locks are nobody's business without `--lock`, whichever capabilities there are.
#[test]
fn a_capability_does_not_close_a_lock() {
    let Some(mut bench) = Bench::new() else { return };
    let yama = "kernel.yama.ptrace_scope";
    bench.with_label_and(&[Capability::SysPtrace], &["kernel.yama.ptrace_scope=3"]).read(yama);
    let mut outcome = bench.boot();
    let run = outcome.run();
    assert_eq!((run.code, run.result(yama)), (1, "skipped"), "{}", run.said);
    assert_ne!(outcome.value().as_deref(), Some("3"));
}
