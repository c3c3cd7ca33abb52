//! A daemon is named in its own places, and nowhere else: whoever else means it goes through the list of daemons.
//!
//! Comments and pages may name everybody.

use super::Finding;

/// A file outside a daemon's own places that may name it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exception {
    /// The daemon.
    daemon: &'static str,
    /// The file, or the beginning of several files' paths.
    path: &'static str,
    /// Why the list of daemons does not do.
    reason: &'static str,
}

/// Every exception there is.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        daemon: "dhcp",
        path: "tests/sandbox/src/listener.rs",
        reason: "it takes the broker's own filter for packets apart, which is code of that broker",
    },
    Exception {
        daemon: "sysctl",
        path: "tests/sandbox/src/settings",
        reason: "it asks the kernel whether the classes of that contract are right, on which that daemon's design rests",
    },
    Exception {
        daemon: "ntp",
        path: "packaging/specs/demo.yml",
        reason: "a service that waits for a right clock tells how it stands; a spec has no list of daemons to go by",
    },
    Exception {
        daemon: "resolver",
        path: "packaging/specs/demo.yml",
        reason: "a service has a name looked up; a spec has no list of daemons to go by",
    },
    Exception { daemon: "dhcp", path: "tests/sandbox/Cargo.toml", reason: "for src/listener.rs" },
    Exception { daemon: "sysctl", path: "tests/sandbox/Cargo.toml", reason: "for src/settings.rs" },
];

/// What was seen in all files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    /// How many lines name a daemon, wherever that is.
    pub(crate) named: usize,
    /// Those that do it in a place that is not the daemon's, and exceptions that nothing needs.
    pub(crate) findings: Vec<Finding>,
}

/// Looks through the files, each with its path in the repository.
pub(crate) fn survey(files: &[(String, String)], daemons: &[&str], exceptions: &[Exception]) -> Survey {
    let mut survey = Survey { named: 0, findings: Vec::new() };
    let mut needless = exceptions.to_vec();
    for daemon in daemons {
        let forms = forms(daemon);
        for (path, text) in files {
            let is_excepted = |exception: &Exception| exception.daemon == *daemon && path.starts_with(exception.path);
            let may_name = is_own_place(daemon, path) || exceptions.iter().any(is_excepted);
            for (n, line) in text.lines().enumerate() {
                let Some(form) = forms.iter().find(|form| names(without_comment(path, line), form)) else { continue };
                survey.named += 1;
                needless.retain(|exception| !is_excepted(exception));
                if !may_name {
                    let problem = format!("`{form}` outside the places of {daemon}; help: take it from crates/fleet");
                    survey.findings.push(Finding::new(format!("{path}:{}", n + 1), problem));
                }
            }
        }
    }
    survey.findings.extend(needless.into_iter().map(|Exception { daemon, path, reason }| {
        Finding::new(path, format!("does not name {daemon} any more: remove the exception ({reason})"))
    }));
    survey
}

/// How a daemon is named: its packages and programs, its crates, its folders.
fn forms(daemon: &str) -> [String; 5] {
    ["orlop-", "orlop_", "crates/", "images/", "/run/orlop/"].map(|before| format!("{before}{daemon}"))
}

/// Whether the line has this form of a name, and not only the beginning of a longer word.
fn names(line: &str, form: &str) -> bool {
    line.match_indices(form).any(|(at, _)| is_whole_word(&line[at + form.len()..]))
}

/// Whether a word ends before this.
fn is_whole_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn without_comment<'l>(path: &str, line: &'l str) -> &'l str {
    let mark = if path.ends_with(".rs") { "//" } else { "#" };
    if line.trim_start().starts_with(mark) {
        return "";
    }
    line.split_once(&format!(" {mark} ")).map_or(line, |(code, _)| code)
}

