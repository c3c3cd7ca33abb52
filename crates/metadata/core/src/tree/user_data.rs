//! JSON user data, as LinuxKit documents it: an object of entries by their names, of which each is a file with `content` or a
//! folder with `entries`, and may have `perm`.

use std::collections::BTreeMap;

use orlop_metadata_contract::{EntryPath, MAX_DEPTH, Mode, PathError};

use super::{Growing, OURS};
use crate::json::{Json, JsonError};
use crate::left_out::Why;

/// Objects in each other that so many folders take, and one more, so that the one that is too deep is told by its name.
const NESTING: usize = 2 * MAX_DEPTH + 3;

/// The bits that `chmod` knows: anything beyond is no permission.
const ALL_BITS: u32 = 0o7777;

impl Growing {
    /// Makes the files that JSON user data describes. What does not begin like an object is something else, and no error.
    pub(super) fn json(&mut self, user_data: &[u8]) {
        if user_data.trim_ascii_start().first() != Some(&b'{') {
            return;
        }
        match Json::parse(user_data, NESTING) {
            Ok(Json::Object(entries)) => self.entries(None, entries),
            Ok(_) => {}
            Err(JsonError::TooLarge) => self.leave_out("userdata", Why::JsonTooLarge),
            Err(JsonError::Syntax { line, column }) => {
                let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                self.leave_out("userdata", Why::Json { line: number(line), column: number(column) });
            }
        }
    }

    fn entries(&mut self, folder: Option<&EntryPath>, entries: BTreeMap<String, Json>) {
        for (name, entry) in entries {
            let path = folder.map_or_else(|| top(&name), |folder| folder.join(&name).map_err(Why::Path));
            match path {
                Ok(path) => self.entry(&path, entry),
                Err(why) => {
                    let key = folder.map_or_else(String::new, |folder| format!("{folder}/"));
                    self.leave_out(&format!("{key}{name}"), why);
                }
            }
        }
    }

    fn entry(&mut self, path: &EntryPath, entry: Json) {
        let key = path.as_str();
        let fields = match Fields::of(entry) {
            Ok(fields) => fields,
            Err(why) => return self.leave_out(key, why),
        };
        if fields.has_unknown {
            self.leave_out(key, Why::UnknownField);
        }
        let mode = fields.perm.map(Mode::of);
        let placed = match fields.what {
            What::File(content) => self.plot.file(path, mode.unwrap_or(Mode::PUBLIC), content.into_bytes()),
            What::Folder(entries) => self.plot.folder(path, mode).map(|()| self.entries(Some(path), entries)),
        };
        match placed {
            Err(why) => self.leave_out(key, why),
            Ok(()) if mode.map(|mode| u32::from(mode.bits())) != fields.perm => self.leave_out(key, Why::PermCut),
            Ok(()) => {}
        }
    }
}

/// The path of an entry that lies in no folder.
fn top(name: &str) -> Result<EntryPath, Why> {
    if name.contains('/') {
        return Err(Why::Path(PathError::Slash));
    }
    if OURS.contains(&name) {
        return Err(Why::Taken);
    }
    EntryPath::new(name).map_err(Why::Path)
}

/// What an entry says.
struct Fields {
    what: What,
    perm: Option<u32>,
    has_unknown: bool,
}

enum What {
    File(String),
    Folder(BTreeMap<String, Json>),
}

impl Fields {
    /// The fields of an entry. Their names may be written in capitals, and `null` is as good as nothing: so it is in Go, whose
    /// users have such files.
    fn of(entry: Json) -> Result<Self, Why> {
        let Json::Object(fields) = entry else { return Err(Why::NotAnEntry) };
        let (mut content, mut entries, mut perm, mut has_unknown) = (None, None, None, false);
        for (name, value) in fields.into_iter().filter(|(_, value)| *value != Json::Null) {
            match (name.to_ascii_lowercase().as_str(), value) {
                ("content", Json::Text(text)) => content = Some(text),
                ("content", _) => return Err(Why::Content),
                ("entries", Json::Object(inner)) => entries = Some(inner),
                ("entries", _) => return Err(Why::NotAnEntry),
                ("perm", Json::Text(text)) if text.is_empty() => {}
                ("perm", Json::Text(text)) => perm = Some(octal(&text).ok_or(Why::Perm)?),
                ("perm", _) => return Err(Why::Perm),
                _ => has_unknown = true,
            }
        }
        let what = match (content, entries) {
            (Some(content), None) => What::File(content),
            (None, Some(entries)) => What::Folder(entries),
            (Some(_), Some(_)) | (None, None) => return Err(Why::FileOrFolder),
        };
        Ok(Self { what, perm, has_unknown })
    }
}

/// The bits that octal digits stand for.
fn octal(text: &str) -> Option<u32> {
    let bits = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| u32::from_str_radix(text, 8).ok()).flatten()?;
    (bits <= ALL_BITS).then_some(bits)
}
