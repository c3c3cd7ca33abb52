//! Who takes part: our image, and Debian's clients in images as a LinuxKit user would make them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use orlop_image::build::{Built, PREFIX, write};
use orlop_image::compare;
use orlop_image::image;
use orlop_image::layout::{Layout, digest_of};
use orlop_image::platform::Platform;
use orlop_image::reference::Reference;
use orlop_image::tree::{Node, Tree};
use orlop_image::workspace::Workspace;
use orlop_testbed::client::LINUXKIT_DHCPCD_CONF;

use crate::command;
use crate::vm::Workshop;

/// A DHCP client in an image.
pub(super) struct Entrant {
    pub(super) name: &'static str,
    /// Where the image is, if it is none of ours.
    pub(super) layout: Option<PathBuf>,
    image: String,
    /// The command at boot, and as a service.
    commands: [&'static [&'static str]; 2],
    /// YAML of what our image has in its label.
    grants: &'static str,
}

/// What linuxkit/dhcpcd has in its label.
const LINUXKIT: &str = "    capabilities: [CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_ADMIN]\n    \
    binds: [\"/run/resolvconf:/etc\"]\n";

/// Ours first.
///
/// # Errors
/// When a rival is not installed.
pub(super) fn all(workshop: &Workshop) -> Result<Vec<Entrant>> {
    let client = orlop_fleet::named("dhcp").context("no daemon is called dhcp")?;
    let ours = Entrant {
        name: client.program,
        layout: None,
        image: format!("{PREFIX}/{}:{}", client.name, env!("CARGO_PKG_VERSION")),
        commands: [
            &["/sbin/dhcpcd", "--nobackground", "-f", "/dhcpcd.conf", "-1"],
            &["/sbin/dhcpcd", "--nobackground", "-f", "/dhcpcd.conf"],
        ],
        grants: "",
    };
    // Debian's dhcpcd waits for a udev that is not there.
    let conf = Node::File { mode: 0o644, content: format!("{LINUXKIT_DHCPCD_CONF}nodev\n").into_bytes() };
    let dhcpcd = packed(workshop, "dhcpcd", &["dhcpcd-base", "busybox"], |tree| {
        tree.put("/dhcpcd.conf", conf);
    })?;
    let udhcpc = packed(workshop, "udhcpc", &["udhcpc", "busybox"], |tree| {
        // /etc is where resolv.conf goes.
        if let Some(script) = tree.at("/etc/udhcpc/default.script").cloned() {
            tree.put("/default.script", script);
        }
    })?;
    Ok(vec![
        ours,
        Entrant {
            name: "dhcpcd",
            commands: [
                &["/usr/sbin/dhcpcd", "--nobackground", "-f", "/dhcpcd.conf", "-1"],
                &["/usr/sbin/dhcpcd", "--nobackground", "-f", "/dhcpcd.conf"],
            ],
            ..dhcpcd
        },
        Entrant {
            name: "udhcpc",
            commands: [
                &["/bin/busybox", "udhcpc", "-f", "-n", "-q", "-i", "eth0", "-s", "/default.script"],
                &["/bin/busybox", "udhcpc", "-f", "-i", "eth0", "-s", "/default.script"],
            ],
            ..udhcpc
        },
    ])
}

impl Entrant {
    /// Whether its image is built from this tree.
    pub(super) fn is_ours(&self) -> bool {
        self.layout.is_none()
    }

    /// A machine with nothing but a container that does nothing, and the client. `nothing` is an entry of a spec.
    pub(super) fn spec(&self, nothing: &str) -> String {
        let Self { image, commands: [once, always], grants, .. } = self;
        format!(
            "kernel: {{image: \"orlop.example/kernel:6.12\", cmdline: \"console=ttyS0 quiet panic=-1\"}}\n\
             init: [\"orlop.example/init:{}\"]\n\
             onboot:{nothing}\n  - name: dhcp\n    image: {image}\n    command: {once:?}\n{grants}\
             services:\n  - name: dhcp\n    image: {image}\n    command: {always:?}\n{grants}\
             files:\n  - {{path: etc/resolv.conf, symlink: /run/resolvconf/resolv.conf}}\n",
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// An image of installed Debian packages with their libraries, and busybox under the names of all its tools.
fn packed(
    workshop: &Workshop,
    name: &'static str,
    packages: &[&str],
    finish: impl FnOnce(&mut Tree),
) -> Result<Entrant> {
    let packages: Vec<String> = packages.iter().map(|&package| package.to_owned()).collect();
    let mut tree = merged(&compare::debian(&packages)?, &MERGED);
    for tool in command::captured(Command::new("busybox").arg("--list"))?.lines() {
        tree.put(&format!("/usr/bin/{tool}"), Node::Link { to: "/bin/busybox".to_owned() });
    }
    for folder in ["/etc", "/dev", "/proc", "/run", "/sys", "/tmp", "/var/lib/dhcpcd"] {
        tree.put(folder, Node::Directory { mode: 0o755 });
    }
    finish(&mut tree);
    let (layout, reference) = image(workshop, name, &tree)?;
    Ok(Entrant { name, layout: Some(layout), image: reference.to_string(), commands: [&[], &[]], grants: LINUXKIT })
}

/// An image of these files: its layout, and what it is called.
///
/// # Errors
/// When it cannot be written.
pub(super) fn image(workshop: &Workshop, name: &str, tree: &Tree) -> Result<(PathBuf, Reference)> {
    let workspace = Workspace::find()?;
    let mut layout = Layout::default();
    let manifest = image::put_tree(&mut layout, tree, Platform::HOST, &[], HashMap::new(), 0)?;
    let index = image::put_index(&mut layout, vec![manifest])?;
    let reference = Reference::parse(&format!("debian.example/{name}:12")).context("a name of ours")?;
    layout.name(&index, &reference);
    let built =
        Built { name: format!("debian-{name}"), reference, digest: digest_of(&index), sources: Vec::new(), layout };
    let (folder, _) = write(&workspace, &built, &workshop.machines)?;
    Ok((folder, built.reference))
}

/// Folders that are links in Debian: files are found by either name.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];
/// Those of them that libraries are in.
pub(super) const LIBRARIES: [&str; 2] = ["lib", "lib64"];

/// The files of these folders where they really are, below `/usr`.
pub(super) fn merged(tree: &Tree, folders: &[&str]) -> Tree {
    let mut merged = Tree::default();
    for name in folders {
        merged.put(&format!("/{name}"), Node::Link { to: format!("usr/{name}") });
    }
    for (path, node) in tree.iter() {
        let first = path.split('/').nth(1).unwrap_or_default();
        let place = if folders.contains(&first) { format!("/usr{path}") } else { path.to_owned() };
        merged.put(&place, node.clone());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_merged_folder_is_found_by_either_name() {
        let mut tree = Tree::default();
        tree.put("/lib64/ld.so", Node::Link { to: "/lib/x/ld.so".to_owned() });
        tree.put("/usr/lib/x/ld.so", Node::File { mode: 0o755, content: vec![1] });
        let merged = merged(&tree, &MERGED);
        assert_eq!(merged.at("/lib64"), Some(&Node::Link { to: "usr/lib64".to_owned() }));
        assert!(merged.at("/usr/lib64/ld.so").is_some() && merged.at("/usr/lib/x/ld.so").is_some());
    }
}
