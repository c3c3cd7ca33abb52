//! Plays the traces in `tests/traces`: texts, folders, and all that is said to them, compared whole.
//!
//! `* setting PATH`, `* dialect linuxkit` and `* prefix PATH` describe the machine and the rules. `file` begins a source, and
//! `| TEXT` is a line of it. `> WORDS` is what the reader says: `list`, a finding with its source and line, `set`, `done`.

use std::fmt::Write as _;

use orlop_harness::traces;
use orlop_sysctl_contract::{Dialect, Directory, Origin, Prefix, Request, Rules, Step, Want};

use crate::stage::{Tree, play};

/// What a trace describes, and what it expects to be said.
#[derive(Default)]
struct Trace {
    settings: Vec<String>,
    rules: Rules,
    texts: Vec<String>,
    said: String,
}

fn read(text: &str) -> Result<Trace, String> {
    let mut trace = Trace::default();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("//")) {
        let (sign, words) = line.split_once(' ').unwrap_or((line, ""));
        match (sign, words.split_once(' ')) {
            ("*", Some(("setting", path))) => trace.settings.push(path.to_owned()),
            ("*", Some(("dialect", "linuxkit"))) => trace.rules.dialect = Dialect::LinuxKit,
            ("*", Some(("prefix", path))) => {
                let prefix = Prefix::new(Directory::new(path).map_err(|why| format!("{line}: {why}"))?);
                trace.rules.prefixes.push(prefix).map_err(|_| format!("{line}: too many"))?;
            }
            ("file", None) => trace.texts.push(String::new()),
            ("|", _) => {
                let text = trace.texts.last_mut().ok_or(format!("{line}: in no file"))?;
                writeln!(text, "{words}").unwrap();
            }
            (">", _) => writeln!(trace.said, "{line}").unwrap(),
            (_, _) => return Err(format!("what does this line mean: {line}")),
        }
    }
    Ok(trace)
}

fn shown(requests: &[Request]) -> String {
    let mut text = String::new();
    let at = |Origin { source, line }: &Origin| format!("{source}:{line}");
    for request in requests {
        match request {
            Request::List(folder) => writeln!(text, "> list /{}", folder.path()).unwrap(),
            Request::Finding(finding) => {
                let kind = if finding.problem.is_error() { "error" } else { "hint" };
                let other = finding.problem.other().map(|origin| format!(", {}", at(&origin))).unwrap_or_default();
                writeln!(text, "> {} {kind}: {}{other}", at(&finding.origin), finding.problem).unwrap();
            }
            Request::Steps(steps) => {
                for Step { key, want, origin, replaces, lenient, by_pattern } in &**steps {
                    let want = match want {
                        Want::Exactly(value) => format!("= {:?}", value.as_str()),
                        Want::AtLeast(number) => format!(">= {number}"),
                    };
                    write!(text, "> {} set {key} {want}", at(origin)).unwrap();
                    if let Some(replaced) = replaces {
                        write!(text, " replaces {}", at(replaced)).unwrap();
                    }
                    for (word, said) in [("lenient", lenient), ("by pattern", by_pattern)] {
                        write!(text, "{}", if *said { format!(" {word}") } else { String::new() }).unwrap();
                    }
                    writeln!(text).unwrap();
                }
            }
            Request::Done { unsaid } => writeln!(text, "> done, {unsaid} unsaid").unwrap(),
        }
    }
    text
}

fn check(text: &str) -> Result<(), String> {
    let Trace { settings, rules, texts, said } = read(text)?;
    let tree = Tree::new(settings.iter().map(String::as_str));
    let texts: Vec<_> = texts.iter().map(|text| vec![text.as_bytes()]).collect();
    let got = shown(&play(&tree, &rules, &texts));
    if got == said { Ok(()) } else { Err(format!("expected\n{said}but got\n{got}")) }
}

#[test]
fn every_trace_plays_as_written() {
    traces::every_trace_plays(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces"), 15, check);
}

#[test]
fn a_trace_that_is_wrong_in_any_word_fails() {
    let good = "* setting vm/a\nfile\n| vm.* = 1\n| b\n> 0:2 error: the line is neither a comment nor a setting: it has no '='\n\
                > list /vm\n> list /vm/a\n> 0:1 set vm.a = \"1\" by pattern\n> done, 0 unsaid\n";
    let changes = [
        ("an unknown line", "* setting", "? setting"),
        ("an unknown word", "* setting", "* settings"),
        ("another text", "| vm.* = 1", "| vm.* = 2"),
        ("no such setting", "vm/a\n", "vm/b\n"),
        ("another list", "list /vm\n", "list /\n"),
        ("another line", "0:2", "0:1"),
        ("another value", "\"1\"", "\"2\""),
        ("a word less", " by pattern", ""),
        ("a request less", "> list /vm/a\n", ""),
        ("a request more", "> done", "> list /\n> done"),
    ];
    traces::every_change_is_noticed(good, &changes, check);
}
