//! DHCP messages as bytes: the worker names the fields, the broker spells them out (RFC 2131 section 2, RFC 2132).
//!
//! Pure. [`message`] makes the BOOTP message with exactly the options that RFC 2131 table 5 gives it; [`datagram`] puts
//! the IPv4 and UDP headers of a broadcast around it, for a socket that sends without the help of the IP stack.

pub mod arp;

use core::net::Ipv4Addr;

use orlop_dhcp_contract::{Ask, Conduct, DomainName, HardwareAddr, Transmission, UnicastAddr};
use orlop_wire::{Bounded, Str};

/// What the broker knows about a link and its worker does not need to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// `chaddr`.
    pub hardware: HardwareAddr,
    /// Option 61 with its type byte; empty to send none.
    pub client_id: Bounded<u8, { Conduct::MAX_CLIENT_ID }>,
    /// Option 12: the name we tell the server.
    pub hostname: Option<DomainName>,
    /// Ask for option 12. Not while sending a name: some servers only repeat it.
    pub want_hostname: bool,
    /// Option 60, only where the operator wants one.
    pub vendor_class: Option<Str<{ Speaker::MAX_VENDOR_CLASS }>>,
    /// MTU of the interface in bytes, for option 57.
    pub mtu: u16,
}

impl Speaker {
    /// Longest vendor class: what fits in one option.
    pub const MAX_VENDOR_CLASS: usize = 255;
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To everybody on the link, from `source`: our address once we have one (RFC 2131 section 4.1).
    Broadcast {
        /// IPv4 source address.
        source: Ipv4Addr,
    },
    /// To one server, through the IP stack.
    Unicast {
        /// Our address, the one that the message is about.
        source: UnicastAddr,
        /// The server that the message is for.
        server: UnicastAddr,
    },
}

impl Destination {
    /// Where RFC 2131 section 4.4 sends a message of this kind.
    #[must_use]
    pub const fn of(ask: &Ask) -> Self {
        match *ask {
            Ask::Discover { .. } | Ask::Select { .. } | Ask::Reboot { .. } | Ask::Decline { .. } => {
                Self::Broadcast { source: Ipv4Addr::UNSPECIFIED }
            }
            Ask::Rebind { ciaddr } => Self::Broadcast { source: ciaddr.get() },
            Ask::Renew { ciaddr, server } | Ask::Release { ciaddr, server } => Self::Unicast { source: ciaddr, server },
        }
    }
}

/// The DHCP message, END option and padding included.
#[must_use]
pub fn message(speaker: &Speaker, transmission: &Transmission) -> Vec<u8> {
    let Speaker { hardware, client_id, hostname, want_hostname, vendor_class, mtu } = speaker;
    let Transmission { link: _, xid, secs, broadcast, want_mtu, ask } = transmission;
    let fields = Fields::of(*ask);

    // DHCPDECLINE and DHCPRELEASE expect no answer, so `secs` and `flags` are 0 there (RFC 2131 table 5).
    let (secs, broadcast) = if fields.expects_answer { (*secs, *broadcast) } else { (0, false) };
    let mut bytes = Vec::with_capacity(512);
    bytes.extend([BOOTREQUEST, HTYPE_ETHERNET, HLEN_ETHERNET, 0]);
    bytes.extend(xid.to_be_bytes());
    bytes.extend(secs.to_be_bytes());
    bytes.extend(if broadcast { BROADCAST_FLAG } else { 0 }.to_be_bytes());
    bytes.extend(fields.ciaddr.octets());
    bytes.extend([0; 12]); // yiaddr, siaddr, giaddr
    bytes.extend(hardware.0);
    bytes.extend([0; 10 + 64 + 128]); // rest of chaddr, sname, file
    bytes.extend(MAGIC_COOKIE);

    option(&mut bytes, 53, &[fields.kind]);
    if !client_id.is_empty() {
        option(&mut bytes, 61, client_id);
    }
    if let Some(requested) = fields.requested {
        option(&mut bytes, 50, &requested.get().octets());
    }
    if let Some(server) = fields.server {
        option(&mut bytes, 54, &server.get().octets());
    }
    if fields.expects_answer {
        if let Some(name) = hostname {
            option(&mut bytes, 12, name.as_str().as_bytes());
        }
        option(&mut bytes, 57, &(*mtu).max(MIN_MESSAGE_SIZE).to_be_bytes());
        if let Some(class) = vendor_class.as_ref().filter(|class| !class.is_empty()) {
            option(&mut bytes, 60, class.as_bytes());
        }
        if fields.rapid_commit {
            option(&mut bytes, 80, &[]);
        }
        let wanted = WANTED.into_iter().filter(|code| match code {
            12 => *want_hostname && hostname.is_none(),
            26 => *want_mtu,
            _ => true,
        });
        let wanted: Vec<u8> = wanted.collect();
        option(&mut bytes, 55, &wanted);
    }
    bytes.push(END);
    bytes.resize(bytes.len().max(MIN_LENGTH), 0);
    bytes
}

/// What RFC 2131 table 5 wants in a message, apart from what is the same in all of them.
struct Fields {
    kind: u8,
    ciaddr: Ipv4Addr,
    requested: Option<UnicastAddr>,
    server: Option<UnicastAddr>,
    rapid_commit: bool,
    expects_answer: bool,
}

