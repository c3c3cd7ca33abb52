//! What holds for a container: its spec over its image's label over its image's configuration, field by field.
//!
//! LinuxKit's rules, which are older than they are regular:
//! - the spec replaces the label, an empty list too; `command`, `env` and `cwd` fall back to the image's configuration;
//! - a text that is empty (`net`, `pid`, `ipc`, `uts`, `userns`, `cwd`, `hostname`) says nothing;
//! - `binds.add` and `capabilities.add` of the *spec* are appended to the *label's* list and are lost where the spec has
//!   the plain list; those of a label say nothing at all; nothing is made unique;
//! - `runtime` is merged by its own fields, and `bindNS` by its own in turn.

use oci_spec::image::Config;

use crate::label;
use crate::spec::settings::BindNs;
use crate::spec::{Runtime, Settings, read};

/// A label that is not what LinuxKit takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLabel {
    /// No mapping, or an unknown key.
    #[error("its label org.mobyproject.config is not understood: {0}")]
    Syntax(String),
    /// A label is of an image and cannot name one.
    #[error("its label org.mobyproject.config has the key {0}, which only a spec can have")]
    Named(&'static str),
}

/// The settings in an image's label; none, when it has no label.
///
/// # Errors
/// It has one that LinuxKit would refuse.
pub fn label(config: &Config) -> Result<Settings, BadLabel> {
    let Some(text) = config.labels().as_ref().and_then(|labels| labels.get(label::KEY)) else {
        return Ok(Settings::default());
    };
    if text.is_empty() {
        return Ok(Settings::default());
    }
    // Most are JSON, which is YAML as well; a text may be a number there.
    let settings: Settings = read::yaml(text).map_err(BadLabel::Syntax)?;
    match (&settings.name, &settings.image) {
        (Some(_), _) => Err(BadLabel::Named("name")),
        (_, Some(_)) => Err(BadLabel::Named("image")),
        (None, None) => Ok(settings),
    }
}

/// What holds, with nothing left to add: of the result, `binds` and `capabilities` are whole, and `command`, `env` and
/// `cwd` are the image's where nobody says otherwise.
#[must_use]
pub fn merge(spec: Settings, label: Settings, image: &Config) -> Settings {
    let Settings {
        name: _,
        image: _,
        capabilities,
        capabilities_add,
        ambient,
        mounts,
        binds,
        binds_add,
        devices,
        tmpfs,
        command,
        env,
        cwd,
        net,
        pid,
        ipc,
        uts,
        userns,
        hostname,
        readonly,
        masked_paths,
        readonly_paths,
        uid,
        gid,
        additional_gids,
        no_new_privileges,
        oom_score_adj,
        rootfs_propagation,
        cgroups_path,
        resources,
        sysctl,
        rlimits,
        uid_mappings,
        gid_mappings,
        annotations,
        runtime,
    } = spec;
    let words = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let started = [words(image.entrypoint()), words(image.cmd())].concat();
    Settings {
        name: None,
        image: None,
        capabilities: capabilities.or_else(|| appended(label.capabilities, capabilities_add)),
        capabilities_add: None,
        ambient: ambient.or(label.ambient),
        mounts: mounts.or(label.mounts),
        binds: binds.or_else(|| appended(label.binds, binds_add)),
        binds_add: None,
        devices: devices.or(label.devices),
        tmpfs: tmpfs.or(label.tmpfs),
        command: command.or(label.command).or(Some(started)),
        env: env.or(label.env).or_else(|| image.env().clone()),
        cwd: said(cwd, label.cwd).or_else(|| said(image.working_dir().clone(), None)),
        net: said(net, label.net),
        pid: said(pid, label.pid),
        ipc: said(ipc, label.ipc),
        uts: said(uts, label.uts),
        userns: said(userns, label.userns),
        hostname: said(hostname, label.hostname),
        readonly: readonly.or(label.readonly),
        masked_paths: masked_paths.or(label.masked_paths),
        readonly_paths: readonly_paths.or(label.readonly_paths),
        uid: uid.or(label.uid),
        gid: gid.or(label.gid),
        additional_gids: additional_gids.or(label.additional_gids),
        no_new_privileges: no_new_privileges.or(label.no_new_privileges),
        oom_score_adj: oom_score_adj.or(label.oom_score_adj),
        rootfs_propagation: rootfs_propagation.or(label.rootfs_propagation),
        cgroups_path: cgroups_path.or(label.cgroups_path),
        resources: resources.or(label.resources),
        sysctl: sysctl.or(label.sysctl),
        rlimits: rlimits.or(label.rlimits),
        uid_mappings: uid_mappings.or(label.uid_mappings),
        gid_mappings: gid_mappings.or(label.gid_mappings),
        annotations: annotations.or(label.annotations),
        runtime: Some(merge_runtime(runtime.unwrap_or_default(), label.runtime.unwrap_or_default())),
    }
}

fn merge_runtime(spec: Runtime, label: Runtime) -> Runtime {
    let Runtime { cgroups, mounts, mkdir, interfaces, bind_ns, namespace } = spec;
    let BindNs { cgroup, ipc, mnt, net, pid, user, uts } = bind_ns;
    Runtime {
        cgroups: cgroups.or(label.cgroups),
        mounts: mounts.or(label.mounts),
        mkdir: mkdir.or(label.mkdir),
        interfaces: interfaces.or(label.interfaces),
        bind_ns: BindNs {
            cgroup: cgroup.or(label.bind_ns.cgroup),
            ipc: ipc.or(label.bind_ns.ipc),
            mnt: mnt.or(label.bind_ns.mnt),
            net: net.or(label.bind_ns.net),
            pid: pid.or(label.bind_ns.pid),
            user: user.or(label.bind_ns.user),
            uts: uts.or(label.bind_ns.uts),
        },
        namespace: namespace.or(label.namespace),
    }
}

fn appended(label: Option<Vec<String>>, add: Option<Vec<String>>) -> Option<Vec<String>> {
    match (label, add) {
        (Some(label), Some(add)) => Some([label, add].concat()),
        (label, add) => label.or(add),
    }
}

fn said(spec: Option<String>, label: Option<String>) -> Option<String> {
    let says = |text: &String| !text.is_empty();
    spec.filter(says).or(label.filter(says))
}

#[cfg(test)]
mod tests;
