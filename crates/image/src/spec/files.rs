//! Entries of a spec's `files`, and numbers of users by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A file, folder or link at the root of a machine, as it is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Where.
    pub path: String,
    /// It is a folder.
    pub directory: bool,
    /// It is a link to there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symlink: Option<String>,
    /// What is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<String>,
    /// A file of this machine that is copied; `~/` is the home folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The spec itself is put in: `yaml` or `json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// Left out when its source is not there.
    pub optional: bool,
    /// Permission bits in octal: `0600` unless said, `0700` for a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Id>,
    /// Its group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<Id>,
}

/// A user or group: a number, or the name of a container, which stands for a number of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a user or group is a number or the name of a container")]
pub enum Id {
    /// The number.
    Number(u32),
    /// A container's name, or `root`.
    Name(String),
}

/// The numbers that names stand for.
pub type Ids = BTreeMap<String, u32>;

/// A name that no container has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no container is called {0:?}, so it stands for no user or group")]
pub struct UnknownId(pub String);

/// The number of the first container.
const FIRST_ID: u32 = 100;

/// Numbers containers in their order. A later one of the same name has that name.
pub fn number<'a>(names: impl Iterator<Item = &'a str>) -> Ids {
    names.zip(FIRST_ID..).map(|(name, id)| (name.to_owned(), id)).collect()
}

impl Id {
    /// The number that it stands for.
    ///
    /// # Errors
    /// No container has that name.
    pub fn resolve(&self, ids: &Ids) -> Result<u32, UnknownId> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Name(name) if matches!(name.as_str(), "" | "root") => Ok(0),
            Self::Name(name) => ids.get(name).copied().ok_or_else(|| UnknownId(name.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_its_containers_number_and_root_for_zero() {
        let ids = number(["a", "b", "a", "c"].into_iter());
        for (what, id, want) in [
            ("a number", Id::Number(7), Ok(7)),
            ("root", Id::Name("root".into()), Ok(0)),
            ("nothing", Id::Name(String::new()), Ok(0)),
            ("the second", Id::Name("b".into()), Ok(101)),
            ("a name that is there twice", Id::Name("a".into()), Ok(102)),
            ("the last", Id::Name("c".into()), Ok(103)),
            ("nobody", Id::Name("100".into()), Err(UnknownId("100".into()))),
        ] {
            assert_eq!(id.resolve(&ids), want, "{what}");
        }
    }
}
