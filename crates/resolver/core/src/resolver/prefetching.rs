//! Answers that are asked for in the last part of their lives are renewed then: whoever asks next need not wait.

use orlop_machine::Instant;

use super::{MAX_FLIGHTS, Resolver};
use crate::header::Code;
use crate::local::Local;
use crate::query::Key;
use crate::stored::Stored;

/// What lives for less is over before it could be renewed to some use.
const LEAST_LIFE: u32 = 10;

/// Of the questions that may be under way, a part is left to those for whose answers somebody waits.
const MAX_AHEAD: usize = MAX_FLIGHTS / 4;

/// Whether an answer that came so many seconds ago is in the last tenth of its life, and worth to be renewed.
pub(super) fn is_ending(stored: &Stored, age: u32) -> bool {
    let life = stored.lifetime();
    let is_good = matches!(stored.code(), Code::NOERROR | Code::NXDOMAIN);
    is_good && life >= LEAST_LIFE && u64::from(age).saturating_mul(10) >= u64::from(life).saturating_mul(9)
}

impl Resolver {
    /// Asks for this soon, unless it is asked already, or was in vain a moment ago.
    #[cold]
    pub(super) fn prefetch(&mut self, now: Instant, key: Key) {
        let is_needless = self.by_key.contains_key(key.bytes()) || self.cache.is_held(now, &key);
        if is_needless || self.flights.len() >= MAX_AHEAD {
            return;
        }
        let Local::Ask(scope) = self.names.look(&key, &key.question(), &self.servers) else { return };
        self.served.prefetched = self.served.prefetched.saturating_add(1);
        let (id, mut flight) = self.new_flight(now, key, scope);
        // The clock brings it on its way, once whoever has asked has the answer.
        flight.next_at = Some(now);
        self.put_back(id, flight);
    }
}
