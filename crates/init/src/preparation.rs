//! What must be there before a container is made: the plan of its bundle's `runtime.json`, as LinuxKit has it. Pure.

use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags};
use serde::Deserialize;
use thiserror::Error;

use crate::run::RUN;

/// `runtime.json`. A field that we do not know is an error: it would be a wish that nobody fulfils.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    #[serde(default)]
    cgroups: Option<Vec<String>>,
    #[serde(default)]
    mounts: Option<Vec<Mount>>,
    #[serde(default)]
    mkdir: Option<Vec<String>>,
    #[serde(default)]
    interfaces: Option<Vec<Interface>>,
    #[serde(default, rename = "bindNS")]
    bind_ns: Namespaces,
    /// containerd's, which is not here: containers of one machine are all in one.
    #[serde(default)]
    namespace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mount {
    destination: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    options: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Interface {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Namespaces {
    cgroup: Option<String>,
    ipc: Option<String>,
    mnt: Option<String>,
    net: Option<String>,
    pid: Option<String>,
    user: Option<String>,
    uts: Option<String>,
}

/// What is done before a container is made, and what between its making and its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preparation {
    /// Before it is made, in order.
    pub steps: Vec<Step>,
    /// Namespaces of the container that others want to enter: the kernel's name of each, and the file it is bound to.
    pub bind: Vec<(&'static str, String)>,
}

/// One thing to do before a container is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make a folder and those above it.
    Folder(String),
    /// The same for one that containers share: where it was missing it gets a small file system of its own, so that who fills it
    /// takes no room from others.
    Shared(String),
    /// Mount a file system.
    Mount {
        /// What kind.
        kind: String,
        /// What of.
        source: String,
        /// Where.
        target: String,
        /// How.
        options: Options,
    },
    /// Show a folder at another place as well.
    Bind {
        /// Which.
        source: String,
        /// Where.
        target: String,
        /// And what is mounted below it.
        recursive: bool,
        /// How.
        options: Options,
    },
    /// Change how something that is mounted is mounted.
    Remount {
        /// Where.
        target: String,
        /// How.
        options: Options,
    },
}

/// How something is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For the kernel.
    pub flags: MountFlags,
    /// What was taken back by name: `suid`, `rw` and their like. Only these end what a mount that is changed already has.
    pub cleared: MountFlags,
    /// Whether later mounts are shared with other copies.
    pub propagation: Option<MountPropagationFlags>,
    /// For the file system, joined by commas.
    pub data: String,
}

/// Why a `runtime.json` cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Moving interfaces into containers.
    #[error(
        "runtime.interfaces ({0}) is not supported by orlop-init: give the container net: host, or use LinuxKit's init"
    )]
    Interfaces(String),
    /// A path that is relative or leads upwards.
    #[error("{0:?} is not a whole path")]
    Path(String),
}

impl Runtime {
    /// The plan, in LinuxKit's order: mounts, folders, control groups.
    ///
    /// # Errors
    /// When it asks for what we cannot do; nothing of it is done then.
    pub fn plan(&self) -> Result<Preparation, Unsupported> {
        let Self { cgroups, mounts, mkdir, interfaces, bind_ns, namespace: _ } = self;
        if let Some(interface) = interfaces.iter().flatten().next() {
            return Err(Unsupported::Interfaces(interface.name.clone()));
        }
        let mut steps = Vec::new();
        for mount in mounts.iter().flatten() {
            mount.plan(&mut steps)?;
        }
        for path in mkdir.iter().flatten() {
            let path = whole(path)?;
            steps.push(if is_shared(&path) { Step::Shared(path) } else { Step::Folder(path) });
        }
        for path in cgroups.iter().flatten() {
            steps.push(Step::Folder(whole(&format!("/sys/fs/cgroup/{path}"))?));
        }
        Ok(Preparation { steps, bind: bind_ns.plan()? })
    }
}

