//! The fuzz targets of services: their committed seeds are replayed, and all of them are made here.

use orlop_harness::seeds::{self, Seed, Target};
use orlop_metadata_core::provider::SOURCES;
use proptest::prelude::*;

use crate::conversations::FOLDER;
use crate::{answers, targets, trees};

/// The fuzz targets, and what each does with a seed.
const TARGETS: [Target; 3] =
    [("metadata_http", targets::http), ("metadata_documents", targets::documents), ("metadata_tree", targets::tree)];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    seeds::committed(&made());
}

/// The documents of every conversation, by its name.
fn conversations() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, documents(&std::fs::read_to_string(&path).unwrap()))
        })
        .collect();
    all.sort();
    all
}

proptest! {
    #[test]
    fn any_documents_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        targets::documents(&data);
    }

    /// What nearly are a provider's documents.
    #[test]
    fn any_damage_to_documents_is_survived(which: usize, at: usize, bytes in prop::collection::vec(any::<u8>(), 0..4), cut: usize) {
        let all = conversations();
        let (_, mut data) = all[which % all.len()].clone();
        let at = at % data.len();
        let end = (at + cut % 8).min(data.len());
        data.splice(at..end, bytes);
        targets::documents(&data);
    }
}

fn made() -> Vec<Seed> {
    let good = answers::good().into_iter().map(|(what, bytes, ..)| (what, bytes));
    // A long one says no more to a fuzzer than a short one, and makes it slow.
    let bad = answers::bad().into_iter().map(|(what, bytes, _)| (what, bytes)).filter(|(_, bytes)| bytes.len() < 1000);
    let http = good.chain(bad).map(|(what, bytes)| Seed::new("metadata_http", what, [&[6][..], &bytes].concat()));
    let trees = trees::user_data().into_iter().map(|(what, text)| Seed::new("metadata_tree", what, text.into_bytes()));
    let documents = conversations().into_iter().map(|(name, bytes)| Seed::new("metadata_documents", &name, bytes));
    http.chain(trees).chain(documents).collect()
}

/// The answers of a conversation, as the target takes them.
fn documents(conversation: &str) -> Vec<u8> {
    let (mut which, mut options, mut answers) = (0, 0, Vec::<String>::new());
    for line in conversation.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("provider", name) => which = SOURCES.iter().position(|source| source.provider.name() == name).unwrap(),
            ("allow", _) => options = 1,
            ("<", head) => answers.push(head.replace("Metadata-Flavor: ", "")),
            ("|", body) => {
                let answer = answers.last_mut().unwrap();
                answer.push('\n');
                answer.push_str(body);
            }
            _ => {}
        }
    }
    let between = String::from_utf8(targets::BETWEEN.to_vec()).unwrap();
    [&[u8::try_from(which).unwrap(), options][..], answers.join(&between).as_bytes()].concat()
}

#[test]
fn seeds_of_documents_lead_where_their_conversations_do() {
    let mut found = 0;
    for entry in std::fs::read_dir(FOLDER).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        // What is asked again after a wait is asked by the machine, which the target has none of.
        let is_plain =
            !text.contains("<silence") && !["< 503", "< 429", "< 410", "< 500"].iter().any(|late| text.contains(late));
        let is_found = text.contains("\n= done");
        if is_plain && is_found && !text.contains("< 404\n> GET /metadata/instance") {
            assert!(targets::documents_are_facts(&documents(&text)), "{text}");
            found += 1;
        }
    }
    assert!(found > 25, "{found}");
}
