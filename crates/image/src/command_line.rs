//! What the command line asks for.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::build::{self, PREFIX, Plan};
use crate::compare::{self, Size};
use crate::inspect::{self, Contents};
use crate::lock;
use crate::platform::Platform;
use crate::workspace::Workspace;

mod assemble;
mod kernel;

/// OCI images without an engine and without the network: the same bytes wherever they are built.
#[derive(Debug, Parser)]
#[command(name = "orlop-image", version, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build images from packaging/images/NAME/recipe.toml and the static programs that cargo has built
    Build(Build),
    /// Show what is in an image: files and their sizes, command, label, capabilities, what is attached
    Inspect {
        /// A name, a layout folder or a .tar file
        image: PathBuf,
    },
    /// Print the digest that YAML pins an image by
    Digest {
        /// A name, a layout folder or a .tar file
        image: PathBuf,
    },
    /// Pin the references of LinuxKit specs to the digests of the images that were built
    Lock(Lock),
    /// Make a machine from LinuxKit specs: kernel, initrd and command line, or a tar archive
    Assemble(assemble::Assemble),
    /// Make an image of a kernel and only the modules asked for, from an unpacked Debian package
    Kernel(kernel::Kernel),
    /// Compare an image's size with that of installed Debian packages and their libraries, packed the same way
    Compare {
        /// A name, a layout folder or a .tar file
        image: PathBuf,
        /// Packages that together do the same
        #[arg(long, value_name = "PACKAGE", value_delimiter = ',', default_value = "busybox,dhcpcd-base")]
        with: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Build {
    /// Which images [see: packaging/images]
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,

    /// Every image that has a recipe
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Only for this platform: linux/amd64 or linux/arm64 [default: all that have been compiled for]
    #[arg(long, value_name = "PLATFORM", value_parser = Platform::parse)]
    platform: Vec<Platform>,

    /// Take the programs of ARCH (amd64, arm64) from DIR [default: target/TRIPLE/release, musl before gnu]
    #[arg(long, value_name = "ARCH=DIR", value_parser = folder)]
    bin_dir: Vec<(Platform, PathBuf)>,

    /// Write DIR/NAME (a layout folder) and DIR/NAME.tar [default: target/images]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// What images are called before their name: the registry and path they will be pushed to
    #[arg(long, value_name = "HOST/PATH", default_value = PREFIX)]
    prefix: String,

    /// Attach no list of what the programs are made of (it needs cargo)
    #[arg(long)]
    no_sbom: bool,
}

#[derive(Debug, clap::Args)]
struct Lock {
    /// LinuxKit YAML files; they are edited where they lie
    #[arg(value_name = "SPEC", required = true)]
    specs: Vec<PathBuf>,

    /// Change nothing, and fail when a lock is stale
    #[arg(long)]
    check: bool,

    /// Where the images are [default: target/images]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Does what the line asks for; returns what to print.
///
/// # Errors
/// The line asks for nothing that exists, or it cannot be done.
pub fn run(line: impl IntoIterator<Item = OsString>) -> Result<String, Fatal> {
    match Line::try_parse_from(line) {
        Ok(Line { verb }) => verb.run(),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(error.render().to_string())
        }
        Err(error) => Err(usage(&error)),
    }
}

/// clap's first paragraph is the problem; its rest repeats the usage line.
fn usage(error: &clap::Error) -> Fatal {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Fatal::new(Exit::Usage, "what shall be done?").help("orlop-image --help");
    }
    let text = error.render().to_string();
    let problem = text.split("\n\n").next().unwrap_or_default();
    let problem = problem.strip_prefix("error: ").unwrap_or(problem).split_whitespace().collect::<Vec<_>>().join(" ");
    Fatal::new(Exit::Usage, problem).help("orlop-image --help")
}

impl Verb {
    fn run(self) -> Result<String, Fatal> {
        match self {
            Self::Build(build) => build.run(),
            Self::Inspect { image } => inspect::report(&place(&image)?),
            Self::Digest { image } => digest(&place(&image)?),
            Self::Lock(lock) => lock.run(),
            Self::Assemble(assemble) => assemble.run(),
            Self::Kernel(kernel) => kernel.run(),
            Self::Compare { image, with } => compared(&place(&image)?, &with),
        }
    }
}

impl Build {
    fn run(self) -> Result<String, Fatal> {
        let Self { names, all, platform, bin_dir, out, prefix, no_sbom } = self;
        let workspace = Workspace::find()?;
        let names = if all { workspace.recipes()? } else { names };
        let out = out.unwrap_or_else(|| workspace.images());
        let plan = Plan { platforms: platform, folders: bin_dir, prefix, sbom: !no_sbom };
        let mut text = String::new();
        for name in names {
            let built = build::build(&workspace, &name, &plan)?;
            let (folder, archive) = build::write(&workspace, &built, &out)?;
            text += &format!("{}\n  digest   {}\n", built.reference, built.digest);
            for source in &built.sources {
                text += &format!("  programs {source}\n");
            }
            text += &format!("  layout   {}\n  archive  {}\n", folder.display(), archive.display());
        }
        Ok(text)
    }
}

