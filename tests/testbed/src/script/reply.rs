//! What a scripted server says: messages as data, defects included.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::dhcp::{COOKIE, Kind, Message, Options, code, encode_options};
use crate::frame::{BROADCAST_MAC, CLIENT_PORT, Checksum, SERVER_PORT, Udp};

/// A lease as a server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Server identifier and IP source.
    pub server: Ipv4Addr,
    /// `yiaddr`.
    pub address: Ipv4Addr,
    /// Options in wire order, after 53.
    pub options: Options,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A DHCP message made for the request.
    Message(Template),
    /// These bytes as a whole frame.
    Frame(Vec<u8>),
}

/// A DHCP message to be filled in from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Option 53.
    pub kind: Kind,
    /// IP source.
    pub source: Ipv4Addr,
    /// `yiaddr`.
    pub address: Ipv4Addr,
    /// Options after 53.
    pub options: Options,
    /// How long to wait before it is sent.
    pub after: Duration,
    /// What is changed in it, in this order.
    pub edits: Vec<Edit>,
}

/// A change to a message, most of them for the worse.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of fields are those of RFC 2131 figure 1")]
pub enum Edit {
    Op(u8),
    Htype(u8),
    Hlen(u8),
    Xid(u32),
    Chaddr([u8; 6]),
    Siaddr(Ipv4Addr),
    Cookie([u8; 4]),
    File(Vec<u8>),
    Sname(Vec<u8>),
    /// This options field as it stands, 53 and end included or not.
    RawOptions(Vec<u8>),
    /// Only so many bytes of the UDP payload.
    Truncate(usize),
    /// A VLAN tag.
    Vlan(u16),
    /// The UDP checksum field.
    Checksum(Checksum),
    SourcePort(u16),
    DestinationPort(u16),
    /// IP destination, with the client's hardware address.
    Unicast(Ipv4Addr),
    /// A byte of the finished frame, counted from the Ethernet header; the IP checksum is made right again.
    Byte(usize, u8),
    /// Bytes after the end of the IP packet.
    Trailing(Vec<u8>),
}

impl Lease {
    /// An address in a /24 whose `.1` is the server; lease time in seconds. No router, no DNS.
    #[must_use]
    pub fn new(address: Ipv4Addr, seconds: u32) -> Self {
        let [a, b, c, _] = address.octets();
        let server = Ipv4Addr::new(a, b, c, 1);
        let options = vec![
            (code::SERVER_ID, server.octets().to_vec()),
            (code::LEASE_TIME, seconds.to_be_bytes().to_vec()),
            (code::SUBNET_MASK, vec![255, 255, 255, 0]),
        ];
        Self { server, address, options }
    }

    /// With another server identifier.
    #[must_use]
    pub fn server(mut self, server: Ipv4Addr) -> Self {
        self.server = server;
        self.with(code::SERVER_ID, server.octets())
    }

    /// With renewal and rebinding times, in seconds.
    #[must_use]
    pub fn times(self, t1: u32, t2: u32) -> Self {
        self.with(code::T1, t1.to_be_bytes()).with(code::T2, t2.to_be_bytes())
    }

    /// With an option, in place of an earlier one of its number.
    #[must_use]
    pub fn with(mut self, code: u8, value: impl Into<Vec<u8>>) -> Self {
        self.options.retain(|(have, _)| *have != code);
        self.options.push((code, value.into()));
        self
    }

    /// With one more part of an option, after all others (RFC 3396).
    #[must_use]
    pub fn with_part(mut self, code: u8, value: impl Into<Vec<u8>>) -> Self {
        self.options.push((code, value.into()));
        self
    }

    /// Without an option.
    #[must_use]
    pub fn without(mut self, code: u8) -> Self {
        self.options.retain(|(have, _)| *have != code);
        self
    }

    /// The offer of this lease.
    #[must_use]
    pub fn offer(&self) -> Template {
        self.message(Kind::Offer)
    }

    /// The acknowledgement of this lease.
    #[must_use]
    pub fn ack(&self) -> Template {
        self.message(Kind::Ack)
    }

    fn message(&self, kind: Kind) -> Template {
        Template {
            kind,
            source: self.server,
            address: self.address,
            options: self.options.clone(),
            after: Duration::ZERO,
            edits: Vec::new(),
        }
    }
}

impl Template {
    /// A refusal by this server.
    #[must_use]
    pub fn nak(server: Ipv4Addr) -> Self {
        let options = vec![(code::SERVER_ID, server.octets().to_vec()), (code::MESSAGE, b"no".to_vec())];
        Self {
            kind: Kind::Nak,
            source: server,
            address: Ipv4Addr::UNSPECIFIED,
            options,
            after: Duration::ZERO,
            edits: Vec::new(),
        }
    }

