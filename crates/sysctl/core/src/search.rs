//! Looking for settings, one folder at a time: those that match a pattern, and the one that a key may have meant.
//!
//! A search says which folder it [wants](Search::wants), is shown what is in it, and says the settings it has found there.
//! It remembers what it still has to look at, so that it can wait for an answer at any point.

use orlop_sysctl_contract::{Directory, Key, Name};

use crate::pattern::{is_pattern, matches_name};

/// Folders that are looked at for a hint, at most. One is enough for each name of the key, where nobody means harm.
const MAX_LOOKS_FOR_A_HINT: u32 = 64;

/// A search under way.
#[derive(Debug)]
pub(crate) enum Search {
    Matches(Matches),
    Meant(Meant),
}

/// The settings that match a pattern, in the order of their names.
#[derive(Debug)]
pub(crate) struct Matches {
    /// The names of the pattern.
    names: Vec<String>,
    /// What is still to be looked at; the last one first.
    ahead: Vec<Ahead>,
}

#[derive(Debug)]
enum Ahead {
    /// A folder, in which the name of this index is to be found.
    Folder(Directory, usize),
    /// It matches; whether it is a setting or a folder is not known.
    Match(Key),
}

/// The setting that a key may have meant: itself, or one that is spelled the same when dots in names are taken for separators.
#[derive(Debug)]
pub(crate) struct Meant {
    key: Key,
    /// Folders to be looked at, the last one first, and how many names of the key lead there.
    ahead: Vec<(Directory, usize)>,
    looks: u32,
}

impl Search {
    /// The folder that it must be shown next; nothing when it is over.
    pub(crate) fn wants(&self) -> Option<Directory> {
        match self {
            Self::Matches(matches) => matches.wants(),
            Self::Meant(meant) => meant.ahead.last().map(|(folder, _)| folder.clone()),
        }
    }

    /// Shows it what is in the folder that it wants, sorted. Says which setting it has found thereby, if any.
    ///
    /// `admits`: whether there can be a setting of interest in a folder.
    pub(crate) fn look(&mut self, present: &[Name], admits: impl Fn(&Directory) -> bool) -> Option<Key> {
        match self {
            Self::Matches(matches) => matches.look(present, admits),
            Self::Meant(meant) => meant.look(present),
        }
    }
}

impl Matches {
    /// Of `pattern`, in folders that `admits` admits.
    pub(crate) fn new(pattern: &Key, admits: impl Fn(&Directory) -> bool) -> Self {
        let names: Vec<String> = pattern.names().map(ToOwned::to_owned).collect();
        let mut search = Self { names, ahead: Vec::new() };
        search.descend(Directory::root(), 0, &admits);
        search
    }

    fn wants(&self) -> Option<Directory> {
        match self.ahead.last()? {
            Ahead::Folder(folder, _) => Some(folder.clone()),
            // What is in it says whether it is a folder.
            Ahead::Match(key) => folder(key),
        }
    }

    fn look(&mut self, present: &[Name], admits: impl Fn(&Directory) -> bool) -> Option<Key> {
        match self.ahead.pop()? {
            Ahead::Match(key) => present.is_empty().then_some(key),
            Ahead::Folder(within, at) => self.look_into(&within, at, present, admits),
        }
    }

    fn look_into(
        &mut self,
        within: &Directory,
        at: usize,
        present: &[Name],
        admits: impl Fn(&Directory) -> bool,
    ) -> Option<Key> {
        let pattern = self.names.get(at)?.clone();
        if !is_pattern(&pattern) {
            // The last name: `descend` goes past all others.
            let name = Name::new(&pattern).ok().filter(|name| present.binary_search(name).is_ok())?;
            return within.join(&name).ok();
        }
        let next = at.saturating_add(1);
        // Backwards, because the last that is pushed is looked at first.
        for name in present.iter().rev().filter(|name| matches_name(&pattern, name.as_str())) {
            let Ok(key) = within.join(name) else { continue };
            match folder(&key) {
                Some(_) if next >= self.names.len() => self.ahead.push(Ahead::Match(key)),
                Some(folder) => self.descend(folder, next, &admits),
                None => {}
            }
        }
        None
    }

    /// Goes on in `within`, past every name that is no pattern and not the last.
    fn descend(&mut self, mut within: Directory, mut at: usize, admits: &impl Fn(&Directory) -> bool) {
        while let Some(literal) = self.names.get(at).filter(|_| admits(&within)) {
            let next = at.saturating_add(1);
            if is_pattern(literal) || next >= self.names.len() {
                self.ahead.push(Ahead::Folder(within, at));
                return;
            }
            let below = Name::new(literal).ok().and_then(|name| within.join(&name).ok());
            let Some(below) = below.as_ref().and_then(folder) else { return };
            (within, at) = (below, next);
        }
    }
}

impl Meant {
    /// By `key`, which may not exist.
    pub(crate) fn new(key: Key) -> Self {
        Self { key, ahead: vec![(Directory::root(), 0)], looks: 0 }
    }

    fn look(&mut self, present: &[Name]) -> Option<Key> {
        let (within, used) = self.ahead.pop()?;
        self.looks = self.looks.saturating_add(1);
        let rest: Vec<&str> = self.key.names().skip(used).collect();
        let mut found = None;
        let mut ahead = Vec::new();
        for taken in 1..=rest.len() {
            let spelled = rest.get(..taken).unwrap_or_default().join(".");
            let Some(name) = Name::new(&spelled).ok().filter(|name| present.binary_search(name).is_ok()) else {
                continue;
            };
            let Ok(key) = within.join(&name) else { continue };
            if taken == rest.len() {
                found = found.or(Some(key));
            } else if let Some(folder) = folder(&key) {
                ahead.push((folder, used.saturating_add(taken)));
            }
        }
        self.ahead.extend(ahead.into_iter().rev());
        if found.is_some() || self.looks >= MAX_LOOKS_FOR_A_HINT {
            self.ahead.clear();
        }
        found
    }
}

fn folder(key: &Key) -> Option<Directory> {
    Directory::new(key.path()).ok()
}

#[cfg(test)]
mod tests;
