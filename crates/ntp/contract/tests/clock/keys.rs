//! Keys and cookies: what they carry, and that they do not show it.

use orlop_ntp_contract::{Cookie, ExchangeId, Host, Secret};
use orlop_wire::{Bounded, DomainName, HostAddr, decode, encode, max_size};

#[test]
fn a_key_carries_its_bytes_and_shows_none() {
    let secret = Secret::new([0xa7; 32]);
    assert_eq!((secret.bytes(), format!("{secret:?}").as_str()), (&[0xa7; 32], "Secret"));
}

#[test]
fn a_cookie_carries_its_bytes_over_a_channel_and_shows_their_number() {
    let bytes: Vec<u8> = (0..100).collect();
    let cookie = Cookie::new(&bytes).unwrap();
    assert_eq!(format!("{cookie:?}"), "Cookie(100 bytes)");
    let mut frame = vec![0; max_size::<Cookie>()];
    let read: Cookie = decode(encode(&cookie, &mut frame).unwrap()).unwrap();
    assert_eq!((read.bytes(), &read), (&*bytes, &cookie));
    assert_eq!(&*Bounded::from(cookie), &*bytes);
}

#[test]
fn every_exchange_has_a_number_of_its_own() {
    let first = ExchangeId::default();
    assert!(first < first.next() && first.next() < first.next().next());
}

#[test]
fn a_host_is_shown_as_it_is_written() {
    for (host, want) in [
        (Host::Name(DomainName::new("time.example").unwrap()), "time.example"),
        (Host::Address(HostAddr::new("2001:db8::1".parse().unwrap()).unwrap()), "2001:db8::1"),
    ] {
        assert_eq!(host.to_string(), want);
    }
}
