//! Disks that contradict themselves, each in one way.

use orlop_metadata_core::media::{Disk as _, MAX_READS, MediaError, Medium, Unreadable};

use crate::disks::{disk, file};
use crate::sparse::Sparse;

const SECTOR: u64 = 2_048;

/// Where the directory record of the root is, in the primary volume descriptor.
const ROOT: u64 = 16 * SECTOR + 156;

fn le32(disk: &mut Sparse, at: u64) -> u64 {
    let mut bytes = [0; 4];
    disk.read_at(at, &mut bytes).unwrap();
    u32::from_le_bytes(bytes).into()
}

/// What comes of reading `path` after `change`.
fn changed(mut disk: Sparse, change: impl Fn(&mut Sparse), path: &str) -> Result<Option<Vec<u8>>, MediaError> {
    assert!(matches!(file(&mut disk, path), Ok(Some(_))), "it is readable before");
    change(&mut disk);
    file(&mut disk, path)
}

/// What comes of reading `user-data` after its directory record was changed, at an offset.
fn record(at: u64, bytes: &[u8]) -> Result<Option<Vec<u8>>, MediaError> {
    let change = |disk: &mut Sparse| {
        let record = disk.find(b"USER_DAT.;1") - 33;
        disk.write(record + at, bytes);
    };
    changed(disk("metadata_iso", "rock-ridge"), change, "user-data")
}

#[test]
fn iso_9660_cannot_lie() {
    let unreadable = |at| Err(MediaError::Unreadable { at, why: Unreadable::End });
    assert_eq!(record(10, &[1, 0, 16, 0]), Err(MediaError::Long("a file")), "a file of 1 MiB and a byte");
    assert_eq!(record(2, &[0xff; 4]), unreadable(0xffff_ffff * SECTOR), "a file behind the end");
    assert_eq!(record(25, &[0x80]), Err(MediaError::Unsupported("a file in several extents")));
    assert_eq!(record(26, &[1]), Err(MediaError::Unsupported("an interleaved file")));
    assert_eq!(record(25, &[0x04]), Ok(None), "what belongs to another file");
    assert_eq!(record(25, &[0x02]), Ok(None), "a folder is no file");
    let short = Err(MediaError::Broken("a structure ends inside one of its fields"));
    assert_eq!(record(0, &[20]), short, "a record that is too short for its name");
    let root = |at, bytes: &'static [u8]| {
        changed(disk("metadata_iso", "rock-ridge"), move |disk| disk.write(ROOT + at, bytes), "user-data")
    };
    assert_eq!(root(10, &[1, 0, 16, 0]), Err(MediaError::Long("a folder")));
    assert_eq!(root(2, &[0xff; 4]), unreadable(0xffff_ffff * SECTOR));
    let no_block =
        changed(disk("metadata_iso", "rock-ridge"), |disk| disk.write(16 * SECTOR + 128, &[0; 2]), "user-data");
    assert_eq!(no_block, Err(MediaError::Broken("ISO 9660: the logical blocks are of no size that there is")));
}

#[test]
fn extended_attributes_precede_the_content() {
    let mut disk = disk("metadata_iso", "rock-ridge");
    let content = file(&mut disk, "user-data");
    let record = disk.find(b"USER_DAT.;1") - 33;
    let first = u32::try_from(le32(&mut disk, record + 2)).unwrap();
    disk.write(record + 1, &[3]);
    disk.write(record + 2, &(first - 3).to_le_bytes());
    assert_eq!(file(&mut disk, "user-data"), content);
}

#[test]
fn rock_ridge_cannot_go_on_for_ever() {
    let change = |disk: &mut Sparse| {
        let name = disk.find(b"NNNNNNNN");
        let mut record = [0; 200];
        disk.read_at(name, &mut record).unwrap();
        let field = record.windows(4).position(|bytes| bytes == b"CE\x1c\x01").unwrap();
        // It continues where this very field stands again.
        let whole = &mut record[field..][..28];
        whole[20..24].copy_from_slice(&28_u32.to_le_bytes());
        let field = name + field as u64;
        disk.write(field, whole);
        let area = le32(disk, field + 4) * SECTOR + le32(disk, field + 12);
        disk.write(area, whole);
    };
    let endless = Err(MediaError::Broken("Rock Ridge: a record continues without end"));
    assert_eq!(changed(disk("metadata_iso", "many-names"), change, &"n".repeat(240)), endless);
}

