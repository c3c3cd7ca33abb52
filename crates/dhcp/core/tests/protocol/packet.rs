//! Builds the packets of servers, good and bad: the test's own encoder, independent of what it tests.

use core::net::Ipv4Addr;

/// `chaddr` of the client in every test.
pub(crate) const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// The message types of option 53 that servers send.
pub(crate) const OFFER: u8 = 2;
/// DHCPACK.
pub(crate) const ACK: u8 = 5;
/// DHCPNAK.
pub(crate) const NAK: u8 = 6;

/// A server's message and the headers around it. Every field can be made wrong.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// Source address of the IP header.
    pub(crate) source: Ipv4Addr,
    /// Ports of the UDP header, source first.
    pub(crate) ports: (u16, u16),
    /// The sixteen bits of flags and fragment offset.
    pub(crate) fragment: u16,
    /// Words of the IP header.
    pub(crate) ihl: u8,
    /// Added to the true total length.
    pub(crate) extra_total: i32,
    /// Added to the true UDP length.
    pub(crate) extra_udp: i32,
    /// Replaces the true UDP checksum.
    pub(crate) checksum: Option<u16>,
    /// IP protocol.
    pub(crate) protocol: u8,
    /// `op`, `htype`, `hlen`.
    pub(crate) head: [u8; 3],
    /// `xid`.
    pub(crate) xid: u32,
    /// `ciaddr`.
    pub(crate) ciaddr: Ipv4Addr,
    /// `yiaddr`.
    pub(crate) yiaddr: Ipv4Addr,
    /// `siaddr`.
    pub(crate) siaddr: Ipv4Addr,
    /// `chaddr`.
    pub(crate) chaddr: [u8; 6],
    /// `sname`.
    pub(crate) sname: [u8; 64],
    /// `file`.
    pub(crate) file: [u8; 128],
    /// The four bytes before the options.
    pub(crate) cookie: [u8; 4],
    /// The options field.
    pub(crate) options: Vec<u8>,
}

impl Packet {
    /// A message of type `kind` without any other option, from 192.0.2.1.
    pub(crate) fn new(kind: u8, xid: u32) -> Self {
        Self { options: vec![53, 1, kind], ..Self::bare(xid) }
    }

    /// A message without any option.
    pub(crate) fn bare(xid: u32) -> Self {
        Self {
            source: Ipv4Addr::new(192, 0, 2, 1),
            ports: (67, 68),
            fragment: 0,
            ihl: 5,
            extra_total: 0,
            extra_udp: 0,
            checksum: None,
            protocol: 17,
            head: [2, 1, 6],
            xid,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            chaddr: OURS,
            sname: [0; 64],
            file: [0; 128],
            cookie: [99, 130, 83, 99],
            options: Vec::new(),
        }
    }

    /// A sound OFFER or ACK of 192.0.2.9/24 for an hour by 192.0.2.1.
    pub(crate) fn lease(kind: u8, xid: u32) -> Self {
        Self { yiaddr: Ipv4Addr::new(192, 0, 2, 9), ..Self::new(kind, xid) }
            .option(54, &[192, 0, 2, 1])
            .option(51, &3600_u32.to_be_bytes())
            .option(1, &[255, 255, 255, 0])
    }

    /// Adds an option, in pieces of 255 bytes if it is longer.
    pub(crate) fn option(mut self, code: u8, data: &[u8]) -> Self {
        if data.is_empty() {
            self.options.extend([code, 0]);
        }
        for piece in data.chunks(255) {
            self.options.extend([code, u8::try_from(piece.len()).unwrap()]);
            self.options.extend(piece);
        }
        self
    }

    /// Takes away every instance of an option.
    pub(crate) fn without(mut self, code: u8) -> Self {
        let mut kept = Vec::new();
        let mut rest = &*self.options;
        while let [have, len, after @ ..] = rest {
            let (data, after) = after.split_at(usize::from(*len));
            if *have != code {
                kept.extend([*have, *len]);
                kept.extend(data);
            }
            rest = after;
        }
        self.options = kept;
        self
    }

