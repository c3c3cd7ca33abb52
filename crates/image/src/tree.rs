//! The files of an image, in order of their paths.

use std::collections::BTreeMap;

/// What lies at a path. Everything belongs to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Directory {
        /// Permission bits.
        mode: u32,
    },
    /// A file.
    File {
        /// Permission bits.
        mode: u32,
        /// What is in it.
        content: Vec<u8>,
    },
    /// A symbolic link.
    Link {
        /// Where it points to.
        to: String,
    },
}

/// The files of an image. Iteration is sorted, so that a folder comes before what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Node>);

/// Mode of folders that are only there because something is in them.
pub const FOLDER_MODE: u32 = 0o755;

impl Tree {
    /// Puts a node at an absolute path, and folders above it where there are none. Returns whether the path was free.
    pub fn put(&mut self, path: &str, node: Node) -> bool {
        for (at, _) in path.match_indices('/').skip(1) {
            self.0.entry(path[..at].to_owned()).or_insert(Node::Directory { mode: FOLDER_MODE });
        }
        match self.0.entry(path.to_owned()) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(node);
                true
            }
            std::collections::btree_map::Entry::Occupied(_) => false,
        }
    }

    /// What lies at a path.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.0.get(path)
    }

    /// Every path and what lies there, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_above_are_made_and_come_first() {
        let mut tree = Tree::default();
        assert!(tree.put("/a/b/c", Node::File { mode: 0o644, content: vec![1] }));
        let paths: Vec<_> = tree.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["/a", "/a/b", "/a/b/c"]);
        assert!(!tree.put("/a/b", Node::Directory { mode: 0o700 }), "it is taken");
        assert_eq!(tree.at("/a/b"), Some(&Node::Directory { mode: FOLDER_MODE }));
    }
}
