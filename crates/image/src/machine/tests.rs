use super::*;
use std::fs;

use crate::filesystem::Entry;
use crate::spec::read;
use crate::store::tests::Sample;

fn spec(text: &str) -> Spec {
    let mut spec = Spec::default();
    read::append(&mut spec, text).unwrap();
    spec
}

fn assembled(sample: &Sample, text: &str) -> (Result<Machine, String>, Vec<String>) {
    let mut said = Vec::new();
    let mut say = |told: Told| said.push(told.to_string());
    let machine = assemble(&spec(text), &mut sample.store(), Platform::Amd64, &mut say);
    (machine.map_err(|fatal| fatal.to_string()), said)
}

/// A machine of `files` alone.
fn with_files(files: &str) -> (Result<Machine, String>, Vec<String>) {
    let mut said = Vec::new();
    let mut say = |told: Told| said.push(told.to_string());
    let machine = assemble(&spec(&format!("files:\n{files}")), &mut Store::default(), Platform::Amd64, &mut say);
    (machine.map_err(|fatal| fatal.to_string()), said)
}

fn text(machine: &Machine, path: &str) -> String {
    match &machine.files.at(path).unwrap_or_else(|| panic!("no {path}")).kind {
        Kind::File(content) => String::from_utf8(content.to_vec()).unwrap(),
        Kind::Directory => "/".to_owned(),
        Kind::Link(to) => format!("-> {to}"),
    }
}

#[test]
fn containers_lie_in_order_with_their_labels_settings() {
    let sample =
        Sample::new("order", "orlop.example/a:1", r#"{"readonly":true,"pid":"host","binds":["/run/x:/run/x"]}"#);
    let text_of = "onboot: [{name: a, image: 'orlop.example/a:1'}, {name: a, image: 'orlop.example/a:1', readonly: false}]\n\
        onshutdown: [{name: b, image: 'orlop.example/a:1'}]\nservices: [{name: c, image: 'orlop.example/a:1', uid: c}]\n";
    let (machine, said) = assembled(&sample, text_of);
    let machine = machine.unwrap();
    for path in ["onboot/000-a", "onboot/001-a", "onshutdown/000-b", "services/c"] {
        let config = text(&machine, &format!("containers/{path}/config.json"));
        assert!(config.contains("\"/bin/arch\"") && config.contains("\"/run/x\""), "{path}: {config}");
        assert!(!config.contains("\"pid\""), "{path}: the label's namespace");
    }
    let config: serde_json::Value = serde_json::from_str(&text(&machine, "containers/services/c/config.json")).unwrap();
    assert_eq!(config["process"]["user"]["uid"], 103, "the fourth container");
    assert_eq!(text(&machine, "containers/onboot/000-a/rootfs/bin/arch"), "amd64");
    assert_eq!(machine.files.at("containers/onboot/001-a/lower"), None, "the image lies there once");
    let locations: Vec<_> = machine.parts.iter().map(|part| part.location.as_str()).collect();
    assert_eq!(locations, ["onboot[0]", "onboot[1]", "onshutdown[0]", "services[0]"]);
    assert!(machine.parts.iter().all(|part| part.source == sample.reference.to_string()));
    let warnings: Vec<_> = said.iter().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings.len(), 3, "read-only, and the image has no /run/x: {said:?}");
    assert!(said.iter().any(|line| line.contains("is not pinned by a digest")));
}

