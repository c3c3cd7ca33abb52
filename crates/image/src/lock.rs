//! References in a LinuxKit spec, pinned to the digests of images that were built.
//!
//! Only the references change: comments and the way the file is written stay. Images of others are left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use orlop_sandbox::fatal::{Exit, Fatal};
use serde::Deserialize;

use crate::bounded;
use crate::digest::Digest;
use crate::layout::{Layout, digest_of};
use crate::reference::Reference;
use crate::spec::read::MAX_SPEC;

/// The parts of a spec that name images.
#[derive(Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    kernel: Option<Named>,
    #[serde(default)]
    init: Option<Vec<String>>,
    #[serde(default)]
    onboot: Option<Vec<Named>>,
    #[serde(default)]
    onshutdown: Option<Vec<Named>>,
    #[serde(default)]
    services: Option<Vec<Named>>,
    #[serde(default)]
    volumes: Option<Vec<Named>>,
}

#[derive(Debug, Deserialize)]
struct Named {
    image: Option<String>,
}

/// What is wrong with a spec or its lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSpec {
    /// Not YAML, or its parts have other shapes.
    #[error("it is no LinuxKit spec: {0}")]
    Syntax(String),
    /// A reference that is none.
    #[error("{0}")]
    Reference(#[from] crate::reference::NotAReference),
    /// An image of ours with a tag that was not built.
    #[error("it names {0}, and no image of that name was built")]
    NotBuilt(Reference),
    /// A spec without images.
    #[error("it names no image")]
    Empty,
    /// A reference is written in a way that this cannot edit (folded over lines, say).
    #[error("{0} cannot be replaced where it stands: write it on one line")]
    Written(String),
}

/// Images by their names without digest.
pub type Images = BTreeMap<Reference, Digest>;

/// The images in the folders below `out`.
///
/// # Errors
/// There are none, or one cannot be read.
pub fn images(out: &Path) -> Result<Images, Fatal> {
    let none = || Fatal::new(Exit::Config, format!("there are no images in {}", out.display()));
    let help = "orlop-image build --all, or say where they are: --out DIR";
    let entries = fs::read_dir(out).map_err(|cause| none().cause(cause).help(help))?;
    let mut images = Images::new();
    for folder in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()) {
        let layout: Layout = crate::inspect::open(&folder)?;
        images.extend(layout.names().map(|(reference, root)| (reference, digest_of(root))));
    }
    if images.is_empty() { Err(none().help(help)) } else { Ok(images) }
}

/// Every reference in a spec, in order.
///
/// # Errors
/// It is no spec, or names something that is no image.
pub fn references(text: &str) -> Result<Vec<Reference>, BadSpec> {
    let spec: Spec = serde_saphyr::from_str(text).map_err(|error| BadSpec::Syntax(first_line(&error.to_string())))?;
    let Spec { kernel, init, onboot, onshutdown, services, volumes } = spec;
    let lists = [onboot, onshutdown, services, volumes].into_iter().flatten().flatten();
    let named = kernel.into_iter().chain(lists).filter_map(|named| named.image);
    let all = init.into_iter().flatten().chain(named);
    all.map(|text| Reference::parse(&text).map_err(BadSpec::from)).collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// A spec with the references pinned, and what was left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The whole file.
    pub text: String,
    /// References that were pinned, or were already.
    pub pinned: Vec<Reference>,
    /// References to images of others.
    pub others: Vec<Reference>,
}

/// Pins every reference of `text` to one of `images`.
///
/// # Errors
/// See [`BadSpec`].
pub fn lock(text: &str, images: &Images) -> Result<Locked, BadSpec> {
    let found = references(text)?;
    if found.is_empty() {
        return Err(BadSpec::Empty);
    }
    let is_ours = |reference: &Reference| images.keys().any(|known| known.repository == reference.repository);
    let mut locked = Locked { text: text.to_owned(), pinned: Vec::new(), others: Vec::new() };
    for reference in found {
        let name = reference.without_digest();
        match images.get(&name) {
            Some(digest) => {
                let pinned = name.at(digest.clone());
                locked.text = replace(&locked.text, &reference.to_string(), &pinned.to_string());
                locked.pinned.push(pinned);
            }
            None if is_ours(&reference) => return Err(BadSpec::NotBuilt(name)),
            None => locked.others.push(reference),
        }
    }
    // What was meant is what is read.
    let read = references(&locked.text)?;
    match locked.pinned.iter().find(|pinned| !read.contains(pinned)) {
        Some(lost) => Err(BadSpec::Written(lost.without_digest().to_string())),
        None => Ok(locked),
    }
}

