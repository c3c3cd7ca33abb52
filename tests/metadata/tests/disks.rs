//! Seed disks, made by other people's programs and read by the process that has no network.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_metadata::disk::Image;
use orlop_test_metadata::{Scene, metadata, testbed};

const META: &str = "instance-id: iid-1\nlocal-hostname: seeded\npublic-keys:\n  - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8kkTaaZOfTz3GkWU2Zk0BYXJxJVvCPLhaYVG5ztSzW me\n";
const USER: &str = "#cloud-config\npassword: canary-55\n";

#[test]
fn a_no_cloud_disk_is_read_whoever_made_it_and_named_in_provider() {
    let Some(_) = testbed(&["genisoimage", "mkfs.vfat", "mcopy"]) else { return };
    let scene = Scene::new().unwrap();
    let files = [("meta-data", META), ("user-data", USER)];
    for (what, make) in [
        ("cloud-localds", "-joliet -rock"),
        ("Proxmox: Rock Ridge alone", "-rock"),
        ("Joliet alone", "-joliet"),
        ("FAT", ""),
    ] {
        let image = Image::new(&format!("nocloud-{}", make.len()));
        let options: Vec<&str> = make.split_whitespace().collect();
        let path = if options.is_empty() {
            image.fat("CIDATA", &files).unwrap()
        } else {
            image.iso("cidata", &files, &options).unwrap()
        };
        scene.machine.shell("rm -rf /run/config/* && hostname localhost").unwrap_or_default();
        let path = path.display().to_string();
        let ran = scene.run(&metadata().args(["--disk", &path])).unwrap();
        assert_eq!(ran.code, 0, "{what}: {}", ran.text);
        assert_eq!(scene.config("provider"), Some(format!("CDROM {path}")), "{what}");
        assert_eq!(scene.config("userdata").as_deref(), Some(USER), "{what}");
        assert_eq!(scene.look("userdata").unwrap().0, 0o600, "{what}");
        assert_eq!(scene.config("instance_id").as_deref(), Some("iid-1"), "{what}");
        assert!(scene.config("ssh/authorized_keys").unwrap().starts_with("ssh-ed25519 "), "{what}");
        assert_eq!(scene.machine.run("hostname", &[]).unwrap().trim(), "seeded", "{what}");
        assert!(!ran.text.contains("canary"), "{what}: {}", ran.text);
    }
}

#[test]
fn linuxkits_disc_has_no_label_and_one_file() {
    let Some(_) = testbed(&["genisoimage"]) else { return };
    let scene = Scene::new().unwrap();
    let image = Image::new("linuxkit-disc");
    let path = image.iso("CDROM", &[("config", r#"{"motd": {"content": "hi"}}"#)], &["-rock"]).unwrap();
    let ran = scene.run(&metadata().args(["--disk", &path.display().to_string(), "cdrom"])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("motd").as_deref(), Some("hi"));
}

#[test]
fn a_config_drive_is_openstacks_documents_on_a_disk() {
    let Some(_) = testbed(&["genisoimage"]) else { return };
    let scene = Scene::new().unwrap();
    let image = Image::new("config-drive");
    let meta = r#"{"uuid": "d8e02d56", "hostname": "driven.example.com", "availability_zone": "nova"}"#;
    let files = [("openstack/latest/meta_data.json", meta), ("openstack/latest/user_data", USER)];
    let path = image.iso("config-2", &files, &["-joliet", "-rock"]).unwrap();
    let ran = scene.run(&metadata().args(["--disk", &path.display().to_string()])).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!(scene.config("provider").as_deref(), Some("configdrive"));
    assert_eq!(scene.config("userdata").as_deref(), Some(USER));
    assert_eq!(scene.machine.run("hostname", &[]).unwrap().trim(), "driven.example.com");
}

#[test]
fn a_disk_that_is_no_seed_is_nothing_and_one_that_is_broken_harms_nobody() {
    let Some(_) = testbed(&["genisoimage"]) else { return };
    let scene = Scene::new().unwrap();
    let (another, seed) = (Image::new("no-seed"), Image::new("broken-seed"));
    let other = another.iso("DEBIAN", &[("README", "hello")], &["-rock"]).unwrap();
    let broken = seed.iso("cidata", &[("user-data", USER)], &["-rock"]).unwrap();
    let mut bytes = std::fs::read(&broken).unwrap();
    // Behind the label: folders, and what is in them.
    bytes.iter_mut().skip(40_000).step_by(3).for_each(|byte| *byte = 0xff);
    std::fs::write(&broken, &bytes).unwrap();
    for (what, disk, code, required) in [("another's", &other, 0, 69), ("broken", &broken, 76, 76)] {
        let disk = disk.display().to_string();
        let ran = scene.run(&metadata().args(["--disk", &disk])).unwrap();
        assert_eq!(ran.code, code, "{what}: {}", ran.text);
        assert_eq!(scene.config("provider"), None, "{what}");
        let ran = scene.run(&metadata().args(["--disk", &disk, "--require"])).unwrap();
        assert_eq!(ran.code, required, "{what}: {}", ran.text);
    }
}
