//! A hardware clock as the only source. There is none on this machine; beside a clock in a file, the machine's own takes its
//! place, as a host's clock does for a virtual machine. All but the kernel's call is the daemon as it ships.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_ntp::{Clock, RIGHT, SOON, Scene, end, ntp, testbed};

/// Every kind of socket that speaks to a network, as the kernel lists them: a line of titles, and then one for each.
const SOCKETS: &str =
    "cd /proc/net; for kind in udp udp6 udplite tcp tcp6 raw raw6 packet; do tail -q -n +2 $kind; done";

#[test]
fn it_sets_a_clock_of_1970_without_a_network_and_without_asking_for_a_name() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let mut run = scene.oneshot(&ntp().args(["ptp"])).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(0), "{}", run.text());
    assert!(run.text().contains("agreed=\"ptp\""), "{}", run.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", run.text());

    let daemon = scene.service(&ntp().args(["ptp"])).unwrap();
    let status = scene
        .until(&daemon, "a second reading", |status| Scene::server(status, "ptp")["reach"].as_u64() >= Some(3))
        .unwrap();
    assert_eq!((&status["phase"], &status["stratum"]), (&"steady".into(), &1.into()), "{status:#}");
    assert_eq!(scene.host.shell(SOCKETS).unwrap(), "", "{}", daemon.text());
    let names: Vec<String> = scene.host.processes().unwrap().into_iter().map(|(_, name)| name).collect();
    assert!(!names.iter().any(|name| name.contains("lookup")), "{names:?}");
    let shown = scene.command(&["sources"]).unwrap().stdout();
    assert!(shown.contains("*  ptp"), "{shown}");
    end(daemon).unwrap();
}

#[test]
fn beside_servers_it_has_one_vote() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let _servers = scene.servers(2).unwrap();
    let daemon = scene.service(&ntp().args(["ptp"]).args(Scene::SERVERS[..2].iter().copied())).unwrap();
    let all_agree = |status: &serde_json::Value| {
        let agrees = |address| matches!(Scene::server(status, address)["state"].as_str(), Some("selected" | "spare"));
        agrees("ptp") && Scene::SERVERS[..2].iter().all(|address| agrees(*address))
    };
    scene.until(&daemon, "all three to be believed", all_agree).unwrap();
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
    end(daemon).unwrap();
}
