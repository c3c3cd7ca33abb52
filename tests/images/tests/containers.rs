//! The daemon at its work inside a container, under each runtime, with only what the image's label grants.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use orlop_sandbox::capability::{Capability, CapabilitySet};
use orlop_test_dhcp::{ADDRESS, SOON, leased};
use orlop_test_images::{Engine, Grants, Stage};
use orlop_testbed::eventually;
use serde_json::Value;

/// A container has to be gone that long after SIGTERM: LinuxKit kills what is left after five seconds.
const STOP: Duration = Duration::from_secs(5);
/// What LinuxKit's examples have under `command:`.
const LINUXKIT_ONBOOT: [&str; 5] = ["/sbin/dhcpcd", "--nobackground", "-f", "/dhcpcd.conf", "-1"];

#[test]
fn linuxkits_unchanged_onboot_command_takes_a_lease_under_every_runtime() {
    for engine in Engine::ALL {
        let Some(_) = Stage::available(engine.programs()) else { continue };
        let stage = Stage::new().unwrap();
        let resolv_conf = stage.machine().join("run/resolvconf/resolv.conf");
        let inode = fs::metadata(&resolv_conf).unwrap().ino();
        let grants = stage.grants.clone().command(&LINUXKIT_ONBOOT);
        let mut container = engine.start(&stage, &grants).unwrap();
        let exit = container.running.wait_exit(SOON).unwrap();
        let text = container.running.text();
        assert_eq!(exit.code(), Some(0), "{engine:?}: {text}");
        let addresses = stage.scene.client.addresses("eth0").unwrap();
        assert_eq!(addresses.iter().map(|found| found.address).collect::<Vec<_>>(), [ADDRESS], "{engine:?}: {text}");
        assert_eq!(stage.scene.client.default_routes().unwrap().len(), 1, "{engine:?}: {text}");
        assert!(fs::read_to_string(&resolv_conf).unwrap().contains("nameserver 192.0.2.53"), "{engine:?}: {text}");
        let metadata = fs::metadata(&resolv_conf).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o644, "{engine:?}");
        assert_eq!(metadata.ino(), inode, "{engine:?}: other containers have this file bound");
    }
}

#[test]
fn the_service_holds_its_lease_with_only_the_labels_capabilities_and_stops_in_time() {
    for engine in Engine::ALL {
        let Some(_) = Stage::available(engine.programs()) else { continue };
        let stage = Stage::new().unwrap();
        let mut container = engine.start(&stage, &stage.grants).unwrap();
        if let Err(error) = leased(&stage.scene.client) {
            panic!("{engine:?}: {error:#}\n{}", container.running.text());
        }
        let bound = || Ok(stage.status().is_ok_and(|status| status.to_string().contains("192.0.2.77")).then_some(()));
        eventually("a status that says so", SOON, bound).unwrap();
        let granted = granted(&stage.grants);
        posture_is_complete(engine, &stage.status().unwrap(), granted);

        let pid = stage.supervisor().unwrap();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains(&format!("CapBnd:\t{:016x}", granted.bits())), "{engine:?}: {status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{engine:?}: {status}");
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
        assert!(root.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{engine:?}: {root}");

        let told = Instant::now();
        container.running.signal(Signal::SIGTERM).unwrap();
        let exit = container.running.wait_exit(SOON).unwrap();
        assert_eq!(exit.code(), Some(0), "{engine:?}: {}", container.running.text());
        assert!(told.elapsed() < STOP, "{engine:?}: it took {:?}", told.elapsed());
        let addresses = stage.scene.client.addresses("eth0").unwrap();
        assert_eq!(addresses.len(), 1, "{engine:?}: the address outlives the container");
    }
}

