//! From the name that was asked for, over its aliases, to the records (RFC 1034 section 3.6.2).

use crate::name::Name;
use crate::record::{Record, kind};

/// Aliases in one answer that are looked at. RFC 1034 wants loops noticed and gives no number; unbound follows 11.
pub(crate) const MAX_ALIASES: usize = 16;

/// Where an answer section leads.
#[derive(Debug)]
pub(crate) struct Chain<'m> {
    /// The owners of the aliases that lead on, in order.
    owners: Vec<Name<'m>>,
    /// The name at the end, if it is not the one that was asked for.
    pub(crate) target: Option<Name<'m>>,
    /// The name at the end has a record of the type that was asked for.
    pub(crate) has_data: bool,
    /// There are records, and none is of the name and the type that were asked for, nor an alias.
    pub(crate) is_beside: bool,
    /// Each alias is before the records that it leads to.
    pub(crate) in_order: bool,
}

impl<'m> Chain<'m> {
    /// Follows the aliases in `answers`. `None` when they are too many, or lead in a circle.
    pub(crate) fn follow(asked: Name<'m>, kind: u16, answers: &[Record<'m>]) -> Option<Self> {
        let aliases: Vec<&Record<'m>> = answers
            .iter()
            .filter(|record| record.kind == kind::CNAME && kind != kind::CNAME)
            .take(MAX_ALIASES.saturating_add(1))
            .collect();
        if aliases.len() > MAX_ALIASES {
            return None;
        }
        let (mut owners, mut end) = (Vec::new(), asked);
        while let Some(alias) = aliases.iter().find(|alias| alias.owner == end) {
            owners.push(alias.owner);
            end = alias.target()?;
            if owners.len() > aliases.len() {
                return None;
            }
        }
        let has_data = answers.iter().any(|record| record.kind == kind && record.owner == end);
        let in_order = are_in_order(&owners, end, kind, answers);
        let is_beside = owners.is_empty() && !has_data && answers.iter().any(|record| !is_around(record.kind));
        Some(Self { target: (!owners.is_empty()).then_some(end), owners, has_data, is_beside, in_order })
    }

    /// Puts the aliases first, in the order in which they lead on; the rest keeps its order.
    pub(crate) fn put_in_order(&self, answers: &mut [Record<'_>]) {
        answers.sort_by_key(|record| match record.kind {
            kind::DNAME => 0,
            kind::CNAME => self.owners.iter().position(|owner| *owner == record.owner).unwrap_or(usize::MAX),
            _ => usize::MAX,
        });
    }
}

/// Whether each alias is before those that it leads to, and before the records of the name at the end.
fn are_in_order(owners: &[Name<'_>], end: Name<'_>, kind: u16, answers: &[Record<'_>]) -> bool {
    if owners.is_empty() {
        return true;
    }
    let places = answers.iter().filter_map(|record| match record.kind {
        kind::CNAME => owners.iter().position(|owner| *owner == record.owner),
        its_kind if its_kind == kind && record.owner == end => Some(owners.len()),
        _ => None,
    });
    places.is_sorted()
}

/// Comes along with an answer and is none by itself.
const fn is_around(kind: u16) -> bool {
    matches!(kind, kind::CNAME | kind::DNAME | kind::RRSIG)
}

#[cfg(test)]
mod tests;
