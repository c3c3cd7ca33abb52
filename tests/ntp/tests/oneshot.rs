//! The one-shot run: a wrong clock is set right, or it is said why not, in time.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::{Duration, Instant};

use orlop_test_ntp::script::{Packet, Reply};
use orlop_test_ntp::{Chrony, Clock, Lie, RIGHT, SOON, Scene, Scripted, end, ntp, testbed};
use orlop_testbed::Running;

const HOUR: Duration = Duration::from_secs(3600);

fn exit(run: &mut Running) -> Option<i32> {
    run.wait_exit(SOON).unwrap().code()
}

#[test]
fn a_wrong_clock_is_right_after_a_oneshot_run() {
    let Some(_) = testbed(&[]) else { return };
    for (what, clock, steps) in [
        ("in 1970", Clock::of_1970(), true),
        ("an hour ahead", Clock::ahead(HOUR), true),
        ("an hour behind", Clock::behind(HOUR), true),
        ("in 2099", Clock::ahead(Duration::from_secs(72 * 365 * 86_400)), true),
        ("right", Clock::ahead(Duration::ZERO), false),
    ] {
        let scene = Scene::new(clock).unwrap();
        let _servers = scene.servers(3).unwrap();
        let mut run = scene.oneshot(&ntp().args(Scene::SERVERS)).unwrap();
        assert_eq!(exit(&mut run), Some(0), "{what}: {}", run.text());
        let error = scene.clock().unwrap().error();
        assert!(error.abs() < RIGHT, "{what}: off by {error} ns\n{}", run.text());
        let status = scene.status().unwrap();
        assert_eq!(status["synchronised"], true, "{what}: {status:#}");
        assert_eq!(status["last_step"]["why"] == "one-shot", steps, "{what}: {status:#}");
        assert!(run.text().contains("the clock is right"), "{what}: {}", run.text());
    }
}

// Whatever costs a server its first answer costs two seconds, until the next question.
#[test]
fn servers_a_tenth_of_a_second_away_set_the_clock_with_one_question_each() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let slow = |question: &[u8]| {
        let received = Packet::answer(question, 0);
        std::thread::sleep(Duration::from_millis(100));
        // On the way back, all of it: half of it is then the error.
        vec![Reply::Direct(received.encode())]
    };
    let servers: Vec<Scripted> = (1121..1124).map(|port| Scripted::on(&scene.host, port, slow).unwrap()).collect();
    let begun = Instant::now();
    let mut run = scene.oneshot(&ntp().args(Scene::SERVERS)).unwrap();
    let took = begun.elapsed();
    assert_eq!(exit(&mut run), Some(0), "{}", run.text());
    assert!(took < Duration::from_secs(2), "it took {took:?}: {}", run.text());
    assert!(servers.iter().all(|server| server.asked().len() == 1), "{}", run.text());
    assert!(scene.clock().unwrap().error().abs() < 2 * RIGHT, "{}", run.text());
}

#[test]
fn a_single_configured_server_suffices() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let _servers = scene.servers(1).unwrap();
    let mut run = scene.oneshot(&ntp().config("sources = [\"127.0.0.1:1121\"]\nstrict-majority = true\n")).unwrap();
    assert_eq!(exit(&mut run), Some(0), "{}", run.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", run.text());
}

#[test]
fn the_only_one_of_three_who_answers_is_believed_at_the_deadline_unless_only_a_majority_counts() {
    let Some(_) = testbed(&[]) else { return };
    for (strict, code) in [(false, 0), (true, 69)] {
        let scene = Scene::new(Clock::behind(HOUR)).unwrap();
        let _servers = scene.servers(1).unwrap();
        let config = format!("sources = {:?}\nstrict-majority = {strict}\n", Scene::SERVERS);
        let begun = Instant::now();
        let mut run = scene.oneshot(&ntp().config(&config).args(["--deadline", "4"])).unwrap();
        assert_eq!(exit(&mut run), Some(code), "{strict}: {}", run.text());
        assert!(begun.elapsed() >= Duration::from_secs(3), "{strict}: before its time: {}", run.text());
        let error = scene.clock().unwrap().error();
        let status = scene.status().unwrap();
        if strict {
            assert!(error > 3_599_000_000_000, "the clock is as it was: {error} ns\n{}", run.text());
            assert_eq!(status["last_step"], serde_json::Value::Null, "{status:#}");
        } else {
            assert!(error.abs() < RIGHT, "off by {error} ns\n{}", run.text());
            assert_eq!(status["last_step"]["why"], "lone-answer", "{status:#}");
            let warned = run.text().lines().any(|line| line.contains("WARN") && line.contains("127.0.0.1:1121"));
            assert!(warned, "a warning names the one: {}", run.text());
        }
    }
}

