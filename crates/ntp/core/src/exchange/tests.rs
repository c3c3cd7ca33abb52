use orlop_ntp_contract::Leap;

use super::*;

/// 2026-11-01
const FLOOR: u64 = 1_793_491_200;
/// The random bits of the question.
const NONCE: u64 = 0x0102_0304_0506_0708;

fn utc(millis: u64) -> Utc {
    Utc::from_nanos(i64::try_from(FLOOR * 1_000 + millis).unwrap() * 1_000_000).unwrap()
}

/// What a server answers which had the question from 5 ms to 6 ms after the floor, by its own clock.
fn answer() -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(&[0x24, 2, 6, 0xe8]);
    bytes[24..32].copy_from_slice(&NONCE.to_be_bytes());
    bytes[32..40].copy_from_slice(&Timestamp::of(utc(5)).bits().to_be_bytes());
    bytes[40..48].copy_from_slice(&Timestamp::of(utc(6)).bits().to_be_bytes());
    bytes
}

/// Answers a question that was sent 1 ms after the floor and came back at 10 ms, by our clock.
fn taken(bytes: &[u8]) -> Result<Answer, NoAnswer> {
    let mut question = Question::new(NONCE);
    question.sent(utc(1));
    question.answer(Instant::from_nanos(7), bytes, utc(10), utc(0))
}

fn with(change: impl Fn(&mut [u8; HEADER])) -> Vec<u8> {
    let mut bytes = answer();
    change(&mut bytes);
    bytes.to_vec()
}

fn at(from: usize, value: u64) -> impl Fn(&mut [u8; HEADER]) {
    move |bytes| bytes[from..from + 8].copy_from_slice(&value.to_be_bytes())
}

#[test]
fn an_answer_is_a_measurement() {
    let Ok(Answer::Sample(sample)) = taken(&answer()) else { panic!("no sample") };
    // ((5 - 1) + (6 - 10)) / 2 and (10 - 1) - (6 - 5) milliseconds.
    assert_eq!((sample.offset, sample.delay), (Offset::ZERO, Duration::from_millis(8)));
    assert_eq!((sample.stratum, sample.leap, sample.at), (2, Leap::None, Instant::from_nanos(7)));
    assert_eq!(sample.precision, Duration::from_nanos(59));
}

