use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use orlop_broker::resolv_conf::{CLAIM, NAME};
use orlop_wholefile::BLOCK;
use orlop_wire::InterfaceName;
use rustix::fs::{FlockOperation, flock};

use super::*;
use orlop_testbed::Folder;

fn facts(dns: &[&str]) -> Vec<Facts> {
    let mut facts = Facts::none(InterfaceName::new("eth0").unwrap());
    facts.dns = dns.iter().map(|addr| addr.parse().unwrap()).collect();
    vec![facts]
}

fn file(folder: &Folder) -> PathBuf {
    folder.0.join(NAME)
}

fn claims(folder: &Folder) -> PathBuf {
    folder.0.join("claim")
}

fn open(folder: &Folder) -> ResolvConf {
    ResolvConf::open(&folder.0, &claims(folder))
}

fn servers(folder: &Folder) -> Vec<String> {
    let text = fs::read_to_string(file(folder)).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("nameserver ")).map(str::to_owned).collect()
}

/// As a resolver does it.
fn claim(folder: &Folder) -> File {
    fs::create_dir_all(claims(folder)).unwrap();
    let file = File::create(claims(folder).join(CLAIM)).unwrap();
    file.set_permissions(Permissions::from_mode(0o600)).unwrap();
    flock(&file, FlockOperation::LockExclusive).unwrap();
    file
}

#[test]
fn the_file_keeps_its_inode_and_becomes_readable() {
    let folder = Folder::new("resolv-inode");
    fs::write(file(&folder), "").unwrap();
    fs::set_permissions(file(&folder), Permissions::from_mode(0o600)).unwrap();
    let before = fs::metadata(file(&folder)).unwrap().ino();
    let mut resolv = open(&folder);
    for dns in [&["192.0.2.1", "192.0.2.2", "192.0.2.3"][..], &["192.0.2.9"], &["2001:db8::1", "192.0.2.1"]] {
        assert_eq!(resolv.update(&facts(dns)).unwrap(), Update::Written);
        assert_eq!(servers(&folder), dns);
        let (text, ours) = (fs::read_to_string(file(&folder)).unwrap(), render(&facts(dns)).unwrap());
        assert_eq!(text.trim_end_matches([' ', '\n']), ours.trim_end(), "nothing of the old is left");
        assert_eq!((text.len(), text.lines().count()), (BLOCK, ours.lines().count() + 1), "one line of spaces");
    }
    let after = fs::metadata(file(&folder)).unwrap();
    assert_eq!(after.ino(), before);
    assert_eq!(after.permissions().mode() & 0o7777, 0o644);
}

#[test]
fn a_lock_that_anybody_could_hold_is_no_claim() {
    for (what, mode, want) in [
        ("its owner's alone", 0o600, Update::Claimed),
        ("readable by others", 0o604, Update::Written),
        ("readable by a group", 0o640, Update::Written),
    ] {
        let folder = Folder::new("resolv-open-claim");
        let claim = claim(&folder);
        claim.set_permissions(Permissions::from_mode(mode)).unwrap();
        assert_eq!(open(&folder).update(&facts(&["192.0.2.1"])).unwrap(), want, "{what}");
    }
}

#[test]
fn a_reader_never_finds_the_file_empty_or_cut_off() {
    let folder = Folder::new("resolv-reader");
    let (long, short) = (facts(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]), facts(&["192.0.2.9"]));
    let mut resolv = open(&folder);
    resolv.update(&long).unwrap();
    let path = file(&folder);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let mut seen = 0_u32;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let text = fs::read_to_string(&path).unwrap();
            let whole =
                text.starts_with(render::MARK) && text.contains("\nnameserver 192.0.2.") && text.ends_with('\n');
            assert!(whole && !text.contains('\0'), "not whole: {text:?}");
            seen += 1;
        }
        seen
    });
    for _ in 0..500 {
        resolv.update(&short).unwrap();
        resolv.update(&long).unwrap();
    }
    drop(stop);
    assert!(reader.join().unwrap() > 0, "the reader read nothing");
}

