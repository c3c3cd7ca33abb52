//! What one line says.

use orlop_sysctl_contract::{Key, Problem, Rules, Value};
use orlop_wire::Str;

use crate::lines::Line;
use crate::{pattern, spelling};

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing: it is empty or a comment.
    Nothing,
    /// `# orlop: at-least`
    AtLeast,
    /// `key = value` or `-key = value`
    Set { target: Target, value: Value, lenient: bool },
    /// `-key`
    Except(Target),
}

/// One setting, or those that match a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Key(Key),
    /// A sound pattern, spelled as a path.
    Pattern(Key),
}

/// Reads a line.
///
/// # Errors
/// Why it is of no effect.
pub(crate) fn read(line: &Line<'_>, rules: &Rules) -> Result<Said, Problem> {
    let is_white = |byte: &u8| WHITE.contains(&char::from(*byte));
    let start = line.bytes.iter().position(|byte| !is_white(byte)).unwrap_or(line.bytes.len());
    let bytes = line.bytes.get(start..).unwrap_or_default();
    match bytes {
        [b'#' | b';', comment @ ..] => return directive(comment),
        [] if !line.long => return Ok(Said::Nothing),
        [..] if line.long => return Err(Problem::LongLine),
        [..] => {}
    }
    let text = core::str::from_utf8(bytes).map_err(|_| Problem::NotText)?.trim_matches(WHITE);
    let (lenient, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    match rest.split_once('=') {
        Some((key, value)) => {
            let target = target(key, rules)?;
            Ok(Said::Set { target, value: Value::new(value.trim_matches(WHITE))?, lenient })
        }
        None if lenient => Ok(Said::Except(target(rest, rules)?)),
        None => Err(Problem::NoAssignment),
    }
}

/// Whether what follows a `#` in the value looks as if it was meant as a comment.
pub(crate) fn seems_to_hold_a_comment(value: &Value) -> bool {
    [" #", "\t#"].iter().any(|start| value.as_str().contains(start))
}

fn target(spelled: &str, rules: &Rules) -> Result<Target, Problem> {
    let spelled = spelling::path(spelled.trim_matches(WHITE), rules.dialect);
    let path = match rules.below.path() {
        // An empty key stays one, and an error.
        below if !below.is_empty() && !spelled.is_empty() => format!("{below}/{spelled}"),
        _ => spelled,
    };
    let key = Key::new(&path)?;
    if !pattern::is_pattern(&path) {
        return Ok(Target::Key(key));
    }
    if pattern::is_sound(&path) { Ok(Target::Pattern(key)) } else { Err(Problem::Pattern) }
}

/// A comment is nobody's business, unless it begins with our name.
fn directive(comment: &[u8]) -> Result<Said, Problem> {
    let Some(directive) = comment.trim_ascii_start().strip_prefix(b"orlop:") else { return Ok(Said::Nothing) };
    match directive.trim_ascii() {
        b"at-least" => Ok(Said::AtLeast),
        other => Err(Problem::Directive(Str::truncated(&String::from_utf8_lossy(other)))),
    }
}

/// What is no part of a key or a value at either end.
const WHITE: [char; 3] = [' ', '\t', '\r'];

#[cfg(test)]
mod tests {
    use orlop_sysctl_contract::{Dialect, Directory, KeyError, MAX_VALUE, Origin, ValueError};
    use proptest::prelude::*;

    use super::*;

    fn said(bytes: &[u8]) -> Result<Said, Problem> {
        read(&Line { origin: Origin { source: 0, line: 1 }, bytes, long: false }, &Rules::default())
    }

    fn key(path: &str) -> Target {
        Target::Key(Key::new(path).unwrap())
    }

    fn pattern(path: &str) -> Target {
        Target::Pattern(Key::new(path).unwrap())
    }

    fn set(target: Target, value: &str, lenient: bool) -> Result<Said, Problem> {
        Ok(Said::Set { target, value: Value::new(value).unwrap(), lenient })
    }

    #[test]
    fn a_line_says_what_sysctl_d_says_it_says() {
        for (what, text, want) in [
            ("a setting", "kernel.domainname = example.com", set(key("kernel/domainname"), "example.com", false)),
            ("without spaces", "foo.bar=42", set(key("foo/bar"), "42", false)),
            ("with spaces around", " \tfoo.bar\t=  42 \t", set(key("foo/bar"), "42", false)),
            ("with slashes", "foo/bar = 42", set(key("foo/bar"), "42", false)),
            ("from Windows", "foo.bar = 42\r", set(key("foo/bar"), "42", false)),
            ("an equals sign in the value", "a.b = |/bin/x a=b", set(key("a/b"), "|/bin/x a=b", false)),
            (
                "a space in the value",
                "kernel.modprobe = /sbin/mod probe",
                set(key("kernel/modprobe"), "/sbin/mod probe", false),
            ),
            ("no value", "foo.bar =", set(key("foo/bar"), "", false)),
            ("lenient", "-foo.bar = 42", set(key("foo/bar"), "42", true)),
            ("lenient, with a space", "- foo.bar = 42", set(key("foo/bar"), "42", true)),
            ("a pattern", "net.ipv4.conf.*.x = 1", set(pattern("net/ipv4/conf/*/x"), "1", false)),
            ("an exclusion", "-foo.bar", Ok(Said::Except(key("foo/bar")))),
            ("a pattern excluded", "-foo.*", Ok(Said::Except(pattern("foo/*")))),
            ("nothing", "", Ok(Said::Nothing)),
            ("white space", " \t \r", Ok(Said::Nothing)),
            ("a comment", "# foo.bar = 42", Ok(Said::Nothing)),
            ("the other comment", "; foo.bar = 42", Ok(Said::Nothing)),
            ("a comment after white space", "\t #foo", Ok(Said::Nothing)),
            ("a directive", "# orlop: at-least", Ok(Said::AtLeast)),
            ("a directive, close", "#orlop:at-least \r", Ok(Said::AtLeast)),
            ("an unknown directive", "# orlop: exactly", Err(Problem::Directive(Str::new("exactly").unwrap()))),
            ("about us", "# orlop is a deck", Ok(Said::Nothing)),
            ("a word", "foo.bar", Err(Problem::NoAssignment)),
            ("two words", "foo.bar 42", Err(Problem::NoAssignment)),
            ("no key", " = 42", Err(Problem::Key(KeyError::Empty))),
            ("no key but a hyphen", "-", Err(Problem::Key(KeyError::Empty))),
            ("separators only", "... = 42", Err(Problem::Key(KeyError::Empty))),
            ("a key that leads up", "../../etc/foo = 1", Err(Problem::Key(KeyError::Relative))),
            ("a key that leads up from the root", "/../../../etc = 1", Err(Problem::Key(KeyError::Relative))),
            ("a key with a space", "foo bar = 1", Err(Problem::Key(KeyError::Character))),
            ("a form feed, which is no white space here", "\x0cfoo = 1", Err(Problem::Key(KeyError::Character))),
            ("a key with NUL", "foo\0bar = 1", Err(Problem::Key(KeyError::Character))),
            ("a value with NUL", "foo = 1\0", Err(Problem::Value(ValueError::Character))),
            ("an open bracket", "net.ipv4.conf.eth[.x = 1", Err(Problem::Pattern)),
        ] {
            assert_eq!(said(text.as_bytes()), want, "{what}");
        }
        assert_eq!(said(b"foo = \xff"), Err(Problem::NotText));
        assert_eq!(said(b"# caf\xe9"), Ok(Said::Nothing), "a comment may be in any encoding");
    }

    #[test]
    fn what_is_too_long_is_said_to_be() {
        let origin = Origin { source: 0, line: 1 };
        let long = |bytes| read(&Line { origin, bytes, long: true }, &Rules::default());
        assert_eq!(long(b"foo = 42"), Err(Problem::LongLine));
        assert_eq!(Problem::LongLine.to_string(), "the line is longer than 69632 bytes");
        assert_eq!(long(b"   "), Err(Problem::LongLine));
        assert_eq!(long(b"# a long story"), Ok(Said::Nothing), "a comment may have any length");
        let (name, value) = ("k".repeat(256), "v".repeat(MAX_VALUE + 1));
        assert_eq!(said(format!("{name} = 1").as_bytes()), Err(Problem::Key(KeyError::TooLong)));
        assert_eq!(said(format!("k = {value}").as_bytes()), Err(Problem::Value(ValueError::TooLong)));
    }

    #[test]
    fn for_linuxkit_a_key_is_split_at_both_separators() {
        let line = Line { origin: Origin { source: 0, line: 1 }, bytes: b"a.b/c.d=1", long: false };
        let rules = Rules { dialect: Dialect::LinuxKit, ..Rules::default() };
        assert_eq!(read(&line, &rules), set(key("a/b/c/d"), "1", false));
        let below = Rules { below: Directory::new("net").unwrap(), ..rules };
        assert_eq!(read(&line, &below), set(key("net/a/b/c/d"), "1", false), "from the folder that was named");
        let empty = Line { bytes: b"./ = 1", ..line };
        assert_eq!(read(&empty, &below), Err(Problem::Key(KeyError::Empty)), "the folder itself is no key");
    }

    #[test]
    fn what_looks_like_a_comment_is_noticed() {
        for (value, want) in [("1 # one", true), ("1\t#", true), ("#1", false), ("a#b", false), ("1 ; one", false)] {
            assert_eq!(seems_to_hold_a_comment(&Value::new(value).unwrap()), want, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_say_something_or_why_not(bytes: Vec<u8>, long: bool) {
            let line = Line { origin: Origin { source: 0, line: 1 }, bytes: &bytes, long };
            for dialect in [Dialect::SysctlD, Dialect::LinuxKit] {
                let _ = read(&line, &Rules { dialect, ..Rules::default() });
            }
        }

        #[test]
        fn whoever_spells_a_setting_says_the_same(name in "[a-z]{1,5}", value in "[!-~]{0,9}", pad in "[ \t]{0,3}") {
            let plain = set(key(&format!("a/{name}")), &value, false);
            for text in [format!("a.{name}={value}"), format!("{pad}a/{name}{pad}={pad}{value}{pad}")] {
                prop_assert_eq!(said(text.as_bytes()), plain.clone(), "{}", text);
            }
        }
    }
}
