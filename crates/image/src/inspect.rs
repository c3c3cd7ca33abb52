//! What is in an image, for a person.

use std::fmt::Write as _;
use std::path::Path;

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType};
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::label::{self, Label};
use crate::layer;
use crate::layout::{BadLayout, Layout, digest_of};
use crate::tree::{Node, Tree};

/// Reads a layout, or says why it is none.
///
/// # Errors
/// It cannot be read, or has been changed.
pub fn open(path: &Path) -> Result<Layout, Fatal> {
    Layout::read(path).map_err(|error| bad(path, &error))
}

fn bad(path: &Path, error: &BadLayout) -> Fatal {
    Fatal::new(Exit::Config, format!("{} is not an image of ours", path.display()))
        .cause(error)
        .help("orlop-image build makes one; give its folder, its .tar file or its name")
}

/// One image of one platform, taken apart.
#[derive(Debug)]
pub struct Contents {
    /// The manifest.
    pub manifest: ImageManifest,
    /// The configuration.
    pub configuration: ImageConfiguration,
    /// All layers' files.
    pub tree: Tree,
    /// Bytes of all layers, compressed.
    pub compressed: u64,
}

impl Contents {
    /// Takes a manifest's image apart.
    ///
    /// # Errors
    /// Something is missing or no image.
    pub fn read(layout: &Layout, manifest: &Descriptor) -> Result<Self, BadLayout> {
        let manifest: ImageManifest = layout.json(manifest)?;
        let configuration: ImageConfiguration = layout.json(manifest.config())?;
        let mut tree = Tree::default();
        for descriptor in manifest.layers() {
            for (path, node) in layer::unpack(layout.blob(descriptor)?)?.iter() {
                tree.put(path, node.clone());
            }
        }
        let compressed = manifest.layers().iter().map(Descriptor::size).sum();
        Ok(Self { manifest, configuration, tree, compressed })
    }

    /// A label's value.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.configuration.config().as_ref()?.labels().as_ref()?.get(key).map(String::as_str)
    }
}

/// The manifests behind a descriptor: an index has one for each platform.
///
/// # Errors
/// The index is missing or no index.
pub fn platforms(layout: &Layout, root: &Descriptor) -> Result<Vec<Descriptor>, BadLayout> {
    if *root.media_type() != MediaType::ImageIndex {
        return Ok(vec![root.clone()]);
    }
    Ok(layout.json::<ImageIndex>(root)?.manifests().clone())
}

/// Everything about the images of a layout, as text.
///
/// # Errors
/// A part is missing or broken.
pub fn report(path: &Path) -> Result<String, Fatal> {
    let layout = open(path)?;
    write_report(&layout).map_err(|error| bad(path, &error))
}

fn write_report(layout: &Layout) -> Result<String, BadLayout> {
    let mut text = String::new();
    for (reference, root) in layout.names() {
        let _ = writeln!(text, "{reference}\n  digest        {}", digest_of(root));
        for manifest in platforms(layout, root)? {
            let contents = Contents::read(layout, &manifest)?;
            describe(&mut text, layout, &manifest, &contents)?;
        }
    }
    Ok(text)
}

fn describe(text: &mut String, layout: &Layout, manifest: &Descriptor, contents: &Contents) -> Result<(), BadLayout> {
    let configuration = &contents.configuration;
    let command = configuration.config().as_ref().and_then(|config| config.cmd().as_ref());
    let created = configuration.created().as_deref().unwrap_or("at no time");
    let _ = writeln!(text, "\n  {}/{}", configuration.os(), configuration.architecture());
    let _ = writeln!(text, "    manifest      {}", manifest.digest());
    let _ = writeln!(text, "    created       {created}");
    let _ = writeln!(text, "    command       {}", command.map_or(String::new(), |words| words.join(" ")));
    if let Some(json) = contents.label(label::KEY) {
        match serde_json::from_str::<Label>(json) {
            Ok(label) => {
                let _ = writeln!(text, "    capabilities  {}", label.capabilities.join(" "));
                let _ = writeln!(text, "    binds         {}", label.binds.join(" "));
            }
            Err(error) => {
                let _ = writeln!(text, "    label         not understood: {error}");
            }
        }
        let _ = writeln!(text, "    {}={json}", label::KEY);
    }
    for referrer in layout.manifests() {
        let document: Option<ImageManifest> = referrer.artifact_type().as_ref().and(layout.json(referrer).ok());
        let subject = document.as_ref().and_then(|document| document.subject().as_ref());
        if let (Some(kind), true) =
            (referrer.artifact_type(), subject.is_some_and(|subject| subject.digest() == manifest.digest()))
        {
            let _ = writeln!(text, "    attached      {kind} {}", referrer.digest());
        }
    }
    let _ = writeln!(text, "    {:>10} {:>10}  mode  path", "bytes", "gzip");
    let mut total = 0;
    for (path, node) in contents.tree.iter() {
        match node {
            Node::Directory { mode } => {
                let _ = writeln!(text, "    {:>10} {:>10}  {mode:04o}  {path}/", "", "");
            }
            Node::Link { to } => {
                let _ = writeln!(text, "    {:>10} {:>10}        {path} -> {to}", "", "");
            }
            Node::File { mode, content } => {
                total += content.len() as u64;
                let gzip = layer::gzip(content)?.len();
                let _ = writeln!(text, "    {:>10} {gzip:>10}  {mode:04o}  {path}", content.len());
            }
        }
    }
    let _ = writeln!(text, "    {total:>10} {:>10}        in all (layer, compressed)", contents.compressed);
    Ok(())
}
