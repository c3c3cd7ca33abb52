//! Runs the conversations in `tests/conversations`: what is asked of each provider, what it answers, and what is written then.
//! The answers are written from the vendors' documentation, with addresses and names of documentation.
//!
//! A line is a sign and words. `provider`, `allow` and `at` (where
//! the provider is) stand at the start. `>` is a request that must be the next one, with its
//! headers and body (`>|`) in the lines after it; `<` is the answer, of which the body (`|`) follows; `<silence` is none. `=` is
//! what must come of it, in order: a file, a folder, the hostname, what was left out, the end. Time passes as it must.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use orlop_harness::traces;
use orlop_machine::{Instant, Machine as _, Seed};
use orlop_metadata_contract::{Errand, Location, Policy, Provider, Request};
use orlop_metadata_core::fetch::{Action, Event, Fetch};
use orlop_metadata_core::provider::{Options, SOURCES, Source};

use crate::targets;
use crate::trees::shown;

/// Where they lie.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conversations");

#[test]
fn every_conversation_goes_as_written() {
    traces::every_trace_plays(FOLDER, 2 * SOURCES.len(), play);
}

#[test]
fn every_provider_has_two_documents() {
    for source in SOURCES {
        let name = source.provider.name();
        let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let count = files.filter(|file| file.starts_with(&format!("{name}-"))).count();
        assert!(count >= 2, "{name} has {count}");
    }
}

#[test]
fn a_conversation_that_is_wrong_in_any_word_fails() {
    let good = "provider digitalocean\n> GET /metadata/v1.json\n< 200\n| {\"droplet_id\": 7, \"hostname\": \"web-1\"}\n\
                = 0644 hostname \"web-1\"\n= 0644 id \"7\"\n= 0644 instance_id \"7\"\n= hostname web-1\n= done Unwanted\n";
    let changes = [
        ("another provider", "digitalocean", "upcloud"),
        ("no provider", "digitalocean", "nobody"),
        ("another method", "> GET", "> PUT"),
        ("another target", "/metadata/v1.json", "/metadata/v2.json"),
        ("a header that is not sent", "< 200", "> X: y\n< 200"),
        ("a body that is not sent", "< 200", ">| x\n< 200"),
        ("another status", "< 200", "< 403"),
        ("another document", "\"web-1\"}", "\"web-2\"}"),
        ("another mode", "= 0644 id", "= 0600 id"),
        ("an unlisted file", "= 0644 id \"7\"\n", ""),
        ("another end", "= done Unwanted", "= done Made"),
        ("no end", "= done Unwanted\n", ""),
        ("an unknown sign", "= done", "? done"),
    ];
    traces::every_change_is_noticed(good, &changes, play);
    let with_headers = "provider oracle\n> GET /opc/v2/instance/\n> Authorization: Bearer Oracle\n< 403\n\
                        = failed the metadata service refuses, with HTTP status 403\n";
    let changes = [
        ("another header", "Authorization: Bearer Oracle", "Authorization: Bearer Larry"),
        ("a header that is sent and not listed", "> Authorization: Bearer Oracle\n", ""),
    ];
    traces::every_change_is_noticed(with_headers, &changes, play);
}

/// Plays one conversation.
fn play(text: &str) -> Result<(), String> {
    let mut stage = None;
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let (sign, words) = line.split_once(' ').unwrap_or((line, ""));
        let result = match (sign, &mut stage) {
            ("provider", None) => Stage::new(words).map(|new| stage = Some(new)),
            (_, None) => Err("no provider".to_owned()),
            (sign, Some(stage)) => stage.line(sign, words),
        };
        result.map_err(|why| format!("line {number}: {line}\n  {why}"))?;
    }
    stage.ok_or("nothing happens")?.finish()
}

struct Stage {
    fetch: Fetch,
    source: &'static Source,
    now: Instant,
    policy: Policy,
    options: Options,
    has_begun: bool,
    did: VecDeque<Action>,
    /// What of the last request no line has spoken of yet.
    request: BTreeSet<String>,
    body: String,
    /// Status line, headers, body lines of the answer that is being read.
    answer: Option<(String, Vec<String>)>,
    outcome: VecDeque<String>,
    is_over: bool,
}

/// Headers that every request has.
const ALWAYS: [&str; 5] = ["Host", "User-Agent", "Connection", "Content-Length", "Content-Type"];

impl Stage {
    fn new(name: &str) -> Result<Self, String> {
        let provider = Provider::ALL.into_iter().find(|provider| provider.name() == name);
        let source = provider.and_then(Source::of).ok_or("no such provider")?;
        let now = Instant::from_nanos(1);
        let options = Options { reports: true, ..Options::default() };
        Ok(Self {
            fetch: fetch(source, options),
            source,
            now,
            policy: Policy::new(now, Errand::Fetch { endpoints: 4 }),
            options,
            has_begun: false,
            did: VecDeque::new(),
            request: BTreeSet::new(),
            body: String::new(),
            answer: None,
            outcome: VecDeque::new(),
            is_over: false,
        })
    }

