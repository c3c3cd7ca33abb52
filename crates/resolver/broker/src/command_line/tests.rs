use super::*;

fn of(line: &str) -> Result<Invocation, Fatal> {
    parse(line.split_whitespace().map(OsString::from))
}

#[test]
fn a_line_without_a_command_is_a_run() {
    let all = of("orlop-resolver --config /a --ready-fd 5 192.0.2.1 [2001:db8::1]:5353");
    let Ok(Invocation::Run(Run { ready, settings })) = all else { panic!("{all:?}") };
    assert_eq!((ready, settings.file), (Some(5), Some("/a".into())));
    let shown: Vec<String> = settings.overrides.upstreams.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["192.0.2.1", "[2001:db8::1]:5353"]);
}

#[test]
fn as_many_servers_as_are_asked_can_be_named() {
    let named = |count: usize| {
        let servers: String = (1..=count).map(|last| format!(" 192.0.2.{last}")).collect();
        of(&format!("orlop-resolver{servers}"))
    };
    assert!(named(MAX_UPSTREAMS - 1).is_ok() && named(MAX_UPSTREAMS).is_ok());
    for count in [MAX_UPSTREAMS + 1, MAX_UPSTREAMS + 2] {
        assert_eq!(named(count).map_err(|fatal| fatal.exit), Err(orlop_sandbox::fatal::Exit::Usage), "{count}");
    }
}

#[test]
fn commands_take_what_is_theirs() {
    let name = |text| DomainName::new(text).unwrap();
    for (line, want) in [
        ("orlop-resolver status", Invocation::Status(View::default())),
        ("orlop-resolver status --json", Invocation::Status(View { json: true, ..View::default() })),
        ("orlop-resolver status -v", Invocation::Status(View { verbose: true, ..View::default() })),
        ("orlop-resolver query a.example", Invocation::Query(name("a.example"), QueryType(1))),
        ("orlop-resolver query a.example aaaa", Invocation::Query(name("a.example"), QueryType(28))),
        ("orlop-resolver why a.example", Invocation::Explain(name("a.example"), QueryType(1))),
        ("orlop-resolver why a.example ptr", Invocation::Explain(name("a.example"), QueryType(12))),
        ("orlop-resolver flush", Invocation::Control(Order::Flush(None))),
        ("orlop-resolver flush a.example", Invocation::Control(Order::Flush(Some(name("a.example"))))),
        ("orlop-resolver reload", Invocation::Control(Order::Reload)),
        ("orlop-resolver --check", Invocation::Check(Settings::default())),
        ("orlop-resolver --posture --json", Invocation::Posture { settings: Settings::default(), json: true }),
        ("orlop-resolver --example", Invocation::Print(EXAMPLE.to_owned())),
    ] {
        assert_eq!(of(line), Ok(want), "{line}");
    }
}

#[test]
fn what_means_nothing_is_refused() {
    for line in [
        "orlop-resolver query",
        "orlop-resolver why",
        "orlop-resolver why --json a.example",
        "orlop-resolver query a.example A b",
        "orlop-resolver query a..example",
        "orlop-resolver query a.example NONE",
        "orlop-resolver flush a b",
        "orlop-resolver status a",
        "orlop-resolver flush --json",
        "orlop-resolver statsu",
        "orlop-resolver ns.example",
        "orlop-resolver --json",
        "orlop-resolver --check --ready-fd 5",
        "orlop-resolver --example --check",
        "orlop-resolver --config /a status",
    ] {
        assert_eq!(of(line).map_err(|fatal| fatal.exit), Err(orlop_sandbox::fatal::Exit::Usage), "{line}");
    }
}

#[test]
fn the_help_fits_a_terminal() {
    let help = help::help();
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    for verb in VERBS {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}");
    }
}
