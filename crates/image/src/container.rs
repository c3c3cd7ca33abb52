//! `config.json` of a container: what holds for it, with LinuxKit's defaults, in the words of the OCI runtime specification.
//!
//! The defaults are LinuxKit's and not a container engine's: no `/dev/shm`, no masked path, no seccomp, no capability that is
//! not listed, namespaces for mounts and processes only. The types are here and not `oci-spec`'s, because there a set of
//! capabilities is a hash set, whose order changes from run to run, and LinuxKit's files keep the order of the list; the
//! tests read the result with `oci-spec`, which youki is made with.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::spec::files::{Ids, UnknownId};
use crate::spec::resources::{DeviceRule, IdMapping, Resources};
use crate::spec::settings::{Device, Mount};
use crate::spec::{Id, Settings};

mod capabilities;
mod mounts;
mod rlimits;

/// What is wrong with a container's settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadContainer {
    /// Not one of Linux's capabilities, or `all` beside others.
    #[error("unknown capability {0} (all and none are only understood alone)")]
    Capability(String),
    /// Not `SOURCE:DESTINATION[:OPTIONS]`.
    #[error("bind {0} is not SOURCE:DESTINATION or SOURCE:DESTINATION:OPTIONS")]
    Bind(String),
    /// Not `DESTINATION[:OPTIONS]`.
    #[error("tmpfs {0} is not DESTINATION or DESTINATION:OPTIONS")]
    Tmpfs(String),
    /// A mount of an unknown kind.
    #[error("the mount on {0:?} has no type")]
    MountType(String),
    /// A mount on nothing.
    #[error("a mount of type {0} has no destination")]
    MountDestination(String),
    /// Not `NAME,SOFT,HARD`.
    #[error("rlimit {0} is not NAME,SOFT,HARD with numbers or unlimited, or Linux has no such limit")]
    Rlimit(String),
    /// A device without its mode, or with one that is none.
    #[error("device {0} needs a mode in octal")]
    DeviceMode(String),
    /// See [`UnknownId`].
    #[error(transparent)]
    Id(#[from] UnknownId),
}

/// The version of the runtime specification that is stated: crun and runc refuse newer ones than they know, and nothing
/// that LinuxKit writes is newer than this.
const VERSION: &str = "1.0.2";