#[test]
fn the_file_never_becomes_shorter() {
    let long = "# of somebody else\n".repeat(100);
    for (what, before) in
        [("nothing before", ""), ("a short one", "nameserver 203.0.113.1\n"), ("more than a block", &long)]
    {
        let folder = Folder::new("resolv-length");
        fs::write(file(&folder), before).unwrap();
        let mut resolv = open(&folder);
        let mut length = before.len();
        for dns in [&["192.0.2.1", "192.0.2.2", "192.0.2.3"][..], &["192.0.2.9"], &[]] {
            resolv.update(&facts(dns)).unwrap();
            let now = fs::read(file(&folder)).unwrap().len();
            assert!(now >= length.max(BLOCK), "{what}, {dns:?}: {now} after {length}");
            length = now;
        }
    }
}

#[test]
fn the_same_text_is_not_written_again() {
    let folder = Folder::new("resolv-same");
    let mut resolv = open(&folder);
    assert_eq!(resolv.update(&facts(&["192.0.2.1"])).unwrap(), Update::Written);
    let written = fs::metadata(file(&folder)).unwrap();
    assert_eq!(resolv.update(&facts(&["192.0.2.1"])).unwrap(), Update::Unchanged);
    let again = fs::metadata(file(&folder)).unwrap();
    assert_eq!((written.mtime(), written.mtime_nsec()), (again.mtime(), again.mtime_nsec()));
    assert_eq!(again.permissions().mode() & 0o7777, 0o644, "also a file that we made");
}

#[test]
fn without_name_servers_a_file_that_is_not_ours_stays() {
    let folder = Folder::new("resolv-keep");
    fs::write(file(&folder), "nameserver 203.0.113.1\n").unwrap();
    let mut resolv = open(&folder);
    for _ in 0..2 {
        assert_eq!(resolv.update(&facts(&[])).unwrap(), Update::Untouched);
        assert_eq!(resolv.poll().unwrap(), Update::Untouched);
    }
    assert_eq!(servers(&folder), ["203.0.113.1"]);
}

#[test]
fn what_was_there_before_comes_back_with_the_last_name_server_gone() {
    for (what, before, want) in [
        ("an operator's file", Some("nameserver 203.0.113.1\n"), vec!["203.0.113.1"]),
        ("the empty file of LinuxKit", Some(""), vec![]),
        ("no file", None, vec![]),
        ("our own of an earlier process", Some("# Written by orlop-dhcp from eth0\nnameserver 192.0.2.66\n"), vec![]),
    ] {
        let folder = Folder::new("resolv-before");
        if let Some(before) = before {
            fs::write(file(&folder), before).unwrap();
        }
        let mut resolv = open(&folder);
        resolv.update(&facts(&["192.0.2.1"])).unwrap();
        resolv.update(&facts(&["192.0.2.2"])).unwrap();
        assert_eq!(resolv.update(&facts(&[])).unwrap(), Update::Written, "{what}");
        assert_eq!(servers(&folder), want, "{what}");
        assert_eq!(resolv.update(&facts(&["192.0.2.3"])).unwrap(), Update::Written, "{what}");
        assert_eq!(servers(&folder), ["192.0.2.3"], "{what}");
    }
}

#[test]
fn a_claimed_file_is_the_resolvers_until_the_claim_ends() {
    let folder = Folder::new("resolv-claim");
    let mut resolv = open(&folder);
    resolv.update(&facts(&["192.0.2.1"])).unwrap();
    assert_eq!(resolv.poll().unwrap(), Update::Unchanged);

    let held = claim(&folder);
    fs::write(file(&folder), "nameserver 127.0.0.1\n").unwrap();
    assert_eq!(resolv.poll().unwrap(), Update::Claimed, "seen although nothing of ours changed");
    assert_eq!(resolv.update(&facts(&["192.0.2.2"])).unwrap(), Update::Claimed);
    assert_eq!(servers(&folder), ["127.0.0.1"]);

    drop(held);
    assert_eq!(resolv.poll().unwrap(), Update::Written);
    assert_eq!(servers(&folder), ["192.0.2.2"]);
    assert_eq!(resolv.poll().unwrap(), Update::Unchanged, "a claim file without a lock means nothing");
}

