//! Where images are looked for: OCI layouts on this machine, as folders and as tar archives. Never a registry.
//!
//! A blob of a folder is read when it is asked for, and its digest is compared while it is read; so are the size that its
//! descriptor states and, for layers, the digest of the archive inside. A reference with a digest means exactly those bytes,
//! wherever they lie and whatever they are called there; one without means the name, which must then stand for one thing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use oci_spec::image::{Arch, Config, Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType, Os};
use orlop_sandbox::fatal::{Exit, Fatal};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::bounded;
use crate::digest::Digest;
use crate::filesystem::Filesystem;
use crate::flatten::{self, BadLayer, Budget};
use crate::layout::{BadLayout, Layout, NAME, REF_NAME};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::expanded;

mod whole;

/// What is wrong with an image, or with where it is looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadImage {
    /// Nobody has it.
    #[error("no layout has it")]
    Unknown,
    /// Two layouts call different images by its name.
    #[error("its name stands for {0} and for {1}")]
    Ambiguous(Digest, Digest),
    /// The layout is broken.
    #[error("{place}: {why}")]
    Layout {
        /// Folder or archive.
        place: PathBuf,
        /// What is wrong with it.
        why: BadLayout,
    },
    /// The descriptor and the blob differ in size.
    #[error("{digest} has {found} bytes, and its descriptor says {stated}")]
    Size {
        /// Which blob.
        digest: Digest,
        /// How many it has.
        found: u64,
        /// How many it should have.
        stated: u64,
    },
    /// A digest with another algorithm than SHA-256, or none.
    #[error("{0}")]
    Digest(#[from] crate::digest::NotADigest),
    /// There is none for this platform.
    #[error("it is not for {wanted}: it has {found}")]
    Platform {
        /// The platform asked for.
        wanted: Platform,
        /// What there is.
        found: String,
    },
    /// More layers than any image has.
    #[error("it has {0} layers; {MAX_LAYERS} are the most that is read")]
    Layers(usize),
    /// A layer that is not what it should be.
    #[error("layer {digest}: {why}")]
    Layer {
        /// Which.
        digest: Digest,
        /// What is wrong with it.
        why: BadLayer,
    },
    /// The archive in a layer is not the one of the image's configuration.
    #[error("layer {0} has another archive in it than the image's configuration says")]
    DiffId(Digest),
}

/// Layers of an image: overlayfs takes 500, container engines 127.
const MAX_LAYERS: usize = 127;
/// Bytes of an index, a manifest or a configuration: registries refuse larger ones.
const MAX_DOCUMENT: u64 = 4 << 20;
/// Bytes of a layer, compressed: what [`Budget`] allows uncompressed, and it is rarely larger.
const MAX_LAYER: u64 = 2 << 30;

/// A layout that images may be in.
#[derive(Debug)]
enum Place {
    /// A folder: blobs are read when they are needed.
    Folder { path: PathBuf, manifests: Vec<Descriptor> },
    /// An archive: it is read once, as a whole.
    Archive { path: PathBuf, layout: Layout },
}

impl Place {
    fn manifests(&self) -> &[Descriptor] {
        match self {
            Self::Folder { manifests, .. } => manifests,
            Self::Archive { layout, .. } => layout.manifests(),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Folder { path, .. } | Self::Archive { path, .. } => path,
        }
    }

    fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, BadImage> {
        let digest = Digest::parse(descriptor.digest().as_ref())?;
        let broken = |why| BadImage::Layout { place: self.path().to_owned(), why };
        let bytes = match self {
            Self::Folder { path, .. } => {
                let missing = |_| broken(BadLayout::Missing(digest.to_string()));
                let file = bounded::file(&path.join("blobs/sha256").join(digest.hex())).map_err(missing)?;
                let mut bytes = Vec::new();
                // One more than stated, so that more than stated is noticed.
                let most = descriptor.size().min(limit).saturating_add(1);
                file.take(most).read_to_end(&mut bytes).map_err(|cause| broken(BadLayout::Io(cause)))?;
                bytes
            }
            Self::Archive { layout, .. } => layout.blob(descriptor).map_err(broken)?.to_vec(),
        };
        let (found, stated) = (bytes.len() as u64, descriptor.size());
        if found != stated || found > limit {
            return Err(BadImage::Size { digest, found, stated });
        }
        if Digest::of(&bytes) != digest {
            return Err(broken(BadLayout::Changed(digest)));
        }
        Ok(bytes)
    }

    fn json<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T, BadImage> {
        self.parsed(descriptor, &self.blob(descriptor, MAX_DOCUMENT)?)
    }

