use std::fs;
use std::os::unix::fs::symlink;

use orlop_testbed::Folder;

use super::*;

/// Writes `files` below `folder`: a path and its content, or `-> ` and where it leads.
fn tree(name: &str, files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new(name);
    for (path, content) in files {
        let path = folder.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content.strip_prefix("-> ") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, content).unwrap(),
        }
    }
    folder
}

fn below(root: &Folder) -> Wanted {
    Wanted { root: Some(root.0.clone()), ..Wanted::default() }
}

/// Each text as `name: content`, with `root` taken off the name.
fn texts(sources: &Sources, root: &Folder) -> Vec<String> {
    let root = root.0.to_str().unwrap();
    let shown = |text: &Text| {
        format!("{}: {}", text.name.strip_prefix(root).unwrap_or(&text.name), String::from_utf8_lossy(&text.bytes))
    };
    sources.texts.iter().map(shown).collect()
}

fn unread(sources: &Sources, root: &Folder) -> Vec<String> {
    sources.unread.iter().map(|unread| unread.to_string().replace(root.0.to_str().unwrap(), "")).collect()
}

#[test]
fn files_are_read_in_the_order_of_their_names_and_the_first_folder_counts() {
    let root = tree(
        "order",
        &[
            ("usr/lib/sysctl.d/10-a.conf", "lib"),
            ("usr/lib/sysctl.d/50-b.conf", "lib"),
            ("usr/local/lib/sysctl.d/50-b.conf", "local"),
            ("run/sysctl.d/20-c.conf", "run"),
            ("etc/sysctl.d/20-c.conf", "etc"),
            ("etc/sysctl.d/99-z.conf", "etc"),
            ("etc/sysctl.d/README", "no"),
            ("etc/sysctl.d/30-x.conf.bak", "no"),
            ("etc/sysctl.d/.40-swap.conf", "no"),
        ],
    );
    let sources = Sources::read(&below(&root)).unwrap();
    let want = [
        "/usr/lib/sysctl.d/10-a.conf: lib",
        "/etc/sysctl.d/20-c.conf: etc",
        "/usr/local/lib/sysctl.d/50-b.conf: local",
        "/etc/sysctl.d/99-z.conf: etc",
    ];
    assert_eq!(texts(&sources, &root), want);
    assert!(sources.unread.is_empty());
}

#[test]
fn a_link_to_null_or_an_empty_file_switches_the_others_off() {
    let root = tree(
        "mask",
        &[
            ("usr/lib/sysctl.d/10-a.conf", "a"),
            ("etc/sysctl.d/10-a.conf", "-> /dev/null"),
            ("usr/lib/sysctl.d/20-b.conf", "b"),
            ("etc/sysctl.d/20-b.conf", ""),
            ("usr/lib/sysctl.d/30-c.conf", "c"),
        ],
    );
    let sources = Sources::read(&below(&root)).unwrap();
    assert_eq!(texts(&sources, &root), ["/etc/sysctl.d/20-b.conf: ", "/usr/lib/sysctl.d/30-c.conf: c"]);
    assert!(sources.unread.is_empty(), "a root without /dev/null, too");

    // The same without a root of its own, where /dev/null is a device; and by way of a second link.
    symlink(root.0.join("etc/sysctl.d/10-a.conf"), root.0.join("etc/sysctl.d/30-c.conf")).unwrap();
    let folders = ["etc/sysctl.d", "usr/lib/sysctl.d"].map(|folder| root.0.join(folder)).to_vec();
    let wanted = Wanted { folders: Folders::These(folders.clone()), ..Wanted::default() };
    assert_eq!(texts(&Sources::read(&wanted).unwrap(), &root), ["/etc/sysctl.d/20-b.conf: "]);

    let named = Wanted { inputs: vec![Input::Named("10-a.conf".into())], ..wanted };
    let sources = Sources::read(&named).unwrap();
    assert!(sources.texts.is_empty() && sources.unread.is_empty(), "a name that is switched off: {sources:?}");
}

