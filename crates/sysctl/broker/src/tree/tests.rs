use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use orlop_testbed::Folder;

use super::*;

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

/// A folder that is shaped like `/proc/sys`, and the tree of it.
fn fake(test: &str) -> (Folder, Tree) {
    let folder = Folder::new(test);
    for path in ["kernel/hostname", "net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/ip_forward", "top"] {
        let path = folder.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "0\n").unwrap();
    }
    let tree = Tree::open(&folder.0).unwrap();
    (folder, tree)
}

#[test]
fn a_key_is_opened_for_as_much_as_is_allowed() {
    let tree = Tree::open(Path::new(PROC_SYS)).unwrap();
    let root = rustix::process::geteuid().is_root();
    for (what, path, want) in [
        ("an ordinary one", "kernel/hostname", if root { Access::ReadWrite } else { Access::ReadOnly }),
        ("of the kernel's own", "kernel/ostype", Access::ReadOnly),
    ] {
        let (_, access) = tree.open_key(&key(path)).unwrap();
        // Root with CAP_DAC_OVERRIDE is still not allowed to write what procfs says is read-only.
        assert_eq!(access, want, "{what}");
    }
    if root {
        assert_eq!(tree.open_key(&key("vm/drop_caches")).unwrap().1, Access::WriteOnly, "a trigger");
    }
}

#[test]
fn what_is_no_setting_is_not_opened() {
    let (folder, tree) = fake("no-setting");
    rustix::fs::mknodat(rustix::fs::CWD, folder.0.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    for (what, path, want) in [
        ("missing", "kernel/none", Errno::NOENT),
        ("below a file", "kernel/hostname/x", Errno::NOTDIR),
        ("a folder", "net/ipv4", Errno::ISDIR),
        ("a pipe", "pipe", Errno::NODEV),
    ] {
        assert_eq!(tree.open_key(&key(path)).map(drop), Err(want), "{what}");
    }
    assert!(tree.open_key(&key("net/ipv4/conf/eth0.100/rp_filter")).is_ok(), "the control");
    assert!(!folder.0.join("kernel/none").exists(), "nothing is created");
}

#[test]
fn no_link_leads_anywhere() {
    let outside = Folder::new("links-outside");
    fs::create_dir(outside.0.join("folder")).unwrap();
    fs::write(outside.0.join("folder/key"), "0").unwrap();
    let (folder, tree) = fake("links");
    let at = |name: &str| folder.0.join(name);
    symlink(outside.0.join("folder"), at("absolute")).unwrap();
    symlink(format!("../{}/folder", outside.0.file_name().unwrap().display()), at("up")).unwrap();
    symlink("kernel", at("inside")).unwrap();
    symlink(outside.0.join("folder/key"), at("file")).unwrap();
    symlink("kernel/hostname", at("file-inside")).unwrap();
    symlink("/proc/self/root", at("magic")).unwrap();
    for (what, path) in [
        ("a linked folder", "absolute/key"),
        ("a folder linked by '..'", "up/key"),
        ("a folder linked inside", "inside/hostname"),
        ("a linked file", "file"),
        ("a file linked inside", "file-inside"),
        ("the kernel's own link", "magic/etc/passwd"),
    ] {
        assert_eq!(tree.open_key(&key(path)).map(drop), Err(Errno::LOOP), "{what}");
    }
    for linked in ["absolute", "up", "inside", "magic"] {
        assert!(tree.list(&Directory::new(linked).unwrap()).is_empty(), "{linked} is listed");
        assert!(fs::read_dir(at(linked)).unwrap().next().is_some(), "the control: {linked} can be followed");
    }
}

#[test]
fn neither_dots_nor_an_absolute_path_lead_out() {
    let (folder, tree) = fake("dots");
    fs::write(folder.0.with_extension("outside"), "0").unwrap();
    let outside = folder.0.with_extension("outside");
    let up = format!("../{}", outside.file_name().unwrap().display());
    // A Key cannot hold these; the kernel would refuse them, too.
    for (what, path) in
        [("up", up.as_str()), ("absolute", outside.to_str().unwrap()), ("up inside", "kernel/../../top")]
    {
        assert!(Key::new(path).is_err(), "{what} is a key");
        assert_eq!(tree.open_at(path, OFlags::RDONLY).map(drop), Err(Errno::XDEV), "{what}");
    }
    assert!(folder.0.join(&up).exists(), "the control");
    fs::remove_file(outside).unwrap();
}

#[test]
fn another_file_system_inside_is_not_entered() {
    // A mount point that every machine has, and below which there is something.
    let tree = Tree::open(Path::new("/")).unwrap();
    assert!(Path::new("/proc/sys/kernel/ostype").exists(), "the control");
    assert_eq!(tree.open_key(&key("proc/sys/kernel/ostype")).map(drop), Err(Errno::XDEV));
    assert!(tree.list(&Directory::new("proc/sys").unwrap()).is_empty());
}

#[test]
fn a_folder_is_listed_in_order_and_without_what_cannot_be_a_key() {
    let (folder, tree) = fake("list");
    for name in ["b", "a", "with space", "ctrl\n"] {
        fs::write(folder.0.join("kernel").join(name), "").unwrap();
    }
    let list = |path: &str| {
        let names = tree.list(&Directory::new(path).unwrap());
        names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("kernel"), ["a", "b", "hostname"]);
    assert_eq!(tree.left_out(), 2, "and who makes such a name is noticed");
    assert_eq!(list(""), ["kernel", "net", "top"]);
    assert_eq!(tree.left_out(), 2, "nothing else is");
    assert_eq!(list("none"), [""; 0]);
    assert_eq!(list("top"), [""; 0], "a file is no folder");
}

#[test]
fn only_the_kernels_own_folder_is_taken_for_it() {
    let fatal = Tree::open(Path::new("/nonexistent")).unwrap_err();
    assert_eq!((fatal.exit, fatal.help.is_some()), (Exit::Permission, true));
    assert!(Tree::open(Path::new(PROC_SYS)).is_ok());
    // There a key would have another path, and the tables of capabilities and locks would not know it.
    for part in ["/proc/sys/kernel", "/proc"] {
        let fatal = Tree::open(Path::new(part)).unwrap_err();
        assert_eq!((fatal.exit, fatal.help.is_some()), (Exit::Usage, true), "{part}");
    }
}

#[test]
fn a_file_that_only_others_may_write_is_read() {
    let (folder, tree) = fake("modes");
    if rustix::process::geteuid().is_root() {
        // With CAP_DAC_OVERRIDE modes say nothing outside procfs; without root they do.
        return assert_eq!(tree.open_key(&key("top")).unwrap().1, Access::ReadWrite);
    }
    for (mode, want) in [(0o444, Access::ReadOnly), (0o200, Access::WriteOnly), (0o600, Access::ReadWrite)] {
        fs::set_permissions(folder.0.join("top"), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(tree.open_key(&key("top")).unwrap().1, want, "{mode:o}");
    }
}
