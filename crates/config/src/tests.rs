use orlop_sandbox::fatal::Exit;
use orlop_testbed::Folder as TestFolder;
use serde::Deserialize;

use super::*;

/// What an operator can write in these tests.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    deadline: Option<Seconds<1, 60>>,
    place: Option<Folder>,
}

fn told(text: &str) -> String {
    parse::<File>(text, Path::new("test.toml")).unwrap_err().fatal("orlop-test").to_string()
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_with_what_to_do() {
    for (what, text, cause) in [
        ("a key that there is not", "deadline = 3\nplaec = \"/run\"", "line 2: unknown field `plaec`"),
        (
            "a number out of its range",
            "\n\ndeadline = 61",
            "line 3: invalid value: integer `61`, expected 1 to 60 seconds",
        ),
        ("a path from nowhere", "place = \"run\"", "line 1: the path of a folder begins with /"),
        ("no TOML", "deadline 3", "line 1: "),
    ] {
        let told = told(text);
        assert!(told.starts_with("error: test.toml is not a valid configuration\n  caused by: "), "{what}: {told}");
        assert!(told.contains(cause), "{what}: {told}");
        let help = "help: edit it, then try: orlop-test --check --config test.toml (every key: orlop-test --example)";
        assert!(told.ends_with(help), "{what}: {told}");
    }
}

/// Keys, a value, and tables, as daemons have them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "only to be written in these tests")]
struct Keys {
    deny_interfaces: Option<bool>,
    use_dns: Option<Choice>,
    log: Option<bool>,
    table: Option<Inner>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "only to be written in these tests")]
