//! Whose resolv.conf is, and what the operator can do.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use orlop_test_resolver::{SOON, Scene, Server, address, end, resolver, testbed};

const STATIC: &str = "# by hand\nsearch home.example\nnameserver 127.0.1.1\noptions ndots:2\n";

#[test]
fn a_file_of_before_names_the_servers_and_comes_back_at_an_orderly_end() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.host.write("/run/resolvconf/resolv.conf", STATIC).unwrap();
    let inode = || std::fs::metadata(scene.host.path("/run/resolvconf/resolv.conf")).unwrap().ino();
    let before = inode();
    let _upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let daemon = scene.start(&resolver()).unwrap();
    let text = scene.until_named("ours", &["127.0.0.53"]).unwrap();
    assert!(text.contains("\nsearch home.example\n") && text.contains("\noptions ndots:2\n"), "{text}");
    assert_eq!(address(&scene.host, "www.example").unwrap(), "192.0.2.7", "{}", daemon.text());
    end(daemon).unwrap();
    let text = scene.host.read("/run/resolvconf/resolv.conf").unwrap();
    assert_eq!(text.trim_end(), STATIC.trim_end());
    assert_eq!(inode(), before, "others have bound it");
}

#[test]
fn a_broker_that_is_killed_knows_what_was_there_before_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.host.write("/run/resolvconf/resolv.conf", STATIC).unwrap();
    let _upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let daemon = scene.start(&resolver()).unwrap();
    scene.until_named("ours", &["127.0.0.53"]).unwrap();
    let trio = scene.trio(&daemon).unwrap();
    orlop_testbed::processes::murder(trio.broker).unwrap();
    scene.until(&daemon, "another broker", |status| status["restarts"] == 1).unwrap();
    scene.until_named("ours again", &["127.0.0.53"]).unwrap();
    assert_eq!(address(&scene.host, "www.example").unwrap(), "192.0.2.7", "{}", daemon.text());
    end(daemon).unwrap();
    assert_eq!(scene.host.read("/run/resolvconf/resolv.conf").unwrap().trim_end(), STATIC.trim_end());
}

#[test]
fn the_worker_is_started_again_alone_and_who_asks_meanwhile_is_answered() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    address(&scene.host, "before.example").unwrap();
    let trio = scene.trio(&daemon).unwrap();
    orlop_testbed::processes::murder(trio.worker).unwrap();
    // The broker has kept the listener: the question waits there.
    assert_eq!(address(&scene.host, "meanwhile.example").unwrap(), "192.0.2.7", "{}", daemon.text());
    let status = scene.until(&daemon, "a new worker", |status| status["renewals"] == 1).unwrap();
    assert_eq!((&status["restarts"], &status["owns_resolv_conf"]), (&0.into(), &true.into()), "{status:#}");
    let after = scene.trio(&daemon).unwrap();
    assert_eq!((after.broker, after.supervisor), (trio.broker, trio.supervisor));
    assert_ne!(after.worker, trio.worker);
    end(daemon).unwrap();
}

