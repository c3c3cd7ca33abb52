//! `advisories`: the one check that needs the internet, and so is not part of `check`.

use anyhow::{Result, bail};

use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// Compares the locked dependencies with the RustSec database.
///
/// # Errors
/// When a dependency has a known vulnerability, or when the database cannot be reached, and then it says so.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::ensure(Need::Tests)?;
    let output = workspace.cargo("deny").args(["check", "advisories"]).output()?;
    let report = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    print!("{report}");
    match Verdict::of(output.status.success(), &report) {
        Verdict::Clean => {
            println!("advisories: no known vulnerability in Cargo.lock");
            Ok(())
        }
        Verdict::Vulnerable => bail!(
            "known vulnerabilities, see above; help: cargo update --package NAME, or an `ignore` with its reason in deny.toml"
        ),
        Verdict::Unreachable => bail!(
            "NOT CHECKED: the advisory database could not be reached from here, so nothing is known about vulnerabilities; \
             help: run `cargo xtask advisories` where github.com can be reached"
        ),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Clean,
    Vulnerable,
    Unreachable,
}

impl Verdict {
    fn of(success: bool, report: &str) -> Self {
        let fetched = !report.contains("failed to fetch advisory database")
            && !report.contains("failed to load advisory database");
        match (success, fetched) {
            (true, true) => Self::Clean,
            (false, true) => Self::Vulnerable,
            (_, false) => Self::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_database_is_never_taken_for_a_clean_result() {
        let offline = "[ERROR] failed to fetch advisory database https://github.com/RustSec/advisory-db: …";
        for (what, success, report, want) in [
            ("clean", true, "advisories ok", Verdict::Clean),
            ("vulnerable", false, "error[vulnerability]: …", Verdict::Vulnerable),
            ("offline", false, offline, Verdict::Unreachable),
            ("offline but lenient", true, offline, Verdict::Unreachable),
        ] {
            assert_eq!(Verdict::of(success, report), want, "{what}");
        }
    }
}
