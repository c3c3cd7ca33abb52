//! The demo's machine: `packaging/specs/demo.yml`, assembled and booted, with a probe beside it that looks at the processes.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use orlop_image::output::Packing;
use orlop_image::platform::Platform;
use orlop_test_vm::{Assembled, Line, Network, Probe, Report, Step};
use serde_json::Value;

use super::{daemon_named, heading, print_indented};
use crate::vm::console::Console;
use crate::vm::{self, Net, Wired, Workshop};
use crate::workspace::Workspace;

/// The spec, in the checkout.
const SPEC: &str = "packaging/specs/demo.yml";
/// The machine needs ten seconds; this is for a machine that is badly overloaded.
const PATIENCE: Duration = Duration::from_secs(180);
/// Until then the service has told how it stands.
const SERVING: u32 = 60;

/// What the service has written that waits for a lease and a right clock.
const WAITED: &str = "/proc/1/root/var/log/clock.out.log";
/// What the service has written that has a name looked up.
const NAMED: &str = "/proc/1/root/var/log/name.out.log";
/// What the machine's hardware clock says at power-on: there is no battery.
const NO_BATTERY: &str = "1970-01-01T00:00:00";

/// What is said where that service has not come to look.
const NO_NAME: &str = "It still waits for a right clock. As root, the demo brings servers.";

/// How process 1's boot went.
const BOOT: &str = "/run/orlop/boot.json";

/// Shows it.
///
/// # Errors
/// When anything of it does not work.
pub(crate) fn run(workspace: &Workspace, no_build: bool) -> Result<()> {
    let net = if rustix::process::geteuid().is_root() { Net::Netns } else { Net::User };
    net.prepare()?;
    heading("Building: programs, images, a kernel out of Debian's package");
    let workshop = Workshop::open(workspace, Platform::HOST, Line::V6_12, no_build)?;
    let spec = workspace.root.join(SPEC);
    let (client, applier) = (daemon_named("dhcp")?, daemon_named("sysctl")?);
    let (timekeeper, resolver) = (daemon_named("ntp")?, daemon_named("resolver")?);

    heading("The machine: packaging/specs/demo.yml, assembled");
    let folder = &workshop.machines;
    let packed = workshop.images.assemble(std::slice::from_ref(&spec), &[], folder, "demo", Packing::Gzip)?;
    print_indented(&packed.table);
    let initrd = fs::metadata(packed.initrd())?.len();

    // Only namespaces have servers of the time and of names; whether one on the Internet can be reached is not ours to promise.
    let (right, told, found) =
        if net == Net::Netns { ("\"synchronised\": true", "source ", "; found") } else { ("\"phase\"", "", "") };
    // What is booted has a probe more, and is not packed: to unpack it takes the emulated processor a second.
    let steps = [
        Step::wait(&client.published("status.json"), "\"mode\": \"service\"", SERVING),
        Step::wait(&timekeeper.published("status.json"), right, SERVING),
        Step::wait(WAITED, told, SERVING),
        Step::wait(NAMED, found, SERVING),
        Step::wait(&resolver.published("status.json"), "\"resolver-worker\"", SERVING),
        Step::Processes,
        Step::read(BOOT),
        Step::read(&applier.published("status.json")),
        Step::read("/proc/meminfo"),
        Step::read("/etc/resolv.conf"),
    ];
    let probe = Probe::new(workshop.platform, folder, "demo", &steps)?;
    let with_probe = folder.join("demo-probe.yml");
    fs::write(&with_probe, format!("services:{}\n", probe.entry()))?;
    let machine =
        workshop.images.assemble(&[spec, with_probe], &[&probe.image.layout], folder, "demo-booted", Packing::None)?;

    heading(
        "Power on: QEMU without acceleration, one processor, 512 MB; seconds since then, and the machine's own clock",
    );
    let wired = Wired::new(&machine, net)?;
    let record = folder.join("demo-record");
    // The emulator writes behind what is there, and that is of the last time.
    fs::write(&record, "").with_context(|| format!("cannot empty {}", record.display()))?;
    let emulator = wired.emulator.clone().record(&record).clock(NO_BATTERY);
    let began = emulator.start(wired.network.as_ref().map(Network::host))?;
    let mut console = Console::new(began, &folder.join("demo-console.log"))?;
    let done = vm::onboot_done(&mut console, PATIENCE)?;
    console.wait_for(|line| line.ends_with("goodbye"), "goodbye", PATIENCE)?;
    let reports = Assembled::record(console.machine(), &record, probe.steps(), PATIENCE)?;
    let [leased, timed, waited, named, resolving, processes, boot, applied, memory, resolv_conf] = reports.as_slice()
    else {
        anyhow::bail!("the probe has another number of reports");
    };

    heading("From power-on to configured");
    let zero = power_on(&console.lines()).context("no line of the console has the machine's time")?;
    print_indented(&time_line(&read(boot)?, zero));
    println!("    configured {:.1} s after power-on", done.as_secs_f64());

    heading("Its processes, as its kernel sees them, and what the daemon's own say of themselves");
    print_indented(&table(&processes.out));
    let [leased, applied, timed, resolving] = [leased, applied, timed, resolving].map(read);
    let (leased, applied, timed, resolving) = (leased?, applied?, timed?, resolving?);
    let postures = [(client, &leased), (applier, &applied), (timekeeper, &timed), (resolver, &resolving)];
    print_indented(&postures.map(|(daemon, status)| posture(daemon.name, status)).concat());
    println!("    settings: {}", applied["outcome"]["results"]);
    heading("Its clock, which began at 1970, as told by the service that waits until it is right");
    print_indented(&its_clock(&waited.out, &timed));
    heading("A name, as found by the service that has one looked up");
    print_indented(if named.out.is_empty() { NO_NAME } else { &named.out });
    heading("What it left for others: /etc/resolv.conf");
    print_indented(resolv_conf.out.trim_end());

    heading("Size");
    print_indented(&sizes(initrd, &memory.out));
    for (step, report) in steps.iter().zip(&reports) {
        ensure!(report.code == 0, "the probe found something else: {step:?} came to {}", report.code);
    }
    println!(
        "\nThe machine is off. Next: cargo xtask vm {SPEC} --stay 60, cargo xtask remains (what of it is not Rust), cargo xtask demo dhcp, \
         cargo xtask bench boot."
    );
    Ok(())
}

