//! How long a run takes, whom it asks and whom it does not, and what it ends with.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_test_metadata::disk::Image;
use orlop_test_metadata::{Answer, Cloud, SOON, Scene, metadata, testbed};

/// A service that has one file for whoever asks as OpenStack's machines do.
fn openstack(host: &orlop_testbed::Host) -> Cloud {
    Cloud::start(host, "169.254.169.254", |asked| match asked.line.as_str() {
        "GET /openstack" | "GET /openstack/" => Answer::ok("2018-08-27\nlatest\n"),
        line if line.ends_with("/meta_data.json") => {
            Answer::ok(r#"{"uuid": "d8e02d56", "hostname": "stacked", "name": "stacked", "availability_zone": "nova"}"#)
        }
        line if line.ends_with("/user_data") => Answer::ok("#!/bin/sh\n"),
        _ => Answer::status(404),
    })
    .unwrap()
}

/// TCP connections that the machine has begun, as its kernel counts them (`ActiveOpens`).
fn begun(scene: &Scene) -> u64 {
    let text = scene.machine.shell("cat /proc/net/snmp | grep '^Tcp:' | tail -1").unwrap();
    text.split_whitespace().nth(5).unwrap().parse().unwrap()
}

#[test]
fn a_machine_that_does_not_say_where_it_runs_asks_nobody_and_says_how_to_have_it_ask() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let cloud = openstack(&scene.cloud);
    let ran = scene.run(&metadata()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(ran.text.contains("--probe"), "{}", ran.text);
    assert_eq!(cloud.asked(), []);
    assert_eq!(begun(&scene), 0, "no connection was even tried");
    assert_eq!(scene.status().unwrap()["outcome"], "nothing");
    let required = scene.run(&metadata().args(["--require"])).unwrap();
    assert_eq!(required.code, 69, "{}", required.text);
    let probed = scene.run(&metadata().args(["--probe"])).unwrap();
    assert_eq!(probed.code, 0, "{}", probed.text);
    assert_eq!(scene.config("hostname").as_deref(), Some("stacked"));
    assert_eq!(scene.config("provider").as_deref(), Some("openstack"));
}

/// Which workers a run has started, by the names of their profiles.
fn workers(scene: &Scene) -> Vec<String> {
    let status = scene.status().unwrap();
    let names = status["posture"].as_object().unwrap().keys();
    names.filter(|name| ["metadata-network", "metadata-media"].contains(&name.as_str())).cloned().collect()
}

#[test]
fn no_process_is_started_that_has_nothing_to_do() {
    let Some(_) = testbed(&["genisoimage"]) else { return };
    let scene = Scene::new().unwrap();
    let _cloud = openstack(&scene.cloud);
    let image = Image::new("needed-workers");
    let disk = image.iso("cidata", &[("meta-data", "instance-id: i-1\n"), ("user-data", "x")], &["-rock"]).unwrap();
    scene.machine.write("/run/userdata", "x").unwrap();
    for (what, words, want) in [
        ("nobody is asked", &[][..], &[][..]),
        ("somebody is asked", &["openstack"], &["metadata-network"]),
        ("a disk is read", &["--disk", disk.to_str().unwrap(), "nocloud"], &["metadata-media"]),
        ("a file is read", &["file=/run/userdata"], &["metadata-network"]),
    ] {
        let ran = scene.run(&metadata().args(words.iter().copied())).unwrap();
        assert_eq!(ran.code, 0, "{what}: {}", ran.text);
        assert_eq!(workers(&scene), *want, "{what}: {}", ran.text);
    }
    let shown = scene.run(&metadata().args(["--posture"])).unwrap();
    for process in ["metadata-network", "metadata-media", "metadata-broker", "supervisor"] {
        assert!(shown.stdout.contains(process), "{process}: {}", shown.text);
    }
}

#[test]
fn a_process_that_ends_costs_what_it_was_sent_for_and_is_told() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _cloud = Cloud::start(&scene.cloud, "169.254.169.254", |_| Answer::Silence).unwrap();
    let mut running = metadata().args(["digitalocean"]).start(&scene.machine).unwrap();
    running.wait_for("asking", SOON).unwrap();
    let processes = scene.machine.processes().unwrap();
    let worker = processes.iter().find(|(_, line)| line.starts_with("metadata-network")).expect("it asks");
    kill(Pid::from_raw(worker.0.cast_signed()), Signal::SIGKILL).unwrap();
    assert_eq!(running.wait_exit(SOON).unwrap().code(), Some(76), "{}", running.text());
    assert!(running.text().contains("digitalocean: the process that asks has ended"), "{}", running.text());
    assert_eq!(scene.status().unwrap()["outcome"], "failed");
}