    /// A document that has been read.
    fn parsed<T: DeserializeOwned>(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<T, BadImage> {
        serde_json::from_slice(bytes).map_err(|error| self.no_document(descriptor, error.to_string()))
    }

    fn no_document(&self, descriptor: &Descriptor, why: String) -> BadImage {
        let why = BadLayout::Format { what: descriptor.digest().to_string(), why };
        BadImage::Layout { place: self.path().to_owned(), why }
    }
}

/// An image for one platform, with all its files.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The name that was asked for, and what that stood for.
    pub reference: Reference,
    /// Its configuration: environment, command, labels.
    pub config: Config,
    /// Its files.
    pub files: Filesystem,
}

/// Layouts to look in.
#[derive(Debug, Default)]
pub struct Store {
    places: Vec<Place>,
    resolved: BTreeMap<(Digest, Platform), Resolved>,
}

impl Store {
    /// Adds a layout: a folder, an archive, or a folder whose folders are layouts.
    ///
    /// # Errors
    /// There is none.
    pub fn add(&mut self, path: &Path) -> Result<(), Fatal> {
        let bad = |cause: &dyn std::fmt::Display| {
            Fatal::new(Exit::Config, format!("there are no images in {}", path.display()))
                .cause(cause)
                .help("give an OCI layout (a folder or a .tar file) or a folder of such folders: --image PATH")
        };
        let found = open(path).map_err(|error| bad(&error))?;
        if found.is_empty() {
            return Err(bad(&"it is no layout, and none of its folders is one"));
        }
        self.places.extend(found);
        Ok(())
    }

    /// The image that a reference names, for a platform.
    ///
    /// # Errors
    /// It is not there, not what it says it is, or not for the platform.
    pub fn resolve(&mut self, reference: &Reference, platform: Platform) -> Result<&Resolved, BadImage> {
        let (place, root) = self.find(reference)?;
        let digest = Digest::parse(root.digest().as_ref())?;
        let name = Reference { digest: Some(digest.clone()), ..expanded(reference) };
        match self.resolved.entry((digest, platform)) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                // The same image may have several names.
                known.reference = name;
                Ok(known)
            }
            Entry::Vacant(unknown) => {
                let (config, files) = load(&self.places[place], &root, platform)?;
                Ok(unknown.insert(Resolved { reference: name, config, files }))
            }
        }
    }

    fn find(&self, reference: &Reference) -> Result<(usize, Descriptor), BadImage> {
        let wanted = expanded(reference);
        let mut found: Option<(usize, Descriptor)> = None;
        for (place, descriptor) in self.listed() {
            let fits = match &wanted.digest {
                Some(digest) => descriptor.digest().as_ref() == digest.as_str(),
                None => is_called(descriptor, &wanted),
            };
            match &found {
                _ if !fits => {}
                None => found = Some((place, descriptor.clone())),
                Some((_, other)) if other.digest() == descriptor.digest() => {}
                Some((_, other)) => {
                    let digest = |of: &Descriptor| Digest::parse(of.digest().as_ref());
                    return Err(BadImage::Ambiguous(digest(other)?, digest(descriptor)?));
                }
            }
        }
        found.ok_or(BadImage::Unknown)
    }

    /// Names of what there is, sorted, for a person who looks for something else; the digest of what has none.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        // What is attached to images is none.
        let images = self.listed().filter(|(_, descriptor)| descriptor.artifact_type().is_none());
        let named = images.map(|(_, descriptor)| match names(descriptor).next() {
            Some(name) => name.without_digest().to_string(),
            None => descriptor.digest().to_string(),
        });
        let mut names: Vec<String> = named.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn listed(&self) -> impl Iterator<Item = (usize, &Descriptor)> {
        self.places.iter().enumerate().flat_map(|(n, place)| place.manifests().iter().map(move |one| (n, one)))
    }
}

/// What a layout calls an image. `linuxkit cache import` and containerd write the one annotation, LinuxKit's cache the
/// other; skopeo writes only a tag there, which is no name.
fn names(descriptor: &Descriptor) -> impl Iterator<Item = Reference> {
    let annotations = descriptor.annotations().as_ref();
    let texts = [NAME, REF_NAME].into_iter().filter_map(move |key| annotations?.get(key));
    texts.filter(|text| text.contains('/')).filter_map(|text| Reference::parse(text).ok())
}

fn is_called(descriptor: &Descriptor, wanted: &Reference) -> bool {
    names(descriptor).any(|name| name.digest.is_none() && expanded(&name) == *wanted)
}