impl Mount {
    fn plan(&self, steps: &mut Vec<Step>) -> Result<(), Unsupported> {
        let Self { destination, kind, source, options } = self;
        let target = whole(destination)?;
        let options: Vec<&str> = options.iter().flatten().flat_map(|word| word.split(',')).collect();
        let has = |word: &str| options.contains(&word);
        steps.push(Step::Folder(target.clone()));
        // An overlay's own folders lie on a file system that has just been mounted.
        for folder in options.iter().filter_map(|word| word.strip_prefix("upperdir=").or(word.strip_prefix("workdir=")))
        {
            steps.push(Step::Folder(whole(folder)?));
        }
        let mut parsed = Options::parse(&options);
        if kind == "tmpfs"
            && !parsed.data.split(',').any(|word| word.starts_with("size=") || word.starts_with("nr_blocks="))
        {
            let comma = if parsed.data.is_empty() { "" } else { "," };
            parsed.data.push_str(comma);
            parsed.data.push_str(LAYER_SIZE);
        }
        steps.push(if has("remount") {
            // Only this place of the file system, and not all of it.
            let place = if has("bind") { MountFlags::BIND } else { MountFlags::empty() };
            Step::Remount { target, options: Options { flags: parsed.flags | place, ..parsed } }
        } else if has("bind") || has("rbind") {
            Step::Bind { source: whole(source)?, target, recursive: has("rbind"), options: parsed }
        } else {
            Step::Mount { kind: kind.clone(), source: source.clone(), target, options: parsed }
        });
        Ok(())
    }
}

impl Namespaces {
    fn plan(&self) -> Result<Vec<(&'static str, String)>, Unsupported> {
        let Self { cgroup, ipc, mnt, net, pid, user, uts } = self;
        let all =
            [("cgroup", cgroup), ("ipc", ipc), ("mnt", mnt), ("net", net), ("pid", pid), ("user", user), ("uts", uts)];
        // LinuxKit writes every name, most of them with nothing.
        let asked =
            all.into_iter().filter_map(|(name, path)| Some((name, path.as_ref().filter(|path| !path.is_empty())?)));
        asked.map(|(name, path)| Ok((name, whole(path)?))).collect()
    }
}

impl Options {
    /// Understands the words of `mount(8)`; what is none of them is for the file system.
    fn parse(words: &[&str]) -> Self {
        let mut options =
            Self { flags: MountFlags::empty(), cleared: MountFlags::empty(), propagation: None, data: String::new() };
        for word in words {
            if let Some((_, flag, set)) = FLAGS.iter().find(|(name, ..)| name == word) {
                options.flags.set(*flag, *set);
                options.cleared.set(*flag, !*set);
            } else if let Some((_, propagation)) = PROPAGATIONS.iter().find(|(name, _)| name == word) {
                options.propagation = Some(*propagation);
            } else if !["", "defaults", "remount", "bind", "rbind"].contains(word) {
                if !options.data.is_empty() {
                    options.data.push(',');
                }
                options.data.push_str(word);
            }
        }
        options
    }

    /// What a mount that has the flags `present` is to have: a bind of `/tmp` that is to be read-only stays without programs
    /// and devices. The kernel would take away what is not said again.
    #[must_use]
    pub fn over(&self, present: MountFlags) -> MountFlags {
        let times = self.flags.union(self.cleared).intersects(TIMES);
        let kept = if times { present.difference(TIMES) } else { present };
        kept.difference(self.cleared) | self.flags
    }
}

/// What a container may write into its root file system where its configuration says nothing: the kernel's half of the memory
/// would be all of it for two.
pub(crate) const LAYER_SIZE: &str = "size=25%";

/// Where our daemons and LinuxKit's have what they share.
fn is_shared(path: &str) -> bool {
    let path = Path::new(path);
    path == Path::new("/run/resolvconf") || path.strip_prefix(RUN).is_ok_and(|below| below != Path::new(""))
}

/// Of these only one can be: a new one ends the present one.
const TIMES: MountFlags = MountFlags::NOATIME.union(MountFlags::RELATIME).union(MountFlags::STRICTATIME);

