//! The verbs that only ask: they need no privilege of their own and start nothing.

mod why;

use std::fmt::Write as _;

use orlop_broker::control::{self, Reply, send};
use orlop_broker::print::print;
use orlop_broker::status::View;
use orlop_resolver_contract::{Queried, QueryType, Record, ServerAddr};
use orlop_resolver_profiles::DAEMON;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_wire::DomainName;

use crate::control::{Answer, Order};
use crate::settings::Settings;
use crate::status::{self, took};

/// Reads the configuration and says that it is good.
///
/// # Errors
/// It is not.
pub fn check(settings: &Settings) -> Result<Exit, Fatal> {
    settings.load()?;
    print(&match settings.path() {
        path if path.exists() => format!("{} is good\n", path.display()),
        path => format!("there is no {}: every default holds\n", path.display()),
    })?;
    Ok(Exit::Done)
}

/// Shows what the daemon does. One that can be asked brings its counters up to date first.
///
/// # Errors
/// No daemon has been running here.
pub fn status(view: View) -> Result<Exit, Fatal> {
    let _older: Result<Reply<Answer>, _> = send(&control::path(&DAEMON), &Order::Status);
    let (text, exit) = status::show(view, clock::now())?;
    print(&text)?;
    Ok(exit)
}

/// Asks the running daemon for a name, and shows the answer.
///
/// # Errors
/// No daemon is running, or it refuses.
pub fn query(name: DomainName, kind: QueryType) -> Result<Exit, Fatal> {
    let Answer::Queried { answer, server } = ask(&Order::Query { name, kind })? else { return Err(another_answer()) };
    print(&shown(&answer, server))?;
    let found = answer.rcode == 0 && !answer.records.is_empty();
    Ok(if found { Exit::Done } else { Exit::Unconfigured })
}

/// Asks the running daemon what would become of a question, and shows it.
///
/// # Errors
/// No daemon is running, or it refuses.
pub fn explain(name: DomainName, kind: QueryType) -> Result<Exit, Fatal> {
    let order = Order::Explain { name: name.clone(), kind };
    let Answer::Explained { why, servers, by } = ask(&order)? else { return Err(another_answer()) };
    print(&why::shown(&name, kind, &why, &servers, by))?;
    Ok(Exit::Done)
}

/// Gives the running daemon an order.
///
/// # Errors
/// No daemon is running, or it refuses.
pub fn control(order: &Order) -> Result<Exit, Fatal> {
    ask(order)?;
    print("done; see: orlop-resolver status\n")?;
    Ok(Exit::Done)
}

fn ask(order: &Order) -> Result<Answer, Fatal> {
    match send(&control::path(&DAEMON), order).map_err(|error| error.fatal(&DAEMON))? {
        Reply::Done(answer) => Ok(answer),
        Reply::Refused(why) => Err(Fatal::new(Exit::Refused, "the daemon refuses").cause(why)),
    }
}

fn another_answer() -> Fatal {
    Fatal::new(Exit::Software, "the daemon has answered another question")
}

fn shown(answer: &Queried, server: Option<ServerAddr>) -> String {
    let Queried { rcode, extended_error, asked: _, took: span, records, is_cut } = answer;
    let mut text = String::new();
    // Writing to a string cannot fail.
    for Record { name, kind, ttl, data } in records {
        let _ = writeln!(text, "{name} {ttl} {kind} {}", data.escape_debug());
    }
    if *is_cut {
        let _ = writeln!(text, "; and more, which are not shown");
    }
    let code = match rcode {
        0 if records.is_empty() => "no such record".to_owned(),
        0 => "found".to_owned(),
        2 => "SERVFAIL: no server could say".to_owned(),
        3 => "NXDOMAIN: there is no such name".to_owned(),
        5 => "REFUSED".to_owned(),
        other => format!("response code {other}"),
    };
    let error = extended_error.map(|error| format!(", extended error {error}")).unwrap_or_default();
    let by = server.map_or_else(|| "from this machine".to_owned(), |server| format!("from {server}"));
    let _ = writeln!(text, "; {code}{error}; {by}, in {}", took(*span));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orlop_wire::Str;

    use super::*;

    #[test]
    fn an_answer_is_shown_with_where_it_is_from() {
        let record = Record {
            name: Str::truncated("a.example."),
            kind: QueryType(16),
            ttl: 60,
            data: Str::truncated("\"x\u{1b}\""),
        };
        let mut answer = Queried {
            rcode: 0,
            extended_error: Some(3),
            asked: None,
            took: Duration::from_micros(2500),
            records: [record].into_iter().collect(),
            is_cut: false,
        };
        let server = ServerAddr::new([192, 0, 2, 1].into(), 53);
        assert_eq!(
            shown(&answer, server),
            "a.example. 60 TXT \\\"x\\u{1b}\\\"\n; found, extended error 3; from 192.0.2.1, in 2.50 ms\n"
        );
        answer.records = [].into_iter().collect();
        answer.rcode = 3;
        answer.extended_error = None;
        assert_eq!(shown(&answer, None), "; NXDOMAIN: there is no such name; from this machine, in 2.50 ms\n");
    }
}