#[test]
fn what_is_read_of_a_disk_is_bounded_in_all() {
    let mut disk = disk("metadata_iso", "rock-ridge");
    // A folder of 1 MiB, and behind it an area in seven blocks for each of its records.
    let (folder, areas) = (1_000_u32, 2_000_u32);
    let continued = |block: u32| {
        let number = [block.to_le_bytes(), block.to_be_bytes()].concat();
        [b"CE\x1c\x01".to_vec(), number, vec![0; 8], [28_u32.to_le_bytes(), 28_u32.to_be_bytes()].concat()].concat()
    };
    for area in 0..7 {
        disk.write(u64::from(areas + area) * SECTOR, &continued(areas + area + 1));
    }
    disk.write(u64::from(areas + 7) * SECTOR, &[0; 28]);
    let mut record = vec![0; 34];
    (record[0], record[32], record[33]) = (64, 1, b'X');
    record.extend(continued(areas));
    record.resize(64, 0);
    let mut root = vec![0; 34];
    disk.read_at(le32(&mut disk.clone(), ROOT + 2) * SECTOR, &mut root).unwrap();
    disk.write(u64::from(folder) * SECTOR, &record.repeat((1 << 20) / 64));
    // The first record says that there is Rock Ridge.
    let mut first = record.clone();
    first[33] = 0;
    first[34..41].copy_from_slice(&[b'S', b'P', 7, 1, 0xbe, 0xef, 0]);
    first[41..].fill(0);
    disk.write(u64::from(folder) * SECTOR, &first);
    disk.write(ROOT + 2, &folder.to_le_bytes());
    disk.write(ROOT + 10, &(1_u32 << 20).to_le_bytes());
    disk.reads = 0;
    assert_eq!(file(&mut disk, "user-data"), Err(MediaError::Spent));
    assert_eq!(disk.reads, MAX_READS);
}

/// FAT16 after `change`, which is told where the table is, and the entry of `user-data` with its first cluster.
fn fat16(change: impl Fn(&mut Sparse, u64, u64, u64)) -> Result<Option<Vec<u8>>, MediaError> {
    let change = |disk: &mut Sparse| {
        let table = (le32(disk, 14) & 0xffff) * 512;
        let entry = disk.find(b"USER-D~1   ");
        let first = le32(disk, entry + 26) & 0xffff;
        change(disk, table, entry, first);
    };
    changed(disk("metadata_fat", "fat16"), change, "user-data")
}

#[test]
fn fat_cannot_lie() {
    let long = |disk: &mut Sparse, entry| disk.write(entry + 28, &4_000_u32.to_le_bytes());
    let number = |number: u64| u16::try_from(number).unwrap().to_le_bytes();
    let circle = Err(MediaError::Broken("FAT: the clusters of a file go round in a circle"));
    let nowhere = Err(MediaError::Broken("FAT: a file has a cluster that does not exist"));
    let read = fat16(|disk, table, entry, first| {
        long(disk, entry);
        disk.write(table + 2 * first, &number(first));
    });
    assert_eq!(read, circle);
    for next in [0, 1, 0xfff0] {
        let read = fat16(|disk, table, entry, first| {
            long(disk, entry);
            disk.write(table + 2 * first, &number(next));
        });
        assert_eq!(read, nowhere, "{next}");
    }
    let read = fat16(|disk, table, entry, first| {
        let short = |disk: &mut Sparse, at| le32(disk, at) & 0xffff;
        let data = table / 512 + 2 * short(disk, 22) + short(disk, 17) * 32 / 512;
        let per_cluster = le32(disk, 13) & 0xff;
        let clusters = (short(disk, 19) - data) / per_cluster;
        disk.write(table + 2 * first, &number(2 + clusters));
        // It is the last one that is needed: what follows it is not looked at.
        disk.write(entry + 28, &number(2 * per_cluster * 512));
    });
    assert_eq!(read, nowhere, "one behind the last");
    let read = fat16(|disk, _, entry, _| disk.write(entry + 26, &[0; 2]));
    assert_eq!(read, nowhere, "no first cluster");
    let read = fat16(|disk, _, entry, _| long(disk, entry));
    assert_eq!(read, Err(MediaError::Broken("FAT: a file has fewer clusters than bytes")));
    let read = fat16(|disk, _, entry, _| disk.write(entry + 28, &((1_u32 << 20) + 1).to_le_bytes()));
    assert_eq!(read, Err(MediaError::Long("a file")));
    let read = fat16(|disk, _, entry, _| disk.write(entry + 13 - 32, &[0x55]));
    assert_eq!(read, Ok(None), "a long name that belongs to another entry");
    let read = fat16(|disk, _, entry, _| disk.write(entry, &[0xe5]));
    assert_eq!(read, Ok(None), "a deleted file");
}

