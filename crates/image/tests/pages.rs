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
use orlop_sandbox::fatal::Exit;

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

/// What the first cells of a table's rows say: rows of tables whose header begins with these cells.
fn rows(page: &str, header: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(Workspace::find().unwrap().root.join(page)).unwrap();
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        is_inside = line.starts_with(header) || (is_inside && line.starts_with('|'));
        if is_inside && !line.starts_with(header) && !line.starts_with("|---") {
            let cells = line.trim_matches('|').split(" | ");
            rows.push(cells.map(|cell| cell.trim().to_owned()).collect());
        }
    }
    assert!(!rows.is_empty(), "{page} has no table that begins with {header}");
    rows
}

#[test]
fn the_page_for_trouble_knows_every_exit_code_of_every_daemon_and_no_other() {
    let numbers = |cell: &str| -> Vec<u8> { cell.split(", ").map(|number| number.parse().unwrap()).collect() };
    let told = rows("packaging/TROUBLESHOOTING.md", "| code | of |");
    let told: Vec<(u8, &str)> = told
        .iter()
        .flat_map(|row| numbers(&row[0]).into_iter().flat_map(|code| row[1].split(", ").map(move |of| (code, of))))
        .collect();
    for daemon in recipes().iter().filter(|name| orlop_fleet::named(name).is_some()) {
        let own: BTreeSet<u8> = rows(&format!("crates/{daemon}/README.md"), "| code | meaning |")
            .iter()
            .flat_map(|row| numbers(&row[0]))
            .filter(|code| *code != Exit::Done.code())
            .collect();
        assert!(own.iter().all(|code| Exit::from_code(*code).is_some()), "{daemon}: {own:?}");
        let page = fs::read_to_string(Workspace::find().unwrap().root.join("packaging/TROUBLESHOOTING.md")).unwrap();
        let program =
            Recipe::load(&Workspace::find().unwrap().recipe(daemon).unwrap()).unwrap().programs[0].path.clone();
        assert!(page.contains(&format!("`{program}`")), "{daemon}: {program}");
        let known: BTreeSet<u8> = told.iter().filter(|(_, of)| of == daemon).map(|(code, _)| *code).collect();
        assert_eq!(known, own, "{daemon}: the page for trouble, and its own");
    }
}
