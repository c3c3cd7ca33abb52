use orlop_sysctl_contract::{Access, Key, Policy, Rules, Skipped, Step, Trial, Value, Want, Wrote, judge};
use orlop_wire::Str;

use super::*;
use crate::sources::Unreadable;

/// One line of a text that was tried: what it says, what the kernel said before and after, what it did.
struct Case(&'static str, &'static str, Attempt);

fn tried(before: &str, wrote: Wrote, after: Option<&str>) -> Attempt {
    let reading = |text: &str| Str::new(&format!("{text}\n")).unwrap();
    Attempt::Tried(Access::ReadWrite, Trial { before: Some(reading(before)), wrote, after: after.map(reading) })
}

fn step(path: &str, value: &str, line: u32) -> Step {
    let (lenient, path) = path.strip_prefix('-').map_or((false, path), |path| (true, path));
    Step {
        key: Key::new(path).unwrap(),
        want: Want::Exactly(Value::new(value).unwrap()),
        origin: Origin { source: 0, line },
        replaces: None,
        lenient,
        by_pattern: false,
    }
}

/// A report of these cases, on line 1 and so on of `a.conf`.
fn report(mode: Mode, minds: Minds, cases: Vec<Case>) -> Report {
    let mut policy = Policy::new(&Rules::default(), false);
    let record = |(line, Case(path, value, attempt)): (u32, Case)| {
        let permitted = policy.permit(step(path, value, line)).unwrap();
        let outcome = Some(judge(&permitted, &attempt));
        Record { by: Some("sysctl-root"), attempt: Some(attempt), outcome, ..Record::new(permitted) }
    };
    Report {
        mode,
        minds,
        names: vec!["a.conf".to_owned()],
        unread: Vec::new(),
        findings: Vec::new(),
        unsaid: 0,
        records: (1..).zip(cases).map(record).collect(),
        started: Instant::from_nanos(0),
        timings: Timings { apply: Duration::from_micros(4250), ..Timings::default() },
        restarts: 0,
        follow: None,
    }
}

fn finding(problem: Problem) -> Finding {
    Finding { origin: Origin { source: 0, line: 9 }, problem }
}

fn unread(tolerated: bool) -> Unread {
    Unread { name: "b.conf".into(), why: Unreadable::NoFile, tolerated }
}

pub(crate) fn sample() -> Report {
    let cases = vec![
        Case("vm/good", "1", tried("0", Wrote::Whole, Some("1"))),
        Case("vm/there", "1", tried("1", Wrote::No, None)),
        Case("vm/other", "40 50", tried("60", Wrote::Whole, Some("40"))),
        Case("vm/none", "1", Attempt::Unopened(2)),
        Case("net/x/y", "1", tried("0", Wrote::Refused(1), None)),
        Case("-vm/bad", "x", tried("0", Wrote::Refused(22), None)),
    ];
    let mut report = report(Mode::Apply, Minds::Failures, cases);
    report.findings = vec![finding(Problem::NoAssignment), finding(Problem::NoMatch)];
    report
}

#[test]
fn the_exit_code_is_the_largest_that_applies() {
    let good = || vec![Case("vm/a", "1", tried("0", Wrote::Whole, Some("1")))];
    let bad = || vec![Case("vm/a", "1", tried("0", Wrote::Refused(22), None))];
    let lenient = || vec![Case("-vm/a", "1", tried("0", Wrote::Refused(22), None))];
    let missing = || vec![Case("vm/a", "1", Attempt::Unopened(2))];
    let (error, hint) = (|| vec![finding(Problem::NoAssignment)], || vec![finding(Problem::NoMatch)]);
    let none = Vec::new;
    use Minds::{Failures, Nothing, Strictly};
    for (what, minds, cases, findings, files, want) in [
        ("all well", Failures, good(), none(), vec![], Exit::Done),
        ("a hint", Failures, good(), hint(), vec![], Exit::Done),
        ("a value refused", Failures, bad(), none(), vec![], Exit::Unmet),
        ("refused and nobody minds", Failures, lenient(), none(), vec![], Exit::Done),
        ("refused and nobody minds, strictly", Strictly, lenient(), none(), vec![], Exit::Done),
        ("missing", Failures, missing(), none(), vec![], Exit::Done),
        ("missing, strictly", Strictly, missing(), none(), vec![], Exit::Unmet),
        ("a bad line", Failures, good(), error(), vec![], Exit::Mistaken),
        ("a bad line and a bad value", Failures, bad(), error(), vec![], Exit::Mistaken),
        ("a file that cannot be read, too", Failures, bad(), error(), vec![unread(false)], Exit::Config),
        ("a file that nobody minds", Failures, good(), none(), vec![unread(true)], Exit::Done),
        ("everything, in LinuxKit's way", Nothing, bad(), error(), vec![unread(false)], Exit::Done),
    ] {
        let report = Report { findings, unread: files, ..report(Mode::Apply, minds, cases) };
        assert_eq!(report.exit(), want, "{what}");
    }
}

