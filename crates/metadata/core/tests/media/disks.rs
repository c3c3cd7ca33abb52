//! Disks as the programs make them that everybody uses, and what is read of each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orlop_metadata_contract::Seed;
use orlop_metadata_core::media::{Disk, Files, MediaError, Medium};
use orlop_metadata_core::seed;

use crate::sparse::Sparse;

/// Set to anything, it has the disks made anew.
const MAKE: &str = "ORLOP_MAKE_DISKS";

/// The folder of `make-disks.sh` that a target's disks are made in.
const TARGETS: [(&str, &str); 3] = [("metadata_iso", "iso"), ("metadata_fat", "fat"), ("metadata_udf", "udf")];

const USER_DATA: (&str, &str) = ("user-data", "#cloud-config\n{\"a\": {\"content\": \"b\"}}\n");
const META_DATA: (&str, &str) = ("meta-data", "instance-id: i-1\nlocal-hostname: web-1\n");
const NETWORK_CONFIG: (&str, &str) = ("network-config", "version: 2\n");

/// What most disks have.
const SEED: &[(&str, &str)] = &[USER_DATA, META_DATA, NETWORK_CONFIG];
const DRIVE: &[(&str, &str)] = &[
    ("openstack/latest/user_data", "hello"),
    ("openstack/latest/network_data.json", "{\"links\": []}"),
    ("ec2/latest/meta-data.json", "{\"instance-id\": \"i-2\"}"),
];

/// A disk, its labels, what it is in a drive for compact discs, and files that it has.
type Row = (&'static str, &'static str, &'static [&'static str], Option<Seed>, &'static [(&'static str, &'static str)]);

const DISKS: &[Row] = &[
    ("metadata_iso", "cloud-localds", &["cidata", "cidata"], Some(Seed::NoCloud), SEED),
    (
        "metadata_iso",
        "cloud-localds-without-meta-data",
        &["cidata", "cidata"],
        Some(Seed::NoCloud),
        &[USER_DATA, ("meta-data", "{\n\"instance-id\": \"iid-local01\"\n}\n")],
    ),
    ("metadata_iso", "rock-ridge", &["cidata"], Some(Seed::NoCloud), SEED),
    ("metadata_iso", "joliet", &["cidata", "cidata"], Some(Seed::NoCloud), SEED),
    ("metadata_iso", "plain", &["CIDATA"], Some(Seed::NoCloud), SEED),
    ("metadata_iso", "plain-level-3", &["CIDATA"], Some(Seed::NoCloud), SEED),
    ("metadata_iso", "level-4-joliet", &["cidata", "cidata"], Some(Seed::NoCloud), SEED),
    ("metadata_iso", "proxmox", &["cidata"], Some(Seed::NoCloud), SEED),
    ("metadata_iso", "linuxkit", &["CDROM"], Some(Seed::Unlabelled), &[("config", "hello")]),
    ("metadata_iso", "many-names", &["cidata"], Some(Seed::NoCloud), SEED),
    ("metadata_iso", "symbolic-link", &["cidata"], Some(Seed::NoCloud), &[META_DATA, NETWORK_CONFIG]),
    ("metadata_iso", "config-drive", &["config-2", "config-2"], Some(Seed::ConfigDrive), DRIVE),
    ("metadata_iso", "config-drive-plain", &["config-2"], Some(Seed::ConfigDrive), DRIVE),
    ("metadata_fat", "cloud-localds", &["cidata", "cidata"], Some(Seed::NoCloud), SEED),
    ("metadata_fat", "fat12", &["CIDATA", "CIDATA"], Some(Seed::NoCloud), SEED),
    ("metadata_fat", "fat16", &["CIDATA", "CIDATA"], Some(Seed::NoCloud), SEED),
    ("metadata_fat", "fat32", &["CIDATA", "CIDATA"], Some(Seed::NoCloud), SEED),
    ("metadata_fat", "config-drive", &["CONFIG-2", "CONFIG-2"], Some(Seed::ConfigDrive), DRIVE),
    ("metadata_fat", "label-of-the-boot-sector", &["CIDATA"], Some(Seed::NoCloud), SEED),
    ("metadata_fat", "in-pieces", &["CIDATA", "CIDATA"], Some(Seed::NoCloud), &[]),
    ("metadata_udf", "bridge", &["rd_rdfe_stable.1"; 3], Some(Seed::OvfEnv), &[]),
    ("metadata_udf", "without-iso9660", &["rd_rdfe_stable.1"; 2], Some(Seed::OvfEnv), &[]),
    ("metadata_udf", "mkudffs-512", &["rd_rdfe_stable.2"; 2], None, &[]),
    ("metadata_udf", "mkudffs-2048", &["rd_rdfe_stable.2"; 2], None, &[]),
];

fn path(target: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds").join(target).join(name)
}

/// A committed disk.
pub(crate) fn disk(target: &str, name: &str) -> Sparse {
    Sparse::unpacked(&fs::read(path(target, name)).unwrap_or_else(|error| panic!("{target}/{name}: {error}")))
}

/// A file of a disk.
pub(crate) fn file(disk: &mut dyn Disk, path: &str) -> Result<Option<Vec<u8>>, MediaError> {
    Medium::open(disk)?.expect("a file system").file(path)
}

