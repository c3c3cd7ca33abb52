//! The defaults, row by row, against literal JSON.

use super::*;
use serde_json::{Value, json};

use crate::spec::files;

/// `config.json` of a container for which this holds, and which starts `/x`.
fn config(settings: &Value) -> Result<Value, BadContainer> {
    let mut settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    settings.command.get_or_insert_with(|| vec!["/x".to_owned()]);
    let ids = files::number(["first", "second"].into_iter());
    Config::new(&settings, &ids).map(|config| serde_json::to_value(config).unwrap())
}

/// Settings, a pointer into `config.json`, and what must lie there; `null` is nothing.
fn assert_rows(rows: &[(&str, Value, &str, Value)]) {
    for (what, settings, pointer, want) in rows {
        let config = config(settings).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(config.pointer(pointer).unwrap_or(&Value::Null), want, "{what}");
    }
}

#[test]
fn a_container_of_which_nothing_is_said_is_exactly_this() {
    let want = json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/x"],
            "cwd": "/",
            "capabilities": {}
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
            {"destination": "/proc", "type": "proc", "source": "proc",
             "options": ["nosuid", "nodev", "noexec", "relatime"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs",
             "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
             "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}
        ],
        "linux": {"resources": {}, "namespaces": [{"type": "pid"}, {"type": "mount"}]}
    });
    assert_eq!(config(&json!({})), Ok(want));
}

#[test]
fn mounts() {
    let dev = json!(["nosuid", "strictatime", "mode=755", "size=65536k", "ro"]);
    assert_rows(&[
        ("read-only: /dev too", json!({"readonly": true}), "/mounts/0/options", dev),
        (
            "read-only: /sys too",
            json!({"readonly": true}),
            "/mounts/3/options",
            json!(["nosuid", "noexec", "nodev", "ro"]),
        ),
        (
            "read-only: /proc never",
            json!({"readonly": true}),
            "/mounts/2/options",
            json!(["nosuid", "nodev", "noexec", "relatime"]),
        ),
        (
            "a bind of two parts",
            json!({"binds": ["/a:/b"]}),
            "/mounts/0",
            json!({"destination": "/b", "type": "bind", "source": "/a", "options": ["rw", "rbind", "rshared"]}),
        ),
        (
            "a bind of three parts",
            json!({"binds": ["/a:/b:ro,noexec"]}),
            "/mounts/0/options",
            json!(["ro", "noexec", "rbind"]),
        ),
        (
            "a tmpfs",
            json!({"tmpfs": ["/tmp"]}),
            "/mounts/5",
            json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}),
        ),
        (
            "a tmpfs with options",
            json!({"tmpfs": ["/tmp:size=1m,noexec"]}),
            "/mounts/5/options",
            json!(["size=1m", "noexec"]),
        ),
        ("a bind over a tmpfs", json!({"tmpfs": ["/b"], "binds": ["/a:/b"]}), "/mounts/0/type", json!("bind")),
        (
            "a mount over a bind",
            json!({"binds": ["/a:/b"], "mounts": [{"type": "x", "destination": "/b"}]}),
            "/mounts/0/type",
            json!("x"),
        ),
        (
            "in place of a default",
            json!({"mounts": [{"type": "cgroup", "options": ["rw"]}]}),
            "/mounts/4/options",
            json!(["rw"]),
        ),
        (
            "the type from the source",
            json!({"mounts": [{"source": "mqueue"}]}),
            "/mounts/1/destination",
            json!("/dev/mqueue"),
        ),
        (
            "/dev is a tmpfs",
            json!({"mounts": [{"destination": "/dev"}]}),
            "/mounts/0",
            json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}),
        ),
        ("a bind over /dev, before /dev/pts", json!({"binds": ["/dev:/dev"]}), "/mounts/0/source", json!("/dev")),
    ]);
}

