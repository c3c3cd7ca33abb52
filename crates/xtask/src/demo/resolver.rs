//! Names being looked up through the resolver while its name servers break, one after the other: out of the network, out of the cache,
//! from the server that still works, and, when none does, what was known before.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_test_resolver::{Asked, Scene, Server, server};
use orlop_testbed::capture::Captured;
use orlop_testbed::{Capture, Host, Running, eventually};

use super::{DEADLINE, Shown, heading, print_indented, processes};
use crate::workspace::Workspace;

/// The name servers, in the order in which the network names them.
const SERVERS: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
/// What every name comes to.
const ADDRESS: [u8; 4] = [203, 0, 113, 7];
/// For how many seconds an answer holds: so few that it is soon over.
const TTL: u32 = 2;
/// How far the second server is away: the first one is preferred, however busy this machine is.
const FAR: Duration = Duration::from_millis(50);
/// The extended error that says that an answer is an old one: "Stale Answer" (RFC 8914 section 4.4).
const STALE: &str = "extended error 3;";

/// Shows the resolver.
///
/// # Errors
/// When anything of it does not work.
pub(super) fn run(_: &Workspace, shown: &Shown) -> Result<()> {
    heading("Two hosts on one wire: a machine, and a network with two name servers, which its lease names");
    let mut stage = Stage::new(shown)?;
    let mut running = stage.service()?;
    stage.lookup()?;
    stage.cache()?;
    stage.failover()?;
    stage.stale()?;
    stage.end(&mut running)
}

/// A machine, and a network with name servers.
struct Stage<'s> {
    shown: &'s Shown,
    scene: Scene,
    network: Host,
    servers: Vec<Server>,
}

impl<'s> Stage<'s> {
    fn new(shown: &'s Shown) -> Result<Self> {
        let scene = Scene::new()?;
        let network = scene.wired()?;
        network.add_address("eth0", &format!("{}/24", SERVERS[1]))?;
        let servers = servers(&network)?;
        scene.network(&format!("dns {}\nsearch example.org\n", SERVERS.join("\ndns ")))?;
        scene.host.write("/run/resolvconf/resolv.conf", before())?;
        scene.host.shell("ln -sf /run/resolvconf/resolv.conf /etc/resolv.conf")?;
        println!("  {} answer that every name is at 203.0.113.7, for {TTL} seconds", SERVERS.join(" and "));
        println!("  the second one is {} ms away", FAR.as_millis());
        Ok(Self { shown, scene, network, servers })
    }

    fn service(&self) -> Result<Running> {
        heading("services: orlop-resolver, as PID 1 of a container with six capabilities and no new privileges");
        let machine = &self.scene.host;
        let running = machine.spawn("orlop-resolver", &mut self.shown.container::<&str>(machine, &[]))?;
        self.scene.until(&running, "a worker, and servers", |status| {
            status["posture"]["resolver-worker"].is_object() && status["origin"] == "network"
        })?;
        println!("  $ cat /etc/resolv.conf");
        print_indented(self.scene.until_named("the resolver's", &["127.0.0.53"])?.trim_end());
        heading("Its processes, as the kernel sees them (/proc/PID/status)");
        print!("{}", processes::table(&processes::of_daemon(self.shown.daemon, machine)?));
        println!(
            "\n  The worker hears programs and servers, and may do nothing; the broker opens its sockets, and hears nobody."
        );
        Ok(running)
    }

    fn lookup(&self) -> Result<()> {
        heading("A program of this machine looks a name up");
        let machine = &self.scene.host;
        let capture = Capture::start(machine)?;
        println!("  $ getent ahostsv4 www.example.org");
        let found = machine.run("getent", &["ahostsv4", "www.example.org"])?;
        print_indented(&found);
        ensure!(found.starts_with("203.0.113.7 "), "the C library has found another address");
        self.query("mail.example.org", "; found; from 192.0.2.")?;
        println!("  what the servers heard: each question from a port of its own, in letters of its own (0x20)");
        for (at, server) in SERVERS.iter().zip(&self.servers) {
            for Asked { from, name, .. } in server.asked() {
                println!("    {:<20} → {at}  {name}", from.to_string());
            }
        }
        let sent: Vec<Captured> = capture.frames().into_iter().filter(is_sent).collect();
        let other = sent.iter().find(|seen| !is_question(&seen.frame));
        ensure!(!sent.is_empty() && other.is_none(), "of {} packets one is no question: {other:02x?}", sent.len());
        println!("  nothing but questions to these servers has left the machine");
        Ok(())
    }

    fn cache(&self) -> Result<()> {
        heading("The same name again: nobody is asked");
        let name = "cached.example.org";
        let asked = || self.servers.iter().map(|server| server.times(name)).sum::<usize>();
        // Where a busy machine lets the seconds of an answer pass between two questions, they are asked once more.
        eventually("two questions within two seconds", DEADLINE, || {
            self.run_query(name)?;
            let before = asked();
            let again = self.run_query(name)?;
            Ok((asked() == before && again.contains("; found; from this machine, in ")).then_some(again))
        })
        .map(|again| self.print_query(name, &again))
    }

