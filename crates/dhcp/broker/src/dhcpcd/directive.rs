//! The lines of a dhcpcd.conf: a word, and the rest of the line as its value.

use std::fmt;

/// One thing that a file or an option says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The line of the file, from 1; `None` for an option of the command line.
    pub line: Option<usize>,
    /// What is said.
    pub word: String,
    /// Its value, without quotes; empty when there is none.
    pub value: String,
}

impl fmt::Display for Directive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.word),
            None => write!(f, "option --{}", self.word),
        }
    }
}

/// All directives of a file, in order. Every text is one.
pub(super) fn read(text: &str) -> impl Iterator<Item = Directive> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return None;
        }
        let (word, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        Some(Directive { line: Some(at + 1), word: word.to_owned(), value: unquoted(value.trim()).to_owned() })
    })
}

/// `value` without the quotes around it.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// The items of a list, which spaces and commas separate.
pub(super) fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split([' ', '\t', ',']).filter(|item| !item.is_empty())
}