#[test]
fn two_servers_that_disagree_set_no_clock() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let _servers = scene.servers(1).unwrap();
    let _liar = Chrony::on(1122).lying(Lie::Offset { of: 1121, secs: 3600 }).start(&scene.host).unwrap();
    // Nobody says that a wrong clock will do.
    let daemon = ntp().args(Scene::SERVERS.into_iter().take(2)).args(["--deadline", "3", "--optional"]);
    let mut run = scene.oneshot(&daemon).unwrap();
    assert_eq!(exit(&mut run), Some(76), "{}", run.text());
    assert!(run.stderr().contains("the servers disagree"), "{}", run.text());
    let status = scene.status().unwrap();
    assert_eq!((&status["phase"], &status["synchronised"]), (&"disagreeing".into(), &false.into()), "{status:#}");
    assert_eq!(status["last_step"], serde_json::Value::Null, "{status:#}");
    assert!(scene.clock().unwrap().error() > 3_599_000_000_000, "{}", run.text());
    let shown = scene.command(&["status"]).unwrap().stdout();
    assert!(shown.contains("NOT synchronised: disagreeing"), "{shown}");
}

#[test]
fn when_nobody_answers_the_run_ends_in_time_and_leaves_the_clock_alone() {
    let Some(_) = testbed(&[]) else { return };
    for (what, sources, said) in [
        ("nobody listens", &Scene::SERVERS[..], "nobody said in time"),
        ("there is no way there", &["192.0.2.1", "192.0.2.2"], "nobody said in time"),
        ("nobody is named", &[], "no source is configured"),
    ] {
        for (more, code) in [(&[][..], 69), (&["--optional"], 0)] {
            let scene = Scene::new(Clock::behind(HOUR)).unwrap();
            let begun = Instant::now();
            let daemon = ntp().args(sources.iter().copied()).args(["--deadline", "2"]).args(more.iter().copied());
            let mut run = scene.oneshot(&daemon).unwrap();
            assert_eq!(exit(&mut run), Some(code), "{what}: {}", run.text());
            // Two seconds of its own, and some for a busy machine.
            assert!(begun.elapsed() < Duration::from_secs(6), "{what}: it took {:?}", begun.elapsed());
            assert!(run.stderr().contains(said), "{what}: {}", run.text());
            assert!(scene.clock().unwrap().error() > 3_599_000_000_000, "{what}: {}", run.text());
            assert_eq!(scene.status().unwrap()["synchronised"], false, "{what}: {}", run.text());
        }
    }
}

#[test]
fn what_a_oneshot_run_has_found_out_is_there_for_the_service() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let _servers = scene.servers(3).unwrap();
    let daemon = ntp().args(Scene::SERVERS);
    let mut run = scene.oneshot(&daemon).unwrap();
    assert_eq!(exit(&mut run), Some(0), "{}", run.text());
    let state = scene.host.read("/var/lib/orlop/ntp/state").unwrap();
    assert!(state.contains("\nsettled yes\n") && state.contains("\ngood "), "{state}");
    let service = scene.service(&daemon).unwrap();
    assert_eq!(scene.status().unwrap()["last_step"], serde_json::Value::Null, "{}", service.text());
}

#[test]
fn the_service_is_right_by_what_the_oneshot_run_has_heard_and_by_nothing_older() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let servers = scene.servers(1).unwrap();
    let daemon = ntp().args([Scene::SERVERS[0]]);
    let mut run = scene.oneshot(&daemon).unwrap();
    assert_eq!(exit(&mut run), Some(0), "{}", run.text());
    servers.into_iter().for_each(|server| end(server).unwrap());
    let left = scene.host.read("/var/lib/orlop/ntp/state").unwrap();
    assert!(left.contains("\nsample 127.0.0.1:1121 "), "{left}");

    // Nobody can be asked, and nobody has to be.
    let service = scene.service(&daemon).unwrap();
    let status = scene.status().unwrap();
    let server = Scene::server(&status, Scene::SERVERS[0]);
    assert_eq!((&server["state"], &server["stratum"]), (&"selected".into(), &1.into()), "{status:#}");
    end(service).unwrap();

    let boot = |line: &str| if line.starts_with("boot ") { "boot 0\n".to_owned() } else { format!("{line}\n") };
    let of_another_boot: String = left.lines().map(boot).collect();
    let kept = scene.host.read("/var/lib/orlop/ntp/state").unwrap();
    assert!(!kept.contains("sample"), "a service leaves none: {kept}");
    for (what, state) in [("by a service", kept), ("in another run of the machine", of_another_boot)] {
        scene.host.write("/var/lib/orlop/ntp/state", &state).unwrap();
        let service = scene.start(&daemon).unwrap();
        let status = scene.until(&service, "a question", |status| status["phase"] == "asking").unwrap();
        assert_eq!(status["synchronised"], false, "left {what}: {status:#}");
        end(service).unwrap();
    }
}
