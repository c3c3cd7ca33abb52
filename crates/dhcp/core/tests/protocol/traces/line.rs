//! One line of a trace: its time, its words, and actions written the same way.

use core::time::Duration;

use orlop_dhcp_contract::{Arp, Ask, Contest, Finding, Lease, Progress, Stage, Term, Withdrawal};
use orlop_dhcp_core::client::Action;
use orlop_machine::Instant;

/// When a line happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    relative: bool,
    from: Duration,
    to: Duration,
}

impl When {
    /// Reads `@WHEN`.
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        let rest = word.strip_prefix('@').ok_or("a line starts with @")?;
        let (relative, rest) = rest.strip_prefix('+').map_or((false, rest), |rest| (true, rest));
        let (from, to) = rest.split_once("..").unwrap_or((rest, rest));
        let secs = |text: &str| {
            let number = text.parse().ok().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
            number.ok_or_else(|| format!("{text:?} is no time"))
        };
        Ok(Self { relative, from: secs(from)?, to: secs(to)? })
    }

    /// The range it means when the line before was at `last`.
    pub(super) fn range(self, start: Instant, last: Instant) -> (Instant, Instant) {
        let base = if self.relative { last } else { start };
        (base.after(self.from), base.after(self.to))
    }
}

/// `key=value` or `key` words, each to be taken once.
pub(super) struct Words<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, ""))).collect())
    }

    /// Takes the word `key`, if it is there.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(have, _)| *have == key)?;
        Some(self.0.remove(at).1)
    }

    /// Takes the word `key` and reads its value.
    pub(super) fn parse<T: core::str::FromStr>(&mut self, key: &str) -> Result<Option<T>, String> {
        let Some(value) = self.take(key) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| format!("{key}={value} does not parse"))
    }

    /// Fails when a word was not taken: nobody knows it.
    pub(super) fn done(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("unknown words: {:?}", self.0)) }
    }
}

/// An action as a trace writes it, with its sign.
pub(super) fn write(action: &Action, start: Instant, last_xid: u32) -> String {
    match action {
        Action::Send { xid, secs, broadcast, want_mtu, ask } => {
            let (name, fields) = message(ask);
            let xid = if *xid == last_xid { "same" } else { "new" };
            let flag = if *broadcast { " broadcast" } else { "" };
            let plain =
                if *want_mtu || matches!(ask, Ask::Decline { .. } | Ask::Release { .. }) { "" } else { " no-mtu" };
            format!("> {name} xid={xid} secs={secs}{flag}{plain}{fields}")
        }
        Action::Configure(lease) => format!("! configure {}", configuration(lease, start)),
        Action::Deconfigure(why) => format!("! deconfigure {}", reason(*why, start)),
        Action::Report(progress) => format!("= {}", standing(progress)),
        Action::Arp(Arp::Probe) => "> arp probe".to_owned(),
        Action::Arp(Arp::Announce) => "> arp announce".to_owned(),
        Action::Arp(Arp::Defend { against }) => format!("> arp defend against={against}"),
        Action::Probed(Finding::Free) => "! found free".to_owned(),
        Action::Probed(Finding::Taken { by }) => format!("! found taken by={by}"),
    }
}

fn message(ask: &Ask) -> (&'static str, String) {
    match ask {
        Ask::Discover { requested, rapid_commit } => {
            let wish = requested.map(|addr| format!(" requested={addr}")).unwrap_or_default();
            ("discover", format!("{wish}{}", if *rapid_commit { " rapid" } else { "" }))
        }
        Ask::Select { requested, server } => ("select", format!(" requested={requested} server={server}")),
        Ask::Reboot { requested } => ("reboot", format!(" requested={requested}")),
        Ask::Renew { ciaddr, server } => ("renew", format!(" ciaddr={ciaddr} server={server}")),
        Ask::Rebind { ciaddr } => ("rebind", format!(" ciaddr={ciaddr}")),
        Ask::Decline { requested, server } => ("decline", format!(" requested={requested} server={server}")),
        Ask::Release { ciaddr, server } => ("release", format!(" ciaddr={ciaddr} server={server}")),
    }
}

fn configuration(lease: &Lease, start: Instant) -> String {
    let Lease {
        addr,
        prefix,
        server,
        term,
        broadcast,
        routers,
        routes,
        mtu,
        dns,
        ntp,
        hostname,
        domain,
        search,
        wire_server,
    } = lease;
    let times = match term {
        Term::Infinite { acquired } => format!("for-ever asked={}", seconds(acquired.since(start))),
        Term::Finite { acquired, renew_at, rebind_at, expires_at } => format!(
            "asked={} t1={} t2={} lease={}",
            seconds(acquired.since(start)),
            seconds(renew_at.since(*acquired)),
            seconds(rebind_at.since(*acquired)),
            seconds(expires_at.since(*acquired))
        ),
    };
    let mut line = format!("{addr}/{prefix} server={server} {times}");
    for (what, many) in [("routers", routers.iter()), ("dns", dns.iter()), ("ntp", ntp.iter())] {
        let all: Vec<String> = many.map(ToString::to_string).collect();
        if !all.is_empty() {
            line += &format!(" {what}={}", all.join(","));
        }
    }
    // What no trace sends must not appear; other tests look at it.
    assert!(routes.is_empty() && search.is_empty() && broadcast.is_none() && mtu.is_none());
    assert!(hostname.is_none() && domain.is_none() && wire_server.is_none());
    line
}

fn reason(why: Withdrawal, start: Instant) -> String {
    match why {
        Withdrawal::Expired(at) => format!("expired at={}", seconds(at.since(start))),
        Withdrawal::Nak => "nak".to_owned(),
        Withdrawal::Conflict => "conflict".to_owned(),
        Withdrawal::Released => "released".to_owned(),
        Withdrawal::Replaced => "replaced".to_owned(),
    }
}

fn standing(progress: &Progress) -> String {
    let Progress { phase, since: _, sent, naks, discards, contest } = progress;
    let Contest { stage, conflicts, defences, other: _ } = contest;
    let mut line = format!("{phase} sent={sent}");
    if *naks > 0 {
        line += &format!(" naks={naks}");
    }
    if *stage != Stage::Off {
        line += &format!(" {}", stage.name());
    }
    for (what, count) in [("conflicts", conflicts), ("defences", defences)] {
        if *count > 0 {
            line += &format!(" {what}={count}");
        }
    }
    for (discard, count) in discards.iter().filter(|(_, count)| *count > 0) {
        line += &format!(" {discard}={count}");
    }
    line
}

/// Without needless zeros.
fn seconds(duration: Duration) -> String {
    format!("{}", duration.as_micros() as f64 / 1e6)
}
