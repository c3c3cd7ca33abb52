//! Runs the traces in `tests/traces`: conversations that a protocol person can read, compared whole.
//!
//! A line is `@WHEN SIGN WORDS`. WHEN is seconds since the start, `+SECONDS` after the line before, or a range
//! `FROM..TO` (also `+FROM..TO`) for what has jitter. Signs: `*` an event, `<` a server's reply, `>` a message to
//! send, `!` a change of the configuration, `=` a report. Every action must have its line, in order; `@T * end`
//! says that nothing more happens until T. Lines before the first `@` describe the client.

mod line;
mod stage;

use orlop_harness::traces;
use stage::Stage;

/// Plays one trace.
fn play(text: &str) -> Result<(), String> {
    let mut lines =
        text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#')).peekable();
    let mut setup = Vec::new();
    while let Some((line, _)) = lines.next_if(|(line, _)| !line.starts_with('@')) {
        setup.push(line);
    }
    let mut stage = Stage::new(&setup)?;
    for (line, number) in lines {
        stage.line(line).map_err(|why| format!("line {number}: {line}\n  {why}"))?;
    }
    stage.finish()
}

#[test]
fn every_trace_plays_as_written() {
    traces::every_trace_plays(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces"), 20, play);
}

#[test]
fn a_trace_that_is_wrong_in_any_word_fails() {
    let good = "@0 * started\n@0 > discover xid=new secs=1\n@0 = selecting sent=1\n@0.5 * end\n";
    let changes = [
        ("unknown event", "started", "begun"),
        ("unknown sign", "@0 = selecting", "@0 ~ selecting"),
        ("unknown message", "> discover", "> ask"),
        ("another message", "> discover", "> reboot"),
        ("unknown word in a message", "secs=1", "secs=1 flag=1"),
        ("another value", "secs=1", "secs=2"),
        ("another xid", "xid=new", "xid=same"),
        ("another phase", "= selecting", "= init"),
        ("an unlisted action", "@0 = selecting sent=1\n", ""),
        ("an action that does not happen", "@0.5 * end", "@0.5 > discover xid=same secs=1"),
        ("another time", "@0 > discover", "@0.1 > discover"),
        ("an unfinished trace", "@0.5 * end\n", ""),
        ("time going back", "@0.5 * end\n", "@0.5 * end\n@0.4 * end\n"),
        ("unknown word in a reply", "@0.5 * end", "@0.1 < offer colour=blue\n@0.5 * end"),
        ("unknown word in the setup", "@0 * started", "carrier sideways\n@0 * started"),
    ];
    traces::every_change_is_noticed(good, &changes, play);
}