#[test]
fn what_is_not_the_answer_is_refused_and_only_the_server_ends_the_question() {
    let field = |bytes: &[u8]| [&answer()[..], bytes].concat();
    let short =
        |from: usize, value: u32| with(move |bytes| bytes[from..from + 4].copy_from_slice(&value.to_be_bytes()));
    let stranger = |why| Err(NoAnswer { why, final_word: false });
    let server = |why| Err(NoAnswer { why, final_word: true });
    for (what, bytes, want) in [
        ("nothing", vec![], stranger(Discard::Malformed)),
        ("47 bytes", answer()[..47].to_vec(), stranger(Discard::Malformed)),
        ("more than fits", field(&[0; 1000]), stranger(Discard::Malformed)),
        ("our own question", Question::new(NONCE).packet().to_vec(), stranger(Discard::WrongMode)),
        ("symmetric active (CVE-2015-1853)", with(|b| b[0] = 0x21), stranger(Discard::WrongMode)),
        ("symmetric passive", with(|b| b[0] = 0x22), stranger(Discard::WrongMode)),
        ("broadcast (CVE-2015-7979)", with(|b| b[0] = 0x25), stranger(Discard::WrongMode)),
        ("control (CVE-2019-6443)", with(|b| b[0] = 0x26), stranger(Discard::WrongMode)),
        ("private", with(|b| b[0] = 0x27), stranger(Discard::WrongMode)),
        ("reserved", with(|b| b[0] = 0x20), stranger(Discard::WrongMode)),
        ("version 3", with(|b| b[0] = 0x1c), stranger(Discard::WrongVersion)),
        ("version 5", with(|b| b[0] = 0x2c), stranger(Discard::WrongVersion)),
        ("origin 0 (CVE-2015-8138)", with(at(24, 0)), stranger(Discard::WrongOrigin)),
        ("origin of before", with(at(24, NONCE - 1)), stranger(Discard::WrongOrigin)),
        (
            "origin is its own receive time (CVE-2016-1548)",
            with(at(24, Timestamp::of(utc(5)).bits())),
            stranger(Discard::WrongOrigin),
        ),
        (
            "kiss of a stranger (CVE-2015-7704)",
            with(|b| {
                b[1] = 0;
                b[12..16].copy_from_slice(b"RATE");
                at(24, 0)(b);
            }),
            stranger(Discard::WrongOrigin),
        ),
        ("crypto-NAK (CVE-2016-4953)", field(&[0; 4]), stranger(Discard::Mac)),
        ("code of an unknown key", field(&[7; 20]), stranger(Discard::Mac)),
        ("longer code", field(&[7; 24]), stranger(Discard::Mac)),
        (
            "leap 3 at stratum 1 (CVE-2016-4954)",
            with(|b| {
                b[0] |= 0xc0;
                b[1] = 1;
            }),
            server(Discard::Unsynchronised),
        ),
        ("stratum 16", with(|b| b[1] = 16), server(Discard::Unsynchronised)),
        ("stratum 255", with(|b| b[1] = 255), server(Discard::Unsynchronised)),
        ("never received", with(at(32, 0)), server(Discard::BadTimestamp)),
        ("never sent", with(at(40, 0)), server(Discard::BadTimestamp)),
        ("sent before it was received", with(at(40, Timestamp::of(utc(4)).bits())), server(Discard::BadTimestamp)),
        (
            "before the floor",
            with(|b| {
                at(32, Timestamp::of(utc(0)).bits() - 2)(b);
                at(40, Timestamp::of(utc(0)).bits() - 1)(b);
            }),
            server(Discard::BeforeFloor),
        ),
        ("sent before the floor", with(at(40, Timestamp::of(utc(0)).bits() - 1)), server(Discard::BeforeFloor)),
        ("received before the floor", with(at(32, Timestamp::of(utc(0)).bits() - 1)), server(Discard::BeforeFloor)),
        (
            "in 1970",
            with(|b| {
                at(32, 0x83aa_7e80_0000_0000)(b);
                at(40, 0x83aa_7e80_0000_0000)(b);
            }),
            server(Discard::BeforeFloor),
        ),
        (
            "the round trip is shorter than nothing",
            with(at(40, Timestamp::of(utc(15)).bits())),
            server(Discard::BadDelay),
        ),
        ("root dispersion above a second", short(8, 0x0001_0001), server(Discard::Distant)),
        ("root delay above 3 s", short(4, 0x0003_0001), server(Discard::Distant)),
        ("root delay without end", short(4, u32::MAX), server(Discard::Distant)),
        (
            "a clock that reads whole seconds",
            with(|b| {
                b[3] = 0x7f;
                b[4..8].copy_from_slice(&[0, 1, 0, 1]);
            }),
            server(Discard::Distant),
        ),
    ] {
        assert_eq!(taken(&bytes), want, "{what}");
    }
}

#[test]
fn what_is_unusual_is_an_answer_all_the_same() {
    let field = |bytes: &[u8]| [&answer()[..], bytes].concat();
    let nts = |kind: u8| [&[kind, 4, 0, 28][..], &[9; 24]].concat();
    for (what, bytes) in [
        ("stratum 1", with(|b| b[1] = 1)),
        ("stratum 15", with(|b| b[1] = 15)),
        ("precision -128", with(|b| b[3] = 0x80)),
        ("a leap second to come", with(|b| b[0] = 0x64)),
        ("NTS fields that nobody asked for (CVE-2023-4012)", field(&[nts(1), nts(2), nts(3), nts(4)].concat())),
        ("received and sent at the same moment", with(at(40, Timestamp::of(utc(5)).bits()))),
        ("poll -128", with(|b| b[2] = 0x80)),
        ("root dispersion of a second", with(|b| b[8..12].copy_from_slice(&[0, 1, 0, 0]))),
        (
            "half of a root delay of 2 s and half a second of precision",
            with(|b| {
                b[3] = 0xff;
                b[4..8].copy_from_slice(&[0, 2, 0, 0]);
            }),
        ),
    ] {
        assert!(matches!(taken(&bytes), Ok(Answer::Sample(_))), "{what}: {:?}", taken(&bytes));
    }
}

