//! The smallest daemon at work: what the frame gives to every daemon, seen from outside.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::process::Command;
use std::time::Duration;

use orlop_testbed::processes::{Trio, alive, murder};
use orlop_testbed::running::Running;
use orlop_testbed::{Host, Testbed, eventually};
use serde_json::Value;

const TALLY: &str = env!("CARGO_BIN_EXE_orlop-tally");
const WORKER: &str = env!("CARGO_BIN_EXE_orlop-tally-worker");
/// What anything here may take on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// A host of its own, or nothing where there can be none.
fn host() -> Option<Host> {
    Testbed::with(&[WORKER, "bash"]).map(|_| Host::new("tally").unwrap())
}

fn start(host: &Host, arguments: &[&str]) -> Running {
    host.spawn("orlop-tally", host.command(TALLY).args(arguments)).unwrap()
}

fn send(host: &Host, text: &str) {
    let script = format!("printf '%s' '{text}' >/dev/udp/127.0.0.1/7007");
    host.run("bash", &["-c", &script]).unwrap();
}

fn status(host: &Host) -> Option<Value> {
    serde_json::from_str(&host.read("/run/orlop/tally/status.json").ok()?).ok()
}

/// Waits until the sum is `want`.
fn sum(host: &Host, want: u64) -> Value {
    eventually(&format!("a sum of {want}"), SOON, || Ok(status(host).filter(|status| status["sum"] == want))).unwrap()
}

/// A service that hears: it has published its first status.
fn service(host: &Host) -> (Running, Trio) {
    let running = start(host, &[]);
    let trio = Trio::find(host, running.pid(), "tally-worker", SOON).unwrap();
    sum(host, 0);
    (running, trio)
}

#[test]
fn numbers_of_strangers_are_added_up_and_published() {
    let Some(host) = host() else { return };
    let (_running, _) = service(&host);
    for datagram in ["40", "no number", "2", "1001", "99999999999999999999"] {
        send(&host, datagram);
    }
    let status = sum(&host, 42);
    assert_eq!(
        (&status["schema"], &status["daemon"], &status["mode"]),
        (&1.into(), &"tally".into(), &"service".into())
    );
    let denied = eventually("a denial", SOON, || Ok(self::status(&host).filter(|status| status["denied"] == 1)));
    denied.expect("1001 is more than the policy permits");
    let worker = &status["posture"]["tally-worker"]["status"];
    assert_eq!((&worker["uids"][0], &worker["permitted"]), (&64_092.into(), &Value::Array(Vec::new())));
    let metrics = host.read("/run/orlop/metrics/tally.prom").unwrap();
    assert!(metrics.lines().any(|line| line == "orlop_tally_sum 42"), "{metrics}");
}

#[test]
fn an_order_reaches_the_process_that_runs() {
    let Some(host) = host() else { return };
    let (_running, _) = service(&host);
    send(&host, "7");
    sum(&host, 7);
    assert_eq!(host.run(TALLY, &["reset"]).unwrap(), "done\n");
    sum(&host, 0);
}

#[test]
fn a_one_shot_run_ends_with_the_first_number_and_says_when_it_has_it() {
    let Some(host) = host() else { return };
    let script = format!("exec {TALLY} --oneshot --ready-fd 7 7>/run/ready");
    let mut running = host.spawn("orlop-tally", host.command("bash").args(["-c", &script])).unwrap();
    Trio::find(&host, running.pid(), "tally-worker", SOON).unwrap();
    sum(&host, 0);
    assert_eq!(host.read("/run/ready").unwrap(), "", "there is no number yet");
    send(&host, "5");
    assert_eq!(running.wait_exit(SOON).unwrap().code(), Some(0));
    assert_eq!(host.read("/run/ready").unwrap(), "\n");
    assert!(running.stderr().contains("tally done sum=5"), "{}", running.text());
    assert!(
        !running.stderr().contains("tally-worker| error"),
        "that its broker has gone is no news: {}",
        running.text()
    );
    assert_eq!(status(&host).unwrap()["mode"], "one-shot");
}

#[test]
fn who_waits_is_told_once_and_hears_the_end_while_the_daemon_goes_on() {
    let Some(host) = host() else { return };
    let script = format!("mkfifo /run/fifo; (cat /run/fifo >/run/heard &); exec {TALLY} --ready-fd 70 70>/run/fifo");
    let running = host.spawn("orlop-tally", host.command("bash").args(["-c", &script])).unwrap();
    Trio::find(&host, running.pid(), "tally-worker", SOON).unwrap();
    sum(&host, 0);
    send(&host, "5");
    sum(&host, 5);
    let open = || host.run("bash", &["-c", "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c /run/fifo || true"]);
    eventually("the end of what is read", SOON, || Ok((open()? == "0\n").then_some(()))).unwrap();
    assert_eq!(host.read("/run/heard").unwrap(), "\n");
}

