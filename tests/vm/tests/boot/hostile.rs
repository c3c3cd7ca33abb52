//! Services without any capability that take all they can get, and one that leads others astray: the machine goes on.

use std::sync::OnceLock;

use anyhow::Result;
use orlop_image::platform::Platform;
use orlop_test_vm::{FULL, Line, Probe, Report, Step};

use crate::stage::{Seen, Stage, daemon, status_of};

const SOON: u32 = 100;
/// Where the one that makes processes says that there can be no more.
const BOMBED: &str = "/run/bombed";
/// What somebody put in the place of the name servers would let its reader write.
const KERNEL_FILE: &str = "/proc/sys/kernel/core_pattern";
const RESOLV_CONF: &str = "/run/resolvconf/resolv.conf";
const METRICS: &str = "/run/orlop/metrics";

const ENOSPC: &str = "28";

/// What the probe does meanwhile, and what each step is called below.
fn script() -> Vec<(&'static str, Step)> {
    let status = status_of("dhcp");
    let program = format!("/proc/1/root/containers/onboot/001-dhcpcd/rootfs/sbin/{}", daemon("dhcp").program);
    vec![
        ("status", Step::wait(&status, "\"bound\"", SOON)),
        ("no more processes", Step::wait(&format!("/proc/1/root{BOMBED}/full"), FULL, SOON)),
        // Nobody else's end is in the report yet.
        ("no more memory", Step::wait("/run/orlop/boot.json", "\"signal\": 9", SOON)),
        ("there is the bomb", Step::read("/proc/1/root/sys/fs/cgroup/:youki:services-bomb/pids.max")),
        ("all", Step::read("/proc/1/root/sys/fs/cgroup/pids.max")),
        ("memory of all", Step::read("/proc/1/root/sys/fs/cgroup/memory.max")),
        ("kill", Step::signal("dhcpcd", 9)),
        ("killed", Step::wait("/run/orlop/boot.json", "\"restarts\": 1", SOON)),
        ("again", Step::until(&status, "\"bound\"", SOON, &[&program, "status"])),
        ("room in /run", Step::create("/proc/1/root/run/made")),
    ]
}

/// The boot, once for all tests. `None` where there are no means.
fn seen() -> Option<&'static Seen> {
    static SEEN: OnceLock<Option<Result<Seen, String>>> = OnceLock::new();
    let seen = SEEN.get_or_init(|| boot().map(|seen| seen.map_err(|error| format!("{error:#}"))));
    seen.as_ref().map(|seen| seen.as_ref().unwrap())
}

/// Names, entries, and what each does.
fn hostile() -> Vec<(&'static str, String, Vec<Step>)> {
    let shares = |path: &str| format!("capabilities: [], binds: [\"{path}:{path}\"], runtime: {{mkdir: [{path}]}}");
    vec![
        (
            "planter",
            shares("/run/resolvconf"),
            vec![Step::Link(RESOLV_CONF.to_owned(), KERNEL_FILE.to_owned()), Step::read(RESOLV_CONF)],
        ),
        ("filler", shares(METRICS), vec![Step::Fill(format!("{METRICS}/much"))]),
        ("writer", "capabilities: []".to_owned(), vec![Step::Fill("/much".to_owned())]),
        ("hoarder", "capabilities: []".to_owned(), vec![Step::Hoard]),
        ("bomb", shares(BOMBED), vec![Step::Bomb(format!("{BOMBED}/full"))]),
    ]
}

fn boot() -> Option<Result<Seen>> {
    let steps: Vec<Step> = script().into_iter().map(|(_, step)| step).collect();
    let stage = Stage::with("hostile", Line::V6_12, &steps, |folder| {
        let mut images = Vec::new();
        let mut services = String::new();
        for (name, entry, steps) in hostile() {
            let probe = Probe::speaking(Platform::Amd64, folder, name, &steps).unwrap();
            services += &probe.plain_entry(name, &entry);
            images.push(probe.image);
        }
        let victim = Probe::speaking(Platform::Amd64, folder, "victim", &[Step::read("/etc/resolv.conf")]).unwrap();
        let entry = victim.plain_entry("victim", "capabilities: [], binds: [\"/etc/resolv.conf:/etc/resolv.conf\"]");
        images.push(victim.image);
        (format!("{services}\nonshutdown:{entry}\n"), images)
    })?;
    let mut stage = stage.card(0).served(0, "192.0.2.53");
    stage.emulator = stage.emulator.words("orlop.console=all");
    Some(stage.end(stage.start()))
}

/// What the probe found at the step of this name.
fn found<'s>(seen: &'s Seen, name: &str) -> &'s Report {
    let place = script().iter().position(|(known, _)| *known == name).unwrap();
    &seen.record[place]
}

#[test]
fn a_service_is_started_again_although_another_makes_processes_without_end() {
    let Some(seen) = seen() else { return };
    let number = |name| found(seen, name).out.trim_end().parse::<u64>().unwrap();
    assert_eq!(found(seen, "no more processes").code, 0, "the bomb went off\n{}", seen.console);
    assert!(number("there is the bomb") <= number("all") / 8, "{:?}", seen.record);
    for step in ["kill", "killed", "again"] {
        assert_eq!(found(seen, step).code, 0, "{step}: {:?}\n{}", found(seen, step), seen.console);
    }
}

#[test]
fn who_takes_memory_without_end_is_ended_and_nobody_else() {
    let Some(seen) = seen() else { return };
    assert!(
        found(seen, "memory of all").out.trim_end().parse::<u64>().is_ok_and(|bytes| bytes > 0),
        "{:?}",
        seen.record
    );
    let ended: Vec<&str> = seen.console.lines().filter(|line| line.contains("was ended by signal 9")).collect();
    // The daemon by the probe, which has the machine's processes.
    assert!(ended.iter().any(|line| line.contains("service hoarder")), "{}", seen.console);
    assert!(ended.iter().all(|line| line.contains("hoarder") || line.contains("dhcpcd")), "{ended:?}");
}

#[test]
fn who_fills_what_it_may_write_to_takes_no_room_from_others() {
    let Some(seen) = seen() else { return };
    for name in ["filler", "writer"] {
        assert_eq!(seen.said(&format!("{name}: ")), [ENOSPC], "{name}\n{}", seen.console);
    }
    assert_eq!(found(seen, "room in /run").code, 0);
}

#[test]
fn a_link_in_the_place_of_the_name_servers_leads_nobody_to_a_file_of_the_kernels() {
    let Some(seen) = seen() else { return };
    assert_eq!(seen.said("planter: "), ["0", "0"], "control: it leads there\n{}", seen.console);
    let read = |name: &str| seen.console.lines().any(|line| line.contains(&format!("{name}: o core")));
    assert!(read("planter") && !read("victim"), "{}", seen.console);
    assert_eq!(seen.said("-victim: "), ["0"], "its own empty file\n{}", seen.console);
}

#[test]
fn the_machine_ends_in_order_whatever_its_services_have_taken() {
    let Some(seen) = seen() else { return };
    let place = |text: &str| seen.console.find(text).unwrap_or_else(|| panic!("no {text:?} in\n{}", seen.console));
    assert!(place("told to power off") < place("onshutdown 000-victim ended with 0"), "{}", seen.console);
    assert!(place("onshutdown 000-victim ended with 0") < place("goodbye"), "{}", seen.console);
}
