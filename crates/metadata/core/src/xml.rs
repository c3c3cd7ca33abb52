//! As much of XML 1.0 (with namespaces) as `ovf-env.xml` uses: elements, attributes, text, CDATA, comments.
//!
//! No document type, no processing instruction but the declaration, no entities but the five that need no declaration, and characters by their
//! number. So nothing expands, and a document is never more than its bytes.

mod name;
mod reader;

use reader::Reader;

/// Bytes of a document, at most: 64 KiB of user data as base64, and what is around them.
pub const MAX_DOCUMENT: usize = 256 << 10;

/// Elements in elements, at most.
pub const MAX_NESTED: usize = 16;

/// Elements of a document, at most.
pub const MAX_ELEMENTS: usize = 1_024;

/// Attributes of one element, at most.
pub const MAX_ATTRIBUTES: usize = 32;

/// An element with what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// The namespace that its prefix, or the default, stands for.
    pub namespace: Option<String>,
    /// Its name without the prefix.
    pub name: String,
    /// Those right in it, in their order.
    pub elements: Vec<Element>,
    /// The text right in it, that between its elements included.
    pub text: String,
}

impl Element {
    /// The root of a document.
    ///
    /// # Errors
    /// When it is no document, or larger or deeper than any use.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let first = |problem| XmlError { line: 1, problem };
        if document.len() > MAX_DOCUMENT {
            return Err(first(Problem::Large));
        }
        let text = str::from_utf8(document).map_err(|_| first(Problem::NotText))?;
        let mut reader = Reader::new(text.strip_prefix('\u{feff}').unwrap_or(text));
        reader.document().map_err(|problem| XmlError { line: reader.line(), problem })
    }

    /// The element of this name right in it.
    ///
    /// # Errors
    /// When there are several.
    pub fn one(&self, namespace: &str, name: &str) -> Result<Option<&Self>, Several> {
        let mut found = self.all(namespace, name);
        match (found.next(), found.next()) {
            (one, None) => Ok(one),
            (_, Some(_)) => Err(Several),
        }
    }

    /// Those of this name right in it.
    pub fn all(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Self> {
        self.elements.iter().filter(move |it| it.namespace.as_deref() == Some(namespace) && it.name == name)
    }
}

/// An element is there several times, and only one can be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an element is there more than once")]
pub struct Several;

/// A line of a document, and why it cannot be read. The words never have anything of the document in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct XmlError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// More than any use.
    #[error("the document is longer than 256 KiB, or has more than 1,024 elements, or 32 attributes of one")]
    Large,
    /// Deeper than any use.
    #[error("more than 16 elements lie in each other")]
    Deep,
    /// Not UTF-8, or a character that XML does not have.
    #[error("this is not text")]
    NotText,
    /// A document type, or a processing instruction.
    #[error("document types and processing instructions are not supported")]
    Unsupported,
    /// Something without its end, or in the wrong place.
    #[error("this is no well-formed XML")]
    Malformed,
    /// An end tag of something else.
    #[error("the end tag belongs to another element")]
    WrongEnd,
    /// An entity that needs a declaration, or a number that is no character.
    #[error("there is no such entity or character")]
    Entity,
    /// A prefix without its declaration.
    #[error("the prefix of a name is not declared")]
    Prefix,
    /// An attribute is there twice.
    #[error("an attribute is there twice")]
    Twice,
}

#[cfg(test)]
mod tests;
