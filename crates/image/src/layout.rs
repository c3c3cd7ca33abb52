//! OCI image layouts: blobs by digest and an index, as a folder or in a tar archive.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::str::FromStr as _;

use oci_spec::image::{Descriptor, ImageIndex, ImageIndexBuilder, MediaType};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounded;
use crate::digest::{Digest, canonical_json};
use crate::layer;
use crate::reference::Reference;
use crate::tree::Node;

/// What `ctr image import` and `linuxkit cache import` call an image by.
pub const NAME: &str = "io.containerd.image.name";
/// What skopeo and umoci call an image by, within a layout: the tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The index that says what a layout holds.
const INDEX: &str = "index.json";
/// The file that says that this is a layout.
const MARKER: &str = "oci-layout";
/// Its content.
const MARKER_JSON: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Where blobs lie.
const BLOBS: &str = "blobs/sha256/";

/// The most that a file of a layout may hold: images here have a few megabytes.
const MAX_FILE: u64 = 1 << 30;

/// The most that an archive of a layout may hold: it is read into memory as a whole.
const MAX_ARCHIVE: u64 = 4 << 30;
/// The most files that a layout may have: an image has three for each platform, and one for each layer.
const MAX_FILES: usize = 10_000;

/// A layout in memory.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    blobs: BTreeMap<Digest, Vec<u8>>,
    manifests: Vec<Descriptor>,
}

/// What is wrong with a layout that is read.
#[derive(Debug, thiserror::Error)]
pub enum BadLayout {
    /// No such folder or archive, or it cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file is missing.
    #[error("it has no {0}")]
    Missing(String),
    /// A blob's content is not what its name says.
    #[error("blob {0} has other content than its name says")]
    Changed(Digest),
    /// A file is not what the specification says.
    #[error("{what}: {why}")]
    Format {
        /// The file.
        what: String,
        /// What JSON or the specification's types say.
        why: String,
    },
}

impl Layout {
    /// Puts a blob in, and returns how others point to it.
    pub fn put(&mut self, media_type: MediaType, bytes: Vec<u8>) -> Descriptor {
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        self.blobs.insert(digest.clone(), bytes);
        Descriptor::new(media_type, size, oci_digest(&digest))
    }

    /// Puts a JSON document in.
    pub fn put_json(&mut self, media_type: MediaType, value: &impl Serialize) -> Descriptor {
        self.put(media_type, canonical_json(value))
    }

    /// Lists a blob in the index under the name of an image, and under that name with its digest: LinuxKit's tool compares
    /// names as text, so each way in which YAML may write it has its own entry.
    pub fn name(&mut self, descriptor: &Descriptor, reference: &Reference) {
        let mut plain = HashMap::from([(NAME.to_owned(), reference.to_string())]);
        if let Some(tag) = &reference.tag {
            plain.insert(REF_NAME.to_owned(), tag.clone());
        }
        let exact = reference.at(digest_of(descriptor));
        let exact = HashMap::from([(NAME.to_owned(), exact.to_string())]);
        for annotations in [plain, exact] {
            let mut named = descriptor.clone();
            named.set_annotations(Some(annotations));
            self.manifests.push(named);
        }
    }

    /// Lists a blob that belongs to another one and has no name: a referrer.
    pub fn list(&mut self, descriptor: Descriptor) {
        self.manifests.push(descriptor);
    }

    /// What the index lists.
    #[must_use]
    pub fn manifests(&self) -> &[Descriptor] {
        &self.manifests
    }

    /// Names without a digest, and what they stand for.
    pub fn names(&self) -> impl Iterator<Item = (Reference, &Descriptor)> {
        self.manifests.iter().filter_map(|descriptor| {
            let name = descriptor.annotations().as_ref()?.get(NAME)?;
            let reference = Reference::parse(name).ok()?;
            reference.digest.is_none().then_some((reference, descriptor))
        })
    }

    /// A blob's bytes.
    ///
    /// # Errors
    /// It is not there.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<&[u8], BadLayout> {
        let digest = digest_of(descriptor);
        self.blobs.get(&digest).map(Vec::as_slice).ok_or_else(|| BadLayout::Missing(digest.to_string()))
    }

    /// A blob's document.
    ///
    /// # Errors
    /// It is not there or is another kind of document.
    pub fn json<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T, BadLayout> {
        parse(descriptor.digest().as_ref(), self.blob(descriptor)?)
    }

    /// Every file of the layout, sorted by path.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(self.manifests.clone())
            .build()
            .expect("every field that an index must have is given");
        let blobs = self.blobs.iter().map(|(digest, bytes)| (format!("{BLOBS}{}", digest.hex()), bytes.clone()));
        let own = [(MARKER.to_owned(), MARKER_JSON.to_vec()), (INDEX.to_owned(), canonical_json(&index))];
        blobs.chain(own).collect()
    }

    /// Writes the layout as a folder in the place of what was there. Only a layout is ever replaced.
    ///
    /// # Errors
    /// It cannot be written; or there is something else.
    pub fn write_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.join(MARKER).is_file() {
            fs::remove_dir_all(folder)?;
        } else if folder.exists() && fs::read_dir(folder)?.next().is_some() {
            return Err(io::Error::other("the folder is there, is not empty and is no image layout"));
        }
        for (path, content) in self.files() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(path, content)?;
        }
        Ok(())
    }

    /// The layout as one tar archive, every entry dated `epoch`.
    ///
    /// # Errors
    /// Never in practice: it writes to memory, and the paths are short.
    pub fn to_tar(&self, epoch: u64) -> io::Result<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        for folder in ["blobs", "blobs/sha256"] {
            layer::append(&mut builder, folder, &Node::Directory { mode: 0o755 }, epoch)?;
        }
        for (path, content) in self.files() {
            layer::append(&mut builder, &path, &Node::File { mode: 0o644, content }, epoch)?;
        }
        builder.into_inner()
    }

    /// Reads a layout from a folder or an archive, and compares every blob with its digest.
    ///
    /// # Errors
    /// It is none, or it has been changed.
    pub fn read(path: &Path) -> Result<Self, BadLayout> {
        let mut files = if path.is_dir() { read_folder(path)? } else { read_archive(path)? };
        let index = files.remove(INDEX).ok_or_else(|| BadLayout::Missing(INDEX.to_owned()))?;
        let index: ImageIndex = parse(INDEX, &index)?;
        let mut blobs = BTreeMap::new();
        for (name, bytes) in files {
            let Some(hex) = name.strip_prefix(BLOBS) else { continue };
            let named = Digest::parse(&format!("sha256:{hex}"))
                .map_err(|error| BadLayout::Format { what: name.clone(), why: error.to_string() })?;
            if Digest::of(&bytes) != named {
                return Err(BadLayout::Changed(named));
            }
            blobs.insert(named, bytes);
        }
        Ok(Self { blobs, manifests: index.manifests().clone() })
    }
}

