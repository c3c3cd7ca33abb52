//! ARP packets about an address (RFC 5227 section 1.1), from the ARP header on.

use orlop_dhcp_contract::{Arp, HardwareAddr, UnicastAddr};

/// How many bytes an ARP packet for Ethernet and IPv4 has.
pub const LENGTH: usize = 28;

/// The packet about `addr` from `hardware`: a request for it, which everybody on the link hears. A probe leaves the sender's
/// address empty, so that nobody learns from it; an announcement has the same address as sender and target.
#[must_use]
pub fn packet(kind: Arp, hardware: HardwareAddr, addr: UnicastAddr) -> [u8; LENGTH] {
    let target = addr.get().octets();
    let sender = match kind {
        Arp::Probe => [0; 4],
        Arp::Announce | Arp::Defend { against: _ } => target,
    };
    let mut bytes = [0; LENGTH];
    let fields = HEADER.into_iter().chain(hardware.0).chain(sender).chain([0; 6]).chain(target);
    bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
    bytes
}

/// Ethernet, IPv4, lengths of their addresses, a request (RFC 826).
const HEADER: [u8; 8] = [0, 1, 0x08, 0x00, 6, 4, 0, 1];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_claims_nothing_and_an_announcement_claims_the_address() {
        let (hardware, addr) = (HardwareAddr([2, 0, 0, 0, 0, 7]), UnicastAddr::new([192, 0, 2, 9].into()).unwrap());
        let head = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 7];
        let tail = [0, 0, 0, 0, 0, 0, 192, 0, 2, 9];
        for (kind, sender) in [
            (Arp::Probe, [0; 4]),
            (Arp::Announce, [192, 0, 2, 9]),
            (Arp::Defend { against: HardwareAddr([9; 6]) }, [192, 0, 2, 9]),
        ] {
            let want = [&head[..], &sender, &tail].concat();
            assert_eq!(packet(kind, hardware, addr).as_slice(), want, "{kind:?}");
        }
    }
}
