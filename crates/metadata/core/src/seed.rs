//! What seed disks say: files of known names to [`Facts`].
//!
//! A document that cannot be read costs what it would have said and nothing else: an [`Unread`] says which it was, and why.

use orlop_metadata_contract::Seed;

use crate::Facts;
use crate::base64;
use crate::json::{Json, JsonError};
use crate::media::{Disk, Files, MediaError, Medium};
use crate::xml::XmlError;
use crate::yaml::YamlError;

mod config_drive;
mod no_cloud;
mod ovf_env;

/// What is to be read from `disk`, by its label; a compact disc may do without one. `None` when it is no seed.
///
/// # Errors
/// When the disk cannot be read, or the file system on it is broken.
pub fn on(disk: &mut dyn Disk, is_cdrom: bool) -> Result<Option<Seed>, MediaError> {
    let Some(mut medium) = Medium::open(disk)? else {
        return Ok(None);
    };
    if let Some(seed) = medium.labels().filter_map(labelled).min() {
        let is_there = seed != Seed::OvfEnv || medium.file(ovf_env::FILE)?.is_some();
        return Ok(is_there.then_some(seed));
    }
    if is_cdrom {
        for file in no_cloud::UNLABELLED {
            if medium.file(file)?.is_some_and(|content| !content.is_empty()) {
                return Ok(Some(Seed::Unlabelled));
            }
        }
    }
    Ok(None)
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

/// Reads this from `disk`.
///
/// # Errors
/// When the disk cannot be read, or has no file system.
pub fn read(disk: &mut dyn Disk, seed: Seed) -> Result<Said, MediaError> {
    let mut medium = Medium::open(disk)?.ok_or(MediaError::Broken("there is no file system any more"))?;
    Ok(Said::by(&mut medium, seed))
}

/// What a disk said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// About the machine.
    pub facts: Facts,
    /// What of it could not be read.
    pub unread: Vec<Unread>,
}

/// A file of a seed that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct Unread {
    /// Which file.
    pub file: &'static str,
    /// Why.
    pub why: FileError,
}

/// Why a file could not be read. The words never have anything of its content in them: it may be secret.
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
    #[error("an element is there more than once")]
    Several,
    /// Base64 was expected.
    #[error("what has to be base64 is none")]
    Base64,
}

impl Said {
    /// What `files` say when they are such a seed.
    pub fn by(files: &mut dyn Files, seed: Seed) -> Self {
        let mut said = Self::default();
        match seed {
            Seed::NoCloud => no_cloud::read(&mut said, files),
            Seed::ConfigDrive => config_drive::read(&mut said, files),
            Seed::OvfEnv => ovf_env::read(&mut said, files),
            Seed::Unlabelled => no_cloud::unlabelled(&mut said, files),
        }
        said
    }

    /// The content of a file, when there is one and it is not empty.
    fn file(&mut self, files: &mut dyn Files, path: &'static str) -> Option<Vec<u8>> {
        let content = self.unless_unread(path, files.file(path))?;
        content.filter(|content| !content.is_empty())
    }

    /// What a document says, when there is one.
    fn document<T, E>(
        &mut self,
        files: &mut dyn Files,
        path: &'static str,
        parse: impl Fn(&[u8]) -> Result<T, E>,
    ) -> Option<T>
    where
        FileError: From<E>,
    {
        let content = self.file(files, path)?;
        self.unless_unread(path, parse(&content))
    }

    /// What was read of a file, or a word about it.
    fn unless_unread<T, E>(&mut self, file: &'static str, result: Result<T, E>) -> Option<T>
    where
        FileError: From<E>,
    {
        result.map_err(|error| self.unread.push(Unread { file, why: error.into() })).ok()
    }

    /// The attributes that a document has at these paths, by the names of their files.
    fn attributes(&mut self, document: &Json, names: &[(&[&str], &'static str)]) {
        for (path, file) in names {
            self.facts.attributes.extend(text(document, path).map(|text| (*file, text)));
        }
    }
}

/// The text at a path of a document, when there is any.
fn text(document: &Json, path: &[&str]) -> Option<String> {
    document.text(path).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Every line of every text in a value. Keys come as a text, a list of them, a map from names to them, or a map of maps.
fn lines(value: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        match value {
            Json::Text(text) => {
                lines.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
            }
            Json::List(items) => values.extend(items.iter().rev()),
            Json::Object(fields) => values.extend(fields.values().rev()),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
    lines
}

/// What base64 stands for.
fn decoded(text: &str) -> Result<Vec<u8>, FileError> {
    base64::decode(text.as_bytes()).ok_or(FileError::Base64)
}

#[cfg(test)]
mod tests;
