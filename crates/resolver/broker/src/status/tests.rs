use std::time::Duration;

use orlop_resolver_contract::{
    CacheStatus, Counters, Discard, Served, ServerAddr, UpstreamState, UpstreamStatus, Upstreams,
};
use orlop_wire::{DomainName, InterfaceName};

use crate::servers::Origin;

use super::*;

fn status() -> Status {
    let mut discards = Counters::default();
    discards.count(Discard::WrongId);
    let upstream = UpstreamStatus {
        state: UpstreamState::Good,
        srtt: Some(Duration::from_micros(12_500)),
        queries: 5,
        answers: 4,
        failures: 1,
        pool: 63,
    };
    let failing = UpstreamStatus { state: UpstreamState::Failing, srtt: None, ..upstream };
    let server = |last| ServerAddr::new([192, 0, 2, last].into(), 53);
    Status {
        started: Instant::from_nanos(0),
        restarts: 0,
        renewals: 1,
        chosen: Chosen {
            origin: Origin::Network,
            upstreams: Upstreams::choose([server(1), server(2)].into_iter().flatten(), |_| false)
                .with_route(DomainName::new("corp.example").unwrap(), server(2).unwrap())
                .with_route(DomainName::new("corp.example").unwrap(), server(3).unwrap()),
            interfaces: vec![InterfaceName::new("eth0"), None, None],
            routed_by: vec![Origin::Configuration],
        },
        owns_resolv_conf: true,
        worker: Some(contract::Status {
            served: Served { queries: 9, hits: 3, misses: 4, joined: 1, local: 1, prefetched: 2, ..Served::default() },
            cache: CacheStatus { entries: 4, bytes: 2048, evicted: 0 },
            in_flight: 2,
            discards,
            upstreams: [upstream, failing].into_iter().collect(),
        }),
        postures: Postures::default(),
    }
}

fn now() -> Now {
    Now { boottime: Instant::from_nanos(60_000_000_000), ..Now::read() }
}

#[test]
fn a_person_sees_servers_answers_and_cache() {
    let document = status().document(now());
    let text = text::render(&document, Life::Running, false, now().boottime);
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "  resolv.conf names this resolver",
            "  asks, by the word of the network:",
            "    192.0.2.1                good         12 ms  5 asked, 4 answered, 1 failed, through eth0",
            "    192.0.2.2                failing          -  5 asked, 4 answered, 1 failed",
            "  asks for routed names alone:",
            "    192.0.2.3                untried          -  0 asked, 0 answered, 0 failed",
            "  routes, of which the longest counts:",
            "    corp.example             192.0.2.2 192.0.2.3, by the word of the configuration",
            "  9 questions: 3 from the cache, 5 by a server, 1 by this machine; 2 under way",
            "  4 answers in the cache, 2 kB",
            "  the worker was started again 1 times",
            "  dropped: 1 wrong-id",
        ]
    );
}

fn shown(status: &Status) -> String {
    text::render(&status.document(now()), Life::Running, false, now().boottime)
}

#[test]
fn a_person_sees_that_nobody_is_asked_and_nothing_of_what_never_was() {
    let mut status = status();
    (status.chosen.upstreams, status.worker, status.renewals) = (Upstreams::none(), None, 0);
    let text = shown(&status);
    assert!(text.contains("  asks nobody: no server is known\n"), "{text}");
    assert!(!text.contains("by the word of") && !text.contains("started again") && !text.contains("dropped"), "{text}");
}

#[test]
fn a_span_has_a_unit_that_fits_it() {
    for (micros, want) in [(80, "0.08 ms"), (9_990, "9.99 ms"), (10_000, "10 ms"), (12_999, "12 ms")] {
        assert_eq!(took(Duration::from_micros(micros)), want);
    }
}

#[test]
fn reasons_that_nothing_was_dropped_for_are_left_out() {
    let (text, document) = (status().to_metrics(), status().document(now()));
    assert_eq!(text.lines().filter(|line| line.starts_with("orlop_resolver_discards_total{")).count(), 1, "{text}");
    assert_eq!(document.body.discards.into_iter().collect::<Vec<_>>(), [("wrong-id".to_owned(), 1)]);
}

#[test]
fn what_is_written_is_the_document_and_never_the_last() {
    let (status, now) = (status(), now());
    assert_eq!(status.to_json(now), status.document(now).to_json());
    assert!(!status.is_last(), "a resolver serves until it is told to end");
}

#[test]
fn a_document_is_read_back() {
    let document = status().document(now());
    let again: Document<Body> = serde_json::from_str(&document.to_json()).unwrap();
    assert_eq!(again, document);
}

#[test]
fn counters_alone_are_no_news() {
    let (before, mut after) = (status(), status());
    after.worker = None;
    assert_eq!(before.uncounted(), after.uncounted());
    after.owns_resolv_conf = false;
    assert_ne!(before.uncounted(), after.uncounted());
}

#[test]
fn metrics_say_what_the_status_says() {
    let text = status().to_metrics();
    for line in [
        "orlop_resolver_owns_resolv_conf 1",
        "orlop_resolver_renewals_total 1",
        "orlop_resolver_queries_total{answered=\"hit\"} 3",
        "orlop_resolver_prefetched_total 2",
        "orlop_resolver_server_up{server=\"192.0.2.1\"} 1",
        "orlop_resolver_server_up{server=\"192.0.2.2\"} 0",
        "orlop_resolver_server_srtt_seconds{server=\"192.0.2.1\"} 0.0125",
        "orlop_resolver_server_queries_total{server=\"192.0.2.1\",outcome=\"failure\"} 1",
        "orlop_resolver_discards_total{reason=\"wrong-id\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

/// Every field of the document is explained.
#[test]
fn the_page_explains_every_field() {
    let page = include_str!("../../../STATUS.md");
    let document = serde_json::to_value(status().document(now()).body).unwrap();
    fn fields(value: &serde_json::Value, found: &mut Vec<String>) {
        if let serde_json::Value::Object(map) = value {
            for (key, value) in map {
                found.push(key.clone());
                if key != "discards" {
                    fields(value, found);
                }
            }
        } else if let serde_json::Value::Array(list) = value {
            list.iter().for_each(|value| fields(value, found));
        }
    }
    let mut found = Vec::new();
    fields(&document, &mut found);
    assert!(found.len() > 20);
    for field in found {
        assert!(page.contains(&format!("`{field}`")), "STATUS.md does not explain {field}");
    }
}
