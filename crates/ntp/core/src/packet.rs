//! The header of 48 bytes and what follows it (RFC 5905 section 7.3).

use core::time::Duration;

use orlop_ntp_contract::{Discard, Leap, Timestamp};

mod extension;

pub use extension::{Extension, Extensions, MAX_EXTENSIONS};

/// Bytes of a header, and of every question of ours.
pub const HEADER: usize = 48;

/// Longest packet that is looked at: an answer without extension fields has 48 bytes, one with NTS a few hundred.
pub const MAX_PACKET: usize = 1024;

/// The version that we speak, and the only one that we hear.
pub const VERSION: u8 = 4;

/// A packet that has the form of one. What its fields mean together, [`exchange`](crate::exchange) decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'p> {
    /// LI: what happens at the end of the day, or `None` for 3, "not synchronised".
    pub leap: Option<Leap>,
    /// VN, 0 to 7.
    pub version: u8,
    /// Mode, 0 to 7.
    pub mode: u8,
    /// Stratum: 0 is a kiss-o'-death, 1 to 15 a server's distance from the primary clock, 16 and more "not synchronised".
    pub stratum: u8,
    /// Poll exponent, as the sender likes it.
    pub poll: i8,
    /// Precision of the sender's clock, as a power of two seconds.
    pub precision: i8,
    /// Round trip from the sender to the primary clock.
    pub root_delay: Duration,
    /// Error that has gathered on that way.
    pub root_dispersion: Duration,
    /// Reference identifier; of a kiss-o'-death its code.
    pub reference_id: [u8; 4],
    /// When the sender's clock was last set.
    pub reference: Timestamp,
    /// The transmit timestamp of the packet that this answers.
    pub origin: Timestamp,
    /// When that packet arrived.
    pub receive: Timestamp,
    /// When this one left.
    pub transmit: Timestamp,
    /// The extension fields.
    pub extensions: Extensions<'p>,
    /// Whether a message authentication code, or a crypto-NAK, ends the packet.
    pub mac: bool,
}

/// Leap indicator, version and mode of a question: nothing to say, version 4, client.
const CLIENT: u8 = VERSION << 3 | 3;

/// The question with this transmit timestamp. All else is zero: what a server does not need, nobody on the way learns.
#[must_use]
pub fn question(transmit: Timestamp) -> [u8; HEADER] {
    let mut packet = [0; HEADER];
    if let Some((first, rest)) = packet.split_first_mut() {
        *first = CLIENT;
        if let Some(end) = rest.last_chunk_mut() {
            *end = transmit.bits().to_be_bytes();
        }
    }
    packet
}

impl<'p> Packet<'p> {
    /// Reads a whole datagram.
    ///
    /// # Errors
    /// [`Discard::Malformed`]: it is shorter than a header, longer than [`MAX_PACKET`], or what follows the header does not
    /// fill it.
    pub fn parse(datagram: &'p [u8]) -> Result<Self, Discard> {
        if datagram.len() > MAX_PACKET {
            return Err(Discard::Malformed);
        }
        let mut cursor = Cursor(datagram);
        let [flags, stratum, poll, precision] = cursor.take()?;
        let (root_delay, root_dispersion) = (short(cursor.take()?), short(cursor.take()?));
        let reference_id = cursor.take()?;
        let mut timestamp = || cursor.take().map(|bytes| Timestamp::from_bits(u64::from_be_bytes(bytes)));
        let (reference, origin, receive, transmit) = (timestamp()?, timestamp()?, timestamp()?, timestamp()?);
        let (extensions, mac) = Extensions::parse(cursor.0)?;
        Ok(Self {
            leap: match flags >> 6 {
                0 => Some(Leap::None),
                1 => Some(Leap::Insert),
                2 => Some(Leap::Delete),
                _ => None,
            },
            version: flags >> 3 & 7,
            mode: flags & 7,
            stratum,
            poll: i8::from_be_bytes([poll]),
            precision: i8::from_be_bytes([precision]),
            root_delay,
            root_dispersion,
            reference_id,
            reference,
            origin,
            receive,
            transmit,
            extensions,
            mac,
        })
    }
}

/// What has not been read yet.
struct Cursor<'p>(&'p [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Discard> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Discard::Malformed)?;
        self.0 = tail;
        Ok(*head)
    }
}

/// NTP short format: seconds with 16 bits of fraction, 18 hours at most.
fn short(bytes: [u8; 4]) -> Duration {
    let fixed = u64::from(u32::from_be_bytes(bytes));
    Duration::from_nanos(fixed.saturating_mul(1_000_000_000) >> 16_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_shows_nothing_but_its_random_bits() {
        let packet = question(Timestamp::from_bits(0x0102_0304_0506_0708));
        assert_eq!(packet[0], 0x23);
        assert!(packet[1..40].iter().all(|byte| *byte == 0));
        assert_eq!(packet[40..], [1, 2, 3, 4, 5, 6, 7, 8]);
        let read = Packet::parse(&packet).unwrap();
        assert_eq!((read.leap, read.version, read.mode, read.mac), (Some(Leap::None), 4, 3, false));
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let mut bytes = [0; HEADER];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap();
        }
        bytes[..4].copy_from_slice(&[0b0110_0100, 2, 6, 0xe9]);
        let read = Packet::parse(&bytes).unwrap();
        assert_eq!((read.leap, read.version, read.mode), (Some(Leap::Insert), 4, 4));
        assert_eq!((read.stratum, read.poll, read.precision), (2, 6, -23));
        assert_eq!(read.root_delay, Duration::from_nanos(1029 * 1_000_000_000 + 23_544_311));
        assert_eq!(read.reference_id, [12, 13, 14, 15]);
        assert_eq!(read.reference.bits(), 0x1011_1213_1415_1617);
        assert_eq!(read.origin.bits(), 0x1819_1a1b_1c1d_1e1f);
        assert_eq!(read.receive.bits(), 0x2021_2223_2425_2627);
        assert_eq!(read.transmit.bits(), 0x2829_2a2b_2c2d_2e2f);
        for (bits, leap) in [(0, Some(Leap::None)), (1, Some(Leap::Insert)), (2, Some(Leap::Delete)), (3, None)] {
            bytes[0] = bits << 6 | 0b0010_0100;
            assert_eq!(Packet::parse(&bytes).unwrap().leap, leap, "{bits}");
        }
    }

    #[test]
    fn the_longest_packet_is_looked_at_and_a_longer_one_is_not() {
        for (length, fits) in [(MAX_PACKET - 4, true), (MAX_PACKET, true), (MAX_PACKET + 4, false)] {
            let mut packet = question(Timestamp::from_bits(1)).to_vec();
            // One field of an unknown type to the end.
            packet.extend([0xf3, 0x23]);
            packet.extend(u16::try_from(length - HEADER).unwrap().to_be_bytes());
            packet.resize(length, 0);
            assert_eq!(Packet::parse(&packet).is_ok(), fits, "{length} bytes");
        }
    }

    #[test]
    fn a_packet_of_another_length_is_none() {
        for len in (0..HEADER).chain([MAX_PACKET + 1, 65_535]) {
            assert_eq!(Packet::parse(&vec![0x24; len]), Err(Discard::Malformed), "{len} bytes");
        }
    }

    #[test]
    fn the_largest_root_delay_is_18_hours() {
        assert_eq!(short([0xff; 4]).as_secs(), 65_535);
    }
}
