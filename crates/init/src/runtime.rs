//! The container runtime: any program with runc's command line.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use rustix::process::Pid;

use crate::files;
/// Runtimes may look for programs of their own; ours does not.
const PATH: &CStr = c"PATH=/usr/sbin:/usr/bin:/sbin:/bin";

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
    /// Where the runtime keeps what it knows, and we the process ids it tells us: [`crate::setup::PRIVATE`].
    pub state: PathBuf,
}

impl Known {
    /// Where the runtime writes the process id.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.state.join(format!("{}.pid", self.id))
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
        let Self { id, bundle, state } = self;
        let mut words = vec!["--root".to_owned(), state.join("containers").display().to_string()];
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

    /// Starts the runtime, with these three as its own and the container's. It leads a process group of its own, and
    /// no signal is blocked in it: the standard library would hand on what process 1 blocks, and so would every container.
    ///
    /// # Errors
    /// When it cannot be executed.
    pub fn ask(
        &self,
        runtime: &Path,
        verb: Verb,
        stdin: BorrowedFd<'_>,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> io::Result<Pid> {
        let spawned = || -> io::Result<Pid> {
            let mut attributes = PosixSpawnAttr::init()?;
            attributes.set_flags(
                PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
                    | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK
                    | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
            )?;
            attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
            attributes.set_sigmask(&SigSet::empty())?;
            // The standard library ignores it in ourselves.
            attributes.set_sigdefault(&SigSet::from(Signal::SIGPIPE))?;
            let mut files = PosixSpawnFileActions::init()?;
            files.add_dup2(stdin.as_raw_fd(), 0)?;
            files.add_dup2(stdout.as_raw_fd(), 1)?;
            files.add_dup2(stderr.as_raw_fd(), 2)?;
            let program = CString::new(runtime.as_os_str().as_bytes())?;
            let mut words = vec![program];
            for word in self.arguments(verb) {
                words.push(CString::new(word)?);
            }
            let child = posix_spawn(runtime, &files, &attributes, &words, &[PATH])?;
            // Collected with all others, by its id.
            Pid::from_raw(child.as_raw()).ok_or_else(|| io::ErrorKind::InvalidData.into())
        };
        spawned().map_err(|error| io::Error::new(error.kind(), format!("cannot start {}: {error}", runtime.display())))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::PermissionsExt as _;

    use nix::sys::signal::SigmaskHow;
    use orlop_testbed::Folder;
    use rustix::process::WaitOptions;

    use super::*;

    #[test]
    fn every_runtime_understands_what_is_asked() {
        let known =
            Known { id: "onboot-000-a".into(), bundle: "/containers/onboot/000-a".into(), state: "/.orlop".into() };
        let made = "--bundle /containers/onboot/000-a --pid-file /.orlop/onboot-000-a.pid onboot-000-a";
        for (verb, want) in [
            (Verb::Run, format!("run --detach {made}")),
            (Verb::Create, format!("create {made}")),
            (Verb::Start, "start onboot-000-a".to_owned()),
            (Verb::Delete, "delete --force onboot-000-a".to_owned()),
        ] {
            let words = known.arguments(verb).join(" ");
            assert_eq!(words, format!("--root /.orlop/containers {want}"), "{verb:?}");
        }
    }

    #[test]
    fn what_process_1_blocks_is_not_blocked_in_containers() {
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
        let folder = Folder::new("init-runtime-signals");
        let runtime = folder.0.join("runtime");
        let script = "#!/bin/sh\nwhile read -r name value; do case $name in SigBlk:|SigIgn:) echo $value; esac; done </proc/$$/status\n";
        fs::write(&runtime, script).unwrap();
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o755)).unwrap();
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let known = Known { id: "a".into(), bundle: "/b".into(), state: "/s".into() };
        let null = fs::File::open("/dev/null").unwrap();
        let pid = known.ask(&runtime, Verb::Run, null.as_fd(), write.try_clone().unwrap(), write).unwrap();
        let mut said = String::new();
        fs::File::from(read).read_to_string(&mut said).unwrap();
        rustix::process::waitpid(Some(pid), WaitOptions::empty()).unwrap();
        before.thread_set_mask().unwrap();
        let masks: Vec<u64> = said.lines().map(|mask| u64::from_str_radix(mask, 16).unwrap()).collect();
        let [blocked, ignored] = masks[..] else { panic!("{said}") };
        assert_eq!(blocked, 0, "{said}");
        assert_eq!(ignored & (1 << (Signal::SIGPIPE as u64 - 1)), 0, "{said}");
    }
}
