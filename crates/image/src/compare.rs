//! How large an image is beside Debian packages that do the same, packed by the same writer.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use orlop_sandbox::fatal::{Exit, Fatal};

use crate::layer::Layer;
use crate::tree::{Node, Tree};

/// One side of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// What it is.
    pub name: String,
    /// Files in it.
    pub files: usize,
    /// Bytes of these files.
    pub bytes: u64,
    /// Bytes of the layer.
    pub compressed: u64,
}

impl Size {
    /// Packs a tree to see how large it becomes.
    ///
    /// # Errors
    /// A path is too long for an archive.
    pub fn of(name: &str, tree: &Tree, epoch: u64) -> std::io::Result<Self> {
        let sizes = tree.iter().filter_map(|(_, node)| match node {
            Node::File { content, .. } => Some(content.len() as u64),
            Node::Directory { .. } | Node::Link { .. } => None,
        });
        let (files, bytes) = sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size));
        let compressed = Layer::pack(tree, epoch)?.compressed.len() as u64;
        Ok(Self { name: name.to_owned(), files, bytes, compressed })
    }
}

/// Lines of a table, the smallest first, each with how many times as large as the first it is.
#[must_use]
pub fn table(mut sizes: Vec<Size>) -> String {
    sizes.sort_by_key(|size| size.compressed);
    let smallest = sizes.first().map_or(1, |size| size.compressed.max(1));
    let mut text = format!("{:<34} {:>5} {:>10} {:>10}  times\n", "image", "files", "bytes", "gzip");
    for Size { name, files, bytes, compressed } in &sizes {
        let tenths = compressed * 10 / smallest;
        text += &format!("{name:<34} {files:>5} {bytes:>10} {compressed:>10}  {}.{}\n", tenths / 10, tenths % 10);
    }
    text
}

/// Where a package has files that only people read.
const NOT_NEEDED: [&str; 4] = ["/usr/share/doc/", "/usr/share/man/", "/usr/share/lintian/", "/usr/share/locale/"];
/// Where a package has files for other init systems and desktops, which a container does not start.
const OTHER_INIT: [&str; 5] =
    ["/lib/systemd/", "/usr/lib/systemd/", "/etc/init.d/", "/usr/share/bug/", "/usr/share/initramfs-tools/"];

/// The files of installed Debian packages and the libraries that their programs load.
///
/// # Errors
/// This is no Debian, a package is not installed, or a file cannot be read.
pub fn debian(packages: &[String]) -> Result<Tree, Fatal> {
    let mut paths = BTreeSet::new();
    for package in packages {
        let help = format!("apt-get install --no-install-recommends {package}");
        let listing = said(Command::new("dpkg-query").args(["--listfiles", package]), &help)?;
        let needed = |path: &&str| {
            !NOT_NEEDED.iter().chain(&OTHER_INIT).any(|folder| path.starts_with(folder)) && Path::new(path).is_file()
        };
        paths.extend(listing.lines().filter(needed).map(str::to_owned));
    }
    let libraries: Vec<String> = paths.iter().flat_map(|path| libraries(path)).collect();
    paths.extend(libraries);
    let mut tree = Tree::default();
    for path in &paths {
        let problem = |cause| Fatal::os(format!("cannot read {path}"), cause);
        let metadata = fs::symlink_metadata(path).map_err(problem)?;
        let node = if metadata.is_symlink() {
            let to = fs::read_link(path).map_err(problem)?;
            let real = fs::canonicalize(path).map_err(problem)?.to_string_lossy().into_owned();
            // What it leads to may belong to no package of the list.
            let content = fs::read(&real).map_err(problem)?;
            tree.put(&real, Node::File { mode: 0o755, content });
            Node::Link { to: to.to_string_lossy().into_owned() }
        } else {
            let content = fs::read(path).map_err(problem)?;
            Node::File { mode: metadata.permissions().mode() & 0o7777, content }
        };
        tree.put(path, node);
    }
    Ok(tree)
}

/// What the loader would load for a program; nothing for what is no program.
fn libraries(path: &str) -> Vec<String> {
    if !fs::read(path).is_ok_and(|content| content.starts_with(b"\x7fELF")) {
        return Vec::new();
    }
    let Ok(output) = Command::new("ldd").arg(path).output() else { return Vec::new() };
    parse_ldd(&String::from_utf8_lossy(&output.stdout))
}

/// `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn parse_ldd(text: &str) -> Vec<String> {
    let path = |line: &str| {
        let line = line.split_once("=>").map_or(line, |(_, path)| path).trim();
        let (path, _) = line.split_once(" (")?;
        path.starts_with('/').then(|| path.to_owned())
    };
    text.lines().filter_map(path).collect()
}

fn said(command: &mut Command, help: &str) -> Result<String, Fatal> {
    let problem = || Fatal::new(Exit::Os, format!("cannot ask {}", command_name(command))).help(help);
    let shown = problem();
    let output = command.output().map_err(|cause| shown.clone().cause(cause))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(shown.cause(String::from_utf8_lossy(&output.stderr).trim()))
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_found_in_what_ldd_says() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t/lib64/ld.so (0x3)\n";
        assert_eq!(parse_ldd(text), ["/lib/libc.so.6", "/lib64/ld.so"]);
        assert!(parse_ldd("\tstatically linked\n").is_empty());
    }

    #[test]
    fn the_smallest_comes_first_and_is_the_measure() {
        let size = |name: &str, compressed| Size { name: name.to_owned(), files: 1, bytes: 9, compressed };
        let text = table(vec![size("big", 250), size("small", 100)]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("small") && lines[1].ends_with("1.0"), "{text}");
        assert!(lines[2].starts_with("big") && lines[2].ends_with("2.5"), "{text}");
    }

    #[test]
    fn files_are_counted_before_and_after_compression() {
        let mut tree = Tree::default();
        tree.put("/a/b", Node::File { mode: 0o644, content: vec![0; 100_000] });
        let size = Size::of("zeros", &tree, 0).unwrap();
        assert_eq!((size.files, size.bytes), (1, 100_000));
        assert!(size.compressed < 1000);
    }
}
