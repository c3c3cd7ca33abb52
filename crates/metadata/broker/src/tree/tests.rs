use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use orlop_testbed::Folder;

use super::*;

fn path(text: &str) -> EntryPath {
    EntryPath::new(text).unwrap()
}

/// Writes what a run has found: a path that ends in `/` is a folder.
fn write(tree: &Tree, entries: &[(&str, Mode, &str)]) -> io::Result<Written> {
    let mut staging = tree.stage()?;
    for (name, mode, content) in entries {
        match name.strip_suffix('/') {
            Some(folder) => staging.folder(&path(folder), *mode)?,
            None => {
                staging.file(&path(name), *mode)?;
                staging.write(content.as_bytes())?;
            }
        }
    }
    staging.commit("AWS")
}

const FOUND: &[(&str, Mode, &str)] = &[
    ("userdata", Mode::SECRET, "{}"),
    ("hostname", Mode::PUBLIC, "web-1"),
    ("ssh/", Mode::FOLDER, ""),
    ("ssh/authorized_keys", Mode::SECRET, "ssh-ed25519 AAAA\n"),
];

fn place_of(folder: &Folder) -> (PathBuf, Tree) {
    let config = folder.0.join("config");
    let tree = Tree::open(&config).unwrap();
    (config, tree)
}

#[test]
fn what_was_found_appears_with_its_permissions_and_nothing_is_left_beside_it() {
    let folder = Folder::new("tree");
    let (config, tree) = place_of(&folder);
    assert_eq!(write(&tree, FOUND).unwrap(), Written { entries: 5, changed: 4 });
    for (name, mode, content) in [
        ("userdata", 0o600, "{}"),
        ("hostname", 0o644, "web-1"),
        ("ssh/authorized_keys", 0o600, "ssh-ed25519 AAAA\n"),
        ("provider", 0o644, "AWS"),
    ] {
        assert_eq!(fs::read_to_string(config.join(name)).unwrap(), content, "{name}");
        assert_eq!(fs::metadata(config.join(name)).unwrap().mode() & 0o7777, mode, "{name}");
    }
    assert_eq!(fs::metadata(config.join("ssh")).unwrap().mode() & 0o7777, 0o755);
    assert!(!config.join(STAGING).exists());
}

#[test]
fn the_same_once_more_changes_nothing_and_what_differs_is_replaced_whole() {
    let folder = Folder::new("tree-again");
    let (config, tree) = place_of(&folder);
    write(&tree, FOUND).unwrap();
    let inodes = || {
        ["userdata", "ssh", "ssh/authorized_keys", "provider"]
            .map(|name| fs::metadata(config.join(name)).unwrap().ino())
    };
    let before = inodes();
    fs::write(config.join("somebody-elses"), "").unwrap();
    assert_eq!(write(&tree, FOUND).unwrap(), Written { entries: 5, changed: 0 });
    assert_eq!(inodes(), before);
    let mut other = FOUND.to_vec();
    other[3].2 = "ssh-ed25519 BBBB\n";
    assert_eq!(write(&tree, &other).unwrap().changed, 1);
    let after = inodes();
    assert_eq!((after[0], after[3]), (before[0], before[3]));
    assert!(after[1] != before[1] && after[2] != before[2]);
    assert_eq!(fs::read_to_string(config.join("ssh/authorized_keys")).unwrap(), "ssh-ed25519 BBBB\n");
    for (what, change) in [
        ("a mode", (|config| fs::set_permissions(config, fs::Permissions::from_mode(0o644)).unwrap()) as fn(PathBuf)),
        ("content of the same length", |file| fs::write(file, "[]").unwrap()),
        ("more content", |file| fs::write(file, "{}{}").unwrap()),
        ("none", |file| fs::remove_file(file).unwrap()),
    ] {
        change(config.join("userdata"));
        assert_eq!(write(&tree, &other).unwrap().changed, 1, "{what}");
    }
    assert!(config.join("somebody-elses").exists());
}

#[test]
fn what_somebody_put_in_the_way_is_replaced_and_never_followed() {
    let folder = Folder::new("tree-hostile");
    let (config, tree) = place_of(&folder);
    let outside = folder.0.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), "untouched").unwrap();
    for top in ["userdata", "ssh", "provider"] {
        symlink(&outside, config.join(top)).unwrap();
    }
    symlink(&outside, config.join(STAGING)).unwrap();
    fs::create_dir_all(config.join("hostname/full/of/things")).unwrap();
    fs::write(config.join("hostname/full/file"), "").unwrap();
    write(&tree, FOUND).unwrap();
    assert_eq!(fs::read_to_string(config.join("hostname")).unwrap(), "web-1");
    assert!(config.join("ssh").symlink_metadata().unwrap().is_dir());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "untouched");
    assert!(!config.join(STAGING).exists());
}

