use core::fmt;

use orlop_wire::{MaxSize, Str};
use serde::{Deserialize, Serialize};

/// Bytes of a key, at most. The longest of Linux 6.18 has 76, with an interface name of 15.
const MAX_KEY: usize = 255;

/// Folders above a key, and the key itself, at most. The deepest of Linux 6.18 has 6.
const MAX_DEPTH: usize = 16;

/// One setting, as a path below `/proc/sys`: `net/ipv4/ip_forward`.
///
/// At least one name; no name is empty, `.` or `..`, and none holds a NUL, a control character or white space. So it
/// cannot lead out of the folder it is opened in, and it can be shown on one line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Str<MAX_KEY>", into = "Str<MAX_KEY>")]
pub struct Key(Str<MAX_KEY>);

/// A folder below `/proc/sys`, or `/proc/sys` itself: the empty path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "Str<MAX_KEY>", into = "Str<MAX_KEY>")]
pub struct Directory(Str<MAX_KEY>);

/// One name in a folder of `/proc/sys`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Str<MAX_KEY>", into = "Str<MAX_KEY>")]
pub struct Name(Str<MAX_KEY>);

/// The start of a key, by whole names: what `--prefix` allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Prefix(Directory);

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, MaxSize)]
pub enum KeyError {
    /// No name at all.
    #[error("the key is empty")]
    Empty,
    /// More than 255 bytes, or more than 16 names.
    #[error("the key is too long")]
    TooLong,
    /// An empty name, `.` or `..`: the key would lead elsewhere.
    #[error("the key has an empty name, '.' or '..' in it")]
    Relative,
    /// A control character, white space or NUL.
    #[error("the key has a character in it that no key has")]
    Character,
}

impl Key {
    /// From a path relative to `/proc/sys`, names separated by `/`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(path: &str) -> Result<Self, KeyError> {
        let text = Str::new(path).ok_or(KeyError::TooLong)?;
        if path.is_empty() {
            return Err(KeyError::Empty);
        }
        check(path)?;
        Ok(Self(text))
    }

    /// The path, relative to `/proc/sys`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }

    /// Its names, from the root.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.as_str().split('/')
    }

    /// The last of its names.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path().rsplit_once('/').map_or(self.path(), |(_, name)| name)
    }

    /// Whether the kernel copies this setting from the one of the same name for `default`, until somebody has written it:
    /// those of an interface in `net/ipv4/conf` (net/ipv4/devinet.c) and `net/*/neigh` (net/core/neighbour.c). Whoever
    /// wants such a value to stay has to write it, even where it is in force already.
    #[must_use]
    pub fn inherits(&self) -> bool {
        let mut names = self.names();
        let folder = [(); 3].map(|()| names.next().unwrap_or_default());
        let folds = matches!(folder, ["net", "ipv4", "conf" | "neigh"] | ["net", "ipv6", "neigh"]);
        folds && !matches!(names.next(), None | Some("all" | "default"))
    }

    /// The interface whose setting it is: one of `net/*/conf` or `net/*/neigh`. `all` and `default` are none.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        let mut names = self.names();
        let folder = [(); 3].map(|()| names.next().unwrap_or_default());
        let interface = names.next().filter(|_| matches!(folder, ["net", _, "conf" | "neigh"]))?;
        (names.next().is_some() && !matches!(interface, "all" | "default")).then_some(interface)
    }

    /// The folder it is in.
    #[must_use]
    pub fn parent(&self) -> Directory {
        Directory(Str::truncated(self.path().rsplit_once('/').map_or("", |(parent, _)| parent)))
    }
}

/// As `sysctl` shows it: `net.ipv4.ip_forward`, and a dot inside a name as `/`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.path().chars() {
            let shown = match c {
                '/' => '.',
                '.' => '/',
                other => other,
            };
            fmt::Write::write_char(f, shown)?;
        }
        Ok(())
    }
}

impl Directory {
    /// `/proc/sys` itself.
    #[must_use]
    pub fn root() -> Self {
        Self(Str::default())
    }

