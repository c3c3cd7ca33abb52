//! What somebody else says of a machine, before anybody reads it: a disk that is there, one that comes late, and none.

use std::path::PathBuf;
use std::time::Duration;

use orlop_image::platform::Platform;
use orlop_test_metadata::disk::Image;
use orlop_test_vm::{Line, Probe, Step};
use serde_json::Value;

use crate::stage::{Seen, Stage, status_of};

const SOON: u32 = 60;
/// Where the kernel has the machine's name, and the fetcher what it found.
const NAME: &str = "/proc/sys/kernel/hostname";
const USER_DATA: &str = r#"{"motd": {"content": "welcome"}}"#;
/// What is in one of the files that they become.
const MESSAGE: &str = "welcome";
/// What a disk says besides: the machine's name and its number.
const NAMED: &[&str] = &["seeded", "iid-7"];

/// The demo's machine, whose last container of onboot reads what one before it has written.
fn machine(name: &str) -> Option<Stage> {
    let steps = [
        Step::wait("/run/orlop/boot.json", "\"onboot_done_ms\": ", SOON),
        Step::wait(&status_of("metadata"), "\"outcome\"", SOON),
    ];
    let stage = Stage::with(name, Line::V6_12, &steps, |folder| {
        let files =
            ["provider", "userdata", "motd", "instance_id"].map(|file| Step::read(&format!("/run/config/{file}")));
        let steps: Vec<Step> = std::iter::once(Step::read(NAME)).chain(files).collect();
        let reader = Probe::speaking(Platform::Amd64, folder, "reader", &steps).unwrap();
        let entry = reader.plain_entry("reader", "uts: host, binds: [\"/run/config:/run/config:ro\"]");
        (format!("onboot:{entry}\n"), vec![reader.image])
    })?;
    Some(stage.card(0).served(0, "192.0.2.53"))
}

/// A disk that `make` makes; the folder that it lies in goes with the value.
fn seed(name: &str, make: impl Fn(&Image) -> anyhow::Result<PathBuf>) -> (Image, PathBuf) {
    let image = Image::new(&format!("seed-{name}"));
    let path = make(&image).unwrap();
    (image, path)
}

fn no_cloud(image: &Image) -> anyhow::Result<PathBuf> {
    let files = [("meta-data", "instance-id: iid-7\nlocal-hostname: seeded\n"), ("user-data", USER_DATA)];
    image.iso("cidata", &files, &["-joliet", "-rock"])
}

fn config_drive(image: &Image) -> anyhow::Result<PathBuf> {
    let about = r#"{"uuid": "iid-7", "hostname": "seeded"}"#;
    image.iso(
        "config-2",
        &[("openstack/latest/meta_data.json", about), ("openstack/latest/user_data", USER_DATA)],
        &["-joliet", "-rock"],
    )
}

/// The reader says what it read, files and all, before the first service is started.
fn was_read(seen: &Seen, provider: &str, more: &[&str]) {
    let Seen { console, record, .. } = seen;
    assert!(record.iter().all(|report| report.code == 0), "{record:?}\n{console}");
    let place = |text: &str| console.find(text).unwrap_or_else(|| panic!("no {text:?} in\n{console}"));
    let written = place("metadata written");
    for read in [provider, USER_DATA, MESSAGE].iter().chain(more) {
        let read = place(&format!(": o {read}\n"));
        assert!(written < read && read < place("onboot is done at"), "{console}");
    }
    assert!(console.contains("5 of 5 containers ended with 0"), "{console}");
}

#[test]
fn what_a_disk_says_is_there_for_the_next_container_and_the_machine_has_its_name() {
    for (name, make, provider) in [
        ("nocloud", no_cloud as fn(&Image) -> anyhow::Result<PathBuf>, "CDROM /dev/vda"),
        ("configdrive", config_drive, "configdrive"),
    ] {
        let Some(mut stage) = machine(name) else { return };
        let (_folder, disk) = seed(name, make);
        stage.emulator = stage.emulator.disk(&disk);
        was_read(&stage.boot(), provider, NAMED);
    }
}

#[test]
fn a_disk_that_is_promised_and_comes_late_is_waited_for() {
    let Some(mut stage) = machine("late-disk") else { return };
    let (_folder, disk) = seed("late-disk", no_cloud);
    stage.emulator = stage.emulator.bay().words("ds=nocloud");
    let stage = stage.controlled();
    let machine = stage.start();
    machine.wait_for("waiting for a disk", Duration::from_secs(60)).unwrap();
    stage.control().insert(&disk).unwrap();
    was_read(&stage.end(machine).unwrap(), "CDROM /dev/vda", NAMED);
}

#[test]
fn what_whoever_starts_a_machine_puts_into_its_firmware_is_there_as_well() {
    let Some(mut stage) = machine("firmware") else { return };
    stage.emulator = stage.emulator.firmware(&format!("io.systemd.credential:orlop.userdata={USER_DATA}"));
    was_read(&stage.boot(), "SMBIOS", &[]);
}

#[test]
fn without_a_disk_and_without_a_cloud_the_boot_goes_on_at_once() {
    let Some(stage) = machine("no-seed") else { return };
    let Seen { console, record, .. } = stage.boot();
    assert!(record.iter().all(|report| report.code == 0), "{record:?}\n{console}");
    let status: Value = serde_json::from_str(&record[1].out).unwrap();
    assert_eq!((&status["outcome"], &status["platforms"]), (&"nothing".into(), &Value::Array(vec![])), "{status}");
    assert!(console.contains("no metadata found"), "{console}");
    assert!(console.contains("5 of 5 containers ended with 0"), "{console}");
    let took = status["took_ms"].as_u64().unwrap();
    assert!(took < 5_000, "{took} ms, and there was nobody to wait for");
}
