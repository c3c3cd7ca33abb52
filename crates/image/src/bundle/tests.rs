use super::*;
use serde_json::{Value, json};

use crate::spec::Settings;
use crate::spec::files::Ids;

fn image() -> Filesystem {
    let mut files = Filesystem::default();
    for path in
        ["bin/daemon", "etc/hostname", "etc/hosts", "etc/resolv.conf", ".dockerenv", "Dockerfile", "dev/console"]
    {
        files.put(path, Entry::file(b"image".as_slice(), 0o640, 5)).unwrap();
    }
    files.put("etc", Entry::directory(0o750, 5)).unwrap();
    files
}

fn text(files: &Filesystem, path: &str) -> String {
    match &files.at(path).unwrap_or_else(|| panic!("no {path}")).kind {
        Kind::File(content) => String::from_utf8(content.to_vec()).unwrap(),
        Kind::Directory => "/".to_owned(),
        Kind::Link(to) => format!("-> {to}"),
    }
}

fn put(machine: &mut Filesystem, placed: &mut Placed, folder: &str, settings: &Value) {
    let mut settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    settings.command = Some(vec!["/bin/daemon".to_owned()]);
    let config = Config::new(&settings, &Ids::new()).unwrap();
    let runtime = settings.runtime.unwrap_or_default();
    let files = root(&image(), Purpose::Container).unwrap();
    let bundle = Bundle { folder, config: &config, runtime: &runtime };
    bundle.put(machine, &files, &Digest::of(b"image"), placed, 1).unwrap();
}

fn runtime(machine: &Filesystem, folder: &str) -> Value {
    serde_json::from_str(&text(machine, &format!("{folder}/runtime.json"))).unwrap()
}

#[test]
fn every_root_has_what_a_runtime_needs_and_nothing_that_engines_leave() {
    for (what, files) in [("an image", image()), ("an empty image", Filesystem::default())] {
        let root = root(&files, Purpose::Container).unwrap();
        for path in ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"] {
            assert_eq!(text(&root, path), "/", "{what}: {path}");
        }
        assert_eq!(text(&root, "etc/mtab"), "-> /proc/mounts", "{what}");
        assert_eq!(text(&root, "etc/resolv.conf"), "\n# no resolv.conf configured\n", "{what}");
        assert!(text(&root, "etc/hosts").starts_with("127.0.0.1       localhost\n"), "{what}");
        for path in [".dockerenv", "Dockerfile", "dev/console", "etc/hostname"] {
            assert_eq!(root.at(path), None, "{what}: {path}");
        }
    }
    let root = root(&image(), Purpose::Container).unwrap();
    assert_eq!(root.at("etc").unwrap().mode, 0o750, "a folder keeps its mode");
    assert_eq!(root.at("etc").unwrap().mtime, MTIME);
    assert_eq!(root.at("bin/daemon").unwrap().mtime, 5, "the image's files keep their time");
}

#[test]
fn links_in_the_way_of_what_is_guaranteed_are_replaced() {
    let mut files = Filesystem::default();
    files.put("etc/resolv.conf", Entry::link("/../../run/x", 5)).unwrap();
    files.put("dev", Entry::link("/etc", 5)).unwrap();
    files.put("proc", Entry::file(b"".as_slice(), 0o644, 5)).unwrap();
    let root = root(&files, Purpose::Container).unwrap();
    assert_eq!(text(&root, "etc/resolv.conf"), "\n# no resolv.conf configured\n");
    assert_eq!((text(&root, "dev"), text(&root, "proc"), text(&root, "dev/pts")), ("/".into(), "/".into(), "/".into()));
}

#[test]
fn the_machines_own_resolv_conf_is_a_link_to_where_it_can_be_written() {
    let root = root(&image(), Purpose::Root).unwrap();
    assert_eq!(text(&root, "etc/resolv.conf"), "-> /run/resolvconf/resolv.conf");
}

#[test]
fn a_read_only_container_is_unpacked_where_it_runs_and_bound_upon_itself() {
    let mut machine = Filesystem::default();
    put(&mut machine, &mut Placed::new(), "containers/services/a", &json!({"readonly": true}));
    assert_eq!(text(&machine, "containers/services/a/rootfs/bin/daemon"), "image");
    let want = json!([{
        "source": "/containers/services/a/rootfs", "destination": "/containers/services/a/rootfs", "options": ["bind"],
    }]);
    assert_eq!(runtime(&machine, "containers/services/a")["mounts"], want);
    assert_eq!(machine.at("containers/services/a/lower"), None);
    assert_eq!(machine.at("containers/services/a/tmp"), None);
}

