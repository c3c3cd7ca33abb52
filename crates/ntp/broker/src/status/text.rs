//! The status for a person: how the clock stands, and who says so.

use std::fmt::Write as _;

use orlop_broker::status::{Document, Life};
use orlop_machine::Instant;
use orlop_ntp_contract::{Leap, NtsState, PeerState};

use super::{Body, NtsDocument, ServerDocument, SourceDocument, StepDocument};

pub(super) fn render(document: &Document<Body>, life: Life, verbose: bool, now: Instant) -> String {
    let mut text = document.headline(life, now);
    let body = &document.body;
    // Writing to a string cannot fail.
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "  {key:<10} {value}");
    };
    let phase = body.phase.map_or("starting", orlop_ntp_contract::Phase::name);
    let since = body.since.as_ref().map_or(String::new(), |since| format!(" for {}", since.age(now)));
    line("clock", &format!("{}: {phase}{since}", if body.synchronised { "synchronised" } else { "NOT synchronised" }));
    if body.stratum > 0 {
        line("offset", &format!("{} ± {}, stratum {}", signed(body.offset_ns), span(body.jitter_ns), body.stratum));
        line("root", &format!("delay {}, dispersion {}", span(body.root_delay_ns), span(body.root_dispersion_ns)));
    }
    line("drift", &format!("{} ppm, slew {} ppm", ppm(body.drift_ppb), ppm(body.slew_ppb)));
    match body.leap {
        Leap::None => {}
        Leap::Insert => line("leap", "this day has one second more"),
        Leap::Delete => line("leap", "this day has one second less"),
    }
    if let Some(StepDocument { at, by_ns, why, agreed }) = &body.last_step {
        let who = if agreed.is_empty() { String::new() } else { format!(": {}", agreed.join(", ")) };
        line("last step", &format!("{} {} ({why}{who})", signed(*by_ns), at.seen_from(now)));
    }
    if let Some(why) = &body.refused {
        line("refused", why);
    }
    if let Some(outcome) = &body.outcome {
        line("outcome", &outcome.said);
    }
    for (from, discards) in [("", &body.discards), ("from name servers: ", &body.name_discards)] {
        if !discards.is_empty() {
            let all: Vec<String> = discards.iter().map(|(why, n)| format!("{why} {n}")).collect();
            line("dropped", &format!("{from}{}", all.join(", ")));
        }
    }
    text += &sources(body, now);
    if verbose {
        let _ = write!(text, "{}", document.posture);
    }
    text
}

/// One line for each server, under a heading.
pub(super) fn sources(body: &Body, now: Instant) -> String {
    if body.sources.is_empty() {
        return "  nobody is asked: no source is configured, and the network names none\n".to_owned();
    }
    let mut rows =
        vec![["", "server", "source", "st", "reach", "poll", "last", "offset", "delay", "±"].map(str::to_owned)];
    for SourceDocument { name, servers, .. } in &body.sources {
        if servers.is_empty() {
            rows.push(["?", "(no server yet)", name, "", "", "", "", "", "", ""].map(str::to_owned));
        }
        for server in servers {
            rows.push(row(name, server, now));
        }
    }
    let keys: Vec<_> =
        body.sources.iter().filter_map(|source| Some(secured(&source.name, source.nts.as_ref()?, now))).collect();
    if keys.is_empty() {
        return table(&rows);
    }
    let head = ["", "nts", "keys", "cookies", "age", "exchanges", "last failure"].map(str::to_owned);
    table(&rows) + &table(&[&[head], &*keys].concat())
}

/// In columns.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += &format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// The keys of a source.
fn secured(name: &str, nts: &NtsDocument, now: Instant) -> [String; 7] {
    let NtsDocument { state, cookies, exchanged, exchanges, failures, failure } = nts;
    let mark = match state {
        NtsState::NoKeys | NtsState::Exchanging => "?",
        NtsState::Keyed => "-",
        NtsState::Protected => "*",
        NtsState::Intercepted => "!",
    };
    [
        mark.to_owned(),
        name.to_owned(),
        state.name().to_owned(),
        cookies.to_string(),
        exchanged.as_ref().map_or(String::new(), |exchanged| exchanged.age(now)),
        format!("{exchanges} of {}", exchanges.saturating_add(*failures)),
        failure.clone().unwrap_or_default(),
    ]
}

fn row(name: &str, server: &ServerDocument, now: Instant) -> [String; 10] {
    let mark = match server.state {
        PeerState::Connecting | PeerState::Unreachable => "?",
        PeerState::Candidate => "-",
        PeerState::Selected => "*",
        PeerState::Spare => "+",
        PeerState::Falseticker => "x",
        PeerState::Denied => "!",
    };
    let address = server.address.strip_suffix(":123").unwrap_or(&server.address).to_owned();
    let answered = server.answered.as_ref();
    let known = |value: String| if answered.is_some() { value } else { String::new() };
    [
        mark.to_owned(),
        address,
        name.to_owned(),
        known(server.stratum.to_string()),
        format!("{:08b}", server.reach),
        format!("{} s", server.poll_secs),
        answered.map_or(String::new(), |answered| answered.age(now)),
        known(signed(server.offset_ns)),
        known(span(server.delay_ns)),
        known(span(server.jitter_ns)),
    ]
}

/// A span in the unit in which it has one to four digits before the point.
pub(super) fn span(nanos: u64) -> String {
    match nanos {
        0..10_000 => format!("{nanos} ns"),
        10_000..10_000_000 => format!("{} µs", nanos / 1000),
        10_000_000..10_000_000_000 => format!("{} ms", nanos / 1_000_000),
        10_000_000_000..7_200_000_000_000 => format!("{} s", nanos / 1_000_000_000),
        7_200_000_000_000..172_800_000_000_000 => format!("{} h", nanos / 3_600_000_000_000),
        _ => format!("{} d", nanos / 86_400_000_000_000),
    }
}

/// The same with its sign.
pub(super) fn signed(nanos: i64) -> String {
    format!("{}{}", if nanos < 0 { '-' } else { '+' }, span(nanos.unsigned_abs()))
}

fn ppm(ppb: i64) -> String {
    let sign = if ppb < 0 { '-' } else { '+' };
    format!("{sign}{}.{:03}", ppb.unsigned_abs() / 1000, ppb.unsigned_abs() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_unit_in_which_it_can_be_read() {
        for (nanos, want) in [
            (0, "+0 ns"),
            (-9_999, "-9999 ns"),
            (84_000, "+84 µs"),
            (-12_000_000, "-12 ms"),
            (61_000_000_000, "+61 s"),
            (7_200_000_000_000, "+2 h"),
            (i64::MAX, "+106751 d"),
        ] {
            assert_eq!(signed(nanos), want);
        }
        assert_eq!((ppm(-1_500).as_str(), ppm(7).as_str()), ("-1.500", "+0.007"));
    }
}
