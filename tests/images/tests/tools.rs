//! What tools that only read images make of ours.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use orlop_image::inspect::{Contents, platforms};
use orlop_image::layout::Layout;
use orlop_image::platform::Platform;
use orlop_image::tree::Node;
use orlop_image::workspace::Workspace;
use orlop_image::{build, label, lock};
use orlop_test_images::{NOT_HERE, Stage};
use orlop_testbed::needs;
use serde_json::Value;

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn skopeo_reads_layout_and_archive_and_shows_the_label() {
    let Some(_) = Stage::available(&["skopeo"]) else { return };
    let stage = Stage::new().unwrap();
    let tag = stage.tag().unwrap();
    for image in
        [format!("oci:{}:{tag}", stage.layout().display()), format!("oci-archive:{}:{tag}", stage.archive().display())]
    {
        let shown: Value = serde_json::from_str(&run("skopeo", &["inspect", &image])).unwrap();
        assert_eq!(shown["Labels"][label::KEY], stage.grants.label.to_json(), "{image}");
        assert_eq!(shown["Architecture"], "amd64", "{image}");
        let config: Value = serde_json::from_str(&run("skopeo", &["inspect", "--config", &image])).unwrap();
        assert_eq!(config["config"]["Cmd"], serde_json::json!(stage.grants.command), "{image}");
    }
}

#[test]
fn umoci_unpacks_exactly_the_files_of_the_recipe() {
    let Some(_) = Stage::available(&["umoci"]) else { return };
    let stage = Stage::new().unwrap();
    let bundle = stage.folder().join("unpacked");
    let image = format!("{}:{}", stage.layout().display(), stage.tag().unwrap());
    run("umoci", &["unpack", "--image", &image, bundle.to_str().unwrap()]);
    let layout = Layout::read(&stage.layout()).unwrap();
    let manifest = platforms(&layout, layout.names().next().unwrap().1).unwrap().remove(0);
    let tree = Contents::read(&layout, &manifest).unwrap().tree;
    let mut seen = 0;
    for (path, node) in tree.iter() {
        let path = bundle.join("rootfs").join(path.trim_start_matches('/'));
        let metadata = path.symlink_metadata().unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        match node {
            Node::Directory { mode: want } => assert!(metadata.is_dir() && mode == *want, "{}", path.display()),
            Node::File { mode: want, content } => {
                assert_eq!((mode, &fs::read(&path).unwrap()), (*want, content), "{}", path.display());
            }
            Node::Link { to } => assert_eq!(fs::read_link(&path).unwrap(), Path::new(to)),
        }
        seen += 1;
    }
    let unpacked = run("find", &[bundle.join("rootfs").to_str().unwrap(), "-mindepth", "1"]).lines().count();
    assert_eq!(unpacked, seen, "and nothing else");
}

/// How a stale lock is renewed.
const RENEWAL: &str = "cargo xtask build --target x86_64-unknown-linux-musl && \
    orlop-image build --all --platform linux/amd64 && orlop-image lock packaging/specs/*.yml";

/// Specs are locked to images for one platform with musl's programs: what every machine that tests can build. An index of
/// more platforms has another digest.
#[test]
fn the_committed_specs_are_locked_to_the_images_of_this_tree() {
    let workspace = Workspace::find().unwrap();
    let plan = build::Plan { platforms: vec![Platform::Amd64], ..build::Plan::default() };
    let mut images = lock::Images::new();
    for name in workspace.recipes().unwrap() {
        match build::build(&workspace, &name, &plan) {
            Ok(built) if built.sources.iter().all(|source| source.folder.to_string_lossy().contains("musl")) => {
                images.insert(built.reference, built.digest);
            }
            Ok(_) | Err(_) => {
                return needs::skip(
                    "needs the musl build that specs are locked to (cargo xtask setup --musl, then \
                                cargo xtask build --target x86_64-unknown-linux-musl)",
                );
            }
        }
    }
    let mut seen = 0;
    for entry in fs::read_dir(workspace.root.join("packaging/specs")).unwrap() {
        let path = entry.unwrap().path();
        if let Err(stale) = lock::file(&path, &images, true) {
            panic!("{stale}\nin full: {RENEWAL}");
        }
        seen += 1;
    }
    assert!(seen > 0, "no spec: the test is checking nothing");
}

#[test]
fn what_is_not_tested_here_is_named_with_its_reason() {
    for (name, why) in NOT_HERE {
        println!("not tested here: {name}: {why}");
        assert!(why.len() > 20, "{name}: that is no reason");
    }
}
