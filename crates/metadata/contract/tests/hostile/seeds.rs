//! The fuzz targets of this package: their committed seeds are replayed, and most of them are made here.

use orlop_harness::seeds::{self, Seed, Target};
use orlop_machine::Instant;
use orlop_metadata_contract::{
    Chunk, Counters, Discard, DiskId, EntryPath, Failure, Hostname, Location, Mode, Notice, PROVIDER, Place, Provider,
    Request, Seed as Media,
};
use orlop_wire::{MaxSize, encode, max_size};
use serde::Serialize;

use crate::targets;

const TARGETS: [Target; 4] = [
    ("metadata_errand", targets::errand),
    ("metadata_ipc_from_broker", targets::ipc_from_broker),
    ("metadata_ipc_from_worker", targets::ipc_from_worker),
    ("metadata_smbios", targets::smbios),
];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    let mut all = Vec::new();
    for (name, which, requests, _) in errands() {
        all.push(Seed::new("metadata_errand", name, conversation(which, &requests)));
        // Of a request that comes over and over once is enough.
        for (n, request) in requests.iter().enumerate().take(8) {
            all.push(Seed::new("metadata_ipc_from_worker", &format!("{name} {n}"), encoded(request)));
        }
    }
    all.extend(
        notices().into_iter().map(|(name, notice)| Seed::new("metadata_ipc_from_broker", name, encoded(&notice))),
    );
    all.extend(TABLES.iter().map(|(name, table)| Seed::new("metadata_smbios", name, table.to_vec())));
    seeds::committed(&all);
}

#[test]
fn of_each_errand_as_much_is_permitted_as_should_be() {
    for (name, which, requests, permitted) in errands() {
        assert_eq!(targets::play(&conversation(which, &requests)), permitted, "{name}");
    }
}

fn encoded<T: Serialize + MaxSize>(value: &T) -> Vec<u8> {
    let mut buffer = vec![0; max_size::<T>()];
    encode(value, &mut buffer).unwrap().to_vec()
}

fn conversation(which: u8, requests: &[Request]) -> Vec<u8> {
    let frames = requests.iter().map(encoded);
    let frames = frames.flat_map(|frame| [u16::try_from(frame.len()).unwrap().to_be_bytes().to_vec(), frame].concat());
    [which].into_iter().chain(frames).collect()
}

fn folder(path: &str) -> Request {
    Request::Folder { path: EntryPath::new(path).unwrap(), mode: Mode::FOLDER }
}

fn file(path: &str, length: u32) -> Request {
    Request::File { path: EntryPath::new(path).unwrap(), mode: Mode::SECRET, length }
}

fn content(text: &str) -> Request {
    Request::Content(text.bytes().collect::<Chunk>())
}

/// A name, which errand, what is said in it, and how much of that is permitted.
fn errands() -> Vec<(&'static str, u8, Vec<Request>, usize)> {
    const FETCH: u8 = 0;
    const LOOK: u8 = 1;
    const READ: u8 = 2;
    let connect = |place| Request::Connect(Place(place));
    let name = || Request::Hostname(Hostname::of("web-1").unwrap());
    let mut left_out = Counters::default();
    left_out.count(Discard::BadPath);
    let done = || Request::Done(left_out);
    vec![
        (
            "a whole tree",
            FETCH,
            vec![connect(0), folder("ssh"), file("ssh/authorized_keys", 3), content("key"), name(), done()],
            6,
        ),
        ("an endpoint that there is not", FETCH, vec![connect(2), connect(1), done()], 2),
        ("over and over", FETCH, (0..120).map(|_| connect(0)).collect(), 96),
        ("two disks", LOOK, vec![Request::Disk(DiskId(0), None), Request::Disk(DiskId(1), Some(Media::OvfEnv))], 2),
        ("a file while looking", LOOK, vec![file("a", 0), Request::Failed(Failure::Unreadable)], 1),
        ("the broker s own file", READ, vec![file(PROVIDER, 0), done()], 1),
        (
            "less than it said",
            READ,
            vec![file("a", 9), content("abc"), done(), Request::Failed(Failure::Status(503))],
            3,
        ),
        ("more than it said", READ, vec![file("a", 2), content("abc"), content("ab"), done()], 3),
        ("the largest there may be and one more", READ, vec![file("a", 8 << 20), file("b", (8 << 20) + 1)], 1),
        ("in no folder", READ, vec![file("a/b", 0), folder("a"), file("a/b", 0), folder("a/b"), done()], 3),
        ("after the end", READ, vec![done(), name()], 1),
    ]
}

fn notices() -> Vec<(&'static str, Notice)> {
    let until = Instant::from_nanos(30_000_000_000);
    vec![
        (
            "fetch",
            Notice::Fetch { provider: Provider::Scaleway, location: None, allow_imdsv1: false, reports: true, until },
        ),
        (
            "fetch at a place that was told",
            Notice::Fetch {
                provider: Provider::NoCloud,
                location: Location::parse("http://[2001:db8::1]:8080/seeds/web-1/").ok(),
                allow_imdsv1: true,
                reports: false,
                until,
            },
        ),
        ("connected", Notice::Connected(Place(1))),
        ("unconnected", Notice::Unconnected(Place(0))),
        ("document", Notice::Document { length: 70_000, is_base64: true }),
        ("piece", Notice::Piece(b"#cloud-config".iter().copied().collect())),
        ("disk", Notice::Disk { id: DiskId(3), size: 1 << 40, is_cdrom: true }),
        ("read", Notice::Read(DiskId(3), Media::ConfigDrive)),
    ]
}

const TABLES: &[(&str, &[u8])] = &[
    ("two strings", b"\x01\x04\0\0QEMU\0\0\x0b\x05\0\0\x02ds=nocloud\0a=b\0\0\x7f\x04\0\0\0\0"),
    ("no end", b"\x0b\x05\0\0\x01ds=nocloud"),
    ("a length of nothing", b"\x0b\0\0\0\0\0"),
    ("longer than the table", b"\x0b\xff\0\0\x01x\0\0"),
    ("no text", b"\x0b\x05\0\0\x01\xff\xfe\0\0"),
    ("nothing", b""),
];
