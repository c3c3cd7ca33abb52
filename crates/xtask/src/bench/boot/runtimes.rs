//! What a container costs in a machine: with `orlop-init` around the runtime, and the runtime by itself; for our runtime and
//! for Debian's crun and runc in its place.
//!
//! In the guest, by the guest's clock, and once more with a clock that counts instructions: a machine runs the empty program some times in its `onboot` list, and then a container
//! that may enter the machine's own file systems asks the same runtime for the same bundle as often. The first of each series
//! does not count: emulation translates a program's instructions when they are used for the first time.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use orlop_image::compare::Size;
use orlop_image::output::Packing;
use orlop_image::tree::{Node, Tree};
use orlop_test_vm::{Assembled, CONTAINERS, Emulator, Probe, Step};
use serde::Serialize;
use serde_json::Value;

use super::nothing::Nothing;
use super::rivals;
use super::{PATIENCE, shown};
use crate::bench::Summary;
use crate::vm::Workshop;

/// Ours.
pub(super) const OURS: &str = "orlop-container";
/// Containers of each series.
const TIMES: usize = 6;
/// Until the machine has run its series: runc takes two seconds each.
const SOON: u32 = 90;
const BOOT: &str = "/run/orlop/boot.json";
/// Where orlop-init has the first of them.
const BUNDLE: &str = "/containers/onboot/000-nothing";

/// A runtime, and a machine with it.
pub(super) struct Contest {
    name: &'static str,
    machine: Assembled,
    record: PathBuf,
    steps: usize,
}

/// What was found about one runtime.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Bytes of the program and of the libraries it loads, and what they are when packed.
    pub(super) bytes: u64,
    pub(super) packed: u64,
    /// Seconds of each container in the onboot list, from orlop-init's beginning with it to its end.
    pub(super) onboot_s: Vec<f64>,
    /// Seconds of each run of the runtime by itself.
    pub(super) alone_s: Vec<f64>,
    /// Both series of a machine whose clock counts instructions.
    pub(super) counted: Option<(Vec<f64>, Vec<f64>)>,
}

/// A machine per runtime, and rows without samples.
///
/// # Errors
/// When a runtime is not installed.
pub(super) fn all(workshop: &Workshop, nothing: &Nothing) -> Result<Vec<(Contest, Row)>> {
    [OURS, "crun", "runc"].into_iter().map(|name| contest(workshop, nothing, name)).collect()
}

fn contest(workshop: &Workshop, nothing: &Nothing, name: &'static str) -> Result<(Contest, Row)> {
    let folder = &workshop.machines;
    let ours = name == OURS;
    let (tree, program) = if ours {
        let content = fs::read(workshop.programs.join(OURS))?;
        let mut tree = Tree::default();
        tree.put("/usr/bin/orlop-container", Node::File { mode: 0o755, content });
        (tree, format!("/usr/bin/{OURS}"))
    } else {
        // Beside our init, whose programs are in /sbin.
        let tree = rivals::merged(&orlop_image::compare::debian(&[name.to_owned()])?, &rivals::LIBRARIES);
        let ends = [format!("/usr/bin/{name}"), format!("/usr/sbin/{name}")];
        let program = ends.into_iter().find(|path| tree.at(path).is_some()).context("Debian has it elsewhere")?;
        (tree, program)
    };
    let Size { bytes, compressed: packed, .. } = Size::of(name, &tree, 0)?;
    let steps = [
        Step::wait(BOOT, "\"onboot_done_ms\": ", SOON),
        Step::run(&["/probe", CONTAINERS, &program, BUNDLE, &TIMES.to_string()]),
    ];
    let probe = Probe::new(workshop.platform, folder, &format!("runtime-{name}"), &steps)?;
    let mut layouts = vec![nothing.0.layout.clone(), probe.image.layout.clone()];
    let mut init = format!("\"orlop.example/init:{}\"", env!("CARGO_PKG_VERSION"));
    if !ours {
        let (layout, reference) = rivals::image(workshop, &format!("runtime-{name}"), &tree)?;
        layouts.push(layout);
        init += &format!(", \"{reference}\"");
    }
    let spec = folder.join(format!("bench-runtime-{name}.spec.yml"));
    let text = format!(
        "kernel: {{image: \"orlop.example/kernel:6.12\", cmdline: \"console=ttyS0 quiet panic=-1 orlop.runtime={program}\"}}\n\
         init: [{init}]\nonboot:{}\nservices:{}\n",
        nothing.entry().repeat(TIMES),
        probe.entry()
    );
    fs::write(&spec, text)?;
    let others: Vec<_> = layouts.iter().map(PathBuf::as_path).collect();
    let machine =
        workshop.images.assemble(&[spec], &others, folder, &format!("bench-runtime-{name}"), Packing::None)?;
    let record = folder.join(format!("bench-runtime-{name}-record"));
    let row = Row { name, bytes, packed, onboot_s: Vec::new(), alone_s: Vec::new(), counted: None };
    Ok((Contest { name, machine, record, steps: probe.steps() }, row))
}

impl Contest {
    /// Boots it once, and adds what was found to its row.
    ///
    /// # Errors
    /// When a container did not end with 0, or the machine does not come to its end.
    pub(super) fn add_to(&self, row: &mut Row) -> Result<()> {
        let (onboot, alone) = self.boot(self.machine.emulator())?;
        row.onboot_s.extend(onboot);
        row.alone_s.extend(alone);
        if row.counted.is_none() {
            row.counted = Some(self.boot(self.machine.emulator().counting())?);
        }
        Ok(())
    }

