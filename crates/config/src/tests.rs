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

#[test]
fn an_endless_file_is_not_read_to_its_end() {
    assert!(matches!(load::<File>(Path::new("/dev/zero"), true), Err(ConfigError::Large { .. })));
}
