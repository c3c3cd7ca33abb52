//! From an image's label to a runtime's configuration, by LinuxKit's rules: nothing is granted that the label does not name.

use std::path::Path;

use anyhow::{Context as _, Result};
use orlop_image::inspect::{Contents, platforms};
use orlop_image::label::{self, Label, Namespace};
use orlop_image::layout::Layout;
use orlop_testbed::Host;
use serde_json::{Value, json};

/// What an image asks for, as it stands in the image. Tests take something away to see what is then said.
#[derive(Clone, Debug)]
pub struct Grants {
    /// Its label.
    pub label: Label,
    /// Its command.
    pub command: Vec<String>,
    /// Its environment.
    pub env: Vec<String>,
    /// Whether an engine that mounts `/proc/sys` read-only by itself is told not to. LinuxKit never does.
    pub proc_sys: bool,
}

impl Grants {
    /// Reads them from the one image of a layout for this machine.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(layout: &Layout) -> Result<Self> {
        let (_, root) = layout.names().next().context("the layout names no image")?;
        let manifest = platforms(layout, root)?.into_iter().next().context("the index is empty")?;
        let contents = Contents::read(layout, &manifest)?;
        let label = contents.label(label::KEY).context("the image has no label")?;
        let config = contents.configuration.config().clone().context("the image has no configuration")?;
        Ok(Self {
            label: serde_json::from_str(label)?,
            command: config.cmd().clone().unwrap_or_default(),
            env: config.env().clone().unwrap_or_default(),
            proc_sys: false,
        })
    }

    /// With another command, as `command:` in YAML gives.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// With `/proc/sys` as it is.
    #[must_use]
    pub fn proc_sys(mut self) -> Self {
        self.proc_sys = true;
        self
    }

    /// Without a capability.
    #[must_use]
    pub fn without_capability(mut self, name: &str) -> Self {
        self.label.capabilities.retain(|capability| capability != name);
        self
    }

    /// Without the bind of a folder.
    #[must_use]
    pub fn without_bind(mut self, folder: &str) -> Self {
        self.label.binds.retain(|bind| !bind.starts_with(&format!("{folder}:")));
        self
    }
}

/// `config.json` of a bundle whose root file system lies in `rootfs`. What the label binds from the machine comes from
/// below `machine`; the namespaces that it calls the host's are those of `host`.
#[must_use]
pub fn config(grants: &Grants, rootfs: &Path, machine: &Path, host: &Host) -> Value {
    let Grants { label, command, env, proc_sys: _ } = grants;
    let namespace =
        |name: &str| json!({ "type": name, "path": format!("/proc/{}/ns/{}", host.pid(), kernel_name(name)) });
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({ "destination": destination, "type": kind, "source": kind, "options": options });
    let mut mounts = vec![
        mount("/proc", "proc", &["nosuid", "nodev", "noexec", "relatime"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k", "ro"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ];
    mounts.extend(label.binds().map(|bind| {
        let source = machine.join(bind.source.trim_start_matches('/'));
        let options: Vec<&str> =
            bind.options.map_or(vec!["rw", "rbind", "rshared"], |own| own.split(',').chain(["rbind"]).collect());
        json!({ "destination": bind.destination, "type": "bind", "source": source, "options": options })
    }));
    let mut namespaces = vec![json!({ "type": "mount" }), namespace("network"), namespace("uts")];
    if label.pid == Namespace::New {
        namespaces.push(json!({ "type": "pid" }));
    }
    let capabilities = &label.capabilities;
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": { "uid": 0, "gid": 0 },
            "args": command,
            "env": env,
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities,
                "effective": capabilities,
                "inheritable": capabilities,
                "permitted": capabilities,
            },
            "noNewPrivileges": label.no_new_privileges,
        },
        "root": { "path": rootfs, "readonly": label.readonly },
        "mounts": mounts,
        "linux": {
            "namespaces": namespaces,
            "readonlyPaths": label.readonly_paths,
        },
    })
}

/// The name of a namespace's file under `/proc/PID/ns`.
fn kernel_name(name: &str) -> &str {
    if name == "network" { "net" } else { name }
}
