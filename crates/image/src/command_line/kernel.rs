//! `orlop-image kernel`.

use std::collections::HashMap;
use std::path::PathBuf;

use orlop_sandbox::fatal::{Exit, Fatal};

use crate::build::{self, Built, PREFIX};
use crate::image;
use crate::kernel::{BadKernel, Package};
use crate::layout::{Layout, digest_of};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::workspace::Workspace;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Kernel {
    /// An unpacked kernel package: a folder with boot/vmlinuz-RELEASE and lib/modules/RELEASE
    #[arg(value_name = "DIR")]
    package: PathBuf,

    /// Modules to take along, and what they need; may be given several times
    #[arg(long = "module", value_name = "NAME", value_delimiter = ',')]
    modules: Vec<String>,

    /// Which kernel, where DIR has several
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,

    /// For which platform: linux/amd64 or linux/arm64 [default: the one this runs on]
    #[arg(long, value_name = "PLATFORM", value_parser = Platform::parse)]
    platform: Option<Platform>,

    /// The image's name, after the prefix
    #[arg(long, default_value = "kernel")]
    name: String,

    /// The image's tag [default: the kernel's release]
    #[arg(long)]
    tag: Option<String>,

    /// What images are called before their name: the registry and path they will be pushed to
    #[arg(long, value_name = "HOST/PATH", default_value = PREFIX)]
    prefix: String,

    /// Write DIR/NAME-TAG (a layout folder) and DIR/NAME-TAG.tar [default: target/images]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Kernel {
    pub(super) fn run(self) -> Result<String, Fatal> {
        let Self { package, modules, release, platform, name, tag, prefix, out } = self;
        let platform = platform.unwrap_or(Platform::HOST);
        let workspace = Workspace::find()?;
        let epoch = workspace.epoch()?;
        let failed = |error: BadKernel| {
            let help = match error {
                BadKernel::Release(_) => "--release RELEASE",
                BadKernel::Unknown { .. } => "--module NAME, as `find DIR/lib/modules -name '*.ko*'` shows them",
                BadKernel::Platform { .. } => "--platform linux/amd64 or linux/arm64",
                BadKernel::Read { .. }
                | BadKernel::NoKernel(_)
                | BadKernel::NoModules(_)
                | BadKernel::Module { .. }
                | BadKernel::Pack(_) => "unpack a Debian kernel package: dpkg-deb -x linux-image-RELEASE.deb DIR",
            };
            Fatal::new(Exit::Config, format!("cannot make an image of the kernel in {}", package.display()))
                .cause(error)
                .help(help)
        };
        let kernel = Package::open(&package, release.as_deref()).map_err(failed)?;
        let picked = kernel.pick(&modules, platform).map_err(failed)?;
        let tree = kernel.image(&picked, platform, epoch).map_err(failed)?;
        // A plus is no letter of a tag.
        let tag = tag.unwrap_or_else(|| kernel.release.replace('+', "-"));
        let reference = Reference::parse(&format!("{prefix}/{name}:{tag}")).map_err(|error| {
            Fatal::new(Exit::Usage, error.to_string()).help("--prefix HOST/PATH --name NAME --tag TAG")
        })?;
        let labels = HashMap::from([
            ("org.opencontainers.image.title".to_owned(), name.clone()),
            ("org.opencontainers.image.version".to_owned(), kernel.release.clone()),
        ]);
        let packed = |cause: std::io::Error| failed(BadKernel::Pack(cause));
        let mut layout = Layout::default();
        let manifest = image::put_tree(&mut layout, &tree, platform, &[], labels, epoch).map_err(packed)?;
        let index = image::put_index(&mut layout, vec![manifest]).map_err(packed)?;
        layout.name(&index, &reference);
        let built =
            Built { name: format!("{name}-{tag}"), reference, digest: digest_of(&index), sources: Vec::new(), layout };
        let (folder, archive) = build::write(&workspace, &built, &out.unwrap_or_else(|| workspace.images()))?;
        let mut text = format!("{}\n  digest   {}\n  release  {}\n", built.reference, built.digest, kernel.release);
        for module in &picked.modules {
            text += &format!("  module   {} ({} bytes)\n", module.name, module.content.len());
        }
        for name in &picked.builtin {
            text += &format!("  built in {name}\n");
        }
        text += &format!("  layout   {}\n  archive  {}\n", folder.display(), archive.display());
        Ok(text)
    }
}

const AFTER_HELP: &str = "\
  apt-get download linux-image-6.12.117+deb12-cloud-amd64
  dpkg-deb -x linux-image-*.deb unpacked
  orlop-image kernel unpacked --module virtio_net,overlay --tag 6.12
  orlop-image assemble SPEC.yml        with   kernel: {image: orlop.example/kernel:6.12, cmdline: console=ttyS0}

The image has /kernel and /kernel.tar, as LinuxKit's kernel images do, so LinuxKit's tool takes it, too. Modules are unpacked
and listed in the order to load them: lib/modules/RELEASE/modules.order.";
