//! Processes that die, that are told to, and that may not run at all.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::Signal;
use orlop_test_ntp::{Clock, RIGHT, SOON, Scene, end, ntp, steps, testbed};
use orlop_testbed::processes::{alive, murder};
use orlop_testbed::{Launch, eventually};

const SECOND: i128 = 1_000_000_000;
const DAY: Duration = Duration::from_secs(86_400);
/// 500 ppm in 2^-16 ppm: as fast as a clock is slewed.
const FULL_SLEW: i128 = 500 << 16;

/// A service of the three honest servers.
fn daemon() -> Launch {
    ntp().args(Scene::SERVERS)
}

#[test]
fn a_killed_half_is_back_and_neither_sets_the_clock_again_nor_forgets_what_was_spent() {
    let Some(_) = testbed(&[]) else { return };
    for victim in ["worker", "broker"] {
        let scene = Scene::new(Clock::behind(DAY)).unwrap();
        let _servers = scene.servers(3).unwrap();
        let daemon = scene.service(&daemon()).unwrap();
        let spent = scene.kept("steps-spent").unwrap();
        assert!(spent > 590 * SECOND, "a step was made: {spent}");
        let before = scene.trio(&daemon, SOON).unwrap();
        let killed = Instant::now();
        murder(if victim == "worker" { before.worker } else { before.broker }).unwrap();
        let back = |status: &serde_json::Value| status["restarts"] == 1 && status["synchronised"] == true;
        let status = scene.until(&daemon, "a new pair", back).unwrap_or_else(|error| panic!("{victim}: {error:#}"));
        let after = scene.trio(&daemon, SOON).unwrap();
        assert!(after.worker != before.worker && after.broker != before.broker, "{victim}: {after:?}");
        assert_eq!(after.supervisor, before.supervisor, "{victim}");
        let passed = i128::try_from(killed.elapsed().as_nanos()).unwrap();
        let left = scene.kept("steps-spent").unwrap();
        assert!(left >= spent - passed - 10 * SECOND, "{victim}: {left} of {spent}");
        assert_eq!(status["last_step"], serde_json::Value::Null, "{victim}: {status:#}");
        assert_eq!(steps(&daemon, 1), 1, "{victim}: {}", daemon.text());
        assert!(scene.clock().unwrap().error().abs() < RIGHT, "{victim}: {}", daemon.text());
    }
}

#[test]
fn what_was_spent_of_the_way_forwards_stays_spent_however_the_daemon_ends() {
    let Some(_) = testbed(&[]) else { return };
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
        let _servers = scene.servers(3).unwrap();
        end(scene.service(&daemon()).unwrap()).unwrap();
        // Without any occasion a clock goes forwards by four days: once three of them, and not three days more.
        Clock::behind(3 * DAY).put(&scene.host).unwrap();
        let mut second = scene.service(&daemon()).unwrap();
        assert!(scene.clock().unwrap().error().abs() < RIGHT, "{signal}: {}", second.text());
        second.signal(signal).unwrap();
        second.wait_exit(SOON).unwrap();
        Clock::behind(3 * DAY).put(&scene.host).unwrap();
        let third = scene.start(&daemon()).unwrap();
        let refused = |status: &serde_json::Value| status["refused"].as_str().is_some_and(|why| why.contains("budget"));
        scene.until(&third, "a refusal", refused).unwrap_or_else(|error| panic!("{signal}: {error:#}"));
        let error = scene.clock().unwrap().error();
        assert!(error > 3 * 86_000 * SECOND, "{signal}: {error} ns\n{}", third.text());
    }
}

#[test]
fn after_a_restart_the_clock_is_never_set_backwards() {
    let Some(_) = testbed(&[]) else { return };
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
        let _servers = scene.servers(3).unwrap();
        let mut first = scene.service(&daemon()).unwrap();
        first.signal(signal).unwrap();
        first.wait_exit(SOON).unwrap();
        Clock::ahead(DAY).put(&scene.host).unwrap();
        let second = scene.start(&daemon()).unwrap();
        let slewing = |status: &serde_json::Value| status["phase"] == "slewing";
        let status = scene.until(&second, "a slew", slewing).unwrap_or_else(|error| panic!("{signal}: {error:#}"));
        assert_eq!(status["synchronised"], false, "{signal}: a day off: {status:#}");
        let clock = scene.clock().unwrap();
        assert!(clock.error() < -86_390 * SECOND, "{signal}: {} ns\n{}", clock.error(), second.text());
        assert_eq!(steps(&second, 0), 0, "{signal}: {}", second.text());
        let rate = || Ok(Some(scene.clock()?.rate()).filter(|rate| *rate <= -FULL_SLEW + (20 << 16)));
        eventually("the fastest slew backwards", SOON, rate).unwrap_or_else(|error| panic!("{error:#} {clock:?}"));
    }
}