#[test]
fn a_daemon_that_is_started_anew_is_not_ready_again() {
    let Some(host) = host() else { return };
    let script = format!("exec {TALLY} --ready-fd 3 3>/run/ready");
    let running = host.spawn("orlop-tally", host.command("bash").args(["-c", &script])).unwrap();
    let trio = Trio::find(&host, running.pid(), "tally-worker", SOON).unwrap();
    sum(&host, 0);
    send(&host, "5");
    sum(&host, 5);
    murder(trio.worker).unwrap();
    eventually("a restart", SOON, || Ok(status(&host).filter(|status| status["restarts"] == 1))).unwrap();
    send(&host, "6");
    sum(&host, 6);
    assert_eq!(host.read("/run/ready").unwrap(), "\n");
}

#[test]
fn a_descriptor_that_the_user_did_not_open_is_a_mistake() {
    let Some(host) = host() else { return };
    for number in [3, 4, 5, 6, 7, 8, 64, 70] {
        let script = format!("exec {TALLY} --oneshot --ready-fd {number} {number}>&-");
        let mut running = host.spawn("orlop-tally", host.command("bash").args(["-c", &script])).unwrap();
        assert_eq!(running.wait_exit(SOON).unwrap().code(), Some(64), "{number}: {}", running.text());
        assert!(running.stderr().contains(&format!("descriptor {number} is not open")), "{}", running.text());
    }
}

#[test]
fn who_dies_is_back_and_the_status_says_how_often() {
    let Some(host) = host() else { return };
    let (running, trio) = service(&host);
    murder(trio.worker).unwrap();
    let again = eventually("a restart", SOON, || Ok(status(&host).filter(|status| status["restarts"] == 1))).unwrap();
    assert_eq!(again["sum"], 0);
    let anew = Trio::find(&host, running.pid(), "tally-worker", SOON).unwrap();
    assert!(anew.worker != trio.worker && anew.broker != trio.broker);
    send(&host, "3");
    sum(&host, 3);
}

/// The optional worker, by the name that it is called by.
fn prime(host: &Host) -> u32 {
    let there =
        || Ok(host.processes()?.into_iter().find(|(_, words)| words.starts_with("tally-prime")).map(|(pid, _)| pid));
    eventually("the optional worker", SOON, there).unwrap()
}

fn is_prime(host: &Host, sum: u64, want: bool) {
    let there = || Ok(status(host).filter(|status| status["sum"] == sum && status["prime"] == want));
    eventually(&format!("that {sum} is prime: {want}"), SOON, there).unwrap();
}

#[test]
fn an_optional_worker_comes_when_there_is_something_to_do_and_its_end_costs_what_it_does() {
    let Some(host) = host() else { return };
    let (running, trio) = service(&host);
    assert!(host.processes().unwrap().iter().all(|(_, words)| !words.starts_with("tally-prime")), "nobody has asked");
    send(&host, "7");
    is_prime(&host, 7, true);
    send(&host, "2");
    is_prime(&host, 9, false);
    assert_eq!(status(&host).unwrap()["posture"]["tally-prime"]["status"]["uids"][0], 64_091);
    murder(prime(&host)).unwrap();
    send(&host, "2");
    is_prime(&host, 11, true);
    assert!(
        running.text().contains("an optional worker is lost; all else goes on worker=\"tally-prime\""),
        "{}",
        running.text()
    );
    for pid in [trio.supervisor, trio.broker, trio.worker] {
        assert!(alive(pid), "nobody else was started anew: {}", running.text());
    }
}

/// One that never says what it is restricted by is given up after five seconds, and costs nobody else a moment.
#[test]
fn an_optional_worker_that_says_nothing_does_not_hold_the_broker_up() {
    let Some(host) = host() else { return };
    host.shell(&format!("mkdir /run/bin; cp {TALLY} {WORKER} /run/bin; cp /usr/bin/yes /run/bin/orlop-tally-prime"))
        .unwrap();
    let running = host.spawn("orlop-tally", &mut host.command("/run/bin/orlop-tally")).unwrap();
    Trio::find(&host, running.pid(), "tally-worker", SOON).unwrap();
    sum(&host, 0);
    let begun = std::time::Instant::now();
    send(&host, "7");
    prime(&host);
    for more in 1..=4 {
        send(&host, "1");
        let before = std::time::Instant::now();
        sum(&host, 7 + more);
        assert!(before.elapsed() < Duration::from_secs(2), "{:?}: {}", before.elapsed(), running.text());
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "all of it was before it is given up");
    running.wait_for("nothing heard for 5s", SOON).unwrap();
    send(&host, "1");
    sum(&host, 12);
    assert!(!running.text().contains("have ended"), "{}", running.text());
}

#[test]
fn help_and_mistakes_are_every_daemons() {
    let run = |arguments: &[&str]| {
        let output = Command::new(TALLY).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, help) = run(&["-h"]);
    assert_eq!(code, Some(0));
    for part in ["Usage: orlop-tally", "--ready-fd N", "  77  a sandbox layer or a capability is missing"] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
    assert_eq!(run(&["-V"]), (Some(0), format!("orlop-tally {}\n", env!("CARGO_PKG_VERSION"))));
    let (code, said) = run(&["rest"]);
    assert_eq!(code, Some(64));
    assert!(said.contains("did you mean: orlop-tally reset?"), "{said}");
}
