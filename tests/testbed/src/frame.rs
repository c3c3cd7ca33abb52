//! Ethernet frames with IPv4 and UDP in them: built with any defect, read without fuss.

use std::net::Ipv4Addr;

/// UDP port of DHCP servers (RFC 2131 section 4.1).
pub const SERVER_PORT: u16 = 67;
/// UDP port of DHCP clients.
pub const CLIENT_PORT: u16 = 68;
/// Everybody on the wire.
pub const BROADCAST_MAC: [u8; 6] = [0xff; 6];

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_VLAN: u16 = 0x8100;
const PROTOCOL_UDP: u8 = 17;
const IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const ETHERNET_HEADER: usize = 14;

/// A UDP datagram on Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Ethernet source.
    pub source_mac: [u8; 6],
    /// Ethernet destination.
    pub destination_mac: [u8; 6],
    /// VLAN id, when the frame has a tag.
    pub vlan: Option<u16>,
    /// IP source.
    pub source: Ipv4Addr,
    /// IP destination.
    pub destination: Ipv4Addr,
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
    /// UDP payload.
    pub payload: Vec<u8>,
}

/// What is put into the UDP checksum field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The right one.
    Right,
    /// Zero: the sender made none (RFC 768).
    Absent,
    /// One that does not fit.
    Wrong,
}

impl Udp {
    /// The frame, correct in every field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(Checksum::Right)
    }

    /// The frame with a checksum of choice.
    #[must_use]
    pub fn encode_with(&self, checksum: Checksum) -> Vec<u8> {
        let mut frame = Vec::with_capacity(ETHERNET_HEADER + IP_HEADER + UDP_HEADER + self.payload.len());
        frame.extend(self.destination_mac);
        frame.extend(self.source_mac);
        if let Some(vlan) = self.vlan {
            frame.extend(ETHERTYPE_VLAN.to_be_bytes());
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(ETHERTYPE_IPV4.to_be_bytes());
        let ip_at = frame.len();
        frame.extend([0x45, 0]);
        frame.extend(size(IP_HEADER + UDP_HEADER + self.payload.len()));
        frame.extend([0, 0, 0, 0, 64, PROTOCOL_UDP, 0, 0]);
        frame.extend(self.source.octets());
        frame.extend(self.destination.octets());
        fix_ip_checksum(&mut frame[ip_at..]);
        let udp_at = frame.len();
        frame.extend(self.source_port.to_be_bytes());
        frame.extend(self.destination_port.to_be_bytes());
        frame.extend(size(UDP_HEADER + self.payload.len()));
        frame.extend([0, 0]);
        frame.extend(&self.payload);
        let right = udp_checksum(self.source, self.destination, &frame[udp_at..]);
        let field = match checksum {
            Checksum::Right => right,
            Checksum::Absent => 0,
            Checksum::Wrong => right ^ 0x5555,
        };
        frame[udp_at + 6..udp_at + 8].copy_from_slice(&field.to_be_bytes());
        frame
    }

    /// Reads a frame; `None` when it is not UDP in IPv4 or does not hold what it announces. Checksums are not looked at.
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let (destination_mac, rest) = frame.split_first_chunk::<6>()?;
        let (source_mac, rest) = rest.split_first_chunk::<6>()?;
        let (ethertype, rest) = rest.split_first_chunk::<2>()?;
        let (vlan, ip) = if u16::from_be_bytes(*ethertype) == ETHERTYPE_VLAN {
            let (tag, rest) = rest.split_first_chunk::<2>()?;
            let (ethertype, rest) = rest.split_first_chunk::<2>()?;
            (
                Some(u16::from_be_bytes(*tag) & 0xfff),
                (u16::from_be_bytes(*ethertype) == ETHERTYPE_IPV4).then_some(rest)?,
            )
        } else {
            (None, (u16::from_be_bytes(*ethertype) == ETHERTYPE_IPV4).then_some(rest)?)
        };
        let fixed: &[u8; IP_HEADER] = ip.first_chunk()?;
        let header = usize::from(fixed[0] & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if fixed[0] >> 4 != 4 || fixed[9] != PROTOCOL_UDP {
            return None;
        }
        let udp = ip.get(header..total)?;
        let (ports, payload) = udp.split_first_chunk::<UDP_HEADER>()?;
        let length = usize::from(u16::from_be_bytes([ports[4], ports[5]]));
        Some(Self {
            source_mac: *source_mac,
            destination_mac: *destination_mac,
            vlan,
            source: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]),
            destination: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]),
            source_port: u16::from_be_bytes([ports[0], ports[1]]),
            destination_port: u16::from_be_bytes([ports[2], ports[3]]),
            payload: payload.get(..length.checked_sub(UDP_HEADER)?)?.to_vec(),
        })
    }

    /// Whether one of the ports is DHCP's.
    #[must_use]
    pub fn is_dhcp(&self) -> bool {
        [SERVER_PORT, CLIENT_PORT].contains(&self.destination_port)
    }
}

