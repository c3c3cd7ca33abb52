//! The five capability sets of a container's process.

use std::collections::BTreeSet;

use serde::Serialize;

use super::BadContainer;
use crate::spec::Settings;

/// Linux's capabilities by number (`include/uapi/linux/capability.h` of 6.12).
pub(super) const ALL: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The sets, as `config.json` has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Sets {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bounding: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effective: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inheritable: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permitted: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ambient: Vec<String>,
}

impl Sets {
    /// What is listed is effective; it and what is ambient can be had, and nothing else.
    pub(super) fn new(settings: &Settings) -> Result<Self, BadContainer> {
        let effective = known(settings.capabilities.as_deref())?;
        let ambient = known(settings.ambient.as_deref())?;
        let union: BTreeSet<&String> = effective.iter().chain(&ambient).collect();
        let union: Vec<String> = union.into_iter().cloned().collect();
        Ok(Self { bounding: union.clone(), inheritable: union.clone(), permitted: union, effective, ambient })
    }
}

/// A list, in which one word alone may stand for all or none.
fn known(list: Option<&[String]>) -> Result<Vec<String>, BadContainer> {
    let list = list.unwrap_or_default();
    if let [only] = list {
        match only.to_ascii_lowercase().as_str() {
            "none" => return Ok(Vec::new()),
            "all" => return Ok(ALL.map(str::to_owned).to_vec()),
            _ => {}
        }
    }
    match list.iter().find(|name| !ALL.contains(&name.as_str())) {
        Some(unknown) => Err(BadContainer::Capability(unknown.clone())),
        None => Ok(list.to_vec()),
    }
}
