//! The runtimes, each with state of its own in the stage's folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use orlop_image::label::Namespace;
use orlop_testbed::{Running, eventually};

use crate::bundle::{self, Grants};
use crate::stage::Stage;

/// A program that runs images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// umoci and runc: as LinuxKit runs `onboot`.
    Runc,
    /// umoci and crun, another program for the same.
    Crun,
    /// containerd and ctr: as LinuxKit runs `services`.
    Containerd,
    /// podman.
    Podman,
}

/// The container's name everywhere.
const ID: &str = "orlop-test";
/// Where cgroups are, of version 1 (a folder each) or 2.
const CGROUPS: &str = "/sys/fs/cgroup";
/// Unpacking and starting, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A container that runs; it and what it needed end with this value.
pub struct Container {
    /// Its output, and its end.
    pub running: Running,
    /// Removes it by force.
    removal: Vec<String>,
    /// containerd itself: it goes after its container.
    daemon: Option<Running>,
    /// What is in front of a program that is to run in it, where that was asked for.
    exec: Vec<String>,
}

impl Container {
    /// A program in the container while that runs, as LinuxKit's users give one: under containerd.
    #[must_use]
    pub fn exec(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.exec[0]);
        command.args(&self.exec[1..]).args(words).stdin(Stdio::null());
        command
    }
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Runc, Self::Crun, Self::Containerd, Self::Podman];

    /// The programs it needs.
    #[must_use]
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Runc => &["umoci", "runc"],
            Self::Crun => &["umoci", "crun", "unshare"],
            Self::Containerd => &["containerd", "ctr", "runc"],
            Self::Podman => &["podman", "conmon", "runc"],
        }
    }

    /// Starts the stage's image with these grants and no others.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn start(self, stage: &Stage, grants: &Grants) -> Result<Container> {
        match self {
            Self::Runc => bundled(stage, grants, &["runc"]),
            Self::Crun => bundled(stage, grants, &UNIFIED_CRUN),
            Self::Containerd => containerd(stage, grants),
            Self::Podman => podman(stage, grants),
        }
    }
}

/// crun refuses machines that mount cgroups of version 1 beside version 2, as those for continuous integration do: it is
/// shown only version 2.
const UNIFIED_CRUN: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-ec",
    "umount --recursive /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec crun \"$@\"",
    "crun",
];

/// A runtime that is given a folder and a configuration, and nothing of which it could add anything itself.
fn bundled(stage: &Stage, grants: &Grants, program: &[&str]) -> Result<Container> {
    let bundle = stage.folder().join("bundle");
    let image = format!("{}:{}", stage.layout().display(), stage.tag()?);
    run(Command::new("umoci").args(["unpack", "--image", &image]).arg(&bundle))?;
    let config = bundle::config(grants, Path::new("rootfs"), &stage.machine(), &stage.scene.client);
    fs::write(bundle.join("config.json"), config.to_string())?;
    let state = stage.folder().join("state").display().to_string();
    let words = program.iter().copied().chain(["--root", &state]).map(str::to_owned);
    let runtime: Vec<String> = words.collect();
    let mut command = Command::new(&runtime[0]);
    command.args(&runtime[1..]).args(["run", "--bundle"]).arg(&bundle).arg(ID);
    let running = Running::start(program.last().copied().unwrap_or_default(), &mut command)?;
    let removal = runtime.into_iter().chain(["delete", "--force", ID].map(str::to_owned)).collect();
    Ok(Container { running, removal, daemon: None, exec: Vec::new() })
}

fn containerd(stage: &Stage, grants: &Grants) -> Result<Container> {
    let home = stage.folder().join("containerd");
    fs::create_dir_all(&home)?;
    let path = |name: &str| home.join(name).display().to_string();
    let (config, socket) = (home.join("config.toml"), path("socket"));
    // Its interface for Kubernetes wants networks of its own.
    fs::write(
        &config,
        format!(
            "version = 2\nroot = \"{}\"\nstate = \"{}\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{socket}\"\n",
            path("root"),
            path("state"),
        ),
    )?;
    let daemon = Running::start("containerd", Command::new("containerd").arg("--config").arg(&config))?;
    let ctr = ["ctr".to_owned(), "--address".to_owned(), socket, "--namespace".to_owned(), cgroup()];
    let call = |words: &[&str]| run(Command::new(&ctr[0]).args(&ctr[1..]).args(words));
    eventually("containerd", PATIENCE, || Ok(call(&["version"]).is_ok().then_some(())))
        .with_context(|| daemon.text())?;
    let archive = stage.archive().display().to_string();
    call(&["image", "import", "--snapshotter", "native", &archive])?;
    let reference = stage.reference();
    let mut command = Command::new(&ctr[0]);
    command.args(&ctr[1..]).args(["run", "--rm", "--snapshotter", "native", "--read-only"]);
    // It adds first and drops then.
    let is_granted = |name: &str| grants.label.capabilities.iter().any(|granted| granted == name);
    for capability in CONTAINERD_GRANTS.into_iter().filter(|name| !is_granted(name)) {
        command.args(["--cap-drop", capability]);
    }
    for capability in grants.label.capabilities.iter().filter(|name| !CONTAINERD_GRANTS.contains(&name.as_str())) {
        command.args(["--cap-add", capability]);
    }
    for bind in grants.label.binds() {
        let source = stage.machine().join(bind.source.trim_start_matches('/'));
        let (source, destination) = (source.display(), bind.destination);
        command.args(["--mount", &format!("type=bind,src={source},dst={destination},options=rbind:rw")]);
    }
    for (kind, name) in [("network", "net"), ("uts", "uts")] {
        command.args(["--with-ns", &format!("{kind}:/proc/{}/ns/{name}", stage.scene.client.pid())]);
    }
    if grants.label.pid == Namespace::Host {
        command.args(["--with-ns", "pid:/proc/self/ns/pid"]);
    }
    command.args([&reference, ID]).args(&grants.command);
    let with = |words: &[&str]| ctr.iter().cloned().chain(words.iter().map(|&word| word.to_owned())).collect();
    let (removal, exec) = (with(&["task", "rm", "--force", ID]), with(&["tasks", "exec", "--exec-id", "ask", ID]));
    Ok(Container { running: Running::start("ctr", &mut command)?, removal, daemon: Some(daemon), exec })
}

