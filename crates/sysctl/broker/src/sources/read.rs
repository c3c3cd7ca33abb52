//! The bytes of one text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use orlop_sysctl_contract::MAX_SOURCE;
use rustix::fs::{FileType, OFlags, fstat};

use super::Unreadable;
use super::look::{Place, why};

/// Reads a file of a folder of settings.
pub(super) fn regular(place: &Place, path: &Path) -> Result<Vec<u8>, Unreadable> {
    // Opening a pipe to which nobody writes would wait for somebody.
    one_of(&[FileType::RegularFile], place, path, OFlags::NONBLOCK)
}

/// Reads a file that somebody named: it may be a named pipe, too. What a shell makes of `<(command)` it cannot be: a broker
/// inherits no descriptor but the first three.
pub(super) fn file(place: &Place, path: &Path) -> Result<Vec<u8>, Unreadable> {
    one_of(&[FileType::RegularFile, FileType::Fifo, FileType::CharacterDevice], place, path, OFlags::empty())
}

fn one_of(kinds: &[FileType], place: &Place, path: &Path, flags: OFlags) -> Result<Vec<u8>, Unreadable> {
    let file = place.open_at(path, OFlags::RDONLY | OFlags::NOCTTY | flags).map_err(|errno| why(place, path, errno))?;
    let kind = FileType::from_raw_mode(fstat(&file).map_err(io::Error::from)?.st_mode);
    if kinds.contains(&kind) { bounded(&mut File::from(file)) } else { Err(Unreadable::NoFile) }
}

/// Reads standard input to its end.
pub(super) fn stdin() -> Result<Vec<u8>, Unreadable> {
    bounded(&mut io::stdin().lock())
}

fn bounded(from: &mut impl Read) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    from.take(MAX_SOURCE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_SOURCE { Err(Unreadable::TooLong) } else { Ok(bytes) }
}