impl Lock {
    fn run(self) -> Result<String, Fatal> {
        let Self { specs, check, out } = self;
        let out = match out {
            Some(out) => out,
            None => Workspace::find()?.images(),
        };
        let images = lock::images(&out)?;
        specs.iter().map(|spec| lock::file(spec, &images, check)).collect()
    }
}

fn digest(path: &Path) -> Result<String, Fatal> {
    let layout = inspect::open(path)?;
    let named: String = layout.names().map(|(reference, root)| format!("{reference}@{}\n", root.digest())).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    // As skopeo writes them: found by digest alone.
    let images = layout.manifests().iter().filter(|descriptor| descriptor.artifact_type().is_none());
    let digests: BTreeSet<String> = images.map(|descriptor| format!("{}\n", descriptor.digest())).collect();
    Ok(digests.into_iter().collect())
}

fn compared(path: &Path, packages: &[String]) -> Result<String, Fatal> {
    let epoch = Workspace::find()?.epoch()?;
    let layout = inspect::open(path)?;
    let broken = |error: crate::layout::BadLayout| {
        Fatal::new(Exit::Config, format!("{} is not an image of ours", path.display())).cause(error)
    };
    let packed = |cause: std::io::Error| Fatal::os("cannot pack", cause);
    let mut sizes = Vec::new();
    for (reference, root) in layout.names() {
        for manifest in inspect::platforms(&layout, root).map_err(broken)? {
            let contents = Contents::read(&layout, &manifest).map_err(broken)?;
            let name = format!("{} {}", reference.repository, contents.configuration.architecture());
            sizes.push(Size::of(&name, &contents.tree, epoch).map_err(packed)?);
        }
    }
    let name = format!("Debian's {}", packages.join(" + "));
    sizes.push(Size::of(&name, &compare::debian(packages)?, epoch).map_err(packed)?);
    Ok(compare::table(sizes))
}

/// A layout by its path, or by the name of its recipe.
fn place(image: &Path) -> Result<PathBuf, Fatal> {
    if image.exists() {
        return Ok(image.to_owned());
    }
    let built = Workspace::find()?.images().join(image);
    if built.exists() {
        return Ok(built);
    }
    Err(Fatal::new(Exit::Usage, format!("there is no image {}", image.display()))
        .cause(format!("neither it nor {} is there", built.display()))
        .help("orlop-image build --all"))
}

fn folder(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, folder) = text.split_once('=').ok_or("write ARCH=DIR, for instance amd64=/tmp/bin")?;
    Ok((Platform::parse(platform)?, PathBuf::from(folder)))
}

const AFTER_HELP: &str = "\
From sources to a LinuxKit spec:
  cargo xtask build                              compile the programs, static
  orlop-image build --all                        target/images/NAME and NAME.tar
  orlop-image lock packaging/specs/NAME.yml      pin the spec to what was built
  linuxkit cache import target/images/NAME.tar   make it known to LinuxKit's tool

From a LinuxKit spec to a machine, without LinuxKit's tool:
  orlop-image kernel unpacked --module virtio_net   an image of Debian's kernel
  orlop-image assemble SPEC.yml                     kernel, initrd and command line

The archive is also what `ctr image import` reads; the folder is what skopeo and podman (pull) call
oci:target/images/NAME:TAG, and umoci target/images/NAME:TAG.

Exit codes:  64 the command line   71 the system refused   78 a recipe, program, image, spec or lock is wrong";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn line(text: &str) -> Result<String, Fatal> {
        run(text.split(' ').map(OsString::from))
    }

    #[test]
    fn the_command_line_is_consistent_and_helps() {
        Line::command().debug_assert();
        assert!(line("orlop-image --help").unwrap().contains("linuxkit cache import"));
        for verb in Line::command().get_subcommands() {
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
        }
    }

    #[test]
    fn a_line_that_asks_for_nothing_is_refused_with_help() {
        for (what, text, want) in [
            ("nothing", "orlop-image", "what shall be done"),
            ("an unknown verb", "orlop-image biuld", "biuld"),
            ("no image", "orlop-image build", "required arguments"),
            ("both", "orlop-image build --all dhcp", "cannot be used with"),
            ("an unknown platform", "orlop-image build dhcp --platform s390x", "there are linux/amd64"),
            ("a folder without its platform", "orlop-image build dhcp --bin-dir /tmp", "ARCH=DIR"),
            ("an unknown image", "orlop-image build dhpc", "there is no image dhpc"),
            ("an image that was not built", "orlop-image inspect /nonexistent", "there is no image /nonexistent"),
        ] {
            let error = line(text).unwrap_err();
            assert_eq!(error.exit, Exit::Usage, "{what}");
            let error = error.to_string();
            assert!(error.contains(want) && error.contains("help: "), "{what}: {error}");
        }
    }
}
