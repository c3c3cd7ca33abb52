//! What was learned about the folders of `/proc/sys`.

use std::collections::BTreeMap;

use orlop_sysctl_contract::{Directory, MAX_NAMES, Name};

/// Names that are remembered, at most; a folder counts as one more. All of `/proc/sys` on a machine with 128 interfaces
/// has about 10,000.
const MAX_REMEMBERED: usize = 2 * MAX_NAMES;

/// Folders, and what is in them, sorted. What does not fit is forgotten and asked for again.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    folders: BTreeMap<Directory, Vec<Name>>,
    remembered: usize,
}

impl Tree {
    /// What is in `folder`, if that is known. Nothing is in what is no folder.
    pub(crate) fn get(&self, folder: &Directory) -> Option<&[Name]> {
        self.folders.get(folder).map(Vec::as_slice)
    }

    /// Remembers what is in `folder`.
    pub(crate) fn learn(&mut self, folder: Directory, mut names: Vec<Name>) {
        names.sort_unstable();
        names.dedup();
        names.shrink_to_fit();
        let size = names.len().saturating_add(1);
        if self.remembered.saturating_add(size) > MAX_REMEMBERED {
            self.folders.clear();
            self.remembered = 0;
        }
        self.remembered = self.remembered.saturating_add(size);
        if let Some(known) = self.folders.insert(folder, names) {
            self.remembered = self.remembered.saturating_sub(known.len().saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<Name> {
        (0..count).rev().map(|number| Name::new(&format!("n{number:05}")).unwrap()).collect()
    }

    #[test]
    fn what_is_learned_is_sorted_and_known() {
        let (mut tree, folder) = (Tree::default(), Directory::new("a").unwrap());
        assert_eq!(tree.get(&folder), None);
        let twice = [names(3), names(2)].concat();
        tree.learn(folder.clone(), twice);
        let mut sorted = names(3);
        sorted.reverse();
        assert_eq!(tree.get(&folder), Some(sorted.as_slice()));
    }

    #[test]
    fn what_fills_the_memory_is_remembered_and_what_goes_beyond_makes_room() {
        for (what, count, want) in [("full", MAX_NAMES - 1, true), ("one name more", MAX_NAMES, false)] {
            let mut tree = Tree::default();
            let folder = Directory::new("a").unwrap();
            tree.learn(folder.clone(), names(MAX_NAMES - 1));
            tree.learn(Directory::root(), names(count));
            assert_eq!(tree.get(&folder).is_some(), want, "{what}");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_newest_is_known() {
        let mut tree = Tree::default();
        for number in 0..10 {
            let folder = Directory::new(&format!("f{number}")).unwrap();
            tree.learn(folder.clone(), names(MAX_NAMES));
            assert_eq!(tree.get(&folder).map(<[Name]>::len), Some(MAX_NAMES));
            let held: usize = tree.folders.values().map(|names| names.len() + 1).sum();
            assert!(held <= MAX_REMEMBERED && held == tree.remembered, "{held}");
        }
        for _ in 0..10 {
            tree.learn(Directory::root(), names(5));
        }
        let held: usize = tree.folders.values().map(|names| names.len() + 1).sum();
        assert_eq!(held, tree.remembered, "the same folder again");
    }
}
