use super::*;

fn of(line: &str) -> Result<Invocation, Fatal> {
    parse(line.split_whitespace().map(OsString::from))
}

fn run(line: &str) -> Run {
    match of(line) {
        Ok(Invocation::Run(run)) => run,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_line_without_a_command_is_a_run() {
    let usual = run("orlop-ntp");
    assert_eq!((usual.mode, usual.settings), (Mode::Service, Settings::default()));
    let all = run(
        "orlop-ntp -1 --optional --config /a --deadline 9 --mock-clock /m --json --ready-fd 5 192.0.2.1 ntp.example",
    );
    assert_eq!((all.mode, all.json, all.ready), (Mode::OneShot, true, Some(5)));
    assert_eq!((usual.optional, all.optional), (false, true));
    assert_eq!(all.settings.origin, Origin::Toml("/a".into()));
    let Overrides { sources, deadline, mock_clock, .. } = all.settings.overrides;
    assert_eq!(sources.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.1", "ntp.example"]);
    assert_eq!((deadline, mock_clock), (Some(Duration::from_secs(9)), Some("/m".into())));
}

#[test]
fn as_many_sources_as_there_can_be_are_taken_and_no_more() {
    for (count, fits) in [(MAX_SOURCES - 1, true), (MAX_SOURCES, true), (MAX_SOURCES + 1, false)] {
        let line = (1..=count).fold("orlop-ntp".to_owned(), |line, n| format!("{line} 192.0.2.{n}"));
        assert_eq!(of(&line).is_ok(), fits, "{count}");
    }
}

#[test]
fn help_says_how_to_use_it_and_what_it_ends_with() {
    let Ok(Invocation::Print(help)) = of("orlop-ntp --help") else { panic!("no help") };
    for part in ["Usage: orlop-ntp [OPTIONS] [SOURCE]...\n", "\n      --mock-clock FILE ", "\nFiles:\n"] {
        assert!(help.contains(part), "{part:?}: {help}");
    }
    assert!(EXITS_OF_HELP.iter().all(|said| help.contains(said)), "{help}");
}

/// What the page says of the exit codes that are this daemon's own.
const EXITS_OF_HELP: [&str; 2] = ["another orlop-ntp keeps this clock", "the servers do not agree"];

#[test]
fn commands_take_what_is_theirs() {
    for (line, want) in [
        ("orlop-ntp status", Invocation::Status(View::default())),
        ("orlop-ntp status --json", Invocation::Status(View { json: true, ..View::default() })),
        ("orlop-ntp status -v", Invocation::Status(View { verbose: true, ..View::default() })),
        ("orlop-ntp sources", Invocation::Sources),
        ("orlop-ntp step", Invocation::Control(Order::Step)),
        ("orlop-ntp reload", Invocation::Control(Order::Reload)),
        ("orlop-ntp wait-sync", Invocation::WaitSync(None)),
        ("orlop-ntp wait-sync --deadline 7", Invocation::WaitSync(Some(Duration::from_secs(7)))),
        ("orlop-ntp --check", Invocation::Check(Settings::default())),
        ("orlop-ntp --posture --json", Invocation::Posture { settings: Settings::default(), json: true }),
        ("orlop-ntp --example", Invocation::Print(EXAMPLE.to_owned())),
    ] {
        assert_eq!(of(line).ok(), Some(want), "{line}");
    }
}

#[test]
fn what_means_nothing_is_refused_and_never_becomes_a_daemon() {
    for (line, want) in [
        ("orlop-ntp stauts", "did you mean: orlop-ntp status?"),
        ("orlop-ntp --oneshot step", "orlop-ntp step"),
        ("orlop-ntp --deadline 9", "add --oneshot"),
        ("orlop-ntp --oneshot --deadline 1", "2 to 3600"),
        ("orlop-ntp --optional", "add --oneshot"),
        ("orlop-ntp --oneshot --optional --optional", "--optional"),
        ("orlop-ntp --oneshot --oneshot", "--oneshot"),
        ("orlop-ntp 224.0.1.1", "192.0.2.1 ntp.example.org"),
        ("orlop-ntp --example --json", "orlop-ntp --example"),
        ("orlop-ntp --check --ready-fd 3", "leave it out"),
        ("orlop-ntp step now", ""),
        ("orlop-ntp reload /etc/orlop/ntp.toml", ""),
        ("orlop-ntp relaod", "did you mean: orlop-ntp reload?"),
        ("orlop-ntp sources --json", ""),
        ("orlop-ntp wait-sync --check 7", "--check"),
        ("orlop-ntp wait-sync --deadline 7 --deadline 8", "--deadline"),
        ("ntpd -d pool.ntp.org", "ntpd [-dnSsv]"),
    ] {
        let fatal = of(line).unwrap_err();
        assert_eq!(fatal.exit.code(), 64, "{line}");
        assert!(fatal.to_string().contains(want), "{line}: {fatal}");
    }
}

#[test]
fn as_ntpd_it_runs_as_linuxkit_runs_it() {
    let usual = run("/usr/sbin/ntpd -d");
    assert_eq!((usual.mode, usual.settings.origin), (Mode::Service, Origin::Openntpd(None)));
    for (line, log) in [("ntpd", None), ("ntpd -v", Some(Level::DEBUG)), ("ntpd -vv", Some(Level::DEBUG))] {
        assert_eq!(run(line).settings.overrides.log, log, "{line}");
    }
    assert_eq!(
        of("ntpd -n -f /x").ok(),
        Some(Invocation::Check(Settings { origin: Origin::Openntpd(Some("/x".into())), ..Settings::default() }))
    );
}
