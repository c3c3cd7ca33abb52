//! The machine's name, its loopback interface, its limits and the file behind `/etc/resolv.conf`.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use rustix::process::{Resource, Rlimit};

use crate::files;

/// Descriptors that a process may have, as in LinuxKit.
const DESCRIPTORS: u64 = 1_048_576;
/// What the kernel calls a machine without a name.
const NAMELESS: &str = "(none)";
/// The kernel's limit (`__NEW_UTS_LEN`).
const MAX_NAME: usize = 64;

/// What the machine should be called: what `/etc/hostname` says, else `linuxkit-` and the hardware address of eth0 if
/// it has no name yet. Pure.
#[must_use]
pub fn name(configured: Option<&str>, present: &str, hardware: Option<&str>) -> Option<String> {
    let configured = configured.map(str::trim).filter(|name| !name.is_empty() && name.len() <= MAX_NAME);
    if let Some(name) = configured {
        return Some(name.to_owned());
    }
    if !present.is_empty() && present != NAMELESS {
        return None;
    }
    let digits: String = hardware?.chars().filter(char::is_ascii_hexdigit).collect();
    (digits.len() == 12).then(|| format!("linuxkit-{digits}"))
}

/// Gives the machine its name; says which, if it got one.
///
/// # Errors
/// When the kernel refuses it.
pub fn set_name() -> io::Result<Option<String>> {
    let text = |path: &str| files::read(Path::new(path), 4096).ok();
    let present = text("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name(text("/etc/hostname").as_deref(), present.trim(), text("/sys/class/net/eth0/address").as_deref());
    if let Some(name) = &name {
        rustix::system::sethostname(name.as_bytes())?;
    }
    Ok(name)
}

/// What we and all processes after us may use.
///
/// # Errors
/// When the kernel refuses.
pub fn set_limits() -> io::Result<()> {
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) })?;
    rustix::process::setrlimit(Resource::Nproc, Rlimit { current: None, maximum: None })?;
    Ok(())
}

/// Where `/etc/resolv.conf` leads, if it is a symbolic link: that file must be there, or containers cannot bind it.
///
/// # Errors
/// When it cannot be made.
pub fn make_resolv_conf(link: &Path) -> io::Result<Option<PathBuf>> {
    let Ok(to) = fs::read_link(link) else { return Ok(None) };
    let target = link.parent().unwrap_or(Path::new("/")).join(to);
    if let Some(folder) = target.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    // 0644, and not LinuxKit's 0600: resolvers of every user read it.
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(&target)?;
    Ok(Some(target))
}

/// Brings the loopback interface up; the kernel gives it its addresses.
///
/// # Errors
/// When the kernel refuses.
pub fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // NETLINK_ROUTE is number 0.
        None,
    )?;
    let kernel = netlink::SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &link_up(LOOPBACK), SendFlags::empty(), &kernel)?;
    let mut answer = [0_u8; 256];
    let (len, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    match error_of(answer.get(..len).unwrap_or_default()) {
        Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(number.saturating_neg())),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The loopback interface is the first of every network namespace.
const LOOPBACK: i32 = 1;

/// RTM_NEWLINK that sets IFF_UP and nothing else (rtnetlink(7)).
fn link_up(index: i32) -> Vec<u8> {
    const NEWLINK: u16 = 16;
    const REQUEST_AND_ACK: u16 = 1 | 4;
    const UP: u32 = 1;
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(32_u32.to_ne_bytes());
    bytes.extend(NEWLINK.to_ne_bytes());
    bytes.extend(REQUEST_AND_ACK.to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes()); // sequence
    bytes.extend(0_u32.to_ne_bytes()); // port
    bytes.extend([0; 4]); // family, type
    bytes.extend(index.to_ne_bytes());
    bytes.extend(UP.to_ne_bytes()); // flags
    bytes.extend(UP.to_ne_bytes()); // which of them change
    bytes
}

/// The number in an NLMSG_ERROR: 0 or a negative errno.
fn error_of(answer: &[u8]) -> Option<i32> {
    const ERROR: [u8; 2] = 2_u16.to_ne_bytes();
    (answer.get(4..6)? == ERROR).then_some(())?;
    Some(i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn a_machine_is_called_what_is_configured_or_after_its_first_card() {
        let mac = Some("52:54:00:12:34:56\n");
        for (what, configured, present, hardware, want) in [
            ("configured", Some("ship\n"), NAMELESS, mac, Some("ship")),
            ("configured, and named", Some("ship"), "old", mac, Some("ship")),
            ("configured empty", Some("\n"), NAMELESS, mac, Some("linuxkit-525400123456")),
            ("configured too long", Some(&*"x".repeat(65)), "", mac, Some("linuxkit-525400123456")),
            ("named by the kernel's command line", None, "given", mac, None),
            ("no card", None, NAMELESS, None, None),
            ("a card of another kind", None, NAMELESS, Some("00:11"), None),
        ] {
            assert_eq!(name(configured, present, hardware).as_deref(), want, "{what}");
        }
    }

    #[test]
    fn the_file_behind_the_link_is_made_once() {
        let folder = Folder::new("init-resolv");
        let (etc, run) = (folder.0.join("etc"), folder.0.join("run"));
        fs::create_dir(&etc).unwrap();
        let link = etc.join("resolv.conf");
        symlink(run.join("resolvconf/resolv.conf"), &link).unwrap();
        let target = make_resolv_conf(&link).unwrap().unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o644);
        fs::write(&target, "nameserver 192.0.2.1\n").unwrap();
        make_resolv_conf(&link).unwrap();
        assert_eq!(fs::read_to_string(&link).unwrap(), "nameserver 192.0.2.1\n", "what is there stays");
    }

    #[test]
    fn a_file_in_place_of_the_link_is_left_alone() {
        let folder = Folder::new("init-resolv-file");
        let file = folder.0.join("resolv.conf");
        fs::write(&file, "mine").unwrap();
        assert_eq!(make_resolv_conf(&file).unwrap(), None);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn the_kernels_answer_is_understood() {
        let answer = |kind: u16, error: i32| {
            let mut bytes = vec![0; 20];
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            bytes[16..].copy_from_slice(&error.to_ne_bytes());
            bytes
        };
        for (what, answer, want) in [
            ("done", answer(2, 0), Some(0)),
            ("refused", answer(2, -1), Some(-1)),
            ("something else", answer(3, 0), None),
            ("short", vec![0; 8], None),
        ] {
            assert_eq!(error_of(&answer), want, "{what}");
        }
        assert_eq!(link_up(LOOPBACK).len(), 32, "as long as it says");
    }
}
