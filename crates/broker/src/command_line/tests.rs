use orlop_sandbox::base;
use orlop_sandbox::daemon::Processes;

use super::*;

/// A daemon that there is not.
pub(crate) static DAEMON: Daemon = Daemon {
    name: "test",
    title: "test daemon",
    program: "orlop-test",
    aliases: &[],
    broker: &base::BROKER,
    workers: &[],
    joined: &[],
    appliers: &[],
    lent: &[],
    capabilities: &[],
    binds: &[],
    processes: Processes::Own,
    settings: &[],
};

fn help() -> String {
    format!("Usage: orlop-test\n{OPTIONS}")
}

fn of_run(words: &[&str]) -> Arguments {
    Arguments::of_run(&DAEMON, help, words.iter().map(OsString::from).collect::<Vec<_>>().into_iter())
}

/// All parts of a line, and what was said of the common options.
fn read(mut arguments: Arguments) -> Result<(Vec<Part>, Common), Fatal> {
    let mut parts = Vec::new();
    while let Some(part) = arguments.next()? {
        let last = matches!(part, Part::Print(_));
        parts.push(part);
        if last {
            break;
        }
    }
    Ok((parts, arguments.common))
}

#[test]
fn common_options_are_taken_out_and_the_rest_is_the_daemons() {
    let line = ["--log=debug", "-1", "eth0", "--json", "--require-landlock", "--ready-fd", "7", "--own"];
    let want = [Part::Option("-1".into()), Part::Operand("eth0".into()), Part::Option("--own".into())];
    let common =
        Common { log: Some(Verbosity(tracing::Level::DEBUG)), json: true, require_landlock: true, ready: Some(7) };
    assert_eq!(read(of_run(&line)), Ok((want.to_vec(), common)));
}

#[test]
fn a_verb_has_help_and_no_option_of_a_run() {
    let of_verb = |words: &[&str]| {
        read(Arguments::of_verb(&DAEMON, help, words.iter().map(OsString::from).collect::<Vec<_>>().into_iter()))
    };
    assert_eq!(of_verb(&["-h"]).unwrap().0, [Part::Print(help())]);
    for option in ["--json", "--log", "-V", "--ready-fd"] {
        assert_eq!(of_verb(&[option]), Ok((vec![Part::Option(option.into())], Common::default())), "{option}");
    }
}

#[test]
fn what_is_wrong_is_said_with_a_help() {
    for (what, line, says) in [
        ("twice the same level", &["--log", "info", "--log", "info"][..], "--log is there twice"),
        ("twice JSON", &["--json", "--json"], "--json is there twice"),
        ("twice a descriptor", &["--ready-fd", "3", "--ready-fd=4"], "--ready-fd is there twice"),
        ("no level", &["--log", "loud"], "a level is error, warn, info, debug or trace"),
        ("no descriptor", &["--ready-fd", "x"], "--ready-fd x is no descriptor"),
        ("standard error", &["--ready-fd", "2"], "--ready-fd 2 is no descriptor"),
        ("an option in place of a value", &["--log", "--json"], "--log"),
        ("a value where none belongs", &["--json=yes"], "--json"),
        ("a value for help", &["--help=all"], "--help"),
    ] {
        let fatal = read(of_run(line)).unwrap_err();
        assert!(fatal.to_string().contains(says), "{what}: {fatal}");
        assert!(fatal.exit == Exit::Usage && fatal.help.is_some(), "{what}: {fatal}");
    }
}

#[test]
fn help_and_version_are_printed_whatever_follows() {
    let version = || "orlop-test 0.1.0\n".to_owned();
    for (line, text) in [
        (["-h", "--frob"], help()),
        (["--help", "--frob"], help()),
        (["--version", "--help"], version()),
        (["-V", "-h"], version()),
    ] {
        assert_eq!(read(of_run(&line)).unwrap().0, [Part::Print(text)]);
    }
}

#[test]
fn a_mistyped_verb_is_refused_unless_something_is_called_so() {
    let check = |word: &str, exists| refuse_mistyped(&DAEMON, word, &["status"], &|_| exists, "Insist with ./WORD");
    let fatal = check("stauts", false).unwrap_err();
    assert_eq!(fatal.exit, Exit::Usage);
    assert!(fatal.help.as_deref().unwrap().starts_with("did you mean: orlop-test status?"), "{fatal}");
    assert_eq!(check("stauts", true), Ok(()), "it is the name of something");
    assert_eq!(check("eth0", false), Ok(()), "it is near no verb");
}

#[test]
fn a_path_is_not_empty() {
    let path = |words: &[&str]| {
        let mut arguments = of_run(words);
        assert_eq!(arguments.next().unwrap(), Some(Part::Option("--config".into())));
        arguments.path("--config")
    };
    assert_eq!(path(&["--config", "-"]).unwrap(), PathBuf::from("-"));
    assert_eq!(path(&["--config="]).unwrap_err().problem, "--config without a path");
}

#[test]
fn every_common_option_is_in_the_text_for_the_help() {
    let source = include_str!("../command_line.rs");
    let arms = source.lines().map(str::trim_start).filter(|line| line.starts_with('"') && line.contains("=>"));
    let options: Vec<&str> = arms.flat_map(|line| line.split('"').filter(|word| word.starts_with('-'))).collect();
    assert!(options.len() >= 8, "{options:?}");
    for option in options {
        assert!(OPTIONS.contains(&format!(" {option}")), "{option} is not in the text");
    }
}
