//! A clock that shows 1970 being set right by three real time servers, one of which lies, and being kept right. It is a clock in a file:
//! this machine's own is not touched.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_test_ntp::{Chrony, Clock, Lie, RIGHT, Scene};
use orlop_testbed::{Capture, Host, Running, eventually};

use super::{DEADLINE, Shown, heading, print_indented, processes};
use crate::workspace::Workspace;

/// By how much the third server is wrong.
const LIE: Duration = Duration::from_secs(3600);

/// Shows the NTP client.
///
/// # Errors
/// When anything of it does not work.
pub(super) fn run(_: &Workspace, shown: &Shown) -> Result<()> {
    let stage = Stage::new(shown)?;
    stage.onboot()?;
    stage.clock_and_files()?;
    stage.service()
}

/// A machine, and servers on the other end of its wire.
struct Stage<'s> {
    shown: &'s Shown,
    scene: Scene,
    _server: Host,
    _chronyd: Vec<Running>,
}

impl<'s> Stage<'s> {
    fn new(shown: &'s Shown) -> Result<Self> {
        heading(
            "Two hosts on one wire: a machine whose clock shows 1970, and three of Debian's chronyd, of which one lies",
        );
        let scene = Scene::new(Clock::of_1970())?;
        let server = scene.wired()?;
        let [first, second, liar] = Scene::WIRED;
        let lie = Lie::Fake(i64::try_from(LIE.as_secs())?);
        let honest = |address: Ipv4Addr| Chrony::at(address, 123);
        let servers = [honest(first), honest(second), honest(liar).lying(lie)];
        let chronyd = servers.iter().map(|chronyd| chronyd.start(&server)).collect::<Result<_>>()?;
        println!("  {first} and {second} show the time, {liar} an hour more");
        println!("  the machine's clock is a file (--mock-clock), so that yours stays as it is; it shows 1970-01-01");
        Ok(Self { shown, scene, _server: server, _chronyd: chronyd })
    }

    fn arguments(oneshot: bool) -> Vec<String> {
        let mut arguments = vec!["--mock-clock".to_owned(), Clock::PLACE.to_owned()];
        arguments.extend(oneshot.then(|| "--oneshot".to_owned()));
        arguments.extend(Scene::WIRED.map(|address| address.to_string()));
        arguments
    }

    fn onboot(&self) -> Result<()> {
        heading("onboot: orlop-ntp --oneshot, as PID 1 of a container with six capabilities and no new privileges");
        let machine = &self.scene.host;
        let capture = Capture::start(machine)?;
        let began = Instant::now();
        let mut container = self.shown.container(machine, &Self::arguments(true));
        let mut running = machine.spawn("orlop-ntp", &mut container)?;
        let status = running.wait_exit(DEADLINE)?;
        let took = began.elapsed();
        print_indented(&running.text());
        ensure!(status.success(), "orlop-ntp --oneshot ended with {status}");
        println!("  ended with {status} after {:.1} ms, container included", took.as_secs_f64() * 1000.0);
        let questions = capture.frames().iter().filter(|seen| seen.outgoing && seen.frame.len() >= 90).count();
        println!(
            "  {questions} questions went out; the clock was first set to the date of the sources, and no server can set it to less"
        );
        Ok(())
    }

    fn clock_and_files(&self) -> Result<()> {
        heading("What the machine has now, although the daemon has ended");
        let error = self.scene.clock()?.error();
        println!("  a clock that is off by {:.3} ms", millis(error));
        ensure!(error.abs() < RIGHT, "the clock is off by {error} ns");
        let state = self.scene.host.read("/var/lib/orlop/ntp/state")?;
        println!("  $ cat /var/lib/orlop/ntp/state");
        print_indented(&state);
        Ok(())
    }

    fn service(&self) -> Result<()> {
        heading("services: the same daemon stays, asks on, and says who lies");
        let machine = &self.scene.host;
        let mut running = machine.spawn("orlop-ntp", &mut self.shown.container(machine, &Self::arguments(false)))?;
        let liar = format!("{}:123", Scene::WIRED[2]);
        let judged = |status: &serde_json::Value| {
            let liar = Scene::known(status, &liar);
            status["synchronised"] == true && liar.is_some_and(|server| server["state"] == "falseticker")
        };
        let service = |status: &serde_json::Value| status["mode"] == "service" && judged(status);
        self.scene.until(&running, "the daemon to know who lies", service)?;
        println!("  $ orlop-ntp status");
        let shown = machine.run(&self.shown.program, &["status"])?;
        print_indented(&shown);
        let row = shown.lines().find(|line| line.contains(&Scene::WIRED[2].to_string())).context("no liar")?;
        ensure!(row.trim_start().starts_with('x'), "the liar is not called one: {row}");
        heading("Its processes, as the kernel sees them (/proc/PID/status)");
        let processes = processes::of_daemon(self.shown.daemon, machine)?;
        print!("{}", processes::table(&processes));
        println!(
            "\n  Only the broker may set a clock, and it hears no server; the worker hears the servers, and may do nothing."
        );
        let began = Instant::now();
        kill(Pid::from_raw(i32::try_from(processes::supervisor(&processes)?)?), Signal::SIGTERM)?;
        let status = running.wait_exit(DEADLINE)?;
        let took = began.elapsed().as_secs_f64() * 1000.0;
        println!("\n  SIGTERM to its PID 1: all three ended after {took:.0} ms ({status})");
        let still = || Ok(Some(self.scene.clock()?.error()).filter(|error| error.abs() < RIGHT));
        let error = eventually("a right clock", DEADLINE, still)?;
        println!("  the clock is off by {:.3} ms; an hour's lie moved it by nothing", millis(error));
        Ok(())
    }
}

fn millis(nanos: i128) -> f64 {
    nanos as f64 * 1e-6
}
