use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use orlop_sandbox::fatal::Exit;
use tracing::Level;

use super::*;

fn line(text: &str) -> Result<Invocation, Fatal> {
    parse(text.split_whitespace().map(OsString::from), &|_| false)
}

/// The same for words that are empty, or no text.
fn words(words: &[&[u8]]) -> Result<Invocation, Fatal> {
    parse([b"orlop-dhcp".as_slice()].iter().chain(words).map(|word| OsString::from_vec(word.to_vec())), &|_| false)
}

fn run(mode: Mode, settings: Settings) -> Invocation {
    Invocation::Run(Run { mode, leaves: Leaves::Never, json: false, ready: None, settings })
}

#[test]
fn a_line_is_understood() {
    let plain = Settings::default;
    let with = |overrides| Settings { source: Source::Default, overrides };
    let eth1 = || InterfaceName::new("eth1").unwrap();
    let secs = Duration::from_secs;
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
            Invocation::Run(Run {
                mode: Mode::OneShot,
                leaves: Leaves::Never,
                json: true,
                ready: None,
                settings: plain(),
            }),
        ),
        (
            "told when ready",
            "orlop-dhcp --ready-fd 3",
            Invocation::Run(Run {
                mode: Mode::Service,
                leaves: Leaves::Never,
                json: false,
                ready: Some(3),
                settings: plain(),
            }),
        ),
        (
            "check of a file",
            "orlop-dhcp --check --config a.toml",
            Invocation::Check(Settings { source: Source::Toml("a.toml".into()), ..plain() }),
        ),
        ("check counts more than posture", "orlop-dhcp --posture --check", Invocation::Check(plain())),
        ("posture", "orlop-dhcp --posture --json", Invocation::Posture { settings: plain(), json: true }),
        ("status", "orlop-dhcp status", Invocation::Status(View::default())),
        ("status as JSON", "orlop-dhcp status --json", Invocation::Status(View { json: true, ..View::default() })),
        (
            "all of the status of one interface",
            "orlop-dhcp status eth1 -v",
            Invocation::Status(View { verbose: true, interface: InterfaceName::new("eth1"), json: false }),
        ),
        ("renew all", "orlop-dhcp renew", Invocation::Control(Order::Renew(Target::All))),
        ("renew all, and wait", "orlop-dhcp renew --wait", Invocation::RenewAndWait(Target::All, secs(10))),
        ("renew, and wait so long", "orlop-dhcp renew --wait 3", Invocation::RenewAndWait(Target::All, secs(3))),
        (
            "renew one, and wait",
            "orlop-dhcp renew --wait eth1",
            Invocation::RenewAndWait(Target::One(eth1()), secs(10)),
        ),
        (
            "renew one, and wait so long",
            "orlop-dhcp renew eth1 --wait=3",
            Invocation::RenewAndWait(Target::One(eth1()), secs(3)),
        ),
        ("renew one", "orlop-dhcp renew eth1", Invocation::Control(Order::Renew(Target::One(eth1())))),
        ("release", "orlop-dhcp release eth1", Invocation::Control(Order::Release(Target::One(eth1())))),
        ("reload", "orlop-dhcp reload", Invocation::Control(Order::Reload)),
        ("example", "orlop-dhcp --example", Invocation::Print(EXAMPLE.to_owned())),
    ] {
        assert_eq!(line(text), Ok(want), "{what}");
    }
    assert_eq!(parse([], &|_| false), Ok(run(Mode::Service, plain())), "not even a name");
}

