//! What our applier said it did: `audit.json` and `status.json`.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::place::Place;

/// The audit of one run, from its JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// One per setting of the plan, in the order in which they were tried.
    pub records: Vec<Record>,
    /// The whole document.
    pub document: Value,
}

/// What became of one setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which, as sysctl shows it.
    pub key: String,
    /// Which, below `/proc/sys`.
    pub path: String,
    /// Whether a pattern found it.
    pub pattern: bool,
    /// Whether something else was said before.
    pub replaces: bool,
    /// The file it was said in.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// Which capability the kernel asks for.
    pub class: String,
    /// `-key = value`: nobody minds if it fails.
    pub lenient: bool,
    /// The process that tried, if one did.
    pub by: Option<String>,
    /// How often it was tried again because the kernel had refused it.
    pub retries: u64,
    /// What the kernel said before.
    pub before: Option<String>,
    /// What it was to be.
    pub wanted: String,
    /// What the kernel said afterwards.
    pub after: Option<String>,
    /// The outcome in one word.
    pub result: String,
    /// What a person should know of it.
    pub why: Option<String>,
}

impl Audit {
    /// Where a run leaves it.
    pub const PATH: &str = "/run/orlop/sysctl/audit.json";

    /// The audit of the last run in a place.
    ///
    /// # Errors
    /// When there is none, or it is not understood.
    pub fn of(place: &Place) -> Result<Self> {
        Self::parse(&place.host.read(Self::PATH)?)
    }

    /// From its text.
    ///
    /// # Errors
    /// When it is not understood: every field must be there.
    pub fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(text).context("the audit is not JSON")?;
        let Some(list) = document["settings"].as_array() else { bail!("the audit has no settings: {text}") };
        let records = list.iter().map(|record| Record::of(record).with_context(|| format!("not a record: {record}")));
        Ok(Self { records: records.collect::<Result<_>>()?, document })
    }

    /// The record of a setting (`net.ipv4.ip_forward`).
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn of_key(&self, key: &str) -> Result<&Record> {
        let found: Vec<_> = self.records.iter().filter(|record| record.key == key).collect();
        let [record] = found.as_slice() else { bail!("{} records of {key} in {:?}", found.len(), self.records) };
        Ok(record)
    }

    /// What was said about lines that are in error: file, line and problem.
    #[must_use]
    pub fn errors(&self) -> Vec<(String, u64, String)> {
        self.findings().filter(|finding| finding["error"] == true).map(told).collect()
    }

    /// What was said about lines, errors and hints: file, line and problem.
    pub fn remarks(&self) -> impl Iterator<Item = (String, u64, String)> {
        self.findings().map(told)
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.document["findings"].as_array().into_iter().flatten()
    }

    /// How many settings had this result.
    #[must_use]
    pub fn count(&self, result: &str) -> usize {
        self.records.iter().filter(|record| record.result == result).count()
    }
}

fn told(finding: &Value) -> (String, u64, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&finding["file"]), finding["line"].as_u64().unwrap_or(0), text(&finding["problem"]))
}

impl Record {
    fn of(record: &Value) -> Option<Self> {
        let text = |name: &str| Some(record.get(name)?.as_str()?.to_owned());
        // A field that may be null must be there all the same.
        let maybe = |name: &str| record.get(name).map(|value| value.as_str().map(str::to_owned));
        Some(Self {
            key: text("key")?,
            path: text("path")?,
            pattern: record.get("pattern")?.as_bool()?,
            replaces: !record.get("replaces")?.is_null(),
            file: text("file")?,
            line: record.get("line")?.as_u64()?,
            class: text("class")?,
            lenient: record.get("lenient")?.as_bool()?,
            by: maybe("by")?,
            retries: record.get("retries")?.as_u64()?,
            before: maybe("before")?,
            wanted: text("wanted")?,
            after: maybe("after")?,
            result: text("result")?,
            why: maybe("why")?,
        })
    }
}
