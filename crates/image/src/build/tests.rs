use super::*;
use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest};

use orlop_sandbox::daemon::Daemon;

use crate::elf::sample;
use crate::label;

/// The daemon whose image is built.
fn client() -> &'static Daemon {
    orlop_fleet::named("dhcp").unwrap()
}

/// A folder of a test with small programs in it; it is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orlop-build-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn with_programs(name: &str, platform: Platform) -> Self {
        let folder = Self::new(name);
        for binary in client().programs() {
            fs::write(folder.0.join(binary), sample(platform, 1)).unwrap();
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn plan(folders: &[(Platform, &Folder)]) -> Plan {
    Plan {
        platforms: folders.iter().map(|(platform, _)| *platform).collect(),
        folders: folders.iter().map(|(platform, folder)| (*platform, folder.0.clone())).collect(),
        ..Plan::default()
    }
}

#[test]
fn two_builds_in_two_folders_are_the_same_bytes() {
    let workspace = Workspace::find().unwrap();
    let builds = ["one", "two"].map(|name| {
        let programs = Folder::with_programs(name, Platform::Amd64);
        let arm = Folder::with_programs(&format!("{name}-arm"), Platform::Arm64);
        let built =
            build(&workspace, client().name, &plan(&[(Platform::Amd64, &programs), (Platform::Arm64, &arm)])).unwrap();
        let out = Folder::new(&format!("{name}-out"));
        let (folder, archive) = write(&workspace, &built, &out.0).unwrap();
        let index = fs::read(folder.join("index.json")).unwrap();
        (built.digest, index, Digest::of(&fs::read(archive).unwrap()))
    });
    assert_eq!(builds[0], builds[1]);
}

#[test]
fn another_program_is_another_digest() {
    let workspace = Workspace::find().unwrap();
    let programs = Folder::with_programs("other", Platform::Amd64);
    let before = build(&workspace, client().name, &plan(&[(Platform::Amd64, &programs)])).unwrap().digest;
    let mut program = sample(Platform::Amd64, 1);
    program.push(0);
    fs::write(programs.0.join(client().program), program).unwrap();
    assert_ne!(build(&workspace, client().name, &plan(&[(Platform::Amd64, &programs)])).unwrap().digest, before);
}

#[test]
fn an_index_leads_to_each_platforms_label_command_and_environment() {
    let workspace = Workspace::find().unwrap();
    let (amd, arm) = (Folder::with_programs("amd", Platform::Amd64), Folder::with_programs("arm", Platform::Arm64));
    let built = build(&workspace, client().name, &plan(&[(Platform::Amd64, &amd), (Platform::Arm64, &arm)])).unwrap();
    let recipe = Recipe::load(&workspace.recipe(client().name).unwrap()).unwrap();
    let (reference, descriptor) = built.layout.names().next().unwrap();
    assert_eq!(reference, built.reference);
    let index: ImageIndex = built.layout.json(descriptor).unwrap();
    assert_eq!(index.manifests().len(), 2);
    for (platform, descriptor) in Platform::ALL.iter().zip(index.manifests()) {
        assert_eq!(descriptor.platform().as_ref().unwrap().architecture(), &platform.oci());
        let manifest: ImageManifest = built.layout.json(descriptor).unwrap();
        let configuration: ImageConfiguration = built.layout.json(manifest.config()).unwrap();
        let config = configuration.config().as_ref().unwrap();
        assert_eq!(config.cmd().as_ref(), Some(&recipe.command));
        assert!(config.env().as_ref().unwrap().iter().any(|variable| variable.starts_with("PATH=/")));
        assert_eq!(config.labels().as_ref().unwrap()[label::KEY], recipe.label.to_json());
        assert_eq!(configuration.created().as_deref(), Some(&*image::rfc3339(workspace.epoch().unwrap())));
    }
}

#[test]
fn every_platform_has_an_sbom_that_refers_to_it() {
    let workspace = Workspace::find().unwrap();
    let programs = Folder::with_programs("sbom", Platform::Amd64);
    let built = build(&workspace, client().name, &plan(&[(Platform::Amd64, &programs)])).unwrap();
    let referrers: Vec<_> = built.layout.manifests().iter().filter(|d| d.artifact_type().is_some()).collect();
    let [referrer] = referrers[..] else { panic!("{referrers:?}") };
    let manifest: ImageManifest = built.layout.json(referrer).unwrap();
    let index: ImageIndex = built.layout.json(built.layout.names().next().unwrap().1).unwrap();
    assert_eq!(manifest.subject().as_ref().unwrap().digest(), index.manifests()[0].digest());
    let document: serde_json::Value = built.layout.json(&manifest.layers()[0]).unwrap();
    let components = document["components"].as_array().unwrap();
    let names: Vec<_> = components.iter().filter_map(|component| component["name"].as_str()).collect();
    let program = format!("/sbin/{}", client().program);
    for linked in ["smoltcp", "dhcproto", "orlop-sandbox", &program] {
        assert!(names.contains(&linked), "{linked} is in the image");
    }
    for not_linked in ["clap_derive", "proptest", "xtask", "orlop-image"] {
        assert!(!names.contains(&not_linked), "{not_linked} is not in the image");
    }
}

#[test]
fn the_program_that_does_not_fit_is_named_with_its_remedy() {
    let workspace = Workspace::find().unwrap();
    let (arm, empty) = (Folder::with_programs("wrong", Platform::Arm64), Folder::new("empty"));
    let dynamic = Folder::with_programs("dynamic", Platform::Amd64);
    let worker = client().workers[0].program;
    fs::write(dynamic.0.join(worker), sample(Platform::Amd64, 3)).unwrap();
    for (what, folder, want) in [
        ("another processor", &arm, "for another processor"),
        ("nothing there", &empty, "No such file"),
        ("dynamic", &dynamic, &*format!("{worker} cannot go into an image")),
    ] {
        let error = build(&workspace, client().name, &plan(&[(Platform::Amd64, folder)])).unwrap_err().to_string();
        assert!(error.contains(want) && error.contains("help: cargo xtask build"), "{what}: {error}");
    }
}

#[test]
fn musl_is_preferred_and_what_was_chosen_is_said() {
    let workspace = Workspace::find().unwrap();
    let recipe = Recipe::load(&workspace.recipe(client().name).unwrap()).unwrap();
    let target = Folder::new("cargo");
    assert_eq!(of_cargo(&target.0, &recipe, Platform::Amd64), None);
    let fill = |triple: &str| {
        let folder = target.0.join(triple).join("release");
        fs::create_dir_all(&folder).unwrap();
        for binary in client().programs() {
            fs::write(folder.join(binary), sample(Platform::Amd64, 1)).unwrap();
        }
    };
    let chosen = || of_cargo(&target.0, &recipe, Platform::Amd64).unwrap();
    fill("x86_64-unknown-linux-gnu");
    assert!(chosen().note.unwrap().starts_with("gnu: no musl build"));
    fill("x86_64-unknown-linux-musl");
    assert!(chosen().folder.ends_with("x86_64-unknown-linux-musl/release"));
    assert_eq!(of_cargo(&target.0, &recipe, Platform::Arm64), None);
}
