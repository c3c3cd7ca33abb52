//! The promise that a demo leaves nothing behind, held against a demo that ends and against one that is interrupted.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use orlop_testbed::eventually;

/// Everything the demo starts inherits this variable (our daemons excepted, which wipe theirs), with a value of its own.
const MARK: &str = "ORLOP_DEMO_RUN";

/// The heading under which all processes of the demo run at once.
const BUSY: &str = "Its processes";

/// How long what is left may take to go.
const GONE: Duration = Duration::from_secs(10);

/// How a demo ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself.
    Complete,
    /// By Ctrl-C, while the daemon runs as a service.
    Interrupted,
}

/// Runs the demo of a daemon (the release binaries that are there) and looks for what is left of it.
///
/// # Errors
/// When the demo fails, or a process is left in one of its namespaces.
pub(crate) fn none_after(daemon: &str, ending: Ending) -> Result<String> {
    let mark = format!("{}-{daemon}-{ending:?}", std::process::id());
    let mut demo = Command::new(std::env::current_exe()?);
    demo.args(["demo", daemon, "--no-build"]).env(MARK, &mark).stdout(Stdio::piped());
    // A terminal sends Ctrl-C to the whole group; this is the demo's own.
    let mut child = demo.process_group(0).spawn().context("cannot start the demo")?;
    let group = Pid::from_raw(i32::try_from(child.id())?);
    let mut networks = BTreeSet::new();
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("  | {line}");
        if line.contains(BUSY) {
            networks.extend(networks_of(&mark)?);
            if ending == Ending::Interrupted {
                killpg(group, Signal::SIGINT)?;
            }
        }
    }
    let status = child.wait()?;
    match ending {
        Ending::Complete => ensure!(status.success(), "the demo ended with {status}"),
        Ending::Interrupted => ensure!(!status.success(), "the demo ended before it could be interrupted"),
    }
    ensure!(networks.len() >= 2, "saw {} networks of the demo, expected two: the search sees nothing", networks.len());
    eventually("the demo's processes to be gone", GONE, || {
        let left = processes_in(&networks)?;
        if left.is_empty() { Ok(Some(())) } else { bail!("still there: {}", left.join(", ")) }
    })?;
    Ok(format!("{} networks, no process left in them", networks.len()))
}

/// The network namespaces, but our own, of processes that carry the mark.
fn networks_of(mark: &str) -> Result<BTreeSet<PathBuf>> {
    let own = fs::read_link("/proc/self/ns/net")?;
    let wanted = format!("{MARK}={mark}");
    let mut networks = BTreeSet::new();
    for process in processes()? {
        // A process may end while it is looked at.
        let (Ok(environment), Ok(network)) = (fs::read(process.join("environ")), fs::read_link(process.join("ns/net")))
        else {
            continue;
        };
        if network != own && environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()) {
            networks.insert(network);
        }
    }
    Ok(networks)
}

fn processes_in(networks: &BTreeSet<PathBuf>) -> Result<Vec<String>> {
    let inside =
        |process: &PathBuf| fs::read_link(process.join("ns/net")).is_ok_and(|network| networks.contains(&network));
    let name = |process: PathBuf| {
        format!("{} {}", process.display(), fs::read_to_string(process.join("comm")).unwrap_or_default().trim())
    };
    Ok(processes()?.into_iter().filter(inside).map(name).collect())
}

fn processes() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir("/proc")?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_number =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    Ok(entries.filter(is_number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use orlop_testbed::Testbed;

    #[test]
    fn a_process_left_in_a_network_of_the_demo_is_found_until_it_is_gone() {
        let Some(_) = Testbed::with(&["unshare"]) else { return };
        let mark = format!("{}-test", std::process::id());
        let mut left = Command::new("unshare").args(["--net", "sleep", "60"]).env(MARK, &mark).spawn().unwrap();
        let networks =
            eventually("its network", GONE, || Ok(networks_of(&mark).ok().filter(|found| !found.is_empty())));
        let seen = networks.as_ref().map(|networks| processes_in(networks).unwrap().len());
        left.kill().unwrap();
        left.wait().unwrap();
        assert_eq!(seen.unwrap(), 1);
        assert_eq!(processes_in(&networks.unwrap()).unwrap(), Vec::<String>::new());
    }
}
