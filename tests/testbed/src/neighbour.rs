//! Another container on the machine, which shares folders with the one that is tested: uid 0, no capability, processes of its own.

use std::time::Duration;

use anyhow::Result;

use crate::host::Host;
use crate::running::Running;

/// How a container has bound a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may only read there.
    ReadOnly,
    /// It may write there.
    Writable,
}

impl Access {
    /// The option of a mount.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::Writable => "rw",
        }
    }
}

/// Below `/run` there is nothing but the folders, which are bound, each with the access in `$1`; then the script in `$2` runs.
const CONTAINER: &str = r#"
    access=$1 script=$2; shift 2
    mount -t tmpfs none /mnt
    mkdir -p /mnt/run
    for folder; do
        mkdir -p "/mnt$folder"
        mount --bind "$folder" "/mnt$folder"
        mount -o "remount,bind,$access" "/mnt$folder"
    done
    mount --rbind /mnt/run /run
    exec setpriv --bounding-set=-all --inh-caps=-all sh -c "$script"
"#;

/// Starts `script` in a container on `host` that shares `folders`, and nothing else below `/run`.
///
/// # Errors
/// When it cannot be started.
pub fn start(host: &Host, folders: &[&str], access: Access, script: &str) -> Result<Running> {
    let mut unshare = host.command("unshare");
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-ec", CONTAINER, "neighbour"]);
    host.spawn("neighbour", unshare.args([access.option(), script]).args(folders))
}

/// As [`start`], until it has ended; its exit code, and what it said.
///
/// # Errors
/// As [`start`], and when it does not end in time.
pub fn run(host: &Host, folders: &[&str], access: Access, script: &str) -> Result<(Option<i32>, Running)> {
    let mut run = start(host, folders, access, script)?;
    let code = run.wait_exit(SOON)?.code();
    Ok((code, run))
}

/// Something that a neighbour has tried, and goes on holding if it could do it: locks, leases, descriptors. It ends when this is
/// dropped.
pub struct Deed {
    running: Running,
    /// Whether it could.
    pub done: bool,
}

impl Deed {
    /// Tries `script` in a container that shares `folders`.
    ///
    /// # Errors
    /// When it cannot be started, or comes to no end.
    pub fn attempt(host: &Host, folders: &[&str], access: Access, script: &str) -> Result<Self> {
        let script =
            format!("if ( {script}\n); then echo the deed is done; else echo the deed is refused; fi; exec sleep 1000");
        let running = start(host, folders, access, &script)?;
        let said = running.wait_for("the deed is ", SOON)?;
        let done = said.text.ends_with("done");
        Ok(Self { running, done })
    }

    /// What it said.
    #[must_use]
    pub fn text(&self) -> String {
        self.running.text()
    }
}

const SOON: Duration = Duration::from_secs(20);