#[test]
fn linuxkits_command_line_names_whom_to_ask() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _cloud = openstack(&scene.cloud);
    let ran = scene.run(&metadata().called("/usr/bin/metadata").args(["-v", "metaldata", "openstack"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(ran.text.contains("metaldata"), "{}", ran.text);
    assert_eq!(scene.config("provider").as_deref(), Some("openstack"));
    let refused = scene.run(&metadata().called("/usr/bin/metadata").args(["equinixmetal"])).unwrap();
    assert_eq!(refused.code, 0, "{}", refused.text);
    assert!(refused.text.contains("equinixmetal"), "{}", refused.text);
}

#[test]
fn a_network_that_swallows_everything_takes_no_longer_than_the_deadline() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    // Nobody has this address, and the router says nothing.
    scene.cloud.shell("ip address del 169.254.169.254/32 dev eth0 && ip route add blackhole 169.254.169.254").unwrap();
    let ran = scene.run(&metadata().args(["--timeout", "2", "aws"])).unwrap();
    assert_eq!(ran.code, 69, "{}", ran.text);
    assert!(ran.took < Duration::from_secs(10), "{:?}: {}", ran.took, ran.text);
    assert_eq!(scene.tops(), Vec::<String>::new());
    let status = scene.status().unwrap();
    assert_eq!(status["outcome"], "late", "{status}");
    // As the run itself measures it: how long a loaded machine takes to start it and to tell the test is no part of it.
    assert!(status["took_ms"].as_u64().unwrap() < 2_500, "{status}");
}

#[test]
fn a_route_that_comes_late_is_waited_for_and_one_that_never_comes_is_told() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::unconfigured().unwrap();
    let _cloud = openstack(&scene.cloud);
    let ran = scene.run(&metadata().args(["--timeout", "1", "openstack"])).unwrap();
    assert_eq!(ran.code, 69, "{}", ran.text);
    let mut running = metadata().args(["openstack"]).start(&scene.machine).unwrap();
    running.wait_for("asking", Duration::from_secs(20)).unwrap();
    scene.cloud.add_address("eth0", "10.0.0.1/24").unwrap();
    scene.machine.add_address("eth0", "10.0.0.2/24").unwrap();
    scene.machine.run("ip", &["route", "add", "default", "via", "10.0.0.1"]).unwrap();
    let status = running.wait_exit(orlop_test_metadata::SOON).unwrap();
    assert_eq!(status.code(), Some(0), "{}", running.text());
    assert_eq!(scene.config("hostname").as_deref(), Some("stacked"));
}

#[test]
fn whoever_refuses_is_told_from_whoever_is_not_there() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _cloud = Cloud::start(&scene.cloud, "169.254.169.254", |_| Answer::status(403)).unwrap();
    let ran = scene.run(&metadata().args(["aws"])).unwrap();
    assert_eq!(ran.code, 76, "{}", ran.text);
    assert_eq!(scene.status().unwrap()["outcome"], "failed");
    assert_eq!(scene.tops(), Vec::<String>::new(), "nothing is left of the attempt");
}

