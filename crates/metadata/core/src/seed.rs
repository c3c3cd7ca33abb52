//! What seed disks say: files of known names to [`Facts`].
//!
//! A document that cannot be read costs what it would have said and nothing else; which it was, and why, is among what was left out.

use orlop_metadata_contract::Seed;

use crate::facts::Facts;
use crate::json::JsonError;
use crate::left_out::{LeftOut, Why};
use crate::media::{Disk, Files, MediaError, Medium};
use crate::xml::{Several, XmlError};
use crate::yaml::YamlError;

mod config_drive;
mod no_cloud;
mod ovf_env;

pub(crate) use no_cloud::about;

/// What is to be read from `disk`: what its label says, and what is there; a compact disc may do without a label. `None` when it
/// is no seed.
///
/// # Errors
/// When the disk cannot be read, or the file system on it is broken.
pub fn on(disk: &mut dyn Disk, is_cdrom: bool) -> Result<Option<Seed>, MediaError> {
    let Some(mut medium) = Medium::open(disk)? else {
        return Ok(None);
    };
    let mut seeds: Vec<_> = medium.labels().filter_map(labelled).collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds.extend(is_cdrom.then_some(Seed::Unlabelled));
    Ok(seeds.into_iter().find(|seed| facts(&mut medium, *seed) != Facts::default()))
}

/// What a disk of this label holds. FAT has capitals only, so nobody's program tells them apart.
fn labelled(label: &str) -> Option<Seed> {
    let label = label.to_ascii_lowercase();
    match label.as_str() {
        "cidata" => Some(Seed::NoCloud),
        "config-2" => Some(Seed::ConfigDrive),
        _ => label.starts_with("rd_rdfe_stable").then_some(Seed::OvfEnv),
    }
}

/// What `disk` says when it is such a seed.
///
/// # Errors
/// When the disk cannot be read, or has no file system.
pub fn read(disk: &mut dyn Disk, seed: Seed) -> Result<Facts, MediaError> {
    let mut medium = Medium::open(disk)?.ok_or(MediaError::Broken("there is no file system any more"))?;
    Ok(facts(&mut medium, seed))
}

/// What `files` say when they are such a seed.
pub fn facts(files: &mut dyn Files, seed: Seed) -> Facts {
    let mut reading = Reading { files, facts: Facts::default() };
    match seed {
        Seed::NoCloud => no_cloud::read(&mut reading),
        Seed::ConfigDrive => config_drive::read(&mut reading),
        Seed::OvfEnv => ovf_env::read(&mut reading),
        Seed::Unlabelled => no_cloud::unlabelled(&mut reading),
    }
    reading.facts
}

/// Why a file of a disk could not be read. The words never have anything of its content in them: it may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The disk.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// It should have been YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// It should have been JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It should have been XML.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// An element that can be there only once is there several times.
    #[error(transparent)]
    Several(#[from] Several),
}

/// A disk whose files are read, one after the other.
struct Reading<'a> {
    files: &'a mut dyn Files,
    /// What they have said so far.
    facts: Facts,
}

impl Reading<'_> {
    /// The content of a file, when there is one and it is not empty.
    fn file(&mut self, path: &str) -> Option<Vec<u8>> {
        let content = self.files.file(path);
        self.read(path, content)?.filter(|content| !content.is_empty())
    }

    /// What a document says, when there is one.
    fn document<T, E: Into<FileError>>(&mut self, path: &str, parse: impl Fn(&[u8]) -> Result<T, E>) -> Option<T> {
        let content = self.file(path)?;
        self.read(path, parse(&content))
    }

    /// What was read of a file. What was not is left out, and told.
    fn read<T, E: Into<FileError>>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        let left_out = |why: E| self.facts.left_out.push(LeftOut::new(path, Why::Unread(why.into())));
        result.map_err(left_out).ok()
    }
}

#[cfg(test)]
mod tests;
