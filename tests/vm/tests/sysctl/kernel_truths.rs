//! Writes that succeed and do something else: the kernel says yes, and the report must say what really holds.

use crate::applier::Bench;

/// What the case is, the setting, what it shall be; what became of it, and what the kernel says then, if that is always the same.
type Case<'a> = (&'static str, &'static str, &'a str, &'static str, Option<&'a str>);

/// The cases of one run after the other: each takes the next case of every setting.
fn rounds<'c, 'a>(cases: &'c [Case<'a>]) -> Vec<Vec<&'c Case<'a>>> {
    let mut rounds: Vec<Vec<&Case<'_>>> = Vec::new();
    for case in cases {
        let has = |round: &Vec<&Case<'_>>| round.iter().any(|earlier| earlier.1 == case.1);
        let next = rounds.iter().rposition(has).map_or(0, |last| last + 1);
        if next == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[next].push(case);
    }
    rounds
}

#[test]
fn a_write_that_succeeds_and_does_something_else_is_told_from_one_that_works() {
    let (long, cut) = (format!("/{}", "x".repeat(199)), format!("/{}", "x".repeat(126)));
    let (domain, cut_domain) = ("d".repeat(100), "d".repeat(64));
    let cases: [Case<'_>; 20] = [
        ("two numbers for one", "vm.swappiness", "40 50", "mismatch", Some("40")),
        ("octal", "vm.swappiness", "010", "normalized", Some("8")),
        ("hexadecimal", "vm.swappiness", "0x20", "normalized", Some("32")),
        ("the usual", "vm.swappiness", "32", "unchanged", Some("32")),
        ("nothing for a number", "vm.swappiness", "", "invalid", Some("32")),
        ("too large", "vm.swappiness", "300", "invalid", Some("32")),
        ("no number", "vm.swappiness", "abc", "invalid", Some("32")),
        ("negative", "kernel.kptr_restrict", "-1", "invalid", Some("0")),
        ("one of four", "kernel.printk", "5", "mismatch", Some("5 4 1 7")),
        ("all four", "kernel.printk", "3 4 1 7", "ok", Some("3 4 1 7")),
        ("longer than its room", "kernel.core_pattern", &long, "mismatch", Some(&cut)),
        ("longer than a name", "kernel.domainname", &domain, "mismatch", Some(&cut_domain)),
        ("nothing for a text", "kernel.domainname", "", "ok", Some("")),
        (
            "a list, which is read with tabs",
            "net.ipv4.tcp_rmem",
            "4096 100000 6000000",
            "ok",
            Some("4096 100000 6000000"),
        ),
        ("low above high", "net.ipv4.ip_local_port_range", "60000 1000", "invalid", None),
        ("the kernel's own", "kernel.osrelease", "7.0", "readonly", None),
        ("a trigger, which cannot be read", "vm.drop_caches", "1", "unverified", None),
        ("not there", "kernel.no_such_setting", "1", "missing", None),
        ("more than there is memory", "vm.nr_hugepages", "9999999", "mismatch", None),
        ("and back", "vm.nr_hugepages", "0", "ok", Some("0")),
    ];
    let Some(mut bench) = Bench::new() else { return };
    let rounds = rounds(&cases);
    assert_eq!(rounds.iter().map(Vec::len).sum::<usize>(), cases.len());
    for round in &rounds {
        let settings: Vec<String> = round.iter().map(|(_, key, value, ..)| format!("{key}={value}")).collect();
        bench.with_all(&settings.iter().map(String::as_str).collect::<Vec<_>>());
        bench.read_all(round.iter().map(|case| case.1));
    }
    let mut outcome = bench.boot();
    for round in &rounds {
        let run = outcome.run();
        for (what, key, value, result, after) in round {
            let now = outcome.value();
            assert_eq!(run.result(key), *result, "{what}: {}", run.said);
            if let Some(after) = after {
                assert_eq!(now.as_deref(), Some(*after), "{what}");
            }
            if *result == "mismatch" {
                let recorded = run.of(key)["after"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(Some(recorded), now, "{what}: the audit says what holds, and not {value}");
                assert!(run.said.contains(&format!("{key} = ")), "{what}: {}", run.said);
            }
        }
        let harmless = ["ok", "normalized", "unchanged", "unverified", "missing"];
        let failed = round.iter().any(|case| !harmless.contains(&case.3));
        assert_eq!(run.code, i32::from(failed), "{}", run.said);
    }
}
