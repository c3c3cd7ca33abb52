//! Random trees of configuration files: what systemd-sysctl makes of them, we make of them.
//!
//! `ORLOP_SYSCTL_CASES=10000` tries as many, `ORLOP_SYSCTL_SEED=1234` begins with another one.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use orlop_test_sysctl::difference::{Comparison, RULES, Run};
use orlop_test_sysctl::{Place, Program, Snapshot, Tree, generate};

/// As many as take about a minute.
const CASES: u64 = 1000;

/// After so many the rest is of no interest.
const ENOUGH: usize = 5;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn a_random_tree_comes_to_what_systemd_sysctl_makes_of_it() {
    let Some(place) = Place::with(&[Program::Systemd, Program::Orlop]) else { return };
    let (first, count) = (number("ORLOP_SYSCTL_SEED", 0), number("ORLOP_SYSCTL_CASES", CASES));
    let compared = |tree: &Tree, arguments: &[String], baseline: &Snapshot| {
        Comparison::of(tree.clone(), arguments.to_vec(), Program::Systemd, Program::Orlop, baseline)
    };
    let (unexplained, explained, alike) = place
        .host
        .enter(|| {
            let baseline = Snapshot::take()?;
            let (mut unexplained, mut explained, mut alike) = (Vec::new(), BTreeMap::<_, u64>::new(), 0_u64);
            for seed in first..first + count {
                let tree = generate::tree(seed);
                let arguments = generate::arguments(seed, &tree);
                let case = compared(&tree, &arguments, &baseline)?;
                let differences = case.differences();
                alike += u64::from(differences.is_empty());
                for rule in differences.iter().filter_map(|difference| case.explained(difference)) {
                    *explained.entry(rule.name).or_default() += 1;
                }
                if case.is_unexplained() {
                    let small = case.tree.shrunk(|tree| Ok(compared(tree, &arguments, &baseline)?.is_unexplained()))?;
                    unexplained.push(format!("seed {seed}:\n{}", compared(&small, &arguments, &baseline)?));
                    if unexplained.len() >= ENOUGH {
                        break;
                    }
                }
            }
            Ok((unexplained, explained, alike))
        })
        .unwrap();
    println!(
        "{count} trees from seed {first}: {alike} alike in everything, exit code included; differences explained:"
    );
    for (rule, times) in &explained {
        println!("  {times:>6}  {rule}");
    }
    assert!(unexplained.is_empty(), "{} or more trees:\n{}", unexplained.len(), unexplained.join("\n"));
    for rule in RULES {
        assert!(
            count < CASES || explained.contains_key(rule.name),
            "the rule {:?} explains nothing: it can go",
            rule.name
        );
    }
    assert!(alike * 10 > count, "hardly a tree is alike: the comparison shows nothing");
}

#[test]
fn every_difference_that_is_meant_is_on_the_page_and_no_other() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/sysctl/DIFFERENCES.md")).unwrap();
    let headings: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(headings, rules);
}

/// The controls: the same program twice makes no difference, and another one makes many.
#[test]
fn the_comparison_sees_a_difference_where_there_is_one_and_none_where_there_is_none() {
    let Some(place) = Place::with(&[Program::Systemd, Program::Procps, Program::Orlop]) else { return };
    let differ = |tested: Program| {
        place
            .host
            .enter(|| {
                let baseline = Snapshot::take()?;
                let mut differ = 0;
                for seed in 0..60 {
                    let case = Comparison::of(generate::tree(seed), vec![], Program::Systemd, tested, &baseline)?;
                    differ += usize::from(!case.reference.settings.differences(&case.tested.settings).is_empty());
                }
                Ok(differ)
            })
            .unwrap()
    };
    assert_eq!(differ(Program::Systemd), 0, "systemd-sysctl beside itself");
    assert!(differ(Program::Procps) >= 10, "procps has other rules");
}

/// What the generated patterns match is known, so that a case begins as the one before it began; and nothing of the machine
/// around the place is ever changed.
#[test]
fn trees_change_only_settings_that_are_put_back() {
    let Some(place) = Place::with(&[Program::Systemd]) else { return };
    let outside = everything();
    let (before, after) = place
        .host
        .enter(|| {
            let baseline = Snapshot::take()?;
            let before = everything();
            for seed in 0..60 {
                generate::tree(seed).install()?;
                Run::of(Program::Systemd, &[], &baseline)?;
            }
            for pattern in generate::PATTERNS {
                Tree::of("/etc/sysctl.d", "a.conf", &format!("{pattern} = 1\n")).install()?;
                Run::of(Program::Systemd, &[], &baseline)?;
            }
            baseline.restore()?;
            Ok((before, everything()))
        })
        .unwrap();
    assert!(before.len() > 200, "{}", before.len());
    let changed = |before: &BTreeMap<String, String>, after: &BTreeMap<String, String>| {
        before
            .iter()
            .filter(|(path, value)| after.get(*path) != Some(*value))
            .map(|(path, _)| path.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(&before, &after), Vec::<String>::new());
    assert_eq!(changed(&outside, &everything()), Vec::<String>::new(), "the machine around it");
}

/// Every setting that can be read, but for the ones that count something.
fn everything() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![Path::new("/proc/sys/net").to_owned(), "/proc/sys/fs/mqueue".into(), "/proc/sys/vm".into()];
    for name in
        ["hostname", "domainname", "msgmax", "msgmnb", "msgmni", "sem", "shmmax", "shmmni", "shmall", "osrelease"]
    {
        let path = format!("/proc/sys/kernel/{name}");
        found.insert(path.clone(), fs::read_to_string(path).unwrap_or_default());
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                folders.push(path);
            } else if !name.to_string_lossy().contains("nf_conntrack_count") && !path.ends_with("stat_refresh") {
                // Some are written only.
                if let Ok(text) = fs::read(&path) {
                    found.insert(path.display().to_string(), text.escape_ascii().to_string());
                }
            }
        }
    }
    found
}