const FLAGS: &[(&str, MountFlags, bool)] = &[
    ("ro", MountFlags::RDONLY, true),
    ("rw", MountFlags::RDONLY, false),
    ("nosuid", MountFlags::NOSUID, true),
    ("suid", MountFlags::NOSUID, false),
    ("nodev", MountFlags::NODEV, true),
    ("dev", MountFlags::NODEV, false),
    ("noexec", MountFlags::NOEXEC, true),
    ("exec", MountFlags::NOEXEC, false),
    ("noatime", MountFlags::NOATIME, true),
    ("atime", MountFlags::NOATIME, false),
    ("nodiratime", MountFlags::NODIRATIME, true),
    ("diratime", MountFlags::NODIRATIME, false),
    ("relatime", MountFlags::RELATIME, true),
    ("norelatime", MountFlags::RELATIME, false),
    ("strictatime", MountFlags::STRICTATIME, true),
    ("nostrictatime", MountFlags::STRICTATIME, false),
    ("sync", MountFlags::SYNCHRONOUS, true),
    ("async", MountFlags::SYNCHRONOUS, false),
    ("dirsync", MountFlags::DIRSYNC, true),
];

const PROPAGATIONS: &[(&str, MountPropagationFlags)] = &[
    ("private", MountPropagationFlags::PRIVATE),
    ("rprivate", MountPropagationFlags::PRIVATE.union(MountPropagationFlags::REC)),
    ("shared", MountPropagationFlags::SHARED),
    ("rshared", MountPropagationFlags::SHARED.union(MountPropagationFlags::REC)),
    ("slave", MountPropagationFlags::DOWNSTREAM),
    ("rslave", MountPropagationFlags::DOWNSTREAM.union(MountPropagationFlags::REC)),
    ("unbindable", MountPropagationFlags::UNBINDABLE),
    ("runbindable", MountPropagationFlags::UNBINDABLE.union(MountPropagationFlags::REC)),
];

