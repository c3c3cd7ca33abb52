//! A machine with one card and a server, on the newer kernel: one boot, looked at by every test here.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use orlop_image::platform::Platform;
use orlop_test_vm::{Line, Network, Probe, Report, STEP, Step};
use orlop_testbed::eventually;

use crate::stage::{RESOLV_CONF, Seen, Stage, daemon, servers, status_of};

/// Where process 1 has its files.
const ROOT: &str = "/proc/1/root";
/// Where the daemon's program lies in the machine; all of its processes are in containers.
const FOLDER: &str = "/proc/1/root/containers/onboot/001-dhcpcd/rootfs/sbin";
/// What services may take to be there.
const SOON: u32 = 60;

/// The runtime, from a container that has the machine's processes.
const RUNTIME: &str = "/proc/1/root/usr/bin/orlop-container";
/// A service that does nothing, of another user and with a capability, and how it calls its own program.
const PATIENT: (&str, &str) =
    ("patient", "uid: 1000, gid: 1001, capabilities: [CAP_KILL], noNewPrivileges: true, env: [WHO=patient]");
const PROBE: &str = "/probe";

/// What the probe does, and what each step is called below.
fn script() -> Vec<(&'static str, Step)> {
    let (program, status) = (format!("{FOLDER}/{}", daemon("dhcp").program), status_of("dhcp"));
    let own = format!("/sbin/{}", daemon("dhcp").program);
    let exec = |words: &[&str]| Step::run(&[&[RUNTIME, "exec"], words].concat());
    let patient = |options: &[&str], file: &str| exec(&[options, &[PATIENT.0, PROBE, STEP, "read", file]].concat());
    vec![
        ("boot.json", Step::wait("/run/orlop/boot.json", "\"onboot_done_ms\": ", SOON)),
        ("addresses", Step::read("/proc/net/fib_trie")),
        ("link", Step::read("/sys/class/net/eth0/operstate")),
        ("routes", Step::read("/proc/net/route")),
        ("setting", Step::read("/proc/sys/fs/inotify/max_user_watches")),
        ("service", Step::wait(&status, "\"mode\": \"service\"", SOON)),
        ("status", Step::wait(&status, "\"bound\"", SOON)),
        ("write to the root", Step::create("/proc/1/root/made")),
        ("write to /usr", Step::create("/proc/1/root/usr/made")),
        ("write to /run", Step::create("/proc/1/root/run/made")),
        ("write to the kernel's log", Step::write("/proc/1/root/dev/kmsg", "x")),
        ("a shell", Step::read("/proc/1/root/bin/sh")),
        ("a user's shell", Step::read("/proc/1/root/etc/passwd")),
        ("resolv.conf", Step::wait(RESOLV_CONF, "nameserver 127.0.0.53", SOON)),
        ("servers", Step::wait(&servers(), "nameserver 192.0.2.53", SOON)),
        ("another network's", Step::until(RESOLV_CONF, "search later.example", SOON, &[&program, "renew"])),
        ("another server", Step::wait(&servers(), "nameserver 192.0.2.54", SOON)),
        ("names", Step::wait(&status_of("resolver"), "\"resolver-worker\"", SOON)),
        // The last of its processes is the one that looks up the name of the pool.
        ("the time", Step::wait(&status_of("ntp"), "\"ntp-lookup\"", SOON)),
        ("processes", Step::Processes),
        ("exec status", exec(&["dhcpcd", &own, "status"])),
        ("exec renew", exec(&["services-dhcpcd", &own, "renew", "--wait", "30"])),
        ("exec a wrong option", exec(&["dhcpcd", &own, "--no-such-option"])),
        ("exec a program that is not there", exec(&["dhcpcd", "/no/such"])),
        ("exec in nobody", exec(&["nobody", &own, "status"])),
        ("exec in one that is over", exec(&["onboot-000-sysctl", &own, "status"])),
        ("exec: what it is", patient(&[], "/proc/self/status")),
        ("exec: as root", patient(&["-u", "0:0"], "/proc/self/status")),
        ("exec: its group", patient(&[], "/proc/self/cgroup")),
        ("exec: the container's group", patient(&[], "/proc/1/cgroup")),
        ("exec: the container's process 1", patient(&[], "/proc/1/comm")),
        ("exec: its environment", patient(&["--env", "MORE=1"], "/proc/self/environ")),
        ("what process 1 keeps", Step::read("/proc/1/root/.orlop/services-dhcpcd.pid")),
        ("kill", Step::signal("dhcpcd", 9)),
        ("killed", Step::wait("/run/orlop/boot.json", "\"restarts\": 1", SOON)),
        ("again", Step::until(&status, "\"bound\"", SOON, &[&program, "status"])),
        ("addresses after it", Step::read("/proc/net/fib_trie")),
    ]
}

