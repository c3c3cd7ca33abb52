//! HTTP/1.1 as a client of metadata services speaks it (RFC 9110, RFC 9112): one request, then one answer, on a connection that
//! may be used again.
//!
//! [`Request`] is what is asked, [`Reader`] makes a [`Response`] of the bytes that come back, in whatever pieces they come.
//! The head is parsed by `httparse`, once it is whole and within [`MAX_HEAD`]; how long a body is, which is where parsers have
//! been made to disagree, is decided here and strictly. Redirects are answers like others and never followed; nothing is asked
//! for compressed.

mod body;
mod reader;
mod request;

pub use reader::{Progress, Reader, Response};
pub use request::{Method, Request, Value};

/// Bytes of the status line and all headers, those of interim answers included, at most.
pub const MAX_HEAD: usize = 16 << 10;

/// Headers of one answer, at most.
pub const MAX_HEADERS: usize = 64;

/// Bytes around the data of a chunked body (sizes, extensions, trailers), at most. With chunks of a usual size, 1 MiB has 14 KiB.
pub const MAX_FRAMING: usize = 64 << 10;

/// Why what came is no answer. It is the service's fault, or that of whoever pretends to be it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No status line and headers of HTTP/1.0 or HTTP/1.1.
    #[error("not an HTTP answer")]
    Malformed,
    /// More than [`MAX_HEAD`], or [`MAX_HEADERS`].
    #[error("more than 16 KiB or 64 headers")]
    HeadTooLarge,
    /// A switch to another protocol, which nobody asked for.
    #[error("a switch to another protocol")]
    Switched,
    /// Two lengths, or one that is no number (RFC 9112 section 6.3).
    #[error("the length of the body is contradictory")]
    Length,
    /// A transfer coding other than `chunked` alone, or any in HTTP/1.0.
    #[error("an unknown transfer coding")]
    Coding,
    /// A chunk whose size or end is not where it has to be.
    #[error("a damaged chunk")]
    Chunk,
    /// More than [`MAX_FRAMING`].
    #[error("more than 64 KiB around the chunks")]
    FramingTooLarge,
    /// More than the request allows for.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The connection has ended before the answer had.
    #[error("the answer is cut off")]
    Truncated,
}

impl HttpError {
    /// Whether there is merely too much of it.
    #[must_use]
    pub const fn is_size(self) -> bool {
        matches!(self, Self::HeadTooLarge | Self::FramingTooLarge | Self::BodyTooLarge)
    }
}
