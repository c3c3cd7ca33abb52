//! `demo`: a machine that is put together and booted. `demo dhcp`: a lease being taken by the real daemon from a real
//! server, and what its processes are not able to do. `demo sysctl`: settings of the kernel being applied, and what really
//! came of them.
//!
//! All but the machine, which is QEMU's, happens in namespaces that end with this process, whatever ends it (Ctrl-C too).

pub(crate) mod leftovers;
pub(crate) mod machine;
mod processes;
mod sysctl;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_testbed::{Capture, Dnsmasq, Host, Running, Wire, eventually};

use crate::build;
use crate::command;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// What to show instead of a whole machine: one daemon, in namespaces
    #[arg(value_enum)]
    daemon: Option<Daemon>,
    /// Show the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Daemon {
    Dhcp,
    Sysctl,
}

/// The daemon ends by itself after ten seconds without a server; this is for a machine that is badly overloaded.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the image's label grants (DESIGN §2): the supervisor's five, and the broker's three.
const LABEL: &str = "-all,+setuid,+setgid,+setpcap,+sys_chroot,+kill,+net_admin,+net_raw,+net_bind_service";

/// Three of the attacks of `tests/sandbox`: run a program, read a file, send a frame through the socket it listens with.
const ATTACKS: [&str; 3] = ["execve", "open-passwd", "packet-sendto"];

/// Shows the chosen daemon, or a machine.
///
/// # Errors
/// When anything of it does not work.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Some(daemon) = options.daemon else {
        return machine::run(workspace, options.no_build);
    };
    setup::ensure(Need::Demo)?;
    ensure!(rustix::process::geteuid().is_root(), "the demo builds network namespaces; help: run it as root");
    if !options.no_build {
        heading("Building");
        build::run(workspace, &build::Options::default())?;
    }
    match daemon {
        Daemon::Dhcp => dhcp(workspace)?,
        Daemon::Sysctl => sysctl::run(&release(workspace, "orlop-sysctl")?)?,
    }
    println!("\nThe namespaces are gone, and with them every process, address, setting and file of this demo.");
    println!(
        "Next: cargo xtask test, cargo xtask bench dhcp, cargo xtask bench sysctl, and crates/README.md for the code."
    );
    Ok(())
}

/// A release binary's path.
fn release(workspace: &Workspace, name: &str) -> Result<String> {
    Ok(build::release_folder(workspace, build::HOST)?.join(name).display().to_string())
}

fn dhcp(workspace: &Workspace) -> Result<()> {
    let stage = Stage::new(release(workspace, "orlop-dhcp")?)?;
    stage.onboot()?;
    stage.kernel_and_files()?;
    stage.service()?;
    attacks(workspace)
}

/// A machine and a server on one wire.
struct Stage {
    daemon: String,
    machine: Host,
    _server: Host,
    _dnsmasq: Running,
}

impl Stage {
    fn new(daemon: String) -> Result<Self> {
        heading("Two hosts: network namespaces, joined by a veth; Debian's dnsmasq answers on one of them");
        let server = Host::new("server")?;
        let machine = Host::new("machine")?;
        Wire::veth(&machine, "eth0", &server, "eth0")?;
        server.link_up("eth0")?;
        server.add_address("eth0", "192.0.2.1/24")?;
        let dnsmasq = Dnsmasq::on("eth0")
            .range("192.0.2.10", "192.0.2.99")
            .option("option:dns-server,192.0.2.1,192.0.2.2")
            .option("option:ntp-server,192.0.2.1")
            .option("option:domain-search,example.test,example.net")
            .arg("--domain=example.test")
            .start(&server)?;
        println!("  server   eth0 192.0.2.1/24, leases 192.0.2.10 to 192.0.2.99");
        println!("  machine  eth0 down, without an address");
        Ok(Self { daemon, machine, _server: server, _dnsmasq: dnsmasq })
    }

