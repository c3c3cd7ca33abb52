//! The label `org.mobyproject.config`: what LinuxKit gives a container of the image unless the YAML says otherwise.

use std::collections::BTreeSet;

use orlop_sandbox::capability::Capability;
use serde::{Deserialize, Serialize};

use crate::digest::canonical_json;

/// The label's key.
pub const KEY: &str = "org.mobyproject.config";

/// The label, in LinuxKit's words. Every part must be stated: what is left to defaults is left to versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Label {
    /// Capabilities, all others are absent even for uid 0.
    pub capabilities: Vec<String>,
    /// `SOURCE:DESTINATION[:OPTIONS]`.
    pub binds: Vec<String>,
    /// The network namespace: `host` or `new`.
    pub net: Namespace,
    /// The IPC namespace.
    pub ipc: Namespace,
    /// The UTS namespace.
    pub uts: Namespace,
    /// The PID namespace.
    pub pid: Namespace,
    /// Nothing of the image can be written to.
    pub readonly: bool,
    /// No program gains privileges by being executed.
    pub no_new_privileges: bool,
    /// Files that can only be read. A list stands for the runtime's own, which would keep the settings of the kernel as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readonly_paths: Vec<String>,
    /// What is made ready outside before the container starts.
    pub runtime: Runtime,
}

/// The machine's own, or one for the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// The machine's.
    Host,
    /// The container's own.
    New,
}

/// The part of the label that LinuxKit's init acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Runtime {
    /// Folders to make on the machine.
    pub mkdir: Vec<String>,
}

/// What is wrong with a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLabel {
    /// A capability that no daemon of Orlop has.
    #[error("capability {0} is not one that Orlop's processes use")]
    Capability(String),
    /// Twice the same.
    #[error("{0} stands twice")]
    Twice(String),
    /// Not `SOURCE:DESTINATION[:OPTIONS]` with absolute paths.
    #[error("bind {0} is not SOURCE:DESTINATION[:OPTIONS] with absolute paths")]
    Bind(String),
    /// The source of a bind may not exist when the container starts.
    #[error("bind {bind}: its source is not under runtime.mkdir, so it may not be there")]
    NotMade {
        /// The bind.
        bind: String,
    },
    /// DESIGN wants every image so.
    #[error("readonly and noNewPrivileges must be true")]
    Writable,
}

/// A bind of the label, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The path on the machine.
    pub source: &'a str,
    /// The path in the container.
    pub destination: &'a str,
    /// Options, `ro` for instance.
    pub options: Option<&'a str>,
}

impl<'a> Bind<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(':');
        let (source, destination, options) = (parts.next()?, parts.next()?, parts.next());
        let good = is_plain_path(source) && is_plain_path(destination) && parts.next().is_none();
        good.then_some(Self { source, destination, options })
    }
}

/// Absolute, with nothing that stands for another path.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part))
}

impl Label {
    /// The binds, taken apart. One that cannot be is left out; [`Self::check`] refuses it.
    pub fn binds(&self) -> impl Iterator<Item = Bind<'_>> {
        self.binds.iter().filter_map(|bind| Bind::parse(bind))
    }

    /// Makes sure that LinuxKit can do what the label says, and that it grants no more than Orlop's images should have.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), BadLabel> {
        let known = |name: &String| Capability::ALL.into_iter().any(|one| one.name() == name);
        if let Some(unknown) = self.capabilities.iter().find(|name| !known(name)) {
            return Err(BadLabel::Capability(unknown.clone()));
        }
        for list in [&self.capabilities, &self.binds, &self.runtime.mkdir] {
            let mut seen = BTreeSet::new();
            if let Some(twice) = list.iter().find(|item| !seen.insert(item.as_str())) {
                return Err(BadLabel::Twice(twice.clone()));
            }
        }
        for text in &self.binds {
            let bind = Bind::parse(text).ok_or_else(|| BadLabel::Bind(text.clone()))?;
            let made = |folder: &String| folder == bind.source;
            if bind.options.is_none() && !self.runtime.mkdir.iter().any(made) {
                return Err(BadLabel::NotMade { bind: text.clone() });
            }
        }
        if self.readonly && self.no_new_privileges { Ok(()) } else { Err(BadLabel::Writable) }
    }

    /// The label's value: compact JSON with sorted keys.
    #[must_use]
    pub fn to_json(&self) -> String {
        String::from_utf8(canonical_json(self)).expect("JSON is UTF-8")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn label() -> Label {
        Label {
            capabilities: vec!["CAP_SETUID".into(), "CAP_KILL".into()],
            binds: vec!["/run/a:/run/a".into()],
            net: Namespace::Host,
            ipc: Namespace::Host,
            uts: Namespace::Host,
            pid: Namespace::New,
            readonly: true,
            no_new_privileges: true,
            readonly_paths: Vec::new(),
            runtime: Runtime { mkdir: vec!["/run/a".into()] },
        }
    }

    #[test]
    fn the_value_is_sorted_json_in_linuxkits_words() {
        let want = r#"{"binds":["/run/a:/run/a"],"capabilities":["CAP_SETUID","CAP_KILL"],"ipc":"host","net":"host","noNewPrivileges":true,"pid":"new","readonly":true,"runtime":{"mkdir":["/run/a"]},"uts":"host"}"#;
        assert_eq!(label().to_json(), want);
        assert_eq!(serde_json::from_str::<Label>(want).unwrap(), label());
    }

    #[test]
    fn a_label_that_cannot_work_or_grants_too_much_is_refused() {
        assert_eq!(label().check(), Ok(()));
        type Change = fn(&mut Label);
        let table: [(&str, Change, &str); 8] = [
            ("a typing error", |l| l.capabilities.push("CAP_NET_ADMINN".into()), "CAP_NET_ADMINN"),
            ("everything", |l| l.capabilities = vec!["all".into()], "all"),
            ("twice", |l| l.capabilities.push("CAP_KILL".into()), "twice"),
            ("a relative bind", |l| l.binds = vec!["run:/run".into()], "absolute"),
            ("a bind that climbs", |l| l.binds = vec!["/run/../etc:/run".into()], "absolute"),
            ("a bind with too many parts", |l| l.binds = vec!["/a:/b:ro:rw".into()], "absolute"),
            ("a source that nobody makes", |l| l.runtime.mkdir.clear(), "mkdir"),
            ("writable", |l| l.readonly = false, "readonly"),
        ];
        for (what, change, want) in table {
            let mut label = label();
            change(&mut label);
            let error = label.check().unwrap_err().to_string();
            assert!(error.contains(want), "{what}: {error}");
        }
    }
}
