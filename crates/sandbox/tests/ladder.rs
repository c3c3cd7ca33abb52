//! What must not compile: a rung that is skipped, a proof that is forged.
//!
//! Each file in `ladder/` says in its first line with which error it must fail; `whole.rs` is the control that the
//! others are one change away from, and must compile. Compared is the error's code, not its text, which differs
//! between versions of the compiler.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn no_rung_can_be_skipped_and_no_proof_forged() {
    let library = Library::find();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladder");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 5, "the cases are gone");
    for case in cases {
        let name = case.file_stem().unwrap().to_string_lossy().into_owned();
        let first = std::fs::read_to_string(&case).unwrap().lines().next().unwrap().to_owned();
        let want = first.strip_prefix("// Fails with ").and_then(|rest| rest.split('.').next());
        let errors = library.errors(&case);
        match want {
            Some(code) => assert_eq!(errors, [code], "{name}"),
            None => assert!(errors.is_empty(), "the control {name} fails with {errors:?}"),
        }
    }
}

/// The library as it was compiled for this test.
struct Library {
    file: PathBuf,
}

impl Library {
    /// Asks cargo, which has just built it.
    fn find() -> Self {
        let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
            .args(["build", "--offline", "--quiet", "--lib", "--package", "orlop-sandbox", "--message-format=json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let file = text
            .split('"')
            .rfind(|word| word.contains("liborlop_sandbox") && word.ends_with(".rlib"))
            .unwrap_or_else(|| panic!("cargo built no library:\n{text}\n{}", String::from_utf8_lossy(&output.stderr)));
        Self { file: file.into() }
    }

    /// The codes of the errors that `case` fails with.
    fn errors(&self, case: &Path) -> Vec<String> {
        // The library lies above the folder of its dependencies, or in it.
        let folder = self.file.parent().unwrap();
        let dependencies = if folder.ends_with("deps") { folder.to_owned() } else { folder.join("deps") };
        let output = Command::new("rustc")
            .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=json", "--out-dir"])
            // Never /dev/null: as root, rustc replaces the device with a file.
            .arg(env!("CARGO_TARGET_TMPDIR"))
            .arg("--extern")
            .arg(format!("orlop_sandbox={}", self.file.display()))
            .arg("-L")
            .arg(format!("dependency={}", dependencies.display()))
            .arg(case)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let codes: Vec<String> = text
            .lines()
            .filter(|line| line.contains(r#""level":"error""#))
            .filter_map(|line| Some(line.split_once(r#""code":{"code":""#)?.1.split('"').next()?.to_owned()))
            .collect();
        assert_eq!(output.status.success(), codes.is_empty(), "{}: an error without a code:\n{text}", case.display());
        codes
    }
}