impl Fields {
    fn of(ask: Ask) -> Self {
        let question = |kind| Self {
            kind,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            requested: None,
            server: None,
            rapid_commit: false,
            expects_answer: true,
        };
        let statement = |kind| Self { expects_answer: false, ..question(kind) };
        match ask {
            Ask::Discover { requested, rapid_commit } => Self { requested, rapid_commit, ..question(DHCPDISCOVER) },
            Ask::Select { requested, server } => {
                Self { requested: Some(requested), server: Some(server), ..question(DHCPREQUEST) }
            }
            Ask::Reboot { requested } => Self { requested: Some(requested), ..question(DHCPREQUEST) },
            Ask::Renew { ciaddr, server: _ } | Ask::Rebind { ciaddr } => {
                Self { ciaddr: ciaddr.get(), ..question(DHCPREQUEST) }
            }
            Ask::Decline { requested, server } => {
                Self { requested: Some(requested), server: Some(server), ..statement(DHCPDECLINE) }
            }
            Ask::Release { ciaddr, server } => {
                Self { ciaddr: ciaddr.get(), server: Some(server), ..statement(DHCPRELEASE) }
            }
        }
    }
}

/// Appends one option. `value` is at most 255 bytes by the types of [`Speaker`]; what would not fit is not sent.
fn option(bytes: &mut Vec<u8>, code: u8, value: &[u8]) {
    if let Ok(len) = u8::try_from(value.len()) {
        bytes.extend([code, len]);
        bytes.extend(value);
    }
}

/// `message` as an IPv4 packet from `source`:68 to 255.255.255.255:67, with both checksums.
#[must_use]
pub fn datagram(source: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let destination = Ipv4Addr::BROADCAST;
    // A message is far below 64 KiB: every option in it is.
    let udp_length = u16::try_from(message.len().saturating_add(UDP_HEADER)).unwrap_or(u16::MAX);

    let mut udp = Vec::with_capacity(message.len().saturating_add(UDP_HEADER));
    udp.extend(CLIENT_PORT.to_be_bytes());
    udp.extend(SERVER_PORT.to_be_bytes());
    udp.extend(udp_length.to_be_bytes());
    udp.extend([0; 2]);
    udp.extend(message);
    let pseudo_header = [&source.octets()[..], &destination.octets(), &[0, UDP], &udp_length.to_be_bytes()].concat();
    // 0 would mean "no checksum"; its other spelling means 0 (RFC 768).
    let sum = match checksum(&[&pseudo_header, &udp]) {
        0 => u16::MAX,
        sum => sum,
    };
    udp.splice(6..8, sum.to_be_bytes());

    let mut packet = Vec::with_capacity(udp.len().saturating_add(IPV4_HEADER));
    packet.extend([0x45, TOS]);
    packet.extend(udp_length.saturating_add(IPV4_HEADER_LENGTH).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, TTL, UDP, 0, 0]); // identification 0, Don't Fragment (RFC 6864 section 4.1)
    packet.extend(source.octets());
    packet.extend(destination.octets());
    let sum = checksum(&[&packet]);
    packet.splice(10..12, sum.to_be_bytes());
    packet.extend(udp);
    packet
}

/// The Internet checksum (RFC 1071) over the parts one after another; all but the last must be of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            let [high, low] = [pair.first(), pair.get(1)].map(|byte| byte.copied().unwrap_or(0));
            sum = sum.saturating_add(u64::from(u16::from_be_bytes([high, low])));
        }
    }
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xffff).saturating_add(sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

const BOOTREQUEST: u8 = 1;
const HTYPE_ETHERNET: u8 = 1;
const HLEN_ETHERNET: u8 = 6;
const BROADCAST_FLAG: u16 = 0x8000;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
const END: u8 = 255;

const DHCPDISCOVER: u8 = 1;
const DHCPREQUEST: u8 = 3;
const DHCPDECLINE: u8 = 4;
const DHCPRELEASE: u8 = 7;

/// The parameter request list. RFC 3442 wants 121 before 33 and 3, and 249 is another number for the same; the rest in ascending
/// order. Without 42 some servers send no time servers, without 54 and 51 a few strange ones no lease; 245 is Azure's.
const WANTED: [u8; 17] = [121, 249, 1, 3, 6, 12, 15, 26, 28, 33, 42, 51, 54, 58, 59, 119, 245];

/// A BOOTP message has 300 bytes, and some relays and servers drop shorter ones (RFC 1542 section 2.1).
const MIN_LENGTH: usize = 300;
/// The least value of option 57 (RFC 2132 section 9.10).
const MIN_MESSAGE_SIZE: u16 = 576;

const CLIENT_PORT: u16 = 68;
const SERVER_PORT: u16 = 67;
const IPV4_HEADER: usize = 20;
const IPV4_HEADER_LENGTH: u16 = 20;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;
const TTL: u8 = 64;
/// CS6, network control: a lease must get through a link that is full of user traffic (RFC 4594 section 3.2).
const TOS: u8 = 0xc0;

#[cfg(test)]
mod tests;
