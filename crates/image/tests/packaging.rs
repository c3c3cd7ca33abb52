//! What lies in `packaging` fits together: each recipe with the files that LinuxKit expects of a package, with the
//! sandbox's own idea of its capabilities, and with the specs.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use orlop_image::label::Label;
use orlop_image::lock;
use orlop_image::recipe::{BadRecipe, Recipe};
use orlop_image::tree::{Node, Tree};
use orlop_image::workspace::Workspace;
use orlop_sandbox::capability::{Capability, SUPERVISOR};
use serde::Deserialize;

fn recipes() -> Vec<(PathBuf, Recipe)> {
    let workspace = Workspace::find().unwrap();
    let names = workspace.recipes().unwrap();
    names
        .iter()
        .map(|name| {
            let folder = workspace.recipe(name).unwrap();
            let recipe = Recipe::load(&folder).unwrap_or_else(|error| panic!("{error}"));
            (folder, recipe)
        })
        .collect()
}

/// The parts of `build.yml` that a recipe has, too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildYml {
    image: String,
    arches: Vec<String>,
    extra_sources: Vec<String>,
    config: Label,
}

#[test]
fn build_yml_grants_what_the_recipe_grants() {
    for (folder, recipe) in recipes() {
        let text = fs::read_to_string(folder.join("build.yml")).unwrap();
        let yml: BuildYml = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(yml.image, recipe.name);
        assert_eq!(yml.config, recipe.label, "{}", recipe.name);
        assert_eq!(yml.arches, ["amd64", "arm64"]);
        for source in yml.extra_sources {
            let (from, _) = source.split_once(':').unwrap();
            assert!(folder.join(from).exists(), "{}: {from}", recipe.name);
        }
    }
}

#[test]
fn the_dockerfile_starts_what_the_recipe_starts() {
    for (folder, recipe) in recipes() {
        let text = fs::read_to_string(folder.join("Dockerfile")).unwrap();
        let command = text.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(command).unwrap(), recipe.command, "{}", recipe.name);
        assert_eq!(last_stage(&text), ["COPY --from=files /out/ /", &format!("CMD {command}")], "{}", recipe.name);
        let compiled = text.lines().find(|line| line.contains("cargo build")).unwrap();
        for program in &recipe.programs {
            assert!(compiled.contains(&format!("--package {}", program.binary)), "{}", program.binary);
        }
    }
}

fn last_stage(dockerfile: &str) -> Vec<&str> {
    let (_, stage) = dockerfile.split_once("FROM scratch\n").unwrap();
    stage.lines().filter(|line| !line.is_empty()).collect()
}

/// Runs the stage that lays out the files, in a folder, with stand-ins for the programs, and compares what it makes.
#[test]
fn the_dockerfile_makes_the_files_that_the_recipe_names() {
    for (folder, recipe) in recipes() {
        let stage = fs::read_to_string(folder.join("Dockerfile")).unwrap();
        let (_, stage) = stage.split_once(" AS files\n").unwrap();
        let (stage, _) = stage.split_once("\nFROM ").unwrap();
        let root = std::env::temp_dir().join(format!("orlop-dockerfile-{}-{}", std::process::id(), recipe.name));
        let _ = fs::remove_dir_all(&root);
        for made in ["out", "programs", "context"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        for program in &recipe.programs {
            fs::write(root.join("programs").join(&program.binary), &program.binary).unwrap();
        }
        let copied = stage.lines().find_map(|line| line.strip_prefix("COPY ")?.strip_suffix(" /context/"));
        // An image may be made of programs alone.
        for file in copied.into_iter().flat_map(|files| files.split(' ')) {
            fs::copy(folder.join(file), root.join("context").join(file)).unwrap();
        }
        let (_, script) = stage.split_once("RUN ").unwrap();
        let mut script = script.to_owned();
        for path in ["/out", "/programs", "/context"] {
            script = script.replace(&format!(" {path}"), &format!(" {}{path}", root.display()));
        }
        let status = Command::new("sh").args(["-ec", &script]).status().unwrap();
        assert!(status.success(), "{}: {script}", recipe.name);
        let want = recipe.with_programs(|program| Ok::<_, BadRecipe>(program.binary.clone().into_bytes())).unwrap();
        assert_eq!(tree_of(&root.join("out")), want, "{}", recipe.name);
        fs::remove_dir_all(&root).unwrap();
    }
}

fn tree_of(root: &Path) -> Tree {
    fn walk(tree: &mut Tree, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("/{}", path.strip_prefix(root).unwrap().display());
            let metadata = path.symlink_metadata().unwrap();
            let mode = metadata.permissions().mode() & 0o7777;
            let node = if metadata.is_symlink() {
                Node::Link { to: fs::read_link(&path).unwrap().display().to_string() }
            } else if metadata.is_dir() {
                Node::Directory { mode }
            } else {
                Node::File { mode, content: fs::read(&path).unwrap() }
            };
            tree.put(&name, node);
            if metadata.is_dir() {
                walk(tree, root, &path);
            }
        }
    }
    let mut tree = Tree::default();
    walk(&mut tree, root, root);
    tree
}