#[test]
fn the_summary_counts_everything() {
    let want =
        "6 settings in 4.25 ms: 1 ok, 1 unchanged, 1 mismatch, 1 missing, 1 denied, 1 invalid; 1 line in error; 1 hint";
    assert_eq!(count::Summary(&sample()).to_string(), want);
    let mut one = report(Mode::Apply, Minds::Failures, vec![]);
    assert_eq!(count::Summary(&one).to_string(), "0 settings in 4.25 ms");
    one.unsaid = 7;
    assert_eq!(count::Summary(&one).to_string(), "0 settings in 4.25 ms; 7 further remarks not shown");
}

#[test]
fn why_says_what_the_kernel_did() {
    let words: Vec<_> = sample().records.iter().map(words::why).collect();
    let want = [
        None,
        None,
        Some("the kernel made 40 of it"),
        Some("there is no such key"),
        Some("the kernel asks for CAP_NET_ADMIN; capabilities.add: [CAP_NET_ADMIN]"),
        Some("the kernel does not take this value; it is 0"),
    ];
    assert_eq!(words.iter().map(Option::as_deref).collect::<Vec<_>>(), want);
}

#[test]
fn what_was_taken_only_at_the_second_time_says_so() {
    let mut report = report(Mode::Apply, Minds::Failures, vec![Case("vm/a", "1", tried("0", Wrote::Whole, Some("1")))]);
    assert_eq!(words::why(&report.records[0]), None, "the control");
    report.records[0].retries = 1;
    assert!(words::why(&report.records[0]).unwrap().starts_with("refused at first"));
}

#[test]
fn the_audit_has_a_record_for_each_key() {
    let report = sample();
    let audit: serde_json::Value = serde_json::from_str(&Audit::new(&report).to_json()).unwrap();
    assert_eq!(audit["settings"].as_array().unwrap().len(), 6);
    let other = &audit["settings"][2];
    for (field, want) in [
        ("key", serde_json::Value::from("vm.other")),
        ("path", "vm/other".into()),
        ("file", "a.conf".into()),
        ("line", 3.into()),
        ("class", "root".into()),
        ("by", "sysctl-root".into()),
        ("before", "60".into()),
        ("wanted", "40 50".into()),
        ("after", "40".into()),
        ("result", "mismatch".into()),
        ("why", "the kernel made 40 of it".into()),
        ("lenient", false.into()),
        ("retries", 0.into()),
    ] {
        assert_eq!(other[field], want, "{field}");
    }
    assert_eq!(audit["settings"][4]["class"], "net-admin");
    assert_eq!(audit["findings"][0]["error"], true);
    assert_eq!(audit["findings"][0]["line"], 9);
    assert_eq!(audit["summary"]["results"]["mismatch"], 1);
    assert_eq!(audit["summary"]["exit"], 2);
}

#[test]
fn a_finding_about_two_lines_names_both() {
    let mut report = report(Mode::Check, Minds::Failures, vec![]);
    report.names.push("b.conf".to_owned());
    report.findings = vec![finding(Problem::SetByName(Origin { source: 1, line: 3 }))];
    let audit: serde_json::Value = serde_json::from_str(&Audit::new(&report).to_json()).unwrap();
    let told = audit["findings"][0]["problem"].as_str().unwrap();
    assert!(told.ends_with("counts (b.conf:3)"), "{told}");
    assert_eq!((&audit["findings"][0]["file"], report.exit()), (&"a.conf".into(), Exit::Done), "a hint");
}

#[test]
fn a_plan_is_text_that_can_be_read_again() {
    let mut report = report(Mode::Plan, Minds::Failures, vec![]);
    let mut policy = Policy::new(&Rules::default(), false);
    let mut at_least = step("net/core/somaxconn", "", 3);
    at_least.want = Want::AtLeast(4096);
    let steps = [step("net/ipv4/conf/eth0.100/x", "a\tb", 1), step("-kernel/modules_disabled", "1", 2), at_least];
    report.records = steps.map(|step| Record::new(policy.permit(step).unwrap())).into_iter().collect();
    let want = "\
# a.conf:1, net-admin
net.ipv4.conf.eth0/100.x = a b
# a.conf:2, root, not written: needs-lock
-kernel.modules_disabled = 1
# a.conf:3, net-admin
# orlop: at-least
net.core.somaxconn = 4096
";
    assert_eq!(report.shown(), want);
}

#[test]
fn a_diff_shows_what_would_change_and_nothing_else() {
    let cases = vec![
        Case("vm/a", "1", tried("0", Wrote::No, None)),
        Case("vm/b", "1", tried("1", Wrote::No, None)),
        Case("vm/c", "x", tried("\x1b[2J", Wrote::No, None)),
        Case("vm/d", "", tried("now", Wrote::No, None)),
    ];
    let report = report(Mode::Diff, Minds::Failures, cases);
    let want = "a.conf:1: vm.a: 0 -> 1\na.conf:3: vm.c: \\u{1b}[2J -> x\na.conf:4: vm.d: now -> empty\n";
    assert_eq!(report.shown(), want);
    assert_eq!(report.exit(), Exit::Unmet);
}

