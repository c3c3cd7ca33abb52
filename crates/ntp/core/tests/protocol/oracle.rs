//! Our reader of packets beside ntp-proto's: where both take a packet, they read the same.
//!
//! ntp-proto refuses some that we take: its extension fields have types. We refuse some that it takes: it treats version 5 and
//! codes of any length. The difference is allowed in one direction only for packets without anything behind the header.

use ntp_proto::{NoCipher, NtpAssociationMode, NtpDuration, NtpLeapIndicator, NtpPacket, NtpTimestamp};
use orlop_ntp_contract::{Leap, Timestamp};
use orlop_ntp_core::packet::Packet;
use proptest::collection::vec;
use proptest::prelude::*;

fn theirs(timestamp: Timestamp) -> NtpTimestamp {
    // Their only door: whole nanoseconds. The fraction is compared to within one.
    let (secs, fraction) = ((timestamp.bits() >> 32) as u32, timestamp.bits() & 0xffff_ffff);
    NtpTimestamp::from_seconds_nanos_since_ntp_era(secs, ((fraction * 1_000_000_000) >> 32) as u32)
}

fn is_close(ours: Timestamp, other: NtpTimestamp) -> bool {
    let (secs, nanos) = (other - theirs(ours)).as_seconds_nanos();
    secs == 0 && nanos <= 1
}

fn is_same_length(ours: core::time::Duration, other: NtpDuration) -> bool {
    let (secs, nanos) = other.as_seconds_nanos();
    u64::try_from(secs).unwrap() == ours.as_secs() && nanos.abs_diff(ours.subsec_nanos()) <= 1
}

fn compare(datagram: &[u8]) -> Result<(), TestCaseError> {
    let ours = Packet::parse(datagram);
    let other = NtpPacket::deserialize(datagram, &NoCipher);
    if datagram.len() == 48 {
        prop_assert!(ours.is_ok() && other.is_ok(), "a bare header is a packet");
    }
    let (Ok(ours), Ok((other, _))) = (ours, other) else { return Ok(()) };
    let mode = match other.mode() {
        NtpAssociationMode::Reserved => 0,
        NtpAssociationMode::SymmetricActive => 1,
        NtpAssociationMode::SymmetricPassive => 2,
        NtpAssociationMode::Client => 3,
        NtpAssociationMode::Server => 4,
        NtpAssociationMode::Broadcast => 5,
        NtpAssociationMode::Control => 6,
        NtpAssociationMode::Private => 7,
    };
    let leap = match other.leap() {
        NtpLeapIndicator::NoWarning => Some(Leap::None),
        NtpLeapIndicator::Leap61 => Some(Leap::Insert),
        NtpLeapIndicator::Leap59 => Some(Leap::Delete),
        NtpLeapIndicator::Unknown | NtpLeapIndicator::Unsynchronized => None,
    };
    prop_assert_eq!((ours.mode, ours.leap), (mode, leap));
    prop_assert_eq!(
        (ours.stratum, ours.precision, ours.poll),
        (other.stratum(), other.precision(), other.poll().as_log())
    );
    prop_assert!(is_same_length(ours.root_delay, other.root_delay()), "{:?} {:?}", ours, other);
    prop_assert!(is_same_length(ours.root_dispersion, other.root_dispersion()), "{:?} {:?}", ours, other);
    prop_assert!(is_close(ours.receive, other.receive_timestamp()), "{:?} {:?}", ours, other);
    prop_assert!(is_close(ours.transmit, other.transmit_timestamp()), "{:?} {:?}", ours, other);
    prop_assert_eq!(ours.stratum == 0, other.is_kiss());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_read_the_same(flags in (0_u8..4, 0_u8..8), body in vec(any::<u8>(), 47), rest in prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..60)]) {
        let header = flags.0 << 6 | 4 << 3 | flags.1;
        compare(&[&[header][..], &body, &rest].concat())?;
    }
}
