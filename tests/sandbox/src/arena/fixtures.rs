//! Files that only the sandbox protects.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::scene::Handle;
use crate::syscall::call;

/// A local service with a path, as a container engine's.
pub(super) const API_SOCKET: &str = "/var/arena/open/api.sock";
/// Where attackers start: outside the empty root, if they can still name it.
pub(super) const HOME: &str = "/var/arena";

const OPEN: &str = "/var/arena/open";
const SECRET: &str = "/var/arena/secret";
const SETUID: &str = "/var/arena/setuid-root";

/// Makes the files. Returns the handle by which the kernel knows the secret one.
pub(super) fn lay_out(program: &Path) -> Result<Handle> {
    for (directory, mode) in [
        ("/var/empty", 0o555),
        (HOME, 0o755),
        (OPEN, 0o777),
        ("/var/arena/mount", 0o777),
        ("/var/arena/mounted", 0o777),
    ] {
        fs::create_dir(directory).with_context(|| format!("cannot make {directory}"))?;
        fs::set_permissions(directory, Permissions::from_mode(mode))?;
    }
    rustix::mount::mount("tmpfs", "/var/arena/mounted", "tmpfs", rustix::mount::MountFlags::empty(), None)?;
    fs::write(SECRET, "secret")?;
    fs::copy(program, SETUID).context("cannot copy this program")?;
    fs::set_permissions(SETUID, Permissions::from_mode(0o4755))?;
    restore(0)?;
    handle()
}

/// Puts the files that attacks change back, for an attacker who is user `uid`.
pub(super) fn restore(uid: u32) -> Result<()> {
    for entry in fs::read_dir(OPEN)? {
        let path = entry?.path();
        if path.as_os_str() == API_SOCKET {
            continue;
        }
        if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }
            .with_context(|| format!("cannot remove {}", path.display()))?;
    }
    symlink(SECRET, "/var/arena/open/link")?;
    for file in ["/var/arena/open/victim", "/var/arena/open/writable"] {
        fs::write(file, "content")?;
        // The attacker's own file, so that permission bits protect nothing.
        std::os::unix::fs::chown(file, Some(uid), Some(uid))?;
        fs::set_permissions(file, Permissions::from_mode(0o666))?;
    }
    if Path::new(API_SOCKET).exists() {
        fs::set_permissions(API_SOCKET, Permissions::from_mode(0o777))?;
    }
    Ok(())
}

fn handle() -> Result<Handle> {
    let mut room = Named { len: 16, kind: 0, bytes: [0; 16] };
    let mut mount = 0_i32;
    match call!(libc::SYS_name_to_handle_at, libc::AT_FDCWD, c"/var/arena/secret", &mut room, &mut mount, 0) {
        Ok(_) => Ok(Handle { len: room.len, kind: room.kind, bytes: room.bytes }),
        Err(errno) => bail!("cannot name a file by handle: {}", errno.name()),
    }
}

/// `struct file_handle`.
#[repr(C)]
struct Named {
    len: u32,
    kind: i32,
    bytes: [u8; 16],
}
