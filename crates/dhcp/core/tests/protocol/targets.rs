//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and
//! proptest run it on stable.

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{
    Arp, Conduct, Counters, Finding, HardwareAddr, Notice, Request, ServerRule, UnicastAddr, timing,
};
use orlop_dhcp_core::arp;
use orlop_dhcp_core::conflict::{Action, Detection, Event};
use orlop_dhcp_core::frame::{self, PacketInfo};
use orlop_dhcp_core::lease::granted;
use orlop_dhcp_core::message::{Header, Reply};
use orlop_dhcp_core::option::{Fields, Join, Options};
use orlop_machine::{Instant, Machine, Seed};
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

/// ARP: the first byte says what the kernel said, the second how many of the last bytes come in later packets. Whatever another
/// host says is told of once at most, and then defended once in ten seconds.
pub(crate) fn arp(data: &[u8]) {
    let [flags, step, packets @ ..] = data else { return };
    let info = PacketInfo { checksum_ready: true, vlan: (flags & 2 != 0).then_some(5), whole: flags & 4 == 0 };
    let addr = UnicastAddr::new(Ipv4Addr::new(192, 0, 2, 9)).unwrap();
    let (mut now, own) = (Instant::from_nanos(1), HardwareAddr([2, 0, 0, 0, 0, 1]));
    let mut detection = Detection::new(now, addr, own, Seed::from_bytes([*flags; 32]));
    let (mut found, mut defended) = (0, None);
    for packet in packets.chunks(28) {
        now = now.after(Duration::from_millis(u64::from(*step) * 20));
        let claim = arp::parse(packet, info).and_then(|packet| detection.judge(&packet));
        let event = claim.map_or(Event::Deadline, Event::Claimed);
        if let Event::Claimed(by) = event {
            assert_ne!(by, own, "our own packet is no claim");
        }
        for action in detection.handle(now, event) {
            match action {
                Action::Found(finding) => {
                    found += 1;
                    assert_eq!(matches!(finding, Finding::Taken { .. }), matches!(event, Event::Claimed(_)));
                }
                Action::Send(Arp::Defend { .. }) => {
                    let last = defended.replace(now);
                    assert!(last.is_none_or(|last| now.since(last) >= timing::DEFEND_INTERVAL), "too often");
                }
                Action::Send(Arp::Probe | Arp::Announce) => assert_eq!(event, Event::Deadline),
            }
        }
        assert!(
            detection.deadline().is_none_or(|due| due > now) || event != Event::Deadline,
            "the deadline has passed"
        );
    }
    assert!(found <= 1, "found {found} times");
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
