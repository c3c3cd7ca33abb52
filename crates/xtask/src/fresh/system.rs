//! A stranger's machine: a system in a folder, with a root, processes and a name of its own, and this machine's network.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::archive::remove_folder;
use crate::build;
use crate::command;
use crate::compiler::cargo_home;
use crate::workspace::Workspace;

/// What makes the folder the root: see its first lines.
const ENTER: &str = include_str!("enter.sh");

/// What gives the ordinary user a target folder: see its first lines.
const COPY_TARGET: &str = include_str!("copy_target.sh");

/// Where programs are on a new Debian.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables of this machine that count there too: how its network is reached, and what cargo would otherwise do anew.
const KEPT: &[&str] = &[
    "CARGO_BUILD_JOBS",
    "CARGO_TARGET_DIR",
    "RUSTUP_TOOLCHAIN",
    "TERM",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Of this machine's files, those by which its package manager reaches an archive.
const COPIED: &[&str] = &["etc/apt", "usr/share/keyrings", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"];

/// Who runs a command there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Root,
    /// The user `stranger`, who may do nothing special and whose target folder is `~/target`.
    User,
}

/// The name and id of [`Who::User`].
const USER: (&str, &str) = ("stranger", "1000");

/// An unpacked system. Its folder goes with the value; processes and mounts go with each command.
#[derive(Debug)]
pub(super) struct System {
    root: PathBuf,
    /// Where commands run.
    checkout: PathBuf,
    /// Folders of this machine that are there at the same paths, so that nothing is compiled twice.
    bound: Vec<PathBuf>,
    /// Where cargo and rustup are, whose programs are there too.
    homes: [(&'static str, PathBuf); 2],
}

impl System {
    /// Unpacks `archive` to a folder beside it, and gives it what a new machine would have been given: a network, and rustup.
    ///
    /// # Errors
    /// When this machine has no Rust of rustup's, or the folder cannot be filled.
    pub(super) fn unpack(workspace: &Workspace, archive: &Path) -> Result<Self> {
        let root = archive.with_file_name("root");
        remove_folder(&root)?;
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        let homes = [("CARGO_HOME", cargo_home()?), ("RUSTUP_HOME", rustup_home()?)];
        let target = workspace.metadata(build::HOST)?.target_directory;
        // Canonical, because nothing is there that a link might lead through.
        let folders = [&homes[0].1, &homes[1].1, &workspace.root, &target];
        let folders = folders
            .into_iter()
            .map(|folder| folder.canonicalize().with_context(|| format!("no folder {}", folder.display())));
        let bound = outermost(folders.collect::<Result<_>>()?);
        let system = Self { root, checkout: workspace.root.clone(), bound, homes };
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--numeric-owner", "--file"]).arg(archive).arg("--directory").arg(&system.root);
        command::run(&mut tar)?;
        system.furnish()?;
        Ok(system)
    }

    fn furnish(&self) -> Result<()> {
        for path in COPIED.iter().map(Path::new).filter(|path| Path::new("/").join(path).exists()) {
            let (from, to) = (Path::new("/").join(path), self.root.join(path));
            if to.is_dir() {
                fs::remove_dir_all(&to)?;
            }
            // Links are followed: what resolv.conf leads to is not there.
            command::run(Command::new("cp").args(["-rL", "--"]).args([&from, &to]))?;
        }
        fs::write(self.root.join("etc/hosts"), "127.0.0.1 localhost\n")?;
        fs::write(
            self.root.join("etc/dpkg/dpkg.cfg.d/fresh"),
            "# The folder is gone before a disk could fail.\nforce-unsafe-io\n",
        )?;
        // No package may start a server: the network is this machine's.
        let policy = self.root.join("usr/sbin/policy-rc.d");
        fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))?;
        for folder in &self.bound {
            self.open_way_to(folder)?;
        }
        let (name, uid) = USER;
        self.run(Who::Root, &["useradd", "--create-home", "--uid", uid, "--user-group", "--shell", "/bin/bash", name])
    }

    /// Makes the folder, and lets everybody pass through those above it.
    fn open_way_to(&self, folder: &Path) -> Result<()> {
        let inside = self.root.join(folder.strip_prefix("/").unwrap_or(folder));
        fs::create_dir_all(&inside).with_context(|| format!("cannot make {}", inside.display()))?;
        for above in inside.ancestors().skip(1).take_while(|above| *above != self.root) {
            let mode = fs::metadata(above)?.permissions().mode();
            fs::set_permissions(above, fs::Permissions::from_mode(mode | 0o055))?;
        }
        Ok(())
    }

    /// A command that will run there. All its processes end with it, and nothing stays mounted, whatever ends it or us.
    pub(super) fn command(&self, who: Who, words: &[&str]) -> Command {
        let mut command = contained("sh");
        command.args(["-c", ENTER, "enter"]).arg(&self.root).args(&self.bound).arg("--");
        command.arg("env").arg("--chdir").arg(&self.checkout);
        command.env_clear();
        command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(self.homes.iter().map(|(name, path)| (name, path)));
        let mut path = OsString::from(self.homes[0].1.join("bin"));
        path.push(":");
        path.push(PATH);
        command.env("PATH", path);
        match who {
            Who::Root => command.env("HOME", "/root").env("USER", "root"),
            Who::User => {
                let (name, uid) = USER;
                let home = format!("/home/{name}");
                command.env("CARGO_TARGET_DIR", format!("{home}/target")).env("HOME", home).env("USER", name);
                command.args(["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--inh-caps=-all", "--"])
            }
        };
        command.args(words);
        command
    }

    /// Runs a command there, with our terminal.
    ///
    /// # Errors
    /// When it does not end with success.
    pub(super) fn run(&self, who: Who, words: &[&str]) -> Result<()> {
        command::run_shown_as(&self.shown(who, words), &mut self.command(who, words))
    }

    /// A command as a person would type it there.
    pub(super) fn shown(&self, who: Who, words: &[&str]) -> String {
        let name = if who == Who::Root { "root" } else { USER.0 };
        format!("({name}, there) {}", words.join(" "))
    }

    /// Copies what is built already to the user's target folder.
    ///
    /// # Errors
    /// When something of it is not there, or cannot be copied.
    pub(super) fn copy_target(&self, target: &Path) -> Result<()> {
        let target = target.to_str().context("the target folder's name is not UTF-8")?;
        let words = ["sh", "-c", COPY_TARGET, "copy", target, build::HOST];
        command::run_shown_as(&self.shown(Who::User, &["copies", target]), &mut self.command(Who::User, &words))
    }

    /// A file of the system, for us.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// Removes the folder, now, and sees that nothing is mounted in it.
    ///
    /// # Errors
    /// When something is.
    pub(super) fn remove(self) -> Result<()> {
        remove_folder(&self.root)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.root) {
            eprintln!("warning: {error:#}");
        }
    }
}

