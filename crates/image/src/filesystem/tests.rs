use super::*;
use proptest::prelude::*;

fn file(text: &str) -> Entry {
    Entry::file(text.as_bytes(), 0o644, 7)
}

fn folder() -> Entry {
    Entry::directory(0o700, 7)
}

fn made(entries: &[(&str, Entry)]) -> Filesystem {
    let mut all = Filesystem::default();
    for (path, entry) in entries {
        all.put(path, entry.clone()).unwrap();
    }
    all
}

fn paths(all: &Filesystem) -> Vec<&str> {
    all.iter().map(|(path, _)| path).collect()
}

#[test]
fn folders_above_are_made_and_come_first() {
    let all = made(&[("./usr/bin/a", file("a")), ("/usr/bin/b/", folder()), ("usr/bin-c", file("c"))]);
    assert_eq!(paths(&all), ["usr", "usr/bin", "usr/bin-c", "usr/bin/a", "usr/bin/b"]);
    assert_eq!(all.at("usr/bin"), Some(&Entry::directory(0o755, 7)));
}

#[test]
fn a_path_goes_through_the_links_of_its_own_root_and_never_below_one() {
    for (what, link, to, path, want) in [
        ("relative", "lib", "usr/lib", "lib/x", "usr/lib/x"),
        ("absolute", "lib", "/usr/lib", "lib/x", "usr/lib/x"),
        ("that climbs out", "etc", "../../../../etc2", "etc/passwd", "etc2/passwd"),
        ("to the root", "self", "/", "self/x", "x"),
        ("inside a folder", "a/b", "../c", "a/b/x", "c/x"),
        ("to nothing yet", "gone", "new/place", "gone/x", "new/place/x"),
    ] {
        let mut all = made(&[("usr/lib", folder()), (link, Entry::link(to, 7))]);
        all.put(path, file("x")).unwrap();
        assert!(matches!(all.at(want).map(|entry| &entry.kind), Some(Kind::File(_))), "{what}: {:?}", paths(&all));
        assert!(!paths(&all).iter().any(|path| path.starts_with(&format!("{link}/"))), "{what}: below the link");
    }
}

#[test]
fn what_cannot_be_a_path_is_refused() {
    let mut all = made(&[("file", file("")), ("loop", Entry::link("loop", 7)), ("full/x", file(""))]);
    let long = "x".repeat(256);
    let deep = "x/".repeat(2049);
    for (what, path) in [
        ("climbing", "a/../../b"),
        ("climbing at the start", "../b"),
        ("a NUL", "a\0b"),
        ("a long name", long.as_str()),
        ("a long path", deep.as_str()),
        ("through a file", "file/x"),
        ("through a loop", "loop/x"),
        ("over a folder with something in it", "full"),
    ] {
        assert!(all.put(path, file("x")).is_err(), "{what}");
    }
    assert_eq!(paths(&all), ["file", "full", "full/x", "loop"], "and nothing is left behind");
}

#[test]
fn the_root_is_a_folder_and_stays_one() {
    let mut all = made(&[("./", folder()), ("/", folder())]);
    assert!(all.is_empty());
    all.put("a", file("")).unwrap();
    all.clear("/").unwrap();
    assert_eq!(all.len(), 0);
}

#[test]
fn a_folder_over_a_link_to_a_folder_is_that_folder() {
    let mut all = made(&[("usr/lib", folder()), ("lib", Entry::link("usr/lib", 7)), ("dead", Entry::link("none", 7))]);
    all.put("lib", folder()).unwrap();
    all.put("dead", folder()).unwrap();
    assert!(matches!(all.at("lib").unwrap().kind, Kind::Link(_)));
    assert!(matches!(all.at("dead").unwrap().kind, Kind::Directory), "nothing is lost by that");
}

#[test]
fn what_is_removed_takes_along_what_is_below_it_and_nothing_beside_it() {
    let mut all = made(&[("a/b/c", file("")), ("a/b-c", file("")), ("a/b.d", file("")), ("z", file(""))]);
    all.remove("a/b").unwrap();
    all.remove("never/was").unwrap();
    assert_eq!(paths(&all), ["a", "a/b-c", "a/b.d", "z"]);
    all.clear("a").unwrap();
    assert_eq!(paths(&all), ["a", "z"]);
}

