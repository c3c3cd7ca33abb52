//! Beside the DHCP client: whose resolv.conf is when the resolver comes, ends, and is killed.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::{Duration, Instant};

use orlop_test_resolver::{Scene, Server, address, end, resolver, testbed};
use orlop_testbed::{Dnsmasq, Launch, binaries};

#[test]
fn the_client_has_the_file_back_within_a_second_however_the_resolver_ends() {
    let dhcp = orlop_fleet::named("dhcp").unwrap();
    let programs: Vec<&str> = dhcp.programs().collect();
    let paths = binaries::paths(&programs);
    let needed: Vec<&str> = ["dnsmasq"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let Some(_) = testbed(&needed) else { return };
    let scene = Scene::new().unwrap();
    for bind in dhcp.binds {
        scene.host.shell(&format!("mkdir -p {}", bind.path)).unwrap();
    }
    let network = scene.wired().unwrap();
    scene.host.shell("ip address flush dev eth0").unwrap();
    let _upstream = Server::start(&network, "192.0.2.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let _dnsmasq = Dnsmasq::on("eth0")
        .range("192.0.2.10", "192.0.2.10")
        .option("3,192.0.2.1")
        .option("6,192.0.2.1")
        .start(&network)
        .unwrap();
    let client = Launch::of(dhcp.program).start(&scene.host).unwrap();
    scene.until_named("the client's", &["192.0.2.1"]).unwrap();

    let daemon = scene.start(&resolver()).unwrap();
    scene.until_named("the resolver's", &["127.0.0.53"]).unwrap();
    assert_eq!(address(&scene.host, "www.example").unwrap(), "192.0.2.7", "{}", daemon.text());
    // The client looks, and leaves it alone.
    std::thread::sleep(Duration::from_millis(2500));
    scene.until_named("still the resolver's", &["127.0.0.53"]).unwrap();

    let trio = scene.trio(&daemon).unwrap();
    let killed = Instant::now();
    orlop_testbed::processes::murder(trio.supervisor).unwrap();
    scene.until_named("the client's again", &["192.0.2.1"]).unwrap();
    // A second; and what a busy machine takes.
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    drop(daemon);

    let daemon = scene.start(&resolver()).unwrap();
    scene.until_named("the resolver's again", &["127.0.0.53"]).unwrap();
    end(daemon).unwrap();
    scene.until_named("the client's at last", &["192.0.2.1"]).unwrap();
    end(client).unwrap();
}
