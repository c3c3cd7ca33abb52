//! Reading files within bounds.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// The whole of a text file. A pipe in its place is not waited for.
///
/// # Errors
/// When it cannot be read, is longer than `max` bytes, or is no UTF-8.
pub fn read(path: &Path, max: usize) -> io::Result<String> {
    let mut text = String::new();
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    File::from(file).take(max as u64 + 1).read_to_string(&mut text)?;
    if text.len() > max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = Folder::new("init-files");
        let path = folder.0.join("f");
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read(&path, 4).unwrap(), "1234");
        assert_eq!(read(&path, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(&folder.0.join("none"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = Folder::new("init-files-pipe");
        let path = folder.0.join("f");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert_eq!(read(&path, 4).unwrap(), "");
    }
}
