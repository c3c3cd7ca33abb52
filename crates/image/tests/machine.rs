//! A machine from start to end: images built from recipes and small stand-ins for the programs, a kernel package, a spec with
//! every section, assembled twice, and taken apart by cpio and tar, which know nothing of Orlop.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use orlop_image::command_line;
use orlop_image::elf;
use orlop_image::kernel;
use orlop_image::platform::Platform;
use orlop_image::recipe::Recipe;
use orlop_image::workspace::Workspace;

/// A folder of a test; it is removed again.
struct Folder(PathBuf);

const RELEASE: &str = "6.12.0+test-amd64";

impl Folder {
    /// With images of all recipes and of a kernel in `images`.
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orlop-machine-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let folder = Self(path);
        let workspace = Workspace::find().unwrap();
        for name in workspace.recipes().unwrap() {
            for program in Recipe::load(&workspace.recipe(&name).unwrap()).unwrap().programs {
                folder.put(&format!("bin/{}", program.binary), &elf::sample(Platform::Amd64, 1));
            }
        }
        let (bin, images) = (format!("amd64={}", folder.path("bin")), folder.path("images"));
        run(&["build", "--all", "--no-sbom", "--platform", "amd64", "--bin-dir", &bin, "--out", &images]).unwrap();
        let mut vmlinuz = vec![0; 0x210];
        vmlinuz[0x202..0x206].copy_from_slice(b"HdrS");
        folder.put(&format!("package/boot/vmlinuz-{RELEASE}"), &vmlinuz);
        for (module, info) in [("net_failover", "depends=failover"), ("failover", "depends=")] {
            let path = format!("package/lib/modules/{RELEASE}/kernel/net/{module}.ko");
            folder.put(&path, &kernel::sample(Platform::Amd64, &[info]));
        }
        let made = run(&[
            "kernel",
            &folder.path("package"),
            "--platform",
            "amd64",
            "--module",
            "net-failover",
            "--out",
            &images,
        ]);
        assert!(made.unwrap().starts_with("orlop.example/kernel:6.12.0-test-amd64\n"));
        folder.put("copied", b"from this machine");
        folder
    }

    fn path(&self, inside: &str) -> String {
        self.0.join(inside).display().to_string()
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A spec of two files: what boots, and what runs.
    fn specs(&self) -> [String; 2] {
        self.put("base.yml", b"kernel: {image: 'orlop.example/kernel:6.12.0-test-amd64', cmdline: console=ttyS0}\n");
        let parts = format!(
            "kernel: {{cmdline: quiet}}\n\
             init: ['orlop.example/dhcp:0.1.0']\n\
             onboot:\n\
             \x20 - name: dhcpcd\n\
             \x20   image: orlop.example/dhcp:0.1.0\n\
             \x20   command: [/sbin/dhcpcd, --nobackground, -f, /dhcpcd.conf, '-1']\n\
             onshutdown: [{{name: bye, image: 'orlop.example/dhcp:0.1.0', readonly: false}}]\n\
             services:\n\
             \x20 - name: dhcpcd\n\
             \x20   image: orlop.example/dhcp:0.1.0\n\
             \x20   binds.add: ['/etc/extra:/etc/orlop:ro']\n\
             \x20   capabilities.add: [CAP_SYS_TIME]\n\
             files:\n\
             \x20 - {{path: etc/extra/note, contents: \"hello\\n\", mode: '0644'}}\n\
             \x20 - {{path: etc/copied, source: {}}}\n\
             \x20 - {{path: etc/linuxkit-config, metadata: yaml}}\n\
             \x20 - {{path: etc/link, symlink: /run/x}}\n\
             \x20 - {{path: srv, directory: true, mode: '0750', uid: dhcpcd, gid: 7}}\n",
            self.path("copied")
        );
        self.put("machine.yml", parts.as_bytes());
        [self.path("base.yml"), self.path("machine.yml")]
    }

    fn assemble(&self, out: &str, more: &[&str]) -> Result<String, String> {
        let [base, machine] = self.specs();
        let (images, out) = (self.path("images"), self.path(out));
        let line = ["assemble", "--quiet", "--platform", "amd64", "--images", &images, "--out", &out, &base, &machine];
        run(&[&line, more].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(words: &[&str]) -> Result<String, String> {
    let line = [&["orlop-image"], words].concat();
    command_line::run(line.into_iter().map(OsString::from)).map_err(|fatal| fatal.to_string())
}

/// A file of the machine: its mode, and its content or where it points to.
type Files = BTreeMap<String, (u32, Vec<u8>)>;

fn files(root: &Path) -> Files {
    fn walk(files: &mut Files, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if metadata.is_dir() {
                walk(files, root, &path);
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, (metadata.permissions().mode(), content));
        }
    }
    let mut all = Files::new();
    walk(&mut all, root, root);
    all
}

/// What a program makes of an archive, in an empty folder.
fn unpacked(folder: &Folder, name: &str, program: &str, arguments: &[&str], archive: &str) -> Files {
    let root = folder.0.join(name);
    fs::create_dir_all(&root).unwrap();
    let archive = fs::File::open(folder.0.join(archive)).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(&root)
        .stdin(Stdio::from(archive))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; this test needs it (cargo xtask setup)"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    files(&root)
}

fn text<'a>(files: &'a Files, path: &str) -> &'a str {
    let (_, content) = files.get(path).unwrap_or_else(|| panic!("no {path} in {:?}", files.keys().collect::<Vec<_>>()));
    std::str::from_utf8(content).unwrap()
}