#[test]
fn a_volume_with_an_image_as_such_is_a_layout_of_it() {
    let sample = Sample::new("volume-oci", "orlop.example/a:1", "{}");
    let text_of = "volumes: [{name: own, image: 'orlop.example/a:1', format: oci},\
        {name: both, image: 'orlop.example/a:1', format: oci, platforms: [linux/amd64, linux/arm64]}]\n";
    let machine = assembled(&sample, text_of).0.unwrap();
    let digest = sample.reference.digest.clone().unwrap();
    for (name, blobs) in [("own", 3), ("both", 7)] {
        let lower = format!("containers/volumes/{name}/lower");
        assert_eq!(text(&machine, &format!("{lower}/oci-layout")), r#"{"imageLayoutVersion":"1.0.0"}"#);
        let index = text(&machine, &format!("{lower}/index.json"));
        assert!(index.contains("\"orlop.example/a:1\""), "{name}: {index}");
        assert_eq!(index.contains(digest.as_str()), name == "both", "{name}: {index}");
        let there = machine.files.iter().filter(|(path, _)| path.starts_with(&format!("{lower}/blobs/sha256/")));
        assert_eq!(there.count(), blobs, "{name}");
        assert_eq!(machine.files.at(&format!("{lower}/bin/arch")), None, "{name}");
    }
    assert_eq!(machine.parts[0].source, sample.reference.to_string());
    let missing = "volumes: [{name: own, image: 'orlop.example/b:1', format: oci}]\n";
    let error = assembled(&sample, missing).0.map(drop).unwrap_err();
    assert!(error.contains("volume[0] (own): cannot take orlop.example/b:1"), "{error}");
}

#[test]
fn a_volume_lies_in_its_folder_and_is_bound_from_there() {
    let sample = Sample::new("volumes", "orlop.example/a:1", "{}");
    let text_of = "volumes: [{name: blank}, {name: full, image: 'orlop.example/a:1', readonly: true}]\n\
        services: [{name: c, image: 'orlop.example/a:1', binds: ['blank:/b', 'full:/f:ro']}]\n";
    let machine = assembled(&sample, text_of).0.unwrap();
    for path in ["blank/lower", "blank/tmp", "blank/merged", "full/tmp", "full/merged"] {
        assert_eq!(text(&machine, &format!("containers/volumes/{path}")), "/", "{path}");
    }
    assert_eq!(text(&machine, "containers/volumes/full/lower/bin/arch"), "amd64");
    assert_eq!(machine.files.at("containers/volumes/blank/lower/bin"), None);
    let config = text(&machine, "containers/services/c/config.json");
    for source in ["/containers/volumes/blank/merged", "/containers/volumes/full/merged"] {
        assert!(config.contains(&format!("\"source\": \"{source}\"")), "{config}");
    }
    let locations: Vec<_> = machine.parts.iter().map(|part| part.location.as_str()).collect();
    assert_eq!(locations, ["volume[0]", "volume[1]", "services[0]"]);
    for (what, binds, want) in [
        ("a volume that there is not", "['none:/b']", "neither a path from the root nor a volume"),
        ("to write to what is read-only", "['full:/f']", "the volume full is readonly"),
    ] {
        let error = assembled(&sample, &text_of.replace("['blank:/b', 'full:/f:ro']", binds)).0.unwrap_err();
        assert!(error.contains(want) && error.contains("services[0] (c)"), "{what}: {error}");
    }
}

#[test]
fn interfaces_are_refused_with_an_init_that_cannot_move_them() {
    let runtime: Runtime = serde_json::from_str(r#"{"interfaces":[{"name":"wg0","add":"wireguard"}]}"#).unwrap();
    let mut files = Filesystem::default();
    files.put("usr/bin/runc", Entry::file(*b"", 0o755, 0)).unwrap();
    assert_eq!(not_with_our_init(&files, &runtime), None, "LinuxKit's");
    files.put("usr/bin/orlop-container", Entry::file(*b"", 0o755, 0)).unwrap();
    assert!(not_with_our_init(&files, &runtime).is_some_and(|why| why.contains("wg0")), "ours");
    assert_eq!(not_with_our_init(&files, &Runtime::default()), None, "no interfaces");
}

#[test]
fn a_control_group_that_orlop_init_takes_for_one_only_is_an_error_with_it_and_a_warning_with_another() {
    let sample = Sample::new("groups", "orlop.example/a:1", r#"{"cgroupsPath":"/pod"}"#);
    let container = |name: &str, more: &str| format!("{{name: {name}, image: 'orlop.example/a:1'{more}}}");
    let (a, b) = (container("a", ""), container("b", ""));
    let own = container("b", ", cgroupsPath: /own");
    let below = container("b", ", cgroupsPath: /pod/b");
    let root = container("a", ", cgroupsPath: /");
    let of_b = container("a", ", cgroupsPath: services-b");
    let unsaid = container("b", ", cgroupsPath: ''");
    for (what, spec, want) in [
        ("services", format!("services: [{b}, {a}]"), Some(("services[0] (b)", "services a would end with it"))),
        ("one below the other", format!("services: [{a}, {below}]"), Some(("services[1] (b)", "pod/b is not its own"))),
        ("the runtime's own", format!("services: [{of_b}, {unsaid}]"), Some(("services[1] (b)", "is not its own"))),
        (
            "services still run at shutdown",
            format!("onshutdown: [{b}]\nservices: [{a}]"),
            Some(("onshutdown[0] (b)", "services a would end with it")),
        ),
        ("the root's", format!("onboot: [{root}]"), Some(("onboot[0] (a)", "no control group below the root's"))),
        ("each its own", format!("services: [{a}, {own}]"), None),
        ("one after the other", format!("onboot: [{a}, {b}]\nservices: [{b}]"), None),
    ] {
        let (machine, said) = assembled(&sample, &spec);
        assert!(machine.is_ok(), "{what}: another init may");
        let warnings: Vec<&String> = said.iter().filter(|line| line.starts_with("warning: ")).collect();
        let ours = format!("{spec}\nfiles: [{{path: usr/bin/orlop-container, contents: x}}]\n");
        let (machine, _) = assembled(&sample, &ours);
        let Some((at, why)) = want else {
            assert_eq!((warnings.len(), machine.err()), (0, None), "{what}: {warnings:?}");
            continue;
        };
        assert_eq!(warnings.len(), 1, "{what}: {warnings:?}");
        let error = machine.unwrap_err();
        for said in [warnings[0], &error] {
            assert!(said.contains(at) && said.contains(why) && said.contains("orlop-init"), "{what}: {said}");
        }
        assert!(error.contains("caused by: ") && error.contains("help: "), "{what}: {error}");
    }
}

#[test]
fn a_user_namespace_is_warned_of_where_the_runtime_makes_none() {
    let sample = Sample::new("userns", "orlop.example/a:1", "{}");
    for (what, userns, ours, want) in [
        ("its own", "new", true, 1),
        ("another's", "/run/ns/user", true, 1),
        ("the machine's", "host", true, 0),
        ("LinuxKit's init", "new", false, 0),
    ] {
        let (mut said, mut store) = (Vec::new(), sample.store());
        let mut say = |told: Told| said.push(told.to_string());
        let mut machine = Machine::default();
        if ours {
            machine.files.put("usr/bin/orlop-container", Entry::file(*b"", 0o755, 0)).unwrap();
        }
        let mut assembly = Assembly {
            machine,
            placed: Placed::new(),
            grouped: Vec::new(),
            store: &mut store,
            platform: Platform::Amd64,
            say: &mut say,
        };
        let spec = spec(&format!("services: [{{name: x, image: 'orlop.example/a:1', userns: {userns}}}]"));
        assembly.container(Section::Services, 0, &spec.services[0], &[], &Ids::new()).unwrap();
        let warned = said.iter().filter(|line| line.starts_with("warning: services[0] (x) asks for a user namespace"));
        assert_eq!(warned.count(), want, "{what}: {said:?}");
    }
}

#[test]
fn an_init_images_files_lie_at_the_root() {
    let sample = Sample::new("init", "orlop.example/init:1", "{}");
    let (machine, _) = assembled(&sample, &format!("init: ['{}']", sample.reference));
    let machine = machine.unwrap();
    assert_eq!(text(&machine, "bin/arch"), "amd64");
    assert_eq!(text(&machine, "etc/resolv.conf"), "-> /run/resolvconf/resolv.conf");
    assert_eq!(machine.files.at("etc/hostname"), None);
}

#[test]
fn what_is_missing_is_named_with_what_there_is() {
    let sample = Sample::new("missing", "orlop.example/a:1", "{}");
    for (what, text, want) in [
        ("no such image", "services: [{name: x, image: 'orlop.example/b:1'}]", "there are: orlop.example/a:1"),
        ("no such tag", "services: [{name: x, image: 'orlop.example/a:2'}]", "services[0] (x): cannot take"),
        ("no kernel in it", "kernel: {image: 'orlop.example/a:1'}", "it has no file /kernel"),
        ("no modules in it", "kernel: {image: 'orlop.example/a:1', binary: bin/arch}", "it has no file /kernel.tar"),
        (
            "modules that are none",
            "kernel: {image: 'orlop.example/a:1', binary: bin/arch, tar: bin/arch}",
            "it is no archive",
        ),
        (
            "an unknown capability",
            "services: [{name: x, image: 'orlop.example/a:1', capabilities: [X]}]",
            "capability X",
        ),
    ] {
        let error = assembled(&sample, text).0.unwrap_err();
        assert!(error.contains(want) && error.contains("caused by: ") && error.contains("help: "), "{what}: {error}");
    }
    let without = assemble(&spec("init: [a]"), &mut Store::default(), Platform::Amd64, &mut |_| ());
    assert!(without.unwrap_err().to_string().contains("no image was given"));
}

#[test]
fn what_does_nothing_is_warned_of_and_the_machine_is_built() {
    let sample = Sample::new("nothing", "orlop.example/a:1", "{}");
    let (machine, said) = assembled(
        &sample,
        "trust: {org: [linuxkit]}\nservices: [{name: idle, image: 'orlop.example/a:1', command: []}]",
    );
    let config: serde_json::Value =
        serde_json::from_str(&text(&machine.unwrap(), "containers/services/idle/config.json")).unwrap();
    assert_eq!(config["process"].get("args"), None, "as LinuxKit leaves it out");
    let warnings: Vec<_> = said.iter().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings.len(), 2, "{said:?}");
    assert!(warnings[0].contains("trust does nothing"), "{said:?}");
    assert!(warnings[1].contains("services[0] (idle) starts nothing"), "{said:?}");
}

#[test]
fn a_kernel_has_its_microcode_beside_it() {
    let sample = Sample::new("microcode", "orlop.example/k:1", "{}");
    let kernel = |ucode| format!("kernel: {{image: 'orlop.example/k:1', binary: bin/arch, tar: none, ucode: {ucode}}}");
    let (machine, _) = assembled(&sample, &kernel("bin/arch"));
    assert_eq!(machine.unwrap().kernel.unwrap().microcode.as_deref(), Some(b"amd64".as_slice()));
    let (machine, _) = assembled(&sample, &kernel("intel-ucode.cpio"));
    assert!(machine.unwrap_err().contains("it has no file /intel-ucode.cpio"));
}

#[test]
fn a_kernel_without_modules_is_beside_the_root() {
    let sample = Sample::new("kernel", "orlop.example/k:1", "{}");
    let (machine, _) =
        assembled(&sample, "kernel: {image: 'orlop.example/k:1', binary: bin/arch, tar: none, cmdline: quiet}");
    let machine = machine.unwrap();
    assert_eq!(
        machine.kernel,
        Some(Kernel { binary: b"amd64".as_slice().into(), cmdline: "quiet".to_owned(), microcode: None })
    );
    assert!(machine.files.is_empty());
}

#[test]
fn modules_of_a_kernel_lie_where_an_init_images_links_lead() {
    let sample = Sample::new("merged", "orlop.example/a:1", "{}");
    let mut store = sample.store();
    let mut assembly = Assembly {
        machine: Machine::default(),
        placed: Placed::new(),
        grouped: Vec::new(),
        store: &mut store,
        platform: Platform::Amd64,
        say: &mut |_| (),
    };
    assembly.machine.files.put("usr/lib", Entry::directory(0o755, 7)).unwrap();
    assembly.machine.files.put("lib", Entry::link("usr/lib", 7)).unwrap();
    let mut modules = Filesystem::default();
    modules.put("lib/modules/1/a.ko", Entry::file(b"".as_slice(), 0o644, 7)).unwrap();
    assembly.modules(&modules, "orlop.example/k:1").unwrap();
    assert!(assembly.machine.files.at("usr/lib/modules/1/a.ko").is_some());
}

#[test]
fn files_are_put_with_their_modes_and_owners() {
    let (machine, _) = with_files(
        "  - {path: /etc/secret, contents: 'x'}\n  - {path: srv/data, directory: true}\n  \
         - {path: etc/link, symlink: ../srv}\n  - {path: etc/open, contents: '', mode: '0644', uid: 5, gid: 6}\n  \
         - {path: opt/deep/file, contents: '', mode: '0640', uid: 7}\n",
    );
    let machine = machine.unwrap();
    let row = |path: &str| {
        let Entry { mode, uid, gid, mtime, .. } = *machine.files.at(path).unwrap();
        (mode, uid, gid, mtime)
    };
    for (what, path, want) in [
        ("a file nobody else can read", "etc/secret", (0o600, 0, 0)),
        ("its folder, which the next one does not change", "etc", (0o700, 0, 0)),
        ("a folder", "srv/data", (0o700, 0, 0)),
        ("a link", "etc/link", (0o777, 0, 0)),
        ("a file with a mode and owners", "etc/open", (0o644, 5, 6)),
        ("a folder made for a file", "opt/deep", (0o750, 7, 0)),
    ] {
        assert_eq!(row(path), (want.0, want.1, want.2, bundle::MTIME), "{what}");
    }
    assert_eq!((text(&machine, "etc/secret"), text(&machine, "etc/link")), ("x".into(), "-> ../srv".into()));
}

#[test]
fn a_file_replaces_the_machines_resolv_conf() {
    let sample = Sample::new("resolv", "orlop.example/init:1", "{}");
    let (machine, _) = assembled(
        &sample,
        "init: ['orlop.example/init:1']\nfiles: [{path: etc/resolv.conf, contents: 'nameserver 192.0.2.1'}]",
    );
    let machine = machine.unwrap();
    assert_eq!(text(&machine, "etc/resolv.conf"), "nameserver 192.0.2.1");
    assert_eq!(machine.files.at("etc").unwrap().mode, 0o755, "a folder that is there stays as it is");
}

#[test]
fn files_that_contradict_themselves_are_refused() {
    for (what, file, want) in [
        ("no path", "{contents: x}", "has no path"),
        ("the root", "{path: /, directory: true}", "has no path"),
        ("nothing in it", "{path: a}", "is not said"),
        ("two contents", "{path: a, contents: x, source: y}", "contents and source"),
        ("a folder with contents", "{path: a, directory: true, contents: x}", "directory and contents"),
        ("a mode that is none", "{path: a, contents: x, mode: rw}", "mode \"rw\""),
        ("a mode that is too large", "{path: a, contents: x, mode: '10000'}", "mode \"10000\""),
        ("an unknown owner", "{path: a, contents: x, uid: nobody}", "no container is called \"nobody\""),
        ("metadata of another kind", "{path: a, metadata: toml}", "neither yaml nor json"),
        ("a path that climbs", "{path: ../a, contents: x}", "no path below a root"),
        ("a source that is not there", "{path: a, source: /nonexistent/x}", "cannot read /nonexistent/x"),
    ] {
        let error = with_files(&format!("  - {file}")).0.unwrap_err();
        assert!(error.contains("files[0] (") && error.contains(want) && error.contains("help: "), "{what}: {error}");
    }
}

#[test]
fn what_is_optional_may_be_missing_and_what_a_tmpfs_hides_is_told() {
    let (machine, said) =
        with_files("  - {path: a, source: /nonexistent/x, optional: true}\n  - {path: var/x, contents: ''}");
    assert_eq!(machine.unwrap().files.at("a"), None);
    assert!(said[0].contains("left out") && said[1].starts_with("warning: files[1] (var/x)"), "{said:?}");
}

#[test]
fn a_source_is_copied() {
    let path = std::env::temp_dir().join(format!("orlop-source-{}", std::process::id()));
    fs::write(&path, "from here").unwrap();
    let (machine, _) = with_files(&format!("  - {{path: a, source: {}}}", path.display()));
    assert_eq!(text(&machine.unwrap(), "a"), "from here");
    fs::remove_file(&path).unwrap();
}

#[test]
fn the_spec_in_the_machine_reads_back_and_names_images_by_digest() {
    let sample = Sample::new("metadata", "orlop.example/a:1", "{}");
    let given = "services: [{name: c, image: 'orlop.example/a:1', binds.add: ['/a:/b'], env: ['A=: #x'], \
        resources: {blockio: {weight: 3}}}]\nfiles: [{path: etc/y, metadata: yaml}, {path: etc/j, metadata: json}]\n";
    let machine = assembled(&sample, given).0.unwrap();
    let (yaml, json) = (text(&machine, "etc/y"), text(&machine, "etc/j"));
    let mut want = spec(given);
    want.services[0].image = sample.reference.clone();
    assert_eq!(spec(&yaml), want, "{yaml}");
    assert!(yaml.contains(&format!("image: {}\n", sample.reference)), "on one line, as a lock wants it: {yaml}");
    assert_eq!(spec(&json), want, "JSON is YAML: {json}");
}