/// The boot, once for all tests. `None` where there are no means.
fn seen() -> Option<&'static Seen> {
    // A boot that failed is not tried again for every test.
    static SEEN: OnceLock<Option<Result<Seen, String>>> = OnceLock::new();
    let seen = SEEN.get_or_init(|| boot().map(|seen| seen.map_err(|error| format!("{error:#}"))));
    seen.as_ref().map(|seen| seen.as_ref().unwrap())
}

fn boot() -> Option<Result<Seen>> {
    let steps: Vec<Step> = script().into_iter().map(|(_, step)| step).collect();
    let stage = Stage::with("ordinary", Line::V6_12, &steps, |folder| {
        let steps = [
            Step::read("/host/proc/sys/kernel/ostype"),
            Step::read("/host/.orlop/services-dhcpcd.pid"),
            Step::create("/host/.orlop/onboot-forged.pid"),
            Step::write("/dev/null", "x"),
            Step::write("/dev/kmsg", "x"),
            Step::create("/data/made"),
        ];
        let last = Probe::speaking(Platform::Amd64, folder, "last", &steps).unwrap();
        let entry = last.entry().replace("binds: [", "binds: [\"data:/data\", \"/:/host\", \"/dev:/dev\", ");
        let plain = Probe::speaking(Platform::Amd64, folder, "plain", &kernel_files()).unwrap();
        let plains: String = PLAIN
            .iter()
            .map(|(name, more)| plain.plain_entry(name, &format!("binds: [\"data:/data\"], {more}")))
            .collect();
        let patient = Probe::speaking(Platform::Amd64, folder, PATIENT.0, &[Step::Idle]).unwrap();
        let service = patient.plain_entry(PATIENT.0, PATIENT.1);
        (
            format!("{service}\nvolumes: [{{name: data}}]\nonshutdown:{entry}{plains}\n"),
            vec![last.image, plain.image, patient.image],
        )
    })?;
    Some(with_another_answer_later(stage.card(0).served(0, "192.0.2.53")))
}

/// The server keeps its leases in a file: it is the same one after a restart, with another answer.
fn with_another_answer_later(mut stage: Stage) -> Result<Seen> {
    let machine = stage.start();
    machine.wait_for("service dhcpcd runs", Duration::from_secs(60))?;
    let others = Network::server(0).option("option:dns-server,192.0.2.54").option("option:domain-search,later.example");
    // The service asks for its lease again when it begins, and is answered before that.
    eventually("the service's answer", Duration::from_secs(60), || {
        Ok((stage.network.servers_said().matches("DHCPACK").count() >= 2).then_some(()))
    })?;
    stage.network.serve_instead(&others)?;
    stage.end(machine)
}

/// What the probe found at the step of this name.
fn found<'s>(seen: &'s Seen, name: &str) -> &'s Report {
    let place = script().iter().position(|(known, _)| *known == name).unwrap();
    &seen.record[place]
}

