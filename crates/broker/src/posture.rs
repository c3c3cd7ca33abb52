//! What every process of a daemon is restricted by, for a status, for a person, and for a program.

use std::fmt;

use orlop_sandbox::posture::{Posture, Status};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json;

/// The processes by name, each with its posture. Workers, brokers and appliers are called as their profiles are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Postures(Vec<(String, Known)>);

/// What is known of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Known {
    /// Everything: it has said so itself, and its broker has compared that with what the kernel says.
    Attested(Posture),
    /// What the kernel says.
    Seen {
        /// As in a posture.
        status: Status,
    },
}

/// What the supervisor is called, which has no profile.
const SUPERVISOR: &str = "supervisor";

impl Postures {
    /// Adds the process called `name`; a new posture of a process that is there takes the place of the old one.
    pub fn insert(&mut self, name: &str, posture: Posture) {
        self.put(name, Known::Attested(posture));
    }

    /// Adds the supervisor, where the broker can see what the kernel says about it.
    pub fn insert_supervisor(&mut self, status: Option<Status>) {
        if let Some(status) = status {
            self.put(SUPERVISOR, Known::Seen { status });
        }
    }

    fn put(&mut self, name: &str, known: Known) {
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = known,
            None => self.0.push((name.to_owned(), known)),
        }
    }

    /// Whether nothing is known of any process.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The postures by themselves, for a person or for a program.
    #[must_use]
    pub fn show(&self, as_json: bool) -> String {
        if as_json { json::text(self) } else { self.to_string() }
    }
}

/// A line for each process.
impl fmt::Display for Postures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        self.0.iter().try_for_each(|(name, known)| writeln!(f, "{name:<width$}  {known}"))
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attested(posture) => posture.fmt(f),
            Self::Seen { status: Status { uids: [uid, ..], effective, bounding, no_new_privs, filters, .. } } => {
                let sure = if *no_new_privs { "yes" } else { "NO" };
                write!(f, "uid={uid} capabilities={effective} bounding={bounding} no_new_privs={sure} ")?;
                write!(f, "filters={filters}, reads nothing")
            }
        }
    }
}

impl Serialize for Postures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, known)| (name, known)))
    }
}

impl<'de> Deserialize<'de> for Postures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Processes)
    }
}

struct Processes;

impl<'de> Visitor<'de> for Processes {
    type Value = Postures;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("processes with their postures")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Postures, A::Error> {
        let mut all = Vec::new();
        while let Some(process) = map.next_entry()? {
            all.push(process);
        }
        Ok(Postures(all))
    }
}

#[cfg(test)]
pub(crate) mod tests;
