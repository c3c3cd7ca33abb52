//! What all lines say together: the last one counts.

use std::collections::BTreeMap;

use orlop_sysctl_contract::{Key, MAX_STEPS, MAX_TEXT, Origin, Problem, Want};

use crate::line::Target;

/// What was said about keys and patterns so far.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    keys: BTreeMap<Key, Entry>,
    patterns: BTreeMap<Key, Entry>,
    /// Position of the next entry.
    next: u32,
    /// Bytes of all values.
    bytes: usize,
}

/// What the last line about a key or a pattern says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where in the order of things: a line that says something new comes at its own place, one that repeats what was said
    /// already leaves it where it is.
    pub(crate) position: u32,
    pub(crate) origin: Origin,
    pub(crate) replaces: Option<Origin>,
    pub(crate) said: Wish,
}

/// What is wished for a key, or for all that match a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Write this.
    Set { want: Want, lenient: bool },
    /// No pattern shall touch it.
    Leave,
}

/// Everything that was said, in the form in which it is carried out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sorted {
    pub(crate) keys: BTreeMap<Key, Entry>,
    /// Patterns with a value, in order.
    pub(crate) patterns: Vec<(Key, Entry)>,
    /// Patterns that no other pattern reaches into.
    pub(crate) exclusions: Vec<Key>,
    /// Bytes of all values.
    pub(crate) bytes: usize,
}

impl Settings {
    /// Takes what a line says.
    ///
    /// # Errors
    /// Why the line has no effect. [`Problem::TooMany`]: there is no room for it. [`Problem::SetByName`]: it excludes a key
    /// that has a line of its own, which patterns do not reach anyway.
    pub(crate) fn say(&mut self, target: Target, said: Wish, origin: Origin) -> Result<(), Problem> {
        if let (Target::Key(key), Wish::Leave) = (&target, &said)
            && let Some(Entry { origin, said: Wish::Set { .. }, .. }) = self.keys.get(key)
        {
            return Err(Problem::SetByName(*origin));
        }
        let total = self.keys.len().saturating_add(self.patterns.len());
        let (map, key) = match target {
            Target::Key(key) => (&mut self.keys, key),
            Target::Pattern(pattern) => (&mut self.patterns, pattern),
        };
        let earlier = map.get_mut(&key);
        let freed = earlier.as_ref().map_or(0, |earlier| earlier.said.bytes());
        let bytes = self.bytes.saturating_sub(freed).saturating_add(said.bytes());
        if (earlier.is_none() && total >= MAX_STEPS) || bytes > MAX_TEXT {
            return Err(Problem::TooMany);
        }
        if let Some(earlier) = earlier
            && earlier.said.is_repeated_by(&said)
        {
            return Ok(());
        }
        let replaces = map.get(&key).map(|earlier| earlier.origin);
        map.insert(key, Entry { position: self.next, origin, replaces, said });
        self.next = self.next.saturating_add(1);
        self.bytes = bytes;
        Ok(())
    }

    /// All of it.
    pub(crate) fn sorted(self) -> Sorted {
        let (set, left): (Vec<_>, Vec<_>) = self.patterns.into_iter().partition(|(_, entry)| entry.said != Wish::Leave);
        let mut patterns = set;
        patterns.sort_by_key(|(_, entry)| entry.position);
        let exclusions = left.into_iter().map(|(pattern, _)| pattern).collect();
        Sorted { keys: self.keys, patterns, exclusions, bytes: self.bytes }
    }
}

