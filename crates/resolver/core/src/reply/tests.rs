use super::*;
use crate::record::CLASS_IN;

/// The question for the addresses of `a`.
const QUESTION: &[u8] = b"\x01a\0\0\x01\0\x01";

/// A message that answers it with one record of an unknown type and so many bytes.
fn message(data: usize) -> Vec<u8> {
    let header = Header { id: 0, flags: QR, counts: [1, 1, 0, 0] };
    let fields = [65280, CLASS_IN, 0, 60, u16::try_from(data).unwrap()].map(u16::to_be_bytes).concat();
    [&header.bytes()[..], QUESTION, b"\xc0\x0c", &fields, &vec![7; data]].concat()
}

#[test]
fn what_is_written_is_no_longer_than_a_stream_can_carry() {
    let around = message(0).len();
    for (what, length, fits) in [("the longest", MAX_MESSAGE, true), ("a byte more", MAX_MESSAGE + 1, false)] {
        let message = message(length - around);
        let (record, header) =
            (Record::read(&message, HEADER + QUESTION.len()).unwrap(), Header::read(&message).unwrap());
        let written = write_sections(QUESTION, header, [&[record], &[], &[]]);
        assert_eq!(written.is_some(), fits, "{what}");
        assert!(written.is_none_or(|written| written == message), "{what}");
    }
}
