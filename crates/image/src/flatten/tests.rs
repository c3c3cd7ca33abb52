use super::*;
use proptest::prelude::*;
use std::io::Write as _;
use tar::Header;

/// An archive whose names are written as given, which no well-behaved writer does.
fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_uid(3);
        header.set_gid(4);
        header.set_mtime(9);
        let is_file = matches!(kind, EntryType::Regular);
        if is_file {
            header.set_size(content.len() as u64);
        } else {
            header.set_size(0);
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        if is_file {
            bytes.extend_from_slice(content.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const LINK: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;

fn stacked(layers: &[&[(&str, EntryType, &str)]]) -> Result<Filesystem, BadLayer> {
    let (mut all, mut budget) = (Filesystem::default(), Budget::default());
    for layer in layers {
        apply(&mut all, &archive(layer), &mut budget)?;
    }
    Ok(all)
}

fn content(all: &Filesystem, path: &str) -> Option<String> {
    match &all.at(path)?.kind {
        Kind::File(content) => Some(String::from_utf8_lossy(content).into_owned()),
        Kind::Directory => Some("/".to_owned()),
        Kind::Link(to) => Some(format!("-> {to}")),
    }
}

#[test]
fn a_small_layer_of_deep_folders_is_refused_before_it_takes_memory() {
    let header = |path: &str, kind| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(path.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mode(0o644);
        header.set_mtime(9);
        header.set_cksum();
        header
    };
    // A path too long for a header stands in an entry of its own, GNU's.
    let deep = format!("{}f", "d/".repeat(2_000));
    let mut bytes = header(&deep, EntryType::GNULongName).as_bytes().to_vec();
    bytes.extend_from_slice(deep.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend_from_slice(header("", FILE).as_bytes());
    bytes.resize(bytes.len() + 1024, 0);
    let mut all = Filesystem::default();
    let refused = apply(&mut all, &bytes, &mut Budget::default()).unwrap_err();
    assert!(matches!(refused, BadLayer::Path(BadPath::Deep(_))), "{refused}");
    assert_eq!(all.len(), 0);
}

#[test]
fn an_upper_layer_hides_and_replaces_what_lower_ones_have() {
    let base: &[_] = &[
        ("a/keep", FILE, "1"),
        ("a/gone", FILE, "1"),
        ("b/one", FILE, "1"),
        ("b/sub/two", FILE, "1"),
        ("c/x", FILE, "1"),
        ("d", FILE, "1"),
        ("lib", LINK, "usr/lib"),
    ];
    let upper: &[_] = &[
        ("a/.wh.gone", FILE, ""),
        // The mark comes after what the same layer puts in, and hides nothing of it.
        ("b/new", FILE, "2"),
        ("b/.wh..wh..opq", FILE, ""),
        ("c", FILE, "2"),
        ("d/", DIR, ""),
        ("d/y", FILE, "2"),
        (".wh..wh.plnk", DIR, ""),
        ("lib/", DIR, ""),
        ("lib/z", FILE, "2"),
    ];
    let all = stacked(&[base, upper]).unwrap();
    for (what, path, want) in [
        ("what nobody touches", "a/keep", Some("1")),
        ("a whiteout", "a/gone", None),
        ("a whiteout is no file", "a/.wh.gone", None),
        ("opaque", "b/one", None),
        ("opaque, deeper", "b/sub/two", None),
        ("of the same layer as the opaque mark", "b/new", Some("2")),
        ("a folder by a file", "c", Some("2")),
        ("what was in it", "c/x", None),
        ("a file by a folder", "d/y", Some("2")),
        ("a note of AUFS", ".wh..wh.plnk", None),
        ("a link by a folder", "lib", Some("/")),
        ("what is in that", "lib/z", Some("2")),
    ] {
        assert_eq!(content(&all, path).as_deref(), want, "{what}");
    }
}

#[test]
fn a_whiteout_hides_nothing_of_its_own_layer_and_nothing_that_is_not_there() {
    let all = stacked(&[&[(".wh.a", FILE, ""), ("a", FILE, "1"), (".wh.never", FILE, "")]]).unwrap();
    assert_eq!(content(&all, "a").as_deref(), Some("1"));
    assert_eq!(all.len(), 1);
}

#[test]
fn owner_mode_and_time_are_the_archives() {
    let all = stacked(&[&[("./a", FILE, "x")]]).unwrap();
    let Entry { mode, uid, gid, mtime, .. } = *all.at("a").unwrap();
    assert_eq!((mode, uid, gid, mtime), (0o644, 3, 4, 9));
}

#[test]
fn a_hostile_archive_stays_in_its_root_or_is_refused() {
    for (what, entry, want) in [
        ("absolute", ("/etc/passwd", FILE, "x"), "etc/passwd"),
        ("through a link to the root", ("out/etc/passwd", FILE, "x"), "etc/passwd"),
        ("through a link that climbs", ("up/etc/passwd", FILE, "x"), "etc/passwd"),
    ] {
        let all = stacked(&[&[("out", LINK, "/"), ("up", LINK, "../../.."), entry]]).unwrap();
        assert_eq!(content(&all, want).as_deref(), Some("x"), "{what}");
    }
    for (what, entry, want) in [
        ("climbing", ("../etc/passwd", FILE, "x"), "no path below a root"),
        ("climbing later", ("a/../../x", FILE, "x"), "no path below a root"),
        ("a whiteout of the folder above", ("a/.wh...", FILE, ""), "no path below a root"),
        ("a device", ("etc/sda", EntryType::Block, ""), "of type Block"),
        ("a pipe", ("run/pipe", EntryType::Fifo, ""), "of type Fifo"),
        ("a hard link to nothing", ("x", HARD, "../etc/shadow"), "hard link"),
        ("a hard link to a folder", ("x", HARD, "folder"), "hard link"),
        ("a link to nothing at all", ("x", LINK, ""), "no path"),
    ] {
        let error = stacked(&[&[("folder", DIR, ""), entry]]).unwrap_err().to_string();
        assert!(error.contains(want), "{what}: {error}");
    }
}

#[test]
fn device_nodes_below_dev_are_left_out() {
    let all = stacked(&[&[("dev/", DIR, ""), ("./dev/null", EntryType::Char, ""), ("/dev/sda", EntryType::Block, "")]]);
    assert_eq!(all.unwrap().iter().map(|(path, _)| path.to_owned()).collect::<Vec<_>>(), ["dev"]);
}

#[test]
fn a_hard_link_is_a_file_with_the_same_content() {
    let all = stacked(&[&[("bin/a", FILE, "program")], &[("bin/b", HARD, "bin/a"), ("c", HARD, "./bin/a")]]).unwrap();
    assert_eq!(content(&all, "bin/b").as_deref(), Some("program"));
    assert_eq!(content(&all, "c").as_deref(), Some("program"));
}

#[test]
fn a_hard_link_to_a_link_leads_where_that_leads() {
    // Layers of Nix and ostree images have them: links of the same target share an inode there.
    let all = stacked(&[&[("bin/a", LINK, "program"), ("bin/b", HARD, "bin/a")]]).unwrap();
    assert_eq!(content(&all, "bin/b").as_deref(), Some("-> program"));
}

#[test]
fn entries_and_bytes_are_bounded() {
    let layer = archive(&[("a", FILE, "x"), ("b", FILE, "x")]);
    let tight = |entries, bytes| {
        let mut budget = Budget { entries, bytes };
        let archive = decompress(&layer, &mut budget)?;
        apply(&mut Filesystem::default(), &archive, &mut budget)
    };
    assert!(matches!(tight(1, 1 << 20), Err(BadLayer::Entries)));
    assert!(matches!(tight(9, 1000), Err(BadLayer::Bytes)));
    assert!(tight(2, 1 << 20).is_ok());
    let large = "x".repeat(4000);
    let layer = archive(&[("a", FILE, &large)]);
    let mut budget = Budget { entries: 9, bytes: layer.len() as u64 };
    let whole = decompress(&layer, &mut budget).unwrap();
    assert!(apply(&mut Filesystem::default(), &whole, &mut budget).is_ok(), "a file's bytes are counted once");
    let links = archive(&[("a", FILE, "xxxxxxxx"), ("b", HARD, "a"), ("c", HARD, "a")]);
    let mut budget = Budget { entries: 9, bytes: 15 };
    assert!(matches!(apply(&mut Filesystem::default(), &links, &mut budget), Err(BadLayer::Bytes)), "copies count");
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 1 << 20]).unwrap();
    let mut budget = Budget { entries: 9, bytes: 1000 };
    assert!(matches!(decompress(&bomb.finish().unwrap(), &mut budget), Err(BadLayer::Bytes)));
}

#[test]
fn what_is_no_archive_is_refused() {
    for (what, bytes) in [("half of gzip", &[0x1f, 0x8b, 8, 0][..]), ("text", b"hello, this is no archive".as_slice())]
    {
        let mut budget = Budget::default();
        let result =
            decompress(bytes, &mut budget).and_then(|archive| apply(&mut Filesystem::default(), &archive, &mut budget));
        assert!(matches!(result, Err(BadLayer::Archive(_))), "{what}");
    }
}

proptest! {
    #[test]
    fn a_damaged_archive_is_refused_or_stays_in_its_root(changes in prop::collection::vec((0..3072_usize, any::<u8>()), 1..12)) {
        let mut bytes = archive(&[("a/", DIR, ""), ("a/b", FILE, "content"), ("l", LINK, "/a"), ("h", HARD, "a/b")]);
        for (at, to) in changes {
            let length = bytes.len();
            bytes[at % length] = to;
            // A header whose sum is wrong is refused before anything in it is looked at.
            for header in 0..length / 512 {
                let header = &mut bytes[header * 512..][..512];
                if header[257..262] == *b"ustar" {
                    header[148..156].fill(b' ');
                    let sum: u32 = header.iter().copied().map(u32::from).sum();
                    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
                }
            }
        }
        let (mut all, mut budget) = (Filesystem::default(), Budget { entries: 100, bytes: 1 << 20 });
        if apply(&mut all, &bytes, &mut budget).is_ok() {
            for (path, _) in all.iter() {
                prop_assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
            }
        }
    }
}
