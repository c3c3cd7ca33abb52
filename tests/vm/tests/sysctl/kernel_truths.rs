//! Writes that succeed and do something else: the kernel says yes, and the report must say what really holds.

use crate::applier::{APPLIER, Bench};

#[test]
fn a_write_that_succeeds_and_does_something_else_is_told_from_one_that_works() {
    let (long, cut) = (format!("/{}", "x".repeat(199)), format!("/{}", "x".repeat(126)));
    let (domain, cut_domain) = ("d".repeat(100), "d".repeat(64));
    let table = [
        ("two numbers for one", "vm.swappiness", "40 50", "mismatch", Some("40")),
        ("octal", "vm.swappiness", "010", "normalized", Some("8")),
        ("hexadecimal", "vm.swappiness", "0x20", "normalized", Some("32")),
        ("the usual", "vm.swappiness", "32", "unchanged", Some("32")),
        ("nothing", "vm.swappiness", "", "mismatch", Some("32")),
        ("too large", "vm.swappiness", "300", "invalid", Some("32")),
        ("no number", "vm.swappiness", "abc", "invalid", Some("32")),
        ("negative", "kernel.kptr_restrict", "-1", "invalid", None),
        ("one of four", "kernel.printk", "5", "mismatch", Some("5 4 1 7")),
        ("all four", "kernel.printk", "3 4 1 7", "ok", Some("3 4 1 7")),
        ("longer than its room", "kernel.core_pattern", &long, "mismatch", Some(&cut)),
        ("longer than a name", "kernel.domainname", &domain, "mismatch", Some(&cut_domain)),
        ("list, read back with tabs", "net.ipv4.tcp_rmem", "4096 100000 6000000", "ok", Some("4096 100000 6000000")),
        ("low above high", "net.ipv4.ip_local_port_range", "60000 1000", "invalid", None),
        ("the kernel's own", "kernel.osrelease", "7.0", "readonly", None),
        ("a trigger, which cannot be read", "vm.drop_caches", "1", "unverified", None),
        ("not there", "kernel.no_such_setting", "1", "missing", None),
        ("more than there is memory", "vm.nr_hugepages", "9999999", "mismatch", None),
        ("and back", "vm.nr_hugepages", "0", "ok", Some("0")),
    ];
    let Some(mut bench) = Bench::new() else { return };
    for (_, key, value, ..) in table {
        bench.with_all(&[APPLIER, &format!("{key}={value}")]).read(key);
    }
    let mut outcome = bench.boot();
    for (what, key, value, result, after) in table {
        let (run, now) = (outcome.run(), outcome.value());
        assert_eq!(run.result(key), result, "{what}: {}", run.said);
        let is_in_force = ["ok", "normalized", "unchanged", "unverified", "missing"].contains(&result);
        assert_eq!(run.code, i32::from(!is_in_force), "{what}: {}", run.said);
        if let Some(after) = after {
            assert_eq!(now.as_deref(), Some(after), "{what}");
        }
        if result == "mismatch" {
            let recorded = run.of(key)["after"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(Some(recorded), now, "{what}: the audit says what holds, and not {value}");
        }
    }
}
