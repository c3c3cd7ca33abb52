use proptest::prelude::*;

use super::*;

/// A header of zeros, then these bytes.
fn message(rest: &[u8]) -> Vec<u8> {
    [&[0; HEADER][..], rest].concat()
}

fn text(name: Name<'_>) -> String {
    name.labels().map(|label| String::from_utf8_lossy(label).into_owned()).collect::<Vec<_>>().join(".")
}

#[test]
fn a_name_is_read_where_it_stands() {
    for (what, rest, at, want) in [
        ("the root", &b"\0"[..], 12, Some(("", 13))),
        ("labels", b"\x01a\x02bc\0", 12, Some(("a.bc", 18))),
        ("a pointer", b"\x01a\0\xc0\x0c", 15, Some(("a", 17))),
        ("a label and a pointer", b"\x01a\0\x01b\xc0\x0c", 15, Some(("b.a", 19))),
        ("a pointer to a pointer", b"\x01a\0\xc0\x0c\xc0\x0f", 17, Some(("a", 19))),
        ("nothing", b"", 12, None),
        ("no end", b"\x01a", 12, None),
        ("a label past the end", b"\x05abc\0", 12, None),
        ("half a pointer", b"\xc0", 12, None),
        ("a pointer to itself", b"\xc0\x0c", 12, None),
        ("a pointer forward", b"\xc0\x0e\0", 12, None),
        ("a pointer into its own piece", b"\x01a\xc0\x0c", 12, None),
        ("a pointer into the header", b"\xc0\x00", 12, None),
        ("an extended label", b"\x41a\0", 12, None),
        ("a binary label", b"\x80a\0", 12, None),
        ("beyond the message", b"\0", 99, None),
    ] {
        let message = message(rest);
        let read = Name::read(&message, at).map(|(name, end)| (text(name), end));
        assert_eq!(read, want.map(|(name, end)| (name.to_owned(), end)), "{what}");
    }
}

#[test]
fn a_name_has_255_bytes_and_127_pointers_at_most() {
    let label = [&[63][..], &[b'a'; 63]].concat();
    let longest = [&label[..], &label, &label, &[61], &[b'a'; 61], &[0]].concat();
    assert_eq!(longest.len(), MAX_NAME);
    assert_eq!(Name::read(&message(&longest), HEADER).map(|(name, _)| name.length()), Some(MAX_NAME));
    let longer = [&label[..], &label, &label, &[62], &[b'a'; 62], &[0]].concat();
    assert!(Name::read(&message(&longer), HEADER).is_none(), "a byte more");

    let chain = |pointers: u16| {
        let links = (0..pointers).flat_map(|n| (0xc000 | if n == 0 { 12 } else { 12 + 3 + 2 * (n - 1) }).to_be_bytes());
        message(&b"\x01a\0".iter().copied().chain(links).collect::<Vec<_>>())
    };
    for (pointers, good) in [(127, true), (128, false)] {
        let at = 15 + 2 * (usize::from(pointers) - 1);
        assert_eq!(Name::read(&chain(pointers), at).is_some(), good, "{pointers}");
    }
}

#[test]
fn names_are_equal_when_their_labels_are_case_apart() {
    let message = message(b"\x01A\x01b\0\x01a\x01B\0\x02ab\0\x01a\0\x01a\xc0\x0e");
    let name = |at| Name::read(&message, at).unwrap().0;
    let (first, cased, glued, shorter, pointed) = (name(12), name(17), name(22), name(26), name(29));
    assert_eq!(first, cased);
    assert_eq!(first, pointed);
    assert_ne!(first, glued, "where the labels end counts (CVE-2026-123592)");
    assert_ne!(first, shorter);
    assert_ne!(shorter, first);
}

#[test]
fn a_name_goes_through_a_ttl_when_one_of_its_bytes_is_there() {
    let message = message(b"\x01a\x02bc\0\xc0\x0e");
    for (what, at, ttls, want) in [
        ("no TTL", 12, &[][..], false),
        ("one just before it", 14, &[10], false),
        ("one that ends in it", 14, &[11], true),
        ("one at its start", 12, &[12], true),
        ("one that begins in its last label", 12, &[16], true),
        ("one at its end", 12, &[17], true),
        ("one just behind it", 12, &[18], false),
        ("one that begins in its pointer", 18, &[19], true),
        ("one just behind its pointer", 18, &[20], false),
        ("one where its pointer leads", 18, &[14], true),
        ("one just before where its pointer leads", 18, &[10], false),
        ("one of several", 18, &[4, 8, 14, 24], true),
        ("none of several", 18, &[4, 8, 20, 24], false),
    ] {
        let (name, _) = Name::read(&message, at).unwrap();
        assert_eq!(name.goes_through(ttls), want, "{what}");
    }
}

#[test]
fn the_name_of_a_question_is_in_one_piece() {
    let message = message(b"\x01a\0\x01b\xc0\x0c");
    assert!(Name::read_whole(&message, 12).is_some());
    assert!(Name::read_whole(&message, 15).is_none());
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_as_a_name_that_is_equal(rest in prop::collection::vec(
        prop_oneof![any::<u8>(), 0_u8..4, Just(0xc0), 12_u8..40], 0..60), at in 12_usize..60) {
        let message = message(&rest);
        if let Some((name, end)) = Name::read(&message, at) {
            prop_assert!(end <= message.len() && end > at);
            let mut written = vec![0; HEADER];
            name.write(&mut written);
            prop_assert!(written.len() - HEADER <= MAX_NAME && written.len() - HEADER == name.length());
            let (again, end) = Name::read_whole(&written, HEADER).unwrap();
            prop_assert!(end == written.len() && again == name);
        }
    }
}
