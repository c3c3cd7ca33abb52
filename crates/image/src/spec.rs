//! A LinuxKit spec: its YAML as it is typed, and what one or several files come to.
//!
//! The keys are those of LinuxKit's schema. A key that is not one of them is an error: `readonyl: true` would build a container that
//! writes. `trust` is one of them that does nothing, here and in LinuxKit's tool, and is warned of. Names of the form
//! `@pkg:` (LinuxKit's tool asks git for what they stand for) are refused.

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::reference::{NotAReference, Reference};

pub mod files;
mod kinds;
pub mod read;
pub mod resources;
pub mod settings;
pub mod volumes;

pub use files::{File, Id};
pub use settings::{Runtime, Settings};
pub use volumes::Volume;

/// One file, as it is typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    kernel: Option<KernelKeys>,
    init: Option<Vec<String>>,
    onboot: Option<Vec<Settings>>,
    onshutdown: Option<Vec<Settings>>,
    services: Option<Vec<Settings>>,
    files: Option<Vec<File>>,
    volumes: Option<Vec<volumes::Typed>>,
    trust: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct KernelKeys {
    image: Option<String>,
    cmdline: Option<String>,
    binary: Option<String>,
    tar: Option<String>,
    ucode: Option<String>,
}

/// What one or several files come to. It is written out again by `files: metadata:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Spec {
    /// The kernel; a spec that is only a part of a machine has none.
    pub kernel: Kernel,
    /// Images whose files lie at the root, in order.
    pub init: Vec<Reference>,
    /// Folders that containers bind by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Containers that run one after the other before all else.
    pub onboot: Vec<Container>,
    /// Containers that run one after the other at the end.
    pub onshutdown: Vec<Container>,
    /// Containers that run for ever, side by side.
    pub services: Vec<Container>,
    /// Files at the root.
    pub files: Vec<File>,
    /// What was written and does nothing, or would not be taken by LinuxKit's tool, in words. It is no part of the machine.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// The kernel and what it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// The image that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Reference>,
    /// Its command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// The file at the image's root that is the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    /// The archive at the image's root that has its modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tar: Option<String>,
    /// The archive at the image's root that has microcode for the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ucode: Option<String>,
}

impl Kernel {
    /// The file at the image's root that is the kernel.
    #[must_use]
    pub fn binary(&self) -> &str {
        self.binary.as_deref().unwrap_or("kernel")
    }

    /// The archive at the image's root that has its modules, unless there shall be none.
    #[must_use]
    pub fn tar(&self) -> Option<&str> {
        match self.tar.as_deref() {
            None => Some("kernel.tar"),
            Some("" | "none") => None,
            Some(name) => Some(name),
        }
    }
}

/// A container: what it is called, its image, and what differs from the image's label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// Its name: of its folder, and of its log.
    pub name: String,
    /// Its image.
    pub image: Reference,
    /// What the YAML says of it.
    #[serde(flatten)]
    pub settings: Settings,
}

/// The lists of containers, by what LinuxKit calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// One after the other, before the services.
    Onboot,
    /// One after the other, at the end.
    Onshutdown,
    /// Side by side, for ever.
    Services,
}

impl Section {
    /// In the order in which LinuxKit goes through them.
    pub const ALL: [Self; 3] = [Self::Onboot, Self::Onshutdown, Self::Services];

    /// The key in YAML, and the name of the folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Onboot => "onboot",
            Self::Onshutdown => "onshutdown",
            Self::Services => "services",
        }
    }

    /// The folder of a container below the root: containers that run in order have their number in front.
    #[must_use]
    pub fn folder(self, index: usize, name: &str) -> String {
        match self {
            Self::Onboot | Self::Onshutdown => format!("containers/{}/{index:03}-{name}", self.name()),
            Self::Services => format!("containers/services/{name}"),
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Spec {
    /// The containers of a section.
    #[must_use]
    pub fn containers(&self, section: Section) -> &[Container] {
        match section {
            Section::Onboot => &self.onboot,
            Section::Onshutdown => &self.onshutdown,
            Section::Services => &self.services,
        }
    }

    /// The same, to change it.
    pub fn list(&mut self, section: Section) -> &mut Vec<Container> {
        match section {
            Section::Onboot => &mut self.onboot,
            Section::Onshutdown => &mut self.onshutdown,
            Section::Services => &mut self.services,
        }
    }
}

/// What is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSpec {
    /// Not YAML, an unknown key, or a value of another kind.
    #[error("{0}")]
    Syntax(String),
    /// A key of LinuxKit's that Orlop does nothing with.
    #[error("{key} is a key of LinuxKit's that Orlop does not support: {instead}")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A reference that only LinuxKit's tool understands.
    #[error("{0} stands for a folder of packages, which LinuxKit's tool resolves with git: name an image")]
    Template(String),
    /// Not the name of an image.
    #[error("{at}: {why}")]
    Reference {
        /// The key.
        at: String,
        /// What is wrong with it.
        why: NotAReference,
    },
    /// A container without a name or an image.
    #[error("{at} has no {key}")]
    Missing {
        /// The entry.
        at: String,
        /// What is missing.
        key: &'static str,
    },
    /// A name that cannot be a folder's, or a container's.
    #[error("{at}: {name:?} cannot be a container's name: 1 to 76 letters, digits, dots, dashes and underscores can")]
    Name {
        /// The entry.
        at: String,
        /// Its name.
        name: String,
    },
    /// Nothing is made for it here.
    #[error("{at}: {why}")]
    Platform {
        /// Where.
        at: String,
        /// What is wrong with it.
        why: String,
    },
    /// Containers could not tell them apart.
    #[error("two volumes are called {0}")]
    TwoVolumes(String),
    /// A name that LinuxKit does not take.
    #[error("{at}: {name:?} cannot be a volume's name: lower-case letters, digits, dashes and underscores can")]
    VolumeName {
        /// The entry.
        at: String,
        /// Its name.
        name: String,
    },
    /// Services run side by side, under their names.
    #[error("two services are called {0}")]
    Twice(String),
    /// More containers than three digits can put in order.
    #[error("{0} has more than 1000 containers, and LinuxKit orders them by three digits")]
    TooMany(Section),
}

/// `docker.io`, which a name without a host stands for.
const DEFAULT_HOST: &str = "docker.io";
/// The folder of a name without one there.
const DEFAULT_FOLDER: &str = "library";
/// The tag of a name that has neither one nor a digest.
const DEFAULT_TAG: &str = "latest";

/// The reference in full, as LinuxKit compares them: `alpine` is `docker.io/library/alpine:latest`.
#[must_use]
pub fn expanded(reference: &Reference) -> Reference {
    let Reference { repository, tag, digest } = reference.clone();
    let repository = match repository.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => repository,
        Some(_) => format!("{DEFAULT_HOST}/{repository}"),
        None => format!("{DEFAULT_HOST}/{DEFAULT_FOLDER}/{repository}"),
    };
    let tag = tag.or_else(|| digest.is_none().then(|| DEFAULT_TAG.to_owned()));
    Reference { repository, tag, digest }
}

#[cfg(test)]
mod tests;