    fn line(&mut self, sign: &str, words: &str) -> Result<(), String> {
        if sign == "|" {
            let (_, body) = self.answer.as_mut().ok_or("no answer before it")?;
            body.push(words.to_owned());
            return Ok(());
        }
        match sign {
            "allow" if words == "imds-v1" && !self.has_begun => {
                self.options.imds_v1 = true;
                self.fetch = fetch(self.source, self.options);
                Ok(())
            }
            "at" if !self.has_begun => {
                let location = Location::parse(words).map_err(|why| why.to_string())?;
                self.fetch = fetch(self.source, self.options).at(&location);
                Ok(())
            }
            ">" if words.contains(": ") => self
                .request
                .remove(words)
                .then_some(())
                .ok_or_else(|| format!("not sent; sent were {:?}", self.request)),
            ">|" => (self.body == words).then(|| self.body.clear()).ok_or_else(|| format!("sent is {:?}", self.body)),
            ">" => {
                self.flush()?;
                let bytes = self.next_request()?;
                let text = String::from_utf8(bytes).map_err(|why| why.to_string())?;
                let (head, body) = text.split_once("\r\n\r\n").ok_or("no head")?;
                let mut lines = head.split("\r\n");
                self.body = body.replace('\n', "");
                let first = lines.next().unwrap_or_default();
                let is_special = |line: &&str| !ALWAYS.iter().any(|name| line.starts_with(&format!("{name}: ")));
                self.request = lines.filter(is_special).map(str::to_owned).collect();
                let want = format!("{words} HTTP/1.1");
                (first == want).then_some(()).ok_or_else(|| format!("it asks: {first}"))
            }
            "<" => {
                self.is_told()?;
                self.answer = Some((words.to_owned(), Vec::new()));
                Ok(())
            }
            "<silence" => {
                self.is_told()?;
                self.pass()
            }
            "=" => {
                self.flush()?;
                if self.outcome.is_empty() {
                    self.go_on()?;
                }
                let did = self.outcome.pop_front().ok_or("nothing comes of it")?;
                (did == words).then_some(()).ok_or_else(|| format!("it is: {did}"))
            }
            _ => Err("unknown sign".to_owned()),
        }
    }

    /// Every part of the last request had its line.
    fn is_told(&self) -> Result<(), String> {
        let is_told = self.request.is_empty() && self.body.is_empty();
        is_told.then_some(()).ok_or_else(|| format!("it also sends {:?} {:?}", self.request, self.body))
    }

    /// Gives the answer that was read.
    fn flush(&mut self) -> Result<(), String> {
        let Some((head, body)) = self.answer.take() else { return Ok(()) };
        let body = body.join("\n");
        let (status, headers) = head.split_once(' ').unwrap_or((&head, ""));
        let headers: String = headers.split_terminator("; ").flat_map(|header| [header, "\r\n"]).collect();
        let bytes = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        self.handle(Event::Received(bytes.into_bytes()))
    }

    fn next_request(&mut self) -> Result<Vec<u8>, String> {
        loop {
            self.go_on()?;
            match self.did.pop_front() {
                Some(Action::Send(bytes)) => return Ok(bytes),
                Some(other) => return Err(format!("it does {other:?}")),
                None if self.is_over => return Err(format!("it ends with {:?}", self.outcome)),
                None => self.pass()?,
            }
        }
    }

    /// Begins, and does what needs no line.
    fn go_on(&mut self) -> Result<(), String> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.handle(Event::Start)?;
        }
        Ok(())
    }

    /// Lets time pass until something is due.
    fn pass(&mut self) -> Result<(), String> {
        let due = self.fetch.deadline().ok_or("nothing is waited for")?;
        self.now = due.max(self.now);
        self.handle(Event::Deadline)
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        for action in self.fetch.handle(self.now, event) {
            match action {
                Action::Connect(place) => {
                    let _permitted =
                        self.policy.permit(self.now, Request::Connect(place)).map_err(|why| why.to_string())?;
                    self.handle(Event::Granted)?;
                    self.handle(Event::Connected)?;
                }
                Action::Close => {}
                Action::Found(tree) => {
                    targets::check(&tree, self.source.provider);
                    self.outcome
                        .extend(shown(&tree, false).lines().filter(|line| !line.starts_with('!')).map(str::to_owned));
                    self.outcome.extend(tree.hostname.map(|name| format!("hostname {}", name.as_str())));
                    self.outcome.extend(tree.left_out.iter().map(|left_out| format!("! {left_out}")));
                    self.handle(Event::Told)?;
                }
                Action::Done(report) => self.end(format!("done {report:?}")),
                Action::Failed(failure) => self.end(format!("failed {failure}")),
                Action::Send(_) => self.did.push_back(action),
            }
        }
        Ok(())
    }

    fn end(&mut self, how: String) {
        self.is_over = true;
        self.outcome.push_back(how);
    }

    fn finish(mut self) -> Result<(), String> {
        self.flush()?;
        if !self.is_over || !self.outcome.is_empty() || !self.did.is_empty() {
            return Err(format!("it does not end there: {:?} {:?}", self.outcome, self.did));
        }
        Ok(())
    }
}

fn fetch(source: &'static Source, options: Options) -> Fetch {
    Fetch::new(source, options, Instant::from_nanos(0).after(Duration::from_secs(30)), Seed::from_bytes([7; 32]))
}
