//! A daemon's page beside its `--help`: what the program understands is on the page.

use std::process::Command;

/// Makes sure that the first cells of the tables in `page` name every option and every exit code that `program --help` does.
///
/// # Panics
/// One is missing, or the program has no help of that form.
pub fn has_what_the_help_has(page: &str, program: &str) {
    let output = Command::new(program).arg("--help").output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let help = String::from_utf8(output.stdout).expect("the help is text");
    let (before, table) = help.split_once("Exit codes:\n").expect("the help has a table of exit codes");
    let options: Vec<&str> = before
        .split_whitespace()
        .map(|word| word.trim_matches(['[', ']', ',', '(', ')']))
        .filter(|word| word.starts_with("--"))
        .collect();
    // Those that every daemon has, or this was not understood.
    assert!(options.len() >= 6, "{help}");
    let cells: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
    for option in options {
        let shown = [format!("`{option}`"), format!("`{option} ")];
        assert!(cells.iter().any(|cell| shown.iter().any(|shown| cell.contains(shown))), "{option} is not on the page");
    }
    let rows = table.lines().take_while(|line| line.starts_with(' '));
    let codes: Vec<&str> =
        rows.filter_map(|line| line.split_whitespace().next().filter(|word| word.parse::<u8>().is_ok())).collect();
    assert!(codes.len() >= 5, "{help}");
    for code in codes {
        let is_code = |cell: &&str| cell.split(", ").any(|number| number.trim() == code);
        assert!(cells.iter().any(is_code), "exit code {code} is not on the page");
    }
}
