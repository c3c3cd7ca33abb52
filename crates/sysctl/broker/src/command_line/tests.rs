use orlop_sandbox::fatal::Exit;
use orlop_testbed::Folder;

use super::*;

fn parsed(line: &[&str]) -> Result<Invocation, Fatal> {
    parse(line.iter().map(OsString::from))
}

fn run(line: &[&str]) -> Run {
    match parsed(line) {
        Ok(Invocation::Run(run)) => run,
        other => panic!("{line:?} is {other:?}"),
    }
}

#[test]
fn nothing_but_the_name_applies_the_standard_folders() {
    assert_eq!(run(&["orlop-sysctl"]), Run::default());
}

#[test]
fn each_argument_is_a_file_a_name_a_setting_or_standard_input() {
    let wanted = run(&["orlop-sysctl", "/a.conf", "b.conf", "-", "vm.x=1", "./c=d", "net/y = 2", "../e"]).wanted;
    let file = |path: &str| Input::File(path.into());
    assert_eq!(
        wanted.inputs,
        [file("/a.conf"), Input::Named("b.conf".into()), Input::Stdin, file("./c=d"), file("../e")]
    );
    assert_eq!(wanted.settings, ["vm.x=1", "net/y = 2"]);
}

#[test]
fn every_option_has_its_effect() {
    let line = "orlop-sysctl --config-dir /a --config-dir=b --profile kspp --prefix net.ipv4 --root /r --sysctl-dir /s \
                --diff --lock --strict --json --log debug --require-landlock";
    let want = Run {
        mode: Mode::Diff,
        wanted: Wanted {
            root: Some("/r".into()),
            folders: Folders::These(vec!["/a".into(), "b".into()]),
            profiles: vec!["kspp".into()],
            ..Wanted::default()
        },
        dialect: Dialect::SysctlD,
        prefixes: vec![Prefix::new(Directory::new("net/ipv4").unwrap())],
        sysctl_dir: "/s".into(),
        strict: true,
        lock: true,
        json: true,
        log: Level::DEBUG,
        require_landlock: true,
        ready: None,
        follow: None,
    };
    assert_eq!(run(&line.split_whitespace().collect::<Vec<_>>()), want);
}