/// What the service told that waits for a right clock, or, where nobody may have said what time it is, how far the daemon is.
fn its_clock(waited: &str, status: &Value) -> String {
    if !waited.is_empty() {
        return waited.to_owned();
    }
    let phase = status["phase"].as_str().unwrap_or("starting");
    format!(
        "It still waits: QEMU's network names no server of the time, so pool.ntp.org is asked ({phase}). As root, the demo brings a server."
    )
}

fn read(report: &Report) -> Result<Value> {
    serde_json::from_str(&report.out).with_context(|| format!("no JSON: {}", report.out))
}

/// How long after power-on the kernel's clock began: of all lines of init, the one that was on its way for the shortest time.
fn power_on(lines: &[(Duration, String)]) -> Option<f64> {
    let of_line = |(at, line): &(Duration, String)| {
        let (stamp, _) = line.strip_prefix('[')?.split_once("] ")?;
        Some(at.as_secs_f64() - stamp.trim().parse::<f64>().ok()?)
    };
    lines.iter().filter_map(of_line).min_by(f64::total_cmp)
}

/// The marks and containers of `boot.json`, in seconds since power-on.
fn time_line(boot: &Value, zero: f64) -> String {
    let seconds = |ms: &Value| ms.as_f64().map(|ms| zero + ms / 1000.0);
    let mut moments = vec![(0.0, "power on".to_owned()), (zero, "the kernel's clock begins".to_owned())];
    for mark in boot["marks"].as_array().into_iter().flatten() {
        moments.extend(seconds(&mark["ms"]).map(|at| (at, mark["name"].as_str().unwrap_or_default().to_owned())));
    }
    for container in boot["containers"].as_array().into_iter().flatten() {
        let name = format!(
            "{} {}",
            container["list"].as_str().unwrap_or_default(),
            container["name"].as_str().unwrap_or_default()
        );
        for (field, what) in [
            ("started_ms", "is being started"),
            ("ready_ms", "has its container, its program begins"),
            ("ended_ms", "is over"),
        ] {
            moments.extend(seconds(&container[field]).map(|at| (at, format!("{name} {what}"))));
        }
    }
    moments.extend(seconds(&boot["onboot_done_ms"]).map(|at| (at, "onboot is done".to_owned())));
    moments.sort_by(|one, two| one.0.total_cmp(&two.0));
    moments.iter().map(|(at, what)| format!("{at:8.3} s  {what}\n")).collect()
}

