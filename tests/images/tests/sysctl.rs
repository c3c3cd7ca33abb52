//! The sysctl applier in a container under each runtime, with only what the image's label grants.
//!
//! Only settings of the client host's network are written: of the machine's own there is one, which tests must not touch.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::fs;
use std::time::Duration;

use orlop_test_images::{Engine, Grants, Stage};
use serde_json::Value;

/// Far longer than anything here takes.
const SOON: Duration = Duration::from_secs(30);
const FORWARD: &str = "net.ipv4.ip_forward";

fn stage(engine: Engine) -> Option<Stage> {
    let _ = Stage::available_for("sysctl", engine.programs())?;
    Some(Stage::of("sysctl").unwrap())
}

/// Runs a container to its end: its exit code, and what it said.
fn run(engine: Engine, stage: &Stage, grants: &Grants) -> (Option<i32>, String) {
    let mut container = engine.start(stage, grants).unwrap();
    let exit = container.running.wait_exit(SOON).unwrap();
    (exit.code(), container.running.text())
}

/// The client host's `net.ipv4.ip_forward`, and the result that the audit has for it.
fn forwarding(stage: &Stage) -> (String, String) {
    let now = stage.scene.client.shell("cat /proc/sys/net/ipv4/ip_forward").unwrap().trim().to_owned();
    let audit = stage.document("audit.json").unwrap();
    let records = audit["settings"].as_array().unwrap();
    let record = records.iter().find(|record| record["key"] == FORWARD).unwrap();
    (now, record["result"].as_str().unwrap().to_owned())
}

#[test]
fn a_setting_is_in_force_under_every_runtime_that_leaves_proc_sys_as_it_is() {
    for engine in [Engine::Runc, Engine::Crun, Engine::Podman] {
        let Some(stage) = stage(engine) else { continue };
        let ours = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
        let grants = stage.grants.clone().proc_sys().command(&[stage.program(), "net.ipv4.ip_forward=1"]);
        let (code, said) = run(engine, &stage, &grants);
        assert_eq!(code, Some(0), "{engine:?}: {said}");
        assert_eq!(forwarding(&stage), ("1".to_owned(), "ok".to_owned()), "{engine:?}: {said}");
        let name = stage.daemon().name;
        let metrics = stage.read(&format!("/run/orlop/metrics/{name}.prom")).unwrap();
        assert!(metrics.contains(&format!("orlop_{name}_exit_code 0")), "{engine:?}: {metrics}");
        assert_eq!(
            fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap(),
            ours,
            "{engine:?}: this machine's own"
        );
        posture_is_complete(engine, &stage.status().unwrap());
    }
}

/// Every layer of every process that does not depend on the kernel's configuration.
fn posture_is_complete(engine: Engine, status: &Value) {
    let posture = &status["posture"];
    let processes: Vec<&String> = posture.as_object().unwrap().keys().filter(|name| *name != "supervisor").collect();
    assert_eq!(
        processes,
        ["sysctl-admin", "sysctl-broker", "sysctl-net", "sysctl-root", "sysctl-worker"],
        "{engine:?}: one for each capability of the label"
    );
    let (root, net) = (serde_json::json!([0, 0, 0, 0]), serde_json::json!([64106, 64106, 64106, 64106]));
    for (what, process, uids, capabilities) in [
        ("worker", &posture["sysctl-worker"], &serde_json::json!([64105, 64105, 64105, 64105]), &[][..]),
        ("broker", &posture["sysctl-broker"], &serde_json::json!([64605, 0, 0, 0]), &[]),
        ("root applier", &posture["sysctl-root"], &root, &[]),
        ("net applier", &posture["sysctl-net"], &net, &["CAP_NET_ADMIN"]),
        ("admin applier", &posture["sysctl-admin"], &root, &["CAP_SYS_ADMIN"]),
    ] {
        let status = &process["status"];
        assert_eq!(&status["uids"], uids, "{engine:?}: {what}");
        for set in ["permitted", "bounding"] {
            assert_eq!(status[set], serde_json::json!(capabilities), "{engine:?}: {what}: {set}");
        }
        for layer in [&status["no_new_privs"], &status["filtered"], &process["limited"]] {
            assert_eq!(layer, true, "{engine:?}: {what} in {posture}");
        }
    }
}

