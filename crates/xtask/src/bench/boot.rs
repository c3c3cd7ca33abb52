//! A whole machine, from power-on to a configured network: with our DHCP image, and with Debian's dhcpcd and udhcpc packed as
//! images of the same form. Kernel, init, runtime and server are the same.
//!
//! Emulation makes wall-clock time depend on what else this machine does; the processor time that QEMU has taken by then is
//! told, too. An onboot container before the DHCP client does nothing: it shows what a container costs by itself. What other
//! runtimes would make of it is in [`runtimes`].

mod nothing;
mod report;
mod rivals;
mod runtimes;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use orlop_image::output::Packing;
use orlop_image::platform::Platform;
use orlop_test_vm::{Assembled, Line, Network, Probe, Step};

use crate::setup::{self, Need};
use crate::vm::console::Console;
use crate::vm::{self, Net, Wired, Workshop};
use crate::workspace::Workspace;

use nothing::Nothing;
use report::{Report, Row, Sample, shown};
use rivals::Entrant;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Boots of each machine
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Measure the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
}

/// A boot takes six seconds; this is for a machine that is badly overloaded.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a machine runs until its memory is looked at.
const SETTLED: u32 = 3;

/// An entrant and its machine.
struct Contest {
    entrant: Entrant,
    machine: Assembled,
    initrd: u64,
    share: u64,
}

/// Runs the benchmark.
///
/// # Errors
/// When a machine cannot be made or does not get an address.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::ensure(Need::Bench)?;
    let workshop = Workshop::open(workspace, Platform::HOST, Line::V6_12, options.no_build)?;
    let nothing = Nothing::new(&workshop)?;
    let bare = without_modules(workspace, &workshop)?;
    let entrants = rivals::all(&workshop)?;
    let contests: Vec<Contest> =
        entrants.into_iter().map(|entrant| contest(&workshop, &nothing, entrant)).collect::<Result<_>>()?;
    let mut rows: Vec<Row> =
        contests.iter().map(|of| Row::new(of.entrant.name, of.entrant.is_ours(), of.initrd, of.share)).collect();
    for (contest, row) in contests.iter().zip(&mut rows) {
        // It does not count, but for the memory: files come into the page cache.
        row.memory_kib = memory(&workshop, &nothing, contest).with_context(|| row.name.to_owned())?;
    }
    let (runtimes, mut costs): (Vec<_>, Vec<_>) = runtimes::all(&workshop, &nothing)?.into_iter().unzip();
    for round in 0..options.rounds as usize {
        println!("  round {}/{}", round + 1, options.rounds);
        let count = rows.len();
        for turn in 0..count {
            // Each round starts with another one.
            let place = (turn + round) % count;
            let sample = once(&workshop, &contests[place]).with_context(|| rows[place].name.to_owned())?;
            rows[place].samples.push(sample);
        }
        for (runtime, row) in runtimes.iter().zip(&mut costs) {
            runtime.add_to(row)?;
        }
    }
    let report = Report { rounds: options.rounds, rows, runtimes: costs, initrd_without_modules: bare };
    println!("\n{}\n{}", report.table(), report.goals());
    super::keep(workspace, "boot", &report.json()?, &[("boot", report.chart())])
}

/// The machine of an entrant, and how large its initrd is, packed.
fn contest(workshop: &Workshop, nothing: &Nothing, entrant: Entrant) -> Result<Contest> {
    let name = format!("bench-{}", entrant.name);
    let spec = workshop.machines.join(format!("{name}.spec.yml"));
    fs::write(&spec, entrant.spec(&nothing.entry()))?;
    let others: Vec<_> = std::iter::once(nothing.0.layout.as_path()).chain(entrant.layout.as_deref()).collect();
    let assembled =
        |packing| workshop.images.assemble(std::slice::from_ref(&spec), &others, &workshop.machines, &name, packing);
    let packed = assembled(Packing::Gzip)?;
    let initrd = fs::metadata(packed.initrd())?.len();
    let share = share(&packed.table, "onboot[1] ").context("the DHCP client takes nothing of the initrd")?;
    let machine = assembled(Packing::None)?;
    Ok(Contest { entrant, machine, initrd, share })
}

/// What a part of the spec takes of the initrd, from the table of `orlop-image assemble`.
fn share(table: &str, part: &str) -> Option<u64> {
    let line = table.lines().find(|line| line.starts_with(part))?;
    line.split_whitespace().next_back()?.parse().ok()
}