    fn boot(&self, emulator: Emulator) -> Result<(Vec<f64>, Vec<f64>)> {
        let measured = || -> Result<(Vec<f64>, Vec<f64>)> {
            let mut running = emulator.record(&self.record).start(None)?;
            let reports = Assembled::record(&mut running, &self.record, self.steps, PATIENCE)?;
            let [boot, alone] = reports.as_slice() else { anyhow::bail!("{} reports", reports.len()) };
            ensure!(alone.code == 0, "the runtime by itself: {}", alone.err);
            let (onboot, alone) = (onboot(&boot.out)?, of_microseconds(&alone.out)?);
            Ok((onboot[1..].to_vec(), alone[1..].to_vec()))
        };
        measured().with_context(|| self.name.to_owned())
    }
}

/// What each onboot container took, from `boot.json`.
fn onboot(boot: &str) -> Result<Vec<f64>> {
    let boot: Value = serde_json::from_str(boot).context("boot.json is no JSON")?;
    let containers = boot["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let seconds = |container: &Value| {
        ensure!(container["state"] == "exited" && container["code"] == 0, "a container did not end well: {container}");
        let times = container["started_ms"].as_u64().zip(container["ended_ms"].as_u64());
        let (from, to) = times.context("a container without times")?;
        Ok(Duration::from_millis(to.saturating_sub(from)).as_secs_f64())
    };
    let found: Vec<f64> =
        containers.iter().filter(|container| container["list"] == "onboot").map(seconds).collect::<Result<_>>()?;
    ensure!(found.len() == TIMES, "{} containers instead of {TIMES}", found.len());
    Ok(found)
}

fn of_microseconds(lines: &str) -> Result<Vec<f64>> {
    let seconds = |line: &str| Ok(Duration::from_micros(line.trim().parse()?).as_secs_f64());
    let found: Vec<f64> = lines.lines().map(seconds).collect::<Result<_>>()?;
    ensure!(found.len() == TIMES, "{} runs instead of {TIMES}", found.len());
    Ok(found)
}

impl Row {
    /// The medians: in the machine, and of the runtime by itself.
    pub(super) fn medians(&self) -> Option<(f64, f64)> {
        medians(&self.onboot_s, &self.alone_s)
    }

    /// The same by instructions.
    pub(super) fn counted(&self) -> Option<(f64, f64)> {
        self.counted.as_ref().and_then(|(onboot, alone)| medians(onboot, alone))
    }
}

fn medians(onboot: &[f64], alone: &[f64]) -> Option<(f64, f64)> {
    let median = |of: &[f64]| Summary::of(of.iter().copied()).map(|summary| summary.median);
    median(onboot).zip(median(alone))
}

/// For a terminal.
pub(super) fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "one container of an empty static program, in the guest, seconds: median (min–max) of {} each; and by instructions\n\n\
         {:<16} {:<20} {:<20} {:>6}   {:>11} {:>9} {:>6} {:>10} {:>10}\n",
        rows.first().map_or(0, |row| row.onboot_s.len()),
        "",
        "by orlop-init",
        "the runtime alone",
        "ratio",
        "orlop-init",
        "alone",
        "ratio",
        "bytes",
        "packed"
    );
    let ratio =
        |of: Option<(f64, f64)>| of.map_or_else(|| "–".to_owned(), |(onboot, alone)| format!("{:.2}", onboot / alone));
    for row in rows {
        let [onboot, alone] = [&row.onboot_s, &row.alone_s].map(|of| shown(Summary::of(of.iter().copied())));
        let (counted_onboot, counted_alone) = row.counted().unwrap_or_default();
        table += &format!(
            "{:<16} {onboot:<20} {alone:<20} {:>6}   {counted_onboot:>11.3} {counted_alone:>9.3} {:>6} {:>10} {:>10}\n",
            row.name,
            ratio(row.medians()),
            ratio(row.counted()),
            row.bytes,
            row.packed
        );
    }
    table += "\nAlone: `run --detach`, until the program is over. By instructions: 2 ns each, whatever else this machine does.\n\
        Bytes: the program with the libraries it loads.\n";
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(code: u8, list: &str) -> String {
        let container = |number: u64| {
            let (started, ended) = (number * 1000, number * 1000 + 250);
            serde_json::json!({"list": list, "state": "exited", "code": code, "started_ms": started, "ended_ms": ended})
        };
        serde_json::json!({"containers": (0..TIMES as u64).map(container).collect::<Vec<_>>()}).to_string()
    }

    #[test]
    fn times_are_told_only_of_onboot_containers_that_ended_well() {
        assert_eq!(onboot(&boot(0, "onboot")).unwrap(), [0.25; TIMES]);
        for (what, text) in [("failed", boot(1, "onboot")), ("of another list", boot(0, "services"))] {
            assert!(onboot(&text).is_err(), "{what}");
        }
    }

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let row = Row {
            name: OURS,
            bytes: 1,
            packed: 1,
            onboot_s: vec![0.3, 0.2, 0.9],
            alone_s: vec![0.25, 0.24, 1.0],
            counted: None,
        };
        assert_eq!(row.medians(), Some((0.3, 0.25)));
        assert!(table(&[row]).contains(" 1.20 "));
        assert!(of_microseconds("1\n").is_err());
    }
}