struct Inner {
    fallback_lease: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Choice {
    Always,
    IfDefault,
}

#[test]
fn a_key_or_value_that_is_nearly_one_is_told_which_was_meant() {
    for (what, text, meant) in [
        ("two letters in the wrong order", "use-dsn = 'always'", Some("use-dns")),
        ("a letter too few", "deny-interface = true", Some("deny-interfaces")),
        ("another dash", "deny_interfaces = true", Some("deny-interfaces")),
        ("a short one", "lgo = true", Some("log")),
        ("in a table", "[table]\nfalback-lease = 3", Some("fallback-lease")),
        ("the name of a table", "[tabel]\nfallback-lease = 3", Some("table")),
        ("a value", "use-dns = 'alwyas'", Some("always")),
        ("another word", "colour = 3", None),
        ("a key of the table outside it", "fallback-lease = 3", None),
        ("nothing unknown", "log = 3", None),
    ] {
        let error = parse::<Keys>(text, Path::new("test.toml")).unwrap_err().fatal("orlop-test").to_string();
        let said = error.split_once("did you mean `").map(|(_, rest)| rest.split('`').next().unwrap());
        assert_eq!(said, meant, "{what}: {error}");
    }
}

#[test]
fn a_file_is_read_whole_or_not_at_all() {
    let folder = TestFolder::new("config");
    let path = folder.0.join("test.toml");
    assert_eq!(load::<File>(&path, false).unwrap(), None, "it need not be there");
    let missing = load::<File>(&path, true).unwrap_err().fatal("orlop-test");
    assert_eq!(missing.exit, Exit::Config);
    assert!(missing.help.unwrap().ends_with(&format!("orlop-test --example > {}", path.display())));
    std::fs::write(&path, "deadline = 7").unwrap();
    assert_eq!(load::<File>(&path, true).unwrap(), Some(File { deadline: Seconds::new(7), place: None }));
    std::fs::write(&path, b"\xff").unwrap();
    assert!(matches!(load::<File>(&path, true), Err(ConfigError::NotText { .. })));
    std::fs::write(&path, "#".repeat(MAX_FILE)).unwrap();
    assert!(load::<File>(&path, true).is_ok(), "as long as allowed");
    std::fs::write(&path, "#".repeat(MAX_FILE + 1)).unwrap();
    assert!(matches!(load::<File>(&path, true), Err(ConfigError::Large { .. })));
}

/// A reader of any of these would wait, some of them for ever, or begin something.
#[test]
fn only_a_regular_file_is_read_and_nothing_is_waited_for() {
    let folder = TestFolder::new("config-kinds");
    let at = |name: &str| folder.0.join(name);
    let fifo = |name: &str| assert!(std::process::Command::new("mkfifo").arg(at(name)).status().unwrap().success());
    fifo("fifo");
    std::os::unix::fs::symlink(at("fifo"), at("link to a fifo")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    for (what, path, kind) in [
        ("a pipe that nobody writes to", at("fifo"), "a pipe"),
        ("a link to one", at("link to a fifo"), "a pipe"),
        ("a device without an end", "/dev/zero".into(), "a device"),
        ("a device that is empty", "/dev/null".into(), "a device"),
        ("a terminal", "/dev/ptmx".into(), "a device"),
        ("a folder", folder.0.clone(), "a folder"),
        ("a socket", at("socket"), "a socket or a device"),
    ] {
        let (path, (tell, told)) = (path.clone(), std::sync::mpsc::channel());
        let named = path.display().to_string();
        std::thread::spawn(move || tell.send(load::<File>(&path, false).map_err(|error| error.fatal("orlop-test"))));
        let loaded =
            told.recv_timeout(std::time::Duration::from_secs(5)).unwrap_or_else(|_| panic!("{what} is waited for"));
        let fatal = loaded.unwrap_err();
        assert_eq!(
            (fatal.exit, fatal.problem),
            (Exit::Config, format!("{named} is {kind}, not a regular file")),
            "{what}"
        );
        assert!(fatal.help.unwrap().contains(&named), "{what}");
    }
}

/// The kernel asks the holder to give the lease back, and takes it after 45 s; the holder can take it again.
#[test]
fn a_file_that_another_process_holds_a_lease_on_is_not_waited_for() {
    use std::io::{BufRead as _, BufReader};
    let folder = TestFolder::new("config-lease");
    let path = folder.0.join("test.toml");
    std::fs::write(&path, "deadline = 7").unwrap();
    // By perl, which every Debian has, because this crate forbids unsafe code: F_SETLEASE (1024), of a writer (1).
    let script = format!(
        "$SIG{{IO}} = 'IGNORE'; open F, '+<', '{}'; fcntl F, 1024, 1 or die; $| = 1; print \"held\\n\"; sleep 60",
        path.display()
    );
    let mut command = std::process::Command::new("perl");
    let mut holder = command.args(["-e", &script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    let begun = std::time::Instant::now();
    let fatal = load::<File>(&path, true).unwrap_err().fatal("orlop-test");
    let waited = begun.elapsed();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(waited < std::time::Duration::from_secs(5), "{waited:?}");
    assert_eq!((fatal.exit, fatal.problem), (Exit::Config, format!("{} is held by another process", path.display())));
    assert!(load::<File>(&path, true).is_ok(), "the control: nobody holds it any more");
}

#[test]
fn a_slip_in_a_key_is_answered_with_the_key_that_was_meant() {
    for (what, text, want) in [
        ("a slip", "deadline = 3\nplaec = \"/run\"", Some("did you mean `place`?")),
        ("another", "deadlin = 3", Some("did you mean `deadline`?")),
        ("no slip", "interface = 3", None),
        ("no key", "deadline = \"`plaec`\"", None),
    ] {
        let said = parse::<File>(text, Path::new("test.toml")).unwrap_err().fatal("orlop-test").to_string();
        assert_eq!(said.contains("did you mean"), want.is_some(), "{what}: {said}");
        assert!(want.is_none_or(|want| said.contains(want)), "{what}: {said}");
    }
}

#[test]
fn a_file_that_need_not_be_there_is_still_read_when_something_is() {
    let folder = TestFolder::new("config-optional");
    let below = folder.0.join("file/below");
    std::fs::write(folder.0.join("file"), "").unwrap();
    assert!(matches!(load::<File>(&below, false), Err(ConfigError::Open { .. })), "a path that cannot be walked");
    let wrong = folder.0.join("wrong.toml");
    std::fs::write(&wrong, "deadline = 0").unwrap();
    assert!(matches!(load::<File>(&wrong, false), Err(ConfigError::Wrong { line: Some(1), .. })));
}

#[test]
fn a_line_is_counted_from_one_and_includes_its_end() {
    for (offset, want) in [(0, 1), (1, 1), (2, 2), (3, 3), (4, 3), (99, 3)] {
        assert_eq!(line_at("a\n\nb", offset), want, "{offset}");
    }
}

#[test]
fn every_way_in_which_a_file_is_wrong_says_what_to_do() {
    let path = || Path::new("/etc/test.toml").to_owned();
    for (error, problem, help) in [
        (
            ConfigError::Held { path: path() },
            "is held by another process",
            "grep LEASE /proc/locks, ls -i /etc/test.toml",
        ),
        (ConfigError::Large { path: path() }, "is larger than 65536 bytes", "is /etc/test.toml the file you mean?"),
        (ConfigError::NotText { path: path() }, "is not UTF-8 text", "is /etc/test.toml the file you mean?"),
        (
            ConfigError::NotAFile { path: path(), kind: "a pipe" },
            "is a pipe, not a regular file",
            "cat /etc/test.toml > /etc/test.toml.toml",
        ),
        (
            ConfigError::Wrong { path: path(), line: None, message: "no".to_owned() },
            "is not a valid configuration",
            "orlop-test --check --config /etc/test.toml",
        ),
    ] {
        let told = error.fatal("orlop-test").to_string();
        assert!(told.contains(problem) && told.contains(help), "{told}");
        assert!(!told.contains("line "), "no line is to blame: {told}");
    }
}
