//! Files whose lines have to be written in an order that is not theirs: procps and busybox write each line in its turn.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_sysctl::{Audit, Chance, Place, Program};

/// Settings of which one bounds another, what they are before, and lines that are all in force together.
struct Bounds {
    what: &'static str,
    before: &'static [(&'static str, &'static str)],
    lines: &'static [(&'static str, &'static str)],
    /// How many are in force for those who try each once and go on.
    once: usize,
}

const BOUNDS: &[Bounds] = &[
    Bounds {
        what: "a range that begins below what is privileged",
        before: &[("net/ipv4/ip_unprivileged_port_start", "1024"), ("net/ipv4/ip_local_port_range", "32768\t60999")],
        lines: &[("net/ipv4/ip_local_port_range", "500\t60000"), ("net/ipv4/ip_unprivileged_port_start", "400")],
        once: 1,
    },
    Bounds {
        what: "privileged ports where the range has been",
        before: &[("net/ipv4/ip_unprivileged_port_start", "1024"), ("net/ipv4/ip_local_port_range", "32768\t60999")],
        lines: &[("net/ipv4/ip_unprivileged_port_start", "40000"), ("net/ipv4/ip_local_port_range", "50000\t60000")],
        once: 1,
    },
    Bounds {
        what: "thresholds that are raised",
        before: &[("net/ipv4/ipfrag_high_thresh", "4194304"), ("net/ipv4/ipfrag_low_thresh", "3145728")],
        lines: &[("net/ipv4/ipfrag_low_thresh", "5000000"), ("net/ipv4/ipfrag_high_thresh", "6000000")],
        once: 1,
    },
    Bounds {
        what: "thresholds that are lowered",
        before: &[("net/ipv6/ip6frag_high_thresh", "4194304"), ("net/ipv6/ip6frag_low_thresh", "3145728")],
        lines: &[("net/ipv6/ip6frag_high_thresh", "2000000"), ("net/ipv6/ip6frag_low_thresh", "1000000")],
        once: 1,
    },
    Bounds {
        what: "a mode that needs a secret, which is an error nevertheless",
        before: &[("net/ipv6/conf/eth0/addr_gen_mode", "0"), ("net/ipv6/conf/eth1/addr_gen_mode", "0")],
        lines: &[
            ("net/ipv6/conf/eth0/addr_gen_mode", "2"),
            ("net/ipv6/conf/eth0/stable_secret", "2001:0db8:0000:0000:0000:0000:0000:0001"),
        ],
        // The secret sets the mode as well.
        once: 2,
    },
];

/// What is before, in whatever order that works.
fn reset(place: &Place, bounds: &Bounds) {
    for _ in 0..2 {
        for (key, value) in bounds.before {
            let _ = place.set(key, value);
        }
    }
    for (key, value) in bounds.before {
        assert_eq!(place.get(key).unwrap(), *value, "{}", bounds.what);
    }
}

fn text<'a>(lines: impl IntoIterator<Item = &'a (&'static str, &'static str)>) -> String {
    lines.into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

fn arguments(program: Program) -> &'static [&'static str] {
    match program {
        Program::Procps | Program::Busybox => &["-p", "/etc/sysctl.d/50-test.conf"],
        Program::Orlop | Program::Systemd => &[],
    }
}

/// How many of the lines are in force afterwards, and the exit code.
fn ran(place: &Place, program: Program, lines: &[(&str, &str)]) -> (usize, i32) {
    let ran = place.run(program, arguments(program)).unwrap();
    let in_force = lines.iter().filter(|(key, value)| place.get(key).is_ok_and(|now| now == *value)).count();
    (in_force, ran.code)
}

