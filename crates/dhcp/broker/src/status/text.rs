//! A status as a person reads it.

use std::fmt::{self, Write as _};

use orlop_broker::status::{Document, Life};
use orlop_dhcp_contract::{Phase, Stage};
use orlop_machine::Instant;

use super::View;
use super::document::{Body, ConflictDocument, InterfaceDocument, LeaseDocument};

/// Width of the column of labels.
const LABEL: usize = 11;

/// The text of `document` at `now`.
pub(super) fn render(document: &Document<Body>, view: &View, life: Life, now: Instant) -> String {
    let mut text = document.headline(life, now);
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, document, view, now);
    text
}

fn write_all(text: &mut String, document: &Document<Body>, view: &View, now: Instant) -> fmt::Result {
    let Document { body: Body { interfaces, outcome }, posture, .. } = document;
    if let Some(outcome) = outcome {
        writeln!(text, "{outcome}")?;
    }
    if interfaces.is_empty() {
        writeln!(text, "\nno interface to look after")?;
    }
    let shown = |one: &&InterfaceDocument| view.interface.as_ref().is_none_or(|name| one.name == *name);
    for interface in interfaces.iter().filter(shown) {
        write_interface(text, interface, now)?;
    }
    if view.verbose && !posture.is_empty() {
        writeln!(text, "\nsandbox")?;
        for process in posture.show(false).lines() {
            writeln!(text, "  {process}")?;
        }
    }
    Ok(())
}

fn write_interface(text: &mut String, interface: &InterfaceDocument, now: Instant) -> fmt::Result {
    let InterfaceDocument {
        name,
        index,
        hardware,
        carrier,
        metric,
        phase,
        since,
        sent,
        naks,
        discards,
        refused,
        conflict,
        lease,
    } = interface;
    write!(text, "\n{name}: ")?;
    match (phase, since) {
        (Some(phase), Some(since)) => write!(text, "{phase} for {}", since.age(now))?,
        _ => write!(text, "just found")?,
    }
    let carrier = if *carrier { "" } else { ", no carrier" };
    writeln!(text, "{carrier} ({hardware}, index {index}, metric {metric})")?;
    if let Some(lease) = lease {
        write_lease(text, lease, now)?;
    }
    let asking = phase.is_some_and(|phase| !matches!(phase, Phase::NoCarrier | Phase::Bound | Phase::Released));
    if asking && *sent > 0 {
        row(text, "sent", format_args!("{sent} without an answer"))?;
    }
    if *naks > 0 {
        row(text, "refused", format_args!("{naks} times by a server"))?;
    }
    if let Some(why) = refused {
        row(text, "not used", why)?;
    }
    write_conflict(text, conflict, lease.is_some())?;
    let mut dropped: Vec<(&str, u32)> = discards.iter().map(|(why, n)| (why.as_str(), *n)).collect();
    dropped.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    if !dropped.is_empty() {
        row(text, "dropped", list(dropped.iter().map(|(why, n)| format!("{n} {why}"))))?;
    }
    Ok(())
}

/// Nothing where there is nothing to tell: that a lease in force is probed for is nobody's trouble.
fn write_conflict(text: &mut String, conflict: &ConflictDocument, leased: bool) -> fmt::Result {
    let ConflictDocument { detection: _, stage, conflicts, defences, other } = conflict;
    if *stage == Stage::Probing && !leased {
        row(text, "conflict", "asking whether another host has the address")?;
    }
    let by = other.as_deref().unwrap_or("another host");
    if *conflicts > 0 {
        row(text, "conflict", format_args!("{conflicts} times another host had the address, last seen: {by}"))?;
    }
    if *defences > 0 {
        row(text, "defended", format_args!("{defences} times against another host, last seen: {by}"))?;
    }
    Ok(())
}

fn write_lease(text: &mut String, lease: &LeaseDocument, now: Instant) -> fmt::Result {
    let LeaseDocument {
        address,
        server,
        acquired,
        renew,
        rebind,
        expires,
        broadcast,
        routers,
        routes,
        dns,
        search,
        domain,
        ntp,
        hostname,
        mtu,
        wire_server,
    } = lease;
    row(text, "address", format_args!("{address} from {server}"))?;
    let times = [("renews", renew), ("rebinds", rebind), ("expires", expires)];
    let mut lasting =
        times.iter().filter_map(|(what, at)| at.as_ref().map(|at| format!("{what} {}", at.seen_from(now)))).peekable();
    let end = if lasting.peek().is_some() { list(lasting) } else { "never expires".to_owned() };
    row(text, "lease", format_args!("acquired {}, {end}", acquired.seen_from(now)))?;
    if let Some(broadcast) = broadcast {
        row(text, "broadcast", broadcast)?;
    }
    for (label, values) in [
        ("routers", list(routers)),
        ("routes", list(routes)),
        ("dns", list(dns)),
        ("search", list(search)),
        ("domain", list(domain)),
        ("ntp", list(ntp)),
        ("host name", list(hostname)),
        ("mtu", list(mtu.map(|mtu| mtu.get()))),
        ("wire server", list(wire_server)),
    ] {
        if !values.is_empty() {
            row(text, label, values)?;
        }
    }
    Ok(())
}

fn row(text: &mut String, label: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(text, "  {label:LABEL$}{value}")
}

fn list<T: fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for value in values {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{value}");
    }
    text
}