#[test]
fn a_folder_of_fat_has_an_end() {
    let table = 32 * 512;
    let root = |numbers: &[u32]| {
        let change = |disk: &mut Sparse| {
            assert_eq!((le32(disk, 14) & 0xffff, le32(disk, 44)), (32, 2), "where table and root are");
            for (cluster, next) in (2..).zip(numbers) {
                disk.write(table + 4 * cluster, &next.to_le_bytes());
            }
        };
        changed(disk("metadata_fat", "fat32"), change, "user-data")
    };
    assert_eq!(root(&[2]), Err(MediaError::Broken("FAT: the clusters of a file go round in a circle")));
    assert_eq!(root(&[4, 0x0fff_ffff, 2]), Err(MediaError::Broken("FAT: the clusters of a file go round in a circle")));
    assert_eq!(root(&(3..3_000).collect::<Vec<_>>()), Err(MediaError::Long("a folder")));
}

#[test]
fn udf_cannot_lie() {
    let volume = |at: u64, bytes: &'static [u8]| {
        let change = move |disk: &mut Sparse| {
            let volume = disk.find(b"*OSTA UDF Compliant") - 217;
            disk.write(volume + at, bytes);
        };
        changed(disk("metadata_udf", "without-iso9660"), change, "ovf-env.xml")
    };
    assert_eq!(volume(252, &[0xff; 4]), Err(MediaError::Broken("UDF: an extent leaves its partition")));
    assert_eq!(volume(252, &[1, 0, 0, 0]), Err(MediaError::Broken("UDF: there is no file set where the volume says")));
    assert_eq!(volume(256, &[9, 0]), Err(MediaError::Unsupported("UDF with other than plain partitions")));
    assert_eq!(volume(440, &[2]), Err(MediaError::Unsupported("UDF with other than plain partitions")));
    assert_eq!(
        volume(212, &[0, 2]),
        Err(MediaError::Broken("UDF: the logical blocks have another size than the volume's"))
    );
    let root = |at: u64, bytes: &'static [u8]| {
        let change = move |disk: &mut Sparse| {
            let root = disk.find(&[5, 1, 2, 0]);
            disk.write(root + at, bytes);
        };
        changed(disk("metadata_udf", "without-iso9660"), change, "ovf-env.xml")
    };
    assert_eq!(root(27, &[5]), Err(MediaError::Broken("UDF: a folder is no folder")));
    // The entry of the only file.
    let entry = |at: u64, bytes: &'static [u8]| {
        let change = move |disk: &mut Sparse| {
            // Behind that of the root and the end of its folder.
            let entry = disk.find(&[5, 1, 2, 0]) + 2 * SECTOR;
            assert_eq!(le32(disk, entry + 24) >> 24, 5, "a regular file");
            disk.write(entry + at, bytes);
        };
        changed(disk("metadata_udf", "without-iso9660"), change, "ovf-env.xml")
    };
    assert_eq!(entry(56, &[1, 0, 16]), Err(MediaError::Long("a file")));
    assert_eq!(entry(27, &[12]), Err(MediaError::Unsupported("a link or special file")));
    assert_eq!(entry(20, &[0, 16]), Err(MediaError::Unsupported("UDF with another strategy than 4")));
    assert_eq!(entry(34, &[2]), Err(MediaError::Unsupported("UDF with extended addresses")));
    assert_eq!(entry(12, &[0]), Err(MediaError::Broken("UDF: there is no file entry where one should be")), "its tag");
    let short = Err(MediaError::Broken("a structure ends inside one of its fields"));
    assert_eq!(entry(168, &[0xff; 4]), short, "attributes that are longer than their block");
    assert_eq!(entry(56, &[0, 16]), Err(MediaError::Broken("UDF: a file has fewer extents than bytes")));
    assert_eq!(entry(180, &[0xff; 3]), Err(MediaError::Broken("UDF: an extent leaves its partition")));
    let few = Err(MediaError::Broken("UDF: a file has fewer extents than bytes"));
    assert_eq!(entry(176, &[0, 0, 0, 0xc0]), few, "an extent of no length is the end");
}