/// `text` with the word `from` replaced. A word ends at white space and quotes; comments are not touched.
fn replace(text: &str, from: &str, to: &str) -> String {
    let line = |line: &str| {
        let (code, comment) = line.find(" #").map_or((line, ""), |at| line.split_at(at));
        if code.trim_start().starts_with('#') {
            return line.to_owned();
        }
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
        let words = code.split_inclusive(is_end).map(|word| match word.strip_suffix(is_end) {
            Some(bare) if bare == from => to.to_owned() + &word[bare.len()..],
            None if word == from => to.to_owned(),
            Some(_) | None => word.to_owned(),
        });
        words.collect::<String>() + comment
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Pins the references of a file, or with `check` only says whether they are. Returns what a user should read.
///
/// # Errors
/// The file cannot be read or written, is no spec, or (with `check`) is not what a lock would make it.
pub fn file(path: &Path, images: &Images, check: bool) -> Result<String, Fatal> {
    let shown = path.display();
    let text = bounded::text(path, MAX_SPEC).map_err(|cause| {
        Fatal::new(Exit::Usage, format!("cannot read {shown}")).cause(cause).help("give a LinuxKit YAML file")
    })?;
    let Locked { text: locked, pinned, others } = lock(&text, images).map_err(|error| {
        Fatal::new(Exit::Config, format!("cannot lock {shown}"))
            .cause(error)
            .help("orlop-image build --all, then again")
    })?;
    let is_current = locked == text;
    if check && !is_current {
        let stale = pinned.iter().find(|pinned| !text.contains(&pinned.to_string()));
        let cause = stale.map_or_else(String::new, |pinned| format!("the image is now {pinned}"));
        return Err(Fatal::new(Exit::Config, format!("the lock of {shown} is stale"))
            .cause(cause)
            .help(format!("orlop-image lock {shown}")));
    }
    if !is_current {
        fs::write(path, &locked).map_err(|cause| Fatal::os(format!("cannot write {shown}"), cause))?;
    }
    let done = if is_current { "is locked already" } else { "locked" };
    let mut said = format!("{shown} {done}: {} of ours\n", pinned.len());
    for other in others.iter().filter(|other| other.digest.is_none()) {
        said += &format!("  {other} is not of ours and has no digest: left alone\n");
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "\
# orlop.example/dhcp:1 stays in a comment
kernel:
  image: linuxkit/kernel:6.12.0   # not ours
init:
  - orlop.example/init:1
onboot:
  - name: dhcpcd
    image: \"orlop.example/dhcp:1\" # orlop.example/dhcp:1
    command: [\"/sbin/dhcpcd\", \"-1\"]
services:
  - {name: dhcp, image: orlop.example/dhcp:1 }
";

    fn images(content: &[u8]) -> Images {
        ["orlop.example/dhcp:1", "orlop.example/init:1"]
            .map(|name| (Reference::parse(name).unwrap(), Digest::of(content)))
            .into_iter()
            .collect()
    }

    #[test]
    fn references_are_pinned_and_all_else_stays() {
        let Locked { text, pinned, others } = lock(SPEC, &images(b"a")).unwrap();
        let digest = Digest::of(b"a");
        assert_eq!(pinned.len(), 3);
        assert_eq!(others, [Reference::parse("linuxkit/kernel:6.12.0").unwrap()]);
        assert!(text.contains(&format!("\"orlop.example/dhcp:1@{digest}\" # orlop.example/dhcp:1\n")), "{text}");
        assert!(text.starts_with("# orlop.example/dhcp:1 stays in a comment\n"));
        assert_eq!(text.replace(&format!("@{digest}"), ""), SPEC);
    }

    #[test]
    fn a_lock_of_a_locked_spec_changes_nothing_and_a_stale_one_is_renewed() {
        let once = lock(SPEC, &images(b"a")).unwrap().text;
        assert_eq!(lock(&once, &images(b"a")).unwrap().text, once);
        let renewed = lock(&once, &images(b"b")).unwrap().text;
        assert_eq!(renewed, lock(SPEC, &images(b"b")).unwrap().text);
        assert_ne!(renewed, once);
    }

    #[test]
    fn what_cannot_be_locked_is_refused() {
        for (what, spec, want) in [
            ("no YAML", "a: [", "no LinuxKit spec"),
            ("another shape", "onboot: 3", "no LinuxKit spec"),
            ("no images", "files: []", "names no image"),
            ("a tag that was not built", "init: [\"orlop.example/dhcp:2\"]", "dhcp:2, and no image"),
            ("no reference", "init: [\"a b\"]", "names no image: a repository"),
            ("folded over lines", "init:\n  - >-\n    orlop.example/dhcp:1\n", ""),
            ("inside brackets", "init: [orlop.example/dhcp:1]", "write it on one line"),
        ] {
            match lock(spec, &images(b"a")) {
                Ok(locked) => assert!(want.is_empty() && locked.text.contains('@'), "{what}: {}", locked.text),
                Err(error) => assert!(!want.is_empty() && error.to_string().contains(want), "{what}: {error}"),
            }
        }
    }

    #[test]
    fn a_stale_file_fails_a_check_and_is_not_changed_by_it() {
        let path = std::env::temp_dir().join(format!("orlop-lock-{}.yml", std::process::id()));
        fs::write(&path, SPEC).unwrap();
        let error = file(&path, &images(b"a"), true).unwrap_err().to_string();
        assert!(error.contains("is stale") && error.contains("help: orlop-image lock "), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), SPEC);
        let said = file(&path, &images(b"a"), false).unwrap();
        assert!(said.contains("locked: 3 of ours") && said.contains("linuxkit/kernel:6.12.0 is not"), "{said}");
        assert!(file(&path, &images(b"a"), true).unwrap().contains("already"));
        assert!(file(&path, &images(b"b"), true).is_err());
        fs::remove_file(&path).unwrap();
    }
}
