//! What the kernel lets through to a worker: a classic BPF program, attached and locked before the socket is bound.
//!
//! It lets pass complete DHCP replies and nothing else, so that a flood of anything else on the link costs the worker
//! no wake-up. It does not know the transaction: `xid` and `chaddr` are for the worker, which checks everything once
//! more. Offsets count from the IP header, because the sockets are `SOCK_DGRAM`. What of ARP passes is in [`arp`].

pub mod arp;

use orlop_sandbox::packet::SockFilter;

/// The program for DHCP replies, for [`orlop_sandbox::packet::open_listener`].
#[must_use]
pub fn program() -> Vec<SockFilter> {
    instructions(&PROGRAM)
}

fn instructions(program: &[Instruction]) -> Vec<SockFilter> {
    program.iter().map(|(code, jt, jf, k)| SockFilter::new(*code, *jt, *jf, *k)).collect()
}

/// One instruction: code, how many to skip when the test holds, how many when it does not, operand.
type Instruction = (u16, u8, u8, u32);

const PROGRAM: [Instruction; 24] = [
    // A frame for a VLAN that is not set up here reaches the parent without its tag, marked as somebody else's.
    (LOAD_BYTE, 0, 0, PACKET_TYPE),
    (JUMP_EQUAL, 21, 0, OTHER_HOST),
    (LOAD_BYTE, 0, 0, IP_PROTOCOL),
    (JUMP_EQUAL, 0, 19, UDP),
    (LOAD_HALF, 0, 0, IP_FRAGMENT),
    (JUMP_SET, 17, 0, MORE_FRAGMENTS_OR_OFFSET),
    (LOAD_IP_HEADER_LENGTH, 0, 0, 0),
    (LOAD_HALF_INDEXED, 0, 0, UDP_DESTINATION),
    (JUMP_EQUAL, 0, 14, CLIENT_PORT),
    (LOAD_LENGTH, 0, 0, 0),
    (SUBTRACT_INDEX, 0, 0, 0), // no underflow: the load through the index above would have ended the program
    (JUMP_GREATER_OR_EQUAL, 0, 11, UDP_HEADER + BOOTP_FIXED),
    (LOAD_BYTE_INDEXED, 0, 0, UDP_HEADER),
    (JUMP_EQUAL, 0, 9, BOOTREPLY),
    (LOAD_WORD_INDEXED, 0, 0, UDP_HEADER + BOOTP_FIXED - 4),
    (JUMP_EQUAL, 0, 7, MAGIC_COOKIE),
    // A tagged frame belongs to a VLAN interface, and shows up on its parent all the same. Tag 0 is only a priority.
    (LOAD_BYTE, 0, 0, VLAN_TAG_PRESENT),
    (JUMP_EQUAL, 4, 0, 0),
    (LOAD_WORD, 0, 0, VLAN_TAG),
    (AND, 0, 0, VLAN_ID),
    (JUMP_EQUAL, 1, 0, 0),
    (RETURN, 0, 0, NOTHING),
    (RETURN, 0, 0, EVERYTHING),
    (RETURN, 0, 0, NOTHING),
];

// linux/bpf_common.h: class | size | mode, or class | operation | source.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_WORD_INDEXED: u16 = 0x40;
const LOAD_HALF_INDEXED: u16 = 0x48;
const LOAD_BYTE_INDEXED: u16 = 0x50;
const LOAD_LENGTH: u16 = 0x80;
const LOAD_IP_HEADER_LENGTH: u16 = 0xb1;
const SUBTRACT_INDEX: u16 = 0x1c;
const AND: u16 = 0x54;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
const JUMP_SET: u16 = 0x45;
const RETURN: u16 = 0x06;

/// linux/filter.h: `SKF_AD_OFF + SKF_AD_PKTTYPE`.
const PACKET_TYPE: u32 = 0xffff_f000 + 4;
/// linux/if_packet.h: `PACKET_OTHERHOST`.
const OTHER_HOST: u32 = 3;
/// linux/filter.h: `SKF_AD_OFF + SKF_AD_VLAN_TAG`, loads that read beside the packet.
const VLAN_TAG: u32 = 0xffff_f000 + 44;
/// `SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT`.
const VLAN_TAG_PRESENT: u32 = 0xffff_f000 + 48;
const VLAN_ID: u32 = 0x0fff;

const IP_PROTOCOL: u32 = 9;
const UDP: u32 = 17;
const IP_FRAGMENT: u32 = 6;
/// The first fragment too, which has no offset: a reply in pieces is no reply.
const MORE_FRAGMENTS_OR_OFFSET: u32 = 0x3fff;
const UDP_DESTINATION: u32 = 2;
const CLIENT_PORT: u32 = 68;
const UDP_HEADER: u32 = 8;
/// `op` to `file`, and the magic cookie.
const BOOTP_FIXED: u32 = 240;
const BOOTREPLY: u32 = 2;
const MAGIC_COOKIE: u32 = 0x6382_5363;
const NOTHING: u32 = 0;
/// More than any packet has: the worker's buffer decides.
const EVERYTHING: u32 = 0xffff;

#[cfg(test)]
mod tests;
