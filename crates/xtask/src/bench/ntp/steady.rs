//! How right a clock is kept in the long run: ours in the simulator of its core's tests, chronyd under clknetsim where that is to be
//! had, both on the same delays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use orlop_testbed::unpacked;

use super::guard;
use crate::command;
use crate::workspace::Workspace;

/// The networks of the simulator, as its test calls them: file names and words.
pub(super) const NETWORKS: [(&str, &str); 3] =
    [("lan", "LAN, 20 µs"), ("wan-1ms", "WAN, 1 ms"), ("wan-10ms", "WAN, 10 ms")];

/// Runs in each network.
pub(super) const SEEDS: u32 = 8;

/// One run of clknetsim takes a second.
const DEADLINE: Duration = Duration::from_secs(120);

/// Root mean square of the error in microseconds, the mean of all runs, in one network.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Steady {
    pub(super) network: &'static str,
    pub(super) ours: f64,
    /// chronyd's, or why it is not there.
    pub(super) chronyd: Result<f64, String>,
}

/// Lets both keep clocks right.
///
/// # Errors
/// When the simulator does not say what it should.
pub(super) fn all(workspace: &Workspace, folder: &Path, clknetsim: Option<&Path>) -> Result<Vec<Steady>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut cargo = workspace.cargo("test");
    cargo.args(["--quiet", "--locked", "--package", "orlop-ntp-core", "--test", "protocol"]);
    cargo.args(["the_steady_error", "--", "--nocapture"]).env("ORLOP_DELAYS", folder);
    let said = command::captured(&mut cargo)?;
    let mut steady = Vec::new();
    for (file, words) in NETWORKS {
        let ours = rms_of_ours(&said, words).with_context(|| format!("no RMS of {words} in\n{said}"))?;
        let chronyd = match clknetsim {
            // Its calls that steer the clock are clknetsim's, and harmless even if that should not be loaded.
            Some(clknetsim) => Ok(guard::harmless(|| chronyd(clknetsim, folder, file))?),
            None => Err("clknetsim is not here: --clknetsim FOLDER".to_owned()),
        };
        steady.push(Steady { network: words, ours, chronyd });
    }
    fs::remove_dir_all(folder)?;
    Ok(steady)
}

fn rms_of_ours(said: &str, network: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.split_once(&format!("{network}: RMS "))).map(|(_, rest)| rest)?;
    line.split_once(' ')?.0.parse().ok()
}

/// The same with chronyd, each run on the delays of one of ours.
fn chronyd(clknetsim: &Path, delays: &Path, network: &str) -> Result<f64> {
    let runs = (0..SEEDS).map(|seed| run(clknetsim, &delays.join(format!("{network}-{seed}")), seed));
    let runs = runs.collect::<Result<Vec<_>>>()?;
    Ok(runs.iter().sum::<f64>() / f64::from(SEEDS))
}

/// Three servers and a client that asks each every 64 s, for as long as ours; the same crystal by chance, but not the same chance.
fn run(clknetsim: &Path, delays: &Path, seed: u32) -> Result<f64> {
    let folder = delays.join("chronyd");
    fs::create_dir_all(&folder)?;
    let delay = |server, way| format!("(file \"{}\")", delays.join(format!("{server}-{way}")).display());
    let links = (1..4)
        .map(|n| format!("node4_delay{n} = {}\nnode{n}_delay4 = {}\n", delay(n - 1, "forth"), delay(n - 1, "back")));
    let crystal = "node4_freq = (+ 20e-6 (sum (* 1e-9 (normal))))\nnode4_offset = -5\n";
    fs::write(folder.join("network"), format!("{}{crystal}", links.collect::<String>()))?;
    let mut nodes = Nodes(Vec::new());
    for node in 1..=4 {
        let time = match node {
            4 => {
                (1..4).map(|n| format!("server 192.168.123.{n} iburst minpoll 6 maxpoll 6\n")).collect::<String>()
                    + "makestep 1 3\n"
            }
            _ => "local stratum 1\nallow\n".to_owned(),
        };
        let conf = folder.join(format!("conf-{node}"));
        let pid = folder.join(format!("pid-{node}"));
        fs::write(&conf, format!("{time}cmdport 0\nbindcmdaddress /\npidfile {}\n", pid.display()))?;
        let mut chronyd = Command::new(unpacked::program("/usr/sbin/chronyd"));
        chronyd.args(["-d", "-u", "root", "-f"]).arg(conf).env("LD_LIBRARY_PATH", unpacked::library_path());
        chronyd.env("LD_PRELOAD", clknetsim.join("clknetsim.so")).env("CLKNETSIM_NODE", node.to_string());
        chronyd.env("CLKNETSIM_SOCKET", folder.join("socket")).env("CLKNETSIM_START_DATE", "1795800000");
        nodes.0.push(chronyd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    }
    let mut simulation = Command::new("timeout");
    simulation.arg(DEADLINE.as_secs().to_string()).arg(clknetsim.join("clknetsim"));
    simulation
        .arg("-s")
        .arg(folder.join("socket"))
        .args(["-r", "4000", "-l", "40000"])
        .arg(folder.join("network"))
        .arg("4");
    let output =
        simulation.env("CLKNETSIM_RANDOM_SEED", (seed + 1).to_string()).output().context("cannot start clknetsim")?;
    ensure!(output.status.success(), "clknetsim: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(rms) = rms_of_node_4(&said) else { bail!("clknetsim says nothing of the client's error:\n{said}") };
    Ok(rms * 1e6)
}

fn rms_of_node_4(said: &str) -> Option<f64> {
    let (_, of_it) = said.split_once(" Node 4 ")?;
    of_it.lines().find_map(|line| line.strip_prefix("RMS offset:"))?.trim().parse().ok()
}

/// Processes that end with their simulation.
struct Nodes(Vec<Child>);

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in &mut self.0 {
            // It has ended by itself unless something failed.
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// Where clknetsim is: in the folder that was named, if it was built there.
///
/// # Errors
/// When it was not.
pub(super) fn clknetsim(named: Option<&PathBuf>) -> Result<Option<PathBuf>> {
    let Some(folder) = named else { return Ok(None) };
    for file in ["clknetsim", "clknetsim.so"] {
        let path = folder.join(file);
        ensure!(path.is_file(), "no {}; help: make -C {}", path.display(), folder.display());
    }
    Ok(Some(fs::canonicalize(folder)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_simulators_words_are_understood() {
        let ours = "LAN: RMS 6.8 µs on average, from 5.0 to 9.1\nWAN, 1 ms: RMS 91.2 µs on average, from 1 to 2\n";
        assert_eq!(rms_of_ours(ours, "WAN, 1 ms"), Some(91.2));
        assert_eq!(rms_of_ours(ours, "WAN, 10 ms"), None);
        let theirs =
            "---- Node 3 ----\nRMS offset: \t0.0e+00\n---- Node 4 ----\n\nRMS offset:      \t6.4e-05\nMaximum: 1\n";
        assert_eq!(rms_of_node_4(theirs), Some(6.4e-5));
        assert_eq!(rms_of_node_4("---- Node 3 ----\nRMS offset: \t0.0e+00\n"), None);
    }
}
