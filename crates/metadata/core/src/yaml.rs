//! As much of YAML as metadata documents use: maps and lists in blocks, plain and quoted scalars of one line, literal blocks (`|`).
//!
//! Every plain scalar is text, but for `null`, `~` and nothing at all: no document of these needs a number to be one, and a
//! `012` or a `yes` stays what it is. Whatever begins with `[` or `{` has to be JSON, on one line; a whole document may be JSON on as
//! many as it likes. Anchors, aliases, tags, folded blocks, other flow style, and scalars over several lines are errors with
//! the number of their line. A key that is there twice is one as well.

use std::collections::BTreeMap;

use crate::json::{Json, JsonError};

mod scalar;

/// Bytes of a document, at most: what is allowed for one key of metadata.
pub const MAX_DOCUMENT: usize = 256 << 10;

/// Values in values, at most.
pub const MAX_NESTED: usize = 32;

/// Values of a document, at most, not counting what is in JSON, which has a bound of its own.
pub const MAX_VALUES: usize = 4_096;

/// The value that `document` is.
///
/// # Errors
/// When it is none, or larger or deeper than any use.
pub fn parse(document: &[u8]) -> Result<Json, YamlError> {
    let first = |problem| YamlError { line: 1, problem };
    if document.len() > MAX_DOCUMENT {
        return Err(first(Problem::Large));
    }
    let text = str::from_utf8(document).map_err(|_| first(Problem::NotText))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return Json::parse(text.as_bytes(), MAX_NESTED).map_err(|error| match error {
            JsonError::Syntax { line, .. } => YamlError { line, problem: Problem::Flow },
            JsonError::TooLarge => first(Problem::Large),
        });
    }
    let mut parser = Parser { lines: text.lines().collect(), next: 0, pushed_back: None, values_left: MAX_VALUES };
    let value = parser.document()?;
    parser.nothing_is_left()?;
    Ok(value)
}

/// A line of a document, and why it cannot be read. The words never have anything of the document in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct YamlError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// More bytes or values than any use.
    #[error("the document is longer than 256 KiB, or has too many values, or they lie too deep in each other")]
    Large,
    /// Deeper than any use.
    #[error("more than 32 values lie in each other")]
    Deep,
    /// Not UTF-8, or with control characters.
    #[error("this is not text")]
    NotText,
    /// `[` or `{` and no JSON.
    #[error("flow style that is not JSON of one line is not supported")]
    Flow,
    /// `&`, `*`, `!`, `?`, `>`, a second document and the like.
    #[error("anchors, aliases, tags, folded blocks, directives and further documents are not supported")]
    Unsupported,
    /// A tab where blanks have to be.
    #[error("a tab stands in the indentation")]
    Tab,
    /// It belongs to nothing.
    #[error("the indentation fits nothing above, or a scalar goes on over several lines")]
    Indentation,
    /// No colon behind what has to be a key.
    #[error("neither \"key: value\" nor \"- value\"")]
    NotAKey,
    /// The key is there already.
    #[error("the key is there twice")]
    Twice,
    /// A quote without its end, something behind it, or an escape that does not exist.
    #[error("the quotes, or an escape in them, are wrong")]
    Quotes,
}

/// A line that is neither empty nor a comment.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// Counted from 1.
    number: usize,
    indent: usize,
    /// Without indentation and without blanks at the end.
    text: &'a str,
}

impl Line<'_> {
    fn error(&self, problem: Problem) -> YamlError {
        YamlError { line: self.number, problem }
    }
}

