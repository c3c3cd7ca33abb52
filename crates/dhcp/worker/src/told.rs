//! What the log tells of a packet at `debug`: who said what, and why it was dropped, in one line. The relay of the broker
//! escapes these lines and bounds their number.

use orlop_dhcp_contract::{Counters, Discard};
use orlop_dhcp_core::frame::{self, PacketInfo};
use orlop_dhcp_core::message::{Header, Reply};
use orlop_wire::InterfaceName;
use tracing::debug;

/// Tells of a packet that came on `interface`; `before` and `after` are the counters of what was dropped.
pub(crate) fn tell(interface: &InterfaceName, packet: &[u8], info: PacketInfo, before: Counters, after: Counters) {
    let mut counted = Discard::ALL.iter().copied().filter(|one| after.of(*one) > before.of(*one));
    let bytes = packet.len();
    match (reply(packet, info), counted.clone().find(|one| !one.is_of_a_part())) {
        (Some((xid, Reply { kind, yiaddr: address, server_id, .. })), dropped) => {
            let server = server_id.map_or_else(|| "unnamed".to_owned(), |id| id.to_string());
            if let Some(reason) = dropped {
                debug!(%interface, ?kind, %server, %address, xid, bytes, %reason, "received and dropped");
            } else if let Some(left_out) = counted.next() {
                debug!(%interface, ?kind, %server, %address, xid, bytes, %left_out, "received");
            } else {
                debug!(%interface, ?kind, %server, %address, xid, bytes, "received");
            }
        }
        (None, dropped) => {
            let reason = dropped.map_or("unread", Discard::name);
            debug!(%interface, bytes, %reason, "received and dropped");
        }
    }
}

/// The packet read once more, for the log alone: it need not be ours for that.
fn reply(packet: &[u8], info: PacketInfo) -> Option<(u32, Reply)> {
    let datagram = frame::parse(packet, info).ok()?;
    let header = Header::parse(datagram.payload).ok()?;
    let reply = Reply::parse(&header, datagram.source, &mut Counters::default()).ok()?;
    Some((header.xid, reply))
}
