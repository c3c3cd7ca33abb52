//! JSON for programs that a person can read as well.

use serde::Serialize;

/// `value` as an indented text that ends with a line end.
pub(crate) fn text(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain data with text keys");
    text.push('\n');
    text
}
