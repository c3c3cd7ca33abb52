use orlop_dhcp_contract::Arp;

use super::super::tests::{passes, stays_inside};
use super::*;
use crate::encode::arp::packet;

const OWN: [HardwareAddr; 2] = [HardwareAddr([2, 0, 0, 0, 0, 1]), HardwareAddr([2, 0, 0, 0, 0, 2])];
const OTHER: HardwareAddr = HardwareAddr([2, 0, 0, 0, 0, 9]);
const FOR_US: u32 = 0;

fn addr(last: u8) -> UnicastAddr {
    UnicastAddr::new([192, 0, 2, last].into()).unwrap()
}

fn claim() -> Vec<u8> {
    packet(Arp::Announce, OTHER, addr(9)).to_vec()
}

fn probe() -> Vec<u8> {
    packet(Arp::Probe, OTHER, addr(9)).to_vec()
}

fn changed(mut packet: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    packet[at..at + bytes.len()].copy_from_slice(bytes);
    packet
}

/// Whether it passes, which it does without its padding.
fn heard(packet: &[u8], vlan: Option<u32>, packet_type: u32) -> bool {
    let passed = passes(&assembled(addr(9), &OWN), packet, vlan, packet_type);
    assert!(passed == 0 || passed == 28, "{passed} bytes");
    passed > 0
}

#[test]
fn only_what_another_host_claims_about_the_address_passes() {
    let answer = || changed(claim(), 6, &[0, 2]);
    let padded = |packet: Vec<u8>| [packet, vec![0xff; 18]].concat();
    let from = |hardware: HardwareAddr| changed(claim(), 8, &hardware.0);
    for (what, packet, packet_type, pass) in [
        ("an announcement", claim(), BROADCAST, true),
        ("with padding", padded(claim()), BROADCAST, true),
        ("an answer to us", answer(), FOR_US, true),
        ("a request to another, by whoever has our address", changed(claim(), 24, &[192, 0, 2, 1]), BROADCAST, true),
        ("a probe", probe(), BROADCAST, true),
        ("a probe for us alone: is it there?", probe(), FOR_US, false),
        ("an answer by nobody", changed(probe(), 6, &[0, 2]), BROADCAST, false),
        ("a probe for another address", changed(probe(), 24, &[192, 0, 2, 8]), BROADCAST, false),
        ("another host's own", changed(claim(), 14, &[192, 0, 2, 8]), BROADCAST, false),
        ("a question for ours", changed(claim(), 14, &[192, 0, 2, 1]), BROADCAST, false),
        ("for another host", answer(), OTHER_HOST, false),
        ("a reverse request", changed(claim(), 6, &[0, 3]), BROADCAST, false),
        ("an operation beyond eight bits", changed(claim(), 6, &[1, 1]), BROADCAST, false),
        ("not Ethernet", changed(claim(), 1, &[6]), BROADCAST, false),
        ("not IPv4", changed(claim(), 2, &[0x86, 0xdd]), BROADCAST, false),
        ("hardware addresses of eight bytes", changed(claim(), 4, &[8]), BROADCAST, false),
        ("addresses of sixteen bytes", changed(claim(), 5, &[16]), BROADCAST, false),
        ("our own, sent back", from(OWN[0]), BROADCAST, false),
        ("by another interface of this host", from(OWN[1]), FOR_US, false),
        ("nearly our own, in its last byte", from(HardwareAddr([2, 0, 0, 0, 0, 3])), BROADCAST, true),
        ("nearly our own, in its first byte", from(HardwareAddr([6, 0, 0, 0, 0, 1])), BROADCAST, true),
        ("one byte short", claim()[..27].to_vec(), BROADCAST, false),
        ("nothing", Vec::new(), BROADCAST, false),
    ] {
        assert_eq!(heard(&packet, None, packet_type), pass, "{what}");
    }
}

#[test]
fn what_belongs_to_a_vlan_does_not_pass() {
    for (what, vlan, pass) in
        [("none", None, true), ("only a priority", Some(0xe000), true), ("one", Some(0x2064), false)]
    {
        assert_eq!(heard(&claim(), vlan, BROADCAST), pass, "{what}");
    }
}

#[test]
fn what_we_send_ourselves_is_not_heard() {
    for kind in [Arp::Probe, Arp::Announce, Arp::Defend { against: OTHER }] {
        assert!(!heard(&packet(kind, OWN[0], addr(9)), None, BROADCAST), "{kind:?}");
    }
}

/// linux/bpf_common.h: `BPF_MAXINSNS`.
#[test]
fn the_kernel_takes_the_program_however_many_interfaces_there_are() {
    let own: Vec<HardwareAddr> = (0..=u8::MAX).map(|last| HardwareAddr([2, 0, 0, 0, 1, last])).collect();
    let all = assembled(addr(9), &own);
    assert!(all.len() < 4096, "{}", all.len());
    stays_inside(&all);
    let from = |last: usize| changed(claim(), 8, &own[last].0);
    let passes = |last| passes(&all, &from(last), None, BROADCAST) > 0;
    assert_eq!([passes(MAX_OWN - 1), passes(MAX_OWN)], [false, true], "so many are left out, and no more");
    assert_eq!(program(addr(9), &own).len(), all.len());
}
