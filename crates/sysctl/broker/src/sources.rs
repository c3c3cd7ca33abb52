//! The texts that settings are in: which there are, in which order, and their bytes.
//!
//! Read before the broker narrows itself, and read only: what is in them is the worker's business.

mod look;
mod read;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use orlop_sandbox::fatal::nearest;
use orlop_sysctl_contract::{MAX_SOURCE, MAX_SOURCES, MAX_TEXT};

use look::{Found, Place};

/// Which texts a run wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The folders are looked for below this one, and nothing in them leads out of it.
    pub root: Option<PathBuf>,
    /// Where files are looked for.
    pub folders: Folders,
    /// Profiles, by name: they are read before everything else.
    pub profiles: Vec<String>,
    /// Files and streams. With one of these, or a setting, the folders are not read by themselves.
    pub inputs: Vec<Input>,
    /// `KEY=VALUE`, each of which is one line of the last source.
    pub settings: Vec<OsString>,
}

/// Where files are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Folders {
    /// Where sysctl.d(5) says.
    #[default]
    Standard,
    /// In these; the first counts most.
    These(Vec<PathBuf>),
    /// Every file of this one counts, whatever its name ends in, as in LinuxKit's component.
    AllOf(PathBuf),
}

/// A file or a stream on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The file at this path.
    File(PathBuf),
    /// The file of this name in the first folder that has one.
    Named(OsString),
    /// Standard input.
    Stdin,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Sources {
    /// The texts, in the order in which they count: the last one that says something about a key wins.
    pub texts: Vec<Text>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// One text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What it is called in messages: a path, `stdin`, or `arguments`.
    pub name: String,
    /// At most [`MAX_SOURCE`] of them, and in no known encoding.
    pub bytes: Vec<u8>,
}

/// A text that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {name}: {why}")]
pub struct Unread {
    /// What it is called.
    pub name: String,
    /// What kept us from reading it.
    pub why: Unreadable,
    /// Whether nobody minds: in LinuxKit's folder, where anything may lie around, and of links to nothing.
    pub tolerated: bool,
}

/// Why a text could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The kernel says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its mode keeps it from uid 0 without capabilities, which has no power over what is others'.
    #[error("uid 0 needs a capability for it that this process does not have; try: {0}")]
    Closed(String),
    /// A folder, a device, a socket.
    #[error("it is not a file")]
    NoFile,
    /// Longer than [`MAX_SOURCE`].
    #[error("it is longer than {MAX_SOURCE} bytes")]
    TooLong,
    /// With the ones before it longer than [`MAX_TEXT`].
    #[error("all files together are longer than {MAX_TEXT} bytes")]
    TooMuch,
    /// There are [`MAX_SOURCES`] already.
    #[error("there are more than {MAX_SOURCES} files")]
    TooMany,
    /// There is no profile of this name.
    #[error("there is no such profile; {0}")]
    NoProfile(String),
    /// No folder has a file of this name.
    #[error("no folder of settings has a file of this name; for one in this folder, write ./ before it")]
    NotFound,
}

/// What need not be readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tolerance {
    /// Everything must be.
    None,
    /// A file that is not there although its name is: a link to nothing, as Debian's `99-sysctl.conf` is where there is no
    /// `/etc/sysctl.conf`, or one that has gone since the folder was listed.
    Gone,
    /// Nothing need be.
    All,
}

impl Tolerance {
    fn of(self, why: &Unreadable) -> bool {
        match (self, why) {
            (Self::All, _) => true,
            (Self::Gone, Unreadable::Io(cause)) => cause.kind() == io::ErrorKind::NotFound,
            (Self::Gone | Self::None, _) => false,
        }
    }
}

impl Wanted {
    /// Whether there is a file of this name in the folders of this run.
    #[must_use]
    pub fn finds(&self, name: &OsStr) -> bool {
        let place = Place::open(self.root.as_deref());
        place.is_ok_and(|place| look::named(&place, &self.folders.list(), name).is_some())
    }
}

impl Folders {
    /// The folders in which a name is looked for; the first counts most.
    fn list(&self) -> Vec<PathBuf> {
        match self {
            Self::Standard => STANDARD.map(PathBuf::from).to_vec(),
            Self::These(folders) => folders.clone(),
            Self::AllOf(folder) => vec![folder.clone()],
        }
    }
}

/// Where sysctl.d(5) says that settings are; the first counts most.
const STANDARD: [&str; 4] = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];