#[test]
fn any_other_container_is_an_overlay_over_its_image() {
    let mut machine = Filesystem::default();
    put(&mut machine, &mut Placed::new(), "containers/onboot/000-a", &json!({}));
    assert_eq!(text(&machine, "containers/onboot/000-a/lower/bin/daemon"), "image");
    let options = json!([
        "lowerdir=/containers/onboot/000-a/lower",
        "upperdir=/containers/onboot/000-a/tmp/upper",
        "workdir=/containers/onboot/000-a/tmp/work"
    ]);
    let want = json!([
        {"source": "tmpfs", "type": "tmpfs", "destination": "/containers/onboot/000-a/tmp"},
        {"destination": "/containers/onboot/000-a/tmp", "options": ["remount", "private"]},
        {"source": "overlay", "type": "overlay", "destination": "/containers/onboot/000-a/rootfs", "options": options},
    ]);
    assert_eq!(runtime(&machine, "containers/onboot/000-a")["mounts"], want);
    for folder in ["rootfs", "tmp"] {
        assert_eq!(text(&machine, &format!("containers/onboot/000-a/{folder}")), "/");
    }
}

#[test]
fn an_image_in_two_containers_lies_there_once() {
    let (mut machine, mut placed) = (Filesystem::default(), Placed::new());
    put(&mut machine, &mut placed, "containers/onboot/000-a", &json!({"readonly": true}));
    put(&mut machine, &mut placed, "containers/services/b", &json!({"readonly": true}));
    put(&mut machine, &mut placed, "containers/services/c", &json!({}));
    assert_eq!(machine.iter().filter(|(path, _)| path.ends_with("bin/daemon")).count(), 1);
    let b = &runtime(&machine, "containers/services/b")["mounts"][0];
    assert_eq!(b["source"], "/containers/onboot/000-a/rootfs");
    assert_eq!(b["destination"], "/containers/services/b/rootfs");
    assert_eq!(text(&machine, "containers/services/b/rootfs"), "/");
    let c = &runtime(&machine, "containers/services/c")["mounts"][2]["options"][0];
    assert_eq!(c, "lowerdir=/containers/onboot/000-a/rootfs");
}

#[test]
fn runtime_json_has_every_field() {
    let mut machine = Filesystem::default();
    put(&mut machine, &mut Placed::new(), "a", &json!({"readonly": true}));
    let empty = json!({"cgroup": "", "ipc": "", "mnt": "", "net": "", "pid": "", "user": "", "uts": ""});
    let mount = json!({"source": "/a/rootfs", "destination": "/a/rootfs", "options": ["bind"]});
    let want =
        json!({"cgroups": [], "mounts": [mount], "mkdir": [], "interfaces": [], "bindNS": empty, "namespace": ""});
    assert_eq!(runtime(&machine, "a"), want);

    let said = json!({"cgroups": ["c"], "mounts": [{"destination": "/m", "type": "bind", "source": "/s"}], "mkdir": ["/d"],
        "interfaces": [{"name": "i", "add": "veth"}], "bindNS": {"net": "/n"}, "namespace": "x"});
    let mut machine = Filesystem::default();
    put(&mut machine, &mut Placed::new(), "a", &json!({"readonly": true, "runtime": said}));
    let written = runtime(&machine, "a");
    assert_eq!(written["mounts"], json!([mount, {"destination": "/m", "type": "bind", "source": "/s"}]));
    assert_eq!(written["interfaces"], json!([{"name": "i", "add": "veth", "createInRoot": false}]));
    assert_eq!((&written["bindNS"]["net"], &written["namespace"]), (&json!("/n"), &json!("x")));
    assert_eq!((&written["mkdir"], &written["cgroups"]), (&json!(["/d"]), &json!(["c"])));
}

#[test]
fn files_are_written_with_four_spaces() {
    let mut machine = Filesystem::default();
    put(&mut machine, &mut Placed::new(), "a", &json!({}));
    assert!(
        text(&machine, "a/config.json").starts_with("{\n    \"ociVersion\": \"1.0.2\",\n    \"process\": {\n        ")
    );
}
