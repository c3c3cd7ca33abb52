//! Files of this machine, read up to a bound. What a file says of its own size is not asked: devices and pipes say 0.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// All bytes of a file.
///
/// # Errors
/// It cannot be read, or has more than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    up_to(File::open(path)?, most)
}

fn up_to(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// Opens what has to be a file, in a folder whose author may be anybody: a pipe without a writer would make us wait, and some
/// devices do something when they are opened.
///
/// # Errors
/// It cannot be opened, or is no file.
pub fn file(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no file", path.display())))
    }
}

/// All bytes of what [`file`] opens.
///
/// # Errors
/// As [`file`] and [`read`].
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    up_to(file(path)?, most)
}

/// All of a file that is text.
///
/// # Errors
/// As [`read`], or it is no UTF-8.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_one_that_does_not_end_is_refused() {
        let path = std::env::temp_dir().join(format!("orlop-bounded-{}", std::process::id()));
        std::fs::write(&path, b"four").unwrap();
        let (fits, cut) = (read(&path, 4), read(&path, 3));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(fits.unwrap(), b"four");
        for (what, refused) in [("a byte too many", cut), ("no end", read(Path::new("/dev/zero"), 3))] {
            assert_eq!(refused.unwrap_err().to_string(), "it has more than 3 bytes", "{what}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = std::env::temp_dir().join(format!("orlop-bounded-kinds-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (pipe, whole) = (folder.join("pipe"), folder.join("file"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        std::fs::write(&whole, b"x").unwrap();
        let opened = [&pipe, &folder, Path::new("/dev/zero"), &whole].map(|path| file(path).is_ok());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(opened, [false, false, false, true], "a pipe, a folder, a device, a file");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let path = std::env::temp_dir().join(format!("orlop-bounded-text-{}", std::process::id()));
        std::fs::write(&path, b"caf\xe9").unwrap();
        let refused = text(&path, 9);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(refused.unwrap_err().to_string(), "it is not UTF-8");
    }
}
