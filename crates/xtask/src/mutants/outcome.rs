//! What cargo-mutants found, from the `outcomes.json` that it leaves.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::accepted::Survivor;

/// What came of one mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum End {
    /// A test failed.
    #[serde(rename = "CaughtMutant")]
    Caught,
    /// Every test passed.
    #[serde(rename = "MissedMutant")]
    Missed,
    /// The tests came to no end: somebody would have noticed.
    Timeout,
    /// It does not compile.
    Unviable,
    /// What cargo-mutants itself has no word for.
    #[serde(rename = "Failure", alias = "Success")]
    Unclear,
}

/// A mutant that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tried {
    /// Its package.
    pub(super) package: String,
    /// Where in its file, in which nothing else has been changed.
    pub(super) line_number: usize,
    /// What it is, without a reason.
    pub(super) mutant: Survivor,
    pub(super) end: End,
}

#[derive(Deserialize)]
struct Report {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: End,
}

#[derive(Deserialize)]
enum Scenario {
    /// The tests without any mutation. That they pass is told by cargo-mutants' exit code.
    Baseline,
    Mutant(Mutant),
}

#[derive(Deserialize)]
struct Mutant {
    name: String,
    package: String,
    file: String,
    function: Option<Function>,
    span: Span,
}

#[derive(Deserialize)]
struct Function {
    function_name: String,
}

#[derive(Deserialize)]
struct Span {
    start: Start,
}

#[derive(Deserialize)]
struct Start {
    line: usize,
}

/// Reads a report. `source` gives the text of a file of the repository, as it was mutated; `folder` is that of a package.
///
/// # Errors
/// When it is not understood, or names a file that is not there.
pub(super) fn read(
    json: &str,
    source: &dyn Fn(&str) -> Result<String>,
    folder: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Tried>> {
    let report: Report = serde_json::from_str(json).context("cannot understand the outcomes of cargo-mutants")?;
    let mut tried = Vec::new();
    for Outcome { scenario, summary } in report.outcomes {
        let Scenario::Mutant(mutant) = scenario else { continue };
        let Mutant { name, package, file, function, span } = mutant;
        let line_number = span.start.line;
        let text = source(&file)?;
        let line = text.lines().nth(line_number.saturating_sub(1)).unwrap_or_default().trim().to_owned();
        let folder = folder(&package).with_context(|| format!("`{package}` is not among the packages"))?;
        let file = Path::new(&file).strip_prefix(folder).map_or(file.clone(), |file| file.display().to_string());
        let function = function.map_or_else(String::new, |function| function.function_name);
        // `crates/a/src/b.rs:8:5: replace == with != in c`
        let mutation = name.split_once(": ").map_or(name.as_str(), |(_, mutation)| mutation).to_owned();
        let mutant = Survivor { file, function, line, mutation, reason: String::new() };
        tried.push(Tried { package, line_number, mutant, end: summary });
    }
    Ok(tried)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cargo-mutants 27.1.0 writes it, with the parts that nobody reads cut out.
    const REPORT: &str = r#"{"outcomes":[
      {"scenario":"Baseline","summary":"Success","log_path":"log/baseline.log"},
      {"scenario":{"Mutant":{
         "name":"crates/some/core/src/key.rs:2:7: replace > with >= in <impl Display for Key>::fmt","package":"orlop-some-core",
         "file":"crates/some/core/src/key.rs","function":{"function_name":"<impl Display for Key>::fmt","return_type":"-> fmt::Result",
         "span":{"start":{"line":1,"column":1},"end":{"line":3,"column":2}}},
         "span":{"start":{"line":2,"column":7},"end":{"line":2,"column":8}},"replacement":">=","genre":"BinaryOperator"}},
       "summary":"MissedMutant","log_path":"log/a.log","diff_path":"diff/a.diff","phase_results":[]},
      {"scenario":{"Mutant":{"name":"crates/some/core/src/key.rs:9:20: replace * with + ","package":"orlop-some-core",
         "file":"crates/some/core/src/key.rs","function":null,
         "span":{"start":{"line":9,"column":20},"end":{"line":9,"column":21}},"replacement":"+","genre":"BinaryOperator"}},
       "summary":"CaughtMutant","log_path":"log/b.log","diff_path":null,"phase_results":[]}],
      "total_mutants":2,"missed":1,"caught":1,"timeout":0,"unviable":0,"success":0,"cargo_mutants_version":"27.1.0"}"#;

    #[test]
    fn a_mutant_is_known_by_its_file_function_and_line() {
        let source = |_: &str| Ok("fn fmt() {\n    a > 3\n}\n".to_owned());
        let folder = |_: &str| Some("crates/some/core".to_owned());
        let tried = read(REPORT, &source, &folder).unwrap();
        assert_eq!(tried.iter().map(|tried| tried.end).collect::<Vec<_>>(), [End::Missed, End::Caught]);
        let want = Survivor {
            file: "src/key.rs".to_owned(),
            function: "<impl Display for Key>::fmt".to_owned(),
            line: "a > 3".to_owned(),
            mutation: "replace > with >= in <impl Display for Key>::fmt".to_owned(),
            reason: String::new(),
        };
        assert_eq!(tried[0].mutant, want);
        assert_eq!((tried[0].package.as_str(), tried[0].line_number), ("orlop-some-core", 2));
        assert_eq!(tried[1].mutant.function, "", "a constant");
    }

    #[test]
    fn what_is_not_a_report_or_of_an_unknown_package_is_an_error() {
        let source = |_: &str| Ok(String::new());
        assert!(read("{}", &source, &|_| None).is_err());
        assert!(read(REPORT, &source, &|_| None).is_err_and(|error| error.to_string().contains("`orlop-some-core`")));
        assert!(read(&REPORT.replace("MissedMutant", "Escaped"), &source, &|_| Some(String::new())).is_err());
    }
}