// Whoever dies in the middle of a slew leaves a clock that runs 500 ppm wrong: the next one must not wait for a server.
#[test]
fn a_slew_does_not_outlive_the_broker_that_died_in_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
    let servers = scene.servers(3).unwrap();
    end(scene.service(&daemon()).unwrap()).unwrap();
    Clock::ahead(DAY).put(&scene.host).unwrap();
    let daemon = scene.start(&daemon()).unwrap();
    scene.until(&daemon, "a slew", |status| status["phase"] == "slewing").unwrap();
    let rate = || Ok(Some(scene.clock()?.rate()).filter(|rate| *rate < -FULL_SLEW / 2));
    eventually("the slew", SOON, rate).unwrap();
    drop(servers);
    murder(scene.trio(&daemon, SOON).unwrap().broker).unwrap();
    scene.until(&daemon, "a new pair", |status| status["restarts"] == 1).unwrap();
    let rate = || Ok(Some(scene.clock()?.rate()).filter(|rate| rate.abs() < FULL_SLEW / 2));
    eventually("the crystal's own rate", SOON, rate).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
}

#[test]
fn sigterm_ends_everything_and_leaves_the_state_and_the_rate_of_the_crystal() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let _servers = scene.servers(3).unwrap();
    let mut daemon = scene.service(&daemon()).unwrap();
    let trio = scene.trio(&daemon, SOON).unwrap();
    daemon.signal(Signal::SIGTERM).unwrap();
    assert_eq!(daemon.wait_exit(Duration::from_secs(2)).unwrap().code(), Some(0), "{}", daemon.text());
    assert!(!alive(trio.broker) && !alive(trio.worker), "{}", daemon.text());
    let clock = scene.clock().unwrap();
    assert_eq!(scene.kept("drift").unwrap(), clock.rate(), "{}", daemon.text());
    assert!(clock.error().abs() < RIGHT, "{}", daemon.text());
    let shown = scene.command(&["status"]).unwrap().stdout();
    assert!(shown.lines().next().is_some_and(|line| line.contains("not running") || line.contains("ended")), "{shown}");
}

// Also one that is told to end in the middle of a slew: nobody would take it back.
#[test]
fn a_slew_ends_with_the_daemon() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
    let _servers = scene.servers(3).unwrap();
    end(scene.service(&daemon()).unwrap()).unwrap();
    Clock::ahead(DAY).put(&scene.host).unwrap();
    let daemon = scene.start(&daemon()).unwrap();
    let rate = || Ok(Some(scene.clock()?.rate()).filter(|rate| *rate < -FULL_SLEW / 2));
    eventually("the slew", SOON, rate).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    end(daemon).unwrap();
    let rate = scene.clock().unwrap().rate();
    assert_eq!(scene.kept("drift").unwrap(), rate);
    assert!(rate.abs() < FULL_SLEW / 2, "{rate}");
}

#[test]
fn when_the_supervisor_dies_nothing_lives_on() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let _servers = scene.servers(3).unwrap();
    let daemon = scene.service(&daemon()).unwrap();
    let trio = scene.trio(&daemon, SOON).unwrap();
    murder(trio.supervisor).unwrap();
    let all_gone = || Ok((!alive(trio.broker) && !alive(trio.worker)).then_some(()));
    eventually("the end of broker and worker", Duration::from_secs(5), all_gone).unwrap();
}

#[test]
fn who_may_not_set_the_clock_says_what_to_write_and_ends() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    for args in [&["--oneshot", "127.0.0.1:1121"][..], &["127.0.0.1:1121"]] {
        let mut run = scene.powerless("orlop-ntp", args).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(77), "{args:?}: {}", run.text());
        let said = run.stderr();
        assert!(said.contains("lacks CAP_SYS_TIME"), "{args:?}: {said}");
        let line = said.lines().find_map(|line| line.split_once("capabilities: [")).unwrap_or_default().1;
        for capability in ["SETUID", "SETGID", "SETPCAP", "SYS_CHROOT", "KILL", "SYS_TIME"] {
            assert!(line.contains(&format!("CAP_{capability}")), "{args:?}: {capability} is not in {said}");
        }
    }
}

