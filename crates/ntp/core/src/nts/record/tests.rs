use proptest::prelude::*;

use super::*;

fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn agreed() -> Vec<u8> {
    [record(0x8001, &[0, 0]), record(0x8004, &[0, 15])].concat()
}

fn end() -> Vec<u8> {
    record(0x8000, &[])
}

fn cookie() -> Vec<u8> {
    record(5, &[7; 100])
}

#[test]
fn a_request_asks_for_ntp_with_the_one_algorithm() {
    assert_eq!(request(), [0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 15, 0x80, 0, 0, 0]);
    assert_eq!((exporter_context(true), exporter_context(false)), ([0, 0, 0, 15, 0], [0, 0, 0, 15, 1]));
}

#[test]
fn a_response_is_taken_whole_or_not_at_all() {
    let name = |text: &str| Some(Host::Name(DomainName::new(text).unwrap()));
    let address = |text: &str| Some(Host::Address(HostAddr::new(text.parse().unwrap()).unwrap()));
    let good = |extra: &[u8]| [&agreed()[..], extra, &cookie(), &end()].concat();
    let taken =
        |count, host, port| Ok(Some(Response { cookies: vec![Cookie::new(&[7; 100]).unwrap(); count], host, port }));
    let wrong = Err(KeyFailure::Records);
    // What a response has beside the body of one record of no meaning.
    let rest = good(&record(1024, &[])).len();
    for (what, bytes, want) in [
        ("nothing yet", vec![], Ok(None)),
        ("half a record", agreed()[..5].to_vec(), Ok(None)),
        ("no end yet", [agreed(), cookie()].concat(), Ok(None)),
        ("a good one", good(&[]), taken(1, None, None)),
        ("nine cookies, of which eight are kept", good(&cookie().repeat(8)), taken(8, None, None)),
        ("a name", good(&record(6, b"ntp.example")), taken(1, name("ntp.example"), None)),
        (
            "an address, with the critical bit",
            good(&record(0x8006, b"192.0.2.7")),
            taken(1, address("192.0.2.7"), None),
        ),
        ("an address of IPv6", good(&record(6, b"2001:db8::7")), taken(1, address("2001:db8::7"), None)),
        ("a port", good(&record(7, &[0x2b, 0x73])), taken(1, None, Some(11_123))),
        ("something unknown", good(&record(1024, &[1, 2, 3])), taken(1, None, None)),
        ("something unknown and critical", good(&record(0x8400, &[])), wrong.clone()),
        ("the protocol twice", good(&record(0x8001, &[0, 0])), wrong.clone()),
        ("the algorithm twice", good(&record(4, &[0, 15])), wrong.clone()),
        ("two servers", good(&record(6, b"a.example").repeat(2)), wrong.clone()),
        ("two ports", good(&record(7, &[0, 123]).repeat(2)), wrong.clone()),
        ("a server that is none", good(&record(6, b"a b")), wrong.clone()),
        ("a server of strange bytes", good(&record(6, &[0xff, 0xfe])), wrong.clone()),
        ("a server that nobody can be", good(&record(6, b"224.0.0.1")), wrong.clone()),
        ("a port of one byte", good(&record(7, &[1])), wrong.clone()),
        ("an empty cookie", good(&record(5, &[])), wrong.clone()),
        ("a cookie that is too long", good(&record(5, &[1; 260])), wrong.clone()),
        ("a cookie of 1000 bytes", good(&record(5, &[1; 1000])), wrong.clone()),
        ("no cookie", [agreed(), end()].concat(), wrong.clone()),
        ("no algorithm", [record(0x8001, &[0, 0]), cookie(), end()].concat(), wrong.clone()),
        ("no protocol", [record(0x8004, &[0, 15]), cookie(), end()].concat(), wrong.clone()),
        ("an end with something in it", [agreed(), cookie(), record(0x8000, &[1])].concat(), wrong.clone()),
        ("something after the end", [good(&[]), vec![0]].concat(), wrong.clone()),
        (
            "another algorithm",
            [record(0x8001, &[0, 0]), record(4, &[0, 30]), cookie(), end()].concat(),
            Err(KeyFailure::Unsupported),
        ),
        (
            "another protocol",
            [record(0x8001, &[0, 1]), record(4, &[0, 15]), cookie(), end()].concat(),
            Err(KeyFailure::Unsupported),
        ),
        ("no algorithm in common", [record(0x8001, &[0, 0]), record(4, &[])].concat(), Err(KeyFailure::Unsupported)),
        (
            "two algorithms where one is chosen",
            [record(0x8001, &[0, 0]), record(4, &[0, 15, 0, 30])].concat(),
            wrong.clone(),
        ),
        ("an error", record(0x8002, &[0, 1]), Err(KeyFailure::Error(1))),
        ("an error without a number", record(0x8002, &[]), wrong.clone()),
        ("a warning", good(&record(0x8003, &[0, 1])), wrong.clone()),
        ("a warning without the critical bit", good(&record(3, &[0, 1])), wrong),
        ("as many bytes as are read", good(&record(1024, &vec![0; MAX_RESPONSE - rest])), taken(1, None, None)),
        ("a byte more", good(&record(1024, &vec![0; MAX_RESPONSE - rest + 1])), Err(KeyFailure::TooLong)),
        ("more records than anybody needs", record(1024, &[]).repeat(64), Err(KeyFailure::TooLong)),
        ("more bytes than anybody needs", record(1024, &[0; 5000]), Err(KeyFailure::TooLong)),
    ] {
        assert_eq!(Response::read(&bytes), want, "{what}");
    }
}

proptest! {
    #[test]
    fn whatever_a_server_says_ends_or_goes_on(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(Some(response)) = Response::read(&bytes) {
            prop_assert!((1..=MAX_COOKIES).contains(&response.cookies.len()));
        }
    }

    #[test]
    fn a_response_is_the_same_however_it_is_cut(cut in 0_usize..220) {
        let whole = [agreed(), cookie(), record(7, &[0, 123]), end()].concat();
        let part = &whole[..cut.min(whole.len())];
        if part.len() < whole.len() {
            prop_assert_eq!(Response::read(part), Ok(None));
        }
    }
}