/// It has no name, and leads from the root to the root.
#[test]
fn the_entry_of_udf_for_the_folder_above_is_none_that_is_asked_for() {
    let mut disk = disk("metadata_udf", "without-iso9660");
    assert!(matches!(file(&mut disk, "ovf-env.xml"), Ok(Some(_))));
    assert_eq!(file(&mut disk, "/ovf-env.xml"), Ok(None));
}

#[test]
fn what_is_no_file_system_is_none_and_what_fails_is_told() {
    for (what, image) in [
        ("nothing", vec![]),
        ("a small disk", vec![0; 512]),
        ("an empty one", vec![0; 1 << 20]),
        ("a boot record with partitions", {
            let mut image = vec![0x90; 512];
            image[510..].copy_from_slice(&[0x55, 0xaa]);
            image
        }),
    ] {
        let mut disk = image.as_slice();
        assert!(matches!(orlop_metadata_core::media::Medium::open(&mut disk), Ok(None)), "{what}");
    }
    /// It fails at the first read.
    struct Broken;
    impl orlop_metadata_core::media::Disk for Broken {
        fn read_at(&mut self, _: u64, _: &mut [u8]) -> Result<(), Unreadable> {
            Err(Unreadable::Device)
        }
    }
    let failed = orlop_metadata_core::seed::on(&mut Broken, true);
    assert_eq!(failed, Err(MediaError::Unreadable { at: 16 * SECTOR, why: Unreadable::Device }));
}

/// The labels on a disk, if anything of it is read.
fn labels(disk: &mut Sparse) -> Option<Vec<String>> {
    Medium::open(disk).unwrap().map(|medium| medium.labels().map(str::to_owned).collect())
}

#[test]
fn one_of_two_file_systems_that_works_is_enough() {
    let mut disk = disk("metadata_udf", "bridge");
    let volume = disk.find(b"*OSTA UDF Compliant") - 217;
    disk.write(volume + 252, &[0xff; 4]);
    assert_eq!(labels(&mut disk).map(|labels| labels.len()), Some(1), "that of ISO 9660");
}

#[test]
fn a_boot_sector_that_linux_would_refuse_is_none_of_fat() {
    for (what, at, bytes) in [
        ("the signature", 510, &[0x55, 0xab][..]),
        ("bytes of a sector", 11, &[0x01, 0x02]),
        ("sectors of a cluster", 13, &[3]),
        ("sectors before the tables", 14, &[0, 0]),
        ("tables", 16, &[0]),
        ("the medium", 21, &[0xf1]),
        ("sectors in all", 19, &[0, 0]),
    ] {
        let mut disk = disk("metadata_fat", "fat16");
        disk.write(at, bytes);
        if at == 19 {
            disk.write(32, &[0; 4]);
        }
        assert_eq!(labels(&mut disk), None, "{what}");
    }
}

#[test]
fn the_root_of_fat_has_a_longest_length() {
    let mut disk = disk("metadata_fat", "fat16");
    // So many entries, on a disk that has room for them.
    disk.write(17, &[0xff, 0xff]);
    disk.write(19, &[0, 0]);
    disk.write(32, &[0, 0, 1, 0]);
    assert_eq!(file(&mut disk, "user-data"), Err(MediaError::Long("a folder")));
}

#[test]
fn only_fat32_has_numbers_of_clusters_in_two_halves() {
    let high = |name, of: &[u8]| {
        let change = |disk: &mut Sparse| {
            let entry = disk.find(of);
            disk.write(entry + 20, &[0xff, 0x0f]);
        };
        changed(disk("metadata_fat", name), change, "user-data")
    };
    assert!(matches!(high("fat16", b"USER-D~1   "), Ok(Some(_))), "it is something else there");
    let nowhere = Err(MediaError::Broken("FAT: a file has a cluster that does not exist"));
    assert_eq!(high("fat32", b"USER-D~1   "), nowhere);
}