// /proc shows the capability there, and the kernel refuses all the same: only trying it tells.
#[test]
fn in_a_user_namespace_the_kernel_is_asked_and_not_proc() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let script = r#"until grep -q 70000 /proc/self/uid_map && grep -q 70000 /proc/self/gid_map; do sleep 0.01; done
        grep -q '^CapEff:.*ff$' /proc/self/status; exec "$0" "$@""#;
    let mut unshare = scene.host.command("unshare");
    unshare.args(["--user", "--", "sh", "-ec", script]).arg(ntp().binary()).args(["--oneshot", "127.0.0.1:1121"]);
    let mut run = scene.host.spawn("orlop-ntp", &mut unshare).unwrap();
    let maps = ["gid_map", "uid_map"].map(|map| format!("/proc/{}/{map}", run.pid()));
    let mapped = || {
        // Until the process is in its namespace, its maps are those of everybody and cannot be written.
        maps.iter().try_for_each(|map| std::fs::write(map, "0 0 70000\n"))?;
        Ok(Some(()))
    };
    eventually("a user namespace with users", SOON, mapped).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(77), "{}", run.text());
    let said = run.text();
    assert!(said.contains("may not set the clock") && said.contains("CAP_SYS_TIME"), "{said}");
}

#[test]
fn a_second_daemon_says_who_is_there_and_one_with_a_clock_of_its_own_does_not_mind() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    // What a daemon holds that keeps the machine's clock, which none may here.
    let network = std::fs::metadata(format!("/proc/{}/ns/net", scene.host.pid())).unwrap().ino();
    let path = scene.host.path(format!("/run/orlop/control/ntp/running.{network}"));
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    let whole = libc::flock { l_type: 1, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(&file, FcntlArg::F_SETLK(&whole)).unwrap();
    for args in [&["127.0.0.1:1121"][..], &["--oneshot", "127.0.0.1:1121"]] {
        let mut second = scene.powerless("orlop-ntp", args).unwrap();
        assert_eq!(second.wait_exit(SOON).unwrap().code(), Some(73), "{args:?}: {}", second.text());
        let said = second.text();
        assert!(said.contains("already running") && said.contains("orlop-ntp status"), "{args:?}: {said}");
        assert!(said.contains(&format!("process {}", std::process::id())), "{args:?}: {said}");
    }
    let _servers = scene.servers(3).unwrap();
    let mut other = scene.oneshot(&daemon()).unwrap();
    assert_eq!(other.wait_exit(SOON).unwrap().code(), Some(0), "{}", other.text());
    // However the first ends, the next may start.
    drop(file);
    let mut next = scene.powerless("orlop-ntp", &["127.0.0.1:1121"]).unwrap();
    assert_eq!(next.wait_exit(SOON).unwrap().code(), Some(77), "{}", next.text());
}

// As far as it goes without this machine's clock: the rest is for a machine of its own.
#[test]
fn openntpds_command_line_and_configuration_are_understood() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let conf = "# as LinuxKit ships it\nlisten on *\nservers pool.ntp.org\nserver 127.0.0.1:1121 weight 5\nsensor *\n";
    scene.host.write("/run/ntpd.conf", conf).unwrap();
    let mut check = scene.powerless("/usr/sbin/ntpd", &["-n", "-f", "/run/ntpd.conf"]).unwrap();
    assert_eq!(check.wait_exit(SOON).unwrap().code(), Some(0), "{}", check.text());
    for (line, word) in [(2, "listen on"), (4, "weight"), (5, "sensor")] {
        let told = |said: &str| said.contains(&format!("/run/ntpd.conf, line {line}")) && said.contains(word);
        assert!(check.stderr().lines().any(told), "{word}: {}", check.text());
    }
    // What LinuxKit starts comes as far as the clock.
    for args in [&["-d", "-f", "/run/ntpd.conf"][..], &["-d", "-s", "-f", "/run/ntpd.conf"], &["-d"]] {
        let mut run = scene.powerless("/usr/sbin/ntpd", args).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(77), "{args:?}: {}", run.text());
    }
    scene.host.write("/run/ntpd.conf", "servers pool.ntp.org\nserveur 127.0.0.1\n").unwrap();
    let mut wrong = scene.powerless("/usr/sbin/ntpd", &["-d", "-f", "/run/ntpd.conf"]).unwrap();
    assert_eq!(wrong.wait_exit(SOON).unwrap().code(), Some(78), "{}", wrong.text());
    assert!(wrong.stderr().contains("line 2") && wrong.stderr().contains("serveur"), "{}", wrong.text());
}
