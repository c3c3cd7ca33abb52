//! A container on disk, as LinuxKit's init finds it: `config.json`, `runtime.json` and the image's files.
//!
//! A read-only container has them in `rootfs/`, which is bound upon itself. Any other has them in `lower/`, with an overlay
//! over them whose upper layer is a tmpfs on `tmp/`, mounted on `rootfs/`. An image that several containers use lies there
//! once, with the first of them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::container::Config;
use crate::digest::Digest;
use crate::filesystem::{BadPath, Entry, Filesystem, Kind};
use crate::layout::Layout;
use crate::spec::Runtime;
use crate::spec::settings::{Interface, Mount};

/// What LinuxKit dates everything it makes itself: 2017-04-18T16:30:00Z.
pub const MTIME: u32 = 1_492_533_000;

/// Files that engines leave in an image, and that nobody in a machine wants.
const DROPPED: [&str; 4] = [".dockerenv", "Dockerfile", "dev/console", "etc/hostname"];
/// Folders that are in every image's root, whatever it has, so that something can be mounted on them.
const FOLDERS: [&str; 6] = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
/// `etc/hosts` of every container.
const HOSTS: &str = "\
127.0.0.1       localhost
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
";
/// `etc/resolv.conf` of a container that binds none.
const NO_RESOLV_CONF: &str = "\n# no resolv.conf configured\n";
/// Where the machine's own `etc/resolv.conf` leads to, so that it can be written while the root is read-only.
const RESOLV_CONF: &str = "/run/resolvconf/resolv.conf";

/// For whom an image's files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A container.
    Container,
    /// The machine's own root: an `init` image.
    Root,
}

/// The files of an image as they lie in a machine: without what engines leave, with what a runtime needs.
///
/// # Errors
/// The image has a file where a folder must be.
pub fn root(files: &Filesystem, purpose: Purpose) -> Result<Filesystem, BadPath> {
    let mut root = files.clone();
    for path in DROPPED {
        root.remove(path)?;
    }
    for path in FOLDERS {
        let kept = root.at(path).filter(|entry| entry.kind == Kind::Directory).map(|entry| entry.mode);
        // A link is replaced, and so is a file: nothing can be mounted on them.
        if kept.is_none() {
            root.remove(path)?;
        }
        root.put(path, Entry::directory(kept.unwrap_or(0o755), MTIME))?;
    }
    let resolv_conf = match purpose {
        Purpose::Container => Entry::file(NO_RESOLV_CONF.as_bytes(), 0o644, MTIME),
        Purpose::Root => Entry::link(RESOLV_CONF, MTIME),
    };
    let hosts = Entry::file(HOSTS.as_bytes(), 0o644, MTIME);
    for (path, entry) in [("etc/hosts", hosts), ("etc/resolv.conf", resolv_conf)] {
        root.remove(path)?;
        root.put(path, entry)?;
    }
    if root.at("etc/mtab").is_none() {
        root.put("etc/mtab", Entry::link("/proc/mounts", MTIME))?;
    }
    Ok(root)
}

/// `runtime.json`: what is made ready outside of a container. Every field is written, an empty one too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeFile<'a> {
    cgroups: &'a [String],
    mounts: Vec<Mount>,
    mkdir: &'a [String],
    interfaces: &'a [Interface],
    #[serde(rename = "bindNS")]
    bind_ns: BTreeMap<&'static str, &'a str>,
    namespace: &'a str,
}

impl<'a> RuntimeFile<'a> {
    fn new(runtime: &'a Runtime, mut mounts: Vec<Mount>) -> Self {
        let Runtime { cgroups, mounts: more, mkdir, interfaces, bind_ns, namespace } = runtime;
        mounts.extend(more.iter().flatten().cloned());
        let path = |path: &'a Option<String>| path.as_deref().unwrap_or_default();
        Self {
            cgroups: cgroups.as_deref().unwrap_or_default(),
            mounts,
            mkdir: mkdir.as_deref().unwrap_or_default(),
            interfaces: interfaces.as_deref().unwrap_or_default(),
            bind_ns: BTreeMap::from([
                ("cgroup", path(&bind_ns.cgroup)),
                ("ipc", path(&bind_ns.ipc)),
                ("mnt", path(&bind_ns.mnt)),
                ("net", path(&bind_ns.net)),
                ("pid", path(&bind_ns.pid)),
                ("user", path(&bind_ns.user)),
                ("uts", path(&bind_ns.uts)),
            ]),
            namespace: path(namespace),
        }
    }
}