/// A path from the root on, without steps upwards.
fn whole(path: &str) -> Result<String, Unsupported> {
    if path.starts_with('/') && !path.contains('\0') && path.split('/').all(|part| part != "..") {
        return Ok(path.to_owned());
    }
    Err(Unsupported::Path(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<Preparation, Unsupported> {
        serde_json::from_str::<Runtime>(json).unwrap().plan()
    }

    fn options(flags: MountFlags, data: &str) -> Options {
        Options { flags, cleared: MountFlags::empty(), propagation: None, data: data.into() }
    }

    fn folder(path: &str) -> Step {
        Step::Folder(path.into())
    }

    #[test]
    fn an_image_that_may_be_written_to_gets_an_overlay() {
        let json = r#"{"mounts":[
            {"destination":"/c/tmp","type":"tmpfs","source":"tmpfs","options":["size=10%","nosuid,nodev"]},
            {"destination":"/c/tmp","options":["remount","private"]},
            {"destination":"/c/rootfs","type":"overlay","source":"overlay",
             "options":["lowerdir=/c/lower","upperdir=/c/tmp/upper","workdir=/c/tmp/work"]}]}"#;
        let private = Options { propagation: Some(MountPropagationFlags::PRIVATE), ..options(MountFlags::empty(), "") };
        let want = [
            folder("/c/tmp"),
            Step::Mount {
                kind: "tmpfs".into(),
                source: "tmpfs".into(),
                target: "/c/tmp".into(),
                options: options(MountFlags::NOSUID | MountFlags::NODEV, "size=10%"),
            },
            folder("/c/tmp"),
            Step::Remount { target: "/c/tmp".into(), options: private },
            folder("/c/rootfs"),
            folder("/c/tmp/upper"),
            folder("/c/tmp/work"),
            Step::Mount {
                kind: "overlay".into(),
                source: "overlay".into(),
                target: "/c/rootfs".into(),
                options: options(MountFlags::empty(), "lowerdir=/c/lower,upperdir=/c/tmp/upper,workdir=/c/tmp/work"),
            },
        ];
        assert_eq!(plan(json).unwrap().steps, want);
    }

    #[test]
    fn a_layer_that_may_be_written_to_has_a_size() {
        for (what, words, want) in [
            ("nothing said", &[][..], "size=25%"),
            ("something else said", &["mode=755"], "mode=755,size=25%"),
            ("a size", &["size=1g"], "size=1g"),
            ("as blocks", &["mode=755,nr_blocks=7"], "mode=755,nr_blocks=7"),
        ] {
            let mount = serde_json::json!({"mounts": [{"destination": "/t", "type": "tmpfs", "options": words}]});
            let steps = plan(&mount.to_string()).unwrap().steps;
            assert!(
                matches!(steps.last(), Some(Step::Mount { options, .. }) if options.data == want),
                "{what}: {steps:?}"
            );
        }
    }

    #[test]
    fn a_read_only_image_is_bound_and_folders_come_after() {
        let json = r#"{"mounts":[{"source":"/c/rootfs","destination":"/c/rootfs","options":["bind","ro"]}],
            "mkdir":["/run/x","/run/orlop/x","/run/orlop/control/x","/run/resolvconf","/run/orlop","/run/orloper"],"cgroups":["services"],"bindNS":{"cgroup":"","ipc":"","mnt":"","net":"","pid":"","user":"","uts":""},
            "interfaces":[],"namespace":""}"#;
        let want = [
            folder("/c/rootfs"),
            Step::Bind {
                source: "/c/rootfs".into(),
                target: "/c/rootfs".into(),
                recursive: false,
                options: options(MountFlags::RDONLY, ""),
            },
            folder("/run/x"),
            Step::Shared("/run/orlop/x".into()),
            Step::Shared("/run/orlop/control/x".into()),
            Step::Shared("/run/resolvconf".into()),
            folder("/run/orlop"),
            folder("/run/orloper"),
            folder("/sys/fs/cgroup/services"),
        ];
        assert_eq!(plan(json).unwrap().steps, want);
    }

    #[test]
    fn namespaces_are_bound_where_they_are_asked_for() {
        let preparation = plan(r#"{"bindNS":{"net":"/run/netns/wg","user":null,"pid":""}}"#).unwrap();
        assert_eq!(preparation.bind, [("net", "/run/netns/wg".to_owned())]);
    }

    #[test]
    fn what_is_not_supported_is_said() {
        let interfaces = plan(r#"{"interfaces":[{"name":"wg0","add":"wireguard","createInRoot":true}]}"#);
        assert_eq!(interfaces, Err(Unsupported::Interfaces("wg0".into())));
        for (what, json, path) in [
            ("relative", r#"{"mkdir":["run/x"]}"#, "run/x"),
            ("upwards", r#"{"mkdir":["/run/../etc"]}"#, "/run/../etc"),
            ("a control group", r#"{"cgroups":["../../etc"]}"#, "/sys/fs/cgroup/../../etc"),
            ("a bind's source", r#"{"mounts":[{"destination":"/a","source":"b","options":["bind"]}]}"#, "b"),
        ] {
            assert_eq!(plan(json), Err(Unsupported::Path(path.into())), "{what}");
        }
        assert!(serde_json::from_str::<Runtime>(r#"{"seccomp":{}}"#).is_err(), "an unknown field");
        assert_eq!(plan("{}"), Ok(Preparation::default()), "nothing");
    }

    #[test]
    fn a_later_word_takes_back_an_earlier_one() {
        let want = Options { cleared: MountFlags::RDONLY, ..options(MountFlags::NOEXEC, "") };
        assert_eq!(Options::parse(&["ro", "noexec", "rw"]), want);
    }

    #[test]
    fn a_mount_that_is_changed_keeps_what_nobody_takes_back() {
        let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::RELATIME;
        for (what, words, want) in [
            ("made read-only", &["ro"][..], safe | MountFlags::RDONLY),
            ("nothing said", &[], safe),
            ("taken back", &["suid", "ro"], MountFlags::NODEV | MountFlags::RELATIME | MountFlags::RDONLY),
            ("another way with times", &["noatime"], MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME),
        ] {
            assert_eq!(Options::parse(words).over(safe), want, "{what}");
        }
        assert_eq!(Options::parse(&["nosuid"]).over(MountFlags::RDONLY), MountFlags::RDONLY | MountFlags::NOSUID);
    }

    #[test]
    fn a_bind_is_remounted_at_its_place_only() {
        for (words, want) in [
            (r#""remount","bind","ro""#, MountFlags::BIND | MountFlags::RDONLY),
            (r#""remount","ro""#, MountFlags::RDONLY),
        ] {
            let preparation = plan(&format!(r#"{{"mounts":[{{"destination":"/a","options":[{words}]}}]}}"#)).unwrap();
            let remount = Step::Remount { target: "/a".into(), options: options(want, "") };
            assert_eq!(preparation.steps.last(), Some(&remount), "{words}");
        }
    }
}