#[test]
fn no_link_leads_out_of_the_root() {
    let outside = tree("outside", &[("secret.conf", "outside")]);
    let secret = format!("-> {}/secret.conf", outside.0.display());
    let up = format!("-> ../../../../../../..{}/secret.conf", outside.0.display());
    let root = tree(
        "root",
        &[
            ("etc/sysctl.d/10-absolute.conf", secret.as_str()),
            ("etc/sysctl.d/20-up.conf", &up),
            ("etc/sysctl.d/30-inside.conf", "-> /opt/inside.conf"),
            ("opt/inside.conf", "inside"),
            ("usr/lib/sysctl.d", &format!("-> {}", outside.0.display())),
        ],
    );
    let sources = Sources::read(&below(&root)).unwrap();
    assert_eq!(texts(&sources, &root), ["/etc/sysctl.d/30-inside.conf: inside"]);
    let want = [
        "cannot read /etc/sysctl.d/10-absolute.conf: No such file or directory (os error 2)",
        "cannot read /etc/sysctl.d/20-up.conf: No such file or directory (os error 2)",
    ];
    assert_eq!(unread(&sources, &root), want);
    // The control: without a root of their own they lead there.
    let folders = Folders::These(vec![root.0.join("etc/sysctl.d")]);
    let sources = Sources::read(&Wanted { folders, ..Wanted::default() }).unwrap();
    assert!(texts(&sources, &root).iter().any(|text| text.ends_with(": outside")));
}