/// How large the demo's initrd is, packed, but for the kernel's modules: init, runtime and every daemon.
fn without_modules(workspace: &Workspace, workshop: &Workshop) -> Result<u64> {
    let spec = workspace.root.join("packaging/specs/demo.yml");
    let packed = workshop.images.assemble(&[spec], &[], &workshop.machines, "bench-demo", Packing::Gzip)?;
    let modules = share(&packed.table, "kernel modules ").context("the kernel takes nothing of the initrd")?;
    Ok(fs::metadata(packed.initrd())?.len().saturating_sub(modules))
}

fn once(workshop: &Workshop, contest: &Contest) -> Result<Sample> {
    let wired = Wired::new(&contest.machine, Net::User)?;
    let log = workshop.machines.join(format!("bench-{}-console.log", contest.entrant.name));
    let mut console = Console::new(wired.emulator.start(wired.network.as_ref().map(Network::host))?, &log)?.quiet();
    let configured = vm::onboot_done(&mut console, PATIENCE)?;
    let processor = console.processor_time()?;
    // The last lines of the time line.
    console.wait_for(|line| line.contains(" onboot 001-dhcp  ready"), "the time line", PATIENCE)?;
    let lines = console.lines();
    let container = |name: &str| {
        let row = lines.iter().find_map(|(_, line)| container(line, name));
        row.with_context(|| format!("no time of {name} in {}", log.display()))
    };
    let ((empty_ready, empty_end), (ready, end)) = (container("000-nothing")?, container("001-dhcp")?);
    Ok(Sample {
        configured_s: configured.as_secs_f64(),
        processor_s: processor.as_secs_f64(),
        empty_ready_s: empty_ready,
        empty_s: empty_end,
        ready_s: ready,
        client_s: end - ready,
    })
}

/// `… 4.267 s  onboot 001-dhcp  ready +0.213  end +0.596  ended with 0`: seconds until ready, and until the end.
fn container(line: &str, name: &str) -> Option<(f64, f64)> {
    let (_, rest) = line.split_once(&format!("onboot {name}  ready +"))?;
    let (ready, rest) = rest.split_once("  end +")?;
    Some((ready.parse().ok()?, rest.split_once("  ")?.0.parse().ok()?))
}

/// Memory in use a while after the service was started.
fn memory(workshop: &Workshop, nothing: &Nothing, contest: &Contest) -> Result<u64> {
    let steps = [Step::wait("/no/such/file", "anything", SETTLED), Step::read("/proc/meminfo")];
    let name = format!("memory-{}", contest.entrant.name);
    let probe = Probe::new(workshop.platform, &workshop.machines, &name, &steps)?;
    let folder = &workshop.machines;
    let [spec, more] = ["spec", "probe"].map(|part| folder.join(format!("bench-{name}.{part}.yml")));
    fs::write(&spec, contest.entrant.spec(&nothing.entry()))?;
    fs::write(&more, format!("services:{}\n", probe.entry()))?;
    let layouts = [nothing.0.layout.as_path(), probe.image.layout.as_path()];
    let others: Vec<_> = layouts.into_iter().chain(contest.entrant.layout.as_deref()).collect();
    let machine = workshop.images.assemble(&[spec, more], &others, folder, &name, Packing::None)?;
    let record = folder.join("bench-record");
    let wired = Wired::new(&machine, Net::User)?;
    let mut running = wired.emulator.record(&record).start(None)?;
    let reports = Assembled::record(&mut running, &record, steps.len(), PATIENCE)?;
    let [_, memory] = reports.as_slice() else { bail!("no report of the memory") };
    let kib = |name: &str| -> Option<u64> {
        let line = memory.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    kib("MemTotal").zip(kib("MemAvailable")).map(|(total, free)| total - free).context("no MemAvailable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_times_are_read_from_inits_time_line() {
        let line = "[    4.866] orlop-init:    4.267 s  onboot 001-dhcp  ready +0.213  end +0.596  ended with 0";
        assert_eq!(container(line, "001-dhcp"), Some((0.213, 0.596)));
        assert_eq!(container(line, "000-nothing"), None);
        let table = "part  entries  bytes  in initrd\nkernel  1  1000\nkernel modules  5  70  30\nonboot[1] dhcp  31  2343020  1092122\n";
        assert_eq!(share(table, "onboot[1] "), Some(1_092_122));
        assert_eq!(share(table, "kernel modules "), Some(30));
    }
}
