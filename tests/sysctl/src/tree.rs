//! A tree of configuration files.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Where sysctl.d(5) looks, the folder that counts most first.
pub const DIRECTORIES: [&str; 4] = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];

/// Files in some of [`DIRECTORIES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// In no particular order; no two of one folder have one name.
    pub files: Vec<File>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Which folder it is in.
    pub directory: &'static str,
    /// Its name there.
    pub name: String,
    /// What it is.
    pub content: Content,
}

/// What a configuration file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Lines, each with its own end.
    Lines(Vec<Vec<u8>>),
    /// A link to `/dev/null`, which masks files of that name in lesser folders.
    Mask,
}

impl Tree {
    /// One file.
    #[must_use]
    pub fn of(directory: &'static str, name: &str, text: &str) -> Self {
        let content = Content::Lines(text.split_inclusive('\n').map(|line| line.as_bytes().to_vec()).collect());
        Self { files: vec![File { directory, name: name.to_owned(), content }] }
    }

    /// With one more file.
    #[must_use]
    pub fn and(mut self, directory: &'static str, name: &str, text: &str) -> Self {
        self.files.extend(Self::of(directory, name, text).files);
        self
    }

    /// Writes it into the calling thread's mount namespace, instead of what the folders held.
    ///
    /// # Errors
    /// When something cannot be removed or written.
    pub fn install(&self) -> Result<()> {
        for directory in DIRECTORIES {
            for entry in fs::read_dir(directory).with_context(|| format!("cannot list {directory}"))? {
                let path = entry?.path();
                let removed = if path.is_dir() && !path.is_symlink() {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        for File { directory, name, content } in &self.files {
            let path = Path::new(directory).join(name);
            match content {
                Content::Lines(lines) => fs::write(&path, lines.concat()),
                Content::Mask => std::os::unix::fs::symlink("/dev/null", &path),
            }
            .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// The smallest tree, found by leaving out files and lines, for which `still` says yes as it does for this one.
    ///
    /// # Errors
    /// The first error of `still`.
    pub fn shrunk(&self, mut still: impl FnMut(&Self) -> Result<bool>) -> Result<Self> {
        let mut smallest = self.clone();
        let mut goes_on = true;
        while goes_on {
            goes_on = false;
            for smaller in smallest.smaller() {
                if still(&smaller)? {
                    (smallest, goes_on) = (smaller, true);
                    break;
                }
            }
        }
        Ok(smallest)
    }

    /// The trees that lack one file or one line of this one.
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 0..self.files.len() {
            let mut tree = self.clone();
            tree.files.remove(at);
            all.push(tree);
        }
        for (at, file) in self.files.iter().enumerate() {
            let Content::Lines(lines) = &file.content else { continue };
            for line in 0..lines.len() {
                let mut left = lines.clone();
                left.remove(line);
                let mut tree = self.clone();
                tree.files[at].content = Content::Lines(left);
                all.push(tree);
            }
        }
        all
    }
}

/// Each file with its path and its lines, unprintable bytes escaped.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for File { directory, name, content } in &self.files {
            match content {
                Content::Mask => writeln!(f, "{directory}/{name} -> /dev/null")?,
                Content::Lines(lines) => {
                    writeln!(f, "{directory}/{name}:")?;
                    for line in lines {
                        writeln!(f, "    {}", line.escape_ascii())?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_shrinks_to_the_line_that_matters() {
        let tree = Tree::of("/etc/sysctl.d", "a.conf", "x=1\ny=2\n").and("/run/sysctl.d", "b.conf", "z=3\n");
        let small = tree.shrunk(|tree| Ok(tree.to_string().contains("y=2"))).unwrap();
        assert_eq!(small, Tree::of("/etc/sysctl.d", "a.conf", "y=2\n"));
    }
}
