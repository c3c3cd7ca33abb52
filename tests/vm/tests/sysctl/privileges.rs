//! Which capability which setting needs: with the label's alone, and with the one that the report names.

use orlop_sandbox::capability::Capability;

use crate::applier::Bench;

#[test]
fn a_setting_that_needs_more_than_the_label_grants_is_denied_and_the_report_names_it() {
    let table = [
        ("user.max_user_namespaces", "100", Capability::SysResource),
        ("vm.mmap_min_addr", "69632", Capability::SysRawio),
        ("kernel.yama.ptrace_scope", "2", Capability::SysPtrace),
    ];
    let Some(mut bench) = Bench::new() else { return };
    for (key, value, capability) in table {
        let setting = format!("{key}={value}");
        bench.with_label(&[&setting]).read(key);
        bench.with_label_and(&[capability], &[&setting]).read(key);
    }
    let mut outcome = bench.boot();
    for (key, value, capability) in table {
        let (run, kept) = (outcome.run(), outcome.value());
        assert_eq!((run.code, run.result(key)), (1, "denied"), "{key}: {}", run.said);
        assert!(run.said.contains(capability.name()), "{key}: {}", run.said);
        assert_ne!(kept.as_deref(), Some(value), "{key}");
        let (run, now) = (outcome.run(), outcome.value());
        assert_eq!((run.code, run.result(key)), (0, "ok"), "{key}: {}", run.said);
        assert_eq!(now.as_deref(), Some(value), "{key}");
    }
}

#[test]
fn what_the_label_grants_is_enough_for_settings_of_each_of_its_classes() {
    let table = [
        ("vm.swappiness", "33", "root"),
        ("kernel.hostname", "orlop", "root"),
        ("net.ipv4.ip_forward", "1", "net-admin"),
        ("net.core.rmem_max", "1000000", "net-admin"),
        ("kernel.kptr_restrict", "2", "sys-admin"),
        ("net.core.bpf_jit_harden", "2", "sys-admin"),
    ];
    let Some(mut bench) = Bench::new() else { return };
    let settings: Vec<_> = table.iter().map(|(key, value, _)| format!("{key}={value}")).collect();
    let arguments: Vec<_> = ["--require-landlock"].into_iter().chain(settings.iter().map(String::as_str)).collect();
    bench.with_label(&arguments);
    bench.read_all(table.map(|(key, ..)| key));
    let mut outcome = bench.boot();
    let run = outcome.run();
    assert_eq!(run.code, 0, "{}", run.said);
    for (key, value, class) in table {
        assert_eq!(run.result(key), "ok", "{}", run.said);
        assert_eq!(run.of(key)["class"], class, "{key}");
        assert_eq!(outcome.value().as_deref(), Some(value), "{key}");
    }
}
