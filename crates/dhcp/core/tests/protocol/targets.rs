//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and
//! proptest run it on stable.

use core::net::Ipv4Addr;

use orlop_dhcp_contract::{Conduct, Counters, Notice, Request, ServerRule};
use orlop_dhcp_core::frame::{self, PacketInfo};
use orlop_dhcp_core::lease::granted;
use orlop_dhcp_core::message::{Header, Reply};
use orlop_dhcp_core::option::{Fields, Join, Options};
use orlop_machine::Instant;
use orlop_wire::{Bounded, MaxSize, decode, encode, max_size};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The option walker: the first 192 bytes are `file` and `sname`, the rest is the options field.
pub(crate) fn options(data: &[u8]) {
    let (fixed, options) = data.split_at(data.len().min(192));
    let (file, sname) = fixed.split_at(fixed.len().min(128));
    let all = Options::parse(Fields { options, file, sname }, |_| true);
    for join in [Join::All, Join::Cut] {
        let total: usize = (0..=u8::MAX).filter_map(|code| all.get(code, join)).map(|joined| joined.bytes.len()).sum();
        assert!(total <= data.len(), "{total} bytes out of {}", data.len());
    }
    assert!(all.codes().all(|code| code != 0 && code != 255), "padding is no option");
}

/// The first byte says what the kernel said, the rest is an IP packet.
pub(crate) fn frame(data: &[u8]) {
    let Some((flags, packet)) = data.split_first() else { return };
    let info = PacketInfo {
        checksum_ready: flags & 1 == 0,
        vlan: (flags & 2 != 0).then_some(u16::from(*flags)),
        whole: flags & 4 == 0,
    };
    if let Ok(datagram) = frame::parse(packet, info) {
        assert!(datagram.payload.len() <= packet.len() - 28, "a payload larger than its packet");
        message_to_lease(datagram.payload);
    }
}

/// A DHCP message: whatever lease comes out of it can be applied, and survives the way to the broker.
pub(crate) fn message_to_lease(data: &[u8]) {
    let Ok(header) = Header::parse(data) else { return };
    let mut counters = Counters::default();
    let Ok(reply) = Reply::parse(&header, Ipv4Addr::new(192, 0, 2, 1), &mut counters) else { return };
    let conduct = Conduct {
        client_id: Bounded::new(),
        rapid_commit: true,
        broadcast: false,
        fallback_lease_secs: 3600,
        servers: ServerRule::default(),
        told_as: None,
    };
    let Ok(lease) = granted(&reply, &conduct, Instant::from_nanos(1), None) else { return };
    assert!(lease.term.is_ordered(), "{:?}", lease.term);
    assert!(lease.prefix.has_host(lease.addr.get()), "{}/{}", lease.addr, lease.prefix);
    assert!(lease.routes.is_empty() || lease.routers.is_empty(), "RFC 3442: never both");
    let mut buffer = vec![0; max_size::<orlop_dhcp_contract::Lease>()];
    let encoded = encode(&lease, &mut buffer).unwrap();
    assert_eq!(decode::<orlop_dhcp_contract::Lease>(encoded).as_ref(), Ok(&lease));
}

/// The machine under a script.
pub(crate) fn machine(data: &[u8]) {
    let _ = crate::script::play(data);
}

/// What the broker decodes.
pub(crate) fn ipc_from_worker(data: &[u8]) {
    one_spelling::<Request>(data);
}

/// What the worker decodes.
pub(crate) fn ipc_from_broker(data: &[u8]) {
    one_spelling::<Notice>(data);
}

/// What decodes at all encodes to the same bytes.
fn one_spelling<T: Serialize + DeserializeOwned + MaxSize>(data: &[u8]) {
    if let Ok(value) = decode::<T>(data) {
        let mut buffer = vec![0; max_size::<T>()];
        assert_eq!(encode(&value, &mut buffer).unwrap(), data);
    }
}
