//! Servers that exchange keys slowly, wrongly or not at all: each is told as what it is, and none holds up the others for long.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use orlop_test_ntp::key_server::{record, response};
use orlop_test_ntp::{Authority, CA, Chrony, Clock, Days, KeyServer, Manner, RIGHT, Scene, ntp, steps, testbed};
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3600);
const NTSKE: &[&[u8]] = &[b"ntske/1"];

/// A ServerHello of TLS 1.2, which is all that such a server would say (RFC 8446 section 4.1.3).
fn tls_1_2() -> Vec<u8> {
    let hello = [&[3, 3][..], &[7; 32], &[0, 0xc0, 0x2b, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 3, 0, length + 4, 2, 0, 0, length][..], &hello].concat()
}

#[test]
fn every_bad_server_is_told_as_what_it_is_and_sets_no_clock() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let authority = Authority::new().unwrap();
    authority.trusted_on(&scene.host).unwrap();
    let good = authority.certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let strange = Authority::named("somebody else").unwrap().certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let other = authority.certify(&["192.0.2.1", "time.example", "*.0.0.1"], Days::USUAL).unwrap();
    let expired = authority.certify(&["127.0.0.1"], Days { from: -4000, until: -3900 }).unwrap();
    let says = |bytes: Vec<u8>| Manner::Says(bytes);
    let (mut servers, mut sources, mut want) = (Vec::new(), Vec::new(), Vec::new());
    for (port, (what, identity, protocols, manner, failure)) in (4470_u16..).zip([
        ("silent", &good, NTSKE, Manner::Silent, "in time"),
        ("hangs up", &good, NTSKE, Manner::HangsUp, "hangs up"),
        ("no TLS", &good, NTSKE, Manner::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".repeat(100)), "no TLS 1.3"),
        ("TLS 1.2", &good, NTSKE, Manner::Raw(tls_1_2()), "no TLS 1.3"),
        ("another protocol", &good, &[&b"http/1.1"[..]][..], says(response(&[])), "(ALPN)"),
        ("no protocol", &good, &[], says(response(&[])), "(ALPN)"),
        ("an unknown issuer", &strange, NTSKE, says(response(&[])), "not trusted"),
        ("another name", &other, NTSKE, says(response(&[])), "another name"),
        ("expired before the build", &expired, NTSKE, says(response(&[])), "expired"),
        ("an error", &good, NTSKE, says(record(0x8002, &[0, 1])), "reports error 1"),
        (
            "no cookie",
            &good,
            NTSKE,
            says([record(0x8001, &[0, 0]), record(0x8004, &[0, 15]), record(0x8000, &[])].concat()),
            "no sense",
        ),
        ("drips", &good, NTSKE, Manner::Drips(record(1024, &[0; 4])), "in time"),
        ("floods", &good, NTSKE, Manner::Floods(record(1024, &[0; 1000])), "says too much"),
        ("a record that never ends", &good, NTSKE, Manner::Floods(record(1024, &[255; 65_535])), "says too much"),
        (
            "a time server's port that is a name server's",
            &good,
            NTSKE,
            says(response(&record(7, &[0, 53]))),
            "is not asked",
        ),
        ("a time server on the link", &good, NTSKE, says(response(&record(6, b"169.254.169.254"))), "is not asked"),
    ]) {
        servers.push(KeyServer::on(&scene.host, port, identity, protocols, manner).unwrap());
        sources.push(format!("{{ server = \"127.0.0.1:{port}\", nts = true }}"));
        want.push((what, failure));
    }
    // Whoever names one of these addresses for plain NTP gets an answer: nobody does.
    let _plain = Chrony::on(123).start(&scene.host).unwrap();
    let daemon =
        scene.start(&ntp().config(&format!("nts-ca = \"{CA}\"\nsources = [{}]\n", sources.join(", ")))).unwrap();
    let failure =
        |status: &Value, at: usize| status["sources"][at]["nts"]["failure"].as_str().unwrap_or_default().to_owned();
    let all = |status: &Value| (0..want.len()).all(|at| !failure(status, at).is_empty());
    let status = scene.until(&daemon, "a failure of each", all).unwrap();
    for (at, (what, failed)) in want.iter().enumerate() {
        assert!(failure(&status, at).contains(failed), "{what}: {}\n{}", failure(&status, at), daemon.text());
        assert_eq!(status["sources"][at]["servers"], Value::Array(Vec::new()), "{what}: {status:#}");
    }
    assert_eq!(status["synchronised"], false, "{status:#}");
    assert_eq!(steps(&daemon, 0), 0, "{}", daemon.text());
    assert_eq!(status["restarts"], 0, "{}", daemon.text());
}

