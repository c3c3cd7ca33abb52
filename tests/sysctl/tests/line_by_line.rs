//! Files in which the order of the lines matters, beside procps and busybox, which write each line in turn: whatever is
//! different afterwards has a name.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeMap;

use orlop_test_sysctl::{Audit, Chance, Place, Program, Ran, Snapshot};

/// Settings that bound or change each other, and values for them.
type Family = &'static [(&'static str, &'static [&'static str])];

/// Most others do not: the thresholds of neighbours (`gc_thresh1` to 3) are taken in any order, `tcp_rmem` is not held against
/// `net.core.rmem_max`, and neither belongs to a namespace.
const FAMILIES: &[Family] = &[
    &[
        ("net.ipv4.ip_unprivileged_port_start", &["0", "400", "1024", "8000", "40000"]),
        ("net.ipv4.ip_local_port_range", &["500 60000", "1024 60999", "9000 9100", "60000 500"]),
        ("net.ipv4.ip_local_reserved_ports", &["", "8080-8090"]),
    ],
    &[
        ("net.ipv4.ipfrag_low_thresh", &["1000000", "3000000", "5000000", "7000000"]),
        ("net.ipv4.ipfrag_high_thresh", &["2000000", "4000000", "6000000", "8000000"]),
    ],
    &[
        ("net.ipv4.ip_forward", &["0", "1"]),
        ("net.ipv4.conf.all.forwarding", &["0", "1"]),
        ("net.ipv4.conf.default.forwarding", &["0", "1"]),
        ("net.ipv4.conf.eth0.forwarding", &["0", "1"]),
        ("net.ipv4.conf.all.accept_redirects", &["0", "1"]),
    ],
    &[
        ("net.ipv6.conf.all.forwarding", &["0", "1"]),
        ("net.ipv6.conf.default.forwarding", &["0", "1"]),
        ("net.ipv6.conf.eth0.forwarding", &["0", "1"]),
    ],
    &[
        ("net.ipv6.conf.all.disable_ipv6", &["0", "1"]),
        ("net.ipv6.conf.default.disable_ipv6", &["0", "1"]),
        ("net.ipv6.conf.eth0.disable_ipv6", &["0", "1"]),
    ],
    &[
        ("net.ipv4.tcp_congestion_control", &["reno", "cubic", "nosuch"]),
        ("net.ipv4.tcp_rmem", &["4096 8192 16384", "4096 131072 6291456", "0 1 2"]),
        ("kernel.domainname", &["a.example", "b.example"]),
    ],
];

/// Why a setting or an exit code is another one with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// busybox ends where the kernel refuses a value.
    BusyboxEnds,
    /// What was refused is tried again.
    TriedAgain,
    /// A line that says once more what was said leaves the setting at its place, as with systemd-sysctl.
    Repeated,
    /// Of several lines about a key only the last is written, so that what the others do on the way is not done.
    WrittenOnce,
    /// What is in force already is not written, so that it changes nothing else.
    NotWrittenAgain,
    /// What another line has changed is a failure.
    Overtaken,
}

impl Why {
    const ALL: [Self; 6] = [
        Self::BusyboxEnds,
        Self::TriedAgain,
        Self::Repeated,
        Self::WrittenOnce,
        Self::NotWrittenAgain,
        Self::Overtaken,
    ];

    /// Where it is explained in `crates/sysctl/DIFFERENCES.md`.
    const fn heading(self) -> &'static str {
        match self {
            Self::BusyboxEnds => "busybox ends at the first refusal",
            Self::TriedAgain => "What was refused is tried again",
            Self::Repeated => "A line that repeats another keeps its place",
            Self::WrittenOnce => "Only the last of several lines is written",
            Self::NotWrittenAgain => "What is in force is not written again",
            Self::Overtaken => "A value that another setting changed is a failure",
        }
    }
}

/// What became of one file with one program.
struct Outcome {
    ran: Ran,
    settings: Snapshot,
}

fn run(place: &Place, program: Program, baseline: &Snapshot) -> Outcome {
    place.host.enter(|| baseline.restore()).unwrap();
    let arguments: &[&str] = match program {
        Program::Procps | Program::Busybox => &["-p", "/etc/sysctl.d/50-test.conf"],
        Program::Orlop | Program::Systemd => &[],
    };
    let ran = place.run(program, arguments).unwrap();
    Outcome { ran, settings: place.host.enter(Snapshot::take).unwrap() }
}

