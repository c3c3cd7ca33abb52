use orlop_machine::Instant;
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{Arp, Finding, IfIndex, Lease, Progress, UnicastAddr};

/// Everything a worker can ask for. Each variant is one effect of the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Request {
    /// Send one DHCP message.
    Transmit(Transmission),
    /// Put this lease in force on the link: address, routes, MTU, names. Answered by `Applied` or `Refused`.
    Configure {
        /// The link that the address is for.
        link: IfIndex,
        /// Address, times and options, as the server granted them.
        lease: Lease,
    },
    /// Take the lease of this link out of force.
    Deconfigure {
        /// The link that has it.
        link: IfIndex,
        /// Why, for the log and the status.
        why: Withdrawal,
    },
    /// How the exchange stands, for the status and for the verdict of one-shot mode. Changes nothing.
    Report {
        /// The link whose exchange it is.
        link: IfIndex,
        /// What the machine is doing, and what it has dropped so far.
        progress: Progress,
    },
    /// Send one ARP packet about the address that `Watch` is about.
    Arp {
        /// Out of which interface.
        link: IfIndex,
        /// Which packet.
        packet: Arp,
    },
    /// What probing for the address that `Watch` is about has found. `Free` puts a lease in force that waits for it, and is
    /// answered as its `Configure`. `Taken` is answered by `Refused` where a lease waits, else by `Lost`.
    Probed {
        /// The link that the address is for.
        link: IfIndex,
        /// What was found.
        finding: Finding,
    },
}

/// One message to send, by its fields. The broker adds what it knows better: hardware address, client identifier,
/// host name, parameter request list, maximum size, and the frame around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Transmission {
    /// Out of which interface.
    pub link: IfIndex,
    /// `xid`.
    pub xid: u32,
    /// `secs`: since the exchange began. Never 0, which some servers refuse.
    pub secs: u16,
    /// The BROADCAST flag (RFC 2131 figure 2): ask the server to answer to 255.255.255.255.
    pub broadcast: bool,
    /// Whether option 26, the MTU, is among those asked for. Azure answers nobody who asks for it.
    pub want_mtu: bool,
    /// Which message, with the fields it has.
    pub ask: Ask,
}

/// The messages of a client, each with exactly the fields that RFC 2131 table 5 gives it, so that a forbidden
/// combination cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Ask {
    /// DHCPDISCOVER, broadcast.
    Discover {
        /// Option 50, as a wish: the address we had before.
        requested: Option<UnicastAddr>,
        /// Whether option 80 is sent (RFC 4039).
        rapid_commit: bool,
    },
    /// DHCPREQUEST in SELECTING: options 50 and 54, broadcast.
    Select {
        /// `yiaddr` of the offer.
        requested: UnicastAddr,
        /// Server identifier of the offer.
        server: UnicastAddr,
    },
    /// DHCPREQUEST in INIT-REBOOT: option 50, no 54, broadcast.
    Reboot {
        /// The address we had.
        requested: UnicastAddr,
    },
    /// DHCPREQUEST in RENEWING: `ciaddr`, neither 50 nor 54, unicast to the server.
    Renew {
        /// Our address.
        ciaddr: UnicastAddr,
        /// Who leased it.
        server: UnicastAddr,
    },
    /// DHCPREQUEST in REBINDING: `ciaddr`, broadcast.
    Rebind {
        /// Our address.
        ciaddr: UnicastAddr,
    },
    /// DHCPDECLINE: options 50 and 54, broadcast.
    Decline {
        /// The address that is in use.
        requested: UnicastAddr,
        /// Who leased it.
        server: UnicastAddr,
    },
    /// DHCPRELEASE: `ciaddr` and option 54, unicast to the server.
    Release {
        /// Our address, until now.
        ciaddr: UnicastAddr,
        /// Who leased it.
        server: UnicastAddr,
    },
}

/// Why an address is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Withdrawal {
    /// The lease ran out at this moment.
    Expired(Instant),
    /// A server said no (DHCPNAK).
    Nak,
    /// Somebody else uses the address.
    Conflict,
    /// The operator asked for it.
    Released,
    /// A different address was leased in its place.
    Replaced,
}
