//! Configuration files: read as bounded text, understood as TOML, refused with the line that is wrong.
//!
//! A daemon has two types: its `File` is what an operator wrote, and its own configuration what is true. This crate knows
//! the way to the first: [`load`] gives the `File`, or a [`ConfigError`] whose [`fatal`](ConfigError::fatal) names the
//! problem, the cause and a thing to edit. An unknown key is an error when `File` denies unknown fields, which it should.
//! [`Seconds`] and [`Folder`] are values that refuse what they cannot mean while the file is read, so that the error has a
//! line.
//!
//! It is a crate of its own because features unify in one build: a broker without a configuration file has no reader of
//! TOML. It promises to hold no more of a file than [`MAX_FILE`] bytes.
#![forbid(unsafe_code)]

mod again;
mod error;
mod value;

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use orlop_sandbox::fatal::nearest;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;
use serde::de::DeserializeOwned;

pub use again::places_of;
pub use error::ConfigError;
pub use value::{Folder, RelativeFolder, Seconds};

/// Largest file that is read, in bytes. One with a table for each of 128 interfaces has about 40,000.
pub const MAX_FILE: usize = 65_536;

/// What is written in the file at `path`; nothing when there is none and it need not exist.
///
/// # Errors
/// The file cannot be read, is too large, or says something that cannot be.
pub fn load<File: DeserializeOwned>(path: &Path, must_exist: bool) -> Result<Option<File>, ConfigError> {
    match read(path) {
        Ok(text) => parse(&text, path).map(Some),
        Err(ConfigError::Open { source, .. }) if !must_exist && source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What `text` says; `path` is only for the error.
///
/// # Errors
/// It says something that cannot be, and where.
pub fn parse<File: DeserializeOwned>(text: &str, path: &Path) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let message = with_meant(error.message().trim().replace('\n', "; "));
        let line = error.span().map(|span| line_at(text, span.start));
        ConfigError::Wrong { path: path.to_owned(), line, message }
    })
}

/// What is wrong with a key or a value that is none of those that are known, and which of them was meant.
fn with_meant(message: String) -> String {
    let Some((problem, expected)) = message.split_once(", expected ") else { return message };
    let quoted = |text: &'_ str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let known = quoted(expected);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let typed = if problem.starts_with("unknown ") { quoted(problem).pop() } else { None };
    match typed.and_then(|typed| nearest(&typed, &known).map(str::to_owned)) {
        Some(meant) => format!("{problem}, did you mean `{meant}`? Expected {expected}"),
        None => message,
    }
}

/// Reads a whole configuration file, as bounded text. For every format that a configuration can have.
///
/// Nothing at `path` makes this wait: what is no regular file is not read, and one that another process holds a lease on
/// (`F_SETLEASE`) is not waited for.
///
/// # Errors
/// It cannot be read, is no regular file, is larger than [`MAX_FILE`], or is not UTF-8.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    let open = |source| ConfigError::Open { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // By the name that the sandbox allows: what the C library calls for the same differs from one to the other.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::WOULDBLOCK => ConfigError::Held { path: path.to_owned() },
        // So it is with a socket.
        Errno::NXIO => ConfigError::NotAFile { path: path.to_owned(), kind: "a socket or a device" },
        errno => open(errno.into()),
    })?;
    if let Some(kind) = unreadable(fstat(&file).map_err(|errno| open(errno.into()))?) {
        return Err(ConfigError::NotAFile { path: path.to_owned(), kind });
    }
    let file = std::fs::File::from(file);
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(open)?;
    if bytes.len() > MAX_FILE {
        return Err(ConfigError::Large { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.to_owned() })
}

/// What a file is that is no regular one.
fn unreadable(found: Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a folder"),
        FileType::Fifo => Some("a pipe"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        FileType::Symlink | FileType::Socket | FileType::Unknown => Some("something else"),
    }
}

/// The number of the line that holds the byte at `offset`, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests;