fn json(files: &Files, path: &str) -> serde_json::Value {
    serde_json::from_str(text(files, path)).unwrap()
}

#[test]
fn assembled_twice_every_file_is_the_same_and_the_table_tells_what_takes_how_much() {
    let folder = Folder::new("twice");
    let more = ["--format", "kernel+initrd,tar"];
    let tables = ["one", "two"].map(|out| folder.assemble(out, &more).unwrap().replace(&folder.path(out), ""));
    assert_eq!(tables[0], tables[1]);
    for name in ["machine-kernel", "machine-initrd.img", "machine-cmdline", "machine.tar"] {
        let read = |out: &str| fs::read(folder.0.join(out).join(name)).unwrap();
        assert!(read("one") == read("two"), "{name} differs");
        assert!(tables[0].contains(name), "{name}");
    }
    for wanted in [
        "in initrd",
        "kernel modules",
        "init[0] orlop.example/dhcp",
        "onboot[0] dhcpcd",
        "onshutdown[0] bye",
        "services[0] dhcpcd",
        "files",
        "in all",
        "sha256:",
    ] {
        assert!(tables[0].contains(wanted), "{wanted} in {}", tables[0]);
    }
    assert_eq!(fs::read_dir(folder.0.join("one")).unwrap().count(), 4);
}

#[test]
fn cpio_and_tar_take_apart_what_the_spec_says() {
    let folder = Folder::new("apart");
    folder.assemble("out", &["--format", "kernel+initrd,tar", "--pack", "none"]).unwrap();
    let quiet = ["-idm", "--quiet", "--no-absolute-filenames"];
    let initrd = unpacked(&folder, "initrd", "cpio", &quiet, "out/machine-initrd.img");
    let mut tar = unpacked(&folder, "tar", "tar", &["-xpf", "-", "--warning=no-unknown-keyword"], "out/machine.tar");
    assert_eq!(fs::read(folder.0.join("out/machine-cmdline")).unwrap(), b"quiet", "the later file's");
    let kernel = fs::read(folder.0.join("out/machine-kernel")).unwrap();
    assert_eq!(tar.remove("boot/kernel").unwrap().1, kernel);
    assert_eq!(tar.remove("boot/cmdline").unwrap().1, b"quiet");
    tar.remove("boot").unwrap();
    assert_eq!(initrd, tar, "the archive is the initrd and the kernel");

    let root = &initrd;
    let client = orlop_fleet::named("dhcp").unwrap().program;
    assert_eq!(
        text(root, &format!("lib/modules/{RELEASE}/modules.order")),
        "kernel/net/failover.ko\nkernel/net/net_failover.ko\n"
    );
    for (path, want) in [
        ("etc/resolv.conf", "/run/resolvconf/resolv.conf"),
        ("etc/extra/note", "hello\n"),
        ("etc/copied", "from this machine"),
        ("etc/link", "/run/x"),
        ("sbin/dhcpcd", client),
        ("containers/onboot/000-dhcpcd/rootfs/sbin/dhcpcd", client),
        ("containers/onboot/000-dhcpcd/rootfs/etc/mtab", "/proc/mounts"),
    ] {
        assert_eq!(text(root, path), want, "{path}");
    }
    for (path, want) in [
        ("etc/extra/note", 0o100_644),
        ("etc/copied", 0o100_600),
        ("etc/extra", 0o040_755),
        ("srv", 0o040_750),
        ("containers/services/dhcpcd/rootfs", 0o040_755),
        ("containers/onboot/000-dhcpcd/rootfs/var/empty", 0o040_555),
        (&format!("containers/onboot/000-dhcpcd/rootfs/sbin/{client}"), 0o100_755),
    ] {
        assert_eq!(format!("{:o}", root[path].0), format!("{want:o}"), "{path}");
    }
    let spec = text(root, "etc/linuxkit-config");
    assert_eq!(spec.matches("orlop.example/dhcp:0.1.0@sha256:").count(), 4, "{spec}");
}

