//! Where a body ends.

use super::{HttpError, MAX_FRAMING};

/// How the end of a body is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Framing {
    /// By so many bytes, which are still missing.
    Length(usize),
    /// By a chunk of size 0.
    Chunked(Chunks),
    /// By the end of the connection.
    UntilEnd,
}

impl Framing {
    pub(super) const fn chunked() -> Self {
        Self::Chunked(Chunks { at: At::Size, line: Vec::new(), framing: 0 })
    }
}

/// A chunked body (RFC 9112 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunks {
    at: At,
    /// The line that is being read, which is none of the data.
    line: Vec<u8>,
    /// Bytes that were none of the data.
    framing: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The line with the size of a chunk.
    Size,
    /// The data, of which so many bytes are missing.
    Data(usize),
    /// The line end behind the data.
    End,
    /// Headers behind the last chunk, which nobody reads.
    Trailer,
}

/// A body that is being read.
#[derive(Debug, Clone)]
pub(super) struct Body {
    framing: Framing,
    max: usize,
    bytes: Vec<u8>,
}

impl Body {
    pub(super) const fn new(framing: Framing, max: usize) -> Self {
        Self { framing, max, bytes: Vec::new() }
    }

    /// Takes what belongs to the body from `left`, and says whether the body is whole.
    pub(super) fn push(&mut self, left: &mut &[u8]) -> Result<bool, HttpError> {
        let Self { framing, max, bytes } = self;
        match framing {
            Framing::Length(missing) => {
                take(missing, left, bytes);
                Ok(*missing == 0)
            }
            Framing::UntilEnd => {
                let mut room = max.saturating_sub(bytes.len());
                take(&mut room, left, bytes);
                if left.is_empty() { Ok(false) } else { Err(HttpError::BodyTooLarge) }
            }
            Framing::Chunked(chunks) => chunks.push(*max, left, bytes),
        }
    }

    /// Whether the end of the connection is the end of the body.
    pub(super) fn may_end(&self) -> bool {
        self.framing == Framing::UntilEnd
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Moves up to `missing` bytes, and counts them off.
fn take(missing: &mut usize, left: &mut &[u8], bytes: &mut Vec<u8>) {
    let (taken, rest) = left.split_at_checked(*missing).unwrap_or((left, &[]));
    bytes.extend(taken);
    *missing = missing.saturating_sub(taken.len());
    *left = rest;
}

impl Chunks {
    fn push(&mut self, max: usize, left: &mut &[u8], bytes: &mut Vec<u8>) -> Result<bool, HttpError> {
        loop {
            if let At::Data(missing) = &mut self.at {
                take(missing, left, bytes);
                if *missing > 0 {
                    return Ok(false);
                }
                self.at = At::End;
            }
            let Some(line) = self.line(left)? else { return Ok(false) };
            self.at = match self.at {
                At::Size => match size(&line)? {
                    0 => At::Trailer,
                    size if size > max.saturating_sub(bytes.len()) => return Err(HttpError::BodyTooLarge),
                    size => At::Data(size),
                },
                At::End if line.is_empty() => At::Size,
                At::End | At::Data(_) => return Err(HttpError::Chunk),
                At::Trailer if line.is_empty() => return Ok(true),
                At::Trailer => At::Trailer,
            };
        }
    }

    /// The next line without its end, if it is whole. A line ends with both bytes: parsers that take less have been made to
    /// disagree with others.
    fn line(&mut self, left: &mut &[u8]) -> Result<Option<Vec<u8>>, HttpError> {
        let end = left.iter().position(|byte| *byte == b'\n');
        let (piece, rest) =
            left.split_at_checked(end.map_or(left.len(), |at| at.saturating_add(1))).unwrap_or((left, &[]));
        *left = rest;
        self.framing = self.framing.saturating_add(piece.len());
        if self.framing > MAX_FRAMING {
            return Err(HttpError::FramingTooLarge);
        }
        self.line.extend(piece);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = core::mem::take(&mut self.line);
        line.truncate(line.strip_suffix(b"\r\n").ok_or(HttpError::Chunk)?.len());
        Ok(Some(line))
    }
}

/// The size in the line before a chunk; extensions behind it say nothing to us.
fn size(line: &[u8]) -> Result<usize, HttpError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    let text = core::str::from_utf8(digits).map_err(|_| HttpError::Chunk)?;
    if !(1..=16).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(HttpError::Chunk);
    }
    usize::from_str_radix(text, 16).map_err(|_| HttpError::BodyTooLarge)
}
