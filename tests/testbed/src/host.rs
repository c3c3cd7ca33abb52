//! A host: network, mount, UTS and IPC namespaces of its own, held by one small process.
//!
//! The holder is a shell that waits for the end of its standard input, a pipe only the caller holds. When the caller
//! drops the host, panics, or is killed with SIGKILL, the pipe ends, the holder kills every process left in the
//! network namespace and goes, and the namespaces go with it. Nothing is written to `/run/netns`. The holder has its
//! own process group, so that Ctrl-C reaches the caller and not the holder before its work.
//!
//! Inside, `/run` and `/var` are empty file systems, `/etc` is a writable overlay, `/sys` shows the host's own
//! interfaces, the hostname is `localhost` and `lo` is up. Everything else is the caller's file system: use absolute paths.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use nix::sched::{CloneFlags, setns, unshare};

use crate::running::Running;

/// A short command (`ip`, `mount`) may take this long on a machine whose processors are all busy.
const COMMAND_DEADLINE: Duration = Duration::from_secs(20);

/// How long the holder may take to clean up before it is killed.
const CLEAN_UP_DEADLINE: Duration = Duration::from_secs(5);

/// What the holder does. The last part runs when the caller is gone: two rounds, since a process may fork between the
/// listing and its end.
const HOLDER: &str = r#"
set -e
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/.etc/upper /run/.etc/work /run/lock
mount -t overlay -o lowerdir=/etc,upperdir=/run/.etc/upper,workdir=/run/.etc/work overlay /etc
mount -t tmpfs -o mode=0755 tmpfs /var
mkdir -p /var/lib/dhcp /var/lib/dhcpcd /var/lib/misc /var/lib/orlop /var/log /var/tmp
mkdir -m 0555 /var/empty
ln -s /run /var/run
mount -t sysfs sysfs /sys
hostname localhost
ip link set lo up
echo ready
exec >/dev/null 2>&1
cat || true
set +e
own=$(stat -L -c %i /proc/self/ns/net)
for round in 1 2; do
    stat -L -c '%i %n' /proc/[0-9]*/ns/net >/run/.processes
    while read -r net path; do
        pid=${path#/proc/}
        pid=${pid%%/*}
        [ "$net" = "$own" ] && [ "$pid" != $$ ] && kill -KILL "$pid"
    done </run/.processes
done
exit 0
"#;

/// A set of namespaces that processes, wires and servers can be put in.
pub struct Host {
    name: String,
    holder: Child,
    /// `Some` until dropped: the holder lives as long as this is open.
    alive: Option<ChildStdin>,
}

impl Host {
    /// Makes the namespaces and waits until they are ready.
    ///
    /// # Errors
    /// Without root, or when the kernel refuses namespaces.
    pub fn new(name: &str) -> Result<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--uts", "--ipc", "--propagation", "private", "sh", "-c", HOLDER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start unshare")?;
        let alive = holder.stdin.take();
        let stdout = holder.stdout.take().ok_or_else(|| anyhow!("unshare has no output"))?;
        let mut said = String::new();
        BufReader::new(stdout).read_line(&mut said)?;
        let host = Self { name: name.to_owned(), holder, alive };
        if said.trim_end() != "ready" {
            let mut host = host;
            let why = host.holder.stderr.take().map(std::io::read_to_string).transpose()?.unwrap_or_default();
            bail!("cannot make the namespaces of {name}: {}", why.trim_end());
        }
        Ok(host)
    }

    /// The name it was given, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The holder: `/proc/<pid>/ns` has the namespaces.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// A command that will run in the host. The process id of the started child is the program's own: `nsenter` executes it
    /// without a fork.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--mount", "--uts", "--ipc", "--target", &self.pid().to_string(), "--"]).arg(program);
        command
    }

    /// Starts a command made by [`Self::command`], with its output captured.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, label: &str, command: &mut Command) -> Result<Running> {
        Running::start(&format!("{label} on {}", self.name), command)
    }

    /// Runs a short command to its end and gives its standard output.
    ///
    /// # Errors
    /// When it fails or takes too long; the error carries its output.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        let mut running = self.spawn(program, self.command(program).args(args))?;
        let status = running.wait_exit(COMMAND_DEADLINE)?;
        if !status.success() {
            bail!("`{program} {}` on {} ended with {status}: {}", args.join(" "), self.name, running.text().trim_end());
        }
        Ok(running.stdout())
    }

    /// Runs a shell script to its end and gives its standard output.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn shell(&self, script: &str) -> Result<String> {
        self.run("sh", &["-ec", script])
    }

    /// Where a path of the host can be reached by the caller.
    #[must_use]
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        Path::new(&format!("/proc/{}/root", self.pid())).join(inside.strip_prefix("/").unwrap_or(inside))
    }

    /// A file of the host as text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, inside: &str) -> Result<String> {
        fs::read_to_string(self.path(inside)).with_context(|| format!("cannot read {inside} of {}", self.name))
    }

    /// Writes a file of the host, with its folders. Only below `/run`, `/var`, `/etc`: the rest is the caller's own.
    ///
    /// # Errors
    /// When the path is elsewhere or cannot be written.
    pub fn write(&self, inside: &str, content: impl AsRef<[u8]>) -> Result<()> {
        if !["/run/", "/var/", "/etc/"].iter().any(|own| inside.starts_with(own)) {
            bail!("{inside} is not a path of its own on {}", self.name);
        }
        let path = self.path(inside);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {inside} of {}", self.name))
    }

    /// Starts a thread in the host's **network** namespace (only that: files and hostname stay the caller's).
    ///
    /// # Errors
    /// When the namespace cannot be opened.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<thread::JoinHandle<Result<T>>> {
        let path = format!("/proc/{}/ns/net", self.pid());
        let network = File::open(&path).with_context(|| format!("cannot open {path}"))?;
        Ok(thread::spawn(move || {
            setns(network, CloneFlags::CLONE_NEWNET).context("cannot enter the network namespace")?;
            work()
        }))
    }

    /// Runs `work` in the host's network namespace and waits for it. `work` must end by itself.
    ///
    /// # Errors
    /// The error of `work`, or when the namespace cannot be entered.
    pub fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        self.thread(work)?.join().map_err(|_| anyhow!("a thread in {} panicked", self.name))?
    }

    /// Runs `work` in a thread that is on the host in every respect: network, files, hostname, message queues. What it starts
    /// is there too, without a helper program in front of it that would be measured, or have to be waited for, with it.
    ///
    /// # Errors
    /// The error of `work`, or when the host cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let namespaces = [
            ("net", CloneFlags::CLONE_NEWNET),
            ("uts", CloneFlags::CLONE_NEWUTS),
            ("ipc", CloneFlags::CLONE_NEWIPC),
            // Last: a path is another one after it.
            ("mnt", CloneFlags::CLONE_NEWNS),
        ];
        let opened = namespaces.map(|(name, kind)| (File::open(format!("/proc/{}/ns/{name}", self.pid())), kind));
        let inside = move || {
            // A mount namespace can only be entered by a thread that shares its folder and root with no other.
            unshare(CloneFlags::CLONE_FS).context("cannot have a root of its own")?;
            for (file, kind) in opened {
                setns(file?, kind).context("cannot enter the host")?;
            }
            work()
        };
        let ended = thread::scope(|scope| scope.spawn(inside).join());
        ended.map_err(|_| anyhow!("the thread on {} panicked", self.name))?
    }

    /// The processes in the host's network namespace, without the holder: id and command line.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<(u32, String)>> {
        let own = fs::read_link(format!("/proc/{}/ns/net", self.pid()))?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // A process may end while it is looked at.
            if fs::read_link(entry.path().join("ns/net")).is_ok_and(|net| net == own) && !self.is_holder(pid) {
                let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push((pid, String::from_utf8_lossy(&words).replace('\0', " ").trim_end().to_owned()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The holder itself, or the `cat` it waits with.
    fn is_holder(&self, pid: u32) -> bool {
        let parent = fs::read_to_string(format!("/proc/{pid}/stat"))
            .ok()
            .and_then(|stat| stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok());
        pid == self.pid() || parent == Some(self.pid())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.alive.take());
        let deadline = Instant::now() + CLEAN_UP_DEADLINE;
        while matches!(self.holder.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                eprintln!("warning: the holder of {} did not end in {CLEAN_UP_DEADLINE:?}, killing it", self.name);
                let _ = self.holder.kill();
                let _ = self.holder.wait();
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}