#[test]
fn a_link_is_removed_and_not_what_it_points_to() {
    let mut all = made(&[("usr/lib/x", file("")), ("lib", Entry::link("usr/lib", 7))]);
    all.remove("lib").unwrap();
    assert!(all.has("usr/lib/x") && !all.has("lib"));
}

#[test]
fn what_is_looked_for_is_found_through_links() {
    let all = made(&[("usr/lib/x", file("")), ("lib", Entry::link("usr/lib", 7))]);
    assert!(all.has("/lib/x") && all.has("lib") && !all.has("lib/y"));
}

#[test]
fn a_graft_keeps_everything_and_belongs_to_its_part() {
    let one = made(&[("etc/a", Entry { uid: 5, ..file("x") })]);
    let mut all = Filesystem::default();
    all.graft("containers/services/n/rootfs", &one, 3).unwrap();
    let entry = all.at("containers/services/n/rootfs/etc/a").unwrap();
    assert_eq!((entry.uid, entry.part, entry.size()), (5, 3, 1));
    assert_eq!(all.at("containers").unwrap().part, 3);
}

#[test]
fn what_a_path_comes_to_is_bounded_and_not_only_what_is_written() {
    let deep = |folders: usize| format!("{}f", "d/".repeat(folders));
    let mut all = Filesystem::default();
    all.put(&deep(MAX_DEPTH - 1), file("")).unwrap();
    for bad in [deep(MAX_DEPTH), deep(2_000)] {
        assert!(matches!(all.put(&bad, file("")), Err(BadPath::Deep(_))), "{} folders", bad.len() / 2);
    }
    // Links do not help.
    let mut all = made(&[("up", Entry::link(deep(100).trim_end_matches("/f").to_owned(), 7))]);
    assert!(matches!(all.put(&format!("up/{}", deep(100)), file("")), Err(BadPath::Deep(_))));

    let most = |name: fn(usize) -> String| {
        let mut all = Filesystem::default();
        (0..=MAX_ENTRIES)
            .find_map(|number| all.put(&name(number), folder()).err().map(|error| (number, error, all.len())))
    };
    // Each brings a folder of its own.
    let two_each = most(|number| format!("{number}/f"));
    assert_eq!(two_each, Some((MAX_ENTRIES / 2, BadPath::Entries, MAX_ENTRIES)));
    let long = most(|number| format!("{number:0250}"));
    assert_eq!(long, Some((MAX_PATHS / 250, BadPath::Paths, MAX_PATHS / 250)));
}

#[test]
fn what_is_removed_or_replaced_makes_room() {
    let mut all = Filesystem::default();
    for _ in 0..2 {
        for number in 0..MAX_PATHS / 250 {
            all.put(&format!("{number:0250}"), file("")).unwrap();
        }
        all.put(&format!("{:0250}", 0), file("again")).unwrap();
        all.clear("").unwrap();
    }
    all.put(&format!("a/{:0250}", 0), file("")).unwrap();
    all.remove("a").unwrap();
    assert_eq!(all, Filesystem::default());
}

/// Names and targets that meet each other often, and those that try to get out.
fn word() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", ".", "..", "", "a.b"]), 1..5)
        .prop_map(|parts| parts.join("/"))
}

proptest! {
    #[test]
    fn whatever_is_put_or_removed_nothing_lies_below_what_is_no_folder(
        steps in prop::collection::vec((word(), word(), 0..5_u8), 1..40)
    ) {
        let mut all = Filesystem::default();
        for (path, to, what) in steps {
            let before = all.clone();
            let done = match what {
                0 => all.put(&path, folder()),
                1 => all.put(&path, file("x")),
                2 => all.put(&path, Entry::link(to, 7)),
                3 => all.remove(&path),
                _ => all.clear(&path),
            };
            if done.is_err() && what != 0 {
                prop_assert!(all.len() >= before.len(), "what fails takes nothing away");
            }
            for (path, _) in all.iter() {
                let clean = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
                prop_assert!(clean, "{path}");
                if let Some((above, _)) = path.rsplit_once('/') {
                    prop_assert_eq!(all.at(above).map(|entry| &entry.kind), Some(&Kind::Directory), "{}", path);
                }
            }
        }
    }
}
