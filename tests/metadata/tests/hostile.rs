//! Services and user data that mean harm: nothing leaves `/run/config`, nothing takes longer or more room than it may.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use nix::sys::signal::Signal;
use orlop_test_metadata::cloud::Asked;
use orlop_test_metadata::{Answer, Cloud, Scene, metadata, testbed};
use orlop_testbed::Launch;

/// DigitalOcean's service is one document, which is the least to play.
fn one_document(scene: &Scene, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Cloud {
    Cloud::start(&scene.cloud, "169.254.169.254", answer).unwrap()
}

fn asking() -> Launch {
    metadata().args(["--timeout", "4", "digitalocean"])
}

fn with_user_data(user_data: &str) -> Vec<u8> {
    serde_json::json!({ "droplet_id": 7, "hostname": "drop", "region": "ams3", "user_data": user_data })
        .to_string()
        .into_bytes()
}

#[test]
fn names_that_lead_elsewhere_are_left_out_and_the_rest_and_the_raw_data_are_there() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let user_data = r#"{
        "../../etc/escaped": {"content": "x"}, "..": {"entries": {"escaped": {"content": "x"}}},
        "a": {"entries": {"../b": {"content": "x"}, "/etc/c": {"content": "x"}, "good": {"content": "y"}}},
        "n\u0000l": {"content": "x"}, "line\nend": {"content": "x"}, "": {"content": "x"},
        "provider": {"content": "forged"}, ".orlop-metadata": {"entries": {"x": {"content": "x"}}},
        "setuid": {"perm": "4755", "content": "x"}, "both": {"content": "x", "entries": {}}
    }"#;
    let document = with_user_data(user_data);
    let _cloud = one_document(&scene, move |_| Answer::ok(document.clone()));
    let ran = scene.run(&asking()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("userdata").as_deref(), Some(user_data));
    assert_eq!(scene.config("a/good").as_deref(), Some("y"));
    assert_eq!(scene.config("provider").as_deref(), Some("DigitalOcean"));
    assert_eq!(scene.look("setuid").unwrap().0 & 0o7000, 0);
    for outside in ["/escaped", "/etc/escaped", "/run/escaped", "/run/etc/escaped", "/etc/c", "/run/config/b"] {
        assert!(!scene.machine.path(outside).exists(), "{outside}");
    }
    // All that the machine has of its own.
    let escaped = scene.machine.shell("find /run /etc /var -name escaped").unwrap();
    assert_eq!(escaped, "");
    let status = scene.status().unwrap();
    assert!(status["left_out"]["bad-path"].as_u64().unwrap() >= 6, "{status}");
    assert!(!scene.tops().iter().any(|name| name.starts_with('.')), "{:?}", scene.tops());
}

#[test]
fn a_link_that_another_container_has_put_there_is_replaced_and_not_followed() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let document = with_user_data(r#"{"dir": {"entries": {"file": {"content": "x"}}}}"#);
    let _cloud = one_document(&scene, move |_| Answer::ok(document.clone()));
    scene
        .machine
        .shell("mkdir -p /run/config /run/victim && cd /run/config && for n in userdata provider dir hostname .orlop-metadata; do ln -s /run/victim $n; done")
        .unwrap();
    let ran = scene.run(&asking()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.machine.shell("ls -A /run/victim").unwrap(), "");
    assert_eq!(scene.config("dir/file").as_deref(), Some("x"));
    // The folder itself behind a link is somebody else's folder.
    scene.machine.shell("rm -rf /run/config && ln -s /run/victim /run/config").unwrap();
    let refused = scene.run(&asking()).unwrap();
    assert_eq!(refused.code, 78, "{}", refused.text);
    assert_eq!(scene.machine.shell("ls -A /run/victim").unwrap(), "");
}

