use core::net::Ipv4Addr;

use super::*;
use crate::encode;

fn accepts(packet: &[u8], vlan: Option<u32>) -> bool {
    accepts_as(packet, vlan, 0)
}

fn accepts_as(packet: &[u8], vlan: Option<u32>, packet_type: u32) -> bool {
    passes(&PROGRAM, packet, vlan, packet_type) > 0
}

/// Runs a program as the kernel would, and gives how many bytes pass: a load outside the packet ends it with "drop".
pub(super) fn passes(program: &[Instruction], packet: &[u8], vlan: Option<u32>, packet_type: u32) -> u32 {
    fn load(packet: &[u8], at: usize, size: usize) -> Option<u32> {
        let bytes = packet.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte)))
    }
    let run = || -> Option<u32> {
        let (mut a, mut x, mut at) = (0_u32, 0_u32, 0_usize);
        loop {
            let (code, jt, jf, k) = *program.get(at).expect("the program ends with a return");
            at += 1;
            let mut jump = |holds: bool| at += usize::from(if holds { jt } else { jf });
            let (direct, indexed) = (k as usize, (x as usize) + (k as usize));
            match code {
                LOAD_BYTE if k == PACKET_TYPE => a = packet_type,
                LOAD_BYTE if k == VLAN_TAG_PRESENT => a = u32::from(vlan.is_some()),
                LOAD_WORD if k == VLAN_TAG => a = vlan.unwrap_or(0),
                LOAD_WORD => a = load(packet, direct, 4)?,
                LOAD_HALF => a = load(packet, direct, 2)?,
                LOAD_BYTE => a = load(packet, direct, 1)?,
                LOAD_WORD_INDEXED => a = load(packet, indexed, 4)?,
                LOAD_HALF_INDEXED => a = load(packet, indexed, 2)?,
                LOAD_BYTE_INDEXED => a = load(packet, indexed, 1)?,
                LOAD_LENGTH => a = u32::try_from(packet.len()).unwrap(),
                LOAD_IP_HEADER_LENGTH => x = (load(packet, direct, 1)? & 0xf) * 4,
                SUBTRACT_INDEX => a = a.wrapping_sub(x),
                AND => a &= k,
                JUMP_EQUAL => jump(a == k),
                JUMP_GREATER_OR_EQUAL => jump(a >= k),
                JUMP_SET => jump(a & k != 0),
                RETURN => return Some(k),
                other => panic!("instruction {other:#x} is not in the interpreter"),
            }
        }
    };
    run().unwrap_or(0)
}

/// A reply as a server would send it, built from one of our own requests.
fn reply() -> Vec<u8> {
    let mut message = vec![0; 300];
    message[0] = 2;
    message[236..240].copy_from_slice(&[99, 130, 83, 99]);
    let mut packet = encode::datagram(Ipv4Addr::new(192, 0, 2, 1), &message);
    packet[20..24].copy_from_slice(&[0, 67, 0, 68]);
    packet
}

fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut packet = reply();
    packet[at..at + bytes.len()].copy_from_slice(bytes);
    packet
}

fn with_ip_options() -> Vec<u8> {
    let mut packet = reply();
    packet[0] = 0x4f;
    packet.splice(20..20, [1; 40]);
    packet
}

fn cut(length: usize) -> Vec<u8> {
    let mut packet = reply();
    packet.truncate(length);
    packet
}

#[test]
fn what_is_for_another_host_does_not_pass() {
    for (what, packet_type, pass) in
        [("us", 0, true), ("everybody", 1, true), ("a group", 2, true), ("another", 3, false)]
    {
        assert_eq!(accepts_as(&reply(), None, packet_type), pass, "for {what}");
    }
}

#[test]
fn only_whole_dhcp_replies_on_the_link_itself_pass() {
    for (what, packet, vlan, pass) in [
        ("a reply", reply(), None, true),
        ("with 40 bytes of IP options", with_ip_options(), None, true),
        ("with a priority tag", reply(), Some(0xe000), true),
        ("Don't Fragment is no fragment", changed(6, &[0x40, 0]), None, true),
        ("as short as it can be", cut(20 + 8 + 240), None, true),
        ("one byte shorter", cut(20 + 8 + 239), None, false),
        ("for a VLAN", reply(), Some(0x2064), false),
        ("TCP", changed(9, &[6]), None, false),
        ("first fragment", changed(6, &[0x20, 0]), None, false),
        ("last fragment", changed(6, &[0, 1]), None, false),
        ("for the server port", changed(22, &[0, 67]), None, false),
        ("a request", changed(28, &[1]), None, false),
        ("BOOTP without the cookie", changed(28 + 236, &[0; 4]), None, false),
        ("header length beyond the packet", [&[0x4f][..], &cut(28)[1..]].concat(), None, false),
        ("one byte", vec![0x45], None, false),
        ("nothing", Vec::new(), None, false),
    ] {
        assert_eq!(accepts(&packet, vlan), pass, "{what}");
    }
}

#[test]
fn our_own_requests_do_not_come_back() {
    assert!(!accepts(&encode::datagram(Ipv4Addr::UNSPECIFIED, &[1; 300]), None));
}

pub(super) fn stays_inside(program: &[Instruction]) {
    for (at, (code, jt, jf, _)) in program.iter().enumerate() {
        let farthest = at + 1 + usize::from(*jt.max(jf));
        assert!(*code == RETURN || farthest < program.len(), "instruction {at} jumps to {farthest}");
    }
}

#[test]
fn every_jump_lands_inside_the_program() {
    stays_inside(&PROGRAM);
    assert_eq!(program().len(), PROGRAM.len());
}
