//! The verbs as a user types them, on an image with small stand-ins for the programs.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use orlop_image::command_line;
use orlop_image::elf::sample;
use orlop_image::platform::Platform;
use orlop_image::recipe::Recipe;
use orlop_image::workspace::Workspace;

/// A folder of a test; it is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orlop-verbs-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let workspace = Workspace::find().unwrap();
        for platform in Platform::ALL {
            let programs = path.join(platform.architecture());
            fs::create_dir_all(&programs).unwrap();
            for name in workspace.recipes().unwrap() {
                for program in Recipe::load(&workspace.recipe(&name).unwrap()).unwrap().programs {
                    fs::write(programs.join(program.binary), sample(platform, 1)).unwrap();
                }
            }
        }
        Self(path)
    }

    fn path(&self, inside: &str) -> String {
        self.0.join(inside).display().to_string()
    }

    /// Builds into `OUT`, for both platforms.
    fn build(&self, more: &[&str]) -> String {
        let (amd, arm) = (format!("amd64={}", self.path("amd64")), format!("arm64={}", self.path("arm64")));
        let out = self.path("out");
        let line = ["build", "--all", "--bin-dir", &amd, "--bin-dir", &arm, "--out", &out];
        run(&[&line, more].concat()).unwrap()
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

#[test]
fn inspect_shows_the_same_of_folder_and_archive_and_everything_that_matters() {
    let folder = Folder::new("inspect");
    folder.build(&[]);
    let shown = run(&["inspect", &folder.path("out/dhcp")]).unwrap();
    assert_eq!(run(&["inspect", &folder.path("out/dhcp.tar")]).unwrap(), shown);
    let client = orlop_fleet::named("dhcp").unwrap();
    let (alias, worker) =
        (format!("/sbin/dhcpcd -> {}", client.program), format!("0755  /sbin/{}", client.workers[0].program));
    for wanted in [
        "orlop.example/dhcp:",
        "linux/amd64",
        "linux/arm64",
        "/sbin/dhcpcd --nobackground -f /dhcpcd.conf",
        "CAP_NET_RAW",
        "/run/resolvconf:/run/resolvconf",
        "org.mobyproject.config={",
        "attached      application/vnd.cyclonedx+json sha256:",
        "0555  /var/empty/",
        &alias,
        &worker,
    ] {
        assert!(shown.contains(wanted), "{wanted} in {shown}");
    }
}

#[test]
fn digest_prints_what_yaml_pins_and_lock_writes_it() {
    let folder = Folder::new("digest");
    let built = folder.build(&["--prefix", "registry.example:5000/team"]);
    let printed = run(&["digest", &folder.path("out/dhcp")]).unwrap();
    let (name, digest) = printed.trim().split_once('@').unwrap();
    assert!(name.starts_with("registry.example:5000/team/dhcp:"), "{name}");
    assert!(built.contains(digest), "{built}");
    let spec = folder.path("spec.yml");
    fs::write(&spec, format!("services:\n  - name: dhcp\n    image: {name}\n")).unwrap();
    let out = folder.path("out");
    assert!(run(&["lock", "--check", "--out", &out, &spec]).unwrap_err().contains("is stale"));
    run(&["lock", "--out", &out, &spec]).unwrap();
    assert!(fs::read_to_string(&spec).unwrap().contains(printed.trim()));
    run(&["lock", "--check", "--out", &out, &spec]).unwrap();
}

#[test]
fn a_damaged_image_and_a_folder_that_is_none_are_refused_with_help() {
    let folder = Folder::new("damaged");
    folder.build(&["--no-sbom"]);
    let blobs = Path::new(&folder.path("out/dhcp/blobs/sha256")).to_owned();
    let blob = fs::read_dir(&blobs).unwrap().next().unwrap().unwrap().path();
    fs::write(&blob, b"something else").unwrap();
    let program = orlop_fleet::named("dhcp").unwrap().program;
    for (what, image, want) in [
        ("a changed blob", folder.path("out/dhcp"), "other content than its name says"),
        ("no layout", folder.path("amd64"), "has no index.json"),
        ("no archive", folder.path(&format!("amd64/{program}")), "is not an image of ours"),
    ] {
        let error = run(&["inspect", &image]).unwrap_err();
        assert!(error.contains(want) && error.contains("help: "), "{what}: {error}");
    }
}

#[test]
fn without_an_sbom_the_image_is_the_same_and_nothing_is_attached() {
    let folder = Folder::new("sbom");
    let digest = |_: String| run(&["digest", &folder.path("out/dhcp")]).unwrap();
    let (with, shown_with) = (digest(folder.build(&[])), run(&["inspect", &folder.path("out/dhcp")]).unwrap());
    let (without, shown) = (digest(folder.build(&["--no-sbom"])), run(&["inspect", &folder.path("out/dhcp")]).unwrap());
    assert_eq!(with, without, "what is attached does not change what is pinned");
    assert!(shown_with.contains("attached") && !shown.contains("attached"));
}