#[test]
fn an_option_can_be_written_in_every_usual_form() {
    let check = |file: &str| Invocation::Check(Settings { source: Source::Toml(file.into()), ..Settings::default() });
    let log = |level| {
        let overrides = Overrides { log: Some(level), ..Overrides::default() };
        run(Mode::Service, Settings { source: Source::Default, overrides })
    };
    let interfaces = |names: &[&str]| {
        let interfaces = names.iter().map(|text| Pattern::new(text).unwrap()).collect();
        let overrides = Overrides { interfaces, ..Overrides::default() };
        run(Mode::OneShot, Settings { source: Source::Default, overrides })
    };
    for (what, text, want) in [
        ("long, two words", "orlop-dhcp --check --config a.toml", check("a.toml")),
        ("long, one word", "orlop-dhcp --check --config=a.toml", check("a.toml")),
        ("short, two words", "orlop-dhcp --check -c a.toml", check("a.toml")),
        ("short, one word", "orlop-dhcp --check -ca.toml", check("a.toml")),
        ("short, with a sign", "orlop-dhcp --check -c=a.toml", check("a.toml")),
        ("two short ones", "orlop-dhcp --check -1c a.toml", check("a.toml")),
        ("a file called -", "orlop-dhcp --check -c -", check("-")),
        ("a file that begins with -", "orlop-dhcp --check --config=-a", check("-a")),
        ("a value with a sign in it", "orlop-dhcp --check --config=a=b", check("a=b")),
        ("a level", "orlop-dhcp --log=error", log(Level::ERROR)),
        ("another", "orlop-dhcp --log warn", log(Level::WARN)),
        ("another", "orlop-dhcp --log info", log(Level::INFO)),
        ("another", "orlop-dhcp --log trace", log(Level::TRACE)),
        ("options after interfaces", "orlop-dhcp eth0 --oneshot eth1", interfaces(&["eth0", "eth1"])),
        ("interfaces after --", "orlop-dhcp --oneshot -- eth0 --json", interfaces(&["eth0", "--json"])),
        ("nothing after --", "orlop-dhcp --example --", Invocation::Print(EXAMPLE.to_owned())),
        (
            "an interface after --",
            "orlop-dhcp renew -- eth1",
            Invocation::Control(Order::Renew(Target::One(InterfaceName::new("eth1").unwrap()))),
        ),
    ] {
        assert_eq!(line(text), Ok(want), "{what}: {text}");
    }
    let want = Invocation::Check(Settings {
        source: Source::Toml(OsString::from_vec(vec![0xff]).into()),
        ..Settings::default()
    });
    assert_eq!(words(&[b"--check", b"--config", b"\xff"]), Ok(want), "a file whose name is no text");
}

#[test]
fn a_wrong_line_is_a_problem_with_a_help() {
    for (what, text, names) in [
        ("unknown option", "--frobnicate", "--frobnicate"),
        ("unknown short option", "-1x", "-x"),
        ("the beginning of an option", "--one", "--one"),
        ("nearly an option", "--onehsot", "did you mean: orlop-dhcp --oneshot?"),
        ("nearly another", "--deadlines 3", "did you mean: orlop-dhcp --deadline?"),
        ("one of every daemon, nearly", "--require-landlok", "did you mean: orlop-dhcp --require-landlock?"),
        ("nearly one, after a command", "renew --wiat", "did you mean: orlop-dhcp --wait?"),
        ("no time to wait", "renew --wait=soon", "--wait soon"),
        ("no time at all", "renew --wait 0", "--wait 0"),
        ("waited twice", "renew --wait --wait", "--wait is there twice"),
        ("another option of a wait", "renew --wait --json", "--json"),
        ("nothing to wait for", "release --wait", "--wait"),
        ("deadline of a service", "--deadline 3", "--deadline has a meaning only with --oneshot"),
        ("deadline of a check", "--check --deadline 3", "--deadline has a meaning only with --oneshot"),
        ("no deadline at all", "--oneshot --deadline 0", "1 to 3600 seconds"),
        ("endless deadline", "--oneshot --deadline 3601", "1 to 3600 seconds"),
        ("a deadline in words", "--oneshot --deadline soon", "1 to 3600 seconds"),
        ("a deadline that looks like an option", "--oneshot --deadline -3", "-"),
        ("unknown level", "--log loud", "a level is error, warn, info, debug or trace"),
        ("an option without its value", "--config", "--config"),
        ("a short option without its value", "-c", "c"),
        ("another option in place of a value", "--config --check", "--config"),
        ("a value for an option that has none", "--oneshot=yes", "--oneshot"),
        ("a value for a short option that has none", "-1=yes", "-1"),
        ("a value for help", "--help=all", "--help"),
        ("twice a flag", "--oneshot --oneshot", "--oneshot"),
        ("twice a short flag", "-11", "--oneshot"),
        ("twice in two forms", "-1 --oneshot", "--oneshot"),
        ("twice a check", "--check --check", "--check"),
        ("twice an example", "--example --example", "--example"),
        ("twice JSON", "--json --json", "--json"),
        ("twice a posture", "--posture --posture", "--posture"),
        ("twice Landlock", "--require-landlock --require-landlock", "--require-landlock"),
        ("twice a file", "-c a --config b", "--config"),
        ("twice a level", "--log info --log info", "--log"),
        ("twice a deadline", "-1 --deadline 3 --deadline 4", "--deadline"),
        ("an example with an option before it", "--json --example", "--example"),
        ("an example with a file", "--example -c a", "--example"),
        ("an example with an interface", "--example eth0", "--example"),
        ("an example with a command", "--example status", "--example"),
        ("impossible name", "renew a/b", "a/b"),
        ("impossible name to release", "release a/b", "a/b"),
        ("impossible pattern", "eth[", "a `[` without its `]`"),
        ("two interfaces to renew", "renew eth0 eth1", "eth1"),
        ("two interfaces to release", "release eth0 eth1", "eth1"),
        ("two interfaces to show", "status eth0 eth1", "eth1"),
        ("JSON of one interface", "status --json eth0", "status --json prints the whole document"),
        ("JSON and more", "status -v --json", "status --json prints the whole document"),
        ("twice more of a status", "status -v --verbose", "--verbose"),
        ("an interface to reload", "reload eth0", "eth0"),
        ("twice JSON of a status", "status --json --json", "--json"),
        ("JSON of an order", "renew --json", "--json"),
        ("an option of a run after a command", "status --oneshot", "--oneshot"),
        ("a short one", "reload -1", "-1"),
        ("the version of a command", "status --version", "--version"),
        ("the version of a command, in short", "renew -V", "-V"),
        ("two commands", "status reload", "reload"),
        ("two commands that take an interface", "renew release", "release"),
        ("run and ask at once", "--oneshot status", "the command status goes before the options"),
        ("options before the command", "--json renew", "the command renew goes before the options"),
        ("an interface before the command", "eth0 release", "the command release goes before the options"),
        ("a command with a slip in it", "stauts", "did you mean: orlop-dhcp status?"),
        ("another after the options", "--oneshot relaod", "did you mean: orlop-dhcp reload?"),
        ("ready at standard output", "--ready-fd 1", "--ready-fd"),
        ("ready without a run", "--check --ready-fd 3", "--ready-fd has no meaning"),
        ("a command after --", "-- reload", "the command reload goes before the options"),
    ] {
        let fatal = line(&format!("orlop-dhcp {text}")).unwrap_err();
        assert_eq!(fatal.exit, Exit::Usage, "{what}");
        assert!(fatal.to_string().contains(names), "{what}: {fatal}");
        assert!(fatal.help.is_some() && !fatal.problem.contains('\n'), "{what}: {fatal}");
    }
}

