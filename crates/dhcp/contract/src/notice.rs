use orlop_machine::Instant;
use orlop_wire::{Bounded, InterfaceName, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{HardwareAddr, IfIndex, Lease, ServerRule, UnicastAddr};

/// Everything a broker tells its worker. `LinkAdded` comes with the packet socket of the link, `Watch` with one for ARP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[expect(clippy::large_enum_variant, reason = "one exists at a time, on the stack of a loop")]
pub enum Notice {
    /// A link to look after. Its file descriptor arrives with this message.
    LinkAdded {
        /// By this number all messages name the link.
        link: IfIndex,
        /// `chaddr` of its messages.
        hardware: HardwareAddr,
        /// Whether a carrier is there.
        carrier: bool,
        /// How to speak on it.
        conduct: Conduct,
        /// A lease from before this process, for INIT-REBOOT.
        remembered: Option<Remembered>,
    },
    /// The link is gone, or no longer ours.
    LinkRemoved {
        /// The link that ends; what the worker knows of it is forgotten.
        link: IfIndex,
    },
    /// The carrier came or went.
    Carrier {
        /// The link whose carrier it is.
        link: IfIndex,
        /// Whether it is there now.
        up: bool,
    },
    /// The lease of the last `Configure` for this link is in force.
    Applied {
        /// On which link.
        link: IfIndex,
    },
    /// The lease of the last `Configure` for this link is not in force; what was there before still is.
    Refused {
        /// On which link.
        link: IfIndex,
        /// Who refused: the policy, the kernel, or another host.
        why: Refusal,
    },
    /// What the operator asked for.
    Command {
        /// On which link.
        link: IfIndex,
        /// What it shall do there.
        command: Command,
    },
    /// Find out whether another host has this address (RFC 5227): that of the lease in force, or of one that waits for the answer.
    /// The packet socket that arrives with this message hears what others on the link say of the address, and nothing else. It
    /// takes the place of the one before.
    Watch {
        /// On which link.
        link: IfIndex,
        /// Which address.
        addr: UnicastAddr,
    },
    /// Another host has the address of the lease in force: it is to be declined, and taken out of force.
    Lost {
        /// On which link.
        link: IfIndex,
        /// Which address.
        addr: UnicastAddr,
    },
}

/// How a worker runs the protocol on one link, as its operator decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Conduct {
    /// Our client identifier (option 61) with its type byte, to check the echo of RFC 6842. Empty when not sent.
    pub client_id: Bounded<u8, { Conduct::MAX_CLIENT_ID }>,
    /// Send option 80 and accept an immediate ACK (RFC 4039).
    pub rapid_commit: bool,
    /// Set the BROADCAST flag from the first message on. Otherwise only after two unanswered DISCOVERs.
    pub broadcast: bool,
    /// For an OFFER or ACK without option 51, in seconds.
    pub fallback_lease_secs: u32,
    /// Whose answers are taken.
    pub servers: ServerRule,
    /// What the link is called, when the log shall tell of every message that comes.
    pub told_as: Option<InterfaceName>,
}

impl Conduct {
    /// Longest client identifier: an RFC 4361 one with a DUID-UUID has 23 bytes, operators write up to this much.
    pub const MAX_CLIENT_ID: usize = 64;
}

/// A lease from an earlier process, as the hand-over file kept it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Remembered {
    /// The lease.
    pub lease: Lease,
    /// Whether its address is on the link right now, put there by that process.
    pub in_force: bool,
}

impl Remembered {
    /// Whether the lease still runs at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: Instant) -> bool {
        self.lease.term.expires_at().is_none_or(|end| now < end)
    }
}

/// Why the broker did not put a lease in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Refusal {
    /// The policy denies it.
    Policy,
    /// The kernel refused it.
    Kernel {
        /// The `errno` it gave.
        errno: i32,
    },
    /// Another host answered for the address (RFC 5227).
    Conflict {
        /// Which address.
        addr: UnicastAddr,
    },
    /// The policy denies it for now: it comes from a new server that was not asked by its name.
    NewServer,
}

/// What an operator can ask on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Command {
    /// Extend the lease now, or look for one.
    Renew,
    /// Give the lease back and stay without one until `Renew`.
    Release,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrefixLen, Term};

    #[test]
    fn a_remembered_lease_is_valid_until_it_ends() {
        let at = Instant::from_nanos;
        let until_five = Term::Finite { acquired: at(1), renew_at: at(2), rebind_at: at(3), expires_at: at(5) };
        for (what, term, now, want) in [
            ("before its end", until_five, 4, true),
            ("at its end", until_five, 5, false),
            ("after its end", until_five, 6, false),
            ("it has none", Term::Infinite { acquired: at(1) }, u64::MAX, true),
        ] {
            let addr = UnicastAddr::new([192, 0, 2, 9].into()).unwrap();
            let lease = Lease::bare(addr, PrefixLen::HOST, addr, term);
            assert_eq!(Remembered { lease, in_force: false }.is_valid_at(at(now)), want, "{what}");
        }
    }
}
