//! The `files` of a spec, put into a machine.

use std::path::PathBuf;

use orlop_sandbox::fatal::{Exit, Fatal};

use super::{Say, Told};
use crate::bounded;
use crate::bundle::{MTIME, json};
use crate::filesystem::{Entry, Filesystem, Kind};
use crate::spec::files::Ids;
use crate::spec::{File, Spec};

/// Folders that LinuxKit's init mounts a tmpfs on.
const SHADOWED: [&str; 3] = ["run", "tmp", "var"];
/// Permission bits unless said otherwise: of a file, and of a folder.
const MODES: [u32; 2] = [0o600, 0o700];
/// The most bytes that are copied from a file of this machine: a root file system is held in memory as a whole.
const MAX_SOURCE: u64 = 1 << 30;

/// Why a file cannot be put.
#[derive(Debug, thiserror::Error)]
enum BadFile {
    #[error("it has no path")]
    NoPath,
    #[error("what is in it is not said: contents, source, metadata, symlink or directory")]
    NoContent,
    #[error("it has {0}, and only one of them can hold")]
    Several(String),
    #[error("mode {0:?} is no octal number up to 7777")]
    Mode(String),
    #[error("metadata {0:?} is neither yaml nor json")]
    Metadata(String),
    #[error(transparent)]
    Id(#[from] crate::spec::files::UnknownId),
    #[error("cannot read {path}: {cause}")]
    Source { path: PathBuf, cause: std::io::Error },
    #[error("the spec cannot be written as YAML: {0}")]
    Yaml(String),
    #[error(transparent)]
    Path(#[from] crate::filesystem::BadPath),
}

/// Puts one file, folder or link. Folders above it that are not there yet get its mode, with the bits to pass through them;
/// those that are there stay as they are (LinuxKit gives `/etc` mode 0700 for a file of mode 0600 in it).
///
/// # Errors
/// The entry contradicts itself, or its source cannot be read.
pub(super) fn put(
    machine: &mut Filesystem,
    file: &File,
    index: usize,
    spec: &Spec,
    ids: &Ids,
    part: usize,
    say: Say<'_>,
) -> Result<(), Fatal> {
    let at = format!("files[{index}] ({})", file.path);
    let failed = |error: BadFile| {
        Fatal::new(Exit::Config, format!("{at} cannot be put")).cause(error).help("correct the entry in the spec")
    };
    let path = file.path.trim_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    match entry(file, spec, ids).map_err(failed)? {
        None => say(Told::Step(format!("{at}: left out, its source is not there"))),
        Some(entry) => {
            if SHADOWED.contains(&first) && path != first {
                say(Told::Warning(format!("{at}: a tmpfs is mounted on /{first} and hides it")));
            }
            let entry = entry.of(part);
            make_folders(machine, path, &entry).map_err(|error| failed(error.into()))?;
            machine.put(path, entry).map_err(|error| failed(error.into()))?;
            say(Told::Step(at));
        }
    }
    Ok(())
}

fn make_folders(machine: &mut Filesystem, path: &str, entry: &Entry) -> Result<(), crate::filesystem::BadPath> {
    let readable = |mask: u32, execute: u32| if entry.mode & mask == 0 { 0 } else { execute };
    let base = if matches!(entry.kind, Kind::Link(_)) { MODES[0] } else { entry.mode & 0o777 };
    let mode = base | readable(0o700, 0o100) | readable(0o070, 0o010) | readable(0o007, 0o001);
    for (end, _) in path.match_indices('/') {
        let folder = &path[..end];
        if !machine.has(folder) {
            let made = Entry { uid: entry.uid, gid: entry.gid, ..Entry::directory(mode, MTIME) };
            machine.put(folder, made.of(entry.part))?;
        }
    }
    Ok(())
}

/// `None` when it is optional and its source is not there.
fn entry(file: &File, spec: &Spec, ids: &Ids) -> Result<Option<Entry>, BadFile> {
    let File { path, directory, symlink, contents, source, metadata, optional, mode, uid, gid } = file;
    if path.trim_matches('/').is_empty() {
        return Err(BadFile::NoPath);
    }
    let said = [
        ("directory", *directory),
        ("symlink", symlink.is_some()),
        ("contents", contents.is_some()),
        ("source", source.is_some()),
        ("metadata", metadata.is_some()),
    ];
    let said: Vec<&str> = said.into_iter().filter_map(|(name, is_said)| is_said.then_some(name)).collect();
    match said.len() {
        0 => return Err(BadFile::NoContent),
        1 => {}
        _ => return Err(BadFile::Several(said.join(" and "))),
    }
    let [file_mode, folder_mode] = MODES;
    let usual = if *directory { folder_mode } else { file_mode };
    let mode = mode.as_deref().map_or(Ok(usual), octal)?;
    let kind = if *directory {
        Kind::Directory
    } else if let Some(to) = symlink {
        Kind::Link(to.clone())
    } else if let Some(text) = contents {
        Kind::File(text.as_bytes().into())
    } else if let Some(kind) = metadata {
        Kind::File(described(spec, kind)?.into())
    } else {
        match copied(source.as_deref().unwrap_or_default())? {
            Some(content) => Kind::File(content.into()),
            None if *optional => return Ok(None),
            None => {
                let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(BadFile::Source { path: home(source.as_deref().unwrap_or_default()), cause });
            }
        }
    };
    let number = |id: &Option<crate::spec::Id>| id.as_ref().map_or(Ok(0), |id| id.resolve(ids));
    // A link has no permissions of its own.
    let mode = if matches!(kind, Kind::Link(_)) { 0o777 } else { mode };
    Ok(Some(Entry { kind, mode, uid: number(uid)?, gid: number(gid)?, mtime: MTIME, part: 0 }))
}

fn octal(text: &str) -> Result<u32, BadFile> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| BadFile::Mode(text.to_owned()))
}

/// The spec itself, with every image by its digest.
fn described(spec: &Spec, kind: &str) -> Result<Vec<u8>, BadFile> {
    match kind {
        "json" => Ok(json(spec)),
        "yaml" => {
            // One line for each value, as long as it is: a lock looks for references line by line.
            let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
            let text = serde_saphyr::to_string_with_options(spec, options);
            text.map(String::into_bytes).map_err(|error| BadFile::Yaml(error.to_string()))
        }
        _ => Err(BadFile::Metadata(kind.to_owned())),
    }
}

/// A file of this machine; `None` when it is not there.
fn copied(source: &str) -> Result<Option<Vec<u8>>, BadFile> {
    let path = home(source);
    match bounded::read(&path, MAX_SOURCE) {
        Ok(content) => Ok(Some(content)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(BadFile::Source { path, cause }),
    }
}

fn home(source: &str) -> PathBuf {
    match (source.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(source),
    }
}
