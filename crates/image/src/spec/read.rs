//! From files to a [`Spec`]: later ones override the kernel's fields, lists are appended.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orlop_sandbox::fatal::{Exit, Fatal};

use super::{
    BadSpec, Container, Document, Kernel, KernelKeys, Section, Settings, Spec, Volume, expanded, kinds,
    volumes::{self, Format},
};
use crate::bounded;
use crate::platform::Platform;
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
    let mut part = part(yaml(text).map_err(BadSpec::Syntax)?)?;
    // As it is typed: `yes` is a word.
    let typed = parsed(text, serde_saphyr::options! { legacy_octal_numbers: true, strict_booleans: true });
    let typed: serde_json::Value = typed.map_err(BadSpec::Syntax)?;
    let understood = serde_json::to_value(&part).map_err(|error| BadSpec::Syntax(error.to_string()))?;
    part.warnings.extend(kinds::differences(&typed, &understood));
    join(spec, part)
}

/// What one document says.
fn part(document: Document) -> Result<Spec, BadSpec> {
    let Document { kernel, init, onboot, onshutdown, services, files, volumes, trust } = document;
    let mut part = Spec::default();
    if trust.is_some() {
        let words = "trust does nothing: no tool has checked it since 2021; what pins images is orlop-image lock";
        part.warnings.push(words.to_owned());
    }
    if let Some(KernelKeys { image, cmdline, binary, tar, ucode }) = kernel {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let image = said(image).map(|name| reference("kernel.image", &name)).transpose()?;
        // An empty name of the archive is a statement: there is none.
        part.kernel = Kernel { image, cmdline: said(cmdline), binary: said(binary), tar, ucode: said(ucode) };
    }
    for (index, name) in init.into_iter().flatten().enumerate() {
        part.init.push(reference(&format!("init[{index}]"), &name)?);
    }
    for (index, typed) in volumes.into_iter().flatten().enumerate() {
        part.volumes.push(volume(&format!("volumes[{index}]"), typed)?);
    }
    for (section, list) in [(Section::Onboot, onboot), (Section::Onshutdown, onshutdown), (Section::Services, services)]
    {
        for (index, settings) in list.into_iter().flatten().enumerate() {
            part.list(section).push(container(&format!("{section}[{index}]"), settings)?);
        }
    }
    part.files.extend(files.into_iter().flatten());
    Ok(part)
}

/// Appends what one file says: its kernel's fields override, its lists follow.
fn join(spec: &mut Spec, part: Spec) -> Result<(), BadSpec> {
    let Spec { kernel, init, volumes, onboot, onshutdown, services, files, warnings } = part;
    let old = std::mem::take(&mut spec.kernel);
    spec.kernel = Kernel {
        image: kernel.image.or(old.image),
        cmdline: kernel.cmdline.or(old.cmdline),
        binary: kernel.binary.or(old.binary),
        tar: kernel.tar.or(old.tar),
        ucode: kernel.ucode.or(old.ucode),
    };
    spec.init.extend(init);
    spec.volumes.extend(volumes);
    spec.files.extend(files);
    spec.warnings.extend(warnings);
    for (section, list) in [(Section::Onboot, onboot), (Section::Onshutdown, onshutdown), (Section::Services, services)]
    {
        let into = spec.list(section);
        into.extend(list);
        if into.len() > MAX_CONTAINERS {
            return Err(BadSpec::TooMany(section));
        }
    }
    if let Some(name) = twice(spec.services.iter().map(|service| service.name.as_str())) {
        return Err(BadSpec::Twice(name));
    }
    twice(spec.volumes.iter().map(|volume| volume.name.as_str())).map_or(Ok(()), |name| Err(BadSpec::TwoVolumes(name)))
}

fn twice<'n>(mut names: impl Iterator<Item = &'n str>) -> Option<String> {
    let mut seen = BTreeSet::new();
    names.find(|name| !seen.insert(*name)).map(str::to_owned)
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
    let format = match format.as_deref().filter(|_| image.is_some()) {
        None | Some("" | "filesystem") => Format::Files,
        Some("oci") => Format::Image,
        Some(_) => {
            let instead = "there are format: filesystem, and format: oci";
            return Err(BadSpec::Unsupported { key: "volumes with a format", instead });
        }
    };
    let platforms = platforms.unwrap_or_default();
    if format == Format::Files && !platforms.is_empty() {
        return Err(BadSpec::Unsupported { key: "volumes with platforms", instead: "they belong to format: oci" });
    }
    let known =
        |text: &String| Platform::parse(text).map_err(|why| BadSpec::Platform { at: format!("{at}.platforms"), why });
    let platforms = platforms.iter().map(known).collect::<Result<_, _>>()?;
    Ok(Volume { name, image, readonly, format, platforms })
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
    parsed(text, serde_saphyr::options! { legacy_octal_numbers: true })
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str, options: serde_saphyr::Options) -> Result<T, String> {
    serde_saphyr::from_str_with_options(text, options).map_err(|error| plain(&error.to_string()))
}

/// The parser's message in one line: what follows shows the place as a picture, and what it advises is for those who call it.
fn plain(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let advice = [", set DuplicateKeyPolicy", "; use from_str_multiple"].into_iter().find_map(|start| line.find(start));
    line[..advice.unwrap_or(line.len())].to_owned()
}
