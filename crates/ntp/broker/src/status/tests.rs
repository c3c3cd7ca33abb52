use std::time::Duration;

use orlop_ntp_contract::{
    Discard, Frequency, KeyFailure, Leap, NtsState, NtsStatus, Occasion, Offset, PeerId, PeerState, PeerStatus, Phase,
    Poll, ServerAddr,
};
use orlop_testbed::table;

use super::*;

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

fn now(ms: u64) -> Now {
    Now { boottime: at(ms), utc_ms: 1_795_769_328_123 }
}

fn peer(number: u8, state: PeerState, offset: i64) -> PeerStatus {
    PeerStatus {
        peer: PeerId::new(number).unwrap(),
        source: SourceId::new(0).unwrap(),
        server: ServerAddr::new([192, 0, 2, number].into(), 123).unwrap(),
        state,
        reach: 0b0000_0111,
        poll: Poll::new(6).unwrap(),
        stratum: 2,
        leap: Leap::None,
        answered: Some(at(90_000)),
        offset: Offset::from_nanos(offset),
        delay: Duration::from_micros(700),
        jitter: Duration::from_micros(3),
        root_delay: Duration::from_millis(1),
        root_dispersion: Duration::from_millis(2),
    }
}

/// A service that has set its clock by two of three.
fn running() -> Status {
    let mut discards = Counters::default();
    discards.count(Discard::WrongOrigin);
    let mut name_discards = orlop_lookup_contract::Counters::default();
    name_discards.count(orlop_lookup_contract::Discard::ServerFailure);
    let peers = [
        peer(1, PeerState::Selected, 12_000),
        peer(2, PeerState::Spare, -34_000),
        peer(3, PeerState::Falseticker, 3_600_000_000_000),
    ];
    let step = Offset::from_nanos(1_795_305_600_000_000_000);
    Status {
        mode: Mode::Service,
        started: at(80_000),
        restarts: 0,
        synchronised: true,
        sources: vec![
            (SourceId::new(0).unwrap(), "pool.example".to_owned(), Origin::Configuration),
            (SourceId::new(1).unwrap(), "late.example".to_owned(), Origin::Configuration),
        ],
        worker: Some(contract::Status {
            phase: Phase::Steady,
            since: at(81_000),
            stratum: 3,
            leap: Leap::Insert,
            offset: Offset::from_nanos(-84_000),
            jitter: Duration::from_micros(12),
            drift: Frequency::new(65_536 * 3 / 2).unwrap(),
            slew: Frequency::ZERO,
            root_delay: Duration::from_millis(2),
            root_dispersion: Duration::from_micros(900),
            last_step: None,
            discards,
            peers: peers.into_iter().collect(),
            nts: [NtsStatus {
                source: SourceId::new(1).unwrap(),
                state: NtsState::Intercepted,
                cookies: 3,
                exchanged: Some(at(60_000)),
                exchanges: 2,
                failures: 1,
                failure: Some(KeyFailure::Slow),
            }]
            .into_iter()
            .collect(),
        }),
        name_discards,
        last_step: Some(Stepped {
            at: at(81_000),
            by: step,
            why: StepReason::Majority(Occasion::Boot),
            agreed: vec!["192.0.2.1:123".to_owned(), "192.0.2.2:123".to_owned()],
        }),
        refused: None,
        outcome: None,
        postures: Postures::default(),
    }
}

#[test]
fn the_page_explains_every_field_and_no_other() {
    let mut full = running();
    full.sources.truncate(1);
    let worker = full.worker.as_mut().unwrap();
    worker.nts = worker.nts.iter().map(|nts| NtsStatus { source: SourceId::new(0).unwrap(), ..*nts }).collect();
    full.outcome = Some(Outcome { synchronised: true, said: "done".to_owned() });
    let body = serde_json::to_string(&full.document(now(95_000)).body).unwrap();
    assert_eq!(table::fields(&body, &["discards", "name_discards"]), table::rows(include_str!("../../../STATUS.md")));
}

#[test]
fn a_person_sees_how_the_clock_stands_and_who_says_so() {
    let text = text::render(&running().document(now(95_000)), Life::Running, false, at(95_000));
    let want = "\
orlop-ntp 0.1.0, service: running for 15 s
  clock      synchronised: steady for 14 s
  offset     -84 µs ± 12 µs, stratum 3
  root       delay 2000 µs, dispersion 900 µs
  drift      +1.500 ppm, slew +0.000 ppm
  leap       this day has one second more
  last step  +20779 d 14 s ago (boot: 192.0.2.1:123, 192.0.2.2:123)
  dropped    wrong-origin 1
  dropped    from name servers: server-failure 1
     server           source        st  reach     poll  last  offset  delay   ±
  *  192.0.2.1        pool.example  2   00000111  64 s  5 s   +12 µs  700 µs  3000 ns
  +  192.0.2.2        pool.example  2   00000111  64 s  5 s   -34 µs  700 µs  3000 ns
  x  192.0.2.3        pool.example  2   00000111  64 s  5 s   +3600 s  700 µs  3000 ns
  ?  (no server yet)  late.example
     nts           keys          cookies  age   exchanges  last failure
  !  late.example  intercepted?  3        35 s  2 of 3     the server does not answer in time
";
    let squeezed =
        |text: &str| text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!(squeezed(&text), squeezed(want), "{text}");
    let silent = Status { worker: None, synchronised: false, last_step: None, sources: Vec::new(), ..running() };
    let text = text::render(&silent.document(now(95_000)), Life::Running, false, at(95_000));
    assert!(text.contains("NOT synchronised: starting\n"), "{text}");
    assert!(text.contains("nobody is asked"), "{text}");
    assert!(!text.contains("offset") && !text.contains("root"), "nobody is believed: {text}");
}

#[test]
fn what_only_counts_is_no_news() {
    let mut more = running();
    more.worker.as_mut().unwrap().discards.count(Discard::Malformed);
    assert_ne!(more, running());
    assert_eq!(more.uncounted(), running().uncounted());
}

#[test]
fn the_metrics_are_what_the_page_says() {
    let text = running().to_metrics();
    for line in [
        "orlop_ntp_synchronised 1",
        "orlop_ntp_offset_seconds -0.000084",
        "orlop_ntp_drift_ppm +1.500",
        "orlop_ntp_server_reach{server=\"192.0.2.1:123\"} 3",
        "orlop_ntp_nts_protected{source=\"late.example\"} 0",
        "orlop_ntp_nts_cookies{source=\"late.example\"} 3",
        "orlop_ntp_nts_exchanges_total{source=\"late.example\",outcome=\"keys\"} 2",
        "orlop_ntp_nts_exchanges_total{source=\"late.example\",outcome=\"failure\"} 1",
        "orlop_ntp_discards_total{reason=\"wrong-origin\"} 1",
        "orlop_ntp_name_discards_total{reason=\"server-failure\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("malformed"), "what never happened is not there: {text}");
}
