//! What a process inherits from whoever starts the daemon, and what becomes of it.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use nix::sys::signal::Signal;
use orlop_testbed::processes::{Trio, alive};
use orlop_testbed::running::Running;
use orlop_testbed::{Host, Testbed, eventually};

const TALLY: &str = env!("CARGO_BIN_EXE_orlop-tally");
const WORKER: &str = env!("CARGO_BIN_EXE_orlop-tally-worker");
const SOON: Duration = Duration::from_secs(10);

fn host(programs: &[&str]) -> Option<Host> {
    Testbed::with(&[&[WORKER, "bash"], programs].concat()).map(|_| Host::new("tally").unwrap())
}

/// The daemon, started by a shell after `before`, and then through `wrapper`.
fn start(host: &Host, before: &str, wrapper: &str) -> Running {
    let script = format!("{before}\nexec {wrapper} {TALLY}");
    host.spawn("orlop-tally", host.command("bash").args(["-c", &script])).unwrap()
}

/// What the daemon is started with, how, and whether it says that in a line.
const KINDS: [(&str, &str, &str, Option<&str>); 16] = [
    ("nothing special", "", "", None),
    ("no file may have a byte", "", "prlimit --fsize=0", Some("limits=fsize 0")),
    ("no file may have a byte, but more may be allowed", "", "prlimit --fsize=0:unlimited", None),
    ("some seconds of processor time", "", "prlimit --cpu=60:120", Some("limits=cpu 120")),
    ("few descriptors", "", "prlimit --nofile=32", Some("limits=nofile 32")),
    ("few descriptors, but more may be had", "", "prlimit --nofile=8:4096", None),
    ("little memory", "", "prlimit --as=100000000", Some("limits=as 100000000")),
    ("no memory may be locked", "", "prlimit --memlock=0 --msgqueue=0 --sigpending=0 --rtprio=0 --core=0", None),
    ("no process may be started", "", "prlimit --nproc=0", None),
    ("every signal ignored", "", "env --ignore-signal", None),
    ("every signal blocked", "", "env --block-signal", None),
    ("nothing open", "exec 0<&- 1>&-", "", None),
    ("a mask that forbids everything", "umask 777", "", None),
    ("a folder that is gone", "mkdir /run/gone; cd /run/gone; rmdir /run/gone", "", None),
    ("the least priority", "", "nice -n 19 chrt --idle 0", None),
    ("the first to go when memory is short", "echo 1000 >/proc/self/oom_score_adj", "", None),
];

#[test]
fn whatever_is_inherited_the_daemon_works_and_says_what_it_may_lack() {
    let Some(host) = host(&["prlimit", "chrt"]) else { return };
    for (what, before, wrapper, want) in KINDS {
        host.shell("rm -rf /run/orlop").unwrap();
        let mut running = start(&host, before, wrapper);
        let trio = Trio::find(&host, running.pid(), "tally-worker", SOON)
            .unwrap_or_else(|error| panic!("{what}: {error:#}: {}", running.text()));
        // It hears, adds and answers; a status it can write only where files may have bytes.
        host.run("bash", &["-c", "printf 42 >/dev/udp/127.0.0.1/7007"]).unwrap();
        if !wrapper.ends_with("--fsize=0") {
            let sum = || {
                Ok(host.read("/run/orlop/tally/status.json").unwrap_or_default().contains("\"sum\": 42").then_some(()))
            };
            eventually("the sum", SOON, sum).unwrap_or_else(|error| panic!("{what}: {error:#}: {}", running.text()));
        }
        let answered = || Ok(host.run("bash", &["-c", &format!("{TALLY} reset")]).is_ok().then_some(()));
        eventually("an answer", SOON, answered).unwrap_or_else(|error| panic!("{what}: {error:#}: {}", running.text()));
        assert!(alive(trio.worker), "{what}");
        running.signal(Signal::SIGTERM).unwrap();
        assert_eq!(running.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}", running.text());
        let said = running.text();
        assert!(!said.contains("have ended"), "{what}: nothing was started anew: {said}");
        let told: Vec<&str> = said.lines().filter(|line| line.contains("started with limits")).collect();
        assert_eq!(told.len(), usize::from(want.is_some()), "{what}: {said}");
        assert!(want.is_none_or(|want| told[0].ends_with(want)), "{what}: {said}");
    }
}