#[test]
fn a_long_name_is_one_when_all_its_pieces_are_there_and_its_own() {
    // Two pieces, the last of which comes first.
    let piece = |change: &dyn Fn(&mut Sparse, u64)| {
        let mut disk = disk("metadata_fat", "fat16");
        assert!(matches!(file(&mut disk, "network-config"), Ok(Some(_))));
        let entry = disk.find(b"NETWOR~1   ");
        change(&mut disk, entry);
        file(&mut disk, "network-config")
    };
    assert_eq!(piece(&|disk, entry| disk.write(entry - 32, &[5])), Ok(None), "out of order");
    let missing = |disk: &mut Sparse, entry: u64| {
        disk.write(entry - 64, &[0x43]);
        disk.write(entry - 32, &[2]);
    };
    assert_eq!(piece(&missing), Ok(None), "one is missing");
    let checksum = |disk: &mut Sparse, entry: u64| {
        let mut raw = [0];
        disk.read_at(entry - 32 + 13, &mut raw).unwrap();
        disk.write(entry - 32 + 13, &[raw[0] ^ 1]);
    };
    assert_eq!(piece(&checksum), Ok(None), "of another name");
}

#[test]
fn of_the_descriptors_of_iso_9660_the_first_of_a_kind_counts_and_none_behind_the_end() {
    let mut first = disk("metadata_iso", "plain");
    let mut primary = [0; 2048];
    first.read_at(16 * SECTOR, &mut primary).unwrap();
    let mut terminator = [0; 2048];
    first.read_at(17 * SECTOR, &mut terminator).unwrap();
    assert_eq!((primary[0], terminator[0]), (1, 255));
    primary[40..46].copy_from_slice(b"SECOND");
    let mut second = first.clone();
    second.write(17 * SECTOR, &primary);
    second.write(18 * SECTOR, &terminator);
    assert_eq!(labels(&mut second), Some(vec!["CIDATA".to_owned()]), "a second primary one");
    let mut behind = first;
    primary[0] = 2;
    primary[88..91].copy_from_slice(b"%/E");
    behind.write(18 * SECTOR, &primary);
    behind.write(19 * SECTOR, &terminator);
    assert_eq!(labels(&mut behind), Some(vec!["CIDATA".to_owned()]), "one of Joliet behind the end");
}

#[test]
fn an_anchor_of_udf_is_where_it_says_that_it_is() {
    let anchor = 256 * SECTOR;
    let mut elsewhere = disk("metadata_udf", "without-iso9660");
    let sum = le32(&mut elsewhere, anchor + 4).to_le_bytes()[0];
    elsewhere.write(anchor + 12, &[0, 2]);
    elsewhere.write(anchor + 4, &[sum + 1]);
    assert_eq!(labels(&mut elsewhere), None, "it says another place");
    let mut damaged = disk("metadata_udf", "without-iso9660");
    damaged.write(anchor + 4, &[sum + 1]);
    assert_eq!(labels(&mut damaged), None, "its checksum is wrong");
}

#[test]
fn of_two_logical_volumes_of_udf_the_first_one_counts() {
    let mut disk = disk("metadata_udf", "without-iso9660");
    let before = labels(&mut disk);
    let first = disk.find(b"*OSTA UDF Compliant") - 217;
    let mut second = [0; 512];
    disk.read_at(first, &mut second).unwrap();
    // Its file set is nowhere.
    second[252..256].fill(0xff);
    let mut behind = [0; 512];
    disk.read_at(first + SECTOR, &mut behind).unwrap();
    disk.write(first + SECTOR, &second);
    disk.write(first + 2 * SECTOR, &behind);
    let labels = labels(&mut disk).expect("the first one is whole");
    assert_eq!(Some(labels), before);
}

#[test]
fn a_folder_of_udf_has_a_longest_length() {
    for (more, want) in [
        (0, MediaError::Broken("UDF: a file has fewer extents than bytes")),
        (1, MediaError::Long("a folder")),
        (2, MediaError::Long("a folder")),
    ] {
        let change = |disk: &mut Sparse| {
            let root = disk.find(&[5, 1, 2, 0]);
            disk.write(root + 56, &((1_u32 << 20) + more).to_le_bytes());
        };
        assert_eq!(changed(disk("metadata_udf", "without-iso9660"), change, "ovf-env.xml"), Err(want), "{more}");
    }
}
