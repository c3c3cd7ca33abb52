//! User data that whoever started a virtual machine has put into its firmware.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_metadata::cloud::Asked;
use orlop_test_metadata::{Answer, Cloud, Scene, metadata, testbed};

/// A table of one structure, of type 11, with these strings.
fn strings(texts: &[&str]) -> Vec<u8> {
    let mut table = b"\x0b\x05\0\0\x01".to_vec();
    texts.iter().for_each(|text| table.extend(text.bytes().chain([0])));
    table.push(0);
    table
}

/// A machine with such a table, and a cloud that would say something else.
fn machine(texts: &[&str]) -> (Scene, Cloud) {
    let scene = Scene::new().unwrap();
    scene.machine.shell("mkdir -p /sys/firmware/dmi/tables").unwrap();
    std::fs::write(scene.machine.path("/sys/firmware/dmi/tables/DMI"), strings(texts)).unwrap();
    scene.says("sys_vendor", "DigitalOcean").unwrap();
    let cloud = Cloud::start(&scene.cloud, "169.254.169.254", |_: &Asked| {
        Answer::ok(r#"{"droplet_id": 7, "hostname": "web-1", "user_data": "the cloud's"}"#)
    });
    (scene, cloud.unwrap())
}

#[test]
fn user_data_of_smbios_are_written_and_nobody_is_asked() {
    let Some(_) = testbed(&[]) else { return };
    // {"motd": {"content": "canary-57"}}
    const ENCODED: &str = "eyJtb3RkIjogeyJjb250ZW50IjogImNhbmFyeS01NyJ9fQ==";
    for (what, string) in [
        ("as text", r#"io.systemd.credential:orlop.userdata={"motd": {"content": "canary-57"}}"#.to_owned()),
        ("in base64", format!("io.systemd.credential.binary:orlop.userdata={ENCODED}")),
    ] {
        let (scene, cloud) = machine(&["QEMU", &string, "io.systemd.credential:other=canary-58"]);
        let ran = scene.run(&metadata().args(["--log", "debug"])).unwrap();
        assert_eq!(ran.code, 0, "{what}: {}", ran.text);
        assert_eq!(scene.config("provider").as_deref(), Some("SMBIOS"), "{what}");
        assert_eq!(scene.config("motd").as_deref(), Some("canary-57"), "{what}");
        assert_eq!(scene.look("userdata").unwrap().0, 0o600, "{what}");
        assert_eq!(cloud.lines(), Vec::<String>::new(), "{what}");
        let detected = scene.run(&metadata().args(["--detect", "--json"])).unwrap();
        assert!(detected.text.contains("orlop.userdata"), "{what}: {}", detected.text);
        for text in [&ran.text, &detected.text, &scene.status().unwrap().to_string()] {
            assert!(!text.contains("canary") && !text.contains(ENCODED), "{what}: {text}");
        }
    }
}

#[test]
fn who_names_a_provider_means_no_firmware() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, cloud) = machine(&["io.systemd.credential:orlop.userdata=the firmware's"]);
    let ran = scene.run(&metadata().args(["digitalocean"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("userdata").as_deref(), Some("the cloud's"));
    assert_eq!(cloud.lines().len(), 1);
}

#[test]
fn what_is_no_base64_is_written_as_it_is_and_told() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, _cloud) = machine(&["io.systemd.credential.binary:orlop.userdata=no base64!"]);
    let ran = scene.run(&metadata()).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("userdata").as_deref(), Some("no base64!"));
    assert!(ran.text.contains("base64") && ran.text.contains("left out"), "{}", ran.text);
}

#[test]
fn user_data_of_fw_cfg_are_written_and_nobody_is_asked() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, cloud) = machine(&["io.systemd.credential:orlop.userdata=that of SMBIOS"]);
    let file = "/sys/firmware/qemu_fw_cfg/by_name/opt/io.systemd.credentials/orlop.userdata";
    scene.machine.shell(&format!("mkdir -p {file}")).unwrap();
    let user_data = r#"{"motd": {"content": "canary-59"}}"#;
    for (name, content) in [("size", format!("{}\n", user_data.len())), ("raw", user_data.to_owned())] {
        std::fs::write(scene.machine.path(format!("{file}/{name}")), content).unwrap();
    }
    let ran = scene.run(&metadata().args(["--log", "debug"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("provider").as_deref(), Some("fw_cfg"), "{}", ran.text);
    assert_eq!(scene.config("userdata").as_deref(), Some(user_data));
    assert_eq!(scene.look("userdata").unwrap().0, 0o600);
    assert_eq!(scene.config("motd").as_deref(), Some("canary-59"));
    assert_eq!(cloud.lines(), Vec::<String>::new());
    assert!(!ran.text.contains("canary") && !scene.status().unwrap().to_string().contains("canary"), "{}", ran.text);
    // Longer than the kernel gives in any reasonable time: told, and what SMBIOS has counts.
    std::fs::write(scene.machine.path(format!("{file}/size")), "32769\n").unwrap();
    let long = scene.run(&metadata()).unwrap();
    assert_eq!(long.code, 0, "{}", long.text);
    assert_eq!(scene.config("provider").as_deref(), Some("SMBIOS"), "{}", long.text);
    assert!(long.text.contains("user data in fw_cfg are longer"), "{}", long.text);
}