    fn failover(&self) -> Result<()> {
        heading("The first server breaks: it says SERVFAIL to everything");
        self.servers[0].become_like(|asked| vec![asked.code(server::SERVFAIL)]);
        let names = ["one.example.org", "two.example.org", "three.example.org"];
        for name in names {
            self.query(name, &format!("; found; from {}, in ", SERVERS[1]))?;
        }
        let asked = names.iter().filter(|name| self.servers[0].times(name) > 0).count();
        ensure!(asked > 0, "the broken server was asked for none of them, so nothing was shown");
        println!(
            "  nobody has seen a failure; the broken server was asked for {asked} of these names, and is the last one to be"
        );
        println!("  asked from now on");
        self.print_status()
    }

    fn stale(&mut self) -> Result<()> {
        heading("Both servers are gone");
        self.servers.clear();
        let old = eventually("an old answer", DEADLINE, || {
            Ok(Some(self.run_query("cached.example.org")?).filter(|answer| answer.contains(STALE)))
        })?;
        self.print_query("cached.example.org", &old);
        ensure!(old.contains(" A 203.0.113.7\n"), "what was known is another address");
        println!("  $ getent ahostsv4 cached.example.org");
        print_indented(&self.scene.host.run("getent", &["ahostsv4", "cached.example.org"])?);
        println!("  its two seconds are over: it is what was known, and says so (RFC 8767)");
        heading("They are back");
        self.servers = servers(&self.network)?;
        // The old name is asked for again half a minute after it was asked for in vain (RFC 8767 section 5); another one at once.
        eventually("an answer of a server", DEADLINE, || Ok(self.run_query("back.example.org").ok()))
            .map(|answer| self.print_query("back.example.org", &answer))?;
        self.print_status()
    }

    fn end(&self, running: &mut Running) -> Result<()> {
        heading("The end");
        let processes = processes::of_daemon(self.shown.daemon, &self.scene.host)?;
        let began = Instant::now();
        kill(Pid::from_raw(i32::try_from(processes::supervisor(&processes)?)?), Signal::SIGTERM)?;
        let status = running.wait_exit(DEADLINE)?;
        let took = began.elapsed().as_secs_f64() * 1000.0;
        println!("  SIGTERM to its PID 1: all three ended after {took:.0} ms ({status})");
        let left = self.scene.host.read("/run/resolvconf/resolv.conf")?;
        ensure!(left.trim_end() == before().trim_end(), "resolv.conf should be as it was:\n{left}");
        println!("  $ cat /etc/resolv.conf");
        print_indented(left.trim_end());
        Ok(())
    }

    /// Asks as the operator does, shows it, and holds the answer's last line to what it should say.
    fn query(&self, name: &str, wanted: &str) -> Result<()> {
        let answer = self.run_query(name)?;
        self.print_query(name, &answer);
        ensure!(answer.contains(wanted), "it should say {wanted:?}");
        Ok(())
    }

    fn run_query(&self, name: &str) -> Result<String> {
        self.scene.host.run(&self.shown.program, &["query", name])
    }

    fn print_query(&self, name: &str, answer: &str) {
        println!("  $ orlop-resolver query {name}");
        print_indented(answer);
    }

    fn print_status(&self) -> Result<()> {
        println!("  $ orlop-resolver status");
        print_indented(&self.scene.host.run(&self.shown.program, &["status"])?);
        Ok(())
    }
}

/// The servers, in order.
fn servers(network: &Host) -> Result<Vec<Server>> {
    let start = |(at, after): (&str, Duration)| {
        Server::start(network, at, move |asked| vec![asked.address(TTL, ADDRESS).after(after)])
    };
    SERVERS.into_iter().zip([Duration::ZERO, FAR]).map(start).collect()
}

/// resolv.conf as the lease has left it.
fn before() -> String {
    format!("search example.org\nnameserver {}\n", SERVERS.join("\nnameserver "))
}

/// Whether a frame left the machine with IPv4 in it: what else is on this wire is the kernel's ARP.
fn is_sent(seen: &Captured) -> bool {
    seen.outgoing && seen.interface == "eth0" && seen.frame.get(12..14) == Some(&[0x08, 0x00])
}

/// Whether a frame is a datagram to port 53 of one of the servers.
fn is_question(frame: &[u8]) -> bool {
    const UDP: u8 = 17;
    let to = frame.get(30..34).map(|to| to.iter().map(u8::to_string).collect::<Vec<_>>().join("."));
    frame.get(23) == Some(&UDP)
        && frame.get(36..38) == Some(&[0, 53])
        && to.is_some_and(|to| SERVERS.contains(&to.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_told_from_another_packet() {
        let frame = |protocol: u8, to: [u8; 4], port: u8| {
            let mut frame = vec![0; 60];
            frame[23] = protocol;
            frame[30..34].copy_from_slice(&to);
            frame[37] = port;
            frame
        };
        for (what, frame, want) in [
            ("a question", frame(17, [192, 0, 2, 2], 53), true),
            ("to somebody else", frame(17, [192, 0, 2, 3], 53), false),
            ("to another port", frame(17, [192, 0, 2, 1], 54), false),
            ("over TCP", frame(6, [192, 0, 2, 1], 53), false),
            ("cut", vec![0; 12], false),
        ] {
            assert_eq!(is_question(&frame), want, "{what}");
        }
    }
}
