//! The specs and labels that pages show are what they say: specs that a machine can be made of, with images that exist, and
//! the labels of the recipes.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeSet;
use std::fs;

use orlop_image::build::PREFIX;
use orlop_image::label::Label;
use orlop_image::recipe::Recipe;
use orlop_image::spec::{Spec, read};
use orlop_image::workspace::Workspace;

/// A page's blocks of YAML.
fn blocks(page: &str) -> Vec<String> {
    let path = Workspace::find().unwrap().root.join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let blocks: Vec<String> = blocks.collect();
    assert!(!blocks.is_empty(), "{page} shows no YAML");
    blocks
}

/// Whether it is a label and not a spec.
fn is_label(block: &str) -> bool {
    block.starts_with("capabilities:")
}

/// The images of ours that a block names, without their prefix and tag.
fn ours(block: &str) -> BTreeSet<String> {
    let before = format!("{PREFIX}/");
    let names = block.split(&before).skip(1).filter_map(|rest| rest.split(':').next());
    names.map(str::to_owned).collect()
}

fn recipes() -> BTreeSet<String> {
    Workspace::find().unwrap().recipes().unwrap().into_iter().collect()
}

#[test]
fn pages_show_only_specs_that_are_understood_with_images_that_exist() {
    let of_images = recipes().into_iter().map(|name| format!("crates/{name}/README.md"));
    for page in ["README.md", "packaging/README.md"].map(str::to_owned).into_iter().chain(of_images) {
        for block in blocks(&page).iter().filter(|block| !is_label(block)) {
            let mut spec = Spec::default();
            read::append(&mut spec, block).unwrap_or_else(|error| panic!("{page}: {error}\n{block}"));
            assert!(!spec.onboot.is_empty() || !spec.services.is_empty(), "{page}: {block}");
            let unknown: Vec<_> = ours(block).difference(&recipes()).cloned().collect();
            assert!(unknown.is_empty(), "{page}: there is no image {unknown:?}");
        }
    }
}

#[test]
fn the_first_page_names_every_image() {
    let named: BTreeSet<String> = blocks("README.md").iter().flat_map(|block| ours(block)).collect();
    assert_eq!(named, recipes());
}

#[test]
fn every_daemons_page_shows_its_label_and_it_is_that_of_the_recipe() {
    let workspace = Workspace::find().unwrap();
    for name in recipes() {
        let page = format!("crates/{name}/README.md");
        let recipe = Recipe::load(&workspace.recipe(&name).unwrap()).unwrap();
        let mut seen = 0;
        for block in blocks(&page).iter().filter(|block| is_label(block)) {
            let label: Label = serde_saphyr::from_str(block).unwrap_or_else(|error| panic!("{page}: {error}"));
            assert_eq!(label, recipe.label, "{page}");
            seen += 1;
        }
        assert!(seen > 0 || orlop_fleet::named(&name).is_none(), "{page} shows no label");
    }
}
