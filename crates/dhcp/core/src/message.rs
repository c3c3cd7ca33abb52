//! A server's message, parsed once into values that cannot be wrong.

use core::net::Ipv4Addr;
use std::collections::BTreeSet;

use dhcproto::v4::MessageType;
use orlop_dhcp_contract::{
    Counters, Discard, DomainName, HardwareAddr, Ipv4Broadcast, Lease, Mtu, PrefixLen, Route, UnicastAddr,
};
use orlop_wire::Bounded;

use crate::option::{Fields, Options};
use decode::Decoded;

mod decode;

/// `op` of every message from a server (RFC 2131 section 2).
const BOOTREPLY: u8 = 2;
/// `htype` of Ethernet (RFC 1700).
const ETHERNET: u8 = 1;
/// RFC 2131 section 3: the four bytes before the options.
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Options that say where packets may go.
const WAYS: [u8; 4] = [3, 33, 121, 249];
/// Options that say in which domains names are looked for.
const DOMAINS: [u8; 2] = [15, 119];
/// Name servers.
const DNS: u8 = 6;
/// What else configures this host: mask, host name, MTU, broadcast address, time servers, Azure's wire server.
const OTHERS: [u8; 6] = [1, 12, 26, 28, 42, 245];

/// The fixed part of a message (RFC 2131 figure 1), with what follows it still unread: enough to see whether the
/// message is ours at all.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Transaction identifier.
    pub xid: u32,
    /// `chaddr`, without its padding.
    pub chaddr: HardwareAddr,
    ciaddr: Ipv4Addr,
    yiaddr: Ipv4Addr,
    fields: Fields<'a>,
}

impl<'a> Header<'a> {
    /// Reads the fixed part.
    ///
    /// # Errors
    /// Why the message is dropped.
    pub fn parse(message: &'a [u8]) -> Result<Self, Discard> {
        let mut cursor = Cursor(message);
        let [op, htype, hlen, _hops] = cursor.take()?;
        let xid = u32::from_be_bytes(cursor.take()?);
        let _secs_and_flags: [u8; 4] = cursor.take()?;
        let ciaddr = cursor.take::<4>()?.into();
        let yiaddr = cursor.take::<4>()?.into();
        let _siaddr: [u8; 4] = cursor.take()?;
        let _giaddr: [u8; 4] = cursor.take()?;
        let chaddr = HardwareAddr(cursor.take()?);
        let _padding: [u8; 10] = cursor.take()?;
        let sname = cursor.skip(64)?;
        let file = cursor.skip(128)?;
        let cookie: [u8; 4] = cursor.take()?;
        if op != BOOTREPLY {
            return Err(Discard::NotReply);
        }
        if htype != ETHERNET || usize::from(hlen) != chaddr.0.len() {
            return Err(Discard::WrongHardware);
        }
        if cookie != COOKIE {
            return Err(Discard::NoCookie);
        }
        Ok(Self { xid, chaddr, ciaddr, yiaddr, fields: Fields { options: cursor.0, file, sname } })
    }
}

/// Reads forward, and never beyond the end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Discard> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Discard::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    fn skip(&mut self, len: usize) -> Result<&'a [u8], Discard> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(Discard::Truncated)?;
        self.0 = tail;
        Ok(head)
    }
}

/// The messages that a server sends to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// DHCPOFFER.
    Offer,
    /// DHCPACK.
    Ack,
    /// DHCPNAK.
    Nak,
}

