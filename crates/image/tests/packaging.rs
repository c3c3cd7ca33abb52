//! What lies in `packaging` fits together: each recipe with the files that LinuxKit expects of a package, with what
//! its daemon says of itself, and with the specs.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use orlop_image::label::{Label, Namespace, Runtime};
use orlop_image::lock;
use orlop_image::recipe::{BadRecipe, Recipe};
use orlop_image::tree::{Node, Tree};
use orlop_image::workspace::Workspace;
use orlop_sandbox::capability::{Capability, SUPERVISOR};
use orlop_sandbox::daemon::{Bind, Daemon, Processes};
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
        let packages: BTreeSet<&str> =
            compiled.split("--package ").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
        let binaries = recipe.programs.iter().map(|program| package_of(&program.binary));
        let want: BTreeSet<String> = binaries.collect();
        assert_eq!(packages, want.iter().map(String::as_str).collect(), "{}", recipe.name);
    }
}

/// The package that cargo makes a binary of: one of the same name, or one that declares it.
fn package_of(binary: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    #[derive(Deserialize)]
    struct Manifest {
        package: Named,
        #[serde(default)]
        bin: Vec<Named>,
    }
    let crates = Workspace::find().unwrap().root.join("crates");
    let within = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let manifests = within(crates).flat_map(|folder| [folder.clone()].into_iter().chain(within(folder)));
    let manifests = manifests.filter_map(|folder| fs::read_to_string(folder.join("Cargo.toml")).ok());
    let mut manifests = manifests.map(|text| toml::from_str::<Manifest>(&text).unwrap());
    let makes = |manifest: &Manifest| {
        manifest.bin.iter().any(|bin| bin.name == binary)
            || (manifest.bin.is_empty() && manifest.package.name == binary)
    };
    manifests.find(makes).unwrap_or_else(|| panic!("no package makes {binary}")).package.name
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

/// Every daemon with its image's recipe.
fn daemons() -> impl Iterator<Item = (&'static Daemon, Recipe)> {
    let mut recipes = recipes();
    orlop_fleet::ALL.iter().map(move |daemon| {
        let place = recipes.iter().position(|(_, recipe)| recipe.name == daemon.name);
        let place = place.unwrap_or_else(|| panic!("packaging/images has no recipe for {}", daemon.name));
        (*daemon, recipes.swap_remove(place).1)
    })
}

#[test]
fn a_daemons_label_is_what_the_daemon_says_of_itself() {
    for (daemon, recipe) in daemons() {
        let bind = |bind: &Bind| format!("{0}:{0}{1}", bind.path, if bind.read_only { ":ro" } else { "" });
        let want = Label {
            capabilities: daemon.granted().map(|capability| capability.name().to_owned()).collect(),
            binds: daemon.binds.iter().map(bind).collect(),
            net: Namespace::Host,
            ipc: Namespace::Host,
            uts: Namespace::Host,
            pid: match daemon.processes {
                Processes::Own => Namespace::New,
                Processes::Machine => Namespace::Host,
            },
            readonly: true,
            no_new_privileges: true,
            // Who writes to a setting keeps the rest of what runtimes keep.
            readonly_paths: match daemon.settings {
                [] => Vec::new(),
                [..] => ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger"].map(str::to_owned).to_vec(),
            },
            runtime: Runtime { mkdir: daemon.binds.iter().map(|bind| bind.path.to_owned()).collect() },
        };
        assert_eq!(recipe.label, want, "{}", daemon.name);
    }
}

/// The supervisor looks for its workers beside itself; started by an alias, it takes another program's place.
#[test]
fn a_daemons_image_has_its_programs_in_one_folder_under_all_its_names() {
    for (daemon, recipe) in daemons() {
        let binaries: Vec<&str> = recipe.programs.iter().map(|program| program.binary.as_str()).collect();
        assert_eq!(binaries, daemon.programs().collect::<Vec<_>>(), "{}", daemon.name);
        let (folder, _) = recipe.programs[0].path.rsplit_once('/').unwrap();
        for program in &recipe.programs {
            assert_eq!(program.path, format!("{folder}/{}", program.binary), "{}", daemon.name);
        }
        let tree = recipe.with_programs(|_| Ok::<_, BadRecipe>(Vec::new())).unwrap();
        let is_alias = |node: &Node| matches!(node, Node::Link { to } if to == daemon.program);
        let links: BTreeSet<&str> = tree.iter().filter(|(_, node)| is_alias(node)).map(|(path, _)| path).collect();
        let want: Vec<String> = daemon.aliases.iter().map(|alias| format!("{folder}/{alias}")).collect();
        assert_eq!(links, want.iter().map(String::as_str).collect(), "{}", daemon.name);
    }
}

/// Nothing is granted that nobody uses: beside the supervisor's five and what the broker keeps, each capability has the one
/// applier that keeps it and no other. `CAP_SYS_ADMIN` is worth as much as root: only an applier may have it.
#[test]
fn each_capability_that_an_image_is_granted_is_the_supervisors_the_brokers_or_one_appliers() {
    let mut appliers = 0;
    for (daemon, recipe) in daemons() {
        let is_granted =
            |capability: &Capability| recipe.label.capabilities.iter().any(|name| name == capability.name());
        assert!(SUPERVISOR.iter().all(is_granted), "{}", daemon.name);
        assert!(!daemon.broker.keep.contains(&Capability::SysAdmin), "{}", daemon.name);
        for name in &recipe.label.capabilities {
            let capability = Capability::ALL.into_iter().find(|one| one.name() == name).unwrap();
            if SUPERVISOR.contains(&capability) || daemon.broker.keep.contains(&capability) {
                continue;
            }
            let holders = daemon.appliers.iter().filter(|applier| applier.keep == [capability]);
            assert_eq!(holders.count(), 1, "{}: {name}", daemon.name);
            appliers += 1;
        }
    }
    assert!(appliers > 0, "no image is granted anything for an applier: the test is checking nothing of them");
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
