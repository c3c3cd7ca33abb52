//! Facts to files: LinuxKit's rules, and what is refused.

use std::fmt::Write as _;

use orlop_metadata_contract::{Kind, MAX_DEPTH, MAX_ENTRIES, MAX_FILE};
use orlop_metadata_core::Facts;
use orlop_metadata_core::tree::Tree;
use proptest::prelude::*;

use crate::targets;

/// Each entry of the tree that is not raw, and what was left out, a line each.
fn listed(user_data: &[u8]) -> String {
    let tree = Tree::of(Facts { user_data: Some(user_data.to_vec()), ..Facts::default() });
    targets::check(&tree, orlop_metadata_contract::Provider::Aws);
    shown(&tree, true)
}

pub(crate) fn shown(tree: &Tree, without_raw: bool) -> String {
    let mut text = String::new();
    for entry in tree.entries.iter().filter(|entry| !without_raw || entry.path.as_str() != "userdata") {
        let (mode, path) = (entry.mode.bits(), &entry.path);
        match &entry.kind {
            Kind::Folder => writeln!(text, "{mode:04o} {path}/").unwrap(),
            Kind::File(bytes) => writeln!(text, "{mode:04o} {path} {:?}", String::from_utf8_lossy(bytes)).unwrap(),
        }
    }
    for left_out in &tree.left_out {
        writeln!(text, "! {left_out}").unwrap();
    }
    text
}

/// The example in LinuxKit's documentation, which its own tests use as well.
const EXAMPLE: &str = r#"{
  "ssh": {
    "entries": {
      "sshd_config": {
        "perm": "0600",
        "content": "PermitRootLogin yes\nPasswordAuthentication no"
      }
    }
  },
  "foo": {
    "entries": {
      "bar": {
        "content": "foobar"
      },
      "baz": {
        "perm": "0600",
        "content": "bar"
      }
    }
  }
}"#;

#[test]
fn linuxkits_example_becomes_linuxkits_files() {
    let files = "0755 foo/\n0644 foo/bar \"foobar\"\n0600 foo/baz \"bar\"\n0755 ssh/\n\
                 0600 ssh/sshd_config \"PermitRootLogin yes\\nPasswordAuthentication no\"\n";
    assert_eq!(listed(EXAMPLE.as_bytes()), files);
}