#[test]
fn what_somebody_put_in_the_way_may_be_as_deep_and_as_much_as_he_likes() {
    let folder = Folder::new("tree-deep");
    let (config, tree) = place_of(&folder);
    for top in [STAGING, "hostname"] {
        let deep: PathBuf = (0..200).map(|_| "d").collect();
        fs::create_dir_all(config.join(top).join(deep).join("end")).unwrap();
        // Names by which folders would come up.
        for name in ["1048575", "1048574", "1048573", "1048572"] {
            fs::create_dir_all(config.join(top).join(name).join(name).join("x")).unwrap();
        }
        fs::create_dir_all(config.join(top).join("many")).unwrap();
        for n in 0..1_100 {
            fs::write(config.join(top).join("many").join(n.to_string()), "").unwrap();
        }
        fs::set_permissions(config.join(top).join("d/d"), fs::Permissions::from_mode(0o500)).unwrap();
    }
    assert_eq!(write(&tree, FOUND).unwrap().entries, 5);
    assert_eq!(fs::read_to_string(config.join("hostname")).unwrap(), "web-1");
    assert!(!config.join(STAGING).exists());
}

/// As somebody makes them who goes on for ever.
#[test]
fn removing_ends_however_much_there_is_and_wherever() {
    for place in ["", "below"] {
        let folder = Folder::new("tree-endless");
        let top = folder.0.join("top");
        fs::create_dir_all(top.join(place)).unwrap();
        for n in 0..2_000 {
            fs::write(top.join(place).join(n.to_string()), "").unwrap();
        }
        let error = remove::at_most(1_500, folder.open().as_fd(), "top").unwrap_err();
        assert_eq!(error.to_string(), "files and folders without end", "{place}");
        remove::at_most(1_500, folder.open().as_fd(), "top").unwrap();
        assert!(!top.exists(), "{place}: what was left");
    }
}

#[test]
fn a_folder_with_one_name_more_is_another_one() {
    let folder = Folder::new("tree-more");
    let (config, tree) = place_of(&folder);
    write(&tree, FOUND).unwrap();
    for extra in ["a", "z"] {
        fs::write(config.join("ssh").join(extra), "").unwrap();
        assert_eq!(write(&tree, FOUND).unwrap().changed, 1, "{extra}");
        assert!(!config.join("ssh").join(extra).exists(), "{extra}");
    }
}

#[test]
fn a_link_that_appears_while_it_is_made_ready_leads_nowhere() {
    let folder = Folder::new("tree-race");
    let (config, tree) = place_of(&folder);
    let outside = folder.0.join("outside");
    fs::create_dir(&outside).unwrap();
    let mut staging = tree.stage().unwrap();
    staging.folder(&path("ssh"), Mode::FOLDER).unwrap();
    let staged = config.join(STAGING).join("ssh");
    fs::remove_dir(&staged).unwrap();
    symlink(&outside, &staged).unwrap();
    assert!(staging.file(&path("ssh/authorized_keys"), Mode::SECRET).is_err());
    assert!(staging.folder(&path("ssh/deeper"), Mode::FOLDER).is_err());
    tree.clear().unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!config.join(STAGING).exists());
}

#[test]
fn what_is_cleared_was_never_there() {
    let folder = Folder::new("tree-clear");
    let (config, tree) = place_of(&folder);
    let mut staging = tree.stage().unwrap();
    staging.folder(&path("a"), Mode::of(0o500)).unwrap();
    staging.file(&path("a/b"), Mode::SECRET).unwrap();
    tree.clear().unwrap();
    assert_eq!(fs::read_dir(&config).unwrap().count(), 0);
}

#[test]
fn a_folder_behind_a_link_is_refused() {
    let folder = Folder::new("tree-link");
    fs::create_dir(folder.0.join("elsewhere")).unwrap();
    symlink("elsewhere", folder.0.join("config")).unwrap();
    assert_eq!(Tree::open(&folder.0.join("config")).unwrap_err().exit, Exit::Config);
}
