//! Committed seeds with a few bytes changed, very many times: none of them may end in a panic, or not end.
//!
//! `ORLOP_MUTATIONS=1000000 cargo test --release -p orlop-metadata-core --test media mutations` does more of it.

use std::fs;
use std::path::Path;

use crate::seeds::TARGETS;

/// Mutations of each format's seeds; `ORLOP_MUTATIONS` says another number.
const MUTATIONS: u64 = 20_000;

/// Bytes that are changed at once, at most.
const MAX_CHANGED: u64 = 6;

fn mutate(target: &str) {
    let run = TARGETS.iter().find(|(name, _)| *name == target).expect("a target").1;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mutations = std::env::var("ORLOP_MUTATIONS").map_or(MUTATIONS, |number| number.parse().unwrap());
    let mut chance = Chance(mutations);
    for _ in 0..mutations {
        let mut bytes = seeds[chance.below(seeds.len())].clone();
        for _ in 0..=chance.next() % MAX_CHANGED {
            let at = chance.below(bytes.len());
            bytes[at] = chance.next().to_le_bytes()[0];
        }
        run(&bytes);
    }
}

/// Numbers that are the same in every run (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

#[test]
fn iso_9660() {
    mutate("metadata_iso");
}

#[test]
fn fat() {
    mutate("metadata_fat");
}

#[test]
fn udf() {
    mutate("metadata_udf");
}

#[test]
fn yaml() {
    mutate("metadata_yaml");
}

#[test]
fn xml() {
    mutate("metadata_xml");
}