/// `config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    oci_version: &'static str,
    process: Process,
    root: Root,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    mounts: Vec<Mount>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    linux: Linux,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    user: User,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    cwd: String,
    capabilities: capabilities::Sets,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rlimits: Vec<rlimits::Rlimit>,
    #[serde(skip_serializing_if = "is_false")]
    no_new_privileges: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    oom_score_adj: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    additional_gids: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Root {
    path: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    readonly: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uid_mappings: Vec<IdMapping>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gid_mappings: Vec<IdMapping>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sysctl: BTreeMap<String, String>,
    resources: Resources,
    #[serde(skip_serializing_if = "String::is_empty")]
    cgroups_path: String,
    namespaces: Vec<Namespace>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<Node>,
    #[serde(skip_serializing_if = "String::is_empty")]
    rootfs_propagation: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    masked_paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    readonly_paths: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    major: i64,
    minor: i64,
    file_mode: u32,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Config {
    /// The configuration of a container for which `settings` hold (see [`crate::merge::merge`]).
    ///
    /// # Errors
    /// What LinuxKit or the runtime would refuse.
    pub fn new(settings: &Settings, ids: &Ids) -> Result<Self, BadContainer> {
        let args = settings.command.clone().unwrap_or_default();
        let readonly = settings.readonly.unwrap_or_default();
        let number = |id: &Option<Id>| id.as_ref().map_or(Ok(0), |id| id.resolve(ids));
        let groups = settings.additional_gids.iter().flatten();
        let (nodes, resources) = devices(settings)?;
        Ok(Self {
            oci_version: VERSION,
            process: Process {
                user: User {
                    uid: number(&settings.uid)?,
                    gid: number(&settings.gid)?,
                    additional_gids: groups.map(|id| id.resolve(ids)).collect::<Result<_, _>>()?,
                },
                args,
                env: settings.env.clone().unwrap_or_default(),
                cwd: settings.cwd.clone().unwrap_or_else(|| "/".to_owned()),
                capabilities: capabilities::Sets::new(settings)?,
                rlimits: rlimits::rlimits(settings)?,
                no_new_privileges: settings.no_new_privileges.unwrap_or_default(),
                oom_score_adj: settings.oom_score_adj,
            },
            root: Root { path: "rootfs", readonly },
            hostname: settings.hostname.clone(),
            mounts: mounts::mounts(settings, readonly)?,
            annotations: settings.annotations.clone().unwrap_or_default(),
            linux: Linux {
                uid_mappings: settings.uid_mappings.clone().unwrap_or_default(),
                gid_mappings: settings.gid_mappings.clone().unwrap_or_default(),
                sysctl: settings.sysctl.clone().unwrap_or_default(),
                resources,
                cgroups_path: settings.cgroups_path.clone().unwrap_or_default(),
                namespaces: namespaces(settings),
                devices: nodes,
                rootfs_propagation: settings.rootfs_propagation.clone().unwrap_or_default(),
                masked_paths: settings.masked_paths.clone().unwrap_or_default(),
                readonly_paths: settings.readonly_paths.clone().unwrap_or_default(),
            },
        })
    }

    /// Whether there is nothing to start, which no runtime does.
    #[must_use]
    pub const fn has_no_command(&self) -> bool {
        self.process.args.is_empty()
    }

    /// Whether nothing of the image can be written to.
    #[must_use]
    pub const fn is_readonly(&self) -> bool {
        self.root.readonly
    }

    /// Whether its users are not the machine's.
    #[must_use]
    pub fn has_user_namespace(&self) -> bool {
        self.linux.namespaces.iter().any(|namespace| namespace.kind == USER)
    }

    /// Folders and files of the image that something is mounted on, and that nothing else mounts: a runtime cannot make
    /// them where the image is read-only.
    pub fn mount_points(&self) -> impl Iterator<Item = &str> {
        let destinations: BTreeSet<&str> = self.mounts.iter().map(|mount| mount.destination.as_str()).collect();
        self.mounts.iter().map(|mount| mount.destination.as_str()).filter(move |path| {
            let above = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
            !above.into_iter().any(|folder| destinations.contains(folder))
        })
    }
}

/// The namespace of users, as the specification calls it.
const USER: &str = "user";

/// LinuxKit's order. Mounts always get a namespace of their own, processes unless told otherwise, the others when told so.
fn namespaces(settings: &Settings) -> Vec<Namespace> {
    let own = |kind, said: &Option<String>, default: &str, also_new: &[&str]| {
        let said = said.as_deref().unwrap_or(default);
        let path = (said != "new" && !also_new.contains(&said)).then(|| said.to_owned());
        (!matches!(said, "host" | "root")).then_some(Namespace { kind, path })
    };
    [
        own("network", &settings.net, "host", &["none"]),
        own("ipc", &settings.ipc, "host", &[]),
        own("uts", &settings.uts, "host", &[]),
        own("pid", &settings.pid, "new", &[]),
        own(USER, &settings.userns, "host", &[]),
        own("mount", &None, "new", &[]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Device nodes, and the resources with a rule for each: without one the node is there and cannot be used.
fn devices(settings: &Settings) -> Result<(Vec<Node>, Resources), BadContainer> {
    /// Read, write, make nodes.
    const ACCESS: &str = "rwm";
    /// Permission bits and the three above them.
    const MODE: u32 = 0o7777;
    let mut resources = settings.resources.clone().unwrap_or_default();
    let mut nodes = Vec::new();
    for Device { path, kind, major, minor, mode } in settings.devices.iter().flatten() {
        let mut rule = DeviceRule {
            allow: true,
            kind: (!kind.is_empty()).then(|| kind.clone()),
            access: Some(ACCESS.to_owned()),
            ..DeviceRule::default()
        };
        if path != "all" {
            let mode = mode.as_deref().and_then(|text| u32::from_str_radix(text, 8).ok()).filter(|mode| *mode <= MODE);
            let file_mode = mode.ok_or_else(|| BadContainer::DeviceMode(path.clone()))?;
            nodes.push(Node { path: path.clone(), kind: kind.clone(), major: *major, minor: *minor, file_mode });
            (rule.major, rule.minor) = (Some(*major), Some(*minor));
        }
        resources.devices.push(rule);
    }
    Ok((nodes, resources))
}

#[cfg(test)]
mod tests;
