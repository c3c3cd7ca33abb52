//! A broker that only pretends: it has texts, and folders with names in them.

use std::collections::{BTreeMap, BTreeSet};

use orlop_sysctl_contract::{Directory, NAMES_AT_ONCE, Name, Notice, Request, Rules, TEXT_AT_ONCE};
use orlop_sysctl_core::Reader;

/// The settings of a machine.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tree(BTreeMap<String, BTreeSet<String>>);

impl Tree {
    /// With the settings of these paths.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut tree = Self::default();
        for path in paths {
            let mut folder = String::new();
            for name in path.split('/') {
                tree.0.entry(folder.clone()).or_default().insert(name.to_owned());
                folder = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            }
        }
        tree
    }

    /// Whether there is a setting of this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.0.get(folder).is_some_and(|names| names.contains(name)) && !self.0.contains_key(path)
    }

    fn notices(&self, folder: &Directory) -> Vec<Notice> {
        let names: Vec<_> =
            self.0.get(folder.path()).into_iter().flatten().map(|name| Name::new(name).unwrap()).collect();
        let mut pieces: Vec<_> = names.chunks(NAMES_AT_ONCE).map(<[Name]>::to_vec).collect();
        if pieces.is_empty() {
            pieces.push(Vec::new());
        }
        let last = pieces.len() - 1;
        let notice =
            |(at, names): (usize, Vec<Name>)| Notice::Names { names: names.into_iter().collect(), last: at == last };
        pieces.into_iter().enumerate().map(notice).collect()
    }
}

/// All that a reader says to these texts, each in its pieces.
pub(crate) fn play(tree: &Tree, rules: &Rules, texts: &[Vec<&[u8]>]) -> Vec<Request> {
    play_with(&mut Reader::default(), tree, rules, texts)
}

/// As [`play`], with a reader that may be asked for more.
pub(crate) fn play_with(reader: &mut Reader, tree: &Tree, rules: &Rules, texts: &[Vec<&[u8]>]) -> Vec<Request> {
    let mut said = reader.handle(Notice::Rules(rules.clone()));
    for (source, pieces) in (0..).zip(texts) {
        // No piece is larger than a notice; a source has one piece at least.
        let mut pieces: Vec<_> = pieces.iter().flat_map(|piece| piece.chunks(TEXT_AT_ONCE)).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let last = pieces.len() - 1;
        for (at, piece) in pieces.into_iter().enumerate() {
            let bytes = piece.iter().copied().collect();
            said.extend(reader.handle(Notice::Text { source, bytes, last: at == last }));
        }
    }
    said.extend(answered(reader, tree, Notice::EndOfTexts));
    assert!(reader.handle(Notice::EndOfTexts).is_empty(), "nothing comes after the end");
    said
}

/// All that a reader says to this notice, whose questions about folders are answered.
pub(crate) fn answered(reader: &mut Reader, tree: &Tree, notice: Notice) -> Vec<Request> {
    let mut said = reader.handle(notice);
    let mut asked = 0;
    while let Some(Request::List(folder)) = said.last() {
        asked += 1;
        assert!(asked <= 1 << 20, "it asks without end");
        let notices = tree.notices(&folder.clone());
        let last = notices.len() - 1;
        for (at, notice) in notices.into_iter().enumerate() {
            let more = reader.handle(notice);
            assert!(at == last || more.is_empty(), "it spoke before the answer was complete: {more:?}");
            said.extend(more);
        }
    }
    assert!(matches!(said.last(), Some(Request::Done { .. })), "it stopped at {:?}", said.last());
    said
}