/// Recomputes the IPv4 header checksum of an IP packet (a frame without its Ethernet header).
pub fn fix_ip_checksum(ip: &mut [u8]) {
    let header = ip.first().map_or(0, |first| usize::from(first & 0xf) * 4);
    if let Some(header) = ip.get_mut(..header.max(IP_HEADER)) {
        header[10..12].fill(0);
        let sum = fold(sum_words(header));
        header[10..12].copy_from_slice(&(!sum).to_be_bytes());
    }
}

/// Recomputes the UDP checksum of an untagged frame, if it is unfragmented UDP in IPv4 without IP options.
///
/// A frame that a kernel hands over between two virtual interfaces often has only a half-made checksum, which the
/// sender's "hardware" was to complete; one who forwards it from user space has to.
pub fn complete_udp_checksum(frame: &mut [u8]) {
    let Some(udp) = Udp::decode(frame) else { return };
    let plain = udp.vlan.is_none()
        && frame[ETHERNET_HEADER] == 0x45
        && frame[ETHERNET_HEADER + 6] & 0x3f == 0
        && frame[ETHERNET_HEADER + 7] == 0;
    let field = ETHERNET_HEADER + IP_HEADER + 6;
    if plain && frame[field..field + 2] != [0, 0] {
        frame[field..field + 2].fill(0);
        let start = ETHERNET_HEADER + IP_HEADER;
        let sum = udp_checksum(udp.source, udp.destination, &frame[start..start + UDP_HEADER + udp.payload.len()]);
        frame[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

fn udp_checksum(source: Ipv4Addr, destination: Ipv4Addr, udp: &[u8]) -> u16 {
    let mut sum = sum_words(&source.octets()) + sum_words(&destination.octets()) + u64::from(PROTOCOL_UDP);
    sum += u64::try_from(udp.len()).unwrap_or(0) + sum_words(udp);
    match !fold(sum) {
        0 => 0xffff,
        sum => sum,
    }
}

fn sum_words(bytes: &[u8]) -> u64 {
    bytes.chunks(2).map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))).sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

fn size(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Udp {
        Udp {
            source_mac: [2, 0, 0, 0, 0, 1],
            destination_mac: BROADCAST_MAC,
            vlan: None,
            source: Ipv4Addr::new(192, 0, 2, 1),
            destination: Ipv4Addr::BROADCAST,
            source_port: SERVER_PORT,
            destination_port: CLIENT_PORT,
            payload: b"odd".to_vec(),
        }
    }

    #[test]
    fn encode_and_decode_are_inverse() {
        for (what, vlan) in [("untagged", None), ("tagged", Some(5))] {
            let udp = Udp { vlan, ..sample() };
            assert_eq!(Udp::decode(&udp.encode()), Some(udp), "{what}");
        }
    }

    #[test]
    fn checksums_add_up_as_the_rfcs_say() {
        let frame = sample().encode();
        // RFC 1071 section 1: the sum over data and checksum is all ones.
        assert_eq!(fold(sum_words(&frame[14..34])), 0xffff);
        let pseudo = sum_words(&frame[26..34]) + 17 + 11;
        assert_eq!(fold(pseudo + sum_words(&frame[34..])), 0xffff);
    }

    #[test]
    fn a_half_made_checksum_is_completed_and_an_absent_one_left() {
        let right = sample().encode();
        let mut wrong = sample().encode_with(Checksum::Wrong);
        assert_ne!(wrong, right);
        complete_udp_checksum(&mut wrong);
        assert_eq!(wrong, right);
        let absent = sample().encode_with(Checksum::Absent);
        let mut kept = absent.clone();
        complete_udp_checksum(&mut kept);
        assert_eq!(kept, absent);
    }

    #[test]
    fn frames_that_lie_are_not_decoded() {
        let good = sample().encode();
        for (what, at, value) in [
            ("another ethertype", 12, 9),
            ("IP version 6", 14, 0x65),
            ("TCP", 23, 6),
            ("IP length beyond the frame", 16, 9),
            ("UDP length beyond the packet", 38, 9),
        ] {
            let mut frame = good.clone();
            frame[at] = value;
            assert_eq!(Udp::decode(&frame), None, "{what}");
        }
    }
}
