//! The whole path against a service that behaves like AWS's: detected by the firmware, asked with a token, written, named.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_metadata::aws::{KEY, USER_DATA, aws};
use orlop_test_metadata::{Cloud, Scene, metadata, testbed};

#[test]
fn a_machine_that_says_it_is_aws_s_is_told_what_aws_says_and_only_root_reads_secrets() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.says("sys_vendor", "Amazon EC2").unwrap();
    let cloud = Cloud::start(&scene.cloud, "169.254.169.254", aws).unwrap();
    let ran = scene.run(&metadata()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    for (file, mode, content) in [
        ("provider", 0o644, "AWS"),
        ("hostname", 0o644, "ip-10-0-0-2.ec2.internal"),
        ("instance_id", 0o644, "i-0123456789abcdef0"),
        ("availability_zone", 0o644, "eu-west-1a"),
        ("public_ipv4", 0o644, "203.0.113.7"),
        ("local_ipv4", 0o644, "10.0.0.2"),
        ("userdata", 0o600, USER_DATA),
        ("ssh/authorized_keys", 0o600, KEY),
        ("motd", 0o644, "hello"),
        ("etc/secret", 0o600, "canary-7f3a"),
    ] {
        assert_eq!(scene.config(file).as_deref(), Some(content), "{file}: {}", ran.text);
        assert_eq!(scene.look(file).unwrap().0, mode, "{file}");
    }
    assert_eq!(scene.machine.run("hostname", &[]).unwrap().trim(), "ip-10-0-0-2.ec2.internal");
    assert_eq!(cloud.lines()[0], "PUT /latest/api/token", "never without a token");
    let status = scene.status().unwrap();
    assert_eq!((status["outcome"].as_str(), status["provider"].as_str()), (Some("found"), Some("AWS")), "{status}");
    assert_eq!(status["platforms"][0]["sign"], "sys_vendor");
    assert!(!ran.text.contains("canary"), "{}", ran.text);
    let left = scene.machine.shell("grep -rlE 'canary|token-1' /run /var --exclude-dir=.etc || true").unwrap();
    let mut holders: Vec<&str> = left.lines().collect();
    holders.sort_unstable();
    assert_eq!(holders, ["/run/config/etc/secret", "/run/config/userdata"], "both are root's alone");

    let before = ["userdata", "ssh/authorized_keys", "etc", "provider"].map(|file| scene.look(file).unwrap());
    let again = scene.run(&metadata().args(["--log", "debug"])).unwrap();
    assert_eq!(again.code, 0, "{}", again.text);
    assert_eq!(before, ["userdata", "ssh/authorized_keys", "etc", "provider"].map(|file| scene.look(file).unwrap()));
    assert_eq!(scene.status().unwrap()["changed"], 0);
    assert!(!again.text.contains("canary") && !again.text.contains("token-1"), "{}", again.text);
}
