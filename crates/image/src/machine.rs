//! A machine from a spec: kernel, init images, containers and files in one root, in LinuxKit's order.
//!
//! Later ones overwrite files of earlier ones. Unlike LinuxKit's tool this does not merge the package databases of several
//! Alpine `init` images: the last one's is there.

use std::fmt;
use std::slice;
use std::sync::Arc;

use orlop_sandbox::fatal::{Exit, Fatal};

use crate::bundle::{self, Bundle, Placed, Purpose};
use crate::container::Config;
use crate::digest::Digest;
use crate::filesystem::{BadPath, Filesystem, Kind};
use crate::flatten::{self, BadLayer, Budget};
use crate::merge;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::files::{self, Ids};
use crate::spec::settings::Runtime;
use crate::spec::volumes::{self, Format};
use crate::spec::{Container, Section, Spec, Volume};
use crate::store::{BadImage, Resolved, Store};

mod control_groups;
mod placed_files;

use control_groups::Grouped;

/// In our init image, and in none of LinuxKit's.
const OUR_RUNTIME: &str = "usr/bin/orlop-container";

/// A part of the spec that files of the machine are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it stands in the spec: `services[0]`.
    pub location: String,
    /// Its image, or `linuxkit.files`.
    pub source: String,
    /// What a person calls it.
    pub name: String,
}

/// The kernel of a machine. It is beside the root, and not in it: a boot loader reads it from somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// As it lies in its image.
    pub binary: Arc<[u8]>,
    /// Its command line.
    pub cmdline: String,
    /// An archive with microcode, which the kernel looks for in front of the initrd.
    pub microcode: Option<Arc<[u8]>>,
}

/// A whole machine in memory.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Everything at the root; the entries' `part` is an index into `parts`.
    pub files: Filesystem,
    /// Where the files are from.
    pub parts: Vec<Part>,
    /// What boots it; a spec that is only a part of a machine has none.
    pub kernel: Option<Kernel>,
}

/// What the assembler tells while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// What is being done.
    Step(String),
    /// What will not work as its author may think.
    Warning(String),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(text) => f.write_str(text),
            Self::Warning(text) => write!(f, "warning: {text}"),
        }
    }
}

/// Who is told.
pub type Say<'a> = &'a mut dyn FnMut(Told);

/// Assembles a machine.
///
/// # Errors
/// An image is missing or broken, or the spec asks for something that cannot be.
pub fn assemble(spec: &Spec, store: &mut Store, platform: Platform, say: Say<'_>) -> Result<Machine, Fatal> {
    let mut assembly =
        Assembly { machine: Machine::default(), placed: Placed::new(), grouped: Vec::new(), store, platform, say };
    for words in &spec.warnings {
        (assembly.say)(Told::Warning(words.clone()));
    }
    // What is written into the machine about itself names exactly what is in it.
    let mut exact = spec.clone();
    let mut modules = Filesystem::default();
    if let Some(reference) = &mut exact.kernel.image {
        (*reference, modules) = assembly.kernel(spec, reference)?;
    }
    for (index, reference) in exact.init.iter_mut().enumerate() {
        *reference = assembly.init(index, reference)?;
    }
    // After the init images, whose /lib may be a link to /usr/lib: a folder could no longer become one.
    if let Some(reference) = &exact.kernel.image {
        assembly.modules(&modules, &reference.to_string())?;
    }
    for (index, volume) in exact.volumes.iter_mut().enumerate() {
        assembly.volume(index, volume)?;
    }
    let containers = Section::ALL.into_iter().flat_map(|section| spec.containers(section));
    let ids = files::number(containers.map(|container| container.name.as_str()));
    for section in Section::ALL {
        for (index, container) in exact.list(section).iter_mut().enumerate() {
            container.image = assembly.container(section, index, container, &spec.volumes, &ids)?;
        }
    }
    for (index, file) in spec.files.iter().enumerate() {
        let part = assembly.part(format!("files[{index}]"), "linuxkit.files".to_owned(), "files".to_owned());
        placed_files::put(&mut assembly.machine.files, file, index, &exact, &ids, part, assembly.say)?;
    }
    control_groups::check(&assembly.machine.files, assembly.grouped, assembly.say)?;
    Ok(assembly.machine)
}

struct Assembly<'a> {
    machine: Machine,
    placed: Placed,
    grouped: Vec<Grouped>,
    store: &'a mut Store,
    platform: Platform,
    say: Say<'a>,
}

