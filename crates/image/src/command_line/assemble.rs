//! `orlop-image assemble`.

use std::cell::Cell;
use std::path::PathBuf;

use orlop_sandbox::fatal::{Exit, Fatal};

use crate::machine::{self, Told};
use crate::output::{self, Format, Packing, table};
use crate::platform::Platform;
use crate::spec::read;
use crate::store::Store;
use crate::workspace::Workspace;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Assemble {
    /// LinuxKit YAML files: lists are appended, the kernel's fields of later files override those of earlier ones
    #[arg(value_name = "SPEC", required = true)]
    specs: Vec<PathBuf>,

    /// What to write
    #[arg(long, value_enum, value_delimiter = ',', default_value = "kernel+initrd")]
    format: Vec<Format>,

    /// How to pack the initrd
    #[arg(long, value_enum, default_value_t)]
    pack: Packing,

    /// Where to write [default: target/machines]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// What the files' names begin with [default: the name of the last SPEC]
    #[arg(long, value_name = "BASE")]
    name: Option<String>,

    /// For which platform: linux/amd64 or linux/arm64 [default: the one this runs on]
    #[arg(long, value_name = "PLATFORM", value_parser = Platform::parse)]
    platform: Option<Platform>,

    /// Also look for images in PATH: an OCI layout (a folder or a .tar file), or a folder of such folders
    #[arg(long, value_name = "PATH")]
    image: Vec<PathBuf>,

    /// The folder of images that `build` wrote [default: target/images]
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// Write nothing where there is a warning
    #[arg(long)]
    strict: bool,

    /// Say nothing while working, but for warnings
    #[arg(long, short)]
    quiet: bool,
}

impl Assemble {
    pub(super) fn run(self) -> Result<String, Fatal> {
        let Self { specs, format, pack, out, name, platform, image, images, strict, quiet } = self;
        let warnings = Cell::new(0_usize);
        let mut say = |told: Told| {
            let is_warning = matches!(told, Told::Warning(_));
            warnings.set(warnings.get() + usize::from(is_warning));
            if !quiet || is_warning {
                eprintln!("{told}");
            }
        };
        let spec = read::files(&specs)?;
        let mut store = Store::default();
        match images {
            Some(images) => store.add(&images)?,
            // Where nothing has been built there may be nothing: other places can have what is needed.
            None => match Workspace::find().map(|workspace| workspace.images()) {
                Ok(images) if images.is_dir() => store.add(&images)?,
                Ok(_) | Err(_) => {}
            },
        }
        for path in &image {
            store.add(path)?;
        }
        let machine = machine::assemble(&spec, &mut store, platform.unwrap_or(Platform::HOST), &mut say)?;
        if strict && warnings.get() > 0 {
            return Err(Fatal::new(
                Exit::Config,
                format!("{} warnings, and --strict takes them for errors", warnings.get()),
            )
            .help("mend what the lines above name, or assemble without --strict"));
        }
        let out = match out {
            Some(out) => out,
            None => Workspace::find()?.target().join("machines"),
        };
        let base = out.join(base_name(name, &specs)?);
        let mut written = Vec::new();
        for format in format {
            say(Told::Step(format!("writing {}", base.display())));
            written.extend(output::write(&machine, format, pack, &base)?);
        }
        Ok(table::table(&machine, &written))
    }
}

fn base_name(given: Option<String>, specs: &[PathBuf]) -> Result<String, Fatal> {
    let of_spec = || Some(specs.last()?.file_stem()?.to_string_lossy().into_owned());
    let name = given.or_else(of_spec).unwrap_or_default();
    if name.is_empty() || name.contains('/') {
        return Err(Fatal::new(Exit::Usage, format!("{name:?} is no name for files")).help("--name BASE --out DIR"));
    }
    Ok(name)
}

const AFTER_HELP: &str = "\
Images are found by the digest in the spec, or by name where it has none, in folders and archives on this machine; nothing
is ever fetched. Every blob that is read is compared with its digest. The same specs and images give the same bytes.

The keys are those of LinuxKit's YAML. Not supported, and refused by name: volumes with format: oci, @pkg: references.
A value of another kind than LinuxKit's tool takes is a warning; --strict makes every warning an error.

  orlop-image assemble base.yml packaging/specs/dhcp.yml --name machine
  qemu-system-x86_64 -kernel target/machines/machine-kernel -initrd target/machines/machine-initrd.img \\
    -append \"$(cat target/machines/machine-cmdline)\"

Lines on stderr say which image each part is from; lines that begin with `warning:` say what will not work at boot.";