#[test]
fn the_dhcp_images_containers_are_what_the_label_and_the_spec_say() {
    let folder = Folder::new("containers");
    folder.assemble("out", &["--pack", "none"]).unwrap();
    let root = unpacked(&folder, "initrd", "cpio", &["-idm", "--quiet"], "out/machine-initrd.img");
    let onboot = json(&root, "containers/onboot/000-dhcpcd/config.json");
    assert_eq!(onboot["process"]["args"][4], "-1");
    assert_eq!(onboot["process"]["noNewPrivileges"], true);
    assert_eq!(onboot["root"]["readonly"], true);
    let capabilities =
        |config: &serde_json::Value| config["process"]["capabilities"]["effective"].as_array().unwrap().len();
    let service = json(&root, "containers/services/dhcpcd/config.json");
    assert_eq!(capabilities(&service), capabilities(&onboot) + 1);
    let bind = service["mounts"].as_array().unwrap().iter().find(|mount| mount["destination"] == "/etc/orlop").unwrap();
    assert_eq!(
        *bind,
        serde_json::json!({"destination": "/etc/orlop", "type": "bind", "source": "/etc/extra", "options": ["ro", "rbind"]})
    );
    let runtime = json(&root, "containers/onboot/000-dhcpcd/runtime.json");
    assert_eq!(runtime["mkdir"][0], "/run/resolvconf");
    let shared = json(&root, "containers/services/dhcpcd/runtime.json");
    assert_eq!(shared["mounts"][0]["source"], "/containers/onboot/000-dhcpcd/rootfs", "the image lies there once");
    let overlay = json(&root, "containers/onshutdown/000-bye/runtime.json");
    assert_eq!(overlay["mounts"][2]["type"], "overlay");
}

/// The specs of this repository, pinned to the images just built, assemble; those with a kernel want one of that name.
#[test]
fn the_specs_of_this_repository_assemble_when_they_are_locked() {
    let folder = Folder::new("specs");
    let workspace = Workspace::find().unwrap();
    let (images, out, package) = (folder.path("images"), folder.path("out"), folder.path("package"));
    run(&["kernel", &package, "--platform", "amd64", "--tag", "6.12", "--out", &images]).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(workspace.root.join("packaging/specs")).unwrap() {
        let path = entry.unwrap().path();
        let spec = folder.path(&path.file_name().unwrap().to_string_lossy());
        fs::copy(&path, &spec).unwrap();
        run(&["lock", "--out", &images, &spec]).unwrap();
        let line =
            ["assemble", "--quiet", "--platform", "amd64", "--images", &images, "--out", &out, "--format", "initrd"];
        let table = run(&[&line[..], &[&spec]].concat()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(table.contains("in all"), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0, "there are no specs: the test is checking nothing");
}

#[test]
fn what_cannot_be_assembled_is_told_with_its_cause_and_help() {
    let folder = Folder::new("errors");
    let [base, _] = folder.specs();
    let (images, out) = (folder.path("images"), folder.path("out"));
    folder.put("typo.yml", b"services:\n  - name: a\n    image: orlop.example/dhcp:0.1.0\n    bind: []\n");
    folder.put("stale.yml", format!("init: ['orlop.example/dhcp@sha256:{}']", "0".repeat(64)).as_bytes());
    folder.put("part.yml", b"init: ['orlop.example/dhcp:0.1.0']");
    let line = ["assemble", "--quiet", "--platform", "amd64", "--images", &images, "--out", &out];
    for (what, more, want) in [
        ("an unknown key", vec![folder.path("typo.yml")], "bind"),
        ("a stale digest", vec![folder.path("stale.yml")], "no layout has it"),
        ("no kernel", vec![folder.path("part.yml")], "has no kernel"),
        ("no spec", vec![folder.path("nowhere.yml")], "cannot read"),
        ("no images", vec![base.clone(), "--image".to_owned(), folder.path("bin")], "no images in"),
        ("two platforms", vec![base.clone(), "--platform".to_owned(), "arm64".to_owned()], "multiple times"),
        ("a name with a slash", vec![base.clone(), "--name".to_owned(), "a/b".to_owned()], "is no name for files"),
    ] {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let error = run(&[&line, &more[..]].concat()).unwrap_err();
        assert!(error.contains(want) && error.contains("help: "), "{what}: {error}");
    }
    assert!(run(&["assemble", "--help"]).unwrap().contains("@pkg: references"));
    assert!(run(&["kernel", "--help"]).unwrap().contains("modules.order"));
}
