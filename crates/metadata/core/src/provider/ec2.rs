//! The tree of small files that Amazon began with and others have as well: `meta-data/instance-id` and its like.

use super::{Ask, Failure, Halt, Talk};
use crate::facts::Facts;
use crate::http::Value;
use crate::json::Json;
use crate::ssh_key;

/// SSH keys that are listed, at most.
const MAX_KEYS: usize = 32;

/// Such a tree.
#[derive(Debug)]
pub(super) struct Tree<'t> {
    pub(super) talk: &'t Talk<'t>,
    /// Where it begins, with a slash at its end.
    pub(super) root: &'static str,
    /// The header that a token goes into, and the token.
    pub(super) token: Option<(&'static str, Value)>,
}

impl Tree<'_> {
    fn ask(&self, ask: Ask) -> Ask {
        match &self.token {
            Some((name, token)) => ask.header(name, token.clone()),
            None => ask,
        }
    }

    /// The line at `path`, if there is one.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>, Halt> {
        self.talk.ask(self.ask(Ask::get(format!("{}{path}", self.root))))?.text()
    }

    /// The same, of what a machine is of use without.
    fn optional(&self, path: &str) -> Result<Option<String>, Halt> {
        self.talk.ask(self.ask(Ask::get(format!("{}{path}", self.root)).optional()))?.text()
    }

    /// The bytes at `path`, if there are some.
    pub(super) fn document(&self, path: &str) -> Result<Option<Vec<u8>>, Halt> {
        self.talk.ask(self.ask(Ask::document(format!("{}{path}", self.root))))?.bytes()
    }

    /// Reads what every machine has.
    pub(super) fn instance_id(&self, facts: &mut Facts) -> Result<(), Halt> {
        let id = self.text("meta-data/instance-id")?.ok_or(Failure::Missing("instance-id"))?;
        facts.attribute("instance_id", Some(id));
        Ok(())
    }

    /// Reads each of `wanted`, a path and the name of the file that it is written to.
    pub(super) fn attributes(&self, wanted: &[(&str, &'static str)], facts: &mut Facts) -> Result<(), Halt> {
        for (path, name) in wanted {
            facts.attribute(name, self.optional(path)?);
        }
        Ok(())
    }

    /// The keys below `meta-data/public-keys/`, which lists them as `0=name`, a line each.
    pub(super) fn listed_keys(&self) -> Result<Vec<String>, Halt> {
        let list = self.optional("meta-data/public-keys/")?.unwrap_or_default();
        let mut keys = Vec::new();
        for line in list.lines() {
            let number = line.split(['=', '/']).next().unwrap_or_default().trim();
            let number: u16 = number.parse().map_err(|_| Failure::Document("public-keys"))?;
            if keys.len() >= MAX_KEYS {
                return Err(Failure::TooMuch.into());
            }
            keys.extend(self.optional(&format!("meta-data/public-keys/{number}/openssh-key"))?);
        }
        Ok(keys)
    }

    /// The facts of a provider that has all keys in one file, a line each, and no `hostname` but the local one.
    pub(super) fn with_keys_in_one_file(&self, wanted: &[(&str, &'static str)]) -> Result<Facts, Halt> {
        let mut facts = Facts::default();
        self.instance_id(&mut facts)?;
        self.attributes(wanted, &mut facts)?;
        facts.hostname = facts.attributes.get("local_hostname").cloned();
        let keys = self.text("meta-data/public-keys")?.unwrap_or_default();
        facts.ssh_keys = keys.lines().map(str::to_owned).collect();
        facts.user_data = self.document("user-data")?;
        Ok(facts)
    }
}

/// What the tree says where it is one JSON document: on a config drive, and in Firecracker's data store.
pub(crate) fn meta_data(document: &Json, facts: &mut Facts) {
    facts.hostname = document.first(&[&["hostname"], &["local-hostname"]]).map(str::to_owned);
    facts.ssh_keys = ssh_key::lines_at(document, &["public-keys"]);
    facts.attributes_of(
        document,
        &[
            (&["instance-id"], "instance_id"),
            (&["instance-type"], "instance_type"),
            (&["local-hostname"], "local_hostname"),
            (&["local-ipv4"], "local_ipv4"),
            (&["public-ipv4"], "public_ipv4"),
            (&["placement", "availability-zone"], "availability_zone"),
            (&["placement", "region"], "region"),
        ],
    );
}