impl Wish {
    /// Bytes that its value takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Set { want: Want::Exactly(value), lenient: _ } => value.as_str().len(),
            Self::Set { want: Want::AtLeast(_), lenient: _ } | Self::Leave => 0,
        }
    }

    /// Whether `again` wishes the same. Then this becomes lenient, when one of the two is.
    fn is_repeated_by(&mut self, again: &Self) -> bool {
        match (self, again) {
            (Self::Set { want, lenient }, Self::Set { want: wanted, lenient: leniently }) if want == wanted => {
                *lenient |= leniently;
                true
            }
            (Self::Leave, Self::Leave) => true,
            (Self::Set { .. } | Self::Leave, Self::Set { .. } | Self::Leave) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use orlop_sysctl_contract::{MAX_VALUE, Value};

    use super::*;

    const fn at(line: u32) -> Origin {
        Origin { source: 0, line }
    }

    fn set(value: &str, lenient: bool) -> Wish {
        Wish::Set { want: Want::Exactly(Value::new(value).unwrap()), lenient }
    }

    fn key(path: &str) -> Target {
        Target::Key(Key::new(path).unwrap())
    }

    /// Key, position, line, line that it replaces.
    fn told(said: Vec<(&str, Wish)>) -> Vec<(String, u32, u32, Option<u32>, Wish)> {
        let mut settings = Settings::default();
        for (line, (path, wish)) in (1..).zip(said) {
            settings.say(key(path), wish, at(line)).unwrap();
        }
        let mut keys: Vec<_> = settings.sorted().keys.into_iter().collect();
        keys.sort_by_key(|(_, entry)| entry.position);
        let told = keys.into_iter().map(|(key, Entry { position, origin, replaces, said })| {
            (key.path().to_owned(), position, origin.line, replaces.map(|origin| origin.line), said)
        });
        told.collect()
    }

    #[test]
    fn the_last_line_counts_and_comes_at_its_place() {
        let got = told(vec![("a", set("1", false)), ("b", set("1", false)), ("a", set("2", false))]);
        let want = [("b".to_owned(), 1, 2, None, set("1", false)), ("a".to_owned(), 2, 3, Some(1), set("2", false))];
        assert_eq!(got, want);
    }

    #[test]
    fn a_line_that_repeats_another_leaves_it_at_its_place() {
        let got = told(vec![("a", set("1", false)), ("b", set("1", false)), ("a", set("1", true))]);
        let want = [("a".to_owned(), 0, 1, None, set("1", true)), ("b".to_owned(), 1, 2, None, set("1", false))];
        assert_eq!(got, want, "and it is lenient, when one of them is");
    }

    #[test]
    fn a_value_replaces_an_exclusion_and_never_the_other_way_round() {
        let got = told(vec![("b", Wish::Leave), ("b", set("1", false))]);
        assert_eq!(got, [("b".to_owned(), 1, 2, Some(1), set("1", false))]);
        let mut settings = Settings::default();
        settings.say(key("a"), set("1", false), at(1)).unwrap();
        settings.say(key("a"), set("2", false), at(2)).unwrap();
        let excluded = settings.say(key("a"), Wish::Leave, at(3));
        assert_eq!(excluded, Err(Problem::SetByName(at(2))), "the line that counts");
        let entry = &settings.sorted().keys[&Key::new("a").unwrap()];
        assert_eq!((entry.origin, &entry.said), (at(2), &set("2", false)));
    }

    #[test]
    fn settings_and_their_bytes_are_bounded() {
        let mut settings = Settings::default();
        for number in 0..MAX_STEPS {
            settings.say(key(&format!("k/{number}")), set("1", false), at(1)).unwrap();
        }
        assert_eq!(settings.say(key("one/more"), set("1", false), at(1)), Err(Problem::TooMany));
        assert_eq!(settings.say(key("k/7"), set("2", false), at(1)), Ok(()), "what replaces another has its room");

        let (mut settings, longest) = (Settings::default(), "x".repeat(MAX_VALUE));
        for number in 0..MAX_TEXT / MAX_VALUE {
            settings.say(key(&format!("k/{number}")), set(&longest, false), at(1)).unwrap();
        }
        assert_eq!(settings.say(key("one/more"), set("1", false), at(1)), Err(Problem::TooMany));
        assert_eq!(settings.say(key("k/7"), set("2", false), at(1)), Ok(()));
        assert_eq!(settings.say(key("one/more"), set("1", false), at(1)), Ok(()), "what is replaced takes no room");
    }
}