impl Assembly<'_> {
    fn part(&mut self, location: String, source: String, name: String) -> usize {
        self.machine.parts.push(Part { location, source, name });
        self.machine.parts.len() - 1
    }

    /// The image of a reference and its digest.
    fn image(&mut self, at: &str, reference: &Reference) -> Result<(Resolved, Digest), Fatal> {
        let names = self.store.names();
        let found = self.store.resolve(reference, self.platform).cloned();
        let found = found.map_err(|error| refused(&names, at, reference, &error))?;
        if reference.digest.is_none() {
            (self.say)(Told::Step(format!("{at}: {reference} is not pinned by a digest")));
        }
        let digest =
            found.reference.digest.clone().ok_or_else(|| {
                Fatal::new(Exit::Software, format!("{at}: {reference} was found, but not by its digest"))
            })?;
        (self.say)(Told::Step(format!("{at}: {}", found.reference)));
        Ok((found, digest))
    }

    /// The image of a reference as such, and not its files.
    fn whole(&self, at: &str, reference: &Reference, platforms: &[Platform]) -> Result<(Reference, Filesystem), Fatal> {
        let platforms = if platforms.is_empty() { slice::from_ref(&self.platform) } else { platforms };
        let whole = self.store.whole(reference, platforms);
        let (exact, layout) = whole.map_err(|error| refused(&self.store.names(), at, reference, &error))?;
        Ok((exact, bundle::layout(&layout).map_err(|error| clash(at, &error))?))
    }

    /// Takes the kernel, and gives back what its image is and the modules in it.
    fn kernel(&mut self, spec: &Spec, reference: &Reference) -> Result<(Reference, Filesystem), Fatal> {
        let (image, _) = self.image("kernel", reference)?;
        let wrong = |cause: String| {
            Fatal::new(Exit::Config, format!("kernel: {reference} is not an image of a kernel")).cause(cause).help(
                "kernel.binary, kernel.tar and kernel.ucode name its files; orlop-image kernel makes such an image",
            )
        };
        let file = |name: &str| match image.files.at(name).map(|entry| &entry.kind) {
            Some(Kind::File(content)) => Ok(Arc::clone(content)),
            Some(_) | None => Err(wrong(format!("it has no file /{name}"))),
        };
        let binary = file(spec.kernel.binary())?;
        let modules = match spec.kernel.tar() {
            Some(name) => unpacked(&file(name)?).map_err(|error| wrong(format!("/{name}: {error}")))?,
            None => Filesystem::default(),
        };
        let cmdline = spec.kernel.cmdline.clone().unwrap_or_default();
        let microcode = spec.kernel.ucode.as_deref().map(file).transpose()?;
        self.machine.kernel = Some(Kernel { binary, cmdline, microcode });
        Ok((image.reference, modules))
    }

    fn modules(&mut self, modules: &Filesystem, source: &str) -> Result<(), Fatal> {
        let part = self.part("kernel".to_owned(), source.to_owned(), "kernel modules".to_owned());
        self.machine.files.graft("", modules, part).map_err(|error| clash("the kernel's archive", &error))
    }

    fn init(&mut self, index: usize, reference: &Reference) -> Result<Reference, Fatal> {
        let location = format!("init[{index}]");
        let (image, _) = self.image(&location, reference)?;
        let part = self.part(location.clone(), image.reference.to_string(), reference.repository.clone());
        let root = bundle::root(&image.files, Purpose::Root).map_err(|error| clash(&location, &error))?;
        self.machine.files.graft("", &root, part).map_err(|error| clash(&location, &error))?;
        Ok(image.reference)
    }

    /// Makes the folders that process 1 mounts one over the other, and names the image exactly.
    fn volume(&mut self, index: usize, volume: &mut Volume) -> Result<(), Fatal> {
        let location = format!("volume[{index}]");
        let at = format!("{location} ({})", volume.name);
        let (mut source, mut files) = ("linuxkit.volumes".to_owned(), Filesystem::default());
        if let Some(reference) = &mut volume.image {
            (*reference, files) = match volume.format {
                Format::Files => {
                    let (image, _) = self.image(&at, reference)?;
                    (image.reference, bundle::root(&image.files, Purpose::Root).map_err(|error| clash(&at, &error))?)
                }
                Format::Image => self.whole(&at, reference, &volume.platforms)?,
            };
            source = reference.to_string();
        }
        let part = self.part(location, source, volume.name.clone());
        bundle::put_volume(&mut self.machine.files, &volume.folder(), &files, part).map_err(|error| clash(&at, &error))
    }

    fn container(
        &mut self,
        section: Section,
        index: usize,
        container: &Container,
        volumes: &[Volume],
        ids: &Ids,
    ) -> Result<Reference, Fatal> {
        let location = format!("{section}[{index}]");
        let at = format!("{location} ({})", container.name);
        let (image, digest) = self.image(&at, &container.image)?;
        let bad = |cause: &dyn std::fmt::Display, help: &str| {
            Fatal::new(Exit::Config, format!("{at} cannot be a container")).cause(cause).help(help)
        };
        let label = merge::label(&image.config)
            .map_err(|error| bad(&error, "make the image again with a label that LinuxKit takes"))?;
        let settings = volumes::placed(container.settings.clone(), volumes)
            .map_err(|error| bad(&error, "name a volume of volumes:, or a path from the root"))?;
        let settings = merge::merge(settings, label, &image.config);
        let config = Config::new(&settings, ids)
            .map_err(|error| bad(&error, "correct the spec's entry, or the label of the image: orlop-image inspect"))?;
        let root = bundle::root(&image.files, Purpose::Container).map_err(|error| clash(&at, &error))?;
        if config.has_no_command() {
            (self.say)(Told::Warning(format!(
                "{at} starts nothing: neither the spec nor the image names a command (command: [/path/of/a/program])"
            )));
        }
        if config.is_readonly() {
            for missing in config.mount_points().filter(|path| !root.has(path)) {
                (self.say)(Told::Warning(format!(
                    "{at} is read-only and its image has no {missing} to mount on: it will not start"
                )));
            }
        }
        if self.machine.files.has(OUR_RUNTIME) && config.has_user_namespace() {
            (self.say)(Told::Warning(format!(
                "{at} asks for a user namespace, and orlop-container makes none: it will start with another runtime only \
                 (orlop.runtime=PATH on the kernel's command line)"
            )));
        }
        let part = self.part(location, image.reference.to_string(), container.name.clone());
        let folder = section.folder(index, &container.name);
        let runtime = settings.runtime.unwrap_or_default();
        if let Some(why) = not_with_our_init(&self.machine.files, &runtime) {
            return Err(bad(&why, "give it net: host and no runtime.interfaces, or take LinuxKit's images for init:"));
        }
        self.grouped.push(Grouped::new(at.clone(), section, &folder, settings.cgroups_path));
        Bundle { folder: &folder, config: &config, runtime: &runtime }
            .put(&mut self.machine.files, &root, &digest, &mut self.placed, part)
            .map_err(|error| clash(&at, &error))?;
        Ok(image.reference)
    }
}

