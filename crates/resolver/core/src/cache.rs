//! What upstreams have answered, until it has lived its time, and longer for when nobody answers.
//!
//! Bounded in bytes, with what is needed to find an answer counted. What has not been asked for since the hand came by last goes
//! first (second chance): a hit sets one bit.

use core::hash::{BuildHasherDefault, Hasher};
use core::time::Duration;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;

use orlop_machine::{Chance, Instant};
use orlop_resolver_contract::{CacheStatus, Conduct, Kept};

use crate::header::Code;
use crate::query::Key;
use crate::stored::Stored;

/// For how long nobody is asked again after an answer was given out that is too old (RFC 8767 section 5: 30 s).
pub const RECHECK: Duration = Duration::from_secs(30);

/// Answers by what was asked.
#[derive(Debug)]
pub struct Cache {
    /// From the hash of a key to its slot. Two keys with one hash, which nobody can find on purpose, share a slot: the older one
    /// is forgotten.
    index: HashMap<u64, u32, BuildHasherDefault<AlreadyHashed>>,
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    hand: usize,
    bytes: usize,
    limit: usize,
    evicted: u64,
    stale_for: Duration,
    /// Has taken in a secret.
    hasher: DefaultHasher,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    came: Instant,
    /// Until then it is given out although it is too old, and nobody is asked.
    held_until: Instant,
    stored: Stored,
    /// The last byte of its key; the others are in the message.
    wishes: u8,
    was_used: bool,
}

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'c> {
    /// An answer, and seconds since it came.
    Fresh(&'c Stored, u32),
    /// One that has lived its time. Whether somebody should be asked first: not when this was in vain a moment ago.
    Stale(&'c Stored, AskFirst),
    /// None.
    Nothing,
}

/// In which part of its life an answer is.
enum State {
    /// Since it came so much time has passed.
    Fresh(Duration),
    Stale,
    /// It is of no use any more.
    Over,
}

/// Whether somebody should be asked before a stale answer is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskFirst {
    /// An upstream may know better.
    Yes,
    /// It was in vain a moment ago.
    No,
}

impl Cache {
    /// An empty one.
    #[must_use]
    pub fn new(conduct: &Conduct, chance: &mut Chance) -> Self {
        let mut hasher = DefaultHasher::new();
        for _ in 0..8 {
            hasher.write_u32(chance.number());
        }
        Self {
            index: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            limit: usize::try_from(conduct.cache.bytes()).unwrap_or(usize::MAX),
            evicted: 0,
            stale_for: conduct.stale_for,
            hasher,
        }
    }

