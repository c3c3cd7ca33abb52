//! Files on disks of `mkudffs`, which has no way to put one there: what the kernel would write is written here (ECMA-167 4/14).

use orlop_metadata_core::media::MediaError;
use proptest::prelude::*;

use crate::disks::{disk, file};
use crate::sparse::Sparse;

/// The block at which the partition begins, and blocks of the partition: the root's entry, the file's, its content.
const PARTITION: u64 = 257;
const ROOT: u64 = 3;
const ENTRY: u8 = 20;
const CONTENT: u8 = 30;

/// Where the allocation descriptors of an extended file entry are, when it has no attributes.
const DESCRIPTORS: u64 = 216;

/// The folder's own entry for the one above it, which is all that the root has.
const PARENT: u64 = 40;

/// How a content is described: short addresses, long ones, or the content itself.
const SHORT: u8 = 0;
const LONG: u8 = 1;
const HERE: u8 = 3;

/// The disk with blocks of this size, and one file in its root.
fn written(block: u64, name: &str, content: &[u8], described: u8) -> Sparse {
    let mut disk = disk("metadata_udf", &format!("mkudffs-{block}"));
    let at = |number: u64| (PARTITION + number) * block;

    let entry = identifier(name);
    let root = at(ROOT);
    let len = PARENT + entry.len() as u64;
    disk.write(root + 56, &len.to_le_bytes());
    disk.write(root + 212, &u32::try_from(len).unwrap().to_le_bytes());
    disk.write(root + DESCRIPTORS + PARENT, &entry);

    let file = at(ENTRY.into());
    disk.write(file, &tag(266, ENTRY));
    // Strategy 4, one entry, a regular file; how its content is described.
    disk.write(file + 20, &[4, 0, 0, 0, 1, 0, 0, 5]);
    disk.write(file + 34, &[described, 0]);
    disk.write(file + 56, &(content.len() as u64).to_le_bytes());
    let descriptors = if described == HERE { content.to_vec() } else { extents(block, content.len(), described) };
    disk.write(file + 212, &u32::try_from(descriptors.len()).unwrap().to_le_bytes());
    disk.write(file + DESCRIPTORS, &descriptors);
    if described != HERE {
        // One extent of a block, a block that is left out, and the rest behind it.
        let first = content.len().min(usize::try_from(block).unwrap());
        disk.write(at(CONTENT.into()), &content[..first]);
        disk.write(at(CONTENT.into()) + 2 * block, &content[first..]);
    }
    disk
}

/// A tag with its checksum.
fn tag(identifier: u16, location: u8) -> Vec<u8> {
    let mut tag = vec![0; 16];
    tag[..2].copy_from_slice(&identifier.to_le_bytes());
    (tag[2], tag[12]) = (3, location);
    tag[4] = tag.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    tag
}

/// The entry of a folder for a file, of a multiple of four bytes.
fn identifier(name: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = name.chars().map(|c| u8::try_from(c).ok()).collect();
    let name = latin.map_or_else(
        || [vec![16], name.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat(),
        |latin| [vec![8], latin].concat(),
    );
    let mut entry = tag(257, u8::try_from(ROOT).unwrap());
    entry.resize(38, 0);
    (entry[16], entry[19], entry[24]) = (1, u8::try_from(name.len()).unwrap(), ENTRY);
    entry.extend(name);
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry
}

fn extents(block: u64, len: usize, described: u8) -> Vec<u8> {
    let first = len.min(usize::try_from(block).unwrap());
    let mut extents = Vec::new();
    for (len, number) in [(first, CONTENT), (len - first, CONTENT + 2)] {
        extents.extend(u32::try_from(len).unwrap().to_le_bytes());
        extents.extend([number, 0, 0, 0]);
        if described == LONG {
            extents.extend([0; 8]);
        }
    }
    extents
}

proptest! {
    #[test]
    fn a_file_is_read_however_it_is_described(
        block in prop::sample::select(vec![512_u64, 2_048]),
        described in prop::sample::select(vec![SHORT, LONG, HERE]),
        name in prop::sample::select(vec!["ovf-env.xml", "é.xml", "€.xml", "x"]),
        content in prop::collection::vec(any::<u8>(), 1..3_000),
    ) {
        let room = if described == HERE { usize::try_from(block - DESCRIPTORS).unwrap() } else { content.len() };
        let content = &content[..content.len().min(room)];
        let mut disk = written(block, name, content, described);
        prop_assert_eq!(file(&mut disk, name), Ok(Some(content.to_vec())));
        prop_assert_eq!(file(&mut disk, "another"), Ok(None));
    }
}

#[test]
fn what_is_not_recorded_is_zero_and_what_goes_on_elsewhere_is_refused() {
    let kind = |bits: u8| {
        let mut disk = written(512, "x", &[7; 600], SHORT);
        disk.write((PARTITION + u64::from(ENTRY)) * 512 + DESCRIPTORS + 3, &[bits << 6]);
        file(&mut disk, "x")
    };
    let half = [vec![0; 512], vec![7; 88]].concat();
    assert_eq!([0, 1, 2].map(kind), [Ok(Some(vec![7; 600])), Ok(Some(half.clone())), Ok(Some(half))]);
    let refused = "UDF with a list of extents that continues elsewhere";
    assert_eq!(kind(3), Err(MediaError::Unsupported(refused)));
}

#[test]
fn a_file_that_was_deleted_is_not_there() {
    let mut disk = written(512, "x", b"content", HERE);
    let entry = (PARTITION + ROOT) * 512 + DESCRIPTORS + PARENT;
    disk.write(entry + 18, &[4]);
    assert_eq!(file(&mut disk, "x"), Ok(None));
}

#[test]
fn an_extent_may_end_where_its_partition_does_and_not_behind() {
    let content = [7; 1_024];
    let with_blocks = |blocks: u8| {
        let mut disk = written(512, "x", &content, SHORT);
        let partition = disk.find(b"+NSR0") - 25;
        disk.write(partition + 192, &[blocks, 0, 0, 0]);
        file(&mut disk, "x")
    };
    let last = CONTENT + 2;
    assert_eq!(with_blocks(last + 1), Ok(Some(content.to_vec())));
    assert_eq!(with_blocks(last), Err(MediaError::Broken("UDF: an extent leaves its partition")));
}

#[test]
fn what_is_said_to_be_a_folder_is_no_file() {
    let mut disk = written(512, "x", b"content", HERE);
    let entry = (PARTITION + ROOT) * 512 + DESCRIPTORS + PARENT;
    disk.write(entry + 18, &[2]);
    assert_eq!(file(&mut disk, "x"), Ok(None));
}
