//! Images that tests make of a few files, for machines that are assembled.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use orlop_image::build::{Built, write};
use orlop_image::image;
use orlop_image::layout::{Layout, digest_of};
use orlop_image::platform::Platform;
use orlop_image::reference::Reference;
use orlop_image::tree::{Node, Tree};
use orlop_image::workspace::Workspace;

/// An image in a layout of its own.
#[derive(Debug, Clone)]
pub struct Image {
    /// The layout's folder: assemble with it.
    pub layout: PathBuf,
    /// What specs call it.
    pub reference: String,
}

impl Image {
    /// Makes it, in `folder`; it says nothing beside its files and its command. The name tells it from others of the same machine.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(platform: Platform, folder: &Path, name: &str, tree: &Tree, command: &[&str]) -> Result<Self> {
        let workspace = Workspace::find()?;
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let mut layout = Layout::default();
        let manifest = image::put_tree(&mut layout, tree, platform, &command, HashMap::new(), 0)?;
        let index = image::put_index(&mut layout, vec![manifest])?;
        let reference = Reference::parse(&format!("{name}.example/{name}:0")).context("an image's name is a word")?;
        layout.name(&index, &reference);
        let (name, digest) = (name.to_owned(), digest_of(&index));
        let built = Built { name, reference, digest, sources: Vec::new(), layout };
        let (layout, _) = write(&workspace, &built, folder)?;
        Ok(Self { layout, reference: built.reference.to_string() })
    }

    /// Its entry as a container called `name`; `more` is YAML that the entry has beside.
    #[must_use]
    pub fn entry(&self, name: &str, more: &str) -> String {
        format!("\n  - {{name: {name}, image: {}, {more}}}", self.reference)
    }
}

/// What people read, and a container does not need.
const NOT_NEEDED: [&str; 4] = ["/usr/share/doc", "/usr/share/man", "/usr/share/lintian", "/usr/share/locale"];

/// Puts everything below a folder into a tree, as if the folder were its root; what is there already stays.
///
/// # Errors
/// When something cannot be read.
pub fn put_folder(tree: &mut Tree, folder: &Path) -> Result<()> {
    put_below(tree, folder, "")
}

fn put_below(tree: &mut Tree, folder: &Path, path: &str) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        if NOT_NEEDED.contains(&path.as_str()) {
            continue;
        }
        let (kind, mode) = (entry.file_type()?, entry.metadata()?.permissions().mode() & 0o7777);
        if kind.is_dir() {
            tree.put(&path, Node::Directory { mode });
            put_below(tree, &entry.path(), &path)?;
        } else if kind.is_symlink() {
            let to = fs::read_link(entry.path())?.to_string_lossy().into_owned();
            tree.put(&path, Node::Link { to });
        } else {
            tree.put(&path, Node::File { mode, content: fs::read(entry.path())? });
        }
    }
    Ok(())
}
