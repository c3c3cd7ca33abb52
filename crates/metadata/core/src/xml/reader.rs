use std::collections::BTreeSet;

use super::name::{Name, Scope};
use super::{Element, MAX_ATTRIBUTES, MAX_ELEMENTS, MAX_NESTED, Problem};

/// Reads a document from its beginning to its end.
pub(super) struct Reader<'a> {
    document: &'a str,
    rest: &'a str,
    scope: Scope<'a>,
    elements_left: usize,
}

/// An element that has begun.
struct Open<'a> {
    name: Name<'a>,
    element: Element,
    /// Of the scope, before it.
    outside: usize,
}

/// A start tag.
struct Start<'a> {
    open: Open<'a>,
    /// `<name/>`: it has ended, too.
    is_empty: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: &'a str) -> Self {
        Self { document, rest: document, scope: Scope::default(), elements_left: MAX_ELEMENTS }
    }

    /// The line that is read.
    pub(super) fn line(&self) -> usize {
        let read = self.document.len().saturating_sub(self.rest.len());
        let before = self.document.get(..read).unwrap_or_default();
        before.matches('\n').count().saturating_add(1)
    }

    /// The root, alone in its document.
    pub(super) fn document(&mut self) -> Result<Element, Problem> {
        if self.document.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{80}'..)) {
            return Err(Problem::NotText);
        }
        // The declaration. Whatever encoding it names: this is UTF-8, or it would not be here.
        if self.rest.starts_with("<?xml ") {
            self.until("?>")?;
        }
        self.between()?;
        let root = self.root()?;
        self.between()?;
        if self.rest.is_empty() { Ok(root) } else { Err(Problem::Malformed) }
    }

    /// Blanks and comments, where nothing else may be.
    fn between(&mut self) -> Result<(), Problem> {
        loop {
            self.blanks();
            if !self.take("<!--") {
                return Ok(());
            }
            self.until("-->")?;
        }
    }

    fn root(&mut self) -> Result<Element, Problem> {
        let start = self.start()?;
        if start.is_empty {
            return Ok(start.open.element);
        }
        let mut around: Vec<Open<'a>> = Vec::new();
        let mut open = start.open;
        loop {
            let text = self.text()?;
            open.element.text.push_str(&text);
            if self.take("<!--") {
                self.until("-->")?;
            } else if self.take("<![CDATA[") {
                open.element.text.push_str(self.until("]]>")?);
            } else if self.take("</") {
                let name = Name::read(self.word())?;
                self.blanks();
                if name != open.name || !self.take(">") {
                    return Err(Problem::WrongEnd);
                }
                self.scope.leave(open.outside);
                let Some(parent) = around.pop() else {
                    return Ok(open.element);
                };
                let ended = std::mem::replace(&mut open, parent);
                open.element.elements.push(ended.element);
            } else {
                let start = self.start()?;
                if start.is_empty {
                    open.element.elements.push(start.open.element);
                } else if around.len().saturating_add(2) > MAX_NESTED {
                    return Err(Problem::Deep);
                } else {
                    around.push(std::mem::replace(&mut open, start.open));
                }
            }
        }
    }

    fn start(&mut self) -> Result<Start<'a>, Problem> {
        if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
            return Err(Problem::Unsupported);
        }
        if !self.take("<") {
            return Err(Problem::Malformed);
        }
        self.elements_left = self.elements_left.checked_sub(1).ok_or(Problem::Large)?;
        let name = Name::read(self.word())?;
        let outside = self.scope.len();
        let mut seen = BTreeSet::new();
        let is_empty = loop {
            let blanks = self.blanks();
            if self.take(">") {
                break false;
            }
            if self.take("/>") {
                break true;
            }
            let written = self.word();
            let attribute = Name::read(written)?;
            if blanks == 0 {
                return Err(Problem::Malformed);
            }
            if !seen.insert(written) {
                return Err(Problem::Twice);
            }
            if seen.len() > MAX_ATTRIBUTES {
                return Err(Problem::Large);
            }
            let value = self.value()?;
            match attribute {
                Name { prefix: None, local: "xmlns" } => self.scope.declare(None, value),
                Name { prefix: Some("xmlns"), local } => self.scope.declare(Some(local), value),
                // No other attribute says anything that is wanted.
                Name { .. } => {}
            }
        };
        let namespace = self.scope.namespace(name.prefix)?;
        if is_empty {
            self.scope.leave(outside);
        }
        let element = Element { namespace, name: name.local.to_owned(), ..Element::default() };
        Ok(Start { open: Open { name, element, outside }, is_empty })
    }

    /// `= "value"`.
    fn value(&mut self) -> Result<String, Problem> {
        self.blanks();
        if !self.take("=") {
            return Err(Problem::Malformed);
        }
        self.blanks();
        let quote = if self.take("\"") {
            "\""
        } else if self.take("'") {
            "'"
        } else {
            return Err(Problem::Malformed);
        };
        let raw = self.until(quote)?;
        if raw.contains('<') { Err(Problem::Malformed) } else { resolved(raw) }
    }

    /// Text up to the next tag.
    fn text(&mut self) -> Result<String, Problem> {
        let end = self.rest.find('<').ok_or(Problem::Malformed)?;
        let (text, rest) = self.rest.split_at(end);
        let text = resolved(text)?;
        self.rest = rest;
        Ok(text)
    }

    /// Everything up to `end`, which is taken as well.
    fn until(&mut self, end: &str) -> Result<&'a str, Problem> {
        let (found, rest) = self.rest.split_once(end).ok_or(Problem::Malformed)?;
        self.rest = rest;
        Ok(found)
    }

    /// What may be a name.
    fn word(&mut self) -> &'a str {
        let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/' | '>' | '<' | '"' | '\'');
        let (word, rest) = self.rest.split_at(self.rest.find(is_end).unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn take(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes blanks; how many.
    fn blanks(&mut self) -> usize {
        let rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let taken = self.rest.len().saturating_sub(rest.len());
        self.rest = rest;
        taken
    }
}

/// Text with its entities replaced: the five, and characters by their number (XML 1.0 §4.1, §4.6). What comes out is not read again.
fn resolved(raw: &str) -> Result<String, Problem> {
    let mut pieces = raw.split('&');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (entity, rest) = piece.split_once(';').ok_or(Problem::Entity)?;
        text.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            _ => numbered(entity).ok_or(Problem::Entity)?,
        });
        text.push_str(rest);
    }
    Ok(text)
}

/// The character of `#10` or `#xA`. Control characters that XML does not have are none.
fn numbered(entity: &str) -> Option<char> {
    let digits = entity.strip_prefix('#')?;
    let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |digits| (digits, 16));
    // `from_str_radix` takes a sign as well.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_number.then(|| u32::from_str_radix(digits, radix).ok())??;
    char::from_u32(number).filter(|c| *c >= ' ' || matches!(c, '\t' | '\n' | '\r'))
}