fn lines(chance: &mut Chance) -> Vec<(&'static str, &'static str)> {
    let family = FAMILIES[chance.below(FAMILIES.len())];
    let line = |chance: &mut Chance| {
        let (key, values) = family[chance.below(family.len())];
        (key, values[chance.below(values.len())])
    };
    let repeats = chance.percent(20);
    let mut lines = Vec::new();
    for _ in 0..chance.below(6) + 2 {
        let line = line(chance);
        // Else what that explains would hide the rest.
        if repeats || !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Whether a line says what an earlier one said, after others.
fn repeats(lines: &[(&str, &str)]) -> bool {
    lines.iter().enumerate().any(|(at, line)| lines[..at].contains(line))
}

/// The reason of a setting that is different, or of an exit code (without a setting).
fn why(
    other: Program,
    theirs: &Ran,
    lines: &[(&str, &str)],
    audit: &Audit,
    setting: Option<(&str, &str)>,
) -> Option<Why> {
    let record = |path: &str| audit.records.iter().find(|record| record.path == path);
    let any = |is: &dyn Fn(&orlop_test_sysctl::Record) -> bool| audit.records.iter().any(is);
    let written_on_the_way = lines
        .iter()
        .any(|(key, value)| lines.iter().rev().find(|(later, _)| later == key).is_some_and(|(_, last)| last != value));
    let repeated = repeats(lines);
    let is_wanted = setting.and_then(|(path, ours)| record(path).map(|record| (record, ours)));
    let same = |wanted: &str, now: &str| wanted.split_whitespace().eq(now.split("\\t"));
    let in_force = is_wanted.is_some_and(|(record, ours)| same(&record.wanted, ours));
    let tried_again = any(&|record| record.retries > 0 && record.result == "ok");
    match setting {
        _ if other == Program::Busybox && theirs.code != 0 => Some(Why::BusyboxEnds),
        Some(_) if tried_again => Some(Why::TriedAgain),
        Some(_) if repeated => Some(Why::Repeated),
        Some(_) if written_on_the_way => Some(Why::WrittenOnce),
        Some(_) if in_force && any(&|record| record.result == "unchanged") => Some(Why::NotWrittenAgain),
        Some(_) => None,
        None if tried_again => Some(Why::TriedAgain),
        None if repeated => Some(Why::Repeated),
        None if theirs.code == 0 && any(&|record| record.result == "overtaken") => Some(Why::Overtaken),
        None if written_on_the_way => Some(Why::WrittenOnce),
        None => None,
    }
}

#[test]
fn every_difference_from_programs_that_write_each_line_in_turn_has_a_name() {
    const CASES: u64 = 160;
    let Some(place) = Place::with(&[Program::Procps, Program::Busybox, Program::Orlop]) else { return };
    let baseline = place.host.enter(Snapshot::take).unwrap();
    let (mut named, mut unexplained, mut same) = (BTreeMap::<Why, usize>::new(), Vec::new(), 0);
    for seed in 0..CASES {
        let lines = lines(&mut Chance::new(seed));
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        place.configure_one(&text).unwrap();
        let ours = run(&place, Program::Orlop, &baseline);
        let audit = Audit::of(&place).unwrap();
        for other in [Program::Procps, Program::Busybox] {
            let theirs = run(&place, other, &baseline);
            let differences = ours.settings.differences(&theirs.settings);
            let settings = differences.iter().map(|(path, (ours, _))| Some((path.as_str(), ours.as_str())));
            let exit = (ours.ran.code != theirs.ran.code).then_some(None);
            let mut any = false;
            for setting in settings.chain(exit) {
                any = true;
                match why(other, &theirs.ran, &lines, &audit, setting) {
                    Some(why) => *named.entry(why).or_default() += 1,
                    None => unexplained.push(format!(
                        "seed {seed}: {other:?} {setting:?} {:?}, exit {} and {}:\n{text}{}",
                        setting.map(|(path, _)| &differences[path]),
                        ours.ran.code,
                        theirs.ran.code,
                        ours.ran.stderr
                    )),
                }
            }
            same += usize::from(!any);
            // Where all of theirs is in force, so is all of ours.
            let last = |key: &str| lines.iter().rev().find(|(other, _)| *other == key).unwrap().1;
            let holds = |outcome: &Outcome| {
                let empty = ours.settings.differences(&outcome.settings);
                audit.records.iter().all(|record| {
                    let path = record.path.as_str();
                    let now = empty.get(path).map_or_else(|| record_now(record), |(_, theirs)| theirs.clone());
                    now.replace("\\t", " ") == last(&record.key)
                })
            };
            assert!(
                repeats(&lines) || !holds(&theirs) || holds(&ours),
                "seed {seed}: {other:?} has all of it in force:\n{text}"
            );
        }
    }
    assert!(unexplained.is_empty(), "{} differences:\n{}", unexplained.len(), unexplained.join("\n"));
    let names: Vec<Why> = named.keys().copied().collect();
    assert_eq!(names, Why::ALL, "a name for nothing: {named:?}");
    println!("{same} the same, {named:?}");
    assert!(same > 50, "most files mean the same: {same}, {named:?}");
}

#[test]
fn every_name_is_explained() {
    let page = include_str!("../../../crates/sysctl/DIFFERENCES.md");
    for why in Why::ALL {
        let headings =
            page.lines().filter_map(|line| line.strip_prefix("###")?.trim_start_matches('#').strip_prefix(' '));
        assert_eq!(headings.filter(|heading| *heading == why.heading()).count(), 1, "{}", why.heading());
    }
}

/// What our run says a setting is at its end.
fn record_now(record: &orlop_test_sysctl::Record) -> String {
    if matches!(record.result.as_str(), "ok" | "unchanged" | "normalized") {
        record.wanted.clone()
    } else {
        "not in force".to_owned()
    }
}