#[test]
fn links_that_come_and_go_meanwhile_lead_nowhere() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let many: String = (0..200).map(|n| format!(r#""d{n}": {{"entries": {{"f": {{"content": "x"}}}}}},"#)).collect();
    let document = with_user_data(&format!("{{{many} \"z\": {{\"content\": \"\"}}}}"));
    let _cloud = one_document(&scene, move |_| Answer::ok(document.clone()));
    scene.machine.shell("mkdir -p /run/config /run/victim").unwrap();
    // Until it is ended with the host: puts a link in the place of whatever is there.
    let racer = "cd /run/config; while :; do for n in d1 d50 d199 .orlop-metadata .orlop-metadata/d3; do mv -T $n /run/aside.$$ 2>/dev/null; ln -sfT /run/victim $n 2>/dev/null; rm -rf /run/aside.$$; rm -f $n; done; done";
    let mut racer = scene.machine.spawn("racer", scene.machine.command("sh").args(["-c", racer])).unwrap();
    for _ in 0..5 {
        // Whether it succeeds is the racer's to say; where it writes is not.
        let ran = scene.run(&asking()).unwrap();
        assert!(ran.text.contains("asking"), "{}", ran.text);
    }
    racer.signal(Signal::SIGKILL).unwrap();
    racer.wait_exit(orlop_test_metadata::SOON).unwrap();
    assert_eq!(scene.machine.shell("ls -A /run/victim").unwrap(), "");
    let ran = scene.run(&asking()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("d199/f").as_deref(), Some("x"));
}

#[test]
fn answers_that_never_end_come_too_slowly_or_lead_elsewhere_end_in_time_and_in_little_room() {
    let Some(_) = testbed(&[]) else { return };
    let whole = with_user_data("x");
    let chunked = |rest: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{rest}").into_bytes();
    let bomb = {
        let mut text = String::from("{\"a\":");
        text.push_str(&"[".repeat(100_000));
        text
    };
    for (what, answer) in [
        (
            "10 GB",
            Answer::Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".repeat(100), 10_000_000_000),
        ),
        (
            "a flood of headers",
            Answer::Endless(b"HTTP/1.1 200 OK\r\n".iter().copied().chain(b"X: y\r\n".repeat(1000)).collect(), 1 << 30),
        ),
        ("one byte at a time", Answer::Slow(whole.clone(), Duration::from_millis(300))),
        ("silence", Answer::Silence),
        ("a redirect", Answer::status(302).with("Location", "http://10.0.0.1/elsewhere")),
        ("no HTTP", Answer::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec())),
        ("two lengths", Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}".to_vec())),
        (
            "length and chunks",
            Answer::Raw(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
                    .to_vec(),
            ),
        ),
        ("a chunk that is no number", Answer::Raw(chunked("zz\r\n{}\r\n0\r\n\r\n"))),
        ("an endless chunk", Answer::Raw(chunked("ffffffffffffffff\r\n{}"))),
        ("JSON without end", Answer::ok(bomb)),
        ("no JSON", Answer::ok("<html>")),
    ] {
        let scene = Scene::new().unwrap();
        let cloud = one_document(&scene, move |_| answer.clone());
        let ran = scene.run(&asking()).unwrap();
        assert!([69, 76].contains(&ran.code), "{what}: {}", ran.text);
        assert_eq!(scene.tops(), Vec::<String>::new(), "{what}");
        let status = scene.status().unwrap();
        assert!(status["took_ms"].as_u64().unwrap() < 5_000, "{what}: {status}");
        assert!(cloud.lines().iter().all(|line| !line.contains("elsewhere")), "{what}: {:?}", cloud.lines());
        assert!(!ran.text.contains("have ended"), "{what}: nothing was started anew: {}", ran.text);
    }
}

#[test]
fn what_cannot_be_put_into_place_leaves_nothing_beside_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let document = with_user_data("x");
    let _cloud = one_document(&scene, move |_| Answer::ok(document.clone()));
    // No file can take the place of what is mounted.
    scene.machine.shell("mkdir -p /run/config/userdata && mount -t tmpfs tmpfs /run/config/userdata").unwrap();
    let ran = scene.run(&asking()).unwrap();
    assert_eq!(ran.code, 71, "{}", ran.text);
    assert!(ran.text.contains("cannot write below /run/config"), "{}", ran.text);
    assert!(!scene.tops().iter().any(|name| name.starts_with('.')), "{:?}", scene.tops());
    assert_eq!(scene.config("provider"), None);
}

#[test]
fn a_proxy_of_the_environment_is_nobody() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let proxy = Cloud::start(&scene.cloud, "10.0.0.1", |_| Answer::ok("{}")).unwrap();
    let document = with_user_data("x");
    let _cloud = one_document(&scene, move |_| Answer::ok(document.clone()));
    let mut command = asking().command(&scene.machine).unwrap();
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy"] {
        command.env(name, "http://10.0.0.1:80");
    }
    let mut running = scene.machine.spawn("proxied", &mut command).unwrap();
    assert_eq!(running.wait_exit(orlop_test_metadata::SOON).unwrap().code(), Some(0), "{}", running.text());
    assert_eq!(proxy.asked(), []);
}