/// A command in mount, process, UTS and IPC namespaces of its own. When this process dies, in whatever way, the kernel kills
/// `unshare`, and with it process 1 of the namespace and all others in it.
pub(super) fn contained(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc"]);
    command.args(["--propagation", "private", "--mount-proc", program]);
    command
}

/// Without those that lie in another one.
fn outermost(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    folders.sort();
    folders.dedup_by(|later, kept| later.starts_with(&*kept));
    folders
}

/// Where rustup keeps its toolchains.
fn rustup_home() -> Result<PathBuf> {
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".rustup")));
    let home = home.context("neither RUSTUP_HOME nor HOME is set")?;
    let compiler = command::captured(Command::new("rustc").args(["--print", "sysroot"]))?;
    let compiler = Path::new(compiler.trim()).canonicalize()?;
    let Ok(real) = home.canonicalize() else {
        bail!("no folder {}: a stranger is asked to have rustup", home.display())
    };
    ensure!(compiler.starts_with(&real), "{} is not rustup's Rust, which the README asks for", compiler.display());
    Ok(home)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::fs::symlink;
    use std::process::{Child, Stdio};
    use std::time::Duration;

    use orlop_testbed::{Folder, Testbed, eventually};

    use super::super::archive::mounts_below;
    use super::*;

    /// A system that has this machine's programs.
    fn small(folder: &Folder) -> System {
        let root = folder.0.join("root");
        let real = |path: &&str| Path::new(path).is_dir() && !Path::new(path).is_symlink();
        let bound: Vec<PathBuf> =
            ["/usr", "/bin", "/sbin", "/lib", "/lib64"].iter().filter(|path| real(path)).map(PathBuf::from).collect();
        for made in ["proc", "sys", "run", "tmp", "dev"].map(PathBuf::from).iter().chain(&bound) {
            fs::create_dir_all(root.join(made.strip_prefix("/").unwrap_or(made))).unwrap();
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            if let Ok(to) = fs::read_link(Path::new("/").join(link)) {
                symlink(to, root.join(link)).unwrap();
            }
        }
        System {
            root,
            checkout: "/usr".into(),
            bound,
            homes: [("CARGO_HOME", "/none".into()), ("RUSTUP_HOME", "/none".into())],
        }
    }

    #[test]
    fn folders_in_others_are_not_bound_twice() {
        let folders = ["/w/o/target", "/root/.cargo", "/w/o", "/w/other"].map(PathBuf::from).to_vec();
        assert_eq!(outermost(folders), ["/root/.cargo", "/w/o", "/w/other"].map(PathBuf::from));
    }

    #[test]
    fn a_command_sees_a_root_processes_and_a_name_of_its_own() {
        let Some(_) = Testbed::with(&["setpriv"]) else { return };
        let folder = Folder::new("fresh-inside");
        let system = small(&folder);
        fs::write(system.path("/here"), "").unwrap();
        let script = "ls -d /here /.outside /home 2>/dev/null; echo $PPID; hostname; unshare --user true && echo users; \
            unshare --mount sh -c 'nsenter --mount=/proc/1/ns/mnt ls -d /here'; exit 3";
        let output = system.command(Who::Root, &["sh", "-c", script]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(said.lines().collect::<Vec<_>>(), ["/here", "1", "stranger", "users", "/here"]);
        assert_eq!(mounts_below(&folder.0, &fs::read_to_string("/proc/self/mountinfo").unwrap()), Vec::<String>::new());
    }

    /// The ids of processes that were given the variable.
    fn marked(mark: &str) -> Vec<String> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let has = |path: &Path| {
            fs::read(path.join("environ")).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
            })
        };
        entries.filter(|entry| has(&entry.path())).map(|entry| entry.file_name().display().to_string()).collect()
    }

    #[test]
    fn when_the_caller_dies_nothing_is_left() {
        let Some(_) = Testbed::with(&["setpriv"]) else { return };
        let folder = Folder::new("fresh-killed");
        let system = small(&folder);
        let mark = format!("ORLOP_FRESH_TEST={}", std::process::id());
        let start = || {
            let mut command =
                system.command(Who::Root, &["sh", "-c", "trap '' INT TERM; setsid sleep 300 & echo ready; sleep 300"]);
            command.env("ORLOP_FRESH_TEST", std::process::id().to_string()).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            (child, line, marked(&mark).len())
        };
        // The kernel tells a child of the end of the thread that made it, as of the end of a process.
        let (mut child, line, running): (Child, _, _) = std::thread::scope(|scope| scope.spawn(start).join().unwrap());
        assert_eq!(line, "ready\n");
        assert!(running >= 4, "saw {running} processes: the search sees nothing");
        let gone = eventually("its processes to be gone", Duration::from_secs(10), || {
            let left = marked(&mark);
            if left.is_empty() { Ok(Some(())) } else { bail!("still there: {}", left.join(", ")) }
        });
        // Killed by the kernel, or else now.
        let _ = child.kill();
        child.wait().unwrap();
        gone.unwrap();
        assert_eq!(mounts_below(&folder.0, &fs::read_to_string("/proc/self/mountinfo").unwrap()), Vec::<String>::new());
    }
}
