//! The service: how long it waits, who waits for it, and what it is told to do.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use orlop_test_ntp::script::{Packet, Reply};
use orlop_test_ntp::{Clock, Names, RIGHT, SOON, Scene, Scripted, end, ntp, testbed};
use orlop_testbed::Launch;

const HOUR: Duration = Duration::from_secs(3600);

/// A page of the hypervisor's (`linux/vmclock-abi.h`), up to the number that changes when the machine goes on elsewhere.
fn vmclock(marker: u64) -> Vec<u8> {
    [&b"VCLK"[..], &4096_u32.to_le_bytes(), &[1, 0, 1, 0], &2_u32.to_le_bytes(), &marker.to_le_bytes()].concat()
}

// No hypervisor is here that has the device: a file is in its place, and the kernel's part is left out.
#[test]
fn a_machine_that_its_hypervisor_says_was_restored_is_set_right_at_once_also_backwards() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    // Devices of its own, which nobody else sees.
    scene
        .host
        .shell(
            "mkdir /run/dev && mount -t tmpfs dev /run/dev && cp -a /dev/null /run/dev/ && mount --rbind /run/dev /dev",
        )
        .unwrap();
    let device = |marker| scene.host.write("/run/dev/vmclock0", vmclock(marker)).unwrap();
    device(7);
    let ahead = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&ahead);
    let answer = move |question: &[u8]| vec![Reply::Direct(Packet::answer(question, told.load(SeqCst)).encode())];
    let _server = Scripted::on(&scene.host, 1121, answer).unwrap();
    let daemon = scene.service(&ntp().args([Scene::SERVERS[0]])).unwrap();
    daemon.wait_for("/dev/vmclock0 is watched", SOON).unwrap();
    // It goes on where it is an hour earlier, so that its clock is ahead.
    ahead.store(-3600, SeqCst);
    device(9);
    let status = scene.until(&daemon, "a step", |status| status["last_step"]["why"] == "restore").unwrap();
    assert!(status["last_step"]["by_ns"].as_i64().is_some_and(|by| by < -3_599_000_000_000), "{status:#}");
    assert_eq!(daemon.text().matches("the machine was restored").count(), 1, "{}", daemon.text());
    end(daemon).unwrap();
}

#[test]
fn a_service_that_nobody_answers_waits_and_is_right_once_somebody_does() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let daemon = scene.start(&ntp().args(Scene::SERVERS)).unwrap();
    scene.until(&daemon, "a first word", |status| status["phase"] == "asking").unwrap();
    assert_eq!(scene.command(&["status"]).unwrap().wait_exit(SOON).unwrap().code(), Some(69));
    let _servers = scene.servers(3).unwrap();
    scene.until(&daemon, "a right clock", |status| status["synchronised"] == true).unwrap();
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
}

#[test]
fn whoever_waits_for_a_right_clock_hears_of_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let mut vain = scene.command(&["wait-sync", "--deadline", "2"]).unwrap();
    assert_eq!(vain.wait_exit(SOON).unwrap().code(), Some(69), "{}", vain.text());
    assert!(vain.stderr().contains("help: "), "{}", vain.text());

    let mut waiting = Launch::of("orlop-ntp").args(["wait-sync"]).start(&scene.host).unwrap();
    let daemon = scene.start(&ntp().args(Scene::SERVERS)).unwrap();
    scene.until(&daemon, "a first word", |status| status["phase"] == "asking").unwrap();
    assert_eq!(waiting.poll_exit().unwrap(), None, "{}", waiting.text());
    let _servers = scene.servers(3).unwrap();
    assert_eq!(waiting.wait_exit(SOON).unwrap().code(), Some(0), "{}", waiting.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
}

#[test]
fn what_name_servers_say_in_vain_is_counted() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let _servers = scene.servers(1).unwrap();
    let _names = Names::start(&scene.host, &[("ntp.example", Ipv4Addr::LOCALHOST)]).unwrap();
    let daemon = scene.service(&ntp().args(["ntp.example:1121"])).unwrap();
    let counted = |status: &serde_json::Value| status["name_discards"]["malformed"].as_u64() >= Some(1);
    scene.until(&daemon, "what was dropped", counted).unwrap();
    let shown = scene.command(&["status"]).unwrap().stdout();
    assert!(shown.contains("dropped    from name servers: malformed "), "{shown}");
}