#[test]
fn namespaces_are_the_hosts_but_for_mounts_and_processes() {
    let types = |settings: Value| config(&settings).unwrap()["linux"]["namespaces"].clone();
    let mount = json!({"type": "mount"});
    for (what, settings, want) in [
        ("processes of the host", json!({"pid": "host"}), json!([mount])),
        ("root is another word for it", json!({"pid": "root"}), json!([mount])),
        ("a new network", json!({"net": "new"}), json!([{"type": "network"}, {"type": "pid"}, mount])),
        ("none is new for networks", json!({"net": "none"}), json!([{"type": "network"}, {"type": "pid"}, mount])),
        (
            "one by its path",
            json!({"net": "/run/netns/x"}),
            json!([{"type": "network", "path": "/run/netns/x"}, {"type": "pid"}, mount]),
        ),
        (
            "all of them",
            json!({"net": "new", "ipc": "new", "uts": "new", "pid": "new", "userns": "new"}),
            json!([{"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "pid"}, {"type": "user"}, mount]),
        ),
        (
            "said to be the host's",
            json!({"net": "host", "ipc": "root", "uts": "host", "userns": "host"}),
            json!([{"type": "pid"}, mount]),
        ),
    ] {
        assert_eq!(types(settings), want, "{what}");
    }
}

#[test]
fn capabilities() {
    let all: Vec<Value> = capabilities::ALL.iter().map(|name| json!(name)).collect();
    let mut sorted = all.clone();
    sorted.sort_by_key(ToString::to_string);
    assert_rows(&[
        ("none unless listed", json!({"uid": 0}), "/process/capabilities", json!({})),
        (
            "what is listed, in its order, and sorted where it only can be had",
            json!({"capabilities": ["CAP_KILL", "CAP_CHOWN"]}),
            "/process/capabilities",
            json!({"bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL", "CAP_CHOWN"],
                   "inheritable": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN", "CAP_KILL"]}),
        ),
        (
            "ambient ones can be had and are not effective",
            json!({"capabilities": ["CAP_KILL"], "ambient": ["CAP_CHOWN"]}),
            "/process/capabilities",
            json!({"bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL"], "ambient": ["CAP_CHOWN"],
                   "inheritable": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN", "CAP_KILL"]}),
        ),
        ("all, by number", json!({"capabilities": ["all"]}), "/process/capabilities/effective", Value::Array(all)),
        ("all, sorted", json!({"capabilities": ["ALL"]}), "/process/capabilities/bounding", Value::Array(sorted)),
        ("none", json!({"capabilities": ["none"], "ambient": ["none"]}), "/process/capabilities", json!({})),
        (
            "twice stays twice",
            json!({"capabilities": ["CAP_KILL", "CAP_KILL"]}),
            "/process/capabilities/effective",
            json!(["CAP_KILL", "CAP_KILL"]),
        ),
    ]);
}

#[test]
fn process_and_root() {
    assert_rows(&[
        ("read-only", json!({"readonly": true}), "/root", json!({"path": "rootfs", "readonly": true})),
        ("no new privileges", json!({"noNewPrivileges": true}), "/process/noNewPrivileges", json!(true)),
        ("a score", json!({"oomScoreAdj": -800}), "/process/oomScoreAdj", json!(-800)),
        ("a score of zero is said", json!({"oomScoreAdj": 0}), "/process/oomScoreAdj", json!(0)),
        ("a folder", json!({"cwd": "/srv"}), "/process/cwd", json!("/srv")),
        ("an environment", json!({"env": ["A=b"]}), "/process/env", json!(["A=b"])),
        ("a hostname", json!({"hostname": "box"}), "/hostname", json!("box")),
        (
            "numbers and names of users",
            json!({"uid": "second", "gid": 7, "additionalGids": ["first", 9]}),
            "/process/user",
            json!({"uid": 101, "gid": 7, "additionalGids": [100, 9]}),
        ),
        (
            "limits",
            json!({"rlimits": ["nofile, 100 ,unlimited", "RLIMIT_CORE,0,0"]}),
            "/process/rlimits",
            json!([{"type": "RLIMIT_NOFILE", "hard": u64::MAX, "soft": 100}, {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}]),
        ),
    ]);
}

#[test]
fn linux() {
    assert_rows(&[
        ("nothing is masked", json!({}), "/linux/maskedPaths", Value::Null),
        ("no seccomp, ever", json!({"noNewPrivileges": true}), "/linux/seccomp", Value::Null),
        ("masked paths", json!({"maskedPaths": ["/proc/kcore"]}), "/linux/maskedPaths", json!(["/proc/kcore"])),
        ("read-only paths", json!({"readonlyPaths": ["/proc/sys"]}), "/linux/readonlyPaths", json!(["/proc/sys"])),
        ("propagation", json!({"rootfsPropagation": "shared"}), "/linux/rootfsPropagation", json!("shared")),
        ("a control group", json!({"cgroupsPath": "/x"}), "/linux/cgroupsPath", json!("/x")),
        ("sysctls", json!({"sysctl": {"b": "1", "a": "2"}}), "/linux/sysctl", json!({"a": "2", "b": "1"})),
        ("annotations", json!({"annotations": {"a": "b"}}), "/annotations", json!({"a": "b"})),
        (
            "mappings",
            json!({"uidMappings": [{"hostID": 1, "containerID": 2, "size": 3}]}),
            "/linux/uidMappings",
            json!([{"hostID": 1, "containerID": 2, "size": 3}]),
        ),
        (
            "resources",
            json!({"resources": {"memory": {"limit": 5}, "blockio": {"weight": 6}}}),
            "/linux/resources",
            json!({"memory": {"limit": 5}, "blockIO": {"weight": 6}}),
        ),
        (
            "a device's node",
            json!({"devices": [{"path": "/dev/rtc0", "type": "c", "major": 252, "minor": 0, "mode": "0600"}]}),
            "/linux/devices",
            json!([{"path": "/dev/rtc0", "type": "c", "major": 252, "minor": 0, "fileMode": 0o600}]),
        ),
        (
            "its rule, after those that are said",
            json!({"resources": {"devices": [{"allow": false, "access": "rwm"}]},
                   "devices": [{"path": "/dev/rtc0", "type": "c", "major": 252, "minor": 0, "mode": "0600"}]}),
            "/linux/resources/devices",
            json!([{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 252, "minor": 0, "access": "rwm"}]),
        ),
        (
            "all of a type: a rule and no node",
            json!({"devices": [{"path": "all", "type": "b"}]}),
            "/linux",
            json!({"resources": {"devices": [{"allow": true, "type": "b", "access": "rwm"}]},
                   "namespaces": [{"type": "pid"}, {"type": "mount"}]}),
        ),
    ]);
}

#[test]
fn what_cannot_work_is_refused() {
    for (what, settings, want) in [
        ("an unknown capability", json!({"capabilities": ["CAP_NET_ADMINN"]}), "CAP_NET_ADMINN"),
        ("without its beginning", json!({"capabilities": ["KILL"]}), "KILL"),
        ("all beside another", json!({"capabilities": ["all", "CAP_KILL"]}), "unknown capability all"),
        ("an unknown ambient one", json!({"ambient": ["x"]}), "unknown capability x"),
        ("a bind of one part", json!({"binds": ["/a"]}), "bind /a"),
        ("a bind of four parts", json!({"binds": ["/a:/b:ro:x"]}), "bind /a:/b:ro:x"),
        ("a tmpfs of three parts", json!({"tmpfs": ["/a:b:c"]}), "tmpfs /a:b:c"),
        ("a mount without a type", json!({"mounts": [{"destination": "/a", "source": "/b"}]}), "\"/a\" has no type"),
        (
            "a mount on nothing",
            json!({"mounts": [{"type": "ext4", "source": "/dev/sda"}]}),
            "type ext4 has no destination",
        ),
        ("a limit of two parts", json!({"rlimits": ["nofile,1"]}), "rlimit nofile,1"),
        ("a limit that Linux has not", json!({"rlimits": ["files,1,1"]}), "rlimit files"),
        ("a limit that is no number", json!({"rlimits": ["nofile,-1,1"]}), "rlimit nofile"),
        ("a device without a mode", json!({"devices": [{"path": "/dev/x", "type": "c"}]}), "/dev/x needs a mode"),
        ("a mode that is none", json!({"devices": [{"path": "/dev/x", "mode": "rw"}]}), "/dev/x needs a mode"),
        ("an unknown user", json!({"uid": "nobody"}), "\"nobody\""),
    ] {
        let error = config(&settings).unwrap_err().to_string();
        assert!(error.contains(want), "{what}: {error}");
    }
}

/// A runtime made with `oci-spec` reads what is written, with every key in use.
#[test]
fn the_runtime_specifications_own_types_read_it() {
    let spec = {
        let mut spec = crate::spec::Spec::default();
        crate::spec::read::append(&mut spec, include_str!("../spec/every-key.yml")).unwrap();
        spec
    };
    let service = &spec.services[0];
    let ids = files::number([service.name.as_str()].into_iter());
    let json = serde_json::to_string(&Config::new(&service.settings, &ids).unwrap()).unwrap();
    let read: oci_spec::runtime::Spec = serde_json::from_str(&json).unwrap();
    let linux = read.linux().as_ref().unwrap();
    assert_eq!(linux.namespaces().as_ref().unwrap().len(), 4);
    assert_eq!(linux.resources().as_ref().unwrap().memory().as_ref().unwrap().kernel_tcp(), Some(5));
    assert_eq!(linux.devices().as_ref().unwrap().len(), 1);
    assert_eq!(read.process().as_ref().unwrap().user().uid(), 100);
}

#[test]
fn mount_points_are_those_that_nothing_else_mounts() {
    let settings = json!({"command": ["x"], "binds": ["/a:/run", "/b:/run/b", "/c:/srv/c"], "tmpfs": ["/dev/shm"]});
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let config = Config::new(&settings, &Ids::new()).unwrap();
    let points: Vec<_> = config.mount_points().collect();
    assert_eq!(points, ["/dev", "/proc", "/run", "/srv/c", "/sys"]);
}