/// A worker that somebody kills again and again costs a program no more than one question that it has to ask twice.
#[test]
fn whoever_asks_is_answered_however_often_the_worker_is_killed() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _upstream = Server::start(&scene.host, "127.0.1.1", |asked| {
        vec![asked.address(60, [192, 0, 2, 7]).after(Duration::from_millis(5))]
    })
    .unwrap();
    let daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    scene.until_named("ours", &["127.0.0.53"]).unwrap();
    let first = scene.trio(&daemon).unwrap();
    let over = AtomicBool::new(false);
    let (kills, asked) = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|who| {
                let (scene, over, daemon) = (&scene, &over, &daemon);
                scope.spawn(move || {
                    let mut asked = 0;
                    while !over.load(Ordering::Relaxed) {
                        let name = format!("n{}.w{who}.example", asked % 50);
                        // What the worker had heard when it was killed is lost: a program asks again after its time-out.
                        let found = address(&scene.host, &name).or_else(|_| address(&scene.host, &name));
                        assert_eq!(found.unwrap(), "192.0.2.7", "{name}: {}", daemon.text());
                        asked += 1;
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    asked
                })
            })
            .collect();
        let begun = Instant::now();
        let mut kills = 0;
        // From 0.2 s to 1.4 s, in no order.
        for pause in (0_u64..).map(|n| 200 + n * 7919 % 1200) {
            if begun.elapsed() > KILLED_FOR {
                break;
            }
            std::thread::sleep(Duration::from_millis(pause));
            orlop_testbed::processes::murder(scene.trio(&daemon).unwrap().worker).unwrap();
            kills += 1;
            let text = scene.host.read("/run/resolvconf/resolv.conf").unwrap();
            assert!(text.contains("nameserver 127.0.0.53\n"), "{text}");
            let free = scene.host.shell("flock -n /run/orlop/claim/resolv.conf true");
            assert!(free.is_err(), "nobody else can claim resolv.conf");
        }
        over.store(true, Ordering::Relaxed);
        (kills, asking.into_iter().map(|one| one.join().unwrap()).sum::<u64>())
    });
    println!("{kills} kills, {asked} questions");
    assert!(kills >= 10 && asked > 100, "{kills} kills, {asked} questions: {}", daemon.text());
    let status = scene.until(&daemon, "a worker", |status| status["renewals"] == kills).unwrap();
    let last = scene.trio(&daemon).unwrap();
    assert_eq!((last.broker, &status["restarts"]), (first.broker, &0.into()));
    end(daemon).unwrap();
}

/// Long enough for pauses that double at each kill to become longer than any program waits.
const KILLED_FOR: Duration = Duration::from_secs(20);

#[test]
fn an_operator_asks_flushes_and_reloads() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let _other = Server::start(&scene.host, "127.0.1.2", |asked| vec![asked.address(60, [192, 0, 2, 8])]).unwrap();
    let daemon = scene.start(&resolver().config("upstreams = [\"127.0.1.1\"]\n")).unwrap();
    let query = |name: &str| scene.command(&["query", name]).unwrap().stdout();
    let first = query("www.example");
    assert!(first.starts_with("www.example. 60 A 192.0.2.7\n; found; from 127.0.1.1, in "), "{first}");
    assert!(query("www.example").contains("; found; from this machine, in "), "out of the cache");
    assert_eq!(upstream.times("www.example"), 1);
    let mut flushed = scene.command(&["flush", "www.example"]).unwrap();
    assert_eq!(flushed.wait_exit(SOON).unwrap().code(), Some(0), "{}", flushed.text());
    query("www.example");
    assert_eq!(upstream.times("www.example"), 2);

    scene.host.write("/run/orlop-resolver.toml", "upstreams = [\"127.0.1.2\"]\n").unwrap();
    let mut reloaded = scene.command(&["reload"]).unwrap();
    assert_eq!(reloaded.wait_exit(SOON).unwrap().code(), Some(0), "{}", reloaded.text());
    assert!(query("other.example").contains("192.0.2.8"), "{}", daemon.text());
    scene.host.write("/run/orlop-resolver.toml", "upstream = 1\n").unwrap();
    let mut refused = scene.command(&["reload"]).unwrap();
    assert_eq!(refused.wait_exit(SOON).unwrap().code(), Some(76), "{}", refused.text());
    assert!(query("third.example").contains("192.0.2.8"), "what was in force still is");
    let shown = scene.command(&["status"]).unwrap().stdout();
    assert!(shown.contains("127.0.1.2") && shown.contains("resolv.conf names this resolver"), "{shown}");
    end(daemon).unwrap();
}

#[test]
fn there_is_one_resolver_at_a_time() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    let mut second = resolver().args(["127.0.1.1"]).start(&scene.host).unwrap();
    assert_eq!(second.wait_exit(SOON).unwrap().code(), Some(73), "{}", second.text());
}
