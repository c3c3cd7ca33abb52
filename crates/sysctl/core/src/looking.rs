//! From what was said to which settings are meant: one folder after the other.

use std::collections::VecDeque;

use orlop_sysctl_contract::{
    Dialect, Directory, Finding, Key, MAX_LISTS, MAX_NAMES, MAX_PREFIXES, Name, Origin, Prefix, Problem, Rules, Step,
};
use orlop_wire::Bounded;

use crate::plan::Plan;
use crate::search::{Matches, Meant, Search};
use crate::settings::Sorted;
use crate::spelling;
use crate::tree::Tree;

/// Looks into folders, remembered or asked for, at most: enough for a thousand patterns on a machine with 128 interfaces.
/// It bounds the time that a text can take.
const MAX_LOOKS: u32 = 1 << 18;

/// Names in a key of Linux 6.18, at most, but for a few. A longer one may have dots in its names that were taken for separators.
const MAX_ORDINARY_NAMES: usize = 5;

/// What is still to be looked for, and what was found.
#[derive(Debug)]
pub(crate) struct Looking {
    plan: Plan,
    prefixes: Bounded<Prefix, MAX_PREFIXES>,
    tree: Tree,
    /// The first is being looked for.
    ahead: VecDeque<Quest>,
    search: Option<Search>,
    /// The folder that was asked for, and what is known of it so far.
    asked: Option<(Directory, Vec<Name>)>,
    /// Whether the pattern that is being looked for has matched anything.
    matched: bool,
    looks: u32,
    lists: usize,
}

#[derive(Debug)]
enum Quest {
    /// The settings that match the pattern of this index.
    Pattern(usize),
    /// What this key may have meant.
    Hint(Key, Origin),
}

impl Looking {
    pub(crate) fn new(sorted: Sorted, rules: &Rules) -> Self {
        let plan = Plan::new(sorted);
        let patterns = (0..plan.patterns().len()).map(Quest::Pattern);
        // For LinuxKit, no key can be spelled that has a dot in a name.
        let hints = plan.written_by_name().filter(|(key, _)| {
            spelling::without_mount_point(key).is_some()
                || (rules.dialect == Dialect::SysctlD && key.names().count() > MAX_ORDINARY_NAMES)
        });
        let ahead = patterns.chain(hints.map(|(key, origin)| Quest::Hint(key.clone(), origin))).collect();
        let prefixes = rules.prefixes.clone();
        Self {
            plan,
            prefixes,
            tree: Tree::default(),
            ahead,
            search: None,
            asked: None,
            matched: false,
            looks: 0,
            lists: 0,
        }
    }

    /// Takes names of the folder that was asked for. Says whether these were all.
    pub(crate) fn told(&mut self, told: Vec<Name>, last: bool) -> bool {
        let Some((folder, mut names)) = self.asked.take() else { return false };
        let room = MAX_NAMES.saturating_sub(names.len());
        names.extend(told.into_iter().take(room));
        if last {
            self.tree.learn(folder, names);
        } else {
            self.asked = Some((folder, names));
        }
        last
    }

    /// Looks until a folder is needed that is not known, and says which; nothing when there is nothing left to look for.
    pub(crate) fn advance(&mut self, say: &mut impl FnMut(Finding)) -> Option<Directory> {
        loop {
            let mut search = match self.search.take() {
                Some(search) => search,
                None => self.begin()?,
            };
            let Some(folder) = search.wants() else {
                self.end(say);
                continue;
            };
            if self.looks >= MAX_LOOKS || self.lists >= MAX_LISTS {
                self.give_up(say);
                continue;
            }
            let Some(present) = self.tree.get(&folder) else {
                self.lists = self.lists.saturating_add(1);
                self.asked = Some((folder.clone(), Vec::new()));
                self.search = Some(search);
                return Some(folder);
            };
            self.looks = self.looks.saturating_add(1);
            let found = search.look(present, |folder| reach(&self.prefixes, folder));
            self.search = Some(search);
            if let Some(key) = found {
                self.found(key, say);
            }
        }
    }

    /// What is written, in order.
    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.plan.into_steps()
    }

    fn begin(&self) -> Option<Search> {
        match self.ahead.front()? {
            Quest::Pattern(index) => {
                let (pattern, _) = self.plan.patterns().get(*index)?;
                Some(Search::Matches(Matches::new(pattern, |folder| reach(&self.prefixes, folder))))
            }
            Quest::Hint(key, _) => {
                let meant = spelling::without_mount_point(key).unwrap_or_else(|| key.clone());
                Some(Search::Meant(Meant::new(meant)))
            }
        }
    }

    fn found(&mut self, key: Key, say: &mut impl FnMut(Finding)) {
        match self.ahead.front() {
            Some(Quest::Pattern(index)) => {
                self.matched = true;
                if self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| prefix.covers(&key)) {
                    self.plan.found(*index, key).into_iter().for_each(say);
                }
            }
            Some(Quest::Hint(written, _)) if *written == key => {}
            Some(Quest::Hint(_, origin)) => {
                say(Finding { origin: *origin, problem: Problem::did_you_mean(&key) });
            }
            None => {}
        }
    }

    /// The search is over.
    fn end(&mut self, say: &mut impl FnMut(Finding)) {
        let matched = core::mem::take(&mut self.matched);
        // With prefixes, most patterns match nothing of interest.
        if let Some(Quest::Pattern(index)) = self.ahead.pop_front()
            && !matched
            && self.prefixes.is_empty()
        {
            self.plan.without_match(index).into_iter().for_each(say);
        }
    }

    /// The text takes too long: what was not found so far is not written.
    fn give_up(&mut self, say: &mut impl FnMut(Finding)) {
        for quest in core::mem::take(&mut self.ahead) {
            if let Quest::Pattern(index) = quest
                && let Some((_, entry)) = self.plan.patterns().get(index)
            {
                say(Finding { origin: entry.origin, problem: Problem::TooMany });
            }
        }
    }
}

/// Whether there can be a setting in `folder` that a prefix covers.
fn reach(prefixes: &[Prefix], folder: &Directory) -> bool {
    prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.reaches(folder))
}
