//! HTTP answers: good ones, damaged ones, and all of them in whatever pieces.

use orlop_metadata_core::http::{HttpError, MAX_FRAMING, MAX_HEAD, MAX_HEADERS, Progress, Reader, Response};
use proptest::prelude::*;

use crate::targets;

/// Bytes of a body, at most, in these tests.
const MOST: usize = 64;

/// What comes of a stream that ends after these bytes; with the number of bytes that belong to no answer.
fn read(bytes: &[u8]) -> Result<(Response, usize), HttpError> {
    let mut reader = Reader::new(MOST);
    match reader.push(bytes)? {
        Progress::Whole { response, rest } => Ok((response, rest)),
        Progress::More => reader.end().map(|response| (response, 0)),
    }
}

/// An answer that can be used: what it is, its bytes, the status, the body, whether the connection goes on, bytes behind it.
pub(crate) type Good = (&'static str, Vec<u8>, u16, &'static str, bool, usize);

pub(crate) fn good() -> Vec<Good> {
    let plain = |text: &str| text.replace('\n', "\r\n").into_bytes();
    vec![
        ("with a length", plain("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), 200, "hello", true, 0),
        ("of no bytes", plain("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), 200, "", true, 0),
        ("with more behind it", plain("HTTP/1.1 200 OK\nContent-Length: 5\n\nhelloHTTP"), 200, "hello", true, 4),
        ("that ends with the connection", plain("HTTP/1.1 200 OK\n\nhello"), 200, "hello", false, 0),
        ("of the old version", plain("HTTP/1.0 200 OK\nContent-Length: 5\n\nhello"), 200, "hello", false, 0),
        ("of the old version, no length", plain("HTTP/1.0 404 Not Found\n\nno"), 404, "no", false, 0),
        ("that closes", plain("HTTP/1.1 200 OK\nConnection: x, Close\nContent-Length: 1\n\na"), 200, "a", false, 0),
        ("without a reason", plain("HTTP/1.1 200\nContent-Length: 1\n\na"), 200, "a", true, 0),
        ("with bare line ends", b"HTTP/1.1 200 OK\nContent-Length: 1\n\na".to_vec(), 200, "a", true, 0),
        ("of no content", plain("HTTP/1.1 204 No Content\n\n"), 204, "", true, 0),
        (
            "in chunks",
            plain("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n6 ; x=\"y\"\n world\n0\n\n"),
            200,
            "hello world",
            true,
            0,
        ),
        (
            "in chunks, with trailers",
            plain("HTTP/1.1 200 OK\ntransfer-encoding: Chunked\n\nA\n0123456789\n00\nX: y\nZ: w\n\nmore"),
            200,
            "0123456789",
            true,
            4,
        ),
        (
            "after two interim ones",
            plain(
                "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 200 OK\nContent-Length: 1\n\na",
            ),
            200,
            "a",
            true,
            0,
        ),
        (
            "that redirects",
            plain("HTTP/1.1 302 Found\nLocation: http://192.0.2.1/\nContent-Length: 0\n\n"),
            302,
            "",
            true,
            0,
        ),
        (
            "with as much as there may be",
            [&plain("HTTP/1.1 200 OK\nContent-Length: 64\n\n")[..], &[b'x'; 64]].concat(),
            200,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            true,
            0,
        ),
    ]
}

/// What is no answer: (what, bytes, why).
pub(crate) fn bad() -> Vec<(&'static str, Vec<u8>, HttpError)> {
    let plain = |text: &str| text.replace('\n', "\r\n").into_bytes();
    let ok = |headers: &str| plain(&format!("HTTP/1.1 200 OK\n{headers}"));
    let chunked = |chunks: &str| ok(&format!("Transfer-Encoding: chunked\n\n{chunks}"));
    vec![
        ("nothing", vec![], HttpError::Truncated),
        ("no HTTP", plain("220 mail.example ESMTP\n\n"), HttpError::Malformed),
        ("another version", plain("HTTP/2.0 200 OK\n\n"), HttpError::Malformed),
        ("an empty line before it", plain("\nHTTP/1.1 200 OK\nContent-Length: 0\n\n"), HttpError::Malformed),
        ("a status below all", plain("HTTP/1.1 003 x\nContent-Length: 0\n\n"), HttpError::Malformed),
        ("a status above all", plain("HTTP/1.1 600 x\nContent-Length: 0\n\n"), HttpError::Malformed),
        ("no status", plain("HTTP/1.1 OK\n\n"), HttpError::Malformed),
        ("a header that goes on in the next line", ok("A: b\n c\n\n"), HttpError::Malformed),
        ("a blank before the colon", ok("Content-Length : 1\n\na"), HttpError::Malformed),
        ("a NUL in a header", ok("A: \0\n\n"), HttpError::Malformed),
        ("half a head", plain("HTTP/1.1 200 OK\nContent-Le"), HttpError::Truncated),
        ("half a body", ok("Content-Length: 2\n\na"), HttpError::Truncated),
        ("half a chunk", chunked("5\nhel"), HttpError::Truncated),
        ("no last chunk", chunked("1\na\n"), HttpError::Truncated),
        ("half a trailer", chunked("0\nX: y\n"), HttpError::Truncated),
        (
            "too many headers",
            ok(&"A: b\n".repeat(MAX_HEADERS + 1)).into_iter().chain(*b"\r\n").collect(),
            HttpError::HeadTooLarge,
        ),
        ("a header that never ends", ok(&format!("A: {}", "b".repeat(MAX_HEAD))), HttpError::HeadTooLarge),
        (
            "interim answers without end",
            plain("HTTP/1.1 100 Continue\n\n").repeat(MAX_HEAD / 20),
            HttpError::HeadTooLarge,
        ),
        ("a switch", plain("HTTP/1.1 101 Switching Protocols\nUpgrade: x\n\n"), HttpError::Switched),
        ("two lengths that agree", ok("Content-Length: 1\nContent-Length: 1\n\na"), HttpError::Length),
        ("two lengths", ok("Content-Length: 1\nContent-Length: 2\n\nab"), HttpError::Length),
        ("a list of lengths", ok("Content-Length: 1, 1\n\na"), HttpError::Length),
        ("a length and chunks", ok("Content-Length: 1\nTransfer-Encoding: chunked\n\n0\n\n"), HttpError::Length),
        ("a signed length", ok("Content-Length: +1\n\na"), HttpError::Length),
        ("a length in hexadecimal", ok("Content-Length: 0x1\n\na"), HttpError::Length),
        ("an empty length", ok("Content-Length:\n\n"), HttpError::Length),
        ("a length of 10 GB", ok("Content-Length: 10000000000\n\n"), HttpError::BodyTooLarge),
        (
            "a length of more than there are numbers",
            ok("Content-Length: 99999999999999999999999\n\n"),
            HttpError::BodyTooLarge,
        ),
        ("a byte more than there may be", ok("Content-Length: 65\n\n"), HttpError::BodyTooLarge),
        ("the same until the end", ok(&format!("\n{}", "x".repeat(65))), HttpError::BodyTooLarge),
        ("the same in chunks", chunked(&format!("40\n{}\n1\nx\n0\n\n", "x".repeat(64))), HttpError::BodyTooLarge),
        ("a chunk of more than there are numbers", chunked("10000000000000000\n"), HttpError::Chunk),
        ("another coding", ok("Transfer-Encoding: gzip\n\n"), HttpError::Coding),
        ("two codings", ok("Transfer-Encoding: gzip, chunked\n\n0\n\n"), HttpError::Coding),
        (
            "two codings in two lines",
            ok("Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n"),
            HttpError::Coding,
        ),
        ("chunks in the old version", plain("HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n0\n\n"), HttpError::Coding),
        ("a chunk without a size", chunked("\n"), HttpError::Chunk),
        ("a blank before the size", chunked(" 1\na\n0\n\n"), HttpError::Chunk),
        ("a chunk of a signed size", chunked("+1\na\n0\n\n"), HttpError::Chunk),
        ("a chunk of another size", chunked("1\nab\n0\n\n"), HttpError::Chunk),
        ("a chunk with a bare line end", [&chunked("")[..], b"1\na\r\n0\r\n\r\n"].concat(), HttpError::Chunk),
        (
            "an extension that never ends",
            chunked(&format!("1;{}", "x".repeat(MAX_FRAMING))),
            HttpError::FramingTooLarge,
        ),
        (
            "trailers without end",
            chunked(&format!("0\n{}", "X: y\n".repeat(MAX_FRAMING / 6 + 1))),
            HttpError::FramingTooLarge,
        ),
    ]
}

#[test]
fn what_can_be_used_is_read() {
    for (what, bytes, status, body, keeps_alive, rest) in good() {
        let (response, behind) = read(&bytes).expect(what);
        assert_eq!((response.status, &*response.body, behind), (status, body.as_bytes(), rest), "{what}");
        assert_eq!(response.keeps_alive, keeps_alive, "{what}");
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    for (what, bytes, why) in bad() {
        assert_eq!(read(&bytes), Err(why), "{what}");
    }
}

#[test]
fn nothing_is_read_after_an_error_or_an_end() {
    let mut reader = Reader::new(MOST);
    assert_eq!(reader.push(b"nonsense\r\n\r\n"), Err(HttpError::Malformed));
    assert_eq!(reader.push(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Err(HttpError::Malformed));
    let mut reader = Reader::new(MOST);
    assert!(reader.is_untouched());
    assert!(matches!(reader.push(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Ok(Progress::Whole { .. })));
    assert_eq!(reader.push(b"x"), Err(HttpError::Malformed));
    assert!(!reader.is_untouched());
}

#[test]
fn headers_are_found_in_whatever_case_and_a_wait_is_one_in_seconds() {
    for (header, want) in
        [("retry-after: 7", Some(7)), ("Retry-After: Fri, 27 Nov 2026 00:00:00 GMT", None), ("X: y", None)]
    {
        let (response, _) =
            read(format!("HTTP/1.1 429 Slow\r\n{header}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(response.retry_after().map(|wait| wait.as_secs()), want, "{header}");
    }
    let (response, _) = read(b"HTTP/1.1 200 OK\r\nmetadata-FLAVOR:  Google \r\n\r\n").unwrap();
    assert_eq!((response.header("Metadata-Flavor"), response.header("x")), (Some("Google"), None));
}

#[test]
fn every_cut_of_every_answer_gives_the_same() {
    let all = good().into_iter().map(|(what, bytes, ..)| (what, bytes));
    for (what, bytes) in all.chain(bad().into_iter().map(|(what, bytes, _)| (what, bytes))) {
        let cuts = if bytes.len() > 200 { bytes.len().saturating_sub(40)..bytes.len() } else { 0..bytes.len() };
        for cut in cuts {
            let whole = targets::answer_in_pieces(&bytes, [bytes.len()]);
            assert_eq!(targets::answer_in_pieces(&bytes, [cut, bytes.len()]), whole, "{what}, cut at {cut}");
        }
        let one_by_one = targets::answer_in_pieces(&bytes, 0..=bytes.len());
        assert_eq!(one_by_one, targets::answer_in_pieces(&bytes, [bytes.len()]), "{what}, byte by byte");
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same(data in prop::collection::vec(any::<u8>(), 0..200), pieces: u8) {
        targets::http(&[&[pieces][..], &data].concat());
    }

    /// What nearly is an answer.
    #[test]
    fn any_damage_to_an_answer_gives_the_same_in_any_pieces(which: usize, at: usize, byte: u8, pieces: u8) {
        let answers = good();
        let (_, mut bytes, ..) = answers[which % answers.len()].clone();
        let at = at % bytes.len();
        bytes[at] = byte;
        targets::http(&[&[pieces][..], &bytes].concat());
    }
}

#[test]
fn a_body_in_chunks_may_be_as_long_as_one_with_a_length() {
    let chunked = |sizes: &[usize]| {
        let chunk = |size: &usize| format!("{size:x}\r\n{}\r\n", "x".repeat(*size));
        let chunks: String = sizes.iter().map(chunk).collect();
        read(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").as_bytes())
    };
    for (sizes, want) in [
        (&[MOST][..], Ok(MOST)),
        (&[MOST - 1, 1], Ok(MOST)),
        (&[MOST + 1], Err(HttpError::BodyTooLarge)),
        (&[MOST * 2], Err(HttpError::BodyTooLarge)),
        (&[MOST - 1, 2], Err(HttpError::BodyTooLarge)),
    ] {
        assert_eq!(chunked(sizes).map(|(response, _)| response.body.len()), want, "{sizes:?}");
    }
}

#[test]
fn heads_and_what_is_around_chunks_have_a_longest_length() {
    let head = |length: usize| {
        let head = "HTTP/1.1 204 x\r\nX: \r\n\r\n";
        read(head.replace("X: ", &format!("X: {}", "y".repeat(length - head.len()))).as_bytes()).map(|_| ())
    };
    let framing = |length: usize| {
        let (head, body) = ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\nX: \r\n\r\n");
        let trailer = format!("X: {}", "y".repeat(length - body.len()));
        read(format!("{head}{}", body.replace("X: ", &trailer)).as_bytes()).map(|_| ())
    };
    for (more, want_head, want_framing) in
        [(0, Ok(()), Ok(())), (1, Err(HttpError::HeadTooLarge), Err(HttpError::FramingTooLarge))]
    {
        assert_eq!(head(MAX_HEAD + more), want_head, "{more}");
        assert_eq!(framing(MAX_FRAMING + more), want_framing, "{more}");
    }
}

#[test]
fn an_answer_that_has_begun_is_not_untouched_whatever_came_of_it() {
    for (what, bytes, want) in [
        ("nothing", "", true),
        ("a byte", "H", false),
        ("an interim answer", "HTTP/1.1 100 x\r\n\r\n", false),
        ("a head", "HTTP/1.1 200 x\r\n\r\n", false),
    ] {
        let mut reader = Reader::new(MOST);
        let _ = reader.push(bytes.as_bytes());
        assert_eq!(reader.is_untouched(), want, "{what}");
    }
}