/// The digest a descriptor points to.
#[must_use]
pub fn digest_of(descriptor: &Descriptor) -> Digest {
    Digest::parse(descriptor.digest().as_ref()).unwrap_or_else(|_| Digest::of(descriptor.digest().as_ref().as_bytes()))
}

fn oci_digest(digest: &Digest) -> oci_spec::image::Digest {
    oci_spec::image::Digest::from_str(digest.as_str()).expect("ours have the form that the specification wants")
}

fn parse<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, BadLayout> {
    serde_json::from_slice(bytes).map_err(|error| BadLayout::Format { what: what.to_owned(), why: error.to_string() })
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, BadLayout> {
    let read = |path: &Path| bounded::read_file(path, MAX_FILE);
    let index = read(&folder.join(INDEX)).map_err(|_| BadLayout::Missing(INDEX.to_owned()))?;
    let mut files = BTreeMap::from([(INDEX.to_owned(), index)]);
    for entry in fs::read_dir(folder.join(BLOBS))? {
        let entry = entry?;
        files.insert(format!("{BLOBS}{}", entry.file_name().to_string_lossy()), read(&entry.path())?);
    }
    Ok(files)
}

fn read_archive(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, BadLayout> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(fs::File::open(path)?.take(MAX_ARCHIVE)).entries()? {
        let entry = entry?;
        if entry.header().entry_type() == tar::EntryType::Regular {
            let name = entry.path()?.to_string_lossy().into_owned();
            // What `tar -C LAYOUT -c .` calls it.
            let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
            let mut content = Vec::new();
            entry.take(MAX_FILE).read_to_end(&mut content)?;
            files.insert(name, content);
        }
        if files.len() > MAX_FILES {
            return Err(io::Error::other(format!("it has more than {MAX_FILES} files")).into());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let mut layout = Layout::default();
        let blob = layout.put(MediaType::ImageManifest, b"{}".to_vec());
        layout.name(&blob, &Reference::parse("orlop.example/x:1").unwrap());
        layout
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("orlop-layout-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn an_image_is_listed_by_its_name_and_by_its_name_with_its_digest() {
        let layout = layout();
        let digest = Digest::of(b"{}");
        let annotation = |n: usize, key| layout.manifests()[n].annotations().as_ref().unwrap().get(key).cloned();
        assert_eq!(annotation(0, NAME).as_deref(), Some("orlop.example/x:1"));
        assert_eq!(annotation(0, REF_NAME).as_deref(), Some("1"));
        assert_eq!(annotation(1, NAME), Some(format!("orlop.example/x:1@{digest}")));
        assert_eq!(annotation(1, REF_NAME), None, "a tag stands for one entry");
        assert_eq!(layout.names().count(), 1);
    }

    #[test]
    fn a_layout_reads_back_from_folder_and_archive() {
        let (layout, folder) = (layout(), folder("both"));
        layout.write_folder(&folder).unwrap();
        let archive = folder.with_extension("tar");
        fs::write(&archive, layout.to_tar(7).unwrap()).unwrap();
        for path in [&folder, &archive] {
            let read = Layout::read(path).unwrap();
            assert_eq!(read.files(), layout.files(), "{}", path.display());
        }
        layout.write_folder(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        fs::remove_file(&archive).unwrap();
    }

    #[test]
    fn an_archive_that_tar_made_of_the_folder_reads_back() {
        let (layout, folder) = (layout(), folder("dotted"));
        layout.write_folder(&folder).unwrap();
        let archive = folder.with_extension("tar");
        let made = std::process::Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&folder).arg(".").status();
        assert!(made.unwrap().success());
        assert_eq!(Layout::read(&archive).unwrap().files(), layout.files(), "its names begin with ./");
        fs::remove_dir_all(&folder).unwrap();
        fs::remove_file(&archive).unwrap();
    }

    #[test]
    fn a_changed_blob_is_noticed() {
        let (layout, folder) = (layout(), folder("changed"));
        layout.write_folder(&folder).unwrap();
        let blob = folder.join(BLOBS).join(Digest::of(b"{}").hex());
        fs::write(blob, b"[]").unwrap();
        assert!(matches!(Layout::read(&folder), Err(BadLayout::Changed(_))));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_of_something_else_is_not_replaced() {
        let folder = folder("else");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("precious"), "").unwrap();
        assert!(layout().write_folder(&folder).is_err());
        assert!(folder.join("precious").exists());
        assert!(matches!(Layout::read(&folder), Err(BadLayout::Missing(_))));
        fs::remove_dir_all(&folder).unwrap();
    }
}