/// The capabilities of an image's label, and the supervisor's five with these.
fn granted_and(name: &str, kept: &[Capability]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (_, recipe) = recipes().into_iter().find(|(_, recipe)| recipe.name == name).unwrap();
    let kept = SUPERVISOR.iter().chain(kept).map(|capability| capability.name().to_owned()).collect();
    (recipe.label.capabilities.into_iter().collect(), kept)
}

/// The supervisor's five, and what the broker keeps: nothing is granted that nobody uses.
#[test]
fn the_dhcp_image_is_granted_what_its_processes_keep_and_nothing_else() {
    let (granted, kept) = granted_and("dhcp", orlop_dhcp_profiles::BROKER.keep);
    assert_eq!(granted, kept);
    assert!(!granted.contains("CAP_SYS_ADMIN"));
}

/// What LinuxKit's component has, besides the supervisor's five; an applier for each of both, and the rest when YAML adds it.
#[test]
fn the_sysctl_image_is_granted_what_linuxkits_has_and_each_capability_has_an_applier() {
    let linuxkits = [Capability::SysAdmin, Capability::NetAdmin];
    let (granted, kept) = granted_and("sysctl", &linuxkits);
    assert_eq!(granted, kept);
    for capability in linuxkits {
        let holders = orlop_sysctl_profiles::APPLIERS.iter().filter(|applier| applier.keep == [capability]);
        assert_eq!(holders.count(), 1, "{capability:?}");
    }
}

/// The paths that containers share are stated in DESIGN; each is bound where it is, and made if nobody has.
#[test]
fn every_bind_of_an_image_is_a_folder_that_keeps_its_path() {
    for (_, recipe) in recipes() {
        let mut binds = 0;
        for bind in recipe.label.binds() {
            assert_eq!(bind.source, bind.destination, "{}", recipe.name);
            assert!(recipe.label.runtime.mkdir.iter().any(|folder| folder == bind.source), "{}", bind.source);
            binds += 1;
        }
        assert_eq!(binds, recipe.label.binds.len(), "{}", recipe.name);
    }
}

/// Whether the digests are right, tests/images says: it needs the programs.
#[test]
fn every_spec_names_images_of_ours_by_digest_and_all_have_a_recipe() {
    let workspace = Workspace::find().unwrap();
    let names = workspace.recipes().unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(workspace.root.join("packaging/specs")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for reference in lock::references(&text).unwrap() {
            let Some(name) = reference.repository.strip_prefix("orlop.example/") else { continue };
            // It is made of Debian's package, which changes with Debian's updates.
            if name == "kernel" {
                continue;
            }
            assert!(names.iter().any(|known| known == name), "{}: {reference}", path.display());
            assert!(reference.digest.is_some(), "{}: {reference}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "no spec names an image: the test is checking nothing");
}