    /// The daemon as a LinuxKit `onboot` container: PID 1 of its own process namespace, the label's capabilities, and
    /// no new privileges.
    fn container(&self, arguments: &[&str]) -> Command {
        let mut command = self.machine.command("unshare");
        command.args([
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "setpriv",
            "--no-new-privs",
            "--bounding-set",
            LABEL,
        ]);
        command.arg(&self.daemon).args(arguments);
        command
    }

    fn onboot(&self) -> Result<()> {
        heading("onboot: orlop-dhcp --oneshot, as PID 1 of a container with eight capabilities and no new privileges");
        let capture = Capture::start(&self.machine)?;
        let began = Instant::now();
        let mut running = self.machine.spawn("orlop-dhcp", &mut self.container(&["--oneshot"]))?;
        let status = running.wait_exit(DEADLINE)?;
        let took = began.elapsed();
        print_indented(&running.text());
        ensure!(status.success(), "orlop-dhcp --oneshot ended with {status}");
        println!("  ended with {status} after {:.1} ms, container included", took.as_secs_f64() * 1000.0);
        heading("What went over the wire");
        print_indented(&capture.time_line());
        ensure!(capture.messages().len() >= 4, "fewer messages than DISCOVER, OFFER, REQUEST, ACK");
        Ok(())
    }

    fn kernel_and_files(&self) -> Result<()> {
        heading("What the machine has now, although the daemon has ended");
        self.show("ip", &["-4", "address", "show", "dev", "eth0"])?;
        self.show("ip", &["-4", "route", "show"])?;
        self.show("cat", &["/run/resolvconf/resolv.conf"])?;
        let script = "head -n 20 /run/orlop/netfacts/*";
        println!("  $ {script}");
        print_indented(&self.machine.shell(script)?);
        Ok(())
    }

    fn service(&self) -> Result<()> {
        heading("services: the same daemon stays, and takes the lease over");
        let capture = Capture::start(&self.machine)?;
        let mut running = self.machine.spawn("orlop-dhcp", &mut self.container(&[]))?;
        capture.wait_for("the server's acknowledgement", DEADLINE, |seen| !seen.outgoing)?;
        print_indented(&capture.time_line());
        let daemon = self.daemon.clone();
        let bound = || {
            let status = self.machine.run(&daemon, &["status"])?;
            ensure!(status.contains("eth0: bound"), "orlop-dhcp status says:\n{status}");
            Ok(Some(status))
        };
        let status = eventually("the daemon to say that it is bound", DEADLINE, bound)?;
        println!("  $ orlop-dhcp status");
        print_indented(&status);
        heading("Its processes, as the kernel sees them (/proc/PID/status)");
        let processes = processes::of_daemon(&self.machine)?;
        print!("{}", processes::table(&processes));
        println!("\n  and as they see themselves:");
        self.show(&self.daemon, &["--posture"])?;
        let began = Instant::now();
        kill(Pid::from_raw(i32::try_from(processes::supervisor(&processes)?)?), Signal::SIGTERM)?;
        let status = running.wait_exit(DEADLINE)?;
        println!(
            "\n  SIGTERM to its PID 1: all three ended after {:.0} ms ({status})",
            began.elapsed().as_secs_f64() * 1000.0
        );
        Ok(())
    }

    fn show(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let output = self.machine.run(program, arguments)?;
        let name = program.rsplit('/').next().unwrap_or(program);
        println!("  $ {name} {}", arguments.join(" "));
        print_indented(&output);
        Ok(())
    }
}

fn attacks(workspace: &Workspace) -> Result<()> {
    heading("Three attacks from inside the worker's sandbox, live");
    let mut cargo = workspace.cargo("build");
    command::run(cargo.args(["--quiet", "--locked", "--package", "orlop-test-sandbox", "--bin", "orlop-attack"]))?;
    let program = workspace.metadata(build::HOST)?.target_directory.join("debug/orlop-attack");
    let output = command::captured(Command::new(&program).arg("show").args(ATTACKS));
    print_indented(&output.context("an attack did not end as it must")?);
    Ok(())
}

/// What comes next.
fn heading(text: &str) {
    println!("\n── {text}\n");
}

/// Somebody else's words.
fn print_indented(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}
