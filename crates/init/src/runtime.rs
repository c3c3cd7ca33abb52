//! The container runtime: any program with runc's command line.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Pid;

use crate::files;

/// Where the runtime keeps what it knows, and we the process ids it tells us.
const STATE: &str = "/run/orlop/init";
/// Runtimes may look for programs of their own; ours does not.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What a runtime is asked to do with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Forget an earlier life of it.
    Delete,
    /// Make it; its program waits.
    Create,
    /// Let its program begin.
    Start,
    /// Make it and let its program begin.
    Run,
}

/// A container as the runtime knows it.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its name there. Lists have containers of the same name.
    pub id: String,
    /// Its bundle.
    pub bundle: PathBuf,
}

impl Known {
    /// Where the runtime writes the process id.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        Path::new(STATE).join(format!("{}.pid", self.id))
    }

    /// The id of the container's first process, if the runtime has come that far.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        Pid::from_raw(files::read(&self.pid_file(), 32).ok()?.trim().parse().ok()?)
    }

    /// Forgets the id of an earlier life.
    pub fn forget_pid(&self) {
        // It is not there before the first.
        let _ = fs::remove_file(self.pid_file());
    }

    /// The arguments for a verb.
    #[must_use]
    pub fn arguments(&self, verb: Verb) -> Vec<String> {
        let Self { id, bundle } = self;
        let mut words = vec!["--root".to_owned(), format!("{STATE}/containers")];
        let (verb, makes) = match verb {
            Verb::Delete => (&["delete", "--force"][..], false),
            Verb::Create => (&["create"][..], true),
            Verb::Start => (&["start"][..], false),
            Verb::Run => (&["run", "--detach"][..], true),
        };
        words.extend(verb.iter().map(|&word| word.to_owned()));
        if makes {
            words.extend(["--bundle".to_owned(), bundle.display().to_string()]);
            words.extend(["--pid-file".to_owned(), self.pid_file().display().to_string()]);
        }
        words.push(id.clone());
        words
    }

    /// Starts the runtime; what it and the container write goes to these two pipes. It leads a process group of its own.
    ///
    /// # Errors
    /// When it cannot be executed.
    pub fn ask(&self, runtime: &Path, verb: Verb, stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Pid> {
        let mut command = Command::new(runtime);
        command.args(self.arguments(verb)).env_clear().env("PATH", PATH).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot start {}: {error}", runtime.display())))?;
        // Collected with all others, by its id.
        Ok(Pid::from_child(&child))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runtime_understands_what_is_asked() {
        let known = Known { id: "onboot-000-a".into(), bundle: "/containers/onboot/000-a".into() };
        let made = "--bundle /containers/onboot/000-a --pid-file /run/orlop/init/onboot-000-a.pid onboot-000-a";
        for (verb, want) in [
            (Verb::Run, format!("run --detach {made}")),
            (Verb::Create, format!("create {made}")),
            (Verb::Start, "start onboot-000-a".to_owned()),
            (Verb::Delete, "delete --force onboot-000-a".to_owned()),
        ] {
            let words = known.arguments(verb).join(" ");
            assert_eq!(words, format!("--root /run/orlop/init/containers {want}"), "{verb:?}");
        }
    }
}
