//! In whose name the kernel counts what the processes of a daemon use up: never in root's, which every container shares.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use orlop_test_frame::profiles::DAEMON;
use orlop_testbed::{Host, Testbed, eventually};

const TALLY: &str = env!("CARGO_BIN_EXE_orlop-tally");
const SOON: Duration = Duration::from_secs(20);

/// A call that the kernel charges to the real user of who makes it, and what strace shows of it then.
const CHARGED: [(&str, &str); 2] = [("epoll_create1(", ""), ("sendmsg(", "SCM_RIGHTS")];

#[test]
fn loops_and_descriptors_under_way_are_counted_for_the_daemon_and_not_for_root() {
    let Some(host) = Testbed::with(&["strace", "bash"]).map(|_| Host::new("tally").unwrap()) else { return };
    let calls = "trace=setresuid,epoll_create1,sendmsg";
    let mut command = host.command("strace");
    let mut run =
        host.spawn("strace", command.args(["-f", "-e", calls, "-o", "/run/calls", "--", TALLY, "--oneshot"])).unwrap();
    let heard = || {
        host.run("bash", &["-c", "printf 5 >/dev/udp/127.0.0.1/7007"])?;
        run.poll_exit()
    };
    assert_eq!(eventually("the end", SOON, heard).unwrap().code(), Some(0), "{}", run.text());

    let text = host.read("/run/calls").unwrap();
    let (mut real, mut seen) = (BTreeMap::new(), [0; CHARGED.len()]);
    for line in text.lines() {
        let Some((pid, call)) = line.trim_start().split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(user) = call.strip_prefix("setresuid(").and_then(|rest| rest.split(',').next()?.parse::<u32>().ok())
        {
            real.insert(pid, user);
        }
        for ((name, part), seen) in CHARGED.iter().zip(&mut seen) {
            if call.starts_with(name) && call.contains(part) {
                *seen += 1;
                let user = real.get(pid).copied().unwrap_or(0);
                assert!(user == DAEMON.account() || (64_091..=64_092).contains(&user), "{user}: {line}\n{text}");
            }
        }
    }
    assert!(
        seen[0] >= 2 && seen[1] >= 2,
        "broker and worker have a loop, supervisor and broker hand over: {seen:?}\n{text}"
    );
}