/// A reply whose every value has been checked. What was malformed is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Which message.
    pub kind: Kind,
    /// Which options it has, in whatever state they are.
    pub codes: BTreeSet<u8>,
    /// The address that a request was sent from, as the server repeats it.
    pub ciaddr: Ipv4Addr,
    /// Our address, as the server wrote it.
    pub yiaddr: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<UnicastAddr>,
    /// The IP source, for a server that sends no option 54 (Oracle's cloud). Not `siaddr`: that is where to boot from next
    /// (RFC 2131 section 2), a TFTP server often.
    pub sender: Option<UnicastAddr>,
    /// Option 61, echoed (RFC 6842).
    pub client_id: Option<Vec<u8>>,
    /// Whether option 80 came (RFC 4039).
    pub rapid_commit: bool,
    /// Option 51, in seconds.
    pub lease_secs: Option<u32>,
    /// Option 58 (T1), in seconds.
    pub renewal_secs: Option<u32>,
    /// Option 59 (T2), in seconds.
    pub rebinding_secs: Option<u32>,
    /// Option 1.
    pub mask: Option<PrefixLen>,
    /// Option 28.
    pub broadcast: Option<Ipv4Broadcast>,
    /// Option 3. Empty when there are routes.
    pub routers: Bounded<UnicastAddr, { Lease::MAX_ROUTERS }>,
    /// Option 121, else 249, else 33. With the default route of option 3 where these do not silence it.
    pub routes: Bounded<Route, { Lease::MAX_ROUTES }>,
    /// Option 26.
    pub mtu: Option<Mtu>,
    /// Option 6.
    pub dns: Bounded<UnicastAddr, { Lease::MAX_SERVERS }>,
    /// Option 42.
    pub ntp: Bounded<UnicastAddr, { Lease::MAX_SERVERS }>,
    /// Option 12.
    pub hostname: Option<DomainName>,
    /// Option 15, or the first of several domains in it.
    pub domain: Option<DomainName>,
    /// Option 119, else the domains of option 15 when they are several.
    pub search: Bounded<DomainName, { Lease::MAX_SEARCH }>,
    /// Option 245.
    pub wire_server: Option<UnicastAddr>,
}

impl Reply {
    /// Reads the options behind `header`. A malformed option is left out and counted, and costs no other.
    ///
    /// # Errors
    /// Why the whole message is dropped: [`Discard::WrongType`].
    pub fn parse(header: &Header<'_>, source: Ipv4Addr, counters: &mut Counters) -> Result<Self, Discard> {
        let options = Options::parse(header.fields, decode::is_used);
        for discard in options.discards() {
            counters.count(*discard);
        }
        let mut decoded = Decoded { options: &options, counters };
        let kind = decoded.kind()?;
        let (routers, routes) = decoded.ways();
        let (domain, search) = decoded.domains();
        Ok(Self {
            kind,
            codes: options.codes().collect(),
            ciaddr: header.ciaddr,
            yiaddr: header.yiaddr,
            server_id: decoded.server_id(),
            sender: UnicastAddr::new(source),
            client_id: decoded.client_id(),
            rapid_commit: decoded.rapid_commit(),
            lease_secs: decoded.lease_secs(),
            renewal_secs: decoded.renewal_secs(),
            rebinding_secs: decoded.rebinding_secs(),
            mask: decoded.mask(),
            broadcast: decoded.broadcast(),
            routers,
            routes,
            mtu: decoded.mtu(),
            dns: decoded.dns(),
            ntp: decoded.ntp(),
            hostname: decoded.hostname(),
            domain,
            search,
            wire_server: decoded.wire_server(),
        })
    }

    /// This ACK with what only its OFFER had: some servers do not say everything twice. What belongs together comes from one of
    /// them: routers and routes, domain and search list.
    #[must_use]
    pub fn completed_by(&self, offer: &Self) -> Self {
        let mut whole = self.clone();
        whole.mask = self.mask.or(offer.mask);
        if !self.has_any(&WAYS) {
            whole.routers = offer.routers.clone();
            whole.routes = offer.routes.clone();
        }
        if !self.has_any(&DOMAINS) {
            whole.domain = offer.domain.clone();
            whole.search = offer.search.clone();
        }
        if !self.has_any(&[DNS]) {
            whole.dns = offer.dns.clone();
        }
        whole
    }

    /// Whether it says anything about how to configure this host, in whatever state that is.
    #[must_use]
    pub fn configures(&self) -> bool {
        self.has_any(&WAYS) || self.has_any(&DOMAINS) || self.has_any(&[DNS]) || self.has_any(&OTHERS)
    }

    fn has_any(&self, codes: &[u8]) -> bool {
        codes.iter().any(|code| self.codes.contains(code))
    }

    /// Who sent it: option 54, else the IP source.
    #[must_use]
    pub fn server(&self) -> Option<UnicastAddr> {
        self.server_id.or(self.sender)
    }
}

impl Kind {
    fn of(message: MessageType) -> Option<Self> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is for a client, whatever IANA adds")]
        match message {
            MessageType::Offer => Some(Self::Offer),
            MessageType::Ack => Some(Self::Ack),
            MessageType::Nak => Some(Self::Nak),
            _ => None,
        }
    }
}
