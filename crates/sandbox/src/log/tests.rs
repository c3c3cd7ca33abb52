use std::sync::{Arc, Mutex};

use super::*;

/// Keeps the lines instead of writing them.
struct Kept(Arc<Mutex<Vec<String>>>, LevelFilter);

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.1
    }
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(String::from_utf8(format("broker", event).finish()).unwrap());
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn lines(level: LevelFilter, log: impl FnOnce()) -> Vec<String> {
    let kept = Arc::default();
    tracing::subscriber::with_default(Kept(Arc::clone(&kept), level), log);
    let lines: Vec<String> = kept.lock().unwrap().drain(..).collect();
    lines
}

#[test]
fn a_line_is_level_role_message_and_fields() {
    let lines = lines(LevelFilter::INFO, || {
        tracing::info!(addr = %"192.0.2.9", until = 7, "lease bound");
        tracing::debug!("not this");
        tracing::error!(name = "two words", "message first, wherever it stands");
    });
    assert_eq!(
        lines,
        [
            "INFO broker lease bound addr=192.0.2.9 until=7\n",
            "ERROR broker message first, wherever it stands name=\"two words\"\n",
        ]
    );
}

#[test]
fn no_value_can_start_a_line_or_move_the_cursor() {
    for (what, text, want) in [
        ("newline", "a\nERROR broker b", "a\\nERROR broker b"),
        ("escape", "\x1b[2J", "\\x1b[2J"),
        ("delete", "\x7f", "\\x7f"),
        ("not ASCII", "é", "\\xc3\\xa9"),
        ("tilde and space", " ~", " ~"),
    ] {
        let lines = lines(LevelFilter::INFO, || tracing::info!(%text, "m"));
        assert_eq!(lines, [format!("INFO broker m text={want}\n")], "{what}");
    }
}

#[test]
fn a_long_line_is_cut_where_it_shows() {
    for (what, length) in [("just fits", 990), ("one over", 1002), ("far over", 1 << 20)] {
        let text = "x".repeat(length);
        let [line] = &lines(LevelFilter::INFO, || tracing::info!(%text, "m"))[..] else { panic!("one line") };
        assert!(line.len() <= MAX_LINE, "{what}: {} bytes", line.len());
        assert_eq!(line.ends_with("...\n"), length > 990, "{what}");
    }
}
