//! The programs as data: how each is told to do a task.

use core::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use orlop_testbed::unpacked;
use serde::Serialize;

use super::stage::Stage;
use crate::bench::contest::Program;
use crate::bench::installed::{debian_version, program};
use crate::setup;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub(super) enum Task {
    /// To say where a machine runs whose firmware says "Amazon EC2".
    Detect,
    /// A whole run where nobody says anything.
    Nothing,
    /// A whole run where AWS's service answers, with a token, at once.
    Cloud,
    /// A whole run with a seed disk that is named.
    Disk,
}

impl Task {
    /// Each of them.
    pub(super) const ALL: [Self; 4] = [Self::Detect, Self::Nothing, Self::Cloud, Self::Disk];
}

/// As the table calls it.
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Detect => "detect",
            Self::Nothing => "nothing",
            Self::Cloud => "cloud",
            Self::Disk => "disk",
        })
    }
}

/// How many files ours has.
const OURS: [&str; 3] = ["orlop-metadata", "orlop-metadata-network", "orlop-metadata-media"];

/// Those that can do the task: ours, by its name in the table, of each folder that has it, the first of which must; then others.
///
/// # Errors
/// When a program is not there.
pub(super) fn all(ours: &[(&'static str, PathBuf)], task: Task, stage: &Stage) -> Result<Vec<Program>> {
    let mut all = Vec::new();
    for (name, folder) in ours {
        let built = OURS.map(|name| folder.join(name));
        if built.iter().all(|path| path.is_file()) {
            all.push(own(name, &built, task, stage));
        } else {
            ensure!(!all.is_empty(), "no {}; help: cargo xtask build", built[0].display());
        }
    }
    match task {
        Task::Detect | Task::Nothing => all.push(ds_identify(task)?),
        Task::Cloud => all.push(curl(stage.questions())?),
        Task::Disk => {}
    }
    Ok(all)
}

fn own(name: &'static str, built: &[PathBuf; 3], task: Task, stage: &Stage) -> Program {
    let mut words = vec![built[0].display().to_string()];
    match task {
        Task::Detect => words.push("--detect".to_owned()),
        Task::Nothing | Task::Cloud => {}
        Task::Disk => words.extend(["--disk".to_owned(), stage.disk().display().to_string()]),
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Program { name, version, words, binaries: built.to_vec(), success: 0, ours: true }
}

/// cloud-init's script for the same question. It leaves its answer in a file, and looks there first unless told otherwise.
fn ds_identify(task: Task) -> Result<Program> {
    let path = unpacked::program("/usr/lib/cloud-init/ds-identify");
    ensure!(path.is_file(), "no {}; help: cargo xtask setup --bench", path.display());
    Ok(Program {
        name: "ds-identify",
        version: setup::unpacked::version("cloud-init").context("no version of cloud-init")?,
        words: vec!["sh".to_owned(), path.display().to_string(), "--force".to_owned()],
        binaries: vec![path],
        // With 1 it says that there is no datasource.
        success: i32::from(task == Task::Nothing),
        ours: false,
    })
}

/// The floor: one program that asks the same questions, on one connection, and keeps nothing.
fn curl(questions: &[String]) -> Result<Program> {
    const HOST: &str = "http://169.254.169.254";
    let (first, rest) = questions.split_first().context("ours has asked nothing")?;
    ensure!(first == "PUT /latest/api/token", "ours has begun with {first}");
    let targets: Vec<String> =
        rest.iter().filter_map(|line| line.strip_prefix("GET ")).map(|path| format!("{HOST}{path}")).collect();
    ensure!(targets.len() == rest.len(), "ours asks other than GET: {rest:?}");
    let token = format!("curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {HOST}/latest/api/token");
    let script = format!("curl -s -H \"X-aws-ec2-metadata-token: $({token})\" {}", targets.join(" "));
    Ok(Program {
        name: "curl, twice",
        version: debian_version("curl")?,
        words: vec!["sh".to_owned(), "-c".to_owned(), script],
        binaries: vec![program("curl")?],
        success: 0,
        ours: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curl_asks_what_ours_has_asked_and_nothing_else_is_understood() {
        let questions = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        for (what, lines, want) in [
            ("nothing", questions(&[]), false),
            ("no token", questions(&["GET /a"]), false),
            ("something else", questions(&["PUT /latest/api/token", "POST /a"]), false),
        ] {
            assert_eq!(curl(&lines).is_ok(), want, "{what}");
        }
    }
}
