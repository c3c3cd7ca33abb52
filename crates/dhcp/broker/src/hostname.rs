//! This host's name: read for option 12 and set from it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use orlop_dhcp_contract::DomainName;

use crate::config::SetHostname;

/// The kernel's hostname, through a file that stays open: as uid 0 this needs no CAP_SYS_ADMIN.
#[derive(Debug)]
pub struct Hostname {
    file: File,
    /// Why it is open for reading only: the kernel's number for it.
    read_only: Option<i32>,
}

/// What became of the name that a server gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// It is the host's name now.
    Set,
    /// It was already.
    Same,
    /// The host has a name of its own, the operator said never, or no host can be called that.
    Kept,
}

impl Hostname {
    /// Opens the file. To be done before the sandbox narrows. Where it cannot be written (not as uid 0, or `/proc/sys` is mounted
    /// read-only in this container), [`Hostname::apply`] will say so wherever it would change something.
    ///
    /// # Errors
    /// There is no `/proc`.
    pub fn open() -> io::Result<Self> {
        Self::open_at(Path::new(PATH))
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Ok(Self { file, read_only: None }),
            Err(why) => Ok(Self { file: File::open(path)?, read_only: Some(why.raw_os_error().unwrap_or_default()) }),
        }
    }

    /// The name now.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn current(&self) -> io::Result<String> {
        let mut bytes = [0; MAX_LEN + 1];
        let length = self.file.read_at(&mut bytes, 0)?;
        let name = bytes.get(..length).unwrap_or_default();
        Ok(String::from_utf8_lossy(name).trim_end_matches(['\n', '\0']).to_owned())
    }

    /// Takes `name` for this host where `when` allows it. Of a name that the kernel has no room for, the first label.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn apply(&self, given: &DomainName, when: SetHostname) -> io::Result<Naming> {
        let current = self.current()?;
        let name = fitting(given.as_str());
        let wanted = match when {
            SetHostname::Never => false,
            SetHostname::IfDefault => is_default(&current),
            SetHostname::Always => true,
        };
        if current == name {
            return Ok(Naming::Same);
        }
        if !wanted || !given.is_host_name() {
            return Ok(Naming::Kept);
        }
        if let Some(why) = self.read_only {
            return Err(io::Error::from_raw_os_error(why));
        }
        // In one piece, from the start: the kernel ignores what is written elsewhere.
        if self.file.write_at(name.as_bytes(), 0)? != name.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(Naming::Set)
    }
}

/// Whether a host of this name has none of its own, so that a server may give it one. LinuxKit's `linuxkit-<mac>` is a
/// name of its own, as it is for dhcpcd.
#[must_use]
pub fn is_default(name: &str) -> bool {
    matches!(name, "" | "(none)" | "localhost" | "localhost.localdomain")
}

fn fitting(name: &str) -> &str {
    if name.len() <= MAX_LEN { name } else { name.split('.').next().unwrap_or(name) }
}

const PATH: &str = "/proc/sys/kernel/hostname";
/// `__NEW_UTS_LEN`. A label has at most 63 characters, so the first always fits.
const MAX_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use orlop_testbed::Folder;

    fn name(text: &str) -> DomainName {
        DomainName::new(text).unwrap()
    }

    #[test]
    fn only_a_host_without_a_name_takes_one_unless_it_must() {
        for (what, current, when, want) in [
            ("no name", "", SetHostname::IfDefault, Naming::Set),
            ("the kernel's", "(none)\n", SetHostname::IfDefault, Naming::Set),
            ("a default", "localhost\n", SetHostname::IfDefault, Naming::Set),
            ("another default", "localhost.localdomain\n", SetHostname::IfDefault, Naming::Set),
            ("its own", "node-1\n", SetHostname::IfDefault, Naming::Kept),
            ("its own, as LinuxKit gives it", "linuxkit-0200000000ff\n", SetHostname::IfDefault, Naming::Kept),
            ("its own, forced", "node-1\n", SetHostname::Always, Naming::Set),
            ("the same", "node-7\n", SetHostname::Always, Naming::Same),
            ("a default, never", "localhost\n", SetHostname::Never, Naming::Kept),
        ] {
            let folder = Folder::new("hostname");
            let path = folder.0.join("hostname");
            std::fs::write(&path, current).unwrap();
            let hostname = Hostname::open_at(&path).unwrap();
            assert_eq!(hostname.apply(&name("node-7"), when).unwrap(), want, "{what}");
            let written = std::fs::read_to_string(&path).unwrap().starts_with("node-7");
            assert_eq!(written, want != Naming::Kept, "{what}");
        }
    }

    #[test]
    fn what_no_host_can_be_called_is_not_set_whoever_asks_for_it() {
        for wrong in ["my_host", "192.0.2.9"] {
            let folder = Folder::new("hostname");
            let path = folder.0.join("hostname");
            std::fs::write(&path, "localhost\n").unwrap();
            let hostname = Hostname::open_at(&path).unwrap();
            assert_eq!(hostname.apply(&name(wrong), SetHostname::Always).unwrap(), Naming::Kept, "{wrong}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "localhost\n", "{wrong}");
        }
    }

    #[test]
    fn a_file_that_can_only_be_read_says_why_where_it_would_be_written() {
        // The kernel lets nobody write it.
        let hostname = Hostname::open_at(Path::new("/proc/sys/kernel/ostype")).unwrap();
        assert_eq!(hostname.current().unwrap(), "Linux");
        let refused = hostname.apply(&name("node-7"), SetHostname::Always).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "and no bad descriptor");
        assert_eq!(hostname.apply(&name("node-7"), SetHostname::Never).unwrap(), Naming::Kept);
        assert!(Hostname::open_at(Path::new("/proc/sys/kernel/none")).is_err());
    }

    #[test]
    fn of_a_name_that_is_too_long_the_first_label_is_taken() {
        let long = format!("node-7.{}.example.com", "a".repeat(60));
        for (what, text, want) in [("short", "node-7.example.com", "node-7.example.com"), ("long", &long, "node-7")] {
            assert_eq!(fitting(name(text).as_str()), want, "{what}");
        }
    }

    #[test]
    fn the_kernel_takes_the_name() {
        // The test starts itself once more in a UTS namespace; only there is anything renamed.
        if std::env::var_os(IN_NAMESPACE).is_some() {
            rename_this_host();
            println!("{DONE}");
            return;
        }
        if orlop_testbed::Testbed::with(&["unshare"]).is_none() {
            return;
        }
        let before = Hostname::open().unwrap().current().unwrap();
        let output = Command::new("unshare")
            .arg("--uts")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "hostname::tests::the_kernel_takes_the_name", "--nocapture"])
            .env(IN_NAMESPACE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(DONE), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(Hostname::open().unwrap().current().unwrap(), before, "this host's own name");
    }

    fn rename_this_host() {
        let hostname = Hostname::open().unwrap();
        assert_eq!(hostname.apply(&name("first-name.example.com"), SetHostname::Always).unwrap(), Naming::Set);
        assert_eq!(hostname.current().unwrap(), "first-name.example.com");
        assert_eq!(hostname.apply(&name("node-7"), SetHostname::Always).unwrap(), Naming::Set);
        assert_eq!(hostname.current().unwrap(), "node-7", "nothing of the longer name is left");
        assert_eq!(hostname.apply(&name("node-8"), SetHostname::IfDefault).unwrap(), Naming::Kept);
    }

    const IN_NAMESPACE: &str = "ORLOP_TEST_IN_UTS_NAMESPACE";
    const DONE: &str = "the name was taken";
}
