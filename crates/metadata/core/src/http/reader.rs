use core::time::Duration;

use super::body::{Body, Framing};
use super::{HttpError, MAX_HEAD, MAX_HEADERS};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// What came with it.
    pub body: Vec<u8>,
    /// Whether the connection can carry another request.
    pub keeps_alive: bool,
    headers: Vec<(String, String)>,
}

impl Response {
    /// The answer of a service that has no such thing.
    #[must_use]
    pub const fn absent() -> Self {
        Self { status: 404, body: Vec::new(), keeps_alive: true, headers: Vec::new() }
    }

    /// The first header of this name, in whatever case it was written.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name).next()
    }

    /// For how long the service wants not to be asked, where it says so in seconds (RFC 9110 section 10.2.3). A date would need
    /// a clock that is right.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("Retry-After")?.parse().ok().map(Duration::from_secs)
    }
}

fn find<'h>(headers: &'h [(String, String)], name: &str) -> impl Iterator<Item = &'h str> {
    headers.iter().filter(move |(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Where an answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Not at its end.
    More,
    /// It is whole. Nobody has asked for the bytes behind it.
    Whole {
        /// The answer.
        response: Response,
        /// Bytes of what was pushed that come after it.
        rest: usize,
    },
}

/// Reads one answer from pieces of a stream.
///
/// However the stream is cut, the result is the same. It holds no more than [`MAX_HEAD`] and the body that the request allows.
#[derive(Debug, Clone)]
pub struct Reader {
    max_body: usize,
    /// Bytes of interim answers, which count as the head's.
    interim: usize,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    Head(Vec<u8>),
    Body {
        head: Response,
        body: Body,
    },
    /// There was a whole answer, or an error.
    Over,
}

impl Reader {
    /// For an answer whose body has at most `max_body` bytes.
    #[must_use]
    pub const fn new(max_body: usize) -> Self {
        Self { max_body, interim: 0, stage: Stage::Head(Vec::new()) }
    }

    /// Whether nothing has come yet.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.interim == 0 && matches!(&self.stage, Stage::Head(head) if head.is_empty())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they belong to no answer that can be used. Nothing can be read from the connection any more.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, HttpError> {
        let mut left = bytes;
        let progress = self.advance(&mut left);
        if progress.is_err() {
            self.stage = Stage::Over;
        }
        progress
    }

    fn advance(&mut self, left: &mut &[u8]) -> Result<Progress, HttpError> {
        loop {
            match &mut self.stage {
                Stage::Over => return Err(HttpError::Malformed),
                Stage::Head(held) => {
                    if !take_head(held, self.interim, left)? {
                        return Ok(Progress::More);
                    }
                    let (version, head) = parse(held)?;
                    let is_interim = (100..200).contains(&head.status);
                    if head.status == 101 {
                        return Err(HttpError::Switched);
                    }
                    self.interim = self.interim.saturating_add(held.len());
                    self.stage = if is_interim {
                        Stage::Head(Vec::new())
                    } else {
                        let framing = framing(version, &head, self.max_body)?;
                        let keeps_alive = version == 1 && framing != Framing::UntilEnd && !says_close(&head);
                        Stage::Body { head: Response { keeps_alive, ..head }, body: Body::new(framing, self.max_body) }
                    };
                }
                Stage::Body { body, .. } => {
                    if !body.push(left)? {
                        return Ok(Progress::More);
                    }
                    let rest = left.len();
                    return self.finish().map(|response| Progress::Whole { response, rest });
                }
            }
        }
    }

    /// The connection has ended: for an answer without a length, that is its end.
    ///
    /// # Errors
    /// When the answer had not ended.
    pub fn end(mut self) -> Result<Response, HttpError> {
        match &self.stage {
            Stage::Body { body, .. } if body.may_end() => self.finish(),
            Stage::Body { .. } | Stage::Head(_) | Stage::Over => Err(HttpError::Truncated),
        }
    }

    fn finish(&mut self) -> Result<Response, HttpError> {
        match core::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Body { head, body } => Ok(Response { body: body.into_bytes(), ..head }),
            Stage::Head(_) | Stage::Over => Err(HttpError::Malformed),
        }
    }
}

/// Moves bytes into `held` until it is a whole head, up to and including the empty line; whether it is.
fn take_head(held: &mut Vec<u8>, interim: usize, left: &mut &[u8]) -> Result<bool, HttpError> {
    while !left.is_empty() {
        let line = left.iter().position(|byte| *byte == b'\n').map_or(left.len(), |at| at.saturating_add(1));
        let (line, rest) = left.split_at_checked(line).unwrap_or((left, &[]));
        held.extend(line);
        *left = rest;
        if held.len().saturating_add(interim) > MAX_HEAD {
            return Err(HttpError::HeadTooLarge);
        }
        if matches!(held.first(), Some(b'\r' | b'\n')) {
            return Err(HttpError::Malformed);
        }
        if held.ends_with(b"\n\r\n") || held.ends_with(b"\n\n") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The minor version, and the head as an answer without a body.
fn parse(head: &[u8]) -> Result<(u8, Response), HttpError> {
    let mut room = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut room);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(end)) if end == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(HttpError::HeadTooLarge),
        Ok(_) | Err(_) => return Err(HttpError::Malformed),
    }
    let headers = parsed.headers.iter();
    let headers = headers.map(|one| (one.name.to_owned(), String::from_utf8_lossy(one.value).into_owned())).collect();
    let (Some(version), Some(status)) = (parsed.version, parsed.code) else { return Err(HttpError::Malformed) };
    // Any three digits are a status to the parser, and these are the ones that mean something (RFC 9110 section 15).
    if !(100..600).contains(&status) {
        return Err(HttpError::Malformed);
    }
    Ok((version, Response { status, body: Vec::new(), keeps_alive: false, headers }))
}

/// How the end of the body is known (RFC 9112 section 6.3). Where the standard lets a client repair what it got, an error.
fn framing(version: u8, head: &Response, max_body: usize) -> Result<Framing, HttpError> {
    let mut codings = find(&head.headers, "Transfer-Encoding");
    let mut lengths = find(&head.headers, "Content-Length");
    let (coding, length) = (codings.next(), lengths.next());
    if codings.next().is_some() {
        return Err(HttpError::Coding);
    }
    if lengths.next().is_some() || (coding.is_some() && length.is_some()) {
        return Err(HttpError::Length);
    }
    match (coding, length) {
        (Some(coding), _) if version == 1 && coding.eq_ignore_ascii_case("chunked") => Ok(Framing::chunked()),
        (Some(_), _) => Err(HttpError::Coding),
        _ if matches!(head.status, 204 | 304) => Ok(Framing::Length(0)),
        (None, Some(length)) => {
            if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(HttpError::Length);
            }
            // More digits than a number has room for are a body that is too large, too.
            let length = length.parse().unwrap_or(usize::MAX);
            if length <= max_body { Ok(Framing::Length(length)) } else { Err(HttpError::BodyTooLarge) }
        }
        (None, None) => Ok(Framing::UntilEnd),
    }
}

fn says_close(head: &Response) -> bool {
    let words = find(&head.headers, "Connection").flat_map(|value| value.split(','));
    words.map(str::trim).any(|word| word.eq_ignore_ascii_case("close"))
}