    /// From a path relative to `/proc/sys`; empty is `/proc/sys`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(path: &str) -> Result<Self, KeyError> {
        let text = Str::new(path).ok_or(KeyError::TooLong)?;
        if !path.is_empty() {
            check(path)?;
        }
        Ok(Self(text))
    }

    /// The path, relative to `/proc/sys`; empty for `/proc/sys` itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }

    /// What `name` in this folder is called.
    ///
    /// # Errors
    /// [`KeyError::TooLong`].
    pub fn join(&self, name: &Name) -> Result<Key, KeyError> {
        match self.path() {
            "" => Key::new(name.as_str()),
            path => Key::new(&format!("{path}/{}", name.as_str())),
        }
    }
}

impl Name {
    /// From one name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(name: &str) -> Result<Self, KeyError> {
        let text = Str::new(name).ok_or(KeyError::TooLong)?;
        if name.contains('/') {
            return Err(KeyError::Relative);
        }
        check(name)?;
        Ok(Self(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Prefix {
    /// Settings in this folder, at any depth, and the setting of this very name.
    #[must_use]
    pub const fn new(directory: Directory) -> Self {
        Self(directory)
    }

    /// Whether `key` begins with it, name by name.
    #[must_use]
    pub fn covers(&self, key: &Key) -> bool {
        is_within(key.path(), self.0.path())
    }

    /// Whether something in `directory`, at any depth, may begin with it.
    #[must_use]
    pub fn reaches(&self, directory: &Directory) -> bool {
        is_within(directory.path(), self.0.path()) || is_within(self.0.path(), directory.path())
    }
}

/// Whether `path` is `above`, or below it.
fn is_within(path: &str, above: &str) -> bool {
    match path.strip_prefix(above) {
        Some(rest) => above.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

fn check(path: &str) -> Result<(), KeyError> {
    if path.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(KeyError::Character);
    }
    if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err(KeyError::Relative);
    }
    if path.split('/').count() > MAX_DEPTH {
        return Err(KeyError::TooLong);
    }
    Ok(())
}

/// What the three text types share: checked when they arrive, bounded, shown as their text.
macro_rules! checked_text {
    ($type:ident) => {
        impl TryFrom<Str<MAX_KEY>> for $type {
            type Error = KeyError;

            fn try_from(text: Str<MAX_KEY>) -> Result<Self, KeyError> {
                Self::new(&text)
            }
        }

        impl From<$type> for Str<MAX_KEY> {
            fn from(text: $type) -> Self {
                text.0
            }
        }

        impl MaxSize for $type {
            const POSTCARD_MAX_SIZE: usize = <Str<MAX_KEY> as MaxSize>::POSTCARD_MAX_SIZE;
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

checked_text!(Key);
checked_text!(Directory);
checked_text!(Name);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_lead_out_of_proc_sys() {
        let deep = ["a"; 17].join("/");
        let long = "a".repeat(256);
        for (what, path, want) in [
            ("ordinary", "net/ipv4/ip_forward", Ok(())),
            ("one name", "a", Ok(())),
            ("dots in a name", "net/ipv4/conf/eth0.100/rp_filter", Ok(())),
            ("three dots", ".../a", Ok(())),
            ("nothing", "", Err(KeyError::Empty)),
            ("absolute", "/etc/passwd", Err(KeyError::Relative)),
            ("up", "../etc/passwd", Err(KeyError::Relative)),
            ("up inside", "kernel/../../etc", Err(KeyError::Relative)),
            ("here", "kernel/./hostname", Err(KeyError::Relative)),
            ("double slash", "kernel//hostname", Err(KeyError::Relative)),
            ("trailing slash", "kernel/", Err(KeyError::Relative)),
            ("NUL", "kernel\0", Err(KeyError::Character)),
            ("line end", "kernel\nx", Err(KeyError::Character)),
            ("space", "kernel x", Err(KeyError::Character)),
            ("deep", deep.as_str(), Err(KeyError::TooLong)),
            ("long", long.as_str(), Err(KeyError::TooLong)),
        ] {
            assert_eq!(Key::new(path).map(|_| ()), want, "{what}");
        }
    }

    #[test]
    fn what_arrives_is_checked_as_what_is_made() {
        for (what, frame, fits) in
            [("a key", &b"\x03a/b"[..], true), ("one that leads up", b"\x04../a", false), ("empty", b"\x00", false)]
        {
            assert_eq!(orlop_wire::decode::<Key>(frame).is_ok(), fits, "{what}");
        }
        assert!(orlop_wire::decode::<Directory>(b"\x00").is_ok(), "a folder may be /proc/sys itself");
        assert!(orlop_wire::decode::<Name>(b"\x03a/b").is_err(), "a name is one name");
    }

    #[test]
    fn a_key_is_shown_as_sysctl_shows_it() {
        for (path, shown) in [("net/ipv4/ip_forward", "net.ipv4.ip_forward"), ("a/eth0.100/b", "a.eth0/100.b")] {
            assert_eq!(Key::new(path).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn settings_of_an_interface_are_copied_from_the_default() {
        for (path, want) in [
            ("net/ipv4/conf/lo/rp_filter", true),
            ("net/ipv4/neigh/eth0/gc_stale_time", true),
            ("net/ipv6/neigh/eth0/gc_stale_time", true),
            ("net/ipv6/conf/lo/forwarding", false),
            ("net/ipv4/conf/default/rp_filter", false),
            ("net/ipv4/conf/all/rp_filter", false),
            ("net/ipv4/conf", false),
            ("net/ipv4/ip_forward", false),
            ("vm/swappiness", false),
        ] {
            assert_eq!(Key::new(path).unwrap().inherits(), want, "{path}");
        }
    }

    #[test]
    fn a_setting_of_an_interface_names_it() {
        for (path, want) in [
            ("net/ipv4/conf/eth0/rp_filter", Some("eth0")),
            ("net/ipv6/neigh/eth0.100/gc_stale_time", Some("eth0.100")),
            ("net/mpls/conf/wan0/input", Some("wan0")),
            ("net/ipv4/conf/all/rp_filter", None),
            ("net/ipv6/conf/default/forwarding", None),
            ("net/ipv4/conf/eth0", None),
            ("net/ipv4/vs/eth0/x", None),
            ("vm/ipv4/conf/eth0/x", None),
            ("net/core/somaxconn", None),
        ] {
            assert_eq!(Key::new(path).unwrap().interface(), want, "{path}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_name() {
        let prefix = |path| Prefix::new(Directory::new(path).unwrap());
        for (what, path, key, covers) in [
            ("folder", "net/ipv4", "net/ipv4/ip_forward", true),
            ("itself", "net/ipv4/ip_forward", "net/ipv4/ip_forward", true),
            ("half a name", "net/ip", "net/ipv4/ip_forward", false),
            ("everything", "", "vm/swappiness", true),
            ("another", "kernel", "vm/swappiness", false),
        ] {
            assert_eq!(prefix(path).covers(&Key::new(key).unwrap()), covers, "{what}");
        }
    }

    #[test]
    fn a_prefix_reaches_the_folders_above_it_and_below_it() {
        let directory = |path| Directory::new(path).unwrap();
        for (path, reached) in
            [("", true), ("net", true), ("net/ipv4", true), ("net/ipv4/conf", true), ("net/ip", false), ("vm", false)]
        {
            assert_eq!(Prefix::new(directory("net/ipv4")).reaches(&directory(path)), reached, "{path}");
        }
    }

    #[test]
    fn a_key_and_its_folder_make_the_key_again() {
        for path in ["vm/swappiness", "top", "net/ipv4/conf/lo/rp_filter"] {
            let key = Key::new(path).unwrap();
            let name = Name::new(key.name()).unwrap();
            assert_eq!(key.parent().join(&name).unwrap(), key);
            assert_eq!(key.names().last(), Some(key.name()));
        }
    }
}