#[test]
fn a_folder_that_was_asked_for_must_be_there_and_those_of_the_standard_need_not() {
    let root = tree("asked", &[("a/10-a.conf", "a")]);
    let folders = Folders::These(vec![root.0.join("none"), root.0.join("a")]);
    let sources = Sources::read(&Wanted { folders, ..Wanted::default() }).unwrap();
    assert_eq!(texts(&sources, &root), ["/a/10-a.conf: a"], "the rest goes on");
    assert_eq!(unread(&sources, &root), ["cannot read /none: No such file or directory (os error 2)"]);
    assert!(Sources::read(&below(&root)).unwrap().unread.is_empty(), "the control");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_goes_on() {
    let long = "#".repeat(MAX_SOURCE + 1);
    let root = tree(
        "unread",
        &[
            ("etc/sysctl.d/10-folder.conf/x", ""),
            ("etc/sysctl.d/20-loop.conf", "-> 20-loop.conf"),
            ("etc/sysctl.d/30-long.conf", &long),
            ("etc/sysctl.d/40-whole.conf", &long[1..]),
            ("etc/sysctl.d/50-good.conf", "good"),
        ],
    );
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.0.join("etc/sysctl.d/45-pipe.conf"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let sources = Sources::read(&below(&root)).unwrap();
    let names: Vec<_> = sources.texts.iter().map(|text| text.name.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["40-whole.conf", "50-good.conf"]);
    let want = [
        "cannot read /etc/sysctl.d/10-folder.conf: it is not a file",
        "cannot read /etc/sysctl.d/20-loop.conf: Too many levels of symbolic links (os error 40)",
        "cannot read /etc/sysctl.d/30-long.conf: it is longer than 1048576 bytes",
        "cannot read /etc/sysctl.d/45-pipe.conf: it is not a file",
    ];
    assert_eq!(unread(&sources, &root), want);
}

#[test]
fn all_texts_together_are_bounded_in_size_and_number() {
    let megabyte = "#".repeat(MAX_SOURCE);
    let files: Vec<String> = (0..5).map(|number| format!("etc/sysctl.d/{number}.conf")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|file| (file.as_str(), megabyte.as_str())).collect();
    let root = tree("size", &files);
    let sources = Sources::read(&below(&root)).unwrap();
    assert_eq!(sources.texts.len(), MAX_TEXT / MAX_SOURCE);
    assert_eq!(
        unread(&sources, &root),
        ["cannot read /etc/sysctl.d/4.conf: all files together are longer than 4194304 bytes"]
    );

    let files: Vec<String> = (0..MAX_SOURCES + 2).map(|number| format!("etc/sysctl.d/{number:04}.conf")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|file| (file.as_str(), "")).collect();
    let root = tree("number", &files);
    let sources = Sources::read(&below(&root)).unwrap();
    assert_eq!(sources.texts.len(), MAX_SOURCES);
    assert_eq!(unread(&sources, &root), ["cannot read /etc/sysctl.d/1024.conf: there are more than 1024 files"]);
}

#[test]
fn what_the_command_line_names_is_read_instead_of_the_folders_and_settings_last() {
    let root = tree("inputs", &[("etc/sysctl.d/a.conf", "a"), ("usr/lib/sysctl.d/b.conf", "b"), ("c", "c")]);
    let wanted = Wanted {
        inputs: vec![Input::File(root.0.join("c")), Input::Named("b.conf".into()), Input::Named("none.conf".into())],
        settings: vec!["vm.x=1".into(), "-vm.y".into()],
        ..below(&root)
    };
    let sources = Sources::read(&wanted).unwrap();
    assert_eq!(texts(&sources, &root), ["/c: c", "/usr/lib/sysctl.d/b.conf: b", "arguments: vm.x=1\n-vm.y\n"]);
    assert_eq!(sources.unread.len(), 1, "{:?}", sources.unread);
    assert!(matches!(sources.unread[0].why, Unreadable::NotFound));
}

#[test]
fn linuxkits_folder_is_read_whole_and_what_is_no_file_is_tolerated() {
    let root = tree("linuxkit", &[("d/00-a.conf", "a"), ("d/README", "b"), ("d/.hidden", "c"), ("d/folder/x", "")]);
    let wanted = Wanted { folders: Folders::AllOf(root.0.join("d")), ..Wanted::default() };
    let sources = Sources::read(&wanted).unwrap();
    assert_eq!(texts(&sources, &root), ["/d/.hidden: c", "/d/00-a.conf: a", "/d/README: b"]);
    assert!(sources.unread.iter().all(|unread| unread.tolerated) && sources.unread.len() == 1, "{:?}", sources.unread);

    let none = Wanted { folders: Folders::AllOf(root.0.join("none")), ..Wanted::default() };
    assert!(Sources::read(&none).is_err(), "a folder that is not there is not tolerated");
}

#[test]
fn a_link_to_nothing_is_tolerated_in_a_folder_and_not_where_it_is_named() {
    let root = tree("dangling", &[("etc/sysctl.d/10-a.conf", "a")]);
    std::os::unix::fs::symlink("../sysctl.conf", root.0.join("etc/sysctl.d/99-sysctl.conf")).unwrap();
    for (what, named, tolerated) in [("in a folder", false, true), ("named", true, false)] {
        let inputs = if named { vec![Input::Named("99-sysctl.conf".into())] } else { Vec::new() };
        let sources = Sources::read(&Wanted { inputs, ..below(&root) }).unwrap();
        let unread: Vec<bool> = sources.unread.iter().map(|unread| unread.tolerated).collect();
        assert_eq!(unread, [tolerated], "{what}");
        assert_eq!(sources.texts.is_empty(), named, "{what}: the rest is read");
    }
}

#[test]
fn a_folder_that_is_not_there_is_no_error_and_a_root_that_is_not_there_is_one() {
    let root = Folder::new("empty");
    let sources = Sources::read(&below(&root)).unwrap();
    assert!(sources.texts.is_empty() && sources.unread.is_empty());
    let none = Wanted { root: Some(root.0.join("none")), ..Wanted::default() };
    assert!(Sources::read(&none).is_err());
}

#[test]
fn a_name_with_a_line_end_stays_on_one_line() {
    assert_eq!(display(Path::new("/a\nb\x1b[2J")), "/a\\nb\\u{1b}[2J");
}

#[test]
fn a_profile_that_there_is_not_is_answered_with_those_that_there_are() {
    for (name, want) in [
        ("ksp", "there is no such profile; did you mean kspp? those that come with it: kspp, linuxkit"),
        ("linux-kit", "there is no such profile; did you mean linuxkit? those that come with it: kspp, linuxkit"),
        ("hardened", "there is no such profile; those that come with it: kspp, linuxkit"),
    ] {
        let wanted = Wanted { profiles: vec![name.to_owned()], settings: vec!["vm.x=1".into()], ..Wanted::default() };
        let Sources { texts, unread } = Sources::read(&wanted).unwrap();
        let unread: Vec<String> = unread.iter().map(ToString::to_string).collect();
        assert_eq!(unread, [format!("cannot read /usr/lib/orlop/sysctl.d/{name}.conf: {want}")]);
        assert_eq!(texts.len(), 1, "the rest counts");
    }
}