struct Parser<'a> {
    lines: Vec<&'a str>,
    /// Index of the line that is read next.
    next: usize,
    /// What is left of a line of which the beginning was read: the map in `- key: value`.
    pushed_back: Option<Line<'a>>,
    values_left: usize,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Json, YamlError> {
        self.pushed_back = self.line()?.filter(|line| line.text != "---");
        match self.peek()? {
            Some(line) => self.block(line.indent, MAX_NESTED),
            None => Ok(Json::Null),
        }
    }

    fn nothing_is_left(&mut self) -> Result<(), YamlError> {
        while let Some(line) = self.line()? {
            match line.text {
                "..." => {}
                text if text.starts_with("---") => return Err(line.error(Problem::Unsupported)),
                _ => return Err(line.error(Problem::Indentation)),
            }
        }
        Ok(())
    }

    /// The list, map or scalar whose lines begin at column `indent`.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Json, YamlError> {
        let Some(line) = self.peek()? else {
            return Ok(Json::Null);
        };
        let depth = depth.checked_sub(1).ok_or(line.error(Problem::Deep))?;
        if is_item(line.text) {
            self.count(line)?;
            self.list(indent, depth)
        } else if scalar::key(line.text).map_err(|problem| line.error(problem))?.is_some() {
            self.count(line)?;
            self.map(indent, depth)
        } else if matches!(line.text, "---" | "...") {
            Ok(Json::Null)
        } else {
            let _line = self.line()?;
            self.value(line, line.text, indent, depth)
        }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Result<Json, YamlError> {
        let mut items = Vec::new();
        while let Some(line) = self.peek()? {
            if line.indent > indent {
                return Err(line.error(Problem::Indentation));
            }
            if line.indent < indent || !is_item(line.text) {
                break;
            }
            let _line = self.line()?;
            let rest = line.text.get(1..).unwrap_or_default();
            let text = rest.trim_start_matches(' ');
            let column = indent.saturating_add(1).saturating_add(rest.len().saturating_sub(text.len()));
            if is_item(text) || scalar::key(text).map_err(|problem| line.error(problem))?.is_some() {
                self.pushed_back = Some(Line { number: line.number, indent: column, text });
                items.push(self.block(column, depth)?);
            } else {
                items.push(self.value(line, text, indent, depth)?);
            }
        }
        Ok(Json::List(items))
    }

    fn map(&mut self, indent: usize, depth: usize) -> Result<Json, YamlError> {
        let mut map = BTreeMap::new();
        while let Some(line) = self.peek()? {
            if line.indent > indent {
                return Err(line.error(Problem::Indentation));
            }
            if line.indent < indent || matches!(line.text, "---" | "...") {
                break;
            }
            let _line = self.line()?;
            let (key, text) = scalar::key(line.text)
                .and_then(|key| key.ok_or(Problem::NotAKey))
                .map_err(|problem| line.error(problem))?;
            // A list may stand at the column of its key.
            let beside = |next: Line<'_>| next.indent == indent && is_item(next.text);
            let value = if is_nothing(text) && self.peek()?.is_some_and(beside) {
                self.block(indent, depth)?
            } else {
                self.value(line, text, indent, depth)?
            };
            if map.insert(key, value).is_some() {
                return Err(line.error(Problem::Twice));
            }
        }
        Ok(Json::Object(map))
    }

    /// The value that begins with `text`, in `line`, which is indented by `indent`; or on the next line, indented by more.
    fn value(&mut self, line: Line<'a>, text: &str, indent: usize, depth: usize) -> Result<Json, YamlError> {
        if is_nothing(text) {
            return match self.peek()? {
                Some(next) if next.indent > indent => self.block(next.indent, depth),
                _ => self.count(line).map(|()| Json::Null),
            };
        }
        self.count(line)?;
        match text.strip_prefix('|') {
            Some(header) => self.literal(line, header, indent),
            None => scalar::value(text, depth).map_err(|problem| line.error(problem)),
        }
    }

    /// Counts one value more.
    fn count(&mut self, line: Line<'_>) -> Result<(), YamlError> {
        self.values_left = self.values_left.checked_sub(1).ok_or(line.error(Problem::Large))?;
        Ok(())
    }

    /// The lines of a literal block: those indented by more than `indent`, and empty ones between them.
    fn literal(&mut self, line: Line<'a>, header: &str, indent: usize) -> Result<Json, YamlError> {
        let header = scalar::Header::read(header).ok_or(line.error(Problem::Unsupported))?;
        let mut column = header.indent.map(|more| indent.saturating_add(more));
        let mut lines: Vec<&str> = Vec::new();
        while let Some(raw) = self.lines.get(self.next) {
            let here = raw.len().saturating_sub(raw.trim_start_matches(' ').len());
            if raw.trim().is_empty() {
                lines.push(column.and_then(|column| raw.get(column..)).unwrap_or_default());
            } else if here > indent && here >= *column.get_or_insert(here) {
                lines.push(raw.get(column.unwrap_or(here)..).unwrap_or_default());
            } else {
                break;
            }
            self.next = self.next.saturating_add(1);
        }
        Ok(Json::Text(header.chomp(&lines)))
    }

    /// The next line that is neither empty nor a comment.
    fn line(&mut self) -> Result<Option<Line<'a>>, YamlError> {
        if let Some(line) = self.pushed_back.take() {
            return Ok(Some(line));
        }
        while let Some(raw) = self.lines.get(self.next) {
            self.next = self.next.saturating_add(1);
            let text = raw.trim_start_matches(' ');
            let line = Line { number: self.next, indent: raw.len().saturating_sub(text.len()), text: text.trim_end() };
            if line.text.chars().any(|c| c.is_control() && c != '\t') {
                return Err(line.error(Problem::NotText));
            }
            if line.text.is_empty() || line.text.starts_with('#') {
                continue;
            }
            return if text.starts_with('\t') { Err(line.error(Problem::Tab)) } else { Ok(Some(line)) };
        }
        Ok(None)
    }

    fn peek(&mut self) -> Result<Option<Line<'a>>, YamlError> {
        self.pushed_back = self.line()?;
        Ok(self.pushed_back)
    }
}

/// Whether a line is an item of a list.
fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// Whether no value stands here, only a comment at most.
fn is_nothing(text: &str) -> bool {
    text.is_empty() || text.starts_with('#')
}

#[cfg(test)]
mod tests;