#[test]
fn a_setting_whose_writer_died_says_so() {
    let mut report = report(Mode::Apply, Minds::Failures, vec![Case("vm/a", "1", Attempt::Unopened(5))]);
    assert_eq!(words::why(&report.records[0]).unwrap(), "Input/output error (os error 5)", "the control");
    report.records[0].attempt = None;
    assert!(words::why(&report.records[0]).unwrap().contains("has ended"));
    report.records[0].outcome = Some(Outcome::Failed(rustix::io::Errno::TOOMANYREFS.raw_os_error()));
    assert!(words::why(&report.records[0]).unwrap().contains("under way"), "nobody has ended");
}

#[test]
fn what_needs_a_lock_says_how_to_get_one() {
    let case = Case("kernel/modules_disabled", "1", tried("0", Wrote::No, None));
    let report = report(Mode::Apply, Minds::Failures, vec![case]);
    assert_eq!(report.records[0].outcome, Some(Outcome::Skipped(Skipped::NeedsLock)));
    assert!(words::why(&report.records[0]).unwrap().contains("--lock"));
    assert_eq!(report.exit(), Exit::Unmet, "what was asked for is not in force");
}

#[test]
fn what_is_said_is_as_loud_as_it_is_bad_for_whoever_asked() {
    let levels = |minds| {
        let mut report = Report { minds, unread: vec![unread(true), unread(false)], ..sample() };
        report.records.extend(
            self::report(Mode::Apply, minds, vec![Case("vm/hex", "0x10", tried("0", Wrote::Whole, Some("16")))])
                .records,
        );
        let letter = |(level, _): &(Level, String)| level.as_str().chars().next().unwrap();
        report.lines().iter().map(letter).collect::<String>()
    };
    // Two sources, two findings, seven settings, and what was achieved.
    assert_eq!(levels(Minds::Failures), "WE EW DDEWEDI W".replace(' ', ""));
    assert_eq!(levels(Minds::Strictly), "WE EW DDEEEDI W".replace(' ', ""));
    assert_eq!(levels(Minds::Nothing), "WW WW DDWWWDI I".replace(' ', ""));
    let lines: Vec<String> = sample().lines().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines[2], "a.conf:1: vm.good = 1: ok");
    assert_eq!(lines[5], "a.conf:4: vm.none = 1: missing: there is no such key");
    let mut differs = sample();
    differs.records.iter_mut().for_each(|record| record.outcome = Some(Outcome::Differs));
    assert_eq!(differs.lines().len(), 3, "differences are on standard output");
}

#[test]
fn why_tells_apart_what_looks_alike() {
    let exactly = || Want::Exactly(Value::new("1").unwrap());
    let seen =
        |access, wrote| Attempt::Tried(access, Trial { before: Some(Str::new("1 2\n").unwrap()), wrote, after: None });
    let refused = "the kernel does not take this value; it is 1 2";
    for (what, want, attempt, outcome, says) in [
        ("a mount", exactly(), seen(Access::MountedReadOnly, Wrote::No), Outcome::ReadOnly, "it is mounted read-only"),
        ("a mount that was not opened", exactly(), Attempt::Unopened(30), Outcome::ReadOnly, "it is mounted read-only"),
        ("a key for reading", exactly(), seen(Access::ReadOnly, Wrote::No), Outcome::ReadOnly, "nobody may write it"),
        (
            "a least of several numbers",
            Want::AtLeast(1),
            seen(Access::ReadWrite, Wrote::No),
            Outcome::Invalid,
            "at-least is for a single number; it is 1 2",
        ),
        (
            "a least that was refused",
            Want::AtLeast(1),
            seen(Access::ReadWrite, Wrote::Refused(22)),
            Outcome::Invalid,
            refused,
        ),
        (
            "an error of the kernel's",
            exactly(),
            seen(Access::ReadWrite, Wrote::Refused(5)),
            Outcome::Failed(5),
            "Input/output error (os error 5)",
        ),
        ("a value that was refused", exactly(), seen(Access::ReadWrite, Wrote::Refused(22)), Outcome::Invalid, refused),
    ] {
        let permitted = Policy::new(&Rules::default(), false).permit(Step { want, ..step("vm/a", "1", 1) }).unwrap();
        let record = Record { attempt: Some(attempt), outcome: Some(outcome), ..Record::new(permitted) };
        assert_eq!(words::why(&record).as_deref(), Some(says), "{what}");
    }
}

#[test]
fn what_a_service_has_done_is_taken_down_where_there_is_one() {
    let so_far = Followed { came: 7, ..Followed::default() };
    let follow = Follow { every: Duration::from_secs(60), enforce: true };
    let mut report = Report { follow: Some((follow, Followed::default())), ..sample() };
    report.followed(so_far);
    assert_eq!(report.follow, Some((follow, so_far)));
    let mut run = sample();
    run.followed(so_far);
    assert_eq!(run.follow, None);
}

#[test]
fn what_the_kernel_says_moves_no_cursor_and_keeps_its_letters() {
    let mut record = sample().records.pop().unwrap();
    record.attempt = Some(tried("ö\t1\u{1b}[2J", Wrote::Refused(22), None));
    assert_eq!(words::why(&record).unwrap(), "the kernel does not take this value; it is ö 1\\u{1b}[2J");
}