#[test]
fn scaleway_is_asked_from_a_port_that_only_root_has() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let cloud = Cloud::start(&scene.cloud, "169.254.42.42", |asked| match asked.line.as_str() {
        "GET /conf?format=json" => Answer::ok(
            r#"{"id": "11111111-1111-4111-8111-111111111111", "hostname": "scw", "commercial_type": "DEV1-S",
                "location": {"zone_id": "par1"}, "public_ip": {"address": "203.0.113.9"}, "private_ip": null,
                "ssh_public_keys": []}"#,
        ),
        "GET /user_data/cloud-init" if asked.port < 1024 => Answer::ok("#cloud-config\n"),
        _ => Answer::status(404),
    })
    .unwrap();
    let ran = scene.run(&metadata().args(["scaleway"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(cloud.asked().iter().all(|asked| asked.port < 1024), "{:?}", cloud.asked());
    assert_eq!(scene.config("userdata").as_deref(), Some("#cloud-config\n"), "{}", ran.text);
}

#[test]
fn a_file_is_user_data_where_nothing_else_has_any() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.machine.write("/etc/userdata", r#"{"a": {"entries": {"b": {"content": "c"}}}}"#).unwrap();
    let ran = scene.run(&metadata().args(["file=/etc/userdata"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("provider").as_deref(), Some("/etc/userdata"));
    assert_eq!(scene.config("a/b").as_deref(), Some("c"));
    let missing = scene.run(&metadata().args(["file=/etc/none"])).unwrap();
    assert_eq!(missing.code, 78, "{}", missing.text);
    assert_eq!(scene.status().unwrap()["outcome"], "failed", "also of a run that did not begin");
}

#[test]
fn a_run_that_writes_nothing_says_what_it_would() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _cloud = openstack(&scene.cloud);
    let ran = scene.run(&metadata().args(["--dry-run", "openstack"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(ran.text.contains("0600") && ran.text.contains("userdata"), "{}", ran.text);
    assert!(!ran.text.contains("metadata written"), "{}", ran.text);
    assert_eq!(scene.tops(), Vec::<String>::new());
    assert_eq!(scene.machine.run("hostname", &[]).unwrap().trim(), "localhost");
    let json = scene.run(&metadata().args(["--dry-run", "--json", "openstack"])).unwrap();
    assert_eq!(json.code, 0, "{}", json.text);
    let said: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&said["outcome"], &said["provider"]), (&"found".into(), &"openstack".into()), "{said}");
    let files = said["would_write"].as_array().unwrap();
    let user_data = serde_json::json!({ "path": "userdata", "mode": "0600", "length": 10 });
    assert!(files.contains(&user_data), "{said}");
    for written in ["metadata/status.json", "metrics/metadata.prom"] {
        assert!(!scene.machine.path(format!("/run/orlop/{written}")).exists(), "{written}");
    }
}

#[test]
fn a_cloud_is_told_that_the_machine_is_ready_only_by_a_run_that_writes() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _metadata = Cloud::start(&scene.cloud, "169.254.169.254", |_| {
        Answer::ok(r#"{"compute": {"name": "web-1", "vmId": "02aab8a4-74ef-476e-8182-f6d2ba4166a6"}}"#)
    })
    .unwrap();
    let wire = Cloud::start(&scene.cloud, "168.63.129.16", |asked| match asked.line.as_str() {
        "GET /machine/?comp=goalstate" => Answer::ok(
            "<GoalState><Incarnation>1</Incarnation><ContainerId>c</ContainerId><InstanceId>i</InstanceId></GoalState>",
        ),
        _ => Answer::status(200),
    })
    .unwrap();
    let looked = scene.run(&metadata().args(["--dry-run", "azure"])).unwrap();
    assert!(looked.code == 0 && looked.text.contains("instance_id"), "{}", looked.text);
    assert_eq!(wire.lines(), Vec::<String>::new(), "{}", looked.text);
    let written = scene.run(&metadata().args(["azure"])).unwrap();
    assert_eq!(written.code, 0, "{}", written.text);
    assert_eq!(wire.lines(), ["GET /machine/?comp=goalstate", "POST /machine/?comp=health"], "{}", written.text);
}

#[test]
fn what_was_found_can_be_looked_at() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _cloud = openstack(&scene.cloud);
    let early = scene.run(&metadata().args(["status"])).unwrap();
    assert_eq!(early.code, 69, "{}", early.text);
    assert_eq!(scene.run(&metadata().args(["openstack"])).unwrap().code, 0);
    let status = scene.run(&metadata().args(["status"])).unwrap();
    assert!(status.code == 0 && status.text.contains("openstack"), "{}", status.text);
    let name = scene.run(&metadata().args(["get", "hostname"])).unwrap();
    assert!(name.code == 0 && name.text.contains("stacked"), "{}", name.text);
    let missing = scene.run(&metadata().args(["get", "none"])).unwrap();
    assert_eq!(missing.code, 69);
    assert!(missing.text.contains("there is no none") && missing.text.contains("ls /run/config"), "{}", missing.text);
    scene.machine.shell("mkdir /run/config/folder && chmod 0 /run/config/hostname").unwrap();
    for (what, key, code) in [("a folder", "folder", 78), ("closed", "hostname", 77)] {
        let unreadable = scene.run(&metadata().args(["get", key])).unwrap();
        assert_eq!(unreadable.code, code, "{what}: {}", unreadable.text);
        assert!(unreadable.text.contains(&format!("cannot read /run/config/{key}")), "{what}: {}", unreadable.text);
    }
    // More than a pipe holds.
    scene.machine.write("/run/config/long", "x".repeat(1 << 20)).unwrap();
    let script = r#"set -o pipefail; "$0" get long | head -c 1"#;
    let binary = metadata().binary().display().to_string();
    assert_eq!(scene.machine.run("bash", &["-c", script, &binary]).unwrap().trim(), "x");
    assert!(scene.machine.read("/run/orlop/metrics/metadata.prom").unwrap().contains("outcome"));
}