/// Whether the daemon may be named in this file: `crates/NAME` and `tests/NAME`, what is called `NAME…` in `packaging`, among
/// the benches and demos and among the fuzz targets, the list of daemons, and the manifests that list packages and targets.
fn is_own_place(daemon: &str, path: &str) -> bool {
    let is_its = |name: &str| name.strip_prefix(daemon).is_some_and(is_whole_word);
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["Cargo.toml"] | ["fuzz", "Cargo.toml"] | ["crates", "fleet", ..] => true,
        ["crates" | "tests", name, ..] if *name == daemon => true,
        ["packaging", _, name, ..]
        | ["crates", "xtask", "src", "bench" | "demo", name, ..]
        | ["fuzz", "targets", name, ..] => is_its(name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str, exceptions: &[Exception]) -> Vec<String> {
        let files = [(path.to_owned(), text.to_owned())];
        survey(&files, &["some", "other"], exceptions).findings.into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn every_form_of_a_name_is_found_where_it_does_not_belong_and_longer_words_are_not() {
        for (line, want) in [
            (r#"command("orlop-some")"#, true),
            ("orlop-some-profiles.workspace = true", true),
            ("use orlop_some_contract::Request;", true),
            (r#"include_str!("../crates/some/bench.svg")"#, true),
            (r#""packaging/images/some""#, true),
            (r#""/run/orlop/some/status.json""#, true),
            (r#""orlop-something", then "orlop-some""#, true),
            (r#"orlop_fleet::named("some")"#, false),
            ("use orlop_something::Request;", false),
            ("crates/some1", false),
            ("use orlop_sandbox::some;", false),
        ] {
            let found = problems("crates/a/src/b.rs", &format!("\n{line}\n"), &[]);
            assert_eq!(found, if want { vec!["crates/a/src/b.rs:2"] } else { vec![] }, "{line}");
        }
    }

    #[test]
    fn a_daemon_may_be_named_in_its_own_places_and_not_in_anothers() {
        for (path, want) in [
            ("Cargo.toml", true),
            ("crates/some/core/src/lib.rs", true),
            ("crates/fleet/src/dialect.rs", true),
            ("crates/xtask/src/bench/some.rs", true),
            ("crates/xtask/src/bench/some/report.rs", true),
            ("crates/xtask/src/demo/some.rs", true),
            ("fuzz/Cargo.toml", true),
            ("fuzz/targets/some_options.rs", true),
            ("packaging/images/some/Dockerfile", true),
            ("packaging/specs/some.yml", true),
            ("tests/some/src/lib.rs", true),
            ("crates/a/Cargo.toml", false),
            ("crates/other/core/src/lib.rs", false),
            ("crates/something/src/lib.rs", false),
            ("crates/xtask/src/bench.rs", false),
            ("crates/xtask/src/some.rs", false),
            ("fuzz/targets/netfacts.rs", false),
            ("fuzz/targets/something_else.rs", false),
            ("packaging/specs/demo.yml", false),
            ("packaging/specs/something.yml", false),
            ("tests/other/src/lib.rs", false),
        ] {
            assert_eq!(problems(path, "orlop-some", &[]).is_empty(), want, "{path}");
        }
    }

    #[test]
    fn comments_may_name_everybody() {
        for (path, line, want) in [
            ("crates/a/src/b.rs", "    /// As `orlop-some` does.", true),
            ("crates/a/src/b.rs", "let a = 1; // as in orlop-some", true),
            ("crates/a/src/b.rs", r#"#![doc = "orlop-some"]"#, false),
            ("packaging/images/a/Dockerfile", "# As orlop-some", true),
            ("crates/a/Cargo.toml", "a = 1 # as orlop-some", true),
            ("crates/a/Cargo.toml", "orlop-some = 1 # a comment", false),
            ("crates/a/Cargo.toml", r#""//orlop-some""#, false),
        ] {
            assert_eq!(problems(path, line, &[]).is_empty(), want, "{line}");
        }
    }

    #[test]
    fn an_exception_is_for_one_daemon_in_some_files_and_one_that_nothing_needs_is_found() {
        let exception = Exception { daemon: "some", path: "tests/a/src/b", reason: "evidence" };
        for (what, path, text, want) in [
            ("needed", "tests/a/src/b.rs", "orlop_some", vec![]),
            ("needed below it", "tests/a/src/b/c.rs", "orlop_some", vec![]),
            ("another daemon", "tests/a/src/b.rs", "orlop_some\norlop_other", vec!["tests/a/src/b.rs:2"]),
            ("another file", "tests/a/src/c.rs", "orlop_some", vec!["tests/a/src/c.rs:1", "tests/a/src/b"]),
            ("not needed", "tests/a/src/b.rs", "// orlop_some", vec!["tests/a/src/b"]),
        ] {
            assert_eq!(problems(path, text, &[exception]), want, "{what}");
        }
    }

    #[test]
    fn lines_in_their_places_are_counted_so_that_a_blind_rule_is_seen() {
        let files = [("Cargo.toml".to_owned(), "orlop-some\norlop-other orlop-some\nelse\n".to_owned())];
        assert_eq!(survey(&files, &["some", "other"], &[]), Survey { named: 3, findings: vec![] });
    }
}
