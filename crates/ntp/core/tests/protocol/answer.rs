//! What a server writes.

use orlop_ntp_contract::{Timestamp, Utc};

/// An answer that is as it should be, to be spoiled by its fields.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Leap indicator, version and mode.
    pub(crate) flags: u8,
    pub(crate) stratum: u8,
    pub(crate) precision: i8,
    /// NTP short format, as the next one.
    pub(crate) root_delay: u32,
    pub(crate) root_dispersion: u32,
    pub(crate) reference_id: [u8; 4],
    pub(crate) origin: u64,
    pub(crate) receive: u64,
    pub(crate) transmit: u64,
    /// Extension fields and code.
    pub(crate) rest: Vec<u8>,
}

impl Answer {
    /// To a question with these bits, received and sent at these times.
    pub(crate) fn new(question: u64, receive: Utc, transmit: Utc) -> Self {
        Self {
            flags: 0x24,
            stratum: 2,
            precision: -24,
            root_delay: 0x40,
            root_dispersion: 0x40,
            reference_id: [192, 0, 2, 250],
            origin: question,
            receive: Timestamp::of(receive).bits(),
            transmit: Timestamp::of(transmit).bits(),
            rest: Vec::new(),
        }
    }

    /// The datagram.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self {
            flags,
            stratum,
            precision,
            root_delay,
            root_dispersion,
            reference_id,
            origin,
            receive,
            transmit,
            rest,
        } = self;
        let mut bytes = vec![*flags, *stratum, 6, precision.to_be_bytes()[0]];
        bytes.extend(root_delay.to_be_bytes());
        bytes.extend(root_dispersion.to_be_bytes());
        bytes.extend(reference_id);
        bytes.extend(receive.to_be_bytes());
        for timestamp in [origin, receive, transmit] {
            bytes.extend(timestamp.to_be_bytes());
        }
        bytes.extend(rest);
        bytes
    }
}

/// The random bits of a question.
pub(crate) fn nonce(question: &[u8; 48]) -> u64 {
    u64::from_be_bytes(*question.last_chunk().unwrap())
}