/// The programs of `make-disks.sh` do not make the same bytes twice, so it is not compared with what is there.
#[test]
fn every_committed_disk_has_a_row_of_what_is_on_it() {
    if std::env::var_os(MAKE).is_some() {
        make();
    }
    for (target, _) in TARGETS {
        let mut committed: Vec<_> = fs::read_dir(path(target, ""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        // The others are seeds for a cause of their own.
        committed.retain(|name| !name.starts_with("found-"));
        committed.sort();
        let mut rows: Vec<_> = DISKS.iter().filter(|row| row.0 == target).map(|row| row.1).collect();
        rows.sort_unstable();
        assert_eq!(committed, rows, "{target}");
    }
}

fn make() {
    let folder = std::env::temp_dir().join(format!("orlop-disks-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/make-disks.sh");
    let status = Command::new("sh").arg(script).arg(&folder).status().unwrap();
    assert!(status.success(), "make-disks.sh: {status}");
    for (target, made) in TARGETS {
        fs::create_dir_all(path(target, "")).unwrap();
        for entry in fs::read_dir(folder.join(made)).unwrap() {
            let entry = entry.unwrap();
            let packed = Sparse::of(&fs::read(entry.path()).unwrap()).packed();
            fs::write(path(target, entry.file_name().to_str().unwrap()), packed).unwrap();
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn labels_and_files_are_read_as_they_were_written() {
    for (target, name, labels, seed, files) in DISKS {
        let mut disk = disk(target, name);
        let medium = Medium::open(&mut disk).expect(name).expect(name);
        assert_eq!(medium.labels().collect::<Vec<_>>(), *labels, "{target}/{name}");
        assert_eq!(seed::on(&mut disk, true), Ok(*seed), "{target}/{name}");
        let labelled = seed.filter(|seed| *seed != Seed::Unlabelled);
        assert_eq!(seed::on(&mut disk, false), Ok(labelled), "{target}/{name}, in no drive for compact discs");
        for (path, content) in *files {
            let read = file(&mut disk, path);
            assert_eq!(read, Ok(Some(content.as_bytes().to_vec())), "{target}/{name}: {path}");
        }
        for nothing in ["nothing", "userdata", "openstack", "openstack/latest/none", "user-data/x", "", ".", ".."] {
            assert_eq!(file(&mut disk, nothing), Ok(None), "{target}/{name}: {nothing:?}");
        }
    }
}

#[test]
fn a_label_without_files_is_no_seed() {
    let label = |label: &[u8]| {
        let mut disk = disk("metadata_iso", "linuxkit");
        let at = disk.find(b"CDROM   ");
        disk.write(at, label);
        [true, false].map(|is_cdrom| seed::on(&mut disk, is_cdrom))
    };
    assert_eq!(label(b"cidata"), [Ok(Some(Seed::Unlabelled)), Ok(None)]);
    assert_eq!(label(b"config-2"), [Ok(Some(Seed::Unlabelled)), Ok(None)]);
    assert_eq!(label(b"rd_rdfe_stable"), [Ok(Some(Seed::Unlabelled)), Ok(None)]);
}

#[test]
fn a_seed_becomes_facts() {
    let said = |target, name, seed| seed::read(&mut disk(target, name), seed).expect(name);
    let no_cloud = said("metadata_iso", "cloud-localds", Seed::NoCloud);
    assert_eq!(no_cloud.hostname.as_deref(), Some("web-1"));
    assert_eq!(no_cloud.attributes["instance_id"], "i-1");
    assert_eq!(no_cloud.user_data.as_deref(), Some(USER_DATA.1.as_bytes()));
    assert_eq!(no_cloud.network_config.as_deref(), Some(NETWORK_CONFIG.1.as_bytes()));
    for (target, name) in [("metadata_iso", "config-drive"), ("metadata_fat", "config-drive")] {
        let drive = said(target, name, Seed::ConfigDrive);
        assert_eq!(drive.hostname.as_deref(), Some("web-2"), "{target}");
        assert_eq!(drive.ssh_keys, ["ssh-rsa A"], "{target}");
    }
    for name in ["bridge", "without-iso9660"] {
        let azure = said("metadata_udf", name, Seed::OvfEnv);
        assert_eq!(azure.hostname.as_deref(), Some("web-3"), "{name}");
        assert_eq!(azure.user_data.as_deref(), Some(&b"hello"[..]), "{name}");
    }
}

#[test]
fn a_file_in_pieces_is_put_together() {
    let numbers: String = (1..=600).map(|n| format!("{n}\n")).collect();
    let content = format!("{}{numbers}", USER_DATA.1);
    assert_eq!(file(&mut disk("metadata_fat", "in-pieces"), "user-data"), Ok(Some(content.into_bytes())));
}

#[test]
fn a_name_that_goes_on_elsewhere_is_put_together() {
    let name = "n".repeat(240);
    let mut disk = disk("metadata_iso", "many-names");
    assert_eq!(file(&mut disk, &name), Ok(Some(USER_DATA.1.as_bytes().to_vec())));
    assert_eq!(file(&mut disk, &name[1..]), Ok(None));
}

#[test]
fn fat_does_not_tell_capitals_apart_and_knows_short_names() {
    for name in ["USER-DATA", "User-Data", "USER-D~1", "user-d~1"] {
        assert_eq!(file(&mut disk("metadata_fat", "fat12"), name), Ok(Some(USER_DATA.1.into())), "{name}");
    }
    for name in ["rock-ridge", "joliet"] {
        assert_eq!(file(&mut disk("metadata_iso", name), "USER-DATA"), Ok(None), "{name} does");
    }
}

#[test]
fn no_link_is_followed() {
    let refused = Err(MediaError::Unsupported("a link or special file"));
    assert_eq!(file(&mut disk("metadata_iso", "symbolic-link"), "user-data"), refused);
}
