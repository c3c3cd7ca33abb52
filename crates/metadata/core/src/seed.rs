//! What seed disks say: files of known names to [`Facts`].
//!
//! A document that cannot be read costs what it would have said and nothing else: a [`Fault`] says which it was, and why.

use orlop_metadata_contract::Provider;
use serde_json::Value;

use crate::Facts;
use crate::media::{Disk, Files, MediaError, Medium};
use crate::yaml::YamlError;

mod no_cloud;

pub use no_cloud::{cdrom, no_cloud};

/// What `disk` says, by its label; a compact disc may do without one. `None` when it is no seed.
///
/// # Errors
/// When the disk cannot be read, or the file system on it is broken.
pub fn on(disk: &mut dyn Disk, is_compact_disc: bool) -> Result<Option<Seed>, MediaError> {
    let Some(mut medium) = Medium::open(disk)? else {
        return Ok(None);
    };
    if medium.labels().any(|label| label.eq_ignore_ascii_case("cidata")) {
        return Ok(no_cloud(&mut medium));
    }
    Ok(if is_compact_disc { cdrom(&mut medium) } else { None })
}

/// What a disk said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Which kind of disk it is.
    pub provider: Provider,
    /// What it said.
    pub facts: Facts,
    /// What of it could not be read.
    pub faults: Vec<Fault>,
}

impl Seed {
    fn new(provider: Provider) -> Self {
        Self { provider, facts: Facts::default(), faults: Vec::new() }
    }

    /// The content of a file, when there is one and it is not empty.
    fn file(&mut self, files: &mut dyn Files, path: &'static str) -> Option<Vec<u8>> {
        let content = files.file(path).unwrap_or_else(|error| {
            self.faults.push(Fault { file: path, problem: FileProblem::Media(error) });
            None
        });
        content.filter(|content| !content.is_empty())
    }

    /// The value that a document says, when there is one.
    fn document(
        &mut self,
        files: &mut dyn Files,
        path: &'static str,
        parse: impl Fn(&[u8]) -> Result<Value, FileProblem>,
    ) -> Option<Value> {
        let content = self.file(files, path)?;
        parse(&content).map_err(|problem| self.faults.push(Fault { file: path, problem })).ok()
    }

    /// The seed, unless nothing of it was there.
    fn unless_empty(self) -> Option<Self> {
        (self.facts != Facts::default() || !self.faults.is_empty()).then_some(self)
    }
}

/// A file of a seed that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct Fault {
    /// Which file.
    pub file: &'static str,
    /// Why.
    pub problem: FileProblem,
}

/// Why a file could not be read. The words never have anything of its content in them: it may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// The disk.
    #[error(transparent)]
    Media(MediaError),
    /// It should have been YAML.
    #[error(transparent)]
    Yaml(YamlError),
}

/// The text that a value is, when there is any.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Every line of every text in a value. Keys come as a text, a list of them, a map from names to them, or a map of maps.
fn lines(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    // As deep as documents go, which is bounded where they are read.
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        match value {
            Value::String(text) => {
                lines.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned))
            }
            Value::Array(items) => values.extend(items.iter().rev()),
            Value::Object(map) => values.extend(map.values().rev()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    lines
}