#[test]
fn an_order_is_given_in_the_container_as_the_page_for_trouble_says() {
    let Some(_) = Stage::available(Engine::Containerd.programs()) else { return };
    let stage = Stage::new().unwrap();
    let container = Engine::Containerd.start(&stage, &stage.grants).unwrap();
    if let Err(error) = leased(&stage.scene.client) {
        panic!("{error:#}\n{}", container.running.text());
    }
    for (words, code, said) in [
        (&["status"][..], 0, ADDRESS.to_string()),
        (&["renew", "--wait"], 0, String::new()),
        (&["--no-such-option"], 64, "--no-such-option".to_owned()),
    ] {
        let output = container.exec(&[&[stage.program()], words].concat()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        assert!(text.contains(&said), "{words:?}: {text}");
    }
}

/// The label's capabilities.
fn granted(grants: &Grants) -> CapabilitySet {
    let named = |name: &String| Capability::ALL.into_iter().find(|one| one.name() == name).unwrap();
    grants.label.capabilities.iter().map(named).collect()
}

/// Every layer of every process that does not depend on the kernel's configuration.
fn posture_is_complete(engine: Engine, status: &Value, granted: CapabilitySet) {
    let posture = &status["posture"];
    let (worker, broker, supervisor) = (&posture["dhcp-worker"], &posture["dhcp-broker"], &posture["supervisor"]);
    for (what, found, want) in [
        ("worker's user", &worker["status"]["uids"], serde_json::json!([64101, 64101, 64101, 64101])),
        ("worker's capabilities", &worker["status"]["permitted"], serde_json::json!([])),
        ("worker's bounding set", &worker["status"]["bounding"], serde_json::json!([])),
        ("worker's privileges", &worker["status"]["no_new_privs"], true.into()),
        ("worker's filter", &worker["status"]["filtered"], true.into()),
        ("worker's root", &worker["empty_root"], true.into()),
        ("worker's limits", &worker["limited"], true.into()),
        ("broker's privileges", &broker["status"]["no_new_privs"], true.into()),
        ("broker's filter", &broker["status"]["filtered"], true.into()),
        ("broker's limits", &broker["limited"], true.into()),
        ("supervisor's bounding set", &supervisor["status"]["bounding"], serde_json::json!(granted)),
    ] {
        assert_eq!(found, &want, "{engine:?}: {what} in {posture}");
    }
    let net = [Capability::NetAdmin, Capability::NetRaw, Capability::NetBindService];
    let net = serde_json::json!(net.into_iter().collect::<CapabilitySet>());
    assert_eq!(broker["status"]["bounding"], net, "{engine:?}: broker's bounding set in {posture}");
}

#[test]
fn the_daemons_own_form_reads_the_configuration_of_the_image() {
    let Some(_) = Stage::available(Engine::Runc.programs()) else { return };
    let stage = Stage::new().unwrap();
    let run = |words: &[&str]| {
        let mut container = Engine::Runc.start(&stage, &stage.grants.clone().command(words)).unwrap();
        let exit = container.running.wait_exit(SOON).unwrap();
        assert_eq!(exit.code(), Some(0), "{words:?}: {}", container.running.text());
        let said = container.running.text();
        drop(container);
        fs::remove_dir_all(stage.folder().join("bundle")).unwrap();
        said
    };
    let said = run(&[stage.program(), "--check", "--config", "/etc/orlop/dhcp.toml"]);
    assert!(!said.contains("error"), "{said}");
    run(&[stage.program(), "--oneshot"]);
    assert!(stage.read("/run/resolvconf/resolv.conf").unwrap().contains("192.0.2.53"));
    assert!(stage.read("/run/orlop/netfacts/dhcp.eth0").unwrap().contains("192.0.2.53"));
    let name = stage.daemon().name;
    assert!(stage.read(&format!("/run/orlop/metrics/{name}.prom")).unwrap().contains(&format!("orlop_{name}")));
}

/// Whoever writes `capabilities:` or `binds:` in YAML replaces the label's: what is then missing is said as YAML. Without a
/// capability nothing can be done; without a folder only what it carries is lost.
#[test]
fn what_is_missing_is_answered_with_the_yaml_that_grants_it() {
    let Some(_) = Stage::available(Engine::Runc.programs()) else { return };
    let base = Stage::new().unwrap().grants.clone();
    let mut table: Vec<(String, Grants, i32, String)> = Vec::new();
    for capability in base.label.capabilities.clone() {
        let want = format!("lacks {capability}");
        table.push((capability.clone(), base.clone().without_capability(&capability), 77, want));
    }
    for folder in base.label.runtime.mkdir.clone() {
        // A run that ends by itself takes no orders, and nobody else owns resolv.conf here.
        let is_needed = !folder.starts_with("/run/orlop/control") && folder != "/run/orlop/claim";
        let want = if is_needed { format!("folder={folder} ") } else { String::new() };
        table.push((folder.clone(), base.clone().without_bind(&folder), 0, want));
    }
    assert_eq!(table.len(), 8 + 6);
    for (what, grants, code, want) in table {
        let stage = Stage::new().unwrap();
        let grants = grants.command(&[stage.program(), "--oneshot"]);
        let mut container = Engine::Runc.start(&stage, &grants).unwrap();
        let exit = container.running.wait_exit(SOON).unwrap();
        let said = container.running.text();
        assert_eq!(exit.code(), Some(code), "without {what}: {said}");
        let helps = if code == 0 { "runtime: {mkdir: [" } else { "help: " };
        assert!(said.contains(&want) && (want.is_empty() || said.contains(helps)), "without {what}: {said}");
        let errors = usize::from(code != 0);
        assert_eq!(said.matches("error: ").count(), errors, "without {what}: to try again is of no use: {said}");
    }
}
