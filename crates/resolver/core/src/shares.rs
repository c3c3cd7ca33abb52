//! Who may have how many questions under way: room is shared out by the ports of the clients, so that one of them cannot take all.

use std::collections::BTreeMap;

/// Clients that wait at the same time, at most.
pub(crate) const MAX_WAITING: u32 = 1024;

/// Room for those who wait.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    ports: BTreeMap<u16, u32>,
    total: u32,
}

impl Shares {
    /// Takes room for one more of this port, or says that there is none. Half of all room is anybody's. Of the rest nobody has more
    /// than an equal part, with one part for somebody who comes next.
    #[must_use]
    pub(crate) fn take(&mut self, port: u16) -> bool {
        let has = self.of(port);
        let parts = u32::try_from(self.ports.len()).unwrap_or(u32::MAX).saturating_add(1);
        let part = MAX_WAITING.checked_div(parts).unwrap_or(0);
        if self.total >= MAX_WAITING || self.total >= MAX_WAITING / 2 && has >= part {
            return false;
        }
        self.ports.insert(port, has.saturating_add(1));
        self.total = self.total.saturating_add(1);
        true
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self, port: u16) {
        match self.of(port) {
            0 => return,
            1 => drop(self.ports.remove(&port)),
            has => drop(self.ports.insert(port, has.saturating_sub(1))),
        }
        self.total = self.total.saturating_sub(1);
    }

    /// How many a port has.
    pub(crate) fn of(&self, port: u16) -> u32 {
        self.ports.get(&port).copied().unwrap_or(0)
    }

    pub(crate) const fn total(&self) -> u32 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(shares: &mut Shares, port: u16) -> u32 {
        (0..).take_while(|_| shares.take(port)).count().try_into().unwrap()
    }

    #[test]
    fn one_alone_has_half_and_leaves_room_for_others() {
        let mut shares = Shares::default();
        assert_eq!(take_all(&mut shares, 1), 512);
        assert_eq!(take_all(&mut shares, 2), 341, "a part of the rest");
        assert!(shares.take(3), "and somebody else still has room");
    }

    #[test]
    fn half_of_all_room_is_anybody_s() {
        let mut shares = Shares::default();
        assert!(shares.take(1) && shares.take(2) && shares.take(3));
        assert_eq!(take_all(&mut shares, 1), 509, "more than a part, for there is room");
        assert_eq!(take_all(&mut shares, 2), 255, "a quarter in all: somebody may come next");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut shares = Shares::default();
        take_all(&mut shares, 1);
        shares.give_back(1);
        shares.give_back(2);
        assert_eq!((shares.of(1), shares.of(2), shares.total()), (511, 0, 511));
        assert!(shares.take(1));
        assert!(!shares.take(1));
    }
}