#[test]
fn a_server_that_says_nothing_does_not_keep_the_others_from_setting_the_clock() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let authority = Authority::new().unwrap();
    authority.trusted_on(&scene.host).unwrap();
    let identity = authority.certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let _silent = KeyServer::on(&scene.host, 4470, &identity, NTSKE, Manner::Silent).unwrap();
    let _servers =
        [1121, 1122].map(|port| Chrony::on(port).secured(port + 3340, &identity).start(&scene.host).unwrap());
    let sources = [4470, 4461, 4462].map(|port| format!("{{ server = \"127.0.0.1:{port}\", nts = true }}"));
    let config = format!("nts-ca = \"{CA}\"\nsources = [{}]\n", sources.join(", "));
    let mut run = scene.oneshot(&ntp().config(&config)).unwrap();
    assert_eq!(run.wait_exit(Duration::from_secs(1)).unwrap().code(), Some(0), "{}", run.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", run.text());
}

#[test]
fn what_a_server_says_after_it_has_ended_tls_is_not_read() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let authority = Authority::new().unwrap();
    authority.trusted_on(&scene.host).unwrap();
    let identity = authority.certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let _server = KeyServer::on(&scene.host, 4470, &identity, NTSKE, Manner::SpeaksOn(response(&[]))).unwrap();
    let config = format!("nts-ca = \"{CA}\"\nsources = [{{ server = \"127.0.0.1:4470\", nts = true }}]\n");
    let daemon = scene.start(&ntp().config(&config)).unwrap();
    let failed = |status: &Value| status["sources"][0]["nts"]["failure"].is_string();
    let status = scene.until(&daemon, "a failure", failed).unwrap();
    assert_eq!(status["sources"][0]["nts"]["failure"], "the server hangs up", "{}", daemon.text());
}

#[test]
fn trusted_certificates_behind_a_link_may_be_replaced() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let authority = Authority::new().unwrap();
    let identity = authority.certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let _server = Chrony::on(1121).secured(4461, &identity).start(&scene.host).unwrap();
    let config = format!("nts-ca = \"{CA}\"\nsources = [{{ server = \"127.0.0.1:4461\", nts = true }}]\n");
    // All of /run can be read anyway: the configuration lies in it.
    scene
        .host
        .shell("mount -t tmpfs real /mnt && : > /mnt/ca.pem && mkdir /run/nts && ln -s /mnt/ca.pem /run/nts")
        .unwrap();
    let daemon = scene.start(&ntp().config(&config)).unwrap();
    let failed = |status: &Value| status["sources"][0]["nts"]["failure"].is_string();
    scene.until(&daemon, "no certificates", failed).unwrap();
    scene.host.shell("rm /run/nts/ca.pem").unwrap();
    authority.trusted_on(&scene.host).unwrap();
    scene.host.shell("mv /run/nts/ca.pem /mnt && ln -s /mnt/ca.pem /run/nts").unwrap();
    scene.until(&daemon, "a right clock", |status| status["synchronised"] == true).unwrap();
}

#[test]
fn without_trusted_certificates_no_keys_are_exchanged_and_the_log_says_so() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let authority = Authority::new().unwrap();
    let identity = authority.certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let _server = Chrony::on(1121).secured(4461, &identity).start(&scene.host).unwrap();
    let config = format!("nts-ca = \"{CA}\"\nsources = [{{ server = \"127.0.0.1:4461\", nts = true }}]\n");
    for (what, file) in [
        ("there is none", ""),
        ("an empty one", "mkdir -p /run/nts && : > /run/nts/ca.pem"),
        ("something else", "rm -rf /run/nts && mkdir -p /run/nts && head -c 3000000 /dev/zero > /run/nts/ca.pem"),
        ("a FIFO", "rm /run/nts/ca.pem && mkfifo /run/nts/ca.pem"),
        ("a folder", "rm /run/nts/ca.pem && mkdir /run/nts/ca.pem"),
    ] {
        scene.host.shell(file).unwrap();
        let daemon = scene.start(&ntp().config(&config)).unwrap();
        let failed = |status: &Value| status["sources"][0]["nts"]["failure"].is_string();
        let status = scene.until(&daemon, what, failed).unwrap();
        assert_eq!(
            status["sources"][0]["nts"]["failure"], "no trusted certificate: look at nts-ca",
            "{what}: {status:#}"
        );
        assert!(daemon.text().contains("look at nts-ca"), "{what}: {}", daemon.text());
        orlop_test_ntp::end(daemon).unwrap();
    }
    // Once there is one, it counts without a restart, by the next exchange.
    scene.host.shell("rmdir /run/nts/ca.pem").unwrap();
    let daemon = scene.start(&ntp().config(&config)).unwrap();
    let failed = |status: &Value| status["sources"][0]["nts"]["failure"].is_string();
    scene.until(&daemon, "no certificates", failed).unwrap();
    authority.trusted_on(&scene.host).unwrap();
    scene.until(&daemon, "a right clock", |status| status["synchronised"] == true).unwrap();
}
