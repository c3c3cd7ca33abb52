use orlop_machine::Seed;
use proptest::prelude::*;

use super::*;
use crate::packet::{Packet, question};

const UNIQUE: Unique = Unique::from_bytes([9; 32]);

fn chance() -> Chance {
    Chance::new(Seed::from_bytes([3; 32]))
}

fn key(byte: u8) -> Secret {
    Secret::new([byte; 32])
}

fn cookie(length: usize) -> Cookie {
    Cookie::new(&vec![5; length]).unwrap()
}

fn plain() -> [u8; HEADER] {
    question(orlop_ntp_contract::Timestamp::from_bits(77))
}

fn field(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, kind, &[value]);
    bytes
}

/// An answer as a server makes it: header, fields, and an authenticator over them with `text` under its protection.
fn protected(fields: &[u8], text: &[u8], nonce: &[u8], key: &Secret) -> Vec<u8> {
    let mut packet = [&plain()[..], fields].concat();
    let mut text = text.to_vec();
    let tag = protect(key, &packet, nonce, &mut text);
    let lengths = [nonce.len(), TAG + text.len()].map(|length| u16::try_from(length).unwrap().to_be_bytes()).concat();
    let fill = |length: usize| vec![0; length.next_multiple_of(4) - length];
    let parts: [&[u8]; 6] = [&lengths, nonce, &fill(nonce.len()), &tag, &text, &fill(text.len())];
    put(&mut packet, kind::AUTHENTICATOR, &parts);
    packet
}

fn opened(datagram: &[u8], key: &Secret) -> Result<Vec<Cookie>, Discard> {
    let packet = Packet::parse(datagram)?;
    open(datagram, packet.extensions, &UNIQUE, key)
}

fn ours() -> Vec<u8> {
    field(kind::UNIQUE_IDENTIFIER, &UNIQUE.0)
}

#[test]
fn a_question_has_its_fields_in_their_order_and_is_not_longer_than_a_packet() {
    for (what, cookie, more, length, holders) in [
        ("none is missing", cookie(100), 0, 48 + 36 + 104 + 40, 0),
        ("all are missing", cookie(100), 7, 48 + 36 + 8 * 104 + 40, 7),
        ("long ones", cookie(256), 7, 48 + 36 + 3 * 260 + 40, 2),
        ("short ones", cookie(12), 7, 48 + 36 + 8 * 16 + 40, 7),
        ("the last byte is taken", cookie(176), 7, 1024, 4),
        ("four bytes are left", cookie(108), 7, 1020, 7),
        ("so many that one more would almost fit", cookie(128), 7, 48 + 36 + 6 * 132 + 40, 5),
    ] {
        let sealed = seal(&plain(), &UNIQUE, &cookie, more, &key(1), &mut chance());
        assert!(sealed.len() <= MAX_PACKET, "{what}");
        assert_eq!(sealed.len(), length, "{what}");
        let packet = Packet::parse(&sealed).unwrap();
        let kinds: Vec<u16> = packet.extensions.map(|field| field.field_type).collect();
        let want = [&[0x0104, 0x0204][..], &vec![0x0304; holders], &[0x0404]].concat();
        assert_eq!(kinds, want, "{what}");
        assert!(repeats(packet.extensions, &UNIQUE), "{what}");
        // Only who has the key can have made it: it is good under ours and under no other.
        assert_eq!(opened(&sealed, &key(1)), Ok(Vec::new()), "{what}");
        assert_eq!(opened(&sealed, &key(2)), Err(Discard::Forged), "{what}");
    }
}

#[test]
fn no_two_questions_look_alike() {
    let mut chance = chance();
    let (one, other) = (Unique::new(&mut chance), Unique::new(&mut chance));
    assert_ne!(one, other);
    let sealed = |chance: &mut Chance| seal(&plain(), &one, &cookie(100), 0, &key(1), chance);
    assert_ne!(sealed(&mut chance), sealed(&mut chance), "another nonce each time");
}

