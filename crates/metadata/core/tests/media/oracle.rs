//! FAT beside `fatfs`, which is somebody else's: whatever it writes is read as it reads it.

use std::io::{Cursor, Read as _, Write as _};

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use orlop_metadata_core::media::{Files as _, Medium};
use proptest::prelude::*;

/// A disk of each kind: bits, KiB, bytes of a cluster.
const KINDS: [(FatType, usize, u32); 5] = [
    (FatType::Fat12, 1_000, 512),
    (FatType::Fat12, 4_000, 4_096),
    (FatType::Fat16, 3_000, 512),
    (FatType::Fat16, 12_000, 2_048),
    (FatType::Fat32, 34_000, 512),
];

/// What is done to a disk: a file of this name and length is written, or deleted again.
type Deed = (String, Option<u16>);

/// The disk after these deeds, and all files that `fatfs` sees on it.
fn written((kind, kib, cluster): (FatType, usize, u32), deeds: &[Deed]) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let mut disk = Cursor::new(vec![0; kib << 10]);
    let options = FormatVolumeOptions::new().fat_type(kind).bytes_per_cluster(cluster).volume_label(*b"CIDATA     ");
    fatfs::format_volume(&mut disk, options).unwrap();
    let mut files = Vec::new();
    {
        let system = FileSystem::new(&mut disk, FsOptions::new()).unwrap();
        assert_eq!(system.fat_type(), kind);
        let root = system.root_dir();
        let below = root.create_dir("openstack").unwrap().create_dir("latest").unwrap();
        for (number, (name, len)) in deeds.iter().enumerate() {
            let folder = if number % 3 == 0 { &below } else { &root };
            match len {
                Some(len) => {
                    let byte = u8::try_from(number % 251).unwrap();
                    let content: Vec<u8> = (0..*len).map(|at| at.to_le_bytes()[0] ^ byte).collect();
                    let mut file = folder.create_file(name).unwrap();
                    file.truncate().unwrap();
                    file.write_all(&content).unwrap();
                }
                None => _ = folder.remove(name),
            }
        }
        for (path, folder) in [("", &root), ("openstack/latest/", &below)] {
            for entry in folder.iter().map(Result::unwrap).filter(fatfs::DirEntry::is_file) {
                let mut content = Vec::new();
                entry.to_file().read_to_end(&mut content).unwrap();
                files.push((format!("{path}{}", entry.file_name()), content));
            }
        }
    }
    (disk.into_inner(), files)
}

/// The files that `fatfs` sees are those that we see.
fn same(kind: (FatType, usize, u32), deeds: &[Deed]) {
    let (image, files) = written(kind, deeds);
    let mut disk = image.as_slice();
    let mut medium = Medium::open(&mut disk).unwrap().unwrap();
    assert!(medium.labels().all(|label| label == "CIDATA"));
    for (path, content) in files {
        assert_eq!(medium.file(&path), Ok(Some(content)), "{path}");
    }
    for (name, _) in deeds {
        let path = format!("{name}-");
        assert_eq!(medium.file(&path), Ok(None), "{path}");
    }
}

/// Names that come again, so that files are overwritten and deleted, and others of any length.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("user-data".to_owned()),
        Just("meta-data".to_owned()),
        Just("CONFIG".to_owned()),
        Just("meta_data.json".to_owned()),
        "[a-zA-Z0-9é€]{1,3}",
        "[a-z][a-z0-9-]{0,60}(\\.[a-z]{1,5})?",
        Just("x".repeat(250)),
    ]
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec((name(), prop::option::weighted(0.7, 0..6_000_u16)), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_is_written_is_read_as_it_was(kind in prop::sample::select(&KINDS[..4]), deeds in deeds()) {
        same(kind, &deeds);
    }
}

#[test]
fn fat32_as_well() {
    let mut deeds: Vec<Deed> = (0..60).map(|n| (format!("a-name-of-some-length-{n}"), Some(n * 50))).collect();
    deeds.extend((10..40).map(|n| (format!("a-name-of-some-length-{n}"), None)));
    deeds.push(("user-data".to_owned(), Some(50_000)));
    same(KINDS[4], &deeds);
}