#[test]
fn looking_at_the_claim_leaves_it_free() {
    let folder = Folder::new("resolv-look");
    drop(claim(&folder));
    let mut resolv = open(&folder);
    resolv.update(&facts(&["192.0.2.1"])).unwrap();
    resolv.poll().unwrap();
    let file = File::open(claims(&folder).join(CLAIM)).unwrap();
    assert_eq!(flock(&file, FlockOperation::NonBlockingLockExclusive), Ok(()));
}

#[test]
fn nothing_but_a_plain_file_is_written() {
    let folder = Folder::new("resolv-link");
    fs::write(folder.0.join("elsewhere"), "precious").unwrap();
    symlink("elsewhere", file(&folder)).unwrap();
    let mut resolv = open(&folder);
    assert!(matches!(resolv.update(&facts(&["192.0.2.1"])), Err(ResolvConfError::Link)));
    assert_eq!(fs::read_to_string(folder.0.join("elsewhere")).unwrap(), "precious");

    fs::remove_file(file(&folder)).unwrap();
    fs::create_dir(file(&folder)).unwrap();
    assert!(matches!(resolv.poll(), Err(ResolvConfError::NotAFile)));
    fs::remove_dir(file(&folder)).unwrap();
    assert_eq!(resolv.poll().unwrap(), Update::Written, "a failure is made up for");
    assert_eq!(servers(&folder), ["192.0.2.1"]);
}

#[test]
fn the_file_that_has_the_name_is_written_whoever_put_it_there() {
    let folder = Folder::new("resolv-replaced");
    let mut resolv = open(&folder);
    resolv.update(&facts(&["192.0.2.1"])).unwrap();
    for (what, replace) in [("renamed over", true), ("removed", false)] {
        fs::remove_file(file(&folder)).unwrap();
        if replace {
            fs::write(file(&folder), "nameserver 203.0.113.1\n").unwrap();
        }
        resolv.is_due = true;
        assert_eq!(resolv.poll().unwrap(), Update::Written, "{what}");
        assert_eq!(servers(&folder), ["192.0.2.1"], "{what}");
    }
}

/// Whoever can open a file for reading can ask for a lease on it, which keeps others from opening it for writing.
#[test]
fn nobody_can_hold_a_lease_on_the_file() {
    use std::process::Command;
    let folder = Folder::new("resolv-lease");
    let lease = |kind: &str| {
        // By perl, which every Debian has, because this crate forbids unsafe code: 1024 is F_SETLEASE.
        let script = format!("open F, '<', '{}'; exit !fcntl F, 1024, {kind}", file(&folder).display());
        Command::new("perl").args(["-e", &script]).output().unwrap().status.success()
    };
    fs::write(file(&folder), "").unwrap();
    assert!(lease("0") && lease("1"), "the control: nobody else has it open");
    let mut resolv = open(&folder);
    assert!(!lease("0") && !lease("1"), "from the start");
    resolv.update(&facts(&["192.0.2.1"])).unwrap();
    assert!(!lease("0") && !lease("1"), "between two writes");
}

#[test]
fn its_room_is_taken_before_it_is_needed() {
    for (what, before) in [("no file", None), ("the empty file of LinuxKit", Some("")), ("a short one", Some("# x\n"))]
    {
        let folder = Folder::new("resolv-room");
        if let Some(before) = before {
            fs::write(file(&folder), before).unwrap();
        }
        let _resolv = open(&folder);
        let found = fs::metadata(file(&folder)).unwrap();
        assert!(found.blocks() * 512 >= BLOCK as u64, "{what}: {} blocks", found.blocks());
        assert_eq!(fs::read_to_string(file(&folder)).unwrap(), before.unwrap_or_default(), "{what}: it says the same");
    }
}

#[test]
fn the_claim_lies_in_a_folder_that_is_closed_to_others() {
    let folder = Folder::new("resolv-claims");
    let _resolv = open(&folder);
    assert_eq!(fs::metadata(claims(&folder)).unwrap().permissions().mode() & 0o7777, 0o700);
    assert!(!CLAIMS.starts_with("/run/resolvconf"));
}
