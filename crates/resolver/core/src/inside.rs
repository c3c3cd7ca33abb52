//! Addresses that lead into a private network, or to the machine itself: of servers, and of names that an attacker chose
//! (rebinding: a page that came from a public name speaks to a service behind the browser by giving its own name that address).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::record::{CLASS_IN, Record, kind};
use crate::reply::Sections;

/// Addresses that are somebody else's elsewhere (RFC 1918, 3927, 4193, 4291, 6598), and this machine's own.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || first == 100 && second & 0xc0 == 64
        }
        IpAddr::V6(v6) => {
            v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_loopback()
                || v6.to_ipv4_mapped().is_some_and(|v4| is_private(v4.into()))
        }
    }
}

/// Whether an answer has such an address, or one that comes to the same: none at all, which is this machine, an old one of a site,
/// or one of IPv6 that stands for such a one of IPv4 (CVE-2026-123603). Hints of services count (RFC 9460 section 7.3).
pub(crate) fn leads_inside(message: &[u8]) -> bool {
    Sections::read(message).is_none_or(|sections| sections.records().flat_map(addresses).any(comes_inside))
}

fn comes_inside(ip: IpAddr) -> bool {
    is_private(ip)
        || match ip {
            // RFC 1122 section 3.2.1.3: this host on this network.
            IpAddr::V4(v4) => v4.octets()[0] == 0,
            IpAddr::V6(v6) => {
                v6.segments()[0] & 0xffc0 == 0xfec0 || embedded(v6).is_some_and(|v4| comes_inside(v4.into()))
            }
        }
}

/// The address of IPv4 that one of IPv6 stands for: mapped and compatible (RFC 4291 section 2.5.5), of a translator (RFC 6052, RFC
/// 8215), of a relay (RFC 3056).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let halves = |high: u16, low: u16| {
        let ([h0, h1], [l0, l1]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(h0, h1, l0, l1)
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] | [0x64, 0xff9b, 1, _, _, _] => {
            Some(halves(high, low))
        }
        [0x2002, high, low, ..] => Some(halves(high, low)),
        _ => None,
    }
}

fn addresses(record: &Record<'_>) -> Vec<IpAddr> {
    let (fours, sixteens) = match record.kind {
        _ if record.class != CLASS_IN => (&[][..], &[][..]),
        kind::A => (record.data(), &[][..]),
        kind::AAAA => (&[][..], record.data()),
        kind::SVCB | kind::HTTPS => {
            let parameters = record.behind_name(2).unwrap_or_default();
            (parameter(parameters, IPV4_HINT), parameter(parameters, IPV6_HINT))
        }
        _ => (&[][..], &[][..]),
    };
    let fours = fours.as_chunks::<4>().0.iter().map(|octets| IpAddr::from(*octets));
    fours.chain(sixteens.as_chunks::<16>().0.iter().map(|octets| IpAddr::from(*octets))).collect()
}

/// The numbers of parameters of services that hold addresses (RFC 9460 section 14.3.2).
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// The value of a parameter, each of which stands behind its number and its length (RFC 9460 section 2.2).
fn parameter(mut parameters: &[u8], wanted: u16) -> &[u8] {
    while let Some(([k0, k1, l0, l1], rest)) = parameters.split_first_chunk() {
        let Some((value, after)) = rest.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1]))) else { break };
        if u16::from_be_bytes([*k0, *k1]) == wanted {
            return value;
        }
        parameters = after;
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_inside_however_it_is_written() {
        for (text, private, inside) in [
            ("10.1.2.3", true, true),
            ("172.31.0.1", true, true),
            ("172.32.0.1", false, false),
            ("192.168.0.1", true, true),
            ("169.254.169.254", true, true),
            ("127.0.0.53", true, true),
            ("100.64.0.1", true, true),
            ("100.128.0.1", false, false),
            ("0.0.0.0", false, true),
            ("192.0.2.1", false, false),
            ("::", false, true),
            ("::1", true, true),
            ("fe80::1", true, true),
            ("fd00::1", true, true),
            ("fec0::1", false, true),
            ("::ffff:192.168.0.1", true, true),
            ("::ffff:192.0.2.1", false, false),
            ("::192.168.0.1", false, true),
            ("64:ff9b::10.0.0.1", false, true),
            ("64:ff9b::192.0.2.1", false, false),
            ("64:ff9b:1::10.0.0.1", false, true),
            ("2002:a00:1::", false, true),
            ("2002:c000:201::", false, false),
            ("2001:db8::a00:1", false, false),
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!((is_private(ip), comes_inside(ip)), (private, inside), "{text}");
        }
    }

    /// RFC 1035 section 3.4.1: the data of an A record are an address in the class IN. In CHAOS they are something else.
    #[test]
    fn only_records_of_the_internet_have_addresses() {
        for (what, class, want) in [("IN", CLASS_IN, true), ("CHAOS", 3, false)] {
            let header = b"\0\0\x81\x80\0\x01\0\x01\0\0\0\0";
            let question = b"\0\0\x01\0\x01";
            let record = [&b"\0\0\x01"[..], &class.to_be_bytes(), b"\0\0\0\x3c\0\x04\x0a\0\0\x01"].concat();
            let message = [&header[..], question, &record].concat();
            assert_eq!(Sections::read(&message).unwrap().records().count(), 1, "{what}");
            assert_eq!(leads_inside(&message), want, "{what}");
        }
    }

    #[test]
    fn a_parameter_is_found_behind_others_and_never_beyond_the_end() {
        let parameters =
            [&b"\0\x01\0\x03\x02h2"[..], b"\0\x04\0\x08\x01\x02\x03\x04\x0a\0\0\x01", b"\0\x06\0\xff"].concat();
        assert_eq!(parameter(&parameters, IPV4_HINT), b"\x01\x02\x03\x04\x0a\0\0\x01");
        assert_eq!(parameter(&parameters, IPV6_HINT), b"");
        assert_eq!(parameter(b"\0\x04", IPV4_HINT), b"");
    }
}