/// User data, and the files that LinuxKit makes of it.
const GOOD: &[(&str, &str, &str)] = &[
    ("a file", r#"{"hostname": {"content": "foobar"}}"#, "0644 hostname \"foobar\"\n"),
    ("an empty file", r#"{"empty": {"content": ""}}"#, "0644 empty \"\"\n"),
    ("an empty folder", r#"{"empty": {"entries": {}}}"#, "0755 empty/\n"),
    (
        "a folder with permissions",
        r#"{"restricted": {"perm": "0600", "entries": {"password": {"perm": "0600", "content": "secret"}}}}"#,
        "0600 restricted/\n0600 restricted/password \"secret\"\n",
    ),
    (
        "folders in folders",
        r#"{"a": {"entries": {"b": {"entries": {"f": {"content": "2"}, "c": {"entries": {"f": {"content": "3"}}}}}}}}"#,
        "0755 a/\n0755 a/b/\n0755 a/b/c/\n0644 a/b/c/f \"3\"\n0644 a/b/f \"2\"\n",
    ),
    (
        "names that sort around a slash",
        r#"{"a b": {"content": ""}, "a": {"entries": {"c": {"content": ""}}}}"#,
        "0755 a/\n0644 a/c \"\"\n0644 a b \"\"\n",
    ),
    ("other letters, and nothing said", r#"{"a": {"Content": "x", "PERM": "", "entries": null}}"#, "0644 a \"x\"\n"),
    ("permissions in short", r#"{"a": {"content": "x", "perm": "400"}}"#, "0400 a \"x\"\n"),
    ("the later of two", r#"{"a": {"content": "x"}, "a": {"content": "y"}}"#, "0644 a \"y\"\n"),
    (
        "a cloud configuration",
        "#cloud-config\nhostname: web-1\nusers:\n- default\nssh_authorized_keys:\n- ssh-rsa A\n",
        "0644 hostname \"web-1\"\n! ssh/authorized_keys: a line is no SSH public key of a known type; left out\n",
    ),
    ("no object", r#"["a"]"#, ""),
    ("no JSON", "#!/bin/sh\necho {}\n", ""),
    ("nothing", "", ""),
    ("an empty object", " {}\n", ""),
];

#[test]
fn entries_are_what_linuxkit_makes_of_them() {
    for (what, user_data, want) in GOOD {
        assert_eq!(listed(user_data.as_bytes()), *want, "{what}");
    }
}

/// An entry that cannot be a file, and what its owner is told.
const BAD: &[(&str, &str, &str)] = &[
    ("a way out", r#""../x": {"content": "SECRET"}"#, "! ../x: not written: a name has a \\\"/\\\" in it\n"),
    (
        "a way out in a folder",
        r#""a": {"entries": {"..": {"content": "SECRET"}}}"#,
        "! a/..: not written: a name is \\\".\\\" or \\\"..\\\"\n",
    ),
    (
        "an absolute one",
        r#""/etc/passwd": {"content": "SECRET"}"#,
        "! /etc/passwd: not written: a name has a \\\"/\\\" in it\n",
    ),
    ("no name", r#""": {"content": "SECRET"}"#, "! : not written: a name is empty\n"),
    ("a NUL", r#""a\u0000b": {"content": "SECRET"}"#, "! a\\0b: not written: a name has a control character in it\n"),
    ("a new line", r#""a\nb": {"content": "SECRET"}"#, "! a\\nb: not written: a name has a control character in it\n"),
    (
        "neither",
        r#""a": {"perm": "0600"}"#,
        "! a: not written: it has to have either \\\"content\\\" or \\\"entries\\\"\n",
    ),
    (
        "both",
        r#""a": {"content": "SECRET", "entries": {}}"#,
        "! a: not written: it has to have either \\\"content\\\" or \\\"entries\\\"\n",
    ),
    (
        "a text alone",
        r#""a": "SECRET""#,
        "! a: not written: an entry is an object with \\\"content\\\", or with \\\"entries\\\"\n",
    ),
    ("content that is none", r#""a": {"content": 5}"#, "! a: not written: \\\"content\\\" has to be a string\n"),
    (
        "entries that are none",
        r#""a": {"entries": ["SECRET"]}"#,
        "! a: not written: an entry is an object with \\\"content\\\", or with \\\"entries\\\"\n",
    ),
    (
        "permissions as a number",
        r#""a": {"content": "SECRET", "perm": 420}"#,
        "! a: not written: \\\"perm\\\" has to be a string of octal digits, like \\\"0644\\\"\n",
    ),
    (
        "permissions that are none",
        r#""a": {"content": "SECRET", "perm": "rw-"}"#,
        "! a: not written: \\\"perm\\\" has to be a string of octal digits, like \\\"0644\\\"\n",
    ),
    (
        "permissions with a sign",
        r#""a": {"content": "SECRET", "perm": "+644"}"#,
        "! a: not written: \\\"perm\\\" has to be a string of octal digits, like \\\"0644\\\"\n",
    ),
    (
        "more bits than there are",
        r#""a": {"content": "SECRET", "perm": "10000"}"#,
        "! a: not written: \\\"perm\\\" has to be a string of octal digits, like \\\"0644\\\"\n",
    ),
    (
        "a name of ours",
        r#""userdata": {"content": "SECRET"}"#,
        "! userdata: not written: the name is taken by what orlop-metadata writes itself\n",
    ),
    (
        "another name of ours",
        r#""provider": {"content": "SECRET"}"#,
        "! provider: not written: the name is taken by what orlop-metadata writes itself\n",
    ),
    (
        "where the broker works",
        r#"".orlop-metadata": {"entries": {}}"#,
        "! .orlop-metadata: not written: the name is taken by what orlop-metadata writes itself\n",
    ),
];

#[test]
fn what_cannot_be_a_file_is_left_out_by_its_name_and_the_rest_is_not() {
    let fine = "0644 fine \"\"\n";
    for (what, entry, want) in BAD {
        let said = listed(beside_a_fine_one(entry).as_bytes());
        let want = want.replace("\\\"", "\"");
        assert!(said.contains(fine) && said.ends_with(&want), "{what}: {said}");
        assert!(!said.contains("SECRET"), "{what}: {said}");
    }
}

#[test]
fn what_is_written_although_something_is_wrong_is_told() {
    let cut = listed(br#"{"a": {"content": "x", "perm": "4777"}}"#);
    assert!(cut.starts_with("0775 a \"x\"\n! a: written, without the set-user-ID"), "{cut}");
    let unknown = listed(br#"{"a": {"content": "x", "owner": "root"}}"#);
    assert!(unknown.starts_with("0644 a \"x\"\n! a: has a field that is none of"), "{unknown}");
    let half = listed(b"{\"a\": {\"content\": \"SECRET\"\n, x");
    assert_eq!(
        half,
        "! userdata: begins like JSON and is none: wrong at line 2, column 3; nothing of it became a file\n"
    );
}

#[test]
fn folders_are_as_deep_and_entries_as_many_as_there_is_room_for() {
    let deep = |folders: usize| {
        format!("{}{{\"content\":\"\"}}{}", "{\"entries\":{\"d\":".repeat(folders), "}}".repeat(folders))
    };
    let deepest = listed(format!("{{\"d\":{}}}", deep(MAX_DEPTH - 1)).as_bytes());
    assert!(deepest.ends_with(&format!("0644 {} \"\"\n", ["d"; MAX_DEPTH].join("/"))), "{deepest}");
    let deeper = listed(format!("{{\"d\":{}}}", deep(MAX_DEPTH)).as_bytes());
    assert!(deeper.ends_with("/d/d/d: not written: it lies more than 32 folders deep\n"), "{deeper}");
    let deepest_of_all = listed(format!("{{\"d\":{}}}", deep(MAX_DEPTH + 9)).as_bytes());
    assert!(deepest_of_all.starts_with("! userdata: JSON that is nested too deep"), "{deepest_of_all}");

    let many = |count: usize| {
        let entries: Vec<String> = (0..count).map(|n| format!("\"{n:04}\":{{\"content\":\"\"}}")).collect();
        listed(format!("{{{}}}", entries.join(",")).as_bytes())
    };
    let most = many(MAX_ENTRIES - 1);
    assert_eq!((most.lines().count(), most.contains('!')), (MAX_ENTRIES - 1, false));
    let more = many(MAX_ENTRIES + 40);
    assert!(more.contains("! 4095: not written: there are more than 4,096 files and folders\n"));
    assert!(more.ends_with("! …: and 10 more\n"), "{}", more.lines().last().unwrap());
    let values = listed(format!("{{\"a\":[{}0]}}", "0,".repeat(40_000)).as_bytes());
    assert!(values.starts_with("! userdata: JSON that is nested too deep, or has too many values"), "{values}");
}

#[test]
fn a_file_and_a_folder_of_one_name_are_not_both_written() {
    let facts = |user_data: &str| Facts {
        hostname: Some("cloud".to_owned()),
        user_data: Some(user_data.as_bytes().to_vec()),
        ..Facts::default()
    };
    let tree = Tree::of(facts(r#"{"hostname": {"entries": {"a": {"content": ""}}}}"#));
    assert_eq!(
        shown(&tree, true),
        "0644 hostname \"cloud\"\n! hostname: not written: there is a file and a folder of this name\n"
    );
    assert_eq!(tree.hostname.unwrap().as_str(), "cloud");
}

#[test]
fn the_users_own_hostname_counts_more_than_the_providers() {
    let of = |user_data: &str| {
        let facts = Facts {
            hostname: Some("cloud.example.com other".to_owned()),
            user_data: Some(user_data.as_bytes().to_vec()),
            ..Facts::default()
        };
        let tree = Tree::of(facts);
        let shown = shown(&tree, true);
        (tree.hostname.map(|name| name.as_str().to_owned()), shown)
    };
    assert_eq!(of(""), (Some("cloud.example.com".to_owned()), "0644 hostname \"cloud.example.com\"\n".to_owned()));
    let own = r#"{"hostname": {"content": "mine\n"}}"#;
    assert_eq!(of(own), (Some("mine".to_owned()), "0644 hostname \"mine\\n\"\n".to_owned()));
    let (name, files) = of(r#"{"hostname": {"content": "not a host/name"}}"#);
    assert_eq!(name.as_deref(), Some("not"), "the first word");
    assert_eq!(files, "0644 hostname \"not a host/name\"\n");
    let (name, files) = of(r#"{"hostname": {"content": "-"}}"#);
    assert_eq!(name.as_deref(), Some("cloud.example.com"), "the user's is none");
    assert!(files.contains("! hostname: not a hostname"), "{files}");
    let bad = Tree::of(Facts { hostname: Some("..".to_owned()), ..Facts::default() });
    assert_eq!((bad.hostname.clone(), shown(&bad, true).starts_with("! hostname: not a")), (None, true));
}

#[test]
fn cloud_config_names_the_machine_and_who_may_log_in_where_nobody_else_does() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8fDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8P";
    let config = format!("#cloud-config\nhostname: mine\nssh_authorized_keys:\n  - {key} mine\nruncmd: [x]\n");
    let tree = |hostname: Option<&str>, key: Option<String>, config: &[u8]| {
        let tree = Tree::of(Facts {
            hostname: hostname.map(str::to_owned),
            ssh_keys: key.into_iter().collect(),
            user_data: Some(config.to_vec()),
            ..Facts::default()
        });
        targets::check(&tree, orlop_metadata_contract::Provider::NoCloud);
        (tree.hostname.as_ref().map(|name| name.as_str().to_owned()), shown(&tree, true))
    };
    let files = |name: &str, of: &str| {
        format!("0644 hostname \"{name}\"\n0755 ssh/\n0600 ssh/authorized_keys \"{key} {of}\\n\"\n")
    };
    let theirs = Some(format!("{key} theirs"));
    for (what, hostname, keys, want) in [
        ("nobody does", None, None, ("mine", "mine")),
        ("somebody says the name", Some("web-1"), None, ("web-1", "mine")),
        ("somebody says the keys", None, theirs.clone(), ("mine", "theirs")),
        ("somebody says both", Some("web-1"), theirs.clone(), ("web-1", "theirs")),
    ] {
        let (name, of) = want;
        assert_eq!(tree(hostname, keys, config.as_bytes()), (Some(name.to_owned()), files(name, of)), "{what}");
    }
    let odd = b"#cloud-config\nhostname: &a mine\n";
    let (name, text) = tree(None, None, odd);
    assert!(name.is_none() && text.starts_with("! userdata: not read: line 2: anchors"), "{text}");
    let (_, text) = tree(Some("web-1"), theirs, odd);
    assert!(!text.contains('!'), "nobody needs it: {text}");
    let (name, text) = tree(None, None, b"#cloud-config\nhostname: -SECRET-\n");
    assert!(name.is_none() && text.starts_with("! hostname: not a hostname") && !text.contains("SECRET"), "{text}");
}

#[test]
fn keys_are_validated_and_each_is_written_once() {
    let key =
        |n: u8| format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8fDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8P key-{n}");
    let ssh_keys = vec![
        key(1),
        format!("{}\n\n# SECRET\n{}\n", key(2), key(1)),
        "command=\"SECRET\" ssh-rsa AAAA".to_owned(),
        String::new(),
    ];
    let tree = Tree::of(Facts { ssh_keys, ..Facts::default() });
    let text = shown(&tree, true);
    let want = format!(
        "0755 ssh/\n0600 ssh/authorized_keys \"{}\\n{}\\n\"\n\
         ! ssh/authorized_keys: a line is no SSH public key of a known type; left out\n",
        key(1),
        key(2)
    );
    assert_eq!(text, want);
    assert_eq!(tree.discards.of(orlop_metadata_contract::Discard::BadKey), 1);
    assert_eq!(tree.discards.total(), 1);

    let many = (0..=256_u32).map(|n| format!("{} of {n}", key(3))).collect();
    let tree = Tree::of(Facts { ssh_keys: many, ..Facts::default() });
    assert_eq!(shown(&tree, true).matches("of ").count(), 256);
    assert_eq!(tree.discards.of(orlop_metadata_contract::Discard::TooMany), 1);
}

#[test]
fn user_data_that_are_packed_are_unpacked_beside_what_came() {
    use std::io::Write as _;
    let packed = |bytes: &[u8]| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    };
    assert_eq!(
        listed(&packed(br#"{"a": {"content": "x"}}"#)),
        "0644 a \"x\"\n0600 userdata.unpacked \"{\\\"a\\\": {\\\"content\\\": \\\"x\\\"}}\"\n"
    );
    let bomb = listed(&packed(&vec![0; MAX_FILE * 2]));
    assert!(bomb.starts_with("! userdata: unpacks to more than 8 MiB"), "{bomb}");
    assert!(listed(&[0x1f, 0x8b, 8]).starts_with("! userdata: begins like gzip and cannot be unpacked"));
}

#[test]
fn secrets_are_for_root_and_facts_for_everybody() {
    let secret = |text: &str| Some(text.as_bytes().to_vec());
    let facts = Facts {
        user_data: secret("u"),
        vendor_data: secret("v"),
        network_config: secret("n"),
        attributes: [("instance_id", "i-1".to_owned())].into(),
        ..Facts::default()
    };
    assert_eq!(
        shown(&Tree::of(facts), false),
        "0644 instance_id \"i-1\"\n0600 network-config \"n\"\n0600 userdata \"u\"\n0600 vendordata \"v\"\n"
    );
    assert_eq!(Tree::of(Facts::default()), Tree::default());
}

#[test]
fn what_has_no_room_is_left_out() {
    let facts = Facts {
        user_data: Some(vec![0; MAX_FILE + 1]),
        vendor_data: Some(vec![0; MAX_FILE]),
        network_config: Some(vec![0; MAX_FILE]),
        attributes: [("instance_id", "i-1".to_owned())].into(),
        ..Facts::default()
    };
    let tree = Tree::of(facts);
    let paths: Vec<&str> = tree.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["network-config", "vendordata"]);
    let told: Vec<&str> = tree.left_out.iter().map(|left_out| left_out.key()).collect();
    assert_eq!(told, ["userdata", "instance_id"]);
}

fn beside_a_fine_one(entry: &str) -> String {
    format!(r#"{{{entry}, "fine": {{"content": ""}}}}"#)
}

/// User data for the fuzzer: what each is, and the text.
pub(crate) fn user_data() -> Vec<(&'static str, String)> {
    let good = GOOD.iter().map(|(what, user_data, _)| (*what, (*user_data).to_owned()));
    let bad = BAD.iter().map(|(what, entry, _)| (*what, beside_a_fine_one(entry)));
    good.chain(bad).chain([("linuxkits example", EXAMPLE.to_owned())]).filter(|(_, text)| !text.is_empty()).collect()
}

/// JSON that might be user data, deep and with the words that mean something.
fn json() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("content"),
        Just("entries"),
        Just("perm"),
        Just("a"),
        Just("hostname"),
        Just("ssh"),
        Just(".."),
        Just("a/b"),
        Just("userdata"),
        Just("\\u0000")
    ];
    let leaf = prop_oneof![
        Just("\"x\"".to_owned()),
        Just("\"0600\"".to_owned()),
        Just("null".to_owned()),
        Just("7".to_owned()),
        Just("[]".to_owned())
    ];
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop::collection::vec((name.clone(), inner), 0..5).prop_map(|fields| {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", fields.join(","))
        })
    })
}

proptest! {
    #[test]
    fn any_user_data_become_a_tree_that_the_broker_permits(data in prop::collection::vec(any::<u8>(), 0..200)) {
        targets::tree(&data);
    }

    #[test]
    fn any_json_becomes_a_tree_that_the_broker_permits(json in json()) {
        targets::tree(json.as_bytes());
    }
}
