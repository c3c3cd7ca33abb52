use orlop_sandbox::fatal::Exit;
use orlop_testbed::{Folder, table};

use super::*;
use crate::command_line::tests::DAEMON;
use crate::folder::Output;
use crate::posture::tests::postures;

pub(crate) fn header(postures: &Postures) -> Header<'_> {
    Header { daemon: &DAEMON, mode: "service", started: at(90_000), restarts: 3, postures }
}

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

fn now(ms: u64) -> Now {
    Now { boottime: at(ms), utc_ms: 1_795_769_328_123 }
}

/// What a daemon says that only counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    news: String,
    count: u32,
}

fn body(news: &str, count: u32) -> Body {
    Body { news: news.to_owned(), count }
}

impl Snapshot for Body {
    fn uncounted(&self) -> Self {
        Self { count: 0, ..self.clone() }
    }

    fn is_last(&self) -> bool {
        self.news == "the end"
    }

    fn to_json(&self, now: Now) -> String {
        Document::new(&header(&postures()), self.clone(), now).to_json()
    }

    fn to_metrics(&self) -> String {
        format!("count {}\n", self.count)
    }
}

#[test]
fn every_daemons_document_begins_alike_and_has_its_own_fields_beside() {
    let document = Document::new(&header(&postures()), body("none", 2), now(220_000));
    let json = document.to_json();
    let start = "{\n  \"schema\": 1,\n  \"daemon\": \"test\",\n  \"version\": \"0.1.0\",\n  \"mode\": \"service\",\n  \
                 \"written\": {\n    \"boottime_ms\": 220000,\n    \"in_ms\": 0,\n    \"utc\": \"2026-11-27T08:48:48.123Z\"\n  },\n  \
                 \"started\": {\n    \"boottime_ms\": 90000,\n    \"in_ms\": -130000,\n    \"utc\": \"2026-11-27T08:46:38.123Z\"\n  },\n  \
                 \"restarts\": 3,\n  \"news\": \"none\",\n  \"count\": 2,\n  \"posture\": {\n";
    assert!(json.starts_with(start), "{json}");
    assert_eq!(serde_json::from_str::<Document<Body>>(&json).unwrap(), document);
}

#[test]
fn the_page_explains_every_field_and_no_other() {
    let document = Document::new(&header(&postures()), serde_json::json!({}), now(220_000));
    let fields = table::fields(&document.to_json(), &["posture"]);
    assert_eq!(fields, table::rows(include_str!("../../STATUS.md")));
}

#[test]
fn news_is_written_soon_and_counters_once_a_second() {
    let (own, metrics) = (Folder::new("status-own"), Folder::new("status-metrics"));
    let (mut to_own, mut to_metrics) = (Output::open(&own.0, "the status"), Output::open(&metrics.0, "the metrics"));
    let mut writer = Writer::new(&DAEMON);
    let mut update = |status: &Body, ms| writer.update(&mut to_own, &mut to_metrics, status, now(ms));
    let written = || read::<Body>(&DAEMON, &own.0).unwrap().1.written.boottime_ms;
    let (first, second, counted) = (body("a", 1), body("b", 1), body("a", 2));
    for (what, status, ms, again, last) in [
        ("the first", &first, 1_000, None, 1_000),
        ("nothing new", &first, 9_000, None, 1_000),
        ("news", &second, 10_000, None, 10_000),
        ("news too soon", &first, 10_020, Some(at(10_050)), 10_000),
        ("taken back meanwhile", &second, 10_030, None, 10_000),
        ("news in time", &first, 10_050, None, 10_050),
        ("only a counter", &counted, 10_900, Some(at(11_050)), 10_050),
        ("a counter in time", &counted, 11_050, None, 11_050),
        ("the last never waits", &body("the end", 2), 11_051, None, 11_051),
    ] {
        assert_eq!(update(status, ms), again, "{what}");
        assert_eq!(written(), last, "{what}");
    }
    assert_eq!((own.names(), metrics.names()), (vec![FILE.to_owned()], vec!["test.prom".to_owned()]));
}

#[test]
fn what_could_not_be_written_is_tried_again_after_a_pause() {
    let (own, metrics) = (Folder::new("retry-own"), Folder::new("retry-metrics"));
    std::fs::create_dir(metrics.0.join("test.prom")).unwrap();
    let (mut to_own, mut to_metrics) = (Output::open(&own.0, "the status"), Output::open(&metrics.0, "the metrics"));
    let mut writer = Writer::new(&DAEMON);
    let mut update = |text, ms| writer.update(&mut to_own, &mut to_metrics, &body(text, 1), now(ms));
    let status = || read::<Body>(&DAEMON, &own.0).unwrap().1.written.boottime_ms;
    assert_eq!((update("a", 1_000), status()), (Some(at(6_000)), 1_000), "the status does not wait for the metrics");
    assert_eq!((update("a", 1_001), status()), (Some(at(6_000)), 1_000), "nothing new");
    assert_eq!((update("b", 1_100), status()), (Some(at(6_100)), 1_100), "news");
    std::fs::remove_dir(metrics.0.join("test.prom")).unwrap();
    assert_eq!(update("b", 6_100), None);
    assert!(metrics.0.join("test.prom").is_file());
    assert_eq!((update("b", 20_000), status()), (None, 6_100), "nothing is due");
}

#[test]
fn a_status_that_is_not_there_or_is_none_is_named_with_its_help() {
    let own = Folder::new("show-own");
    let failed = |folder: &std::path::Path| read::<Body>(&DAEMON, folder).unwrap_err();
    let missing = failed(&own.0);
    assert_eq!((missing.exit, missing.problem.as_str()), (Exit::Unconfigured, "no test daemon has been running here"));
    assert_eq!(failed(&own.0.join("none")).exit, Exit::Unconfigured);
    std::fs::write(own.0.join(FILE), "half a docu").unwrap();
    assert!(failed(&own.0).problem.ends_with("is not a status of this version"));
    std::fs::remove_file(own.0.join(FILE)).unwrap();
    std::fs::create_dir(own.0.join(FILE)).unwrap();
    assert_eq!(failed(&own.0).exit, Exit::Os);
}

#[test]
fn the_headline_says_what_became_of_the_daemon() {
    let postures = Postures::default();
    let line = |restarts, life| {
        let header = Header { restarts, ..header(&postures) };
        Document::new(&header, body("a", 1), now(95_000)).headline(life, at(100_000))
    };
    for (restarts, life, want) in [
        (0, Life::Running, "orlop-test 0.1.0, service: running for 10 s\n"),
        (1, Life::Ended, "orlop-test 0.1.0, service: ended, after this was written 5 s ago, started anew once\n"),
        (7, Life::Unknown, "orlop-test 0.1.0, service: under way 5 s ago, started anew 7 times\n"),
        (0, Life::Over, "orlop-test 0.1.0, service: over for 5 s\n"),
    ] {
        assert_eq!(line(restarts, life), want);
    }
}
