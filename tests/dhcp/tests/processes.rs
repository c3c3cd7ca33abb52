//! Processes that die, and processes that are told to.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use orlop_test_dhcp::{ADDRESS, SOON, Scene, dhcp, lease_of, leased, testbed};
use orlop_testbed::memory::relocated;
use orlop_testbed::processes::{alive, murder};
use orlop_testbed::{Monitor, Phase, Script, Trio, eventually};

/// A restart has to be over by then.
const RESTART: Duration = Duration::from_secs(1);

#[test]
fn a_killed_half_is_back_within_a_second_and_the_lease_is_kept() {
    let Some(_) = testbed(&[]) else { return };
    for victim in ["worker", "broker"] {
        let scene = Scene::new().unwrap();
        let rogue = scene.rogue(Script::serve(&lease_of(20).times(3, 15))).unwrap();
        let daemon = scene.service(&dhcp()).unwrap();
        let before = scene.trio(&daemon, SOON).unwrap();
        let monitor = Monitor::start(&scene.client).unwrap();
        murder(if victim == "worker" { before.worker } else { before.broker }).unwrap();
        let killed = Instant::now();
        let new_pair = || {
            let now = scene.trio(&daemon, Duration::from_millis(1))?;
            Ok((now.worker != before.worker && now.broker != before.broker).then_some(now))
        };
        let after = eventually("a new pair", SOON, new_pair)
            .unwrap_or_else(|error| panic!("{victim}: {error:#}\n{}", daemon.text()));
        assert!(killed.elapsed() < RESTART, "{victim}: it took {:?}", killed.elapsed());
        assert_eq!(after.supervisor, before.supervisor);
        // It takes up the lease: by asking again for the address, or by renewing in time.
        let asked = rogue.asked().len();
        let takes_up = || {
            Ok(rogue.asked()[asked..]
                .iter()
                .any(|asked| [Phase::Rebooting, Phase::Renewing].contains(&asked.phase))
                .then_some(()))
        };
        let already = rogue.count(Phase::Rebooting) > 0;
        if !already {
            eventually("the new pair asking for the address", SOON, takes_up)
                .unwrap_or_else(|error| panic!("{victim}: {error:#}\n{}", daemon.text()));
        }
        let renewals = rogue.count(Phase::Renewing);
        rogue
            .wait_for(Phase::Renewing, renewals + 1, SOON)
            .unwrap_or_else(|error| panic!("{victim}: {error:#}\n{}", daemon.text()));
        assert!(monitor.deletions().unwrap().is_empty(), "{victim}: {:?}", monitor.deletions());
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{victim}");
        assert_eq!(rogue.count(Phase::Discover), 1, "{victim}: nobody started anew");
    }
}

#[test]
fn a_worker_killed_again_and_again_does_not_cost_the_address() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    let mut last = 0;
    for _ in 0..4 {
        let next = || Ok(Some(scene.trio(&daemon, Duration::from_millis(1))?).filter(|trio| trio.worker != last));
        last = eventually("the next worker", SOON, next).unwrap().worker;
        // A worker may die of something else between the two.
        let _ = murder(last);
    }
    assert!(alive(daemon.pid()), "{}", daemon.text());
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn when_the_supervisor_dies_nothing_lives_on() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let trio = scene.trio(&daemon, SOON).unwrap();
    murder(trio.supervisor).unwrap();
    let all_gone = || Ok((!alive(trio.broker) && !alive(trio.worker)).then_some(()));
    eventually("the end of broker and worker", Duration::from_secs(2), all_gone).unwrap();
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "the kernel keeps what was configured");
}