/// Why an image cannot be taken, and what helps; `names` are those that there are.
fn refused(names: &[String], at: &str, reference: &Reference, error: &BadImage) -> Fatal {
    let help = match error {
        BadImage::Unknown if names.is_empty() => {
            "no image was given: orlop-image build --all, or --image PATH".to_owned()
        }
        BadImage::Unknown => format!(
            "orlop-image lock pins a spec to what was built; --image PATH adds layouts; NAME@sha256:… takes what has no \
             name; there are: {}",
            names.join(", ")
        ),
        BadImage::Ambiguous(..) => "pin it by digest: orlop-image lock SPEC".to_owned(),
        BadImage::Platform { .. } => "orlop-image build --platform, or assemble --platform another".to_owned(),
        BadImage::Layout { .. }
        | BadImage::Size { .. }
        | BadImage::Digest(_)
        | BadImage::Layers(_)
        | BadImage::Layer { .. }
        | BadImage::DiffId(_) => "the image is damaged or not what Linux can use: make it again".to_owned(),
    };
    Fatal::new(Exit::Config, format!("{at}: cannot take {reference}")).cause(error).help(help)
}

/// What a machine with `orlop-init` could not start: better said now than by the machine.
fn not_with_our_init(files: &Filesystem, runtime: &Runtime) -> Option<String> {
    let interface = runtime.interfaces.iter().flatten().next().filter(|_| files.has(OUR_RUNTIME))?;
    Some(format!("it asks for the interface {}, and orlop-init moves none into containers", interface.name))
}

/// The files of a `kernel.tar`.
fn unpacked(blob: &[u8]) -> Result<Filesystem, BadLayer> {
    let (mut files, mut budget) = (Filesystem::default(), Budget::default());
    let archive = flatten::decompress(blob, &mut budget)?;
    flatten::apply(&mut files, &archive, &mut budget)?;
    Ok(files)
}

fn clash(at: &str, error: &BadPath) -> Fatal {
    Fatal::new(Exit::Config, format!("{at} cannot lie in the machine"))
        .cause(error)
        .help("two images, or an image and a file, want the same path as different things: change one of them")
}

#[cfg(test)]
mod tests;
