//! What of ARP a worker may hear: what other hosts on the link claim about one address (RFC 5227).
//!
//! A claim is a packet whose sender has the address, or a probe for it by another host. A probe is broadcast (section 1.1): one
//! that is sent to us alone asks whether we are there, as some switches do every minute. Questions for our address by hosts that
//! have one of their own do not pass, nor does anything about other addresses, so the worker learns nothing of the link.

use orlop_dhcp_contract::{HardwareAddr, UnicastAddr};
use orlop_sandbox::packet::SockFilter;

use super::{
    AND, EVERYTHING, Instruction, JUMP_EQUAL, JUMP_GREATER_OR_EQUAL, LOAD_BYTE, LOAD_HALF, LOAD_LENGTH, LOAD_WORD,
    NOTHING, OTHER_HOST, PACKET_TYPE, RETURN, VLAN_ID, VLAN_TAG, VLAN_TAG_PRESENT, instructions,
};
use crate::encode::arp::LENGTH;

/// Hardware addresses of this host that are left out, at most: the kernel bounds a program, and no host has so many on one link.
pub const MAX_OWN: usize = 64;

/// The program for claims to `addr` by hosts with none of the hardware addresses `own`: this host's, whose interfaces on the same
/// link answer for each other.
#[must_use]
pub fn program(addr: UnicastAddr, own: &[HardwareAddr]) -> Vec<SockFilter> {
    instructions(&assembled(addr, own))
}

pub(super) fn assembled(addr: UnicastAddr, own: &[HardwareAddr]) -> Vec<Instruction> {
    let addr = u32::from(addr.get());
    let mut program = vec![
        (LOAD_LENGTH, 0, 0, 0),
        (JUMP_GREATER_OR_EQUAL, 1, 0, WHOLE),
        DROP,
        (LOAD_BYTE, 0, 0, PACKET_TYPE),
        (JUMP_EQUAL, 0, 1, OTHER_HOST),
        DROP,
        // A tagged frame belongs to a VLAN interface, and shows up on its parent all the same. Tag 0 is only a priority.
        (LOAD_BYTE, 0, 0, VLAN_TAG_PRESENT),
        (JUMP_EQUAL, 4, 0, 0),
        (LOAD_WORD, 0, 0, VLAN_TAG),
        (AND, 0, 0, VLAN_ID),
        (JUMP_EQUAL, 1, 0, 0),
        DROP,
        (LOAD_WORD, 0, 0, TYPES),
        (JUMP_EQUAL, 1, 0, ETHERNET_AND_IPV4),
        DROP,
        (LOAD_HALF, 0, 0, LENGTHS),
        (JUMP_EQUAL, 1, 0, SIX_AND_FOUR),
        DROP,
        (LOAD_HALF, 0, 0, OPERATION),
        (JUMP_EQUAL, 2, 0, REQUEST),
        (JUMP_EQUAL, 1, 0, REPLY),
        DROP,
    ];
    for HardwareAddr([a, b, c, d, e, f]) in own.iter().take(MAX_OWN) {
        let (head, tail) = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([0, 0, *e, *f]));
        program.extend([
            (LOAD_WORD, 0, 0, SENDER_HARDWARE),
            (JUMP_EQUAL, 0, 3, head),
            (LOAD_HALF, 0, 0, SENDER_HARDWARE + 4),
            (JUMP_EQUAL, 0, 1, tail),
            DROP,
        ]);
    }
    program.extend([
        (LOAD_WORD, 0, 0, SENDER),
        (JUMP_EQUAL, 0, 1, addr),
        PASS,
        // Not by the sender: a probe, which has none.
        (JUMP_EQUAL, 0, 6, 0),
        (LOAD_WORD, 0, 0, TARGET),
        (JUMP_EQUAL, 0, 4, addr),
        (LOAD_HALF, 0, 0, OPERATION),
        (JUMP_EQUAL, 0, 2, REQUEST),
        (LOAD_BYTE, 0, 0, PACKET_TYPE),
        (JUMP_EQUAL, 1, 0, BROADCAST),
        DROP,
        PASS,
    ]);
    program
}

const DROP: Instruction = (RETURN, 0, 0, NOTHING);
/// What follows the packet in its frame is padding, and stays behind.
const PASS: Instruction = (RETURN, 0, 0, WHOLE);

/// `LENGTH` as an operand.
const WHOLE: u32 = 28;
const _: () = assert!(WHOLE as usize == LENGTH && WHOLE < EVERYTHING);

const TYPES: u32 = 0;
const ETHERNET_AND_IPV4: u32 = 0x0001_0800;
const LENGTHS: u32 = 4;
const SIX_AND_FOUR: u32 = 0x0604;
const OPERATION: u32 = 6;
const REQUEST: u32 = 1;
const REPLY: u32 = 2;
const SENDER_HARDWARE: u32 = 8;
const SENDER: u32 = 14;
const TARGET: u32 = 24;
/// linux/if_packet.h: `PACKET_BROADCAST`.
const BROADCAST: u32 = 1;

#[cfg(test)]
mod tests;