#[test]
fn words_that_are_empty_or_no_text_are_refused() {
    for (what, line) in [
        ("empty interface", [b"".as_slice()].as_slice()),
        ("empty interface to renew", &[b"renew", b""]),
        ("empty file", &[b"--check", b"--config", b""]),
        ("empty file in the same word", &[b"--check", b"--config="]),
        ("empty level", &[b"--log="]),
        ("empty deadline", &[b"--oneshot", b"--deadline="]),
        ("interface", &[b"eth\xff"]),
        ("interface to renew", &[b"renew", b"eth\xff"]),
        ("command", &[b"status\xff"]),
        ("option", &[b"--json\xff"]),
        ("level", &[b"--log", b"info\xff"]),
        ("deadline", &[b"--oneshot", b"--deadline", b"3\xff"]),
    ] {
        let fatal = words(line).unwrap_err();
        assert_eq!((fatal.exit, fatal.help.is_some()), (Exit::Usage, true), "{what}: {fatal}");
    }
}

#[test]
fn of_help_version_and_mistakes_the_first_counts() {
    for (what, text, has) in [
        ("help", "--help", Some("Usage: orlop-dhcp")),
        ("help, in short", "-h", Some("Usage: orlop-dhcp")),
        ("help among other options", "--oneshot --example -h --json", Some("Usage: orlop-dhcp")),
        ("help among short options", "-1h", Some("Usage: orlop-dhcp")),
        ("help before a mistake", "--help --frobnicate", Some("Usage: orlop-dhcp")),
        ("help after a mistake", "--frobnicate --help", None),
        ("help after a wrong value", "--log loud --help", None),
        ("help in place of a value", "--config --help", None),
        ("version", "--version", Some("orlop-dhcp 0.")),
        ("version, in short", "-V", Some("orlop-dhcp 0.")),
        ("version before help", "-Vh", Some("orlop-dhcp 0.")),
        ("help on status", "status --help", Some("Show what the running daemon does")),
        ("help on status, in short", "status -h", Some("--json")),
        ("help on renew", "renew eth0 --help", Some("Have leases extended now, and ask for one where there is none")),
        ("help on release", "release -h", Some("Give leases back, and stay without until `renew`")),
        ("help on reload", "reload --help", Some("Have the configuration file read again")),
        ("help on a command after a mistake", "reload eth0 --help", None),
    ] {
        match (line(&format!("orlop-dhcp {text}")), has) {
            (Ok(Invocation::Print(text)), Some(has)) => assert!(text.contains(has), "{what}: {text}"),
            (Err(fatal), None) => assert_eq!(fatal.exit, Exit::Usage, "{what}"),
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn every_option_and_command_in_the_help_is_understood() {
    let Ok(Invocation::Print(help)) = line("orlop-dhcp --help") else { panic!("no help") };
    let mut forms = 0;
    // As in "  -c, --config FILE  Read this".
    for row in help.lines().filter(|line| line.trim_start().starts_with('-')) {
        let (names, _meaning) = row.trim().split_once("  ").unwrap();
        let mut names: Vec<&str> = names.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        let value = match names.pop_if(|word| !word.starts_with('-')) {
            None => "",
            Some("FILE") => "a.toml",
            Some("LEVEL") => "info",
            Some("SECS") => "3",
            Some("N") => "7",
            Some(other) => panic!("what is {other}?"),
        };
        for name in names {
            // --deadline needs it.
            let oneshot = if value == "3" { "--oneshot" } else { "" };
            let text = format!("orlop-dhcp {oneshot} {name} {value}");
            assert!(line(&text).is_ok(), "{text}");
            forms += 1;
        }
    }
    assert_eq!(forms, 16, "twelve options, four of them with a short form");
    let commands = ["status", "renew", "release", "reload"];
    assert!(commands.iter().all(|word| help.contains(&format!("\n  {word} "))), "a command is missing:\n{help}");
    assert!(commands.iter().all(|word| line(&format!("orlop-dhcp {word}")).is_ok()));
}

#[test]
fn every_option_that_is_understood_is_in_the_help() {
    // The options of every daemon are held by a test beside them.
    let source = include_str!("../command_line.rs");
    let arms = source.lines().map(str::trim_start).filter(|line| line.starts_with("\"-") && line.contains("=>"));
    let names: Vec<&str> = arms.map(|line| line.split("=>").next().unwrap_or(line)).collect();
    let names: Vec<&str> = names.iter().flat_map(|arm| arm.split('"').skip(1).step_by(2)).collect();
    assert_eq!(
        names.len(),
        6 + 2 + 3,
        "six options, two of them with a short form, and three names of a command: {names:?}"
    );
    let help = help::help();
    for name in names {
        assert!(
            help.contains(&format!(" {name} ")) || help.contains(&format!(" {name}, ")),
            "{name} is not in the help"
        );
    }
}

#[test]
fn help_names_every_exit_code_and_the_files() {
    let Ok(Invocation::Print(help)) = line("orlop-dhcp --help") else { panic!("no help") };
    // The table is every daemon's; half a result is none of this one's.
    let other = [Exit::Unmet, Exit::Mistaken];
    for code in (0..=u8::MAX).filter_map(Exit::from_code).filter(|code| !other.contains(code)) {
        assert!(help.contains(&format!("\n  {:>2}  ", code.code())), "exit code {} is missing:\n{help}", code.code());
    }
    for file in [crate::config::DEFAULT_PATH, "/run/orlop/dhcp/status.json", "/run/resolvconf/resolv.conf"] {
        assert!(help.contains(file), "{file} is missing:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "a line is too long for a terminal:\n{help}");
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

#[test]
fn a_word_that_is_nearly_a_command_is_an_interface_only_if_there_is_one() {
    let interfaces = |word: &str, there: bool| {
        let line = ["orlop-dhcp", "--oneshot", word].map(OsString::from);
        match parse(line, &|name| there && name == word) {
            Ok(Invocation::Run(run)) => Ok(run.settings.overrides.interfaces),
            Err(fatal) => Err(fatal),
            other => panic!("{other:?}"),
        }
    };
    let taken = |word: &str| Ok(vec![Pattern::new(word).unwrap()]);
    assert_eq!(interfaces("stauts", true), taken("stauts"), "it is there");
    assert_eq!(interfaces("[s]tauts", false), taken("[s]tauts"), "a pattern is no slip");
    assert_eq!(interfaces("lan", false), taken("lan"), "another word");
    assert_eq!(interfaces("stauts", false).unwrap_err().exit, Exit::Usage);
    assert_eq!(interfaces("renew", true).unwrap_err().exit, Exit::Usage, "a command is one in any case");
}