/// The programs among the processes: threads of the kernel have no memory.
fn table(processes: &str) -> String {
    let mut table = format!(
        "{:>5}  {:<16} {:>6}  {:<16}  {:>12}  {:>7}  {:>8}\n",
        "pid", "program", "uid", "capabilities", "no_new_privs", "filters", "RSS"
    );
    for line in processes.lines() {
        if let [pid, name, uid, capabilities, no_new_privs, filters, rss, _threads] =
            line.split(' ').collect::<Vec<_>>()[..]
            && rss != "-"
        {
            table += &format!(
                "{pid:>5}  {name:<16} {uid:>6}  {capabilities:<16}  {no_new_privs:>12}  {filters:>7}  {rss:>5} kB\n"
            );
        }
    }
    table
}

/// Every process of a daemon that says which layers it has; those of the applier are gone by now.
fn posture(daemon: &str, status: &Value) -> String {
    let all = status["posture"].as_object().into_iter().flatten().filter(|(_, of)| of.get("landlock").is_some());
    let row = |(name, of): (&String, &Value)| {
        let root = if of["empty_root"] == true { "an empty root" } else { "paths under Landlock" };
        let landlock = of["landlock"]["full"]["abi"]
            .as_u64()
            .map_or_else(|| format!("Landlock {}", of["landlock"]), |abi| format!("Landlock in full (ABI {abi})"));
        format!(
            "{daemon:>8}  {name:<16} uid {:<6} {landlock}, {root}, {} system calls allowed, {} files open\n",
            of["status"]["uids"][1], of["allowed"], of["open_files"]
        )
    };
    all.map(row).collect()
}

fn sizes(initrd: u64, memory: &str) -> String {
    let kib = |name: &str| {
        let line = memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    let (total, available) = (kib("MemTotal"), kib("MemAvailable"));
    format!(
        "initrd, gzip: {:.2} MB\nmemory in use while serving, kernel and file system included: {} MB of {} MB\n",
        initrd as f64 / 1e6,
        total.saturating_sub(available) / 1024,
        total / 1024
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_on_is_found_by_the_line_that_came_fastest() {
        let line = |at: f64, text: &str| (Duration::from_secs_f64(at), text.to_owned());
        let lines =
            [line(3.0, "SeaBIOS"), line(4.5, "[    2.250] a"), line(4.75, "[    2.750] b: [1] c"), line(9.0, "[x] d")];
        assert_eq!(power_on(&lines), Some(2.0));
        assert_eq!(power_on(&lines[..1]), None);
    }

    #[test]
    fn moments_are_in_order_whatever_list_they_are_from() {
        let boot = serde_json::json!({
            "marks": [{"name": "orlop-init", "ms": 1000}], "onboot_done_ms": 3000,
            "containers": [{"list": "onboot", "name": "000-a", "started_ms": 2000, "ready_ms": null, "ended_ms": 2500}],
        });
        let want = "   0.000 s  power on\n   1.000 s  the kernel's clock begins\n   2.000 s  orlop-init\n   \
            3.000 s  onboot 000-a is being started\n   3.500 s  onboot 000-a is over\n   4.000 s  onboot is done\n";
        assert_eq!(time_line(&boot, 1.0), want);
    }

    #[test]
    fn threads_of_the_kernel_are_no_processes_of_ours() {
        let text = table("1 init 0 00ff 0 0 588 1\n2 kthreadd 0 00ff 0 0 - 1\n");
        assert!(text.contains("init") && !text.contains("kthreadd"), "{text}");
    }
}
