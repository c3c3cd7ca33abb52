use super::*;

/// A message of one record with this data: a header of zeros, and the name `a` to point at.
fn message(kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let fields = [kind, class, 0, 60, length].map(u16::to_be_bytes).concat();
    [&[0; 12][..], b"\x01a\0\xc0\x0c", &fields, data].concat()
}

const AT: usize = 15;

#[test]
fn data_is_what_its_type_says() {
    let soa = [b"\x01b\xc0\x0c\xc0\x0c", &[0; 20][..]].concat();
    let rrsig = [&[0; 18][..], b"\x01a\0", &[7; 64]].concat();
    for (what, kind, data, good) in [
        ("A", kind::A, &[1, 2, 3, 4][..], true),
        ("A of three bytes", kind::A, &[1, 2, 3], false),
        ("A of sixteen (musl 2017)", kind::A, &[1; 16], false),
        ("A of none", kind::A, &[], false),
        ("AAAA", kind::AAAA, &[1; 16], true),
        ("AAAA of four", kind::AAAA, &[1; 4], false),
        ("CNAME", kind::CNAME, b"\x01b\xc0\x0c", true),
        ("CNAME of one byte (CVE-2026-5172)", kind::CNAME, b"\x01", false),
        ("CNAME and a byte more", kind::CNAME, b"\x01b\0\0", false),
        ("CNAME whose last label crosses its end (CVE-2026-2291)", kind::CNAME, b"\x05b\0", false),
        ("CNAME that points at itself", kind::CNAME, b"\xc0\x1b", false),
        ("PTR", kind::PTR, b"\x02a;\x01/\0", true),
        ("SOA", kind::SOA, &soa, true),
        ("SOA cut", kind::SOA, &soa[..soa.len() - 1], false),
        ("MX to nobody (RUSTSEC-2020-0001)", 15, b"\0\0\0", true),
        ("MX without a name", 15, b"\0\0", false),
        ("SRV, compressed", 33, b"\0\0\0\0\0\x35\xc0\x0c", true),
        ("SRV cut", 33, b"\0\0\0\0\0", false),
        ("TXT", 16, b"\x01a\0\x02bc", true),
        ("TXT whose string is longer", 16, b"\x01a\x05bc", false),
        ("HINFO", kind::HINFO, b"\x01a\x01b", true),
        ("HINFO of one string", kind::HINFO, b"\x01a", false),
        ("NAPTR", 35, b"\0\0\0\0\x01s\0\0\0", true),
        ("NAPTR cut", 35, b"\0\0\0\0\x01s\0\0", false),
        ("RRSIG", kind::RRSIG, &rrsig, true),
        ("RRSIG of 17 bytes (CVE-2026-4891)", kind::RRSIG, &[0; 17], false),
        ("RRSIG whose signer runs past its end", kind::RRSIG, &[&[0; 18][..], b"\x09a"].concat(), false),
        ("NSEC", 47, b"\0\0\x01\x40\x01\x02\x40\x01", true),
        ("NSEC without types", 47, b"\0", true),
        ("NSEC with an empty window (CVE-2026-4890)", 47, b"\0\0\0", false),
        ("NSEC with a window too long", 47, &[&b"\0\0\x21"[..], &[1; 33]].concat(), false),
        ("NSEC with a byte more", 47, b"\0\0\x01\x40\x01", false),
        ("NSEC with windows that go back (CVE-2017-15908)", 47, b"\0\x01\x01\x40\x01\x01\x40", false),
        ("NSEC with a window left out", 47, b"\0\0\x01\x40\x02\x01\x40", true),
        ("NSEC with a window twice", 47, b"\0\0\x01\x40\0\x01\x40", false),
        ("MINFO, compressed", 14, b"\xc0\x0c\x01b\xc0\x0c", true),
        ("MINFO of one name", 14, b"\xc0\x0c", false),
        ("RP", 17, b"\x01b\0\0", true),
        ("RP and a byte more", 17, b"\x01b\0\0\0", false),
        ("PX", 26, b"\0\x05\x01b\0\xc0\x0c", true),
        ("PX of one name", 26, b"\0\x05\x01b\0", false),
        ("NSEC3", 50, b"\x01\0\0\x01\x02ab\x02cd\0\x01\x40", true),
        ("NSEC3 whose salt runs past its end", 50, b"\x01\0\0\x01\xffab", false),
        ("DS", 43, &[0; 24], true),
        ("DS cut", 43, &[0; 3], false),
        ("HTTPS", kind::HTTPS, b"\0\x01\0\xff\xff\0\x01a", true),
        ("HTTPS without a target", kind::HTTPS, b"\0\x01", false),
        ("unknown, with what would be a pointer", 65280, b"\xc0\xff", true),
    ] {
        let message = message(kind, CLASS_IN, data);
        let record = Record::read(&message, AT);
        assert_eq!(record.is_some(), good, "{what}");
        assert!(record.is_none_or(|record| record.data() == data && record.end() == message.len()), "{what}");
    }
}

#[test]
fn only_the_class_of_the_internet_has_its_grammar() {
    let message = message(kind::A, 3, &[1, 2, 3]);
    assert!(Record::read(&message, AT).is_some());
}

#[test]
fn a_record_that_ends_too_early_is_none() {
    let whole = message(kind::A, CLASS_IN, &[1, 2, 3, 4]);
    for length in 0..whole.len() {
        assert!(Record::read(&whole[..length], AT).is_none(), "{length}");
    }
    assert!(Record::read(&whole, AT).is_some());
}

#[test]
fn a_record_is_written_without_pointers_but_for_the_question_s_name() {
    let message = message(15, CLASS_IN, b"\0\x05\x02mx\xc0\x0c");
    let record = Record::read(&message, AT).unwrap();
    let other = [&[0; 12][..], b"\x01b\0"].concat();
    for (what, asked, owner) in [("the question's", &message, &b"\xc0\x0c"[..]), ("another", &other, b"\x01a\0")] {
        let mut written = Vec::new();
        record.write(Name::read(asked, 12).unwrap().0, &mut written);
        let want = [owner, b"\0\x0f\0\x01\0\0\0\x3c\0\x08\0\x05\x02mx\x01a\0"].concat();
        assert_eq!(written, want, "{what}");
    }
}

#[test]
fn a_record_of_the_root_is_written_in_fewer_bytes_than_a_pointer_has() {
    let root = [&[0; 13][..], &[kind::A, CLASS_IN, 0, 60, 4].map(u16::to_be_bytes).concat(), &[1, 2, 3, 4]].concat();
    let mut written = Vec::new();
    Record::read(&root, 12).unwrap().write(Name::read(&root, 12).unwrap().0, &mut written);
    assert_eq!(written, root[12..]);
}