#[test]
fn onboot_ends_with_an_address_a_route_and_the_link_up() {
    let Some(seen) = seen() else { return };
    let addresses = &found(seen, "addresses").out;
    assert!(addresses.contains("|-- 192.0.2."), "{addresses}");
    assert_eq!(found(seen, "link").out, "up\n");
    // The destination 0.0.0.0 by 192.0.2.1, in the byte order of the machine.
    let routes = &found(seen, "routes").out;
    assert!(routes.contains("eth0\t00000000\t010200C0"), "{routes}");
    assert!(seen.console.contains("onboot is done at") && seen.console.contains("4 of 4 containers ended with 0"));
}

#[test]
fn without_a_server_of_the_time_onboot_says_so_and_goes_on() {
    let Some(seen) = seen() else { return };
    let said = "the clock is not right: nobody said in time what time it is; that was optional";
    assert!(seen.console.contains(said) && seen.console.contains("onboot 003-ntp ended with 0"), "{}", seen.console);
}

#[test]
fn the_settings_of_the_sysctl_container_are_in_force() {
    let Some(seen) = seen() else { return };
    assert_eq!(found(seen, "setting").out, "524288\n");
}

#[test]
fn the_service_takes_over_the_lease_of_onboot() {
    let Some(seen) = seen() else { return };
    let status = found(seen, "status");
    assert_eq!(found(seen, "service").code, 0);
    assert!(status.code == 0 && status.out.contains("192.0.2."), "{status:?}");
    let asked = seen.servers.matches("DHCPDISCOVER").count() + seen.console.matches("DHCPDISCOVER").count();
    assert_eq!(asked, 1, "only the onboot container looked for a server:\n{}", seen.servers);
    assert!(seen.servers.matches("DHCPREQUEST").count() >= 2, "{}", seen.servers);
}

#[test]
fn the_root_is_read_only() {
    let Some(seen) = seen() else { return };
    const EROFS: i32 = 30;
    for place in ["write to the root", "write to /usr"] {
        assert_eq!(found(seen, place).code, EROFS, "{place}: {:?}", found(seen, place));
    }
    assert_eq!(found(seen, "write to /run").code, 0, "control");
}

#[test]
fn nothing_runs_but_what_the_spec_names_and_nobody_can_log_in() {
    let Some(seen) = seen() else { return };
    const ENOENT: i32 = 2;
    let processes = &found(seen, "processes").out;
    // Threads of the kernel have no memory of their own.
    let programs: Vec<&str> = processes.lines().filter(|line| !line.contains(" - ")).collect();
    let mut names: Vec<&str> = programs.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    names.sort_unstable();
    // The daemons, whose supervisors have LinuxKit's names for them, process 1, the probe that looks, and one that does nothing. The service that waits
    // for a right clock is not there: nobody says here what time it is.
    let of_ntp = ["ntp-broker", "ntp-lookup", "ntp-worker", "ntpd"];
    let of_resolver = [daemon("resolver").program, "probe", "probe", "resolver-broker", "resolver-worker"];
    let want = [&["dhcp-broker", "dhcp-worker", "dhcpcd", "init"][..], &of_ntp, &of_resolver].concat();
    assert_eq!(names, want, "{processes}");
    for place in ["a shell", "a user's shell"] {
        assert_eq!(found(seen, place).code, ENOENT, "{place}");
    }
}

#[test]
fn a_container_that_binds_resolv_conf_sees_what_is_in_it_and_every_change() {
    let Some(seen) = seen() else { return };
    // Whom programs ask stays the same. What changes is where they look for short names, and whom the resolver asks for them.
    let (first, then) = (found(seen, "resolv.conf"), found(seen, "another network's"));
    assert!(first.code == 0 && !first.out.contains("search"), "{first:?}");
    assert!(then.code == 0 && then.out.contains("nameserver 127.0.0.53") && !then.out.contains(".54"), "{then:?}");
    let (first, then) = (found(seen, "servers"), found(seen, "another server"));
    assert!(first.code == 0 && !first.out.contains(".54"), "{first:?}");
    assert!(then.code == 0 && !then.out.contains(".53"), "{then:?}");
}

