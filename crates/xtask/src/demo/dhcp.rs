//! A lease being taken by the real daemon from a real server, and what its processes are not able to do.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_testbed::{Capture, Dnsmasq, Host, Running, Wire, eventually};

use super::{DEADLINE, Shown, heading, print_indented, processes};
use crate::build;
use crate::command;
use crate::workspace::Workspace;

/// Three of the attacks of `tests/sandbox`: run a program, read a file, send a frame through the socket it listens with.
const ATTACKS: [&str; 3] = ["execve", "open-passwd", "packet-sendto"];

/// Shows the DHCP client.
///
/// # Errors
/// When anything of it does not work.
pub(super) fn run(workspace: &Workspace, shown: &Shown) -> Result<()> {
    let stage = Stage::new(shown)?;
    stage.onboot()?;
    stage.kernel_and_files()?;
    stage.service()?;
    attacks(workspace)
}

/// A machine and a server on one wire.
struct Stage<'s> {
    shown: &'s Shown,
    machine: Host,
    _server: Host,
    _dnsmasq: Running,
}

impl<'s> Stage<'s> {
    fn new(shown: &'s Shown) -> Result<Self> {
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
        Ok(Self { shown, machine, _server: server, _dnsmasq: dnsmasq })
    }

    fn onboot(&self) -> Result<()> {
        heading("onboot: orlop-dhcp --oneshot, as PID 1 of a container with eight capabilities and no new privileges");
        let capture = Capture::start(&self.machine)?;
        let began = Instant::now();
        let mut running = self.machine.spawn("orlop-dhcp", &mut self.shown.container(&self.machine, &["--oneshot"]))?;
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
        let mut running = self.machine.spawn("orlop-dhcp", &mut self.shown.container::<&str>(&self.machine, &[]))?;
        capture.wait_for("the server's acknowledgement", DEADLINE, |seen| !seen.outgoing)?;
        print_indented(&capture.time_line());
        let bound = || {
            let status = self.machine.run(&self.shown.program, &["status"])?;
            ensure!(status.contains("eth0: bound"), "orlop-dhcp status says:\n{status}");
            Ok(Some(status))
        };
        let status = eventually("the daemon to say that it is bound", DEADLINE, bound)?;
        println!("  $ orlop-dhcp status");
        print_indented(&status);
        heading("Its processes, as the kernel sees them (/proc/PID/status)");
        let processes = processes::of_daemon(self.shown.daemon, &self.machine)?;
        print!("{}", processes::table(&processes));
        println!("\n  and as they see themselves:");
        self.show(&self.shown.program, &["--posture"])?;
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
