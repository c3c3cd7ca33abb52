//! A service: what comes later is put in force, and what others change is reported, or put back.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::fs;
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, sendto, socket};
use nix::unistd::Pid;
use orlop_test_sysctl::{Audit, Place, Program};
use orlop_testbed::Running;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);

/// An interval that is not over before the test is: what happens earlier happens because of an event.
const NEVER: &[&str] = &["--follow", "--interval", "86400"];

/// Often enough for a test of what no event tells.
const OFTEN: &[&str] = &["--follow", "--interval", "1"];

/// Starts a service, and waits until it follows.
fn follow(place: &Place, arguments: &[&str]) -> Running {
    let mut command = Program::Orlop.command();
    let running = place.host.enter(|| Running::start("orlop-sysctl", command.args(arguments))).unwrap();
    running.wait_for("following", SOON).unwrap();
    running
}

/// Waits until something is the case.
fn wait_until(what: &str, running: &Running, is: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !is() {
        assert!(Instant::now() < end, "{what} is not the case:\n{}", running.text());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stop(mut running: Running) -> String {
    running.signal(Signal::SIGTERM).unwrap();
    let status = running.wait_exit(Duration::from_secs(5)).unwrap();
    assert_eq!(status.code(), Some(0), "{}", running.text());
    running.text()
}

fn status(place: &Place) -> Value {
    serde_json::from_str(&place.host.read("/run/orlop/sysctl/status.json").unwrap()).unwrap()
}

/// Whether a key has this value; nobody minds if there is no such key.
fn is(place: &Place, key: &str, value: &str) -> bool {
    place.get(key).is_ok_and(|now| now == value)
}

#[test]
fn an_interface_that_comes_later_gets_its_settings() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place
        .configure_one(
            // Not `*`, which would set `default` as well, and the kernel copies that.
            "net.ipv4.conf.[no]*.arp_ignore = 2\nnet.ipv4.conf.new0.log_martians = 1\nnet.ipv6.conf.new?.hop_limit = 77\n",
        )
        .unwrap();
    let running = follow(&place, NEVER);
    let (pattern, named) = ("net/ipv4/conf/new0/arp_ignore", "net/ipv4/conf/new0/log_martians");
    for round in 0..3 {
        // At once after each other: it is another interface, and nothing else says so.
        place.host.shell("ip link del new0 2>/dev/null || true; ip link add new0 type veth peer name far0").unwrap();
        wait_until("all of them in force", &running, || {
            is(&place, pattern, "2") && is(&place, named, "1") && is(&place, "net/ipv6/conf/new0/hop_limit", "77")
        });
        wait_until("it is said", &running, || status(&place)["follow"]["came"].as_u64().unwrap() >= 3 * (round + 1));
    }
    // One that takes the name of another.
    place.host.shell("ip link add other type veth peer name far1").unwrap();
    wait_until("that of the other", &running, || is(&place, "net/ipv4/conf/other/arp_ignore", "2"));
    place.set("net/ipv4/conf/other/arp_ignore", "0").unwrap();
    place.host.shell("ip link del new0; ip link set other name new0").unwrap();
    wait_until("those of the name", &running, || is(&place, pattern, "2") && is(&place, named, "1"));
    wait_until("what has gone is forgotten", &running, || {
        Audit::of(&place).unwrap().records.iter().all(|record| !record.key.contains(".other."))
    });
    let status = status(&place);
    assert_eq!((status["mode"].as_str(), status["follow"]["foreign"].as_u64()), (Some("follow"), Some(0)), "{status}");
    let audit = Audit::of(&place).unwrap();
    assert_eq!(audit.of_key("net.ipv4.conf.new0.log_martians").unwrap().result, "ok");
    let said = stop(running);
    assert!(
        said.contains("in force, now that there is something to set: net.ipv4.conf.new0.arp_ignore and 2 more"),
        "{said}"
    );
}

#[test]
fn a_change_by_somebody_else_is_said_once_and_left_alone() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("net.ipv4.conf.eth0.arp_ignore = 2\nkernel.domainname = ours\n").unwrap();
    let running = follow(&place, OFTEN);
    place.set("kernel/domainname", "theirs").unwrap();
    let line = running.wait_for("kernel.domainname = ours: overtaken", SOON).unwrap();
    assert!(line.text.ends_with("it is theirs"), "{line:?}");
    place.set("net/ipv4/conf/eth0/arp_ignore", "0").unwrap();
    running.wait_for("arp_ignore = 2: overtaken", SOON).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let lines = running.lines().into_iter().filter(|line| line.text.contains("overtaken")).count();
    assert_eq!(lines, 2, "{}", running.text());
    assert!(is(&place, "kernel/domainname", "theirs") && is(&place, "net/ipv4/conf/eth0/arp_ignore", "0"));
    let status = status(&place);
    assert_eq!((status["follow"]["foreign"].as_u64(), status["follow"]["put_back"].as_u64()), (Some(2), Some(0)));
    assert_eq!(Audit::of(&place).unwrap().of_key("kernel.domainname").unwrap().result, "overtaken");
    stop(running);
}

#[test]
fn with_enforce_it_is_put_back_and_not_for_ever() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("net.ipv4.conf.eth0.arp_ignore = 2\nkernel.domainname = ours\n").unwrap();
    let running = follow(&place, &[OFTEN, &["--enforce"]].concat());
    let put_back = || status(&place)["follow"]["put_back"].as_u64().unwrap();
    for (round, (key, theirs, ours)) in
        (0..).zip([("kernel/domainname", "theirs", "ours"), ("net/ipv4/conf/eth0/arp_ignore", "0", "2")])
    {
        for time in 1..=3 {
            place.set(key, theirs).unwrap();
            // Not before it was read back, or this would be one more change.
            wait_until("it is put back", &running, || put_back() == 3 * round + time && is(&place, key, ours));
        }
        place.set(key, theirs).unwrap();
        let key_said = key.replace('/', ".");
        running.wait_for(&format!("{key_said} is changed again and again"), SOON).unwrap();
        assert!(is(&place, key, theirs), "not at once");
    }
    assert_eq!(put_back(), 6);
    stop(running);
}

