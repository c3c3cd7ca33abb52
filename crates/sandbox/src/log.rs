//! The log: one line of at most 1024 bytes to stderr for each event, in one write.
//!
//! `LEVEL role message key=value …`, without the time, which the init system adds. What comes from a peer is
//! escaped, so no value can start a line or move the cursor. Needs no system call but `write`.
//!
//! A daemon writes a burst at most and then 50 MB a day, whatever its peers do (`log/volume.rs`). Outside of that is only what a
//! process says when it ends: an error that ends it ([`Fatal::report`](crate::fatal::Fatal::report)), and a panic.

use core::fmt::{self, Write as _};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::clock;

mod volume;

pub(crate) use volume::Kind;
use volume::{LeftOut, Verdict, Volume};

/// The longest line, its end included. A log that an init system splits is a log that can be forged.
pub const MAX_LINE: usize = 1024;

/// Starts logging for this process, which is a `role`, from `level` on. Only the first call counts.
///
/// A panic is logged too, as one line, before it ends the process.
pub fn init(role: &'static str, level: LevelFilter) {
    if tracing::subscriber::set_global_default(Stderr { role, level }).is_err() {
        return;
    }
    log().role = role;
    std::panic::set_hook(Box::new(move |panic| {
        let mut line = Line::new();
        let _whole = write!(line, "ERROR {role} ");
        let _cut = write!(line.escaped(), "{panic}");
        put(&line.finish());
    }));
}

/// As [`init`], for the supervisor of the daemon `name`, which may write less than the others.
pub fn init_supervisor(name: &str, level: LevelFilter) {
    log().volume = Volume::supervisor();
    // Once in a process, and needed until it ends.
    init(String::leak(format!("{name}-supervisor")), level);
}

/// This process takes the place of one that has failed: its first burst is a short one.
pub(crate) fn begin_anew() {
    log().volume = Volume::anew();
}

/// What this process may still write, and what it is called.
struct Log {
    role: &'static str,
    volume: Volume,
}

static LOG: Mutex<Log> = Mutex::new(Log { role: "", volume: Volume::first() });

fn log() -> MutexGuard<'static, Log> {
    // Poisoned only by a panic, which ends the process.
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line if there is room for it, and says whether there was.
pub(crate) fn emit(kind: Kind, line: &[u8]) -> bool {
    let mut log = log();
    match log.volume.take(kind, line.len(), clock::now()) {
        Verdict::LeaveOut => return false,
        Verdict::WriteAfter(left_out) => put(&told(log.role, left_out)),
        Verdict::Write => {}
    }
    put(line);
    true
}

/// Says what was left out until now: when the process ends.
pub(crate) fn tell_what_was_left_out() {
    let mut log = log();
    let untold = log.volume.untold();
    if untold.lines > 0 {
        put(&told(log.role, untold));
    }
}

fn told(role: &str, LeftOut { lines, bytes }: LeftOut) -> Vec<u8> {
    let mut line = Line::new();
    let _whole = write!(line, "WARN {role} lines were left out: the log is limited lines={lines} bytes={bytes}");
    line.finish()
}

fn put(line: &[u8]) {
    // Nobody to tell when the log itself is gone.
    let _lost = rustix::io::write(io::stderr(), line);
}

struct Stderr {
    role: &'static str,
    level: LevelFilter,
}

/// Libraries that tell every step of theirs as news: their warnings are enough.
const TALKATIVE: [&str; 1] = ["ntp_proto"];

impl Subscriber for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let library = metadata.target().split("::").next().unwrap_or_default();
        let quiet = TALKATIVE.contains(&library) && *metadata.level() > Level::WARN;
        *metadata.level() <= self.level && !quiet
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        // What a library we use says is not ours to keep within bounds of meaning, only of form.
        let kind = if *event.metadata().level() == Level::ERROR { Kind::Error } else { Kind::Ordinary };
        emit(kind, &format(self.role, event).finish());
    }

    // Spans are not used: a process has one role, and an event carries its fields.
    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

fn format(role: &str, event: &Event<'_>) -> Line {
    let mut line = Line::new();
    let _cut = write!(line, "{} {role}", level_name(*event.metadata().level()));
    event.record(&mut Message(&mut line));
    event.record(&mut Fields(&mut line));
    line
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

/// Writes the message, wherever among the fields it is.
struct Message<'l>(&'l mut Line);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _cut = self.0.write_str(" ");
            let _cut = write!(self.0.escaped(), "{value:?}");
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record_debug(field, &whole(value));
    }
}

/// Without its fraction: no event of ours has one, and to write one takes 10 kB of code.
#[expect(clippy::cast_possible_truncation, reason = "that is its purpose")]
const fn whole(value: f64) -> i64 {
    value as i64
}

/// Writes all other fields.
struct Fields<'l>(&'l mut Line);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            let _cut = write!(self.0, " {}=", field.name());
            let _cut = write!(self.0.escaped(), "{value:?}");
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record_debug(field, &whole(value));
    }
}

/// A line under construction. What does not fit is cut off, and the cut shows.
pub(crate) struct Line {
    bytes: Vec<u8>,
    cut: bool,
}

/// What stands at the end of a line that was cut.
const CUT: &[u8] = b"...";

impl Line {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::with_capacity(256), cut: false }
    }

    /// A writer of the same line that escapes everything but printable ASCII.
    pub(crate) fn escaped(&mut self) -> Escaped<'_> {
        Escaped(self)
    }

    /// Adds `piece` as a whole or not at all.
    fn push(&mut self, piece: &[u8]) {
        if self.cut || self.bytes.len() + piece.len() > MAX_LINE - CUT.len() - 1 {
            self.cut = true;
            return;
        }
        self.bytes.extend_from_slice(piece);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.cut {
            self.bytes.extend_from_slice(CUT);
        }
        self.bytes.push(b'\n');
        self.bytes
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// See [`Line::escaped`].
pub(crate) struct Escaped<'l>(&'l mut Line);

impl Escaped<'_> {
    /// Adds bytes of unknown encoding.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b' '..=b'~' => self.0.push(&[*byte]),
                _ => self.0.push(&byte.escape_ascii().collect::<Vec<u8>>()),
            }
        }
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_bytes(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