    /// Sent later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// With one more change.
    #[must_use]
    pub fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    /// Without an option.
    #[must_use]
    pub fn without(mut self, code: u8) -> Self {
        self.options.retain(|(have, _)| *have != code);
        self
    }

    /// The frame that answers `request`, sent from `mac`.
    #[must_use]
    pub fn frame(&self, request: &Message, mac: [u8; 6]) -> Vec<u8> {
        let mut message = Message::reply_to(request);
        message.yiaddr = self.address;
        message.options = vec![(code::MESSAGE_TYPE, vec![self.kind as u8])];
        message.options.extend(self.options.iter().cloned());
        let renewal = !request.ciaddr.is_unspecified() && self.kind == Kind::Ack;
        if renewal {
            message.ciaddr = request.ciaddr;
        }
        let broadcast = self.kind == Kind::Nak || request.flags & 0x8000 != 0;
        let destination = if broadcast { Ipv4Addr::BROADCAST } else { self.address };
        let mut udp = Udp {
            source_mac: mac,
            destination_mac: if broadcast { BROADCAST_MAC } else { request.mac() },
            vlan: None,
            source: self.source,
            destination,
            source_port: SERVER_PORT,
            destination_port: CLIENT_PORT,
            payload: Vec::new(),
        };
        let mut raw_options = None;
        let mut checksum = Checksum::Right;
        let (mut keep, mut bytes, mut trailing) = (usize::MAX, Vec::new(), Vec::new());
        for edit in self.edits.iter().cloned() {
            match edit {
                Edit::Op(op) => message.op = op,
                Edit::Htype(htype) => message.htype = htype,
                Edit::Hlen(hlen) => message.hlen = hlen,
                Edit::Xid(xid) => message.xid = xid,
                Edit::Chaddr(mac) => message.chaddr[..6].copy_from_slice(&mac),
                Edit::Siaddr(siaddr) => message.siaddr = siaddr,
                Edit::Cookie(cookie) => message.cookie = cookie,
                Edit::File(file) => message.file = file,
                Edit::Sname(sname) => message.sname = sname,
                Edit::RawOptions(options) => raw_options = Some(options),
                Edit::Truncate(length) => keep = length,
                Edit::Vlan(vlan) => udp.vlan = Some(vlan),
                Edit::Checksum(choice) => checksum = choice,
                Edit::SourcePort(port) => udp.source_port = port,
                Edit::DestinationPort(port) => udp.destination_port = port,
                Edit::Unicast(address) => (udp.destination, udp.destination_mac) = (address, request.mac()),
                Edit::Byte(at, value) => bytes.push((at, value)),
                Edit::Trailing(more) => trailing = more,
            }
        }
        udp.payload = raw_options.map_or_else(|| message.encode(), |options| message.encode_with(&options));
        udp.payload.truncate(keep);
        let mut frame = udp.encode_with(checksum);
        for (at, value) in bytes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        let ip_at = if udp.vlan.is_some() { 18 } else { 14 };
        crate::frame::fix_ip_checksum(&mut frame[ip_at..]);
        frame.extend(trailing);
        frame
    }
}

/// Option 121: routes as destination, prefix length, gateway (RFC 3442).
#[must_use]
pub fn classless_routes(routes: &[(Ipv4Addr, u8, Ipv4Addr)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (destination, prefix, gateway) in routes {
        bytes.push(*prefix);
        bytes.extend(&destination.octets()[..usize::from(prefix.div_ceil(8)).min(4)]);
        bytes.extend(gateway.octets());
    }
    bytes
}

/// An offer whose options sit in `file` and `sname` (option 52 = 3): server identifier and lease time there, the rest of
/// the lease in the options field.
#[must_use]
pub fn overloaded(template: Template) -> Template {
    let (moved, mut kept): (Vec<_>, Vec<_>) =
        template.options.iter().cloned().partition(|(code, _)| [code::SERVER_ID, code::LEASE_TIME].contains(code));
    let (file, sname): (Vec<_>, Vec<_>) = moved.into_iter().partition(|(code, _)| *code == code::LEASE_TIME);
    kept.push((code::OVERLOAD, vec![3]));
    let edits = [Edit::File(encode_options(&file, true)), Edit::Sname(encode_options(&sname, true))];
    Template { options: kept, edits: template.edits.into_iter().chain(edits).collect(), ..template }
}

/// A cookie that is not DHCP's: plain BOOTP.
pub const WRONG_COOKIE: [u8; 4] = [COOKIE[0], COOKIE[1], COOKIE[2], 0];