    /// Looks for the answer to this.
    pub fn find(&mut self, now: Instant, key: &Key) -> Found<'_> {
        let hash = self.hash(key);
        let Some(entry) = self.index.get(&hash).and_then(|slot| slot_mut(&mut self.slots, *slot)) else {
            return Found::Nothing;
        };
        if !entry.is_of(key) {
            return Found::Nothing;
        }
        match entry.state(now, self.stale_for) {
            State::Fresh(age) => {
                entry.was_used = true;
                Found::Fresh(&entry.stored, seconds(age))
            }
            State::Stale => {
                entry.was_used = true;
                Found::Stale(&entry.stored, if now < entry.held_until { AskFirst::No } else { AskFirst::Yes })
            }
            State::Over => Found::Nothing,
        }
    }

    /// What there is of the answer to this, for somebody who does not use it.
    #[must_use]
    pub fn look(&self, now: Instant, key: &Key) -> Kept {
        self.entry(key).map_or(Kept::Nothing, |entry| match entry.state(now, self.stale_for) {
            State::Fresh(age) => Kept::Fresh(seconds(entry.life().saturating_sub(age))),
            State::Stale => Kept::Stale(seconds(now.since(entry.came).saturating_sub(entry.life()))),
            State::Over => Kept::Nothing,
        })
    }

    /// Keeps an answer, in the place of an older one. One without a lifetime is not kept.
    pub fn insert(&mut self, now: Instant, key: &Key, stored: Stored) {
        let hash = self.hash(key);
        self.remove(hash);
        let Some(size) = Some(cost(&stored)).filter(|size| *size <= self.limit && stored.lifetime() > 0) else {
            return;
        };
        while self.bytes.saturating_add(size) > self.limit {
            self.evict(now);
        }
        let wishes = key.bytes().last().copied().unwrap_or_default();
        let entry = Entry { hash, came: now, held_until: now, stored, wishes, was_used: false };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        if let Some(place) = usize::try_from(slot).ok().and_then(|slot| self.slots.get_mut(slot)) {
            *place = Some(entry);
            self.index.insert(hash, slot);
            self.bytes = self.bytes.saturating_add(size);
        }
    }

    /// To ask was in vain: what is stale is given out without asking for a while.
    pub fn hold(&mut self, now: Instant, key: &Key) {
        let hash = self.hash(key);
        if let Some(entry) = self.index.get(&hash).and_then(|slot| slot_mut(&mut self.slots, *slot)) {
            entry.held_until = now.after(RECHECK);
        }
    }

    /// Whether to ask was in vain a moment ago.
    pub(crate) fn is_held(&self, now: Instant, key: &Key) -> bool {
        self.entry(key).is_some_and(|entry| now < entry.held_until)
    }

    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.index.clear();
        self.slots.clear();
        self.free.clear();
        (self.hand, self.bytes) = (0, 0);
    }

    /// Forgets what is kept of these names, which are on the wire in lower case, whatever its type.
    pub fn flush(&mut self, is_flushed: impl Fn(&[u8]) -> bool) {
        let flushed = self.slots.iter().flatten().filter(|entry| is_flushed(entry.stored.name()));
        let hashes: Vec<u64> = flushed.map(|entry| entry.hash).collect();
        hashes.into_iter().for_each(|hash| self.remove(hash));
    }

    /// How full it is.
    #[must_use]
    pub fn status(&self) -> CacheStatus {
        CacheStatus {
            entries: u32::try_from(self.index.len()).unwrap_or(u32::MAX),
            bytes: u32::try_from(self.bytes).unwrap_or(u32::MAX),
            evicted: self.evicted,
        }
    }

    fn entry(&self, key: &Key) -> Option<&Entry> {
        let slot = usize::try_from(*self.index.get(&self.hash(key))?).ok()?;
        self.slots.get(slot)?.as_ref().filter(|entry| entry.is_of(key))
    }

    fn hash(&self, key: &Key) -> u64 {
        let mut hasher = self.hasher.clone();
        hasher.write(key.bytes());
        hasher.finish()
    }

    /// Moves the hand until one had to go.
    fn evict(&mut self, now: Instant) {
        loop {
            let hand = self.hand;
            self.hand = hand.saturating_add(1);
            let Some(slot) = self.slots.get_mut(hand) else {
                self.hand = 0;
                continue;
            };
            let Some(entry) = slot else { continue };
            let is_over = now.since(entry.came) >= entry.life().saturating_add(self.stale_for);
            if !core::mem::take(&mut entry.was_used) || is_over {
                let hash = entry.hash;
                self.remove(hash);
                self.evicted = self.evicted.saturating_add(1);
                return;
            }
        }
    }

    fn remove(&mut self, hash: u64) {
        let Some(slot) = self.index.remove(&hash) else { return };
        let entry = usize::try_from(slot).ok().and_then(|at| self.slots.get_mut(at)).and_then(Option::take);
        if let Some(entry) = entry {
            self.bytes = self.bytes.saturating_sub(cost(&entry.stored));
            self.free.push(slot);
        }
    }
}

impl Entry {
    fn is_of(&self, key: &Key) -> bool {
        let Some((wishes, question)) = key.bytes().split_last() else { return false };
        self.wishes == *wishes && self.stored.question(question.len()) == question
    }

    fn life(&self) -> Duration {
        Duration::from_secs(u64::from(self.stored.lifetime()))
    }

    fn state(&self, now: Instant, stale_for: Duration) -> State {
        let age = now.since(self.came);
        if age < self.life() {
            State::Fresh(age)
        } else if self.is_good_when_stale() && age < self.life().saturating_add(stale_for) {
            State::Stale
        } else {
            State::Over
        }
    }

    /// A failure is over when it is over.
    fn is_good_when_stale(&self) -> bool {
        matches!(self.stored.code(), Code::NOERROR | Code::NXDOMAIN)
    }
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

/// What an answer takes: its bytes, as an allocator rounds them up, its slot, and its part of the index, of which up to half is empty.
fn cost(stored: &Stored) -> usize {
    const SLOT: usize = size_of::<Option<Entry>>();
    const INDEX: usize = 2 * size_of::<(u64, u32)>();
    const ALLOCATION: usize = 16;
    let bytes = stored.size().checked_next_multiple_of(ALLOCATION).unwrap_or(usize::MAX);
    bytes.saturating_add(SLOT + INDEX + ALLOCATION)
}

fn slot_mut(slots: &mut [Option<Entry>], slot: u32) -> Option<&mut Entry> {
    slots.get_mut(usize::try_from(slot).ok()?)?.as_mut()
}

/// What the index is searched by is a hash.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