#[test]
fn lines_in_the_wrong_order_are_all_in_force_and_others_lose_the_first() {
    for bounds in BOUNDS {
        let all = bounds.lines.len();
        for (program, want) in [
            (Program::Procps, (bounds.once, 1)),
            // It ends where the kernel refuses something.
            (Program::Busybox, (0, 1)),
            (Program::Systemd, (bounds.once, 1)),
            (Program::Orlop, (all, 0)),
        ] {
            // A secret cannot be taken back.
            let Some(place) = Place::with(&[program]) else { return };
            reset(&place, bounds);
            place.configure_one(&text(bounds.lines)).unwrap();
            assert_eq!(ran(&place, program, bounds.lines), want, "{}: {program:?}", bounds.what);
            if program == Program::Orlop {
                let audit = Audit::of(&place).unwrap();
                let retries: Vec<u64> = audit.records.iter().map(|record| record.retries).collect();
                assert_eq!(retries, [1, 0], "{}", bounds.what);
            }
        }
        // The control: in the right order they are in force for everybody, and nothing is tried twice.
        for program in [Program::Procps, Program::Busybox, Program::Systemd, Program::Orlop] {
            let Some(place) = Place::with(&[program]) else { return };
            reset(&place, bounds);
            place.configure_one(&text(bounds.lines.iter().rev())).unwrap();
            assert_eq!(ran(&place, program, bounds.lines), (all, 0), "{}, in order: {program:?}", bounds.what);
        }
    }
}

/// Of every key the last line counts; on the way there may have been others, which line-by-line tools write as well.
#[test]
fn whatever_the_order_what_line_by_line_tools_get_in_force_is_in_force() {
    const CASES: u64 = 200;
    let Some(place) = Place::with(&[Program::Procps, Program::Busybox, Program::Orlop]) else { return };
    let mut better = 0;
    for seed in 0..CASES {
        let mut chance = Chance::new(seed);
        let bounds = &BOUNDS[chance.below(BOUNDS.len() - 1)];
        let lines: Vec<(&str, String)> = (0..chance.below(6) + 2)
            .map(|_| {
                let (key, _) = bounds.before[chance.below(bounds.before.len())];
                let number = |chance: &mut Chance, key: &str| {
                    let unit = if key.contains("frag") { 1_000_000 } else { 8000 };
                    (chance.below(7) + 1) * unit
                };
                let low = number(&mut chance, key);
                (key, if key.ends_with("range") { format!("{low}\t60000") } else { low.to_string() })
            })
            .collect();
        let last: Vec<(&str, &str)> = bounds
            .before
            .iter()
            .filter_map(|(key, _)| lines.iter().rev().find(|(other, _)| other == key))
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let mut found = Vec::new();
        for program in [Program::Procps, Program::Busybox, Program::Orlop] {
            reset(&place, bounds);
            place.configure_one(&text).unwrap();
            found.push(ran(&place, program, &last));
        }
        let [procps, busybox, orlop] = found.try_into().unwrap();
        for (name, other) in [("procps", procps), ("busybox", busybox)] {
            // Else they contradict each other, and every program says that one is refused.
            let all = other.0 == last.len();
            assert!(!all || orlop == (last.len(), 0), "seed {seed}: {name} {other:?}, ours {orlop:?}:\n{text}");
        }
        assert_eq!(orlop.1 == 0, orlop.0 == last.len(), "seed {seed}: it says so: {orlop:?}\n{text}");
        better += usize::from(orlop.0 > procps.0);
    }
    assert!(better > 10, "the files show nothing: {better}");
}

/// What a later line has overtaken stays so, as for tools that write line by line, and is reported.
#[test]
fn what_a_later_line_overtakes_is_not_written_again() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.set("net/ipv4/ip_forward", "0").unwrap();
    let lines = "net.ipv4.conf.eth0.forwarding = 0\nnet.ipv4.ip_forward = 1\n\
                 net.ipv4.ipfrag_low_thresh = 5000000\nnet.ipv4.ipfrag_high_thresh = 6000000\n";
    place.set("net/ipv4/ipfrag_low_thresh", "3145728").unwrap();
    place.set("net/ipv4/ipfrag_high_thresh", "4194304").unwrap();
    place.configure_one(lines).unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(place.get("net/ipv4/conf/eth0/forwarding").unwrap(), "1");
    let audit = Audit::of(&place).unwrap();
    let told = |key: &str| audit.of_key(key).map(|record| (record.result.clone(), record.retries)).unwrap();
    assert_eq!(told("net.ipv4.conf.eth0.forwarding"), ("overtaken".to_owned(), 0));
    assert_eq!(told("net.ipv4.ipfrag_low_thresh"), ("ok".to_owned(), 1), "the control");
}