#[test]
fn a_kiss_with_the_right_origin_is_heard() {
    for (code, want) in [
        (b"RATE", Kiss::Rate),
        (b"DENY", Kiss::Deny),
        (b"RSTR", Kiss::Deny),
        (b"NTSN", Kiss::Other(*b"NTSN")),
        (b"XXXX", Kiss::Other(*b"XXXX")),
    ] {
        // A kiss has no time of its own, and often leap 3.
        let bytes = with(|b| {
            (b[0], b[1]) = (0xe4, 0);
            b[12..16].copy_from_slice(code);
            b[32..].fill(0);
        });
        assert_eq!(taken(&bytes), Ok(Answer::Kiss(want)));
    }
}

#[test]
fn a_question_that_was_not_sent_has_no_answer() {
    let question = Question::new(NONCE);
    let answer = question.answer(Instant::from_nanos(7), &answer(), utc(10), utc(0));
    assert_eq!(answer, Err(NoAnswer { why: Discard::Unasked, final_word: false }));
    assert_ne!(Question::new(0).packet(), [&[0x23][..], &[0; 47]].concat()[..], "zero means unknown");
}

#[test]
fn an_offset_of_any_size_is_exact() {
    let mut question = Question::new(NONCE);
    for (what, shown, want) in [
        ("1970", 0, i64::try_from(FLOOR).unwrap()),
        ("2^30 s behind", FLOOR - (1 << 30), 1 << 30),
        ("2^30 s ahead", FLOOR + (1 << 30), -(1 << 30)),
        ("2^30 s and one ahead", FLOOR + (1 << 30) + 1, -(1 << 30) - 1),
        ("2^31 s ahead", FLOOR + (1 << 31), -(1 << 31)),
        ("2099", 4_070_908_800, i64::try_from(FLOOR).unwrap() - 4_070_908_800),
        ("2262", i64::MAX.unsigned_abs() / 1_000_000_000, i64::try_from(FLOOR).unwrap() - i64::MAX / 1_000_000_000),
    ] {
        // It leaves and comes back 5.5 ms around the same second that the server shows.
        let around = |millis: i64| Utc::from_secs(shown).saturating_shifted(Offset::from_nanos(millis * 500_000));
        question.sent(around(2));
        let answer = question.answer(Instant::from_nanos(7), &answer(), around(20), utc(0));
        let Ok(Answer::Sample(sample)) = answer else { panic!("{what}: {answer:?}") };
        assert_eq!(sample.offset, Offset::from_nanos(want * 1_000_000_000), "{what}");
    }
}

#[test]
fn a_round_trip_is_believed_from_a_little_less_than_nothing_to_two_seconds() {
    // The server had the question for 2^-7 s, which is exact in every notation.
    let (arrived, held) = (utc(0), 7_812_500);
    let bytes = with(|b| {
        at(32, Timestamp::of(arrived).bits())(b);
        at(40, Timestamp::of(arrived).bits() + (1 << 25))(b);
    });
    let (least, most) = (-100_000, 2_000_000_000);
    for (what, trip, want) in [
        ("too short", least - 1, Err(Discard::BadDelay)),
        ("the clocks were read at the wrong moment", least, Ok(0)),
        ("none", 0, Ok(0)),
        ("a nanosecond", 1, Ok(1)),
        ("the longest", most, Ok(2_000_000_000)),
        ("too long", most + 1, Err(Discard::BadDelay)),
        ("much too long", most * 2, Err(Discard::BadDelay)),
    ] {
        let mut question = Question::new(NONCE);
        question.sent(utc(0));
        let received = utc(0).saturating_shifted(Offset::from_nanos(held + trip));
        let delay = match question.answer(Instant::from_nanos(7), &bytes, received, utc(0)) {
            Ok(Answer::Sample(sample)) => Ok(sample.delay.as_nanos()),
            Ok(Answer::Kiss(kiss)) => panic!("{what}: {kiss:?}"),
            Err(NoAnswer { why, .. }) => Err(why),
        };
        assert_eq!(delay, want, "{what}");
    }
}
