use orlop_machine::{Bucket, Instant};

use crate::{Denied, Policy, UnicastAddr};

/// The servers that leases of one link may come from. Renewals are sent to them, so each is a host that a worker has us send
/// packets to: new ones are let in slowly.
#[derive(Debug)]
pub(super) struct Servers {
    /// The latest that leases came from, newest first. None of them is new.
    known: Vec<UnicastAddr>,
    asked: Bucket,
    unasked: Bucket,
}

impl Servers {
    /// As they are when an earlier process left a lease of `known` behind.
    pub(super) fn new(now: Instant, known: Option<UnicastAddr>) -> Self {
        Self {
            known: known.into_iter().collect(),
            asked: Bucket::new(now, Policy::NEW_SERVER_BURST, Policy::NEW_SERVER_EVERY),
            unasked: Bucket::new(now, Policy::UNASKED_SERVER_BURST, Policy::UNASKED_SERVER_EVERY),
        }
    }

    /// A lease from `server`, after a request that asked `asked` alone, or any server.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        server: UnicastAddr,
        asked: Option<UnicastAddr>,
    ) -> Result<(), Denied> {
        if !self.known.contains(&server) {
            let bucket = if asked == Some(server) { &mut self.asked } else { &mut self.unasked };
            if !bucket.take(now) {
                return Err(Denied::NewServer);
            }
        }
        self.known.retain(|known| *known != server);
        self.known.insert(0, server);
        self.known.truncate(Policy::KNOWN_SERVERS);
        Ok(())
    }
}