#[test]
fn sigterm_ends_everything_in_two_seconds_also_as_the_first_process_of_a_container() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let binary = dhcp().binary();
    let mut unshare = scene.client.command("unshare");
    unshare.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--mount", "--"]).arg(binary);
    let mut container = scene.client.spawn("container", &mut unshare).unwrap();
    leased(&scene.client).unwrap_or_else(|error| panic!("{error:#}\n{}", container.text()));
    let find_init = || {
        let processes = scene.client.processes()?;
        let init = processes.iter().find(|(pid, words)| {
            *pid != container.pid()
                && !words.contains("unshare")
                && !words.contains("--broker-of")
                && !words.contains("worker")
        });
        Ok(init.map(|(pid, _)| *pid))
    };
    let init = eventually("the first process", SOON, find_init).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{init}/status")).unwrap();
    let inside = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .and_then(|pids| pids.split_whitespace().last())
        .unwrap();
    assert_eq!(inside, "1", "it is PID 1 there");
    let start = Instant::now();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(init.try_into().unwrap()), Signal::SIGTERM).unwrap();
    let status = container.wait_exit(Duration::from_secs(2)).unwrap();
    println!("PID 1 ended after {:?}", start.elapsed());
    assert!(status.success(), "{status}: {}", container.text());
    assert!(scene.client.processes().unwrap().is_empty(), "{:?}", scene.client.processes());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "the lease stays in force");
}

#[test]
fn a_oneshot_run_survives_the_death_of_its_worker() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::silent()).unwrap();
    let mut run = dhcp().oneshot().start(&scene.client).unwrap();
    rogue.wait_for(Phase::Discover, 1, SOON).unwrap();
    murder(scene.trio(&run, SOON).unwrap().worker).unwrap();
    rogue.set(Script::serve(&lease_of(600)));
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn what_was_relocated_is_read_only_in_every_process() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let Trio { supervisor, broker, worker } = scene.trio(&daemon, SOON).unwrap();
    leased(&scene.client).unwrap();
    for (name, pid) in [("supervisor", supervisor), ("broker", broker), ("worker", worker)] {
        let mappings = relocated(pid).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert!(!mappings.is_empty(), "{name}: nothing is mapped there");
        for (line, rights) in mappings {
            assert_eq!(rights, "r--p", "{name}: {line}");
        }
    }
}

#[test]
fn a_second_daemon_says_who_is_there_and_leaves_the_first_alone() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let mut daemon = scene.service(&dhcp()).unwrap();
    for args in [&[][..], &["eth0"], &["--oneshot"], &["--oneshot", "eth9"]] {
        let mut second = dhcp().args(args.iter().copied()).start(&scene.client).unwrap();
        assert_eq!(second.wait_exit(SOON).unwrap().code(), Some(73), "{args:?}: {}", second.text());
        let said = second.text();
        assert!(
            said.contains("already running") && said.contains(&format!("process {}", daemon.pid())),
            "{args:?}: {said}"
        );
        assert!(said.contains("orlop-dhcp status") && !said.contains("have ended"), "{args:?}: one error: {said}");
    }
    // What only asks is no second daemon.
    for args in [&["status"][..], &["renew"], &["--check"], &["--posture"]] {
        let mut asks = dhcp().args(args.iter().copied()).start(&scene.client).unwrap();
        assert_eq!(asks.wait_exit(SOON).unwrap().code(), Some(0), "{args:?}: {}", asks.text());
    }
    assert!(daemon.poll_exit().unwrap().is_none(), "{}", daemon.text());
    // In a network of its own there is nobody, though the folders are the same. It takes no orders: the socket is the first's.
    let mut unshare = scene.client.command("unshare");
    let alone = unshare.arg("--net").arg(dhcp().binary()).args(["--oneshot", "--deadline", "1", "eth0"]);
    let mut alone = scene.client.spawn("alone", alone).unwrap();
    assert_eq!(alone.wait_exit(SOON).unwrap().code(), Some(69), "{}", alone.text());
    // However the first ends, the next may start.
    daemon.signal(Signal::SIGKILL).unwrap();
    daemon.wait_exit(SOON).unwrap();
    assert_eq!(scene.oneshot(&dhcp()).unwrap().wait_exit(SOON).unwrap().code(), Some(0));
}