/// What containers that are not LinuxKit's get: nothing of `/proc/sys` can be written, whatever they may.
#[test]
fn a_runtime_that_protects_proc_sys_is_told_from_a_key_that_nobody_may_write() {
    for engine in [Engine::Containerd, Engine::Podman] {
        let Some(stage) = stage(engine) else { continue };
        let (code, said) =
            run(engine, &stage, &stage.grants.clone().command(&[stage.program(), "net.ipv4.ip_forward=1"]));
        assert_eq!(code, Some(1), "{engine:?}: {said}");
        assert_eq!(forwarding(&stage), ("0".to_owned(), "readonly".to_owned()), "{engine:?}: {said}");
        assert!(said.contains("mounted read-only"), "{engine:?}: {said}");
    }
}

/// As LinuxKit starts it, with a folder of one's own bound over the image's, which a read-only image has for that.
#[test]
fn linuxkits_unchanged_command_applies_a_folder_that_is_bound() {
    let Some(stage) = stage(Engine::Runc) else { return };
    assert_eq!(stage.grants.command, ["/usr/bin/sysctl"]);
    let folder = stage.machine().join("etc/sysctl.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("10-first"), "net.ipv4.ip_forward = 0\nnet.ipv4.conf.eth0.rp_filter=2\nno.such.key = 1\n")
        .unwrap();
    fs::write(folder.join("20-second.conf"), "net/ipv4/ip_forward = 1\n").unwrap();
    let mut grants = stage.grants.clone();
    grants.label.binds.push("/etc/sysctl.d:/etc/sysctl.d:ro".to_owned());
    let (code, said) = run(Engine::Runc, &stage, &grants);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(forwarding(&stage), ("1".to_owned(), "ok".to_owned()), "{said}");
    let loose = stage.scene.client.shell("cat /proc/sys/net/ipv4/conf/eth0/rp_filter").unwrap();
    assert_eq!(loose.trim(), "2", "{said}");
    assert!(said.contains("10-first:3: no.such.key"), "{said}");
}

#[test]
fn the_profiles_of_the_image_are_there_and_only_shown_by_a_plan() {
    let Some(stage) = stage(Engine::Runc) else { return };
    let words = [stage.program(), "--plan", "--profile", "linuxkit", "--profile", "kspp"];
    let (code, said) = run(Engine::Runc, &stage, &stage.grants.clone().command(&words));
    assert_eq!(code, Some(0), "{said}");
    for line in ["fs.file-max = 524288", "kernel.modules_disabled = 1", "vm.overcommit_memory = 1"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert!(stage.read(&stage.daemon().published("audit.json")).is_err(), "nothing was done");
}

/// Whoever writes `capabilities:` or `binds:` in YAML replaces the label's.
#[test]
fn what_is_missing_is_answered_with_what_grants_it() {
    let Some(base) = stage(Engine::Runc) else { return };
    let mut seen = 0;
    for capability in base.grants.label.capabilities.clone() {
        let stage = Stage::of("sysctl").unwrap();
        let grants =
            stage.grants.clone().without_capability(&capability).command(&[stage.program(), "net.ipv4.ip_forward=1"]);
        let (code, said) = run(Engine::Runc, &stage, &grants);
        // The supervisor cannot do without its own; what the appliers lack only costs the settings that ask for it.
        let want = match capability.as_str() {
            "CAP_SYS_ADMIN" => 0,
            "CAP_NET_ADMIN" => 1,
            _ => 77,
        };
        assert_eq!(code, Some(want), "without {capability}: {said}");
        assert!(want == 0 || said.contains(&capability), "without {capability}: {said}");
        seen += 1;
    }
    assert_eq!(seen, 7);
    for folder in base.grants.label.runtime.mkdir.clone() {
        let stage = Stage::of("sysctl").unwrap();
        let grants = stage.grants.clone().without_bind(&folder).command(&[stage.program(), "net.ipv4.ip_forward=1"]);
        let (code, said) = run(Engine::Runc, &stage, &grants);
        assert_eq!(code, Some(0), "without {folder}, settings count more than what is written about them: {said}");
        assert!(said.contains("WARN"), "without {folder}: {said}");
    }
}
