//! From a recipe and programs to a layout: where the programs are, and everything put together.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use orlop_sandbox::fatal::{Exit, Fatal};

use crate::digest::Digest;
use crate::elf;
use crate::image;
use crate::layout::{Layout, digest_of};
use crate::platform::Platform;
use crate::recipe::{Program, Recipe};
use crate::reference::Reference;
use crate::sbom::{self, Metadata};
use crate::workspace::Workspace;

/// The registry part of every image's name unless the user gives another. `.example` belongs to nobody (RFC 2606), so a
/// name that is not found locally is never looked for, and found, on somebody's registry.
pub const PREFIX: &str = "orlop.example";

/// What to build from, besides the recipe.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Only these platforms; empty: all for which there are programs.
    pub platforms: Vec<Platform>,
    /// Where programs are, instead of cargo's folders.
    pub folders: Vec<(Platform, PathBuf)>,
    /// The registry part of the name.
    pub prefix: String,
    /// Whether to attach an SBOM.
    pub sbom: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { platforms: Vec::new(), folders: Vec::new(), prefix: PREFIX.to_owned(), sbom: true }
    }
}

/// An image that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its recipe's name.
    pub name: String,
    /// What YAML calls it.
    pub reference: Reference,
    /// The digest that YAML can pin it by.
    pub digest: Digest,
    /// Which programs are in it, per platform.
    pub sources: Vec<Source>,
    /// All of it.
    pub layout: Layout,
}

/// Where the programs of a platform come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// For which platform.
    pub platform: Platform,
    /// The folder.
    pub folder: PathBuf,
    /// What a user should know about the choice.
    pub note: Option<&'static str>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { platform, folder, note } = self;
        write!(f, "{platform} from {}", folder.display())?;
        note.map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}

/// Builds one image, in memory.
///
/// # Errors
/// The recipe is wrong, or there are no programs that fit.
pub fn build(workspace: &Workspace, name: &str, plan: &Plan) -> Result<Built, Fatal> {
    let recipe = Recipe::load(&workspace.recipe(name)?)?;
    let (epoch, version) = (workspace.epoch()?, env!("CARGO_PKG_VERSION"));
    let sources = sources(workspace, &recipe, plan)?;
    let failed = |cause: std::io::Error| Fatal::new(Exit::Software, format!("cannot pack image {name}")).cause(cause);
    let (mut layout, mut manifests, mut boms) = (Layout::default(), Vec::new(), Vec::new());
    for Source { platform, folder, .. } in &sources {
        let tree = recipe.with_programs(|program| load(folder, program, *platform))?;
        let manifest = image::put(&mut layout, &recipe, &tree, *platform, version, epoch).map_err(failed)?;
        if plan.sbom {
            let metadata = Metadata::of(&workspace.root, *platform)?;
            boms.push((manifest.clone(), sbom::document(&metadata, &recipe, &tree, version)));
        }
        manifests.push(manifest);
    }
    // An index for one platform, too: a second one then changes what the name stands for, and not what kind of thing.
    let index = image::put_index(&mut layout, manifests).map_err(failed)?;
    let reference = format!("{}/{name}:{version}", plan.prefix);
    let reference = Reference::parse(&reference)
        .map_err(|error| Fatal::new(Exit::Usage, error.to_string()).help("--prefix HOST/PATH"))?;
    layout.name(&index, &reference);
    for (manifest, document) in boms {
        sbom::attach(&mut layout, &manifest, &document).map_err(failed)?;
    }
    Ok(Built { name: name.to_owned(), reference, digest: digest_of(&index), sources, layout })
}

/// Writes an image as a folder `OUT/NAME` and as an archive `OUT/NAME.tar`; returns both.
///
/// # Errors
/// They cannot be written.
pub fn write(workspace: &Workspace, built: &Built, out: &Path) -> Result<(PathBuf, PathBuf), Fatal> {
    let (folder, archive) = (out.join(&built.name), out.join(format!("{}.tar", built.name)));
    let failed = |path: &Path| {
        let problem = format!("cannot write {}", path.display());
        move |cause: std::io::Error| Fatal::new(Exit::Os, problem).cause(cause).help("choose another folder: --out DIR")
    };
    built.layout.write_folder(&folder).map_err(failed(&folder))?;
    let bytes = built.layout.to_tar(workspace.epoch()?).map_err(failed(&archive))?;
    fs::write(&archive, bytes).map_err(failed(&archive))?;
    Ok((folder, archive))
}

/// The folder to take programs from, for each platform.
fn sources(workspace: &Workspace, recipe: &Recipe, plan: &Plan) -> Result<Vec<Source>, Fatal> {
    let wanted = |platform: &Platform| plan.platforms.is_empty() || plan.platforms.contains(platform);
    let mut sources = Vec::new();
    for platform in Platform::ALL.into_iter().filter(wanted) {
        let given = plan.folders.iter().find(|(of, _)| *of == platform).map(|(_, folder)| folder);
        let found = match given {
            Some(folder) => Some(Source { platform, folder: folder.clone(), note: None }),
            None => of_cargo(&workspace.target(), recipe, platform),
        };
        match found {
            Some(source) => sources.push(source),
            None if plan.platforms.is_empty() => {}
            None => return Err(no_programs(recipe, platform)),
        }
    }
    if sources.is_empty() { Err(no_programs(recipe, Platform::HOST)) } else { Ok(sources) }
}

/// musl's if they have been built, else gnu's.
fn of_cargo(target: &Path, recipe: &Recipe, platform: Platform) -> Option<Source> {
    let [musl, gnu] = platform.targets().map(|triple| target.join(triple).join("release"));
    let built = |folder: &Path| -> Option<SystemTime> {
        let times = recipe.programs.iter().map(|p| fs::metadata(folder.join(&p.binary)).ok()?.modified().ok());
        times.collect::<Option<Vec<_>>>()?.into_iter().max()
    };
    let (folder, note) = match (built(&musl), built(&gnu)) {
        (Some(musl_at), Some(gnu_at)) if gnu_at > musl_at => (musl, Some("musl; older than the gnu build beside it")),
        (Some(_), _) => (musl, Some("musl")),
        (None, Some(_)) => (gnu, Some("gnu: no musl build, which would be half as large")),
        (None, None) => return None,
    };
    Some(Source { platform, folder, note })
}

fn no_programs(recipe: &Recipe, platform: Platform) -> Fatal {
    let names = recipe.programs.iter().map(|program| program.binary.as_str()).collect::<Vec<_>>().join(", ");
    let [musl, gnu] = platform.targets();
    let architecture = platform.architecture();
    Fatal::new(Exit::Config, format!("image {} has no programs for {platform}", recipe.name))
        .cause(format!("neither target/{musl}/release nor target/{gnu}/release has {names}"))
        .help(format!("cargo xtask build --target {gnu}, or say where they are: --bin-dir {architecture}=DIR"))
}

fn load(folder: &Path, program: &Program, platform: Platform) -> Result<Vec<u8>, Fatal> {
    let path = folder.join(&program.binary);
    let problem = || Fatal::new(Exit::Config, format!("{} cannot go into an image for {platform}", path.display()));
    let [_, gnu] = platform.targets();
    let content =
        fs::read(&path).map_err(|cause| problem().cause(cause).help(format!("cargo xtask build --target {gnu}")))?;
    elf::fits(&content, platform)
        .map_err(|cause| problem().cause(cause).help(format!("cargo xtask build --target {gnu}")))?;
    Ok(content)
}

#[cfg(test)]
mod tests;