/// What a module brings is not there when the kernel says that it is loaded.
#[test]
fn what_a_module_brings_is_put_in_force() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.host.shell("rm -rf /run/tree; mkdir -p /run/tree/net; echo 0 >/run/tree/net/there").unwrap();
    place.configure_one("net.there = 1\nnet.late = 1\n").unwrap();
    let running = follow(&place, &[NEVER, &["--sysctl-dir", "/run/tree"]].concat());
    let late = || place.host.read("/run/tree/net/late").is_ok_and(|now| now == "1\n");
    for (what, delay) in [("at once", 0), ("late", 3000)] {
        announce(&place, "add@/module/late");
        std::thread::sleep(Duration::from_millis(delay));
        place.host.write("/run/tree/net/late", "0\n").unwrap();
        wait_until(what, &running, late);
        fs::remove_file(place.host.path("/run/tree/net/late")).unwrap();
        announce(&place, "remove@/module/late");
        wait_until("it is missing", &running, || Audit::of(&place).unwrap().count("missing") == 1);
    }
    // The control: another device is no reason to look.
    std::thread::sleep(Duration::from_secs(6));
    announce(&place, "add@/devices/virtual/late");
    place.host.write("/run/tree/net/late", "0\n").unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(!late(), "{}", running.text());
    stop(running);
}

/// Says to everybody in the place's network namespace what the kernel says of a device.
fn announce(place: &Place, event: &str) {
    let text = format!("{event}\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=module\0");
    // A `struct nlmsghdr`, which the kernel takes off: its length, any type, and that it is a request.
    let mut message = u32::try_from(16 + text.len()).unwrap().to_ne_bytes().to_vec();
    message.extend([0x10_u16, 1].map(u16::to_ne_bytes).concat());
    message.extend([0; 8]);
    message.extend(text.as_bytes());
    place
        .host
        .enter(|| {
            let protocol = SockProtocol::NetlinkKObjectUEvent;
            let socket = socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol)?;
            sendto(socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
            Ok(())
        })
        .unwrap();
}

/// The processes of a service by the names they have, which are those of their profiles as far as there is room.
fn processes(running: &Running) -> Vec<(String, Pid)> {
    let mut found = Vec::new();
    let mut ahead = vec![running.pid()];
    while let Some(pid) = ahead.pop() {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        ahead.extend(children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        found.push((name.trim_end().to_owned(), Pid::from_raw(i32::try_from(pid).unwrap())));
    }
    found
}

#[test]
fn whichever_process_ends_the_service_goes_on() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("net.ipv4.conf.new*.arp_ignore = 2\n").unwrap();
    let running = follow(&place, NEVER);
    // Until it has proven that it can run.
    std::thread::sleep(Duration::from_millis(1500));
    for (round, name) in ["sysctl-worker", "sysctl-broker", "sysctl-net"].into_iter().enumerate() {
        let mark = running.mark();
        let (_, pid) = processes(&running).into_iter().find(|(comm, _)| comm == name).expect(name);
        kill(pid, Signal::SIGKILL).unwrap();
        // That an applier has ended is known when there is work for it.
        if name != "sysctl-net" {
            running.wait_for_after(mark, "following", SOON).unwrap();
        }
        place.host.shell(&format!("ip link add new{round} type veth peer name far{round}")).unwrap();
        let key = format!("net/ipv4/conf/new{round}/arp_ignore");
        wait_until("what comes is put in force", &running, || is(&place, &key, "2"));
        running.wait_for_after(mark, "following", SOON).unwrap();
        assert_eq!(status(&place)["restarts"].as_u64(), Some(round as u64 + 1), "{name}");
        std::thread::sleep(Duration::from_millis(1200));
    }
    stop(running);
}

#[test]
fn it_is_ready_after_the_first_run_whatever_became_of_single_settings() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("kernel.domainname = ours\nnet.ipv4.ip_default_ttl = none\nnot a line\n").unwrap();
    let program = Program::Orlop.path();
    let script = format!("exec {} --follow --ready-fd 3 3>/run/ready", program.display());
    let mut command = Command::new("sh");
    let running = place.host.enter(|| Running::start("orlop-sysctl", command.args(["-c", &script]))).unwrap();
    wait_until("it is ready", &running, || place.host.read("/run/ready").is_ok_and(|said| said == "\n"));
    assert!(is(&place, "kernel/domainname", "ours"));
    assert_eq!(status(&place)["outcome"]["exit"].as_u64(), Some(2), "what one run would have ended with");
    stop(running);
}

/// Nobody wakes who has nothing to do.
#[test]
fn a_service_that_has_nothing_to_do_sleeps() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("net.ipv4.conf.*.arp_ignore = 2\nkernel.domainname = ours\n").unwrap();
    let running = follow(&place, NEVER);
    // The interfaces of the place have just been made, and the kernel has more to say about them.
    std::thread::sleep(Duration::from_secs(3));
    let switches = || -> Vec<(String, u64)> {
        let of = |pid: Pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let lines = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
            lines.map(|(_, count)| count.trim().parse::<u64>().unwrap()).sum::<u64>()
        };
        processes(&running).into_iter().map(|(name, pid)| (name, of(pid))).collect()
    };
    let before = switches();
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(switches(), before);
    assert!(before.len() >= 5, "{before:?}");
    stop(running);
}
