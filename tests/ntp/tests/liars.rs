//! Servers that lie, beside honest ones.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use orlop_test_ntp::{Chrony, Clock, Lie, RIGHT, Scene, ntp, testbed};

/// Two honest servers, and one that tells this lie: the clock follows the two, and the third is named. What is `heard` can be
/// wrong; a time before this program was built is not even that.
fn is_outvoted(lie: Lie, heard: bool) {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::from_secs(1000))).unwrap();
    let _honest = scene.servers(2).unwrap();
    let _liar = Chrony::on(1123).lying(lie).start(&scene.host).unwrap();
    let daemon = scene.start(&ntp().args(Scene::SERVERS)).unwrap();
    let [first, second, liar] = Scene::SERVERS;
    let status = scene
        .until(&daemon, "an opinion of the liar", |status| {
            let known = &status["sources"][2]["servers"][0];
            let dropped = !heard && status["discards"]["before-floor"].as_u64() >= Some(1);
            status["synchronised"] == true && (known["state"] == "falseticker" || dropped)
        })
        .unwrap();
    let error = scene.clock().unwrap().error();
    assert!(error.abs() < RIGHT, "off by {error} ns\n{}", daemon.text());
    let agreed: Vec<_> = status["last_step"]["agreed"].as_array().unwrap().iter().collect();
    assert_eq!(agreed, [first, second], "{status:#}");
    for honest in [first, second] {
        assert_eq!(Scene::server(&status, honest)["state"], "selected", "{status:#}");
    }
    for verb in ["status", "sources"] {
        let shown = scene.command(&[verb]).unwrap();
        let row = shown.stdout().lines().find(|line| line.contains(liar)).unwrap_or_default().trim_start().to_owned();
        assert!(row.starts_with(if heard { "x" } else { "?" }), "{verb}: {}", shown.text());
    }
}

#[test]
fn a_server_an_hour_ahead_is_outvoted_and_named() {
    is_outvoted(Lie::Offset { of: 1121, secs: 3600 }, true);
}

#[test]
fn a_server_a_minute_behind_is_outvoted_and_named() {
    is_outvoted(Lie::Offset { of: 1121, secs: -60 }, true);
}

#[test]
fn a_server_beyond_the_end_of_the_era_is_outvoted_and_named() {
    is_outvoted(Lie::Fake(330_000_000), true);
}

#[test]
fn a_server_before_the_build_is_not_heard() {
    is_outvoted(Lie::Fake(-330_000_000), false);
}

// The clock follows the majority from its first vote on: a server that turns into a liar later changes nothing.
#[test]
fn a_server_that_begins_to_lie_is_left_by_the_clock() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::from_secs(1000))).unwrap();
    let mut servers = scene.servers(3).unwrap();
    let config = "sources = [\"127.0.0.1:1121\", \"127.0.0.1:1122\", { server = \"127.0.0.1:1123\", max-poll = 1 }]\n";
    let daemon = scene.service(&ntp().config(config)).unwrap();
    drop(servers.pop());
    let _liar = Chrony::on(1123).lying(Lie::Fake(7200)).start(&scene.host).unwrap();
    let status = scene
        .until(&daemon, "a falseticker", |status| status["sources"][2]["servers"][0]["state"] == "falseticker")
        .unwrap();
    assert_eq!(status["synchronised"], true, "{status:#}");
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
    assert_eq!(daemon.text().matches("clock set").count(), 1, "{}", daemon.text());
}
