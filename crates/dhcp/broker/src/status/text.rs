//! A status as a person reads it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use orlop_dhcp_contract::Phase;
use orlop_sandbox::posture::Status;

use super::Postures;
use super::document::{Document, InterfaceDocument, LeaseDocument, Moment};

/// Width of the column of labels.
const LABEL: usize = 11;

/// What has become of the daemon that wrote a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It takes orders.
    Running,
    /// It does not, and should.
    Ended,
    /// It never takes orders, and has not said its last word.
    Unknown,
    /// It has said its last word.
    Over,
}

/// The text of `document` at `now`, in seconds since boot.
pub(super) fn render(document: &Document, life: Life, now: f64) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, document, life, now);
    text
}

fn write_all(text: &mut String, document: &Document, life: Life, now: f64) -> fmt::Result {
    let Document { version, mode, written, started, restarts, interfaces, outcome, posture } = document;
    write!(text, "orlop-dhcp {version}, {mode}: ")?;
    match life {
        Life::Running => write!(text, "running for {}", span(now - started.boottime))?,
        Life::Ended => write!(text, "ended, after this was written {} ago", span(now - written))?,
        Life::Unknown => write!(text, "under way {} ago", span(now - written))?,
        Life::Over => write!(text, "over for {}", span(now - written))?,
    }
    match restarts {
        0 => writeln!(text)?,
        1 => writeln!(text, ", started anew once")?,
        times => writeln!(text, ", started anew {times} times")?,
    }
    if let Some(outcome) = outcome {
        writeln!(text, "{outcome}")?;
    }
    if interfaces.is_empty() {
        writeln!(text, "\nno interface to look after")?;
    }
    for interface in interfaces {
        write_interface(text, interface, now)?;
    }
    if *posture != Postures::default() {
        writeln!(text, "\nsandbox")?;
        write_postures(text, posture)?;
    }
    Ok(())
}

/// What each process is restricted by, a line each.
pub(super) fn postures(postures: &Postures) -> String {
    let mut text = String::new();
    let _ = write_postures(&mut text, postures);
    text
}

fn write_postures(text: &mut String, postures: &Postures) -> fmt::Result {
    let Postures { worker, broker, supervisor } = postures;
    for (role, posture) in [("worker", worker), ("broker", broker)] {
        if let Some(posture) = posture {
            row(text, role, posture)?;
        }
    }
    if let Some(Status { uids: [uid, ..], effective, bounding, no_new_privs, filters, .. }) = supervisor {
        let sure = if *no_new_privs { "yes" } else { "NO" };
        row(
            text,
            "supervisor",
            format_args!(
                "uid={uid} capabilities={effective} bounding={bounding} no_new_privs={sure} filters={filters}, reads nothing"
            ),
        )?;
    }
    Ok(())
}

fn write_interface(text: &mut String, interface: &InterfaceDocument, now: f64) -> fmt::Result {
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
        lease,
    } = interface;
    write!(text, "\n{name}: ")?;
    match (phase, since) {
        (Some(phase), Some(since)) => write!(text, "{phase} for {}", span(now - since.boottime))?,
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
    let mut dropped: Vec<(&str, u32)> = discards.iter().map(|(why, n)| (why.as_str(), *n)).collect();
    dropped.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    if !dropped.is_empty() {
        row(text, "dropped", list(dropped.iter().map(|(why, n)| format!("{n} {why}"))))?;
    }
    Ok(())
}

fn write_lease(text: &mut String, lease: &LeaseDocument, now: f64) -> fmt::Result {
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
    } = lease;
    row(text, "address", format_args!("{address} from {server}"))?;
    let times = [("renews", renew), ("rebinds", rebind), ("expires", expires)];
    let mut lasting = times.iter().filter_map(|(what, at)| at.map(|at| format!("{what} {}", when(at, now)))).peekable();
    let end = if lasting.peek().is_some() { list(lasting) } else { "never expires".to_owned() };
    row(text, "lease", format_args!("acquired {}, {end}", when(*acquired, now)))?;
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

fn when(at: Moment, now: f64) -> String {
    let ahead = at.boottime - now;
    if ahead >= 0.0 { format!("in {}", span(ahead)) } else { format!("{} ago", span(-ahead)) }
}

/// A span of seconds in its two largest units: `12 s`, `4 min 5 s`, `2 h 3 min`, `6 d 1 h`.
fn span(seconds: f64) -> String {
    // What is no duration, such as a negative one from a clock read too early, is none.
    let seconds = Duration::try_from_secs_f64(seconds).map_or(0, |span| span.as_secs());
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units() {
        for (seconds, want) in [
            (-3.0, "0 s"),
            (0.9, "0 s"),
            (59.0, "59 s"),
            (60.0, "1 min 0 s"),
            (3599.0, "59 min 59 s"),
            (3600.0, "1 h 0 min"),
            (86_399.0, "23 h 59 min"),
            (525_600.0, "6 d 2 h"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(span(seconds), want, "{seconds}");
        }
    }
}
