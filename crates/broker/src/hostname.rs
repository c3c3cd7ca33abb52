//! The kernel's name for this host, for brokers that may give it one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The name, through a file that stays open: as uid 0 this needs no `CAP_SYS_ADMIN`.
#[derive(Debug)]
pub struct Hostname {
    file: File,
    /// Why it is open for reading only: the kernel's number for it.
    read_only: Option<i32>,
}

/// Bytes of a name, at most: `__NEW_UTS_LEN` of the kernel.
pub const MAX_LEN: usize = 64;

impl Hostname {
    /// Opens the file. To be done before the sandbox narrows. Where it cannot be written (not as uid 0, or `/proc/sys` is mounted
    /// read-only in this container), [`Hostname::set`] will say so.
    ///
    /// # Errors
    /// There is no `/proc`.
    pub fn open() -> io::Result<Self> {
        Self::open_at(Path::new(PATH))
    }

    /// As [`Hostname::open`], for a file that stands for it.
    ///
    /// # Errors
    /// There is no such file.
    pub fn open_at(path: &Path) -> io::Result<Self> {
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

    /// Gives the host this name, of [`MAX_LEN`] bytes at most.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn set(&self, name: &str) -> io::Result<()> {
        if let Some(why) = self.read_only {
            return Err(io::Error::from_raw_os_error(why));
        }
        // In one piece, from the start: the kernel ignores what is written elsewhere.
        if self.file.write_at(name.as_bytes(), 0)? != name.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }
}

const PATH: &str = "/proc/sys/kernel/hostname";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_can_be_read_and_says_why() {
        // The kernel lets nobody write it.
        let hostname = Hostname::open_at(Path::new("/proc/sys/kernel/ostype")).unwrap();
        assert_eq!(hostname.current().unwrap(), "Linux");
        assert_eq!(
            hostname.set("node-7").unwrap_err().kind(),
            io::ErrorKind::PermissionDenied,
            "and no bad descriptor"
        );
        assert!(Hostname::open_at(Path::new("/proc/sys/kernel/none")).is_err());
    }
}