    /// Adds bytes to the options field as they are.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.options.extend(bytes);
        self
    }

    /// Adds padding up to so many bytes of packet.
    pub(crate) fn filled(mut self, bytes: usize) -> Self {
        let missing = bytes - self.bytes().len();
        self.options.extend(vec![0; missing]);
        self
    }

    /// Puts bytes at the start of `file`.
    pub(crate) fn in_file(mut self, bytes: &[u8]) -> Self {
        self.file[..bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Puts bytes at the end of `file`.
    pub(crate) fn in_file_end(mut self, bytes: &[u8]) -> Self {
        let start = self.file.len() - bytes.len();
        self.file[start..].copy_from_slice(bytes);
        self
    }

    /// Puts bytes at the start of `sname`.
    pub(crate) fn in_sname(mut self, bytes: &[u8]) -> Self {
        self.sname[..bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The DHCP message, with an END.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut bytes = self.open_message();
        bytes.push(255);
        bytes
    }

    /// The DHCP message, without an END.
    pub(crate) fn open_message(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.head);
        bytes.push(0);
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.ciaddr.octets());
        bytes.extend(self.yiaddr.octets());
        bytes.extend(self.siaddr.octets());
        bytes.extend([0; 4]);
        bytes.extend(self.chaddr);
        bytes.extend([0; 10]);
        bytes.extend(self.sname);
        bytes.extend(self.file);
        bytes.extend(self.cookie);
        bytes.extend(&self.options);
        bytes
    }

    /// The whole packet, from the IP header on.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.around(&self.message())
    }

    /// Any payload in this packet's headers.
    pub(crate) fn around(&self, payload: &[u8]) -> Vec<u8> {
        let length = |true_length: usize, extra: i32| {
            u16::try_from(i32::try_from(true_length).unwrap() + extra).unwrap().to_be_bytes()
        };
        let mut udp = Vec::new();
        udp.extend(self.ports.0.to_be_bytes());
        udp.extend(self.ports.1.to_be_bytes());
        udp.extend(length(8 + payload.len(), self.extra_udp));
        udp.extend([0, 0]);
        udp.extend(payload);
        let mut pseudo = Vec::new();
        pseudo.extend(self.source.octets());
        pseudo.extend([255; 4]);
        pseudo.extend([0, self.protocol, udp[4], udp[5]]);
        pseudo.extend(&udp);
        let sum = match checksum(&pseudo) {
            // RFC 768: zero would mean "none".
            0 => 0xffff,
            sum => sum,
        };
        udp[6..8].copy_from_slice(&self.checksum.unwrap_or(sum).to_be_bytes());

        let header = usize::from(self.ihl) * 4;
        let mut ip = vec![0x40 | self.ihl, 0];
        ip.extend(length(header.max(20) + udp.len(), self.extra_total));
        ip.extend([0, 0]);
        ip.extend(self.fragment.to_be_bytes());
        ip.extend([64, self.protocol, 0, 0]);
        ip.extend(self.source.octets());
        ip.extend([255; 4]);
        ip.resize(header.max(20), 1);
        let sum = checksum(&ip[..header]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        ip.extend(udp);
        ip
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

/// An ARP packet for Ethernet and IPv4, from its header on.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) operation: u16,
    pub(crate) hardware: [u8; 6],
    pub(crate) sender: Ipv4Addr,
    pub(crate) target: Ipv4Addr,
}

impl Default for Claim {
    /// Another host asks on behalf of nobody for nothing.
    fn default() -> Self {
        let nobody = Ipv4Addr::UNSPECIFIED;
        Self { operation: 1, hardware: [2, 0, 0, 0, 0, 9], sender: nobody, target: nobody }
    }
}

impl Claim {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { operation, hardware, sender, target } = self;
        let [high, low] = operation.to_be_bytes();
        let head = [0, 1, 8, 0, 6, 4, high, low];
        [&head[..], hardware, &sender.octets(), &[0; 6], &target.octets()].concat()
    }
}
