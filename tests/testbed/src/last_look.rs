//! The processes of a program that lives for milliseconds, each as it was at its end.
//!
//! Looking into `/proc` now and then sees nothing of such a program: so every process is stopped by ptrace when it ends, while
//! its memory, user and capabilities are still there, and looked at then.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Waits until it is traced, and becomes the program.
const WAITS: &str = r#"read -r _ && exec "$0" "$@" </dev/null >/dev/null 2>&1"#;

/// `PTRACE_EVENT_EXIT` (linux/ptrace.h).
const EVENT_EXIT: i32 = 6;

/// A process at its end.
#[derive(Clone, Debug)]
pub struct LastLook {
    /// Its id.
    pub pid: u32,
    /// Its command line, words separated by spaces.
    pub words: String,
    /// `/proc/PID/status`.
    pub status: String,
}

/// Runs a program, without input and output, in the calling thread's namespaces: its exit code, and its processes in the order
/// in which they were started.
///
/// # Errors
/// When it cannot be run or traced, or is killed.
pub fn run(program: &Command) -> Result<(i32, Vec<LastLook>)> {
    let mut command = Command::new("sh");
    command.args(["-c", WAITS]).arg(program.get_program()).args(program.get_args()).stdin(Stdio::piped());
    let mut child = command.spawn().context("cannot start a shell")?;
    let first = Pid::from_raw(i32::try_from(child.id())?);
    let traced = Options::PTRACE_O_TRACEEXIT
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(first, traced).context("cannot trace it")?;
    child.stdin.take().context("no input")?.write_all(b"\n")?;
    let mut looks = BTreeMap::new();
    loop {
        // Only what this thread started or traces.
        match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD))? {
            WaitStatus::PtraceEvent(pid, _, EVENT_EXIT) => {
                let look = LastLook::at(pid)?;
                looks.insert(look.pid, look);
                ptrace::cont(pid, None)?;
            }
            WaitStatus::PtraceEvent(pid, ..) => ptrace::cont(pid, None)?,
            WaitStatus::Stopped(pid, signal) => ptrace::cont(pid, signal)?,
            WaitStatus::Exited(pid, code) if pid == first => return Ok((code, looks.into_values().collect())),
            WaitStatus::Signaled(pid, signal, _) if pid == first => {
                bail!("{} was killed by {signal}", program.get_program().display())
            }
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {}
            other @ (WaitStatus::PtraceSyscall(_) | WaitStatus::Continued(_) | WaitStatus::StillAlive) => {
                bail!("cannot understand {other:?}")
            }
        }
    }
}

impl LastLook {
    fn at(thread: Pid) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
        let words = fs::read(format!("/proc/{thread}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ").trim_end().to_owned();
        let mut look = Self { pid: 0, words, status };
        look.pid = look.field("Tgid")?.parse()?;
        Ok(look)
    }

    /// A field of its status, its first word: `Uid`, `CapEff`, `VmHWM`, …
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn field(&self, name: &str) -> Result<&str> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let line = line.with_context(|| format!("no {name} in the status of process {}", self.pid))?;
        line.split_whitespace().next().with_context(|| format!("nothing after {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_of_a_run_is_seen_and_so_is_how_it_ended() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 0.01 & wait; exit 3"]);
        let (code, looks) = run(&shell).unwrap();
        assert_eq!(code, 3);
        assert_eq!(looks.len(), 2, "{looks:?}");
        assert!(looks[1].words.starts_with("sleep"), "{looks:?}");
        assert_eq!(looks[0].field("NoNewPrivs").unwrap(), "0");
    }

    #[test]
    fn a_process_that_had_much_memory_is_seen_to_have_had_it() {
        let mut shell = Command::new("sh");
        // Twenty megabytes in a variable.
        shell.args(["-c", "x=$(head -c 20000000 /dev/zero | tr '\\0' x); true"]);
        let (_, looks) = run(&shell).unwrap();
        let largest = looks.iter().map(|look| look.field("VmHWM").unwrap().parse::<u64>().unwrap()).max();
        assert!(largest > Some(20_000_000 / 1024), "{largest:?}");
    }
}
