//! Servers that lie, beside honest ones.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use orlop_test_ntp::{Chrony, Clock, Lie, Scene, ntp, testbed};

const RIGHT: i128 = 50_000_000;

#[test]
fn one_liar_of_three_is_outvoted_and_named() {
    let Some(_) = testbed(&[]) else { return };
    for (what, lie) in [
        ("an hour ahead", Lie::Offset { of: 1121, secs: 3600 }),
        ("a minute behind", Lie::Offset { of: 1121, secs: -60 }),
        ("in 2037, beyond the end of the era", Lie::Fake(330_000_000)),
        ("before this program was built", Lie::Fake(-330_000_000)),
    ] {
        let scene = Scene::new(Clock::behind(Duration::from_secs(1000))).unwrap();
        let _honest = scene.servers(2).unwrap();
        let _liar = Chrony::on(1123).lying(lie).start(&scene.host).unwrap();
        let daemon = scene.start(&ntp().args(Scene::SERVERS)).unwrap();
        let liar = Scene::SERVERS[2];
        // What is before the floor is not even heard, so that there is no opinion to be wrong.
        let heard = lie != Lie::Fake(-330_000_000);
        let status = scene
            .until(&daemon, "an opinion of the liar", |status| {
                let known = status["sources"][2]["servers"][0].clone();
                let dropped = !heard && status["discards"]["before-floor"].as_u64() > Some(1);
                status["synchronised"] == true && (known["state"] == "falseticker" || dropped)
            })
            .unwrap_or_else(|error| panic!("{what}: {error:#}"));
        let error = scene.clock().unwrap().error();
        assert!(error.abs() < RIGHT, "{what}: off by {error} ns\n{}", daemon.text());
        let agreed: Vec<_> = status["last_step"]["agreed"].as_array().unwrap().iter().collect();
        assert_eq!(agreed, [Scene::SERVERS[0], Scene::SERVERS[1]], "{what}: {status:#}");
        for honest in &Scene::SERVERS[..2] {
            assert_eq!(Scene::server(&status, honest)["state"], "selected", "{what}: {status:#}");
        }
        let shown = scene.command(&["status"]).unwrap();
        let row = shown.stdout().lines().find(|line| line.contains(liar)).unwrap_or_default().trim_start().to_owned();
        assert!(row.starts_with(if heard { "x" } else { "?" }), "{what}: {}", shown.text());
    }
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