#[test]
fn a_prefix_is_a_path_or_a_dotted_name() {
    for (what, typed, want) in [
        ("dotted", "net.ipv4.conf", "net/ipv4/conf"),
        ("a VLAN, dotted", "net.ipv4.conf.eth0/100", "net/ipv4/conf/eth0.100"),
        ("path", "net/ipv4/conf/eth0.100", "net/ipv4/conf/eth0.100"),
        ("absolute, as udev writes it", "/net/ipv4/conf/eth0.100", "net/ipv4/conf/eth0.100"),
        ("with the mount point", "/proc/sys/net", "net"),
        ("the mount point", "/proc/sys", ""),
        ("one name", "kernel", "kernel"),
    ] {
        assert_eq!(prefix(OsStr::new(typed)).unwrap(), Prefix::new(Directory::new(want).unwrap()), "{what}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_help() {
    let many = ["--prefix=vm"; MAX_PREFIXES + 1];
    let many: Vec<&str> = ["orlop-sysctl"].into_iter().chain(many).collect();
    for (what, line) in [
        ("unknown option", &["orlop-sysctl", "--frobnicate"][..]),
        ("unknown short option", &["orlop-sysctl", "-w", "vm.x=1"]),
        ("a value where none belongs", &["orlop-sysctl", "--plan=yes"]),
        ("no value", &["orlop-sysctl", "--root"]),
        ("twice a mode", &["orlop-sysctl", "--plan", "--plan"]),
        ("twice a root", &["orlop-sysctl", "--root", "/a", "--root", "/a"]),
        ("twice a place of keys", &["orlop-sysctl", "--sysctl-dir", "/a", "--sysctl-dir=/b"]),
        ("twice a flag", &["orlop-sysctl", "--strict", "--strict"]),
        ("another option in place of a value", &["orlop-sysctl", "--root", "--plan"]),
        ("ready where nothing is done", &["orlop-sysctl", "--plan", "--ready-fd", "3"]),
        ("a mode without its dashes", &["orlop-sysctl", "plan", "vm.x=1"]),
        ("to follow what only shows", &["orlop-sysctl", "--follow", "--diff"]),
        ("to follow standard input", &["orlop-sysctl", "--follow", "-"]),
        ("to enforce without following", &["orlop-sysctl", "--enforce"]),
        ("an interval without following", &["orlop-sysctl", "--interval", "5"]),
        ("no interval", &["orlop-sysctl", "--follow", "--interval", "0"]),
        ("longer than a day", &["orlop-sysctl", "--follow", "--interval", "86401"]),
        ("an interval of words", &["orlop-sysctl", "--follow", "--interval", "5s"]),
        ("twice", &["orlop-sysctl", "--follow", "--follow"]),
        ("with a slip in it", &["orlop-sysctl", "postrue"]),
        ("two modes", &["orlop-sysctl", "--plan", "--diff"]),
        ("level", &["orlop-sysctl", "--log", "loud"]),
        ("a profile that is a path", &["orlop-sysctl", "--profile", "../x"]),
        ("a prefix of a variable that is not set", &["orlop-sysctl", "--prefix", ""]),
        ("a prefix that leads up", &["orlop-sysctl", "--prefix", "net/../vm"]),
        ("standard input twice", &["orlop-sysctl", "-", "-"]),
        ("two settings in one argument", &["orlop-sysctl", "vm.a=1\nvm.b=2"]),
        ("empty", &["orlop-sysctl", ""]),
        ("too many prefixes", &many),
        ("LinuxKit: something else", &["sysctl", "-w", "vm.x=1"]),
        ("LinuxKit: no value", &["sysctl", "-configDir"]),
        ("LinuxKit: our option", &["sysctl", "--plan"]),
    ] {
        let fatal = parsed(line).unwrap_err();
        assert_eq!((fatal.exit, fatal.help.is_some()), (Exit::Usage, true), "{what}: {fatal}");
    }
}

#[test]
fn a_slip_in_an_option_is_answered_with_what_was_meant() {
    for (line, want) in [
        (&["orlop-sysctl", "--plann"][..], "did you mean: orlop-sysctl --plan?"),
        (&["orlop-sysctl", "--confg-dir", "/a"], "did you mean: orlop-sysctl --config-dir?"),
        (&["orlop-sysctl", "--enforced"], "did you mean: orlop-sysctl --enforce?"),
        (&["orlop-sysctl", "--requrie-landlock"], "did you mean: orlop-sysctl --require-landlock?"),
        (&["orlop-sysctl", "--frobnicate"], "orlop-sysctl --help shows what can be asked for"),
        (&["orlop-sysctl", "-w"], "orlop-sysctl --help shows what can be asked for"),
    ] {
        let fatal = parsed(line).unwrap_err();
        assert_eq!((fatal.exit, fatal.help.as_deref()), (Exit::Usage, Some(want)), "{line:?}: {fatal}");
    }
}

#[test]
fn linuxkits_command_line_reads_every_file_and_locks() {
    for (what, line, folder, keys) in [
        ("nothing", &["/usr/bin/sysctl"][..], "/etc/sysctl.d", PROC_SYS),
        ("one dash", &["sysctl", "-configDir", "/c", "-sysctlDir", "/s"], "/c", "/s"),
        ("a word, where its options end", &["sysctl", "-configDir", "/c", "x", "-sysctlDir", "/s"], "/c", PROC_SYS),
        ("two dashes and equals", &["sysctl", "--configDir=/c", "--sysctlDir=/s"], "/c", "/s"),
    ] {
        let want = Run {
            dialect: Dialect::LinuxKit,
            lock: true,
            sysctl_dir: keys.into(),
            wanted: Wanted { folders: Folders::AllOf(folder.into()), ..Wanted::default() },
            ..Run::default()
        };
        assert_eq!(run(line), want, "{what}");
    }
}

#[test]
fn the_help_names_every_option() {
    let Ok(Invocation::Print(help)) = parsed(&["orlop-sysctl", "--help"]) else { panic!("no help") };
    // The options of every daemon are held by a test beside them.
    let source = include_str!("../command_line.rs");
    let arms = source.lines().map(str::trim_start).filter(|line| line.starts_with("\"--") && line.contains("=>"));
    let options: Vec<&str> = arms.filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(options.len(), 14, "{options:?}");
    for option in options {
        assert!(help.contains(&format!(" {option} ")), "{option} is not in the help");
    }
    assert!(help.lines().all(|line| line.len() <= 120), "a line is too wide");
}

#[test]
fn help_and_version_are_printed_whatever_else_is_asked_for() {
    for (line, has) in [
        (&["orlop-sysctl", "--plan", "-h"][..], "Usage: orlop-sysctl"),
        (&["orlop-sysctl", "--version"], "orlop-sysctl 0."),
        (&["sysctl", "-help"], "-configDir"),
        (&["sysctl", "-V"], "sysctl (orlop-sysctl 0."),
    ] {
        assert!(matches!(parsed(line), Ok(Invocation::Print(text)) if text.contains(has)), "{line:?}");
    }
}

#[test]
fn a_word_that_is_nearly_a_mode_is_a_file_only_if_there_is_one() {
    let folder = Folder::new("near-a-mode");
    let line = ["orlop-sysctl", "--config-dir", folder.0.to_str().unwrap(), "plans"];
    let fatal = parsed(&line).unwrap_err();
    assert!(fatal.help.as_deref().unwrap().starts_with("did you mean: orlop-sysctl --plan?"), "{fatal}");
    std::fs::write(folder.0.join("plans"), "").unwrap();
    assert_eq!(run(&line).wanted.inputs, [Input::Named("plans".into())]);
}

#[test]
fn a_service_looks_each_minute_and_puts_nothing_back_unless_it_is_told_to() {
    let follow = |seconds, enforce| Some(Follow { every: Duration::from_secs(seconds), enforce });
    for (line, want) in [
        (&["orlop-sysctl", "--follow"][..], follow(60, false)),
        (&["orlop-sysctl", "--enforce", "--interval=86400", "--follow"], follow(86_400, true)),
        (&["orlop-sysctl", "--follow", "--interval", "1", "--profile", "kspp"], follow(1, false)),
        (&["orlop-sysctl", "vm.x=1"], None),
    ] {
        assert_eq!(run(line).follow, want, "{line:?}");
    }
}

#[test]
fn who_waits_is_told_of_a_run_that_puts_settings_in_force() {
    assert_eq!(run(&["orlop-sysctl", "--ready-fd", "5"]).ready, Some(5));
}