/// What one container needs beside its image's files.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'a> {
    /// Its folder below the machine's root.
    pub folder: &'a str,
    /// What it starts with.
    pub config: &'a Config,
    /// What is made ready for it.
    pub runtime: &'a Runtime,
}

/// Where images that were put already lie, by their digests.
pub type Placed = BTreeMap<Digest, String>;

impl Bundle<'_> {
    /// Puts the container into a machine. `files` is its image's root, and `image` what that is known by.
    ///
    /// # Errors
    /// Something is in the way.
    pub fn put(
        self,
        machine: &mut Filesystem,
        files: &Filesystem,
        image: &Digest,
        placed: &mut Placed,
        part: usize,
    ) -> Result<(), BadPath> {
        let Self { folder, config, runtime } = self;
        let is_readonly = config.is_readonly();
        let (rootfs, tmp) = (format!("{folder}/rootfs"), format!("{folder}/tmp"));
        let made = |entry: Entry| entry.of(part);
        machine.put(folder, made(Entry::directory(0o755, MTIME)))?;
        let root = match placed.get(image) {
            Some(root) => root.clone(),
            None => {
                let root = if is_readonly { rootfs.clone() } else { format!("{folder}/lower") };
                machine.put(&root, made(Entry::directory(0o755, MTIME)))?;
                machine.graft(&root, files, part)?;
                placed.insert(image.clone(), root.clone());
                root
            }
        };
        machine.put(&rootfs, made(Entry::directory(0o755, MTIME)))?;
        let mounts = if is_readonly {
            vec![mount(&format!("/{rootfs}"), "", &format!("/{root}"), &["bind"])]
        } else {
            machine.put(&tmp, made(Entry::directory(0o755, MTIME)))?;
            let layers =
                [format!("lowerdir=/{root}"), format!("upperdir=/{tmp}/upper"), format!("workdir=/{tmp}/work")];
            vec![
                mount(&format!("/{tmp}"), "tmpfs", "tmpfs", &[]),
                // Nobody else shall see the upper layer.
                mount(&format!("/{tmp}"), "", "", &["remount", "private"]),
                mount(&format!("/{rootfs}"), "overlay", "overlay", &layers.each_ref().map(String::as_str)),
            ]
        };
        machine.put(&format!("{folder}/config.json"), made(Entry::file(json(config), 0o644, MTIME)))?;
        let runtime = json(&RuntimeFile::new(runtime, mounts));
        machine.put(&format!("{folder}/runtime.json"), made(Entry::file(runtime, 0o644, MTIME)))
    }
}

/// A layout of images as files of a machine.
///
/// # Errors
/// Never: its paths do not lead through each other.
pub fn layout(layout: &Layout) -> Result<Filesystem, BadPath> {
    let mut files = Filesystem::default();
    for folder in ["blobs", "blobs/sha256"] {
        files.put(folder, Entry::directory(0o755, MTIME))?;
    }
    for (path, content) in layout.files() {
        files.put(&path, Entry::file(content, 0o644, MTIME))?;
    }
    Ok(files)
}

/// Puts a volume into a machine: what it begins with in `lower`, a folder for what is written, and one that shows both.
///
/// # Errors
/// Something is in the way.
pub fn put_volume(machine: &mut Filesystem, folder: &str, files: &Filesystem, part: usize) -> Result<(), BadPath> {
    for path in [folder.to_owned(), format!("{folder}/lower"), format!("{folder}/tmp"), format!("{folder}/merged")] {
        machine.put(&path, Entry::directory(0o755, MTIME).of(part))?;
    }
    machine.graft(&format!("{folder}/lower"), files, part)
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.to_owned(),
        kind: kind.to_owned(),
        source: source.to_owned(),
        options: (!options.is_empty()).then(|| options.iter().map(|&option| option.to_owned()).collect()),
        ..Mount::default()
    }
}

/// JSON for people, too: four spaces, as LinuxKit writes it.
#[must_use]
pub fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pretty = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, pretty))
        .expect("nothing here has a key that is no text, the one thing JSON cannot hold");
    bytes
}

#[cfg(test)]
mod tests;