// A clock that is ahead is not set back by a service that was only started anew: the operator's order does it.
#[test]
fn the_operators_order_sets_the_clock_back() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
    let _servers = scene.servers(3).unwrap();
    let daemon = ntp().args(Scene::SERVERS);
    end(scene.service(&daemon).unwrap()).unwrap();
    Clock::ahead(HOUR).put(&scene.host).unwrap();
    let running = scene.start(&daemon).unwrap();
    scene.until(&running, "a slew", |status| status["phase"] == "slewing").unwrap();
    let error = scene.clock().unwrap().error();
    assert!(error < -3_590_000_000_000, "it was set back by itself: {error} ns\n{}", running.text());

    let mut order = scene.command(&["step"]).unwrap();
    assert_eq!(order.wait_exit(SOON).unwrap().code(), Some(0), "{}", order.text());
    let status = scene
        .until(&running, "a step", |status| status["last_step"]["why"] == "operator" && status["synchronised"] == true)
        .unwrap();
    assert_eq!(status["phase"], "steady", "{status:#}");
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", running.text());
    let shown = scene.command(&["status"]).unwrap().stdout();
    assert!(shown.contains("last step  -3599 s") || shown.contains("last step  -3600 s"), "{shown}");
}

// Whoever is in both configurations is asked on, and the clock is not set again.
#[test]
fn another_configuration_is_followed_and_a_bad_one_changes_nothing() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let _servers = scene.servers(3).unwrap();
    let [first, second, third] = Scene::SERVERS;
    let daemon = ntp().config(&format!("sources = [{first:?}, {second:?}]\n"));
    let running = scene.service(&daemon).unwrap();
    let names = |status: &serde_json::Value| {
        let sources = status["sources"].as_array().into_iter().flatten();
        sources.filter_map(|source| Some(source["name"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    for (what, text, code, want) in [
        ("a third one", format!("sources = [{first:?}, {second:?}, {third:?}]\n"), 0, vec![first, second, third]),
        ("a slip", format!("surces = [{first:?}]\n"), 76, vec![first, second, third]),
        ("what needs a new process", "require-landlock = true\n".to_owned(), 76, vec![first, second, third]),
        (
            "a source with NTS",
            format!("sources = [{{ server = {first:?}, nts = true }}]\n"),
            76,
            vec![first, second, third],
        ),
        ("two others, one of them as before", format!("sources = [{third:?}, {second:?}]\n"), 0, vec![third, second]),
    ] {
        scene.host.write("/run/orlop-ntp.toml", text).unwrap();
        let mut order = scene.command(&["reload"]).unwrap();
        assert_eq!(order.wait_exit(SOON).unwrap().code(), Some(code), "{what}: {}", order.text());
        if code != 0 {
            let said = if what == "a slip" { "surces" } else { "started anew" };
            assert!(order.stderr().contains(said), "{what}: {}", order.text());
        }
        let mut want: Vec<String> = want.into_iter().map(str::to_owned).collect();
        want.sort();
        let right = |status: &serde_json::Value| {
            let mut names = names(status);
            names.sort();
            let selected = want.iter().all(|name| Scene::selects(status, name));
            names == want && selected && status["synchronised"] == true
        };
        scene.until(&running, what, right).unwrap();
    }
    assert_eq!(orlop_test_ntp::steps(&running, 1), 1, "{}", running.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", running.text());
}

#[test]
fn an_order_that_nobody_can_carry_out_is_told() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
    for args in [&["step"][..], &["reload"], &["status"], &["sources"]] {
        let mut run = scene.command(args).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(69), "{args:?}: {}", run.text());
        assert!(run.stderr().contains("help: "), "{args:?}: {}", run.text());
    }
}

// The majority is counted against those who are asked, and each of them has one vote, whoever is in front of it.
#[test]
fn a_server_that_is_named_twice_has_one_vote() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let lie = |question: &[u8]| vec![Reply::Direct(Packet::answer(question, 7200).encode())];
    let liar = Scripted::on(&scene.host, 1122, lie).unwrap();
    let _honest = scene.servers(1).unwrap();
    let twice = ["127.0.0.1:1121", &liar.address, &liar.address];
    let mut run = scene.oneshot(&ntp().args(twice).args(["--deadline", "3"])).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(76), "{}", run.text());
    assert!(scene.clock().unwrap().error() > 3_590_000_000_000, "{}", run.text());
}
