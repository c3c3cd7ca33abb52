//! Traces: text files that say what happens and what must follow from it, each played from its start and compared whole.
//!
//! What a line means is the affair of the package whose protocol it is: it brings the function that plays one trace and says
//! what is wrong with it.

use std::fs;
use std::path::Path;

use crate::folder::{cannot_read, files};

/// Plays every file of a folder.
///
/// # Panics
/// When one of them fails (all have been played by then), or is not called `.trace`; or when there are fewer than `at_least`.
pub fn every_trace_plays(folder: impl AsRef<Path>, at_least: usize, play: impl Fn(&str) -> Result<(), String>) {
    let folder = folder.as_ref();
    let paths = files(folder);
    let mut failed = Vec::new();
    for path in &paths {
        assert!(path.extension().is_some_and(|end| end == "trace"), "{} is no trace", path.display());
        let text = fs::read_to_string(path).unwrap_or_else(|error| cannot_read(path, &error));
        if let Err(why) = play(&text) {
            failed.push(format!("{}: {why}", path.file_name().unwrap_or_default().display()));
        }
    }
    assert!(
        paths.len() >= at_least,
        "only {} traces in {}: the test is checking little",
        paths.len(),
        folder.display()
    );
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// What plays a trace notices what is wrong with it. `changes` are made to the `good` trace one at a time: what would be wrong,
/// the words that stand there, and what stands there instead.
///
/// # Panics
/// When the good trace fails, a change changes nothing, or a changed trace plays.
pub fn every_change_is_noticed(good: &str, changes: &[(&str, &str, &str)], play: impl Fn(&str) -> Result<(), String>) {
    assert_eq!(play(good), Ok(()), "the good trace");
    for (what, from, to) in changes {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{what}: changes nothing");
        assert!(play(&bad).is_err(), "{what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays traces whose every word is "yes".
    fn yes(text: &str) -> Result<(), String> {
        if text == "yes" { Ok(()) } else { Err(format!("it says {text:?}")) }
    }

    /// What playing a folder of these files panics with, if it does.
    fn panics(test: &str, files: &[(&str, &str)], at_least: usize) -> Option<String> {
        let folder = std::env::temp_dir().join(format!("orlop-traces-{}-{test}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        let played = std::panic::catch_unwind(|| every_trace_plays(&folder, at_least, yes));
        fs::remove_dir_all(&folder).unwrap();
        played.err().map(|why| why.downcast_ref::<String>().unwrap().clone())
    }

    #[test]
    fn a_folder_of_traces_passes_only_when_each_plays_and_there_are_enough() {
        let (good, bad) = (("a.trace", "yes"), ("b.trace", "no"));
        assert_eq!(panics("good", &[good], 1), None);
        for (what, files, at_least, want) in [
            ("failing", &[bad, good][..], 1, "b.trace: it says \"no\""),
            ("few", &[good], 2, "only 1 traces"),
            ("stray", &[good, ("notes.txt", "yes")], 1, "notes.txt is no trace"),
        ] {
            let said = panics(what, files, at_least).unwrap_or_default();
            assert!(said.contains(want), "{what}: {said}");
        }
    }

    #[test]
    fn a_change_that_is_not_noticed_is_an_error() {
        every_change_is_noticed("yes", &[("another word", "yes", "no")], yes);
        for (what, change, play) in [
            ("a change of nothing", ("x", "no", "yes"), yes as fn(&str) -> Result<(), String>),
            ("everything plays", ("x", "yes", "no"), |_| Ok(())),
            ("nothing plays", ("x", "yes", "no"), |_| Err(String::new())),
        ] {
            let noticed = std::panic::catch_unwind(|| every_change_is_noticed("yes", &[change], play));
            assert!(noticed.is_err(), "{what}");
        }
    }
}