/// What containerd gives every container unless told otherwise.
const CONTAINERD_GRANTS: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

fn podman(stage: &Stage, grants: &Grants) -> Result<Container> {
    let home = stage.folder().join("podman");
    let path = |name: &str| home.join(name).display().to_string();
    // Files and cgroups without help from systemd, which tests do not have.
    let podman: Vec<String> = [
        "podman",
        "--root",
        &path("root"),
        "--runroot",
        &path("run"),
        "--tmpdir",
        &path("tmp"),
        "--storage-driver=vfs",
        "--cgroup-manager=cgroupfs",
        "--events-backend=file",
        "--runtime=runc",
    ]
    .map(str::to_owned)
    .into();
    let image = format!("oci:{}:{}", stage.layout().display(), stage.tag()?);
    let pulled = run(Command::new(&podman[0]).args(&podman[1..]).args(["pull", "--quiet", &image]))?;
    let mut command = Command::new(&podman[0]);
    command.args(&podman[1..]).args([
        "run",
        "--rm",
        "--pull=never",
        "--name",
        ID,
        "--read-only",
        "--read-only-tmpfs=false",
    ]);
    // It would raise limits, which needs a capability that a container for tests may lack.
    command.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]);
    // LinuxKit has no filter; the daemon brings its own.
    command.args(["--security-opt=no-new-privileges", "--security-opt=seccomp=unconfined", "--cap-drop=all"]);
    for capability in &grants.label.capabilities {
        command.arg(format!("--cap-add={capability}"));
    }
    for bind in grants.label.binds() {
        let source = stage.machine().join(bind.source.trim_start_matches('/'));
        command.arg(format!("--volume={}:{}:rw", source.display(), bind.destination));
    }
    command.arg(format!("--cgroup-parent=/{}", cgroup()));
    let client = stage.scene.client.pid();
    command.args([format!("--network=ns:/proc/{client}/ns/net"), format!("--uts=ns:/proc/{client}/ns/uts")]);
    if grants.label.pid == Namespace::Host {
        command.arg("--pid=host");
    }
    if grants.proc_sys {
        command.arg("--security-opt=unmask=/proc/sys");
    }
    command.arg(pulled.trim()).args(&grants.command);
    let removal = podman.into_iter().chain(["rm", "--force", "--ignore", "--time=0", ID].map(str::to_owned)).collect();
    Ok(Container { running: Running::start("podman", &mut command)?, removal, daemon: None, exec: Vec::new() })
}

/// The cgroup that engines put containers of this process into: they do not remove it.
fn cgroup() -> String {
    format!("orlop-test-{}", std::process::id())
}

/// Removes it wherever it was made. What is not empty stays: a cgroup is only a folder of folders when nobody is in it.
fn remove_cgroups() -> std::io::Result<()> {
    fn remove(folder: &Path) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)?.flatten().filter(|entry| entry.path().is_dir()) {
            remove(&entry.path())?;
        }
        fs::remove_dir(folder)
    }
    let controllers = fs::read_dir(CGROUPS)?.flatten().map(|entry| entry.path());
    let folders = controllers.chain([CGROUPS.into()]).map(|controller| controller.join(cgroup()));
    folders.filter(|folder| folder.is_dir()).try_for_each(|folder| remove(&folder))
}

/// Runs a short command and gives what it says.
fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Drop for Container {
    fn drop(&mut self) {
        // It fails when the container has ended by itself, which is what tests mostly want.
        let _ = run(Command::new(&self.removal[0]).args(&self.removal[1..]));
        drop(self.daemon.take());
        if let Err(error) = remove_cgroups() {
            eprintln!("warning: the cgroup {} stays: {error}", cgroup());
        }
    }
}