fn open(path: &Path) -> Result<Vec<Place>, BadLayout> {
    if !path.is_dir() {
        return Ok(vec![Place::Archive { path: path.to_owned(), layout: Layout::read(path)? }]);
    }
    if path.join("index.json").is_file() {
        return Ok(vec![folder(path)?]);
    }
    let mut inside: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    inside.sort_unstable();
    inside.iter().filter(|path| path.join("index.json").is_file()).map(|path| folder(path)).collect()
}

fn folder(path: &Path) -> Result<Place, BadLayout> {
    let mut bytes = Vec::new();
    bounded::file(&path.join("index.json"))?.take(MAX_DOCUMENT).read_to_end(&mut bytes)?;
    let index: ImageIndex = serde_json::from_slice(&bytes)
        .map_err(|error| BadLayout::Format { what: "index.json".to_owned(), why: error.to_string() })?;
    Ok(Place::Folder { path: path.to_owned(), manifests: index.manifests().clone() })
}

/// Docker's own names of an index and of a manifest.
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn load(place: &Place, root: &Descriptor, platform: Platform) -> Result<(Config, Filesystem), BadImage> {
    let document = place.blob(root, MAX_DOCUMENT)?;
    let manifest: ImageManifest = if is_index(place, root, &document)? {
        place.json(&of_platform(&place.parsed(root, &document)?, platform)?)?
    } else {
        place.parsed(root, &document)?
    };
    let configuration: ImageConfiguration = place.json(manifest.config())?;
    let found = (configuration.os(), configuration.architecture());
    if found != (&Os::Linux, &platform.oci()) {
        return Err(BadImage::Platform { wanted: platform, found: format!("{}/{}", found.0, found.1) });
    }
    let layers = manifest.layers();
    if layers.len() > MAX_LAYERS {
        return Err(BadImage::Layers(layers.len()));
    }
    let (mut files, mut budget) = (Filesystem::default(), Budget::default());
    let mut diff_ids = configuration.rootfs().diff_ids().iter();
    for layer in layers {
        let digest = Digest::parse(layer.digest().as_ref())?;
        let blob = place.blob(layer, MAX_LAYER)?;
        let bad = |why| BadImage::Layer { digest: digest.clone(), why };
        let archive = flatten::decompress(&blob, &mut budget).map_err(bad)?;
        if diff_ids.next().map(String::as_str) != Some(Digest::of(&archive).as_str()) {
            return Err(BadImage::DiffId(digest));
        }
        flatten::apply(&mut files, &archive, &mut budget).map_err(bad)?;
    }
    Ok((configuration.config().clone().unwrap_or_default(), files))
}

/// What a document says of itself.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
}

/// Whether a document is an index: by its own media type, and where it has none by what is in it. The descriptor's is not asked:
/// LinuxKit's `cache export --format oci` calls a manifest an index. What could be read as both is refused, as image
/// specification 1.0.2 has it (CVE-2021-41190).
fn is_index(place: &Place, root: &Descriptor, document: &[u8]) -> Result<bool, BadImage> {
    let Document { media_type, manifests, layers, config } = place.parsed(root, document)?;
    if manifests.is_some() && (layers.is_some() || config.is_some()) {
        let why = "it is an index and a manifest at once: it has manifests beside layers or config".to_owned();
        return Err(place.no_document(root, why));
    }
    Ok(match media_type.as_deref() {
        Some(DOCKER_INDEX) => true,
        Some(DOCKER_MANIFEST) => false,
        Some(own) if own == MediaType::ImageIndex.to_string() => true,
        Some(own) if own == MediaType::ImageManifest.to_string() => false,
        Some(_) | None => manifests.is_some(),
    })
}

fn of_platform(index: &ImageIndex, wanted: Platform) -> Result<Descriptor, BadImage> {
    let is_wanted = |descriptor: &&Descriptor| {
        let platform = descriptor.platform().as_ref();
        platform.is_some_and(|platform| *platform.os() == Os::Linux && *platform.architecture() == wanted.oci())
    };
    index.manifests().iter().find(is_wanted).cloned().ok_or_else(|| {
        let platforms = index.manifests().iter().filter_map(|descriptor| descriptor.platform().as_ref());
        let named = platforms.filter(|platform| !matches!(platform.architecture(), Arch::Other(_)));
        let found: Vec<String> = named.map(|one| format!("{}/{}", one.os(), one.architecture())).collect();
        let found = if found.is_empty() { "none at all".to_owned() } else { found.join(", ") };
        BadImage::Platform { wanted, found }
    })
}

#[cfg(test)]
pub(crate) mod tests;
