use std::time::Duration;

use tracing::Level;

use super::*;

fn line(text: &str) -> Result<Invocation, Fatal> {
    parse(text.split_whitespace().map(OsString::from))
}

fn run(mode: Mode, settings: Settings) -> Invocation {
    Invocation::Run(Run { mode, json: false, settings })
}

#[test]
fn a_line_is_understood() {
    let plain = Settings::default;
    let with = |overrides| Settings { source: Source::Default, overrides };
    let eth1 = || InterfaceName::new("eth1").unwrap();
    for (what, text, want) in [
        ("service", "orlop-dhcp", run(Mode::Service, plain())),
        ("with a path", "/usr/bin/orlop-dhcp --oneshot", run(Mode::OneShot, plain())),
        ("short", "orlop-dhcp -1", run(Mode::OneShot, plain())),
        (
            "everything about a run",
            "orlop-dhcp --oneshot --deadline 3 --log debug --require-landlock eth1 en*",
            run(
                Mode::OneShot,
                with(Overrides {
                    interfaces: ["eth1", "en*"].map(|text| Pattern::new(text).unwrap()).into(),
                    deadline: Some(Duration::from_secs(3)),
                    require_landlock: true,
                    log: Some(Level::DEBUG),
                }),
            ),
        ),
        (
            "outcome as JSON",
            "orlop-dhcp --oneshot --json",
            Invocation::Run(Run { mode: Mode::OneShot, json: true, settings: plain() }),
        ),
        (
            "check of a file",
            "orlop-dhcp --check --config a.toml",
            Invocation::Check(Settings { source: Source::Toml("a.toml".into()), ..plain() }),
        ),
        ("posture", "orlop-dhcp --posture --json", Invocation::Posture { settings: plain(), json: true }),
        ("status", "orlop-dhcp status", Invocation::Status { json: false }),
        ("status as JSON", "orlop-dhcp status --json", Invocation::Status { json: true }),
        ("renew all", "orlop-dhcp renew", Invocation::Control(Order::Renew(Target::All))),
        ("renew one", "orlop-dhcp renew eth1", Invocation::Control(Order::Renew(Target::One(eth1())))),
        ("release", "orlop-dhcp release eth1", Invocation::Control(Order::Release(Target::One(eth1())))),
        ("reload", "orlop-dhcp reload", Invocation::Control(Order::Reload)),
        ("example", "orlop-dhcp --example", Invocation::Print(EXAMPLE.to_owned())),
    ] {
        assert_eq!(line(text), Ok(want), "{what}");
    }
}

#[test]
fn a_wrong_line_is_a_problem_with_a_help() {
    for (what, text, problem) in [
        ("unknown option", "orlop-dhcp --frobnicate", "unexpected argument '--frobnicate' found"),
        ("deadline of a service", "orlop-dhcp --deadline 3", "--deadline has a meaning only with --oneshot"),
        (
            "no deadline at all",
            "orlop-dhcp --oneshot --deadline 0",
            "invalid value '0' for '--deadline <SECS>': a deadline is 1 to 3600 seconds",
        ),
        (
            "unknown level",
            "orlop-dhcp --log loud",
            "invalid value 'loud' for '--log <LEVEL>': a level is error, warn, info, debug or trace",
        ),
        ("impossible name", "orlop-dhcp renew a/b", "invalid value 'a/b' for '[IFACE]': not the name of an interface"),
        ("impossible pattern", "orlop-dhcp eth[", "invalid value 'eth[' for '[IFACE]...': a `[` without its `]`"),
        ("two interfaces to renew", "orlop-dhcp renew eth0 eth1", "unexpected argument 'eth1' found"),
        ("run and ask at once", "orlop-dhcp --oneshot status", "the command status goes before the options"),
        ("options before the command", "orlop-dhcp --json renew", "the command renew goes before the options"),
    ] {
        let fatal = line(text).unwrap_err();
        assert_eq!(fatal.exit, Exit::Usage, "{what}");
        assert!(fatal.problem.starts_with(problem), "{what}: {}", fatal.problem);
        assert!(fatal.help.is_some() && !fatal.problem.contains('\n'), "{what}: {fatal}");
    }
}

#[test]
fn help_names_every_exit_code_and_the_files() {
    let Ok(Invocation::Print(help)) = line("orlop-dhcp --help") else { panic!("no help") };
    // The table is every daemon's; half a result is none of this one's.
    let other = [Exit::Unmet, Exit::Mistaken];
    for code in (0..=u8::MAX).filter_map(Exit::from_code).filter(|code| !other.contains(code)) {
        assert!(help.contains(&format!(" {:>2}  ", code.code())), "exit code {} is missing:\n{help}", code.code());
    }
    for file in [crate::config::DEFAULT_PATH, "/run/orlop/dhcp/status.json", "/run/resolvconf/resolv.conf"] {
        assert!(help.contains(file), "{file} is missing:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 120), "a line is too long for a terminal:\n{help}");
}

#[test]
fn the_version_is_one_line() {
    let want = format!("orlop-dhcp {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(line("orlop-dhcp --version"), Ok(Invocation::Print(want)));
}

#[test]
fn the_name_decides_whose_options_are_taken() {
    let settings = |text| match line(text) {
        Ok(Invocation::Run(run)) => run.settings.source,
        other => panic!("{other:?}"),
    };
    assert!(matches!(settings("/sbin/dhcpcd -f /dhcpcd.conf"), Source::Dhcpcd { .. }));
    assert!(matches!(settings("dhcpcd"), Source::Dhcpcd { .. }));
    assert!(matches!(settings("/opt/dhcpcd/orlop-dhcp"), Source::Default));
}