#[test]
fn a_service_that_is_killed_is_started_again_and_the_address_stays() {
    let Some(seen) = seen() else { return };
    assert_eq!(found(seen, "kill").code, 0);
    assert_eq!(found(seen, "killed").code, 0, "{:?}", found(seen, "killed"));
    assert!(seen.console.contains("service dhcpcd was ended by signal 9; again in"), "{}", seen.console);
    assert_eq!(found(seen, "again").code, 0, "{:?}", found(seen, "again"));
    assert!(found(seen, "addresses after it").out.contains("|-- 192.0.2."));
}

#[test]
fn a_daemon_is_given_orders_in_its_own_container() {
    let Some(seen) = seen() else { return };
    for (step, code) in [
        ("exec status", 0),
        ("exec renew", 0),
        ("exec a wrong option", 64),
        ("exec a program that is not there", 71),
        ("exec in nobody", 78),
        ("exec in one that is over", 69),
    ] {
        assert_eq!(found(seen, step).code, code, "{step}: {:?}\n{}", found(seen, step), seen.console);
    }
    let status = &found(seen, "exec status").out;
    assert!(status.contains("192.0.2."), "{status}");
    let missing = &found(seen, "exec a program that is not there").err;
    assert!(missing.contains("error: cannot start /no/such in services-dhcpcd"), "{missing}");
}

#[test]
fn a_program_in_a_container_is_what_the_containers_own_is_unless_it_was_asked_otherwise() {
    let Some(seen) = seen() else { return };
    let said = |step: &str| {
        let report = found(seen, step);
        assert_eq!(report.code, 0, "{step}: {report:?}\n{}", seen.console);
        report.out.clone()
    };
    let is = |status: &str, wanted: &[&str]| {
        let missing: Vec<_> = wanted.iter().filter(|line| !status.contains(*line)).collect();
        assert!(missing.is_empty(), "{missing:?} of\n{status}");
    };
    let bounds = ["NoNewPrivs:\t1\n", "CapBnd:\t0000000000000020\n"];
    let own = said("exec: what it is");
    is(&own, &bounds);
    is(&own, &["Uid:\t1000\t1000\t1000\t1000\n", "Gid:\t1001\t1001\t1001\t1001\n", "CapEff:\t0000000000000000\n"]);
    let root = said("exec: as root");
    is(&root, &bounds);
    is(&root, &["Uid:\t0\t0\t0\t0\n", "Gid:\t0\t0\t0\t0\n", "CapEff:\t0000000000000020\n"]);
    let group = said("exec: its group");
    assert!(group.contains(PATIENT.0) && group == said("exec: the container's group"), "{group}");
    assert_eq!(said("exec: the container's process 1"), "o probe\n= 0\n");
    let environment = said("exec: its environment");
    is(&environment, &["WHO=patient", "PATH=/", "MORE=1"]);
}

#[test]
fn onshutdown_runs_before_the_machine_goes_off() {
    let Some(seen) = seen() else { return };
    let place = |text: &str| seen.console.find(text).unwrap_or_else(|| panic!("no {text:?} in\n{}", seen.console));
    let (told, said) = (place("told to power off"), place("o Linux"));
    let (ended, off) = (place("onshutdown 000-probe ended with 0"), place("goodbye"));
    assert!(told < said && said < ended && ended < off, "{}", seen.console);
}

/// Containers of uid 0, and what their entries say.
const PLAIN: [(&str, &str); 5] = [
    ("plain", "capabilities: []"),
    ("networked", "capabilities: [CAP_NET_ADMIN], net: host"),
    ("listed", "capabilities: [], net: host, readonlyPaths: [/proc/fs]"),
    ("seeing", "capabilities: [], pid: host"),
    ("administering", "capabilities: [CAP_SYS_ADMIN], net: host"),
];

