//! Netlink messages on the wire: several requests in one datagram, and what comes back taken apart.

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_ALIGNTO, NetlinkBuffer, NetlinkHeader,
};

/// One request, before it has its sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Request {
    /// A change that the kernel acknowledges. `kind` is an `RTM_` constant, `flags` says how (`NLM_F_CREATE` and so on).
    pub(crate) fn change(kind: u16, flags: u16, body: &impl Emitable) -> Self {
        Self { kind, flags: flags | NLM_F_REQUEST | NLM_F_ACK, body: emitted(body) }
    }

    /// A question that the kernel answers with everything it has of a kind.
    pub(crate) fn dump(kind: u16, body: &impl Emitable) -> Self {
        Self { kind, flags: NLM_F_REQUEST | NLM_F_DUMP, body: emitted(body) }
    }
}

/// The bytes of a message or an attribute.
pub(crate) fn emitted(body: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; body.buffer_len()];
    body.emit(&mut bytes);
    bytes
}

/// All requests as one datagram, numbered from `sequence` on.
pub(crate) fn encode(requests: &[Request], sequence: u32) -> Vec<u8> {
    let mut datagram = Vec::new();
    for (number, Request { kind, flags, body }) in (0..).zip(requests) {
        let mut header = NetlinkHeader::default();
        let head = header.buffer_len();
        let len = head.saturating_add(body.len());
        header.length = u32::try_from(len).unwrap_or(u32::MAX);
        header.message_type = *kind;
        header.flags = *flags;
        header.sequence_number = sequence.wrapping_add(number);
        let start = datagram.len();
        datagram.resize(start.saturating_add(head), 0);
        header.emit(datagram.get_mut(start..).unwrap_or_default());
        datagram.extend(body);
        datagram.resize(datagram.len().next_multiple_of(ALIGNMENT), 0);
    }
    datagram
}

/// One message that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'b> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) payload: &'b [u8],
}

/// The messages of one datagram; stops at the first whose length is wrong, since nothing says where the next begins.
pub(crate) fn frames(mut datagram: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    core::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(datagram).ok()?;
        let length = usize::try_from(message.length()).ok()?;
        datagram = datagram.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(Frame {
            kind: message.message_type(),
            flags: message.flags(),
            sequence: message.sequence_number(),
            payload: message.payload(),
        })
    })
}

impl Frame<'_> {
    /// The code of an `NLMSG_ERROR` (0 for an acknowledgement) or of the end of a dump: a negated `errno`.
    pub(crate) fn code(&self) -> Option<i32> {
        self.payload.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes))
    }
}

// `as`, because there is no const `From` for u16 to usize.
const ALIGNMENT: usize = NLMSG_ALIGNTO as usize;

#[cfg(test)]
mod tests {
    use netlink_packet_core::DefaultNla;

    use super::*;

    #[test]
    fn requests_of_one_datagram_come_apart_again() {
        let requests = [
            Request::change(20, 0x500, &DefaultNla::new(1, vec![1, 2, 3])),
            Request::dump(26, &DefaultNla::new(2, Vec::new())),
            Request::dump(18, &DefaultNla::new(3, vec![0; 12])),
        ];
        let datagram = encode(&requests, u32::MAX);
        let seen: Vec<_> = frames(&datagram).map(|f| (f.kind, f.flags, f.sequence, f.payload.len())).collect();
        assert_eq!(seen, [(20, 0x505, u32::MAX, 8), (26, 0x301, 0, 4), (18, 0x301, 1, 16)]);
    }

    #[test]
    fn a_wrong_length_ends_the_datagram() {
        let good = encode(&[Request::dump(18, &DefaultNla::new(3, vec![0; 12]))], 1);
        for (what, length) in [("zero", 0_u32), ("shorter than the header", 15), ("beyond the end", 33)] {
            let mut datagram = good.clone();
            datagram.extend(&good);
            datagram[32..36].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(frames(&datagram).count(), 1, "{what}");
        }
        assert_eq!(frames(&[]).count(), 0);
        assert_eq!(frames(&[16, 0, 0]).count(), 0);
    }
}
