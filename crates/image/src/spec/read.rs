//! From files to a [`Spec`]: later ones override the kernel's fields, lists are appended.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orlop_sandbox::fatal::{Exit, Fatal};

use super::{BadSpec, Container, Document, Kernel, KernelKeys, Section, Settings, Spec, Volume, expanded, volumes};
use crate::bounded;
use crate::reference::Reference;

/// The most bytes that a spec may have: LinuxKit's own have a few kilobytes, and `contents` can make one larger.
pub(crate) const MAX_SPEC: u64 = 16 << 20;
/// Containers of one section: their order is the order of three digits.
const MAX_CONTAINERS: usize = 1000;
/// Letters of a container's name: containerd's limit.
const MAX_NAME: usize = 76;
/// What LinuxKit's tool resolves with git.
const TEMPLATE: &str = "@pkg:";

/// Reads specs in the order in which they are given.
///
/// # Errors
/// One cannot be read or is wrong; the message names the file and the key.
pub fn files(paths: &[PathBuf]) -> Result<Spec, Fatal> {
    let mut spec = Spec::default();
    for path in paths {
        let text = text(path)?;
        append(&mut spec, &text).map_err(|error| {
            Fatal::new(Exit::Config, format!("{} is not a spec to assemble", path.display()))
                .cause(error)
                .help("the keys are those of LinuxKit's YAML; packaging/specs has examples")
        })?;
    }
    Ok(spec)
}

fn text(path: &Path) -> Result<String, Fatal> {
    let unread = |cause: &dyn std::fmt::Display| {
        Fatal::new(Exit::Usage, format!("cannot read {}", path.display()))
            .cause(cause)
            .help("give a LinuxKit YAML file")
    };
    bounded::text(path, MAX_SPEC).map_err(|cause| unread(&cause))
}

/// Appends one file's text.
///
/// # Errors
/// What is wrong with it.
pub fn append(spec: &mut Spec, text: &str) -> Result<(), BadSpec> {
    let document: Document = yaml(text).map_err(BadSpec::Syntax)?;
    let Document { kernel, init, onboot, onshutdown, services, files, volumes: typed_volumes, trust } = document;
    for (index, typed) in typed_volumes.into_iter().flatten().enumerate() {
        let volume = volume(&format!("volumes[{index}]"), typed)?;
        if spec.volumes.iter().any(|other| other.name == volume.name) {
            return Err(BadSpec::TwoVolumes(volume.name));
        }
        spec.volumes.push(volume);
    }
    if trust.is_some() {
        let words = "trust does nothing: no tool has checked it since 2021; what pins images is orlop-image lock";
        spec.ignored.push(words.to_owned());
    }
    if let Some(KernelKeys { image, cmdline, binary, tar, ucode }) = kernel {
        let image = image.filter(|name| !name.is_empty()).map(|name| reference("kernel.image", &name)).transpose()?;
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let old = std::mem::take(&mut spec.kernel);
        spec.kernel = Kernel {
            image: image.or(old.image),
            cmdline: said(cmdline).or(old.cmdline),
            binary: said(binary).or(old.binary),
            // An empty name is a statement: no archive.
            tar: tar.or(old.tar),
            ucode: said(ucode).or(old.ucode),
        };
    }
    for (index, name) in init.into_iter().flatten().enumerate() {
        spec.init.push(reference(&format!("init[{index}]"), &name)?);
    }
    for (section, list) in [(Section::Onboot, onboot), (Section::Onshutdown, onshutdown), (Section::Services, services)]
    {
        let into = match section {
            Section::Onboot => &mut spec.onboot,
            Section::Onshutdown => &mut spec.onshutdown,
            Section::Services => &mut spec.services,
        };
        for (index, settings) in list.into_iter().flatten().enumerate() {
            into.push(container(&format!("{section}[{index}]"), settings)?);
        }
        if into.len() > MAX_CONTAINERS {
            return Err(BadSpec::TooMany(section));
        }
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = spec.services.iter().find(|service| !names.insert(service.name.as_str())) {
        return Err(BadSpec::Twice(twice.name.clone()));
    }
    spec.files.extend(files.into_iter().flatten());
    Ok(())
}

fn container(at: &str, mut settings: Settings) -> Result<Container, BadSpec> {
    let missing = |key| BadSpec::Missing { at: at.to_owned(), key };
    let name = settings.name.take().ok_or_else(|| missing("name"))?;
    let image = settings.image.take().ok_or_else(|| missing("image"))?;
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(letter) || matches!(name.as_str(), "." | "..") {
        return Err(BadSpec::Name { at: at.to_owned(), name });
    }
    Ok(Container { name, image: reference(&format!("{at}.image"), &image)?, settings })
}

fn volume(at: &str, typed: volumes::Typed) -> Result<Volume, BadSpec> {
    let volumes::Typed { name, image, readonly, format, platforms } = typed;
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(letter) {
        return Err(BadSpec::VolumeName { at: at.to_owned(), name });
    }
    let image = image.filter(|image| !image.is_empty());
    let image = image.map(|image| reference(&format!("{at}.image"), &image)).transpose()?;
    // An empty one has no format.
    if image.is_some() && !matches!(format.as_deref(), None | Some("" | "filesystem")) {
        let instead = "its files can be there, by format: filesystem";
        return Err(BadSpec::Unsupported { key: "volumes with a format", instead });
    }
    if platforms.is_some_and(|platforms| !platforms.is_empty()) {
        return Err(BadSpec::Unsupported { key: "volumes with platforms", instead: "they belong to format: oci" });
    }
    Ok(Volume { name, image, readonly })
}

fn reference(at: &str, text: &str) -> Result<Reference, BadSpec> {
    if text.starts_with(TEMPLATE) {
        return Err(BadSpec::Template(format!("{at}: {text}")));
    }
    Reference::parse(text)
        .map(|reference| expanded(&reference))
        .map_err(|why| BadSpec::Reference { at: at.to_owned(), why })
}

/// YAML as LinuxKit's tool reads it: `010` is eight.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| plain(&error.to_string()))
}

/// The parser's message in one line: what follows shows the place as a picture, and what it advises is for those who call it.
fn plain(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let advice = [", set DuplicateKeyPolicy", "; use from_str_multiple"].into_iter().find_map(|start| line.find(start));
    line[..advice.unwrap_or(line.len())].to_owned()
}
