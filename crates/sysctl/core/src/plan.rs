//! What is written, in order.

use std::collections::BTreeMap;

use orlop_sysctl_contract::{Finding, Key, MAX_STEPS, MAX_TEXT, Origin, Problem, Step};

use crate::pattern;
use crate::settings::{Entry, Sorted, Wish};
use crate::spelling;

/// What was said, and which settings the patterns stand for.
#[derive(Debug)]
pub(crate) struct Plan {
    sorted: Sorted,
    found: BTreeMap<Key, Found>,
    full: bool,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// Index of the last pattern that matches it and says something new.
    pattern: usize,
    /// The pattern before that.
    replaces: Option<Origin>,
}

impl Plan {
    pub(crate) const fn new(sorted: Sorted) -> Self {
        Self { sorted, found: BTreeMap::new(), full: false }
    }

    /// The patterns, in the order in which they count.
    pub(crate) fn patterns(&self) -> &[(Key, Entry)] {
        &self.sorted.patterns
    }

    /// The keys that are written by name, and where that was said; without those that may be missing.
    pub(crate) fn written_by_name(&self) -> impl Iterator<Item = (&Key, Origin)> {
        let keys = self.sorted.keys.iter();
        keys.filter(|(_, entry)| matches!(entry.said, Wish::Set { lenient: false, .. }))
            .map(|(key, entry)| (key, entry.origin))
    }

    /// Nothing matches the pattern of this index: what is to be said about that.
    pub(crate) fn without_match(&self, pattern: usize) -> Option<Finding> {
        let (pattern, Entry { origin, said, .. }) = self.sorted.patterns.get(pattern)?;
        let problem =
            || spelling::without_mount_point(pattern).map_or(Problem::NoMatch, |key| Problem::did_you_mean(&key));
        match said {
            Wish::Set { lenient: false, .. } => Some(Finding { origin: *origin, problem: problem() }),
            Wish::Set { lenient: true, .. } | Wish::Leave => None,
        }
    }

    /// `key` matches the pattern of this index; those of smaller ones have been told before.
    ///
    /// What has a line of its own, or is excluded, is not for patterns. Says so once when there is no room.
    pub(crate) fn found(&mut self, pattern: usize, key: Key) -> Option<Finding> {
        let excluded = |exclusion: &Key| pattern::matches(exclusion.path(), key.path());
        if self.full || self.sorted.keys.contains_key(&key) || self.sorted.exclusions.iter().any(excluded) {
            return None;
        }
        let (_, entry) = self.sorted.patterns.get(pattern)?;
        let earlier =
            self.found.get(&key).and_then(|found| self.sorted.patterns.get(found.pattern)).map(|(_, entry)| entry);
        if earlier.is_some_and(|earlier| earlier.said == entry.said) {
            // A pattern that repeats what another said leaves the setting at its place, as a line does.
            return None;
        }
        let replaces = earlier.map_or(entry.replaces, |earlier| Some(earlier.origin));
        let steps = self.sorted.keys.len().saturating_add(self.found.len());
        let size = self.sorted.bytes.saturating_add(entry.said.bytes());
        if (earlier.is_none() && steps >= MAX_STEPS) || size > MAX_TEXT {
            self.full = true;
            return Some(Finding { origin: entry.origin, problem: Problem::TooMany });
        }
        self.sorted.bytes = size;
        self.found.insert(key, Found { pattern, replaces });
        None
    }

    /// The steps, in order: each key where it was said last, those of a pattern at its place and sorted.
    pub(crate) fn into_steps(self) -> Vec<Step> {
        let Sorted { keys, patterns, exclusions: _, bytes: _ } = self.sorted;
        let mut steps = Vec::new();
        for (key, Found { pattern, replaces }) in self.found {
            let Some((_, entry)) = patterns.get(pattern) else { continue };
            steps.extend(step(key, Entry { replaces, ..entry.clone() }, true));
        }
        for (key, entry) in keys {
            steps.extend(step(key, entry, false));
        }
        steps.sort_by_key(|(position, _)| *position);
        steps.into_iter().map(|(_, step)| step).collect()
    }
}

/// The step, and its place.
fn step(key: Key, entry: Entry, by_pattern: bool) -> Option<(u32, Step)> {
    let Entry { position, origin, replaces, said } = entry;
    match said {
        Wish::Set { want, lenient } => Some((position, Step { key, want, origin, replaces, lenient, by_pattern })),
        Wish::Leave => None,
    }
}
