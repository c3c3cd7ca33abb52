//! The status for a person.

use std::fmt::Write as _;
use std::time::Duration;

use orlop_broker::status::{Document, Life};
use orlop_machine::Instant;

use super::{Body, RouteDocument, ServerDocument};

pub(super) fn render(document: &Document<Body>, life: Life, verbose: bool, now: Instant) -> String {
    let mut text = document.headline(life, now);
    let Body { owns_resolv_conf, origin, servers, routes, served, cache, in_flight, renewals, discards } =
        &document.body;
    // Writing to a string cannot fail.
    let owner = if *owns_resolv_conf { "names this resolver" } else { "is not the resolver's" };
    let _ = writeln!(text, "  resolv.conf {owner}");
    let (general, others): (Vec<&ServerDocument>, Vec<_>) = servers.iter().partition(|server| server.is_general);
    let _ = match general.len() {
        0 => writeln!(text, "  asks nobody: no server is known"),
        _ => writeln!(text, "  asks, by the word of {}:", origin.name()),
    };
    general.into_iter().for_each(|server| write_server(&mut text, server));
    if !others.is_empty() {
        let _ = writeln!(text, "  asks for routed names alone:");
    }
    others.into_iter().for_each(|server| write_server(&mut text, server));
    if !routes.is_empty() {
        let _ = writeln!(text, "  routes, of which the longest counts:");
    }
    for RouteDocument { domain, servers, by } in routes {
        let _ = writeln!(text, "    {domain:<24} {}, by the word of {}", servers.join(" "), by.name());
    }
    let answered = [
        (served.hits, "from the cache"),
        (served.misses.saturating_add(served.joined), "by a server"),
        (served.local, "by this machine"),
        (served.stale, "stale"),
        (served.failed, "failed"),
    ];
    let answered: Vec<String> = answered.iter().filter(|(n, _)| *n > 0).map(|(n, how)| format!("{n} {how}")).collect();
    let _ = writeln!(
        text,
        "  {} questions{}{}; {in_flight} under way",
        served.queries,
        if answered.is_empty() { "" } else { ": " },
        answered.join(", ")
    );
    let _ = writeln!(text, "  {} answers in the cache, {} kB", cache.entries, cache.bytes / 1024);
    if *renewals > 0 {
        let _ = writeln!(text, "  the worker was started again {renewals} times");
    }
    if !discards.is_empty() {
        let all: Vec<String> = discards.iter().map(|(why, n)| format!("{n} {why}")).collect();
        let _ = writeln!(text, "  dropped: {}", all.join(", "));
    }
    if verbose {
        let _ = write!(text, "{}", document.posture.show(false));
    }
    text
}

fn write_server(text: &mut String, server: &ServerDocument) {
    let ServerDocument { address, is_general: _, interface, state, srtt_us, queries, answers, failures, pool: _ } =
        server;
    let took = srtt_us.map_or_else(|| "-".to_owned(), |micros| took(Duration::from_micros(micros)));
    let through = interface.as_ref().map(|interface| format!(", through {interface}")).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "    {address:<24} {:<8} {took:>9}  {queries} asked, {answers} answered, {failures} failed{through}",
        state.name()
    );
}

/// A span with a unit that fits it.
pub(crate) fn took(span: Duration) -> String {
    if span < Duration::from_millis(10) {
        format!("{:.2} ms", span.as_secs_f64() * 1000.0)
    } else {
        format!("{} ms", span.as_millis())
    }
}