#[test]
fn an_answer_is_good_under_our_key_and_for_our_question_alone() {
    let cookies = [field(kind::COOKIE, &[1; 100]), field(kind::COOKIE, &[2; 100])].concat();
    let got = || Ok(vec![Cookie::new(&[1; 100]).unwrap(), Cookie::new(&[2; 100]).unwrap()]);
    let (nonce, key) = ([4; 16], key(1));
    let good = protected(&ours(), &cookies, &nonce, &key);
    let forged = || Err(Discard::Forged);
    let other = field(kind::UNIQUE_IDENTIFIER, &[8; 32]);
    for (what, datagram, want) in [
        ("a good one", good.clone(), got()),
        ("another nonce length", protected(&ours(), &cookies, &[4; 21], &key), got()),
        ("no cookie", protected(&ours(), &[], &nonce, &key), Ok(Vec::new())),
        (
            "something unknown before",
            protected(&[ours(), field(0x7777, &[0; 24])].concat(), &cookies, &nonce, &key),
            got(),
        ),
        ("something behind, which nobody vouches for", [good.clone(), field(kind::COOKIE, &[6; 100])].concat(), got()),
        (
            "something unknown inside",
            protected(&ours(), &[field(0x7777, &[0; 24]), cookies.clone()].concat(), &nonce, &key),
            got(),
        ),
        ("nothing of NTS", plain().to_vec(), Err(Discard::Unprotected)),
        ("the identifier alone", [&plain()[..], &ours()].concat(), Err(Discard::Unprotected)),
        ("another key", protected(&ours(), &cookies, &nonce, &super::tests::key(2)), forged()),
        ("another question's", protected(&other, &cookies, &nonce, &key), forged()),
        ("ours and another question's", protected(&[ours(), other.clone()].concat(), &cookies, &nonce, &key), forged()),
        ("ours twice", protected(&[ours(), ours()].concat(), &cookies, &nonce, &key), forged()),
        ("a longer identifier", protected(&field(kind::UNIQUE_IDENTIFIER, &[9; 36]), &cookies, &nonce, &key), forged()),
        ("no identifier", protected(&[], &cookies, &nonce, &key), forged()),
        ("the identifier behind the protection", [protected(&[], &cookies, &nonce, &key), ours()].concat(), forged()),
        ("no nonce", protected(&ours(), &cookies, &[], &key), forged()),
        ("no whole field inside", protected(&ours(), &cookies[..50], &nonce, &key), forged()),
        (
            "lengths beyond the field",
            [&plain()[..], &ours(), &field(kind::AUTHENTICATOR, &[255; 40])].concat(),
            forged(),
        ),
        (
            "no room for a tag",
            [&plain()[..], &ours(), &field(kind::AUTHENTICATOR, &[&[0, 16, 0, 4][..], &[0; 20]].concat())].concat(),
            forged(),
        ),
    ] {
        assert_eq!(opened(&datagram, &key), want, "{what}");
    }
    for at in 0..good.len() {
        let mut other = good.clone();
        other[at] ^= 0x10;
        assert!(opened(&other, &key).is_err(), "byte {at} is another one");
    }
    for end in HEADER..good.len() {
        assert!(opened(&good[..end], &key).is_err(), "cut at {end}");
    }
    let many = protected(&ours(), &field(kind::COOKIE, &[1; 32]).repeat(12), &nonce, &key);
    assert_eq!(opened(&many, &key).map(|cookies| cookies.len()), Ok(MAX_COOKIES), "no more than are kept");
}

proptest! {
    #[test]
    fn no_bytes_are_an_answer_that_nobody_protected(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let datagram = [&plain()[..], &ours(), &tail].concat();
        prop_assert!(opened(&datagram, &key(1)).is_err());
    }

    #[test]
    fn no_protected_text_is_more_than_eight_cookies(text in prop::collection::vec(any::<u8>(), 0..500)) {
        let datagram = protected(&ours(), &text, &[1; 16], &key(1));
        if let Ok(cookies) = opened(&datagram, &key(1)) {
            prop_assert!(cookies.len() <= MAX_COOKIES);
        }
    }
}

#[test]
fn what_comes_before_the_identifier_protects_nothing() {
    let (nonce, key) = ([4; 16], key(1));
    let early = field(kind::AUTHENTICATOR, &[0; 24]);
    let twice = protected(&[early, ours()].concat(), &[], &nonce, &key);
    assert_eq!(opened(&twice, &key), Err(Discard::Forged));
}
