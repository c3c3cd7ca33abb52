//! The log: one line of at most 1024 bytes to stderr for each event, in one write.
//!
//! `LEVEL role message key=value …`, without the time, which the init system adds. What comes from a peer is
//! escaped, so no value can start a line or move the cursor. Needs no system call but `write`.

use core::fmt::{self, Write as _};
use std::io;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The longest line, its end included. A log that an init system splits is a log that can be forged.
pub const MAX_LINE: usize = 1024;

/// Starts logging for this process, which is a `role`, from `level` on. Only the first call counts.
///
/// A panic is logged too, as one line, before it ends the process.
pub fn init(role: &'static str, level: LevelFilter) {
    if tracing::subscriber::set_global_default(Stderr { role, level }).is_err() {
        return;
    }
    std::panic::set_hook(Box::new(move |panic| {
        let mut line = Line::new();
        let _whole = write!(line, "ERROR {role} ");
        let _cut = write!(line.escaped(), "{panic}");
        line.emit();
    }));
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
        format(self.role, event).emit();
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

    pub(crate) fn emit(self) {
        // Nobody to tell when the log itself is gone.
        let _lost = rustix::io::write(io::stderr(), &self.finish());
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