/// Where our profiles are: in this program's own root, whatever `--root` says.
const PROFILES: &str = "/usr/lib/orlop/sysctl.d";

/// What keeps a profile from being read, with what the user may have meant where there is none of this name.
fn unknown(profile: &str, why: Unreadable) -> Unreadable {
    let is_missing = matches!(&why, Unreadable::Io(cause) if cause.kind() == io::ErrorKind::NotFound);
    if !is_missing || SHIPPED.contains(&profile) {
        return why;
    }
    let meant = nearest(profile, &SHIPPED).map(|meant| format!("did you mean {meant}? ")).unwrap_or_default();
    Unreadable::NoProfile(format!("{meant}those that come with it: {}", SHIPPED.join(", ")))
}

/// The profiles that come with the image.
const SHIPPED: [&str; 2] = ["kspp", "linuxkit"];

impl Sources {
    /// Reads what is `wanted`. What cannot be read is in [`Sources::unread`], and the rest goes on.
    ///
    /// # Errors
    /// The folder of `--root`, or LinuxKit's, cannot be opened, with its path.
    pub fn read(wanted: &Wanted) -> Result<Self, Unread> {
        let place = Place::open(wanted.root.as_deref())?;
        let mut sources = Self::default();
        for profile in &wanted.profiles {
            let path = Path::new(PROFILES).join(format!("{profile}.conf"));
            let read = || read::file(&Place::Own, &path).map_err(|why| unknown(profile, why));
            sources.add(display(&path), Tolerance::None, read);
        }
        if let Folders::AllOf(folder) = &wanted.folders {
            for path in look::everything(&place, folder)? {
                sources.add(display(&path), Tolerance::All, || read::regular(&place, &path));
            }
            return Ok(sources);
        }
        let folders = wanted.folders.list();
        if wanted.inputs.is_empty() && wanted.settings.is_empty() {
            let found = look::settings(&place, &folders, wanted.folders == Folders::Standard);
            for (folder, cause) in found.unlisted {
                let why = look::why(&place, &folder, cause);
                sources.fail(place.display(&folder), why, false);
            }
            for path in found.files {
                sources.add(place.display(&path), Tolerance::Gone, || read::regular(&place, &path));
            }
        }
        for input in &wanted.inputs {
            match input {
                Input::File(path) => sources.add(display(path), Tolerance::None, || read::file(&Place::Own, path)),
                Input::Named(name) => match look::named(&place, &folders, name) {
                    Some(Found::File(path)) => {
                        sources.add(place.display(&path), Tolerance::None, || read::regular(&place, &path));
                    }
                    Some(Found::Masked) => {}
                    None => sources.fail(display(Path::new(name)), Unreadable::NotFound, false),
                },
                Input::Stdin => sources.add("stdin".to_owned(), Tolerance::None, read::stdin),
            }
        }
        if !wanted.settings.is_empty() {
            let lines = wanted.settings.iter().flat_map(|line| [line.as_bytes(), b"\n"]).flatten().copied().collect();
            sources.add("arguments".to_owned(), Tolerance::None, || Ok(lines));
        }
        Ok(sources)
    }

    fn add(&mut self, name: String, tolerance: Tolerance, read: impl FnOnce() -> Result<Vec<u8>, Unreadable>) {
        if self.texts.len() >= MAX_SOURCES {
            // Said once: there may be very many.
            if !self.unread.iter().any(|unread| matches!(unread.why, Unreadable::TooMany)) {
                self.fail(name, Unreadable::TooMany, false);
            }
            return;
        }
        let length: usize = self.texts.iter().map(|text| text.bytes.len()).sum();
        match read() {
            Ok(bytes) if length + bytes.len() > MAX_TEXT => self.fail(name, Unreadable::TooMuch, false),
            Ok(bytes) => self.texts.push(Text { name, bytes }),
            Err(why) => {
                let tolerated = tolerance.of(&why);
                self.fail(name, why, tolerated);
            }
        }
    }

    fn fail(&mut self, name: String, why: Unreadable, tolerated: bool) {
        self.unread.push(Unread { name, why, tolerated });
    }
}

/// A path on one line, whatever is in it.
fn display(path: &Path) -> String {
    let mut shown = String::new();
    for c in path.display().to_string().chars() {
        // Writing to a String cannot fail.
        let _ = if c.is_control() { write!(shown, "{}", c.escape_default()) } else { write!(shown, "{c}") };
    }
    shown
}

#[cfg(test)]
mod tests;
