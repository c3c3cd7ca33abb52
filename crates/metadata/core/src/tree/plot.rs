use std::collections::BTreeMap;

use orlop_metadata_contract::{Entry, EntryPath, Kind, MAX_ENTRIES, MAX_FILE, MAX_TOTAL, Mode};

use crate::left_out::Why;

/// Files and folders by their paths, within the bounds of one run. Names are apart, so that a folder comes right before what is in
/// it.
#[derive(Debug, Default)]
pub(super) struct Plot {
    entries: BTreeMap<Vec<String>, (EntryPath, Mode, Kind)>,
    /// Bytes of all files.
    total: usize,
}

impl Plot {
    /// Puts a file there, instead of the one that may be there.
    pub(super) fn file(&mut self, path: &EntryPath, mode: Mode, bytes: Vec<u8>) -> Result<(), Why> {
        let names = names(path);
        let before = match self.entries.get(&names) {
            None => 0,
            Some((_, _, Kind::File(bytes))) => bytes.len(),
            Some((_, _, Kind::Folder)) => return Err(Why::FileAndFolder),
        };
        let total = self.total.saturating_sub(before).saturating_add(bytes.len());
        if bytes.len() > MAX_FILE || total > MAX_TOTAL {
            return Err(Why::TooLarge);
        }
        self.make_room(&names)?;
        self.total = total;
        self.entries.insert(names, (path.clone(), mode, Kind::File(bytes)));
        Ok(())
    }

    /// Makes a folder. One that is there gets the mode, if one is given.
    pub(super) fn folder(&mut self, path: &EntryPath, mode: Option<Mode>) -> Result<(), Why> {
        let names = names(path);
        match self.entries.get_mut(&names) {
            Some((_, _, Kind::File(_))) => return Err(Why::FileAndFolder),
            Some((_, old, Kind::Folder)) => *old = mode.unwrap_or(*old),
            None => {
                self.make_room(&names)?;
                self.entries.insert(names, (path.clone(), mode.unwrap_or(Mode::FOLDER), Kind::Folder));
            }
        }
        Ok(())
    }

    /// What is in the file at this path.
    pub(super) fn content(&self, name: &str) -> Option<&[u8]> {
        match self.entries.get(&[name.to_owned()][..]) {
            Some((_, _, Kind::File(bytes))) => Some(bytes),
            Some((_, _, Kind::Folder)) | None => None,
        }
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries.into_values().map(|(path, mode, kind)| Entry { path, mode, kind }).collect()
    }

    /// Makes the folders that an entry lies in, if there is room for them and for it.
    fn make_room(&mut self, names: &[String]) -> Result<(), Why> {
        let mut missing = Vec::new();
        for end in 1..names.len() {
            let above = names.get(..end).unwrap_or(names);
            match self.entries.get(above) {
                Some((_, _, Kind::File(_))) => return Err(Why::FileAndFolder),
                Some((_, _, Kind::Folder)) => {}
                None => missing.push(above.to_vec()),
            }
        }
        let is_new = usize::from(!self.entries.contains_key(names));
        if self.entries.len().saturating_add(missing.len()).saturating_add(is_new) > MAX_ENTRIES {
            return Err(Why::TooMany);
        }
        for above in missing {
            let path = EntryPath::new(&above.join("/")).map_err(Why::Path)?;
            self.entries.insert(above, (path, Mode::FOLDER, Kind::Folder));
        }
        Ok(())
    }
}

fn names(path: &EntryPath) -> Vec<String> {
    path.names().map(str::to_owned).collect()
}