/// What they try: files of the kernel that ask for uid 0 and for nothing else, with what stands in them anyway. The last ones are read.
fn kernel_files() -> Vec<Step> {
    vec![
        Step::write("/proc/sys/kernel/core_pattern", "core"),
        Step::write("/proc/sys/kernel/modprobe", "/sbin/modprobe"),
        Step::write("/proc/sys/vm/swappiness", "60"),
        // Opened and not written to: the kernel would say something on the console.
        Step::write("/proc/sysrq-trigger", ""),
        Step::write("/sys/module/printk/parameters/time", "Y"),
        Step::write("/proc/sys/net/ipv4/ip_default_ttl", "64"),
        Step::read("/proc/sys/kernel/core_pattern"),
        // What another container has put into a volume.
        Step::read("/data/made"),
        // Its own files, where it has processes of its own; else those of process 1.
        Step::read("/proc/1/root/proc/version"),
    ]
}

#[test]
fn a_plain_container_writes_no_file_of_the_kernel_unless_its_configuration_says_so() {
    let Some(seen) = seen() else { return };
    let (no, yes, not_permitted) = ("30", "0", "13");
    for ((name, _), want) in PLAIN.iter().zip([
        [no, no, no, no, no, no, yes, yes, yes],
        [no, no, no, no, no, yes, yes, yes, yes],
        // The control: what LinuxKit and runc leave to every container.
        [yes, yes, yes, yes, yes, yes, yes, yes, yes],
        [no, no, no, no, no, no, yes, yes, not_permitted],
        [yes, yes, yes, yes, yes, yes, yes, yes, yes],
    ]) {
        assert_eq!(seen.said(&format!("-{name}: ")), want, "{name}\n{}", seen.console);
    }
}

/// How the steps of the last container ended, which has `/` and `/dev`, with all that is mounted there, and may use no device.
fn last(seen: &Seen) -> Vec<&str> {
    seen.said(" 000-probe: ")
}

#[test]
fn what_process_1_keeps_is_not_in_a_container_that_has_the_whole_root() {
    let Some(seen) = seen() else { return };
    const ENOENT_AND_EROFS: [&str; 2] = ["2", "30"];
    let kept = found(seen, "what process 1 keeps");
    assert!(kept.code == 0 && kept.out.trim_end().parse::<u32>().is_ok(), "control: {kept:?}");
    assert_eq!(last(seen)[0], "0", "control: a file of the kernel's\n{}", seen.console);
    assert_eq!(last(seen)[1..3], ENOENT_AND_EROFS, "the file above, and a new one beside it\n{}", seen.console);
}

#[test]
fn a_container_uses_only_the_devices_that_it_is_allowed() {
    let Some(seen) = seen() else { return };
    const EPERM: &str = "1";
    assert_eq!(found(seen, "write to the kernel's log").code, 0, "control: the probe may use what has characters");
    assert_eq!(
        last(seen)[3..5],
        ["0", EPERM],
        "its kernel's log is the machine's: its own `/dev` has none\n{}",
        seen.console
    );
}

#[test]
fn what_a_container_writes_to_a_volume_others_read() {
    let Some(seen) = seen() else { return };
    assert_eq!(last(seen)[5], "0", "made\n{}", seen.console);
    for (name, _) in PLAIN {
        assert_eq!(seen.said(&format!("-{name}: "))[7], "0", "{name}\n{}", seen.console);
    }
}

#[test]
fn process_1_is_ours() {
    let Some(seen) = seen() else { return };
    let processes = &found(seen, "processes").out;
    assert!(processes.starts_with("1 init 0 "), "{processes} of {ROOT}");
    let boot = &found(seen, "boot.json").out;
    assert!(
        boot.contains("\"000-sysctl\"")
            && boot.contains("\"001-dhcpcd\"")
            && boot.contains("\"002-metadata\"")
            && boot.contains("\"003-ntp\""),
        "{boot}"
    );
}
