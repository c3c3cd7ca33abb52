//! The links that are ours, and what changed about them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use orlop_dhcp_contract::{HardwareAddr, IfIndex, MAX_LINKS};
use orlop_wire::InterfaceName;

use super::link::{Link, Seen};
use crate::selection::Selection;

/// What happened to a link of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is there, or it has become ours.
    Added(Link),
    /// It is gone, or no longer ours. A link that changes its hardware address is removed and added.
    Removed(IfIndex),
    /// The carrier came or went; setting the link down takes it too.
    Carrier {
        /// The link whose carrier it is.
        index: IfIndex,
        /// Whether it is there now.
        up: bool,
    },
    /// It has another name, and is still ours.
    Renamed {
        /// Which link.
        index: IfIndex,
        /// Its name now.
        name: InterfaceName,
    },
    /// Its MTU changed.
    Mtu {
        /// Which link.
        index: IfIndex,
        /// In bytes.
        mtu: u32,
    },
    /// Every link that was there at the start has been told, or, after a loss of changes, every difference.
    Listed,
    /// There are more links than [`MAX_LINKS`]; this one is left alone.
    TooMany(InterfaceName),
}

/// The links that are ours.
#[derive(Debug)]
pub struct Table {
    selection: Selection,
    links: BTreeMap<IfIndex, Link>,
    /// Hardware addresses of all links of this host, ours or not.
    hardware: BTreeMap<IfIndex, HardwareAddr>,
    /// While the whole list is read: what it has shown so far.
    listed: BTreeSet<IfIndex>,
    /// Links were left alone for want of room, and there is room now.
    crowded: bool,
    room_again: bool,
}

impl Table {
    /// An empty table that takes what `selection` wants.
    #[must_use]
    pub fn new(selection: Selection) -> Self {
        Self {
            selection,
            links: BTreeMap::new(),
            hardware: BTreeMap::new(),
            listed: BTreeSet::new(),
            crowded: false,
            room_again: false,
        }
    }

    /// The links that are ours.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The hardware addresses of this host, each once; those of the links that are ours come first.
    #[must_use]
    pub fn hardware(&self) -> Vec<HardwareAddr> {
        let mut all: Vec<HardwareAddr> = Vec::new();
        for one in self.links.values().map(|link| link.hardware).chain(self.hardware.values().copied()) {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    /// Another selection. Links that it newly wants come with the next list.
    pub fn select(&mut self, selection: Selection) -> Vec<LinkEvent> {
        self.selection = selection;
        let unwanted: Vec<IfIndex> =
            self.links.values().filter(|link| !self.selection.wants(&link.name)).map(|link| link.index).collect();
        unwanted.into_iter().flat_map(|index| self.remove(index)).collect()
    }

    /// The whole list is about to come.
    pub(super) fn begin_list(&mut self) {
        self.listed.clear();
        self.room_again = false;
    }

    /// The whole list has come: what it did not show is gone.
    pub(super) fn end_list(&mut self) -> Vec<LinkEvent> {
        self.hardware.retain(|index, _| self.listed.contains(index));
        let missing: Vec<IfIndex> = self.links.keys().filter(|index| !self.listed.contains(index)).copied().collect();
        let mut events: Vec<LinkEvent> = missing.into_iter().flat_map(|index| self.remove(index)).collect();
        events.push(LinkEvent::Listed);
        events
    }

    /// Whether a list would now show links that there was no room for.
    pub(super) const fn has_room_again(&self) -> bool {
        self.room_again
    }

    /// The kernel told of a link, new or changed.
    pub(super) fn saw(&mut self, seen: Seen) -> Vec<LinkEvent> {
        self.listed.insert(seen.index);
        match seen.hardware {
            Some(hardware) => self.hardware.insert(seen.index, hardware),
            None => self.hardware.remove(&seen.index),
        };
        let wanted = seen.usable.filter(|link| self.selection.wants(&link.name));
        match (self.links.get(&seen.index), wanted) {
            (None, None) => Vec::new(),
            (None, Some(link)) => self.add(link),
            (Some(_), None) => self.remove(seen.index),
            (Some(old), Some(link)) if old.hardware != link.hardware => {
                let mut events = self.remove(seen.index);
                events.extend(self.add(link));
                events
            }
            (Some(old), Some(link)) => {
                let events = differences(old, &link);
                self.links.insert(link.index, link);
                events
            }
        }
    }

    /// The kernel told that a link is gone.
    pub(super) fn gone(&mut self, seen: Seen) -> Vec<LinkEvent> {
        self.listed.remove(&seen.index);
        self.hardware.remove(&seen.index);
        self.remove(seen.index)
    }

    fn add(&mut self, link: Link) -> Vec<LinkEvent> {
        if self.links.len() >= MAX_LINKS {
            self.crowded = true;
            return vec![LinkEvent::TooMany(link.name)];
        }
        self.links.insert(link.index, link.clone());
        vec![LinkEvent::Added(link)]
    }

    fn remove(&mut self, index: IfIndex) -> Vec<LinkEvent> {
        if self.links.remove(&index).is_none() {
            return Vec::new();
        }
        self.room_again |= core::mem::take(&mut self.crowded);
        vec![LinkEvent::Removed(index)]
    }
}

fn differences(old: &Link, new: &Link) -> Vec<LinkEvent> {
    // `up` shows in the carrier; nobody asks for it alone.
    let Link { index, name, hardware: _, mtu, up: _, carrier } = new;
    let mut events = Vec::new();
    if old.name != *name {
        events.push(LinkEvent::Renamed { index: *index, name: name.clone() });
    }
    if old.mtu != *mtu {
        events.push(LinkEvent::Mtu { index: *index, mtu: *mtu });
    }
    if old.carrier != *carrier {
        events.push(LinkEvent::Carrier { index: *index, up: *carrier });
    }
    events
}

#[cfg(test)]
mod tests;
